// The audits that this node knows of, and what they say of a task.

import { api } from '../api/client';
import { asFailure, type Failure } from '../api/failure';
import type { Audit } from '../api/schema';

/** Audits that are looked at: what a chart and a table can show. */
const LIMIT = 500;
/** An audit follows its answer within a minute, or not at all. */
const FOLLOW_MS = 60_000;
const LOOK_EVERY_MS = 4_000;

class Audits {
  list = $state<Audit[]>([]);
  loaded = $state(false);
  failure = $state<Failure>();
  #until = 0;
  #looking = false;

  async load() {
    try {
      this.list = (await api.audits(LIMIT)).data;
      this.failure = undefined;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
    this.loaded = true;
  }

  /** Looks for a minute whether what was just answered is audited. */
  async follow() {
    this.#until = Date.now() + FOLLOW_MS;
    if (this.#looking) return;
    this.#looking = true;
    while (Date.now() < this.#until) {
      await this.load();
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    this.#looking = false;
  }

  /** The audit of a task, if there was one. */
  of(taskId: string | null | undefined): Audit | undefined {
    return taskId ? this.list.find((audit) => audit.signed?.task_id === taskId) : undefined;
  }
}

export const audits = new Audits();
