// Numbers, times and names for people.

const LOCALE = 'en';
const whole = new Intl.NumberFormat(LOCALE);
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto', style: 'narrow' });

export const count = (value: number): string => whole.format(value);
export const short = (value: number): string => compact.format(value);
export const percent = (share: number): string => `${Math.round(share * 100)}%`;
export const score = (value: number): string => value.toFixed(2);

export function milliseconds(ms: number): string {
  if (ms < 1) return '<1 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return duration(ms);
}

export function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const parts: [number, string][] = [[Math.floor(minutes / 1_440), 'd'], [Math.floor(minutes / 60) % 24, 'h'], [minutes % 60, 'min']];
  const said = parts.filter(([value]) => value > 0).slice(0, 2).map(([value, unit]) => `${value} ${unit}`);
  return said.length > 0 ? said.join(' ') : `${Math.floor(ms / 1_000)} s`;
}

/** Bytes as people say them, in powers of 1024. */
export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${size >= 100 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** Millionths of a credit as credits, without needless zeros. */
export function credits(micro: number): string {
  return new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 6 }).format(micro / 1e6);
}

export const moment = (ms: number): string => clock.format(ms);

export function ago(ms: number, now: number): string {
  const seconds = Math.round((ms - now) / 1_000);
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3_600], ['minute', 60]];
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(Math.min(0, seconds), 'second');
}

/** The end of a peer id or of a hash, which is where they differ. */
export const tail = (id: string, characters = 8): string => (id.length > characters ? `…${id.slice(-characters)}` : id);
export const head = (hash: string, characters = 8): string => (hash.length > characters ? `${hash.slice(0, characters)}…` : hash);

/** Divergences lie between a millionth and one. */
export function nats(value: number): string {
  if (value === 0) return '0';
  return value < 0.001 ? value.toExponential(1) : value.toPrecision(2);
}
