// The owner's part of the API: private swarms, keys, models that come and go, cards.

import { json, type Call } from './call';
import { asFailure, Failure } from './failure';
import { key } from './key.svelte';
import type {
  ApiKey, CardText, Catalog, Hosted, HostedCard, Invitation, List, NewApiKey, NodeSettings, Previewed, PrivateSwarm, Pull, Scope, Verification,
} from './owner-types';

const NODE = '/v1/node';
const part = encodeURIComponent;

/** A call that is the owner's: without any key the answer is known before it is asked for. */
async function own<T>(path: string, options?: Call): Promise<T> {
  if (!key.value) throw new Failure('owner_only', '', 403);
  try {
    return await json<T>(`${NODE}${path}`, options);
  } catch (thrown) {
    const failure = asFailure(thrown);
    // Where there are keys, a lesser one than the owner's is told apart by the scope that it lacks; the way on is the same.
    throw failure.isOwners ? new Failure('owner_only', failure.message, failure.status) : failure;
  }
}

export const owner = {
  swarms: () => own<List<PrivateSwarm>>('/swarms'),
  createSwarm: (name: string) => own<PrivateSwarm>('/swarms', { body: { name } }),
  joinSwarm: (invitation: string) => own<PrivateSwarm>('/swarms/join', { body: { invitation } }),
  invite: (name: string) => own<Invitation>(`/swarms/${part(name)}/invitation`, { method: 'POST' }),
  changeSwarm: (name: string, what: 'start' | 'stop' | 'rotate') =>
    own<PrivateSwarm>(`/swarms/${part(name)}/${what}`, { method: 'POST' }),
  leaveSwarm: (name: string) => own<{ name: string }>(`/swarms/${part(name)}`, { method: 'DELETE' }),

  keys: () => own<List<ApiKey>>('/keys'),
  createKey: (body: { name: string; scopes: Scope[]; rate_per_minute: number | null }) => own<NewApiKey>('/keys', { body }),
  revokeKey: (id: string) => own<{ id: string }>(`/keys/${part(id)}`, { method: 'DELETE' }),

  settings: () => own<NodeSettings>('/settings'),

  catalog: () => own<Catalog>('/catalog'),
  pulls: () => own<List<Pull>>('/pulls'),
  pull: (source: string) => own<Pull>('/pulls', { body: { source } }),
  /** Cancels one that runs, forgets one that has ended. */
  endPull: (id: number) => own<Pull>(`/pulls/${id}`, { method: 'DELETE' }),
  serve: (body: { pull: number; id?: string; description?: string; exemplars?: string[] }) => own<{ id: string }>('/models', { body }),
  unserve: (id: string) => own<{ id: string }>(`/models/${part(id)}`, { method: 'DELETE' }),

  // These want no more than the rest of the API does.
  hosted: () => json<List<Hosted>>(`${NODE}/models`),
  setLoaded: (id: string, loaded: boolean) => json<List<Hosted>>(`${NODE}/models/${part(id)}/${loaded ? 'load' : 'unload'}`, { method: 'POST' }),
  verify: (id: string) => json<Verification>(`${NODE}/models/${part(id)}/verify`, { method: 'POST' }),
  card: (id: string) => json<HostedCard>(`${NODE}/models/${part(id)}/card`),
  previewCard: (id: string, body: { description: string; exemplars: string[]; prompts: string[] }, signal: AbortSignal) =>
    json<List<Previewed>>(`${NODE}/models/${part(id)}/card/preview`, { body, signal }),
  saveCard: (id: string, body: CardText) => own<HostedCard>(`/models/${part(id)}/card`, { method: 'PUT', body }),
};
