// The audits that this node knows of.

import { api } from '../api/client';
import { asFailure, type Failure } from '../api/failure';
import type { Audit } from '../api/schema';

/** Audits that are looked at: what a chart and a table can show. */
const LIMIT = 500;

class Audits {
  list = $state<Audit[]>([]);
  loaded = $state(false);
  failure = $state<Failure>();

  async load() {
    try {
      this.list = (await api.audits(LIMIT)).data;
      this.failure = undefined;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
    this.loaded = true;
  }
}

export const audits = new Audits();
