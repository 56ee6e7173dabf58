// How fast something comes, and how long it will still take.

export interface Pace {
  /** Bytes a second; null before there is anything to tell it by. */
  speed: number | null;
  left_ms: number | null;
}

/** As far back as is looked: longer hides that a line has died, shorter makes the number jump. */
const WINDOW_MS = 5_000;
/** Less tells nothing. */
const SPAN_MS_MIN = 900;

export class Meter {
  #seen: { at: number; bytes: number }[] = [];

  /** Takes how much there is at a time (in milliseconds), and says the pace. */
  take(at: number, bytes: number, all: number): Pace {
    this.#seen = [...this.#seen.filter((one) => at - one.at <= WINDOW_MS), { at, bytes }];
    const first = this.#seen[0]!;
    const span = at - first.at;
    if (span < SPAN_MS_MIN) return { speed: null, left_ms: null };
    const speed = Math.max(0, (bytes - first.bytes) / (span / 1_000));
    return { speed, left_ms: speed > 0 && all > bytes ? ((all - bytes) / speed) * 1_000 : null };
  }
}
