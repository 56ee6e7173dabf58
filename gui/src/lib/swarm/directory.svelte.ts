// Who is there, live: the node, its experts and everybody else's, and the connected peers.

import { api } from '../api/client';
import { asFailure, type Failure } from '../api/failure';
import { key } from '../api/key.svelte';
import type { Health, Peer, Reputation, SwarmEvent, SwarmExpert } from '../api/schema';

/** How often what has no stream is asked for. */
const POLL_MS = 5_000;
/** Waits after a stream has broken. */
const RETRY_MS = 2_000;

class Directory {
  health = $state<Health>();
  experts = $state<SwarmExpert[]>([]);
  peers = $state<Peer[]>([]);
  reputation = $state<Reputation[]>([]);
  /** Why the node cannot be asked, if it cannot. */
  failure = $state<Failure>();
  /** Whether anything has been heard yet. */
  heard = $state(false);
  #started = false;

  get own(): string | undefined {
    return this.health?.peer_id;
  }

  /** Begins to listen, once; for as long as the page is open. */
  start() {
    if (this.#started) return;
    this.#started = true;
    void this.#poll();
    void this.#watch();
  }

  /** Looks at once, after the key has changed. */
  async refresh() {
    try {
      this.health = await api.health();
      if (key.wanted) return;
      const [peers, reputation] = await Promise.all([api.peers(), api.reputation()]);
      this.peers = peers.data;
      this.reputation = reputation.data;
      this.failure = undefined;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    }
    this.heard = true;
  }

  async #poll() {
    for (;;) {
      if (!document.hidden || !this.heard) await this.refresh();
      await pause(POLL_MS);
    }
  }

  async #watch() {
    for (;;) {
      if (!key.wanted) {
        try {
          const fresh = new Map<string, SwarmExpert>();
          for await (const event of api.swarm(new AbortController().signal)) {
            take(fresh, event);
            this.experts = [...fresh.values()];
          }
        } catch (thrown) {
          const failure = asFailure(thrown);
          if (failure.code === 'unreachable') this.experts = [];
        }
      }
      await pause(RETRY_MS);
    }
  }
}

function take(experts: Map<string, SwarmExpert>, event: SwarmEvent) {
  if (event.type === 'left') experts.delete(`${event.id} ${event.peer_id}`);
  else experts.set(`${event.expert.id} ${event.expert.peer_id}`, event.expert);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const directory = new Directory();
