// Audits as uPlot takes them: times, and for each expert its divergence at each of them, or none.

import type { Audit } from '../api/schema';

/** A logarithmic scale has no zero; nothing is measured below this. */
const SMALLEST = 1e-7;

export interface Series {
  /** Seconds since 1970, ascending. */
  times: number[];
  experts: string[];
  values: (number | null)[][];
}

export function seriesOf(audits: Audit[]): Series {
  const measured = audits.filter((audit) => audit.divergence != null).sort((a, b) => a.at_ms - b.at_ms);
  const experts = [...new Set(measured.map((audit) => audit.expert))].sort();
  return {
    times: measured.map((audit) => audit.at_ms / 1_000),
    experts,
    values: experts.map((expert) =>
      measured.map((audit) => (audit.expert === expert ? Math.max(SMALLEST, audit.divergence ?? 0) : null)),
    ),
  };
}
