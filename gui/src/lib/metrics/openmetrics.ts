// The OpenMetrics text format, as far as a table needs it: counters and gauges with their labels.

export interface Sample {
  name: string;
  /** `route="/health",status="200"`, or nothing. */
  labels: string;
  value: number;
}

export interface Family {
  name: string;
  help: string;
  samples: Sample[];
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: .*)?$/;

/** Families in the order told, histograms by their sum and count alone. */
export function familiesOf(text: string): Family[] {
  const families: Family[] = [];
  for (const line of text.split('\n')) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    if (help) families.push({ name: help[1]!, help: help[2]!, samples: [] });
    const found = line.startsWith('#') ? null : LINE.exec(line);
    const value = Number(found?.[3]);
    if (!found || !Number.isFinite(value) || found[1]!.endsWith('_bucket')) continue;
    const family = families.findLast((one) => found[1]!.startsWith(one.name));
    family?.samples.push({ name: found[1]!, labels: found[2] ?? '', value });
  }
  return families.filter((family) => family.samples.length > 0);
}
