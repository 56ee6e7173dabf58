// Lines of the node's log, for people.

import type { LogLine } from '../api/schema';

export const LEVELS = ['ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'] as const;
export type Level = (typeof LEVELS)[number];

/** Whether a line is as grave as `least`, or graver. What has no known level is shown. */
export function isAtLeast(level: string, least: Level): boolean {
  return LEVELS.indexOf(level as Level) <= LEVELS.indexOf(least);
}

export function messageOf(line: LogLine): string {
  const { message } = line.fields;
  return typeof message === 'string' ? message : line.target;
}

/** What else is said, as `name=value`. */
export function detailsOf(line: LogLine): string {
  const { message: _, ...fields } = line.fields;
  const { name: __, ...span } = line.span ?? {};
  return Object.entries({ ...span, ...fields })
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
