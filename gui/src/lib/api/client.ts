import { call, json } from './call';
import { eventsOf } from './events';
import { asFailure, Failure } from './failure';
import type {
  AuditList, ExpertCard, ExpertList, FeedbackRequest, Health, Ledger, LogLine, ModelList, Network, PeerList, PlanRequest, Probe,
  Report, ReputationList, Standing, SwarmEvent,
} from './schema';

/** Receipts of a page: the most that the daemon gives at once. */
const PAGE = 1000;

/**
 * What the daemon's REST interface tells whoever may ask, as far as the console uses it; `owner.ts` has what is the owner's.
 * Whatever fails is thrown as a `Failure`.
 */
export const api = {
  health: (signal?: AbortSignal) => json<Health>('/health', { signal }),
  models: () => json<ModelList>('/v1/models'),
  peers: () => json<PeerList>('/v1/swarm/peers'),
  experts: () => json<ExpertList>('/v1/swarm/experts'),
  card: (peer: string, id: string) =>
    json<ExpertCard>(`/v1/swarm/experts/${encodeURIComponent(peer)}/${encodeURIComponent(id)}`),
  network: () => json<Network>('/v1/swarm/network'),
  probe: (peer: string) => json<Probe>(`/v1/swarm/peers/${encodeURIComponent(peer)}/probe`, { method: 'POST' }),
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
