// What every view that does something, or shows what was loaded, has to remember about it.

import { asFailure, type Failure } from '../api/failure';

/** Something that takes a while: whether it is under way, and how the last try failed. */
export class Doing {
  working = $state(false);
  failure = $state<Failure>();

  async do(how: () => Promise<unknown>) {
    [this.working, this.failure] = [true, undefined];
    try {
      await how();
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
    this.working = false;
  }
}

/** Something that is loaded, and loaded again; what was there stays meanwhile, and if it fails. */
export class Loaded<Value> extends Doing {
  value = $state<Value>();
  readonly #ask: () => Promise<Value>;

  constructor(ask: () => Promise<Value>) {
    super();
    this.#ask = ask;
  }

  /** Quietly: nothing has to wait for it, and a failure stays until it is known to be over. */
  async load() {
    try {
      this.value = await this.#ask();
      this.failure = undefined;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
  }
}
