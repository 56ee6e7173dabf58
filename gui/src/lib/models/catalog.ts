// Which models of the catalogue are shown first.

import type { CatalogModel, Pull } from '../api/owner-types';

/** Those that suit the machine, and the others from the smallest on. */
export function divided(models: CatalogModel[]): { recommended: CatalogModel[]; others: CatalogModel[] } {
  const bySize = [...models].sort((a, b) => a.bytes - b.bytes);
  return { recommended: bySize.filter((one) => one.recommended), others: bySize.filter((one) => !one.recommended) };
}

/** The one to begin with: something to talk to if there is such, else what is there soonest. */
export function firstOf(models: CatalogModel[]): CatalogModel | undefined {
  const { recommended } = divided(models);
  return recommended.find((one) => one.field === 'chat') ?? recommended[0];
}

/** What became of fetching it: of several attempts what still runs, what came, or the latest, which is listed first. */
export function pullOf(model: CatalogModel, pulls: Pull[]): Pull | undefined {
  const found = pulls.filter((one) => one.source === model.id);
  return found.find((one) => one.state === 'running') ?? found.find((one) => one.state === 'done') ?? found[0];
}
