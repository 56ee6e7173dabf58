// Questions to begin with, for the experts that are there. Those of bundled experts are known; of any other expert its
// card says what it answers well.

import type { SwarmExpert } from '../api/schema';

const IDEAS: [needs: string[], question: string][] = [
  [['geography', 'words', 'arithmetic', 'chemistry'], 'What is the capital of Peru? Spell it backwards. What is 17 times 4? And what is the chemical symbol for gold?'],
  [['geography', 'units'], 'Which currency do they use in Japan, and how many kilometres are 5 miles?'],
  [['numerals', 'calendar'], 'Write 1994 in Roman numerals. Which day of the week is 4 July 2026?'],
  [['words'], 'Sort pear, apple and fig alphabetically.'],
  [['chemistry'], 'What is the chemical symbol for silver?'],
  [['geography'], 'What is the capital of Norway?'],
  [['arithmetic'], 'What is 128 divided by 4?'],
];
const SHOWN = 4;

export function ideasFor(experts: Pick<SwarmExpert, 'id'>[]): string[] {
  const there = new Set(experts.map((one) => one.id));
  return IDEAS.filter(([needs]) => needs.every((id) => there.has(id))).slice(0, SHOWN).map(([, question]) => question);
}

/** The first questions of each card, in turn. */
export function ideasOf(exemplars: string[][]): string[] {
  const longest = Math.max(0, ...exemplars.map((one) => one.length));
  const inTurn = Array.from({ length: longest }, (_, at) => exemplars.flatMap((one) => one[at] ?? [])).flat();
  return [...new Set(inTurn)].slice(0, SHOWN);
}
