// The settings that bound what a node does: what they mean to people, and what they are.

import { bytes, credits, duration } from '../format/numbers';
import { t } from '../texts/texts';

export type Settings = Record<string, unknown>;

export interface Limit {
  /** The section and key that set it. */
  setting: string;
  label: string;
  value: string;
}

const l = t.limits;
const count = (value: number) => value.toLocaleString('en');
/** Where 0 means that nothing bounds it. */
const bound = (told: (value: number) => string) => (value: number) => (value === 0 ? l.unbounded : told(value));

/** Those of the whole node, by section and key. */
const OF_NODE: Record<string, { label: string; told: (value: number) => string }> = {
  'ask.questions': { label: l.questions, told: count },
  'ask.deadline_ms': { label: l.deadline, told: duration },
  'ask.experts': { label: l.experts, told: count },
  'ask.max_tokens': { label: l.tokens, told: count },
  'node.model_memory_mb': { label: l.memory, told: bound((value) => bytes(value * 2 ** 20)) },
  'network.peers_max': { label: l.peers, told: count },
  'audit.rate': { label: l.audits, told: (value) => `${count(value * 100)}%` },
  'ledger.credit_micro': { label: l.credit, told: credits },
};

/** Those of each expert, by key. */
const OF_EXPERT: Record<string, { label: (expert: string) => string; told: (value: number) => string }> = {
  slots: { label: l.slots, told: count },
  queue: { label: l.queue, told: count },
  max_context: { label: l.context, told: count },
  tokens_per_second: { label: l.pace, told: bound(count) },
};

const isSection = (value: unknown): value is Settings => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The folder of a card, which is called as the expert is. A card may be given by its folder. */
function folderOf(card: unknown): string | undefined {
  if (typeof card !== 'string') return undefined;
  const parts = card.split(/[\\/]/).filter((part) => part !== '');
  return parts.at(parts.at(-1)?.endsWith('.toml') ? -2 : -1);
}

/** What is set of them; what a later version calls otherwise is left out. */
export function limits(settings: Settings): Limit[] {
  const ofNode = Object.entries(OF_NODE).flatMap(([setting, { label, told }]) => {
    const [section = '', key = ''] = setting.split('.');
    const inside = settings[section];
    const value = isSection(inside) ? inside[key] : undefined;
    return typeof value === 'number' ? [{ setting, label, value: told(value) }] : [];
  });
  const experts = Array.isArray(settings.expert) ? settings.expert.filter(isSection) : [];
  const ofExperts = experts.flatMap((expert) => {
    const name = typeof expert.id === 'string' ? expert.id : (folderOf(expert.card) ?? l.expert);
    return Object.entries(OF_EXPERT).flatMap(([key, { label, told }]) => {
      const value = expert[key];
      return typeof value === 'number' ? [{ setting: `expert.${key}`, label: label(name), value: told(value) }] : [];
    });
  });
  return [...ofNode, ...ofExperts];
}
