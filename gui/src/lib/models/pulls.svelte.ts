// Models that are being fetched or have been: looked at closely while something runs, and not at all while nothing does.

import { asFailure, type Failure } from '../api/failure';
import { owner } from '../api/owner';
import type { Pull } from '../api/owner-types';
import { Meter, type Pace } from './pace';

const LOOK_EVERY_MS = 500;

class Pulls {
  list = $state<Pull[]>();
  failure = $state<Failure>();
  /** How fast each that runs comes, by its id. */
  paces = $state<Record<number, Pace>>({});
  #meters = new Map<number, Meter>();
  #watchers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Looks, and looks again while something runs; until what this returns is called. */
  watch(): () => void {
    this.#watchers += 1;
    void this.look();
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) clearTimeout(this.#timer);
    };
  }

  async look() {
    clearTimeout(this.#timer);
    try {
      this.#take((await owner.pulls()).data);
      this.failure = undefined;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
    clearTimeout(this.#timer);
    const runs = this.list?.some((one) => one.state === 'running') ?? false;
    if (runs && this.#watchers > 0 && !this.failure?.isOwners) this.#timer = setTimeout(() => void this.look(), LOOK_EVERY_MS);
  }

  async start(source: string): Promise<Pull> {
    const pull = await owner.pull(source);
    await this.look();
    return pull;
  }

  /** Cancels what runs, forgets what has ended. */
  async end(id: number) {
    await owner.endPull(id);
    await this.look();
  }

  /** From where it broke off; what it was before is off the list. */
  async again({ id, source }: Pull) {
    await owner.pull(source);
    await owner.endPull(id);
    await this.look();
  }

  #take(list: Pull[]) {
    const running = list.filter((one) => one.state === 'running');
    const now = performance.now();
    this.#meters = new Map(running.map(({ id }) => [id, this.#meters.get(id) ?? new Meter()]));
    this.paces = Object.fromEntries(running.map((one) => [one.id, this.#meters.get(one.id)!.take(now, one.bytes, one.bytes_total)]));
    this.list = list;
  }
}

export const pulls = new Pulls();
