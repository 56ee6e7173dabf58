// Which models of the catalogue are shown first.

import type { CatalogModel, Pull } from '../api/owner-types';

/** Those that suit the machine, and the others from the smallest on. */
export function divided(models: CatalogModel[]): { recommended: CatalogModel[]; others: CatalogModel[] } {
  const bySize = [...models].sort((a, b) => a.bytes - b.bytes);
  return { recommended: bySize.filter((one) => one.recommended), others: bySize.filter((one) => !one.recommended) };
}

/** The one to begin with: the smallest that one can talk to, so that the first answer is near, else the smallest that suits. */
export function firstOf(models: CatalogModel[]): CatalogModel | undefined {
  const { recommended, others } = divided(models);
  const talkers = [...recommended, ...others].filter((one) => one.fits && one.field === 'chat');
  return talkers.sort((a, b) => a.bytes - b.bytes)[0] ?? recommended[0];
}

/** What became of fetching it: of several attempts what still runs, what came, or the latest, which is listed first. */
export function pullOf(model: CatalogModel, pulls: Pull[]): Pull | undefined {
  const found = pulls.filter((one) => one.source === model.id);
  return found.find((one) => one.state === 'running') ?? found.find((one) => one.state === 'done') ?? found[0];
}
