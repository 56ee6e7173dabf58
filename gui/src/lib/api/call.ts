// One call of the daemon's REST interface, with the key that the page has.

import { asFailure, Failure, failureOf } from './failure';
import { key } from './key.svelte';

export interface Call {
  /** `POST` where there is a body, `GET` where not, unless said. */
  method?: 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal;
}

export async function call(path: string, options: Call = {}): Promise<Response> {
  for (;;) {
    const used = key.value;
    const reply = await send(path, options);
    if (reply.ok) return reply;
    const failure = await failureOf(reply);
    // The owner's key ends with the node that made it; without it the page may still do what it could before.
    if (failure.code === 'unauthorized' && (key.value !== used || key.dropOwner())) continue;
    if (failure.code === 'unauthorized') key.wanted = true;
    if (failure.code === 'owner_only') key.dropOwner();
    throw failure;
  }
}

async function send(path: string, { method, body, signal }: Call): Promise<Response> {
  const headers = new Headers();
  if (key.value) headers.set('authorization', `Bearer ${key.value}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  try {
    return await fetch(path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
      credentials: 'omit',
      cache: 'no-store',
    });
  } catch (thrown) {
    if (signal?.aborted) throw new Failure('cancelled', '');
    throw asFailure(thrown);
  }
}

export async function json<T>(path: string, options?: Call): Promise<T> {
  const reply = await call(path, options);
  return (await reply.json()) as T;
}
