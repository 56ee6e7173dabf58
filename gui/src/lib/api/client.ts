import { asFailure, Failure, failureOf } from './failure';
import { eventsOf } from './events';
import { key } from './key.svelte';
import type {
  AuditList, ExpertCard, ExpertList, FeedbackRequest, Health, HostedList, Ledger, LogLine, ModelList, Network, PeerList, PlanRequest, Probe,
  Report, ReputationList, Standing, SwarmEvent,
} from './schema';

interface Call {
  /** `POST` where there is a body, `GET` where not, unless said. */
  method?: 'POST';
  body?: unknown;
  signal?: AbortSignal;
}

/** Receipts of a page: the most that the daemon gives at once. */
const PAGE = 1000;

async function call(path: string, { method, body, signal }: Call = {}): Promise<Response> {
  const headers = new Headers();
  if (key.value) headers.set('authorization', `Bearer ${key.value}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  let reply: Response;
  try {
    reply = await fetch(path, {
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
  if (reply.ok) return reply;
  const failure = await failureOf(reply);
  if (failure.code === 'unauthorized') key.wanted = true;
  throw failure;
}

async function json<T>(path: string, options?: Call): Promise<T> {
  const reply = await call(path, options);
  return (await reply.json()) as T;
}

/** The daemon's REST interface, as far as the console uses it. Whatever fails is thrown as a `Failure`. */
export const api = {
  health: (signal?: AbortSignal) => json<Health>('/health', { signal }),
  models: () => json<ModelList>('/v1/models'),
  peers: () => json<PeerList>('/v1/swarm/peers'),
  experts: () => json<ExpertList>('/v1/swarm/experts'),
  card: (peer: string, id: string) =>
    json<ExpertCard>(`/v1/swarm/experts/${encodeURIComponent(peer)}/${encodeURIComponent(id)}`),
  network: () => json<Network>('/v1/swarm/network'),
  probe: (peer: string) => json<Probe>(`/v1/swarm/peers/${encodeURIComponent(peer)}/probe`, { method: 'POST' }),
  /** The experts that this node hosts, and their models in memory; for its owner, as are the next two. */
  hosted: () => json<HostedList>('/v1/node/models'),
  setLoaded: (id: string, loaded: boolean) =>
    json<HostedList>(`/v1/node/models/${encodeURIComponent(id)}/${loaded ? 'load' : 'unload'}`, { method: 'POST' }),
  reputation: () => json<ReputationList>('/v1/swarm/reputation'),
  audits: (limit: number) => json<AuditList>(`/v1/swarm/audits?limit=${limit}`),
  ledger: (limit = PAGE, before?: number) =>
    json<Ledger>(`/v1/swarm/ledger?limit=${limit}${before ? `&before=${before}` : ''}`),
  plan: (body: PlanRequest, signal?: AbortSignal) => json<Report>('/v1/swarm/plan', { body, signal }),
  feedback: (body: FeedbackRequest) => json<Standing>('/v1/feedback', { body }),
  metrics: async () => (await call('/metrics')).text(),

  /** The chunks of an answer, as JSON, until it is complete. */
  async *chat(body: unknown, signal: AbortSignal): AsyncGenerator<unknown> {
    try {
      for await (const data of eventsOf(await call('/v1/chat/completions', { body, signal }))) {
        if (data === '[DONE]') return;
        yield JSON.parse(data) as unknown;
      }
    } catch (thrown) {
      throw signal.aborted ? new Failure('cancelled', '') : asFailure(thrown);
    }
    throw new Failure('unreachable', 'the answer broke off');
  },

  /** Experts that come, change and go, as long as the connection holds. */
  async *swarm(signal: AbortSignal): AsyncGenerator<SwarmEvent> {
    for await (const data of eventsOf(await call('/v1/swarm/events', { signal }))) {
      yield JSON.parse(data) as SwarmEvent;
    }
  },

  /** Lines of the node's log, the latest first of all and then as they come. */
  async *logs(signal: AbortSignal): AsyncGenerator<LogLine> {
    try {
      for await (const data of eventsOf(await call('/v1/node/logs', { signal }))) yield JSON.parse(data) as LogLine;
    } catch (thrown) {
      throw signal.aborted ? new Failure('cancelled', '') : asFailure(thrown);
    }
  },

  /** Every receipt that is kept, latest first, page by page. */
  async *receipts(): AsyncGenerator<Ledger> {
    let before: number | undefined;
    for (;;) {
      const page: Ledger = await api.ledger(PAGE, before);
      yield page;
      const last = page.data.at(-1);
      if (!last || last.number <= 1) return;
      before = last.number;
    }
  },
};
