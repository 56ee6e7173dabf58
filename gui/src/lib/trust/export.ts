// Receipts as files, in the two forms of `daemon ledger export`.

import type { Entry, Ledger } from '../api/schema';

export type Form = 'jsonl' | 'csv';

const COLUMNS = 'number,at_ms,side,state,node,tokens,price_micro,amount_micro,id';

export function headerOf(form: Form): string {
  return form === 'csv' ? `${COLUMNS}\n` : '';
}

export function linesOf(form: Form, page: Ledger): string {
  const line = form === 'csv' ? csv : (entry: Entry) => JSON.stringify({ own: page.own, ...entry });
  return page.data.map((entry) => `${line(entry)}\n`).join('');
}

/** No field of these needs quotes. */
function csv(entry: Entry): string {
  const { number, at_ms, side, state, node, tokens, price_micro, id } = entry;
  return [number, at_ms, side, state, node, tokens, price_micro, price_micro * tokens, id].join(',');
}

/** Hands a file to the user. */
export function save(name: string, parts: string[], type: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
