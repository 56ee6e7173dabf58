// A card while it is edited: what is in the fields, and whether it can be one.

import type { CardText } from '../api/owner-types';

/** The bounds of the daemon, which checks them as well. */
export const EXEMPLARS_MAX = 16;
const SENTENCE_BYTES_MAX = 1_024;
const NAME_BYTES_MAX = 64;
const LABELS_MAX = 32;

export interface Draft {
  description: string;
  /** One a line. */
  exemplars: string;
  /** Separated by commas. */
  languages: string;
  abilities: string;
}

export const linesOf = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter(Boolean);
const labelsOf = (text: string): string[] => [...new Set(text.split(/[,;\n]/).map((one) => one.trim()).filter(Boolean))];

export function draftOf(card: CardText): Draft {
  return {
    description: card.description,
    exemplars: card.exemplars.join('\n'),
    languages: card.languages.join(', '),
    abilities: card.abilities.join(', '),
  };
}

export function textOf(draft: Draft): CardText {
  return {
    description: draft.description.replace(/\s+/g, ' ').trim(),
    exemplars: linesOf(draft.exemplars),
    languages: labelsOf(draft.languages),
    abilities: labelsOf(draft.abilities),
  };
}

export type Fault = 'description' | 'exemplars' | 'languages' | 'abilities';

/** The fields that the daemon would refuse. */
export function faultsOf({ description, exemplars, languages, abilities }: CardText): Fault[] {
  const faults: [Fault, boolean][] = [
    ['description', !isSentence(description)],
    ['exemplars', exemplars.length > EXEMPLARS_MAX || !exemplars.every(isSentence)],
    ['languages', !areLabels(languages)],
    ['abilities', !areLabels(abilities)],
  ];
  return faults.filter(([, isFault]) => isFault).map(([field]) => field);
}

export const isSame = (a: CardText, b: CardText): boolean => JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));

/** An expert's name, as the network takes it. */
export const isId = (id: string): boolean => /^[a-z0-9._-]+$/.test(id) && id.length <= NAME_BYTES_MAX;

/** A name for what came from somewhere: its last part, without what every file of that kind is called. */
export function idFrom(source: string): string {
  const last = source.replace(/[\\/]+$/, '').split(/[\\/]/).at(-1) ?? '';
  const name = last.replace(/^ollama:/i, '').replace(/\.gguf$/i, '').replace(/-gguf$/i, '').toLowerCase();
  return name.replace(/[^a-z0-9._-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, NAME_BYTES_MAX);
}

const inOrder = ({ description, exemplars, languages, abilities }: CardText) => [description, exemplars, languages, abilities];
const bytes = (text: string): number => new TextEncoder().encode(text).length;
const isSentence = (text: string): boolean => text.trim() !== '' && bytes(text) <= SENTENCE_BYTES_MAX && !/\p{Cc}/u.test(text);
const areLabels = (labels: string[]): boolean => labels.length <= LABELS_MAX && labels.every((one) => bytes(one) <= NAME_BYTES_MAX);
