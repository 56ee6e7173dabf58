//! The coordinator's types as protobuf.

use super::table::Fault;
use crate::coordinator::{
    self, Answer, Candidate, Consensus, Event, Hosted, Judged, KnownAccount, KnownReputation, Planned,
    Question, Target, TaskResult, TaskStatus,
};
use crate::network::{self, NetworkInfo, PeerInfo};
use crate::store::{AuditRecord, SignedRecord};
use polymath_proto::v1;
use polymath_swarm::capability::Advert;
use polymath_swarm::identity::{PeerKey, hex};
use polymath_swarm::ledger::{Entry, State};
use polymath_swarm::score::Filter;
use polymath_swarm::task::{FinishReason, Message, TokenLogprobs};
use polymath_swarm::trust::Tier;
use std::time::Duration;

pub(super) fn question(request: v1::ChatRequest) -> Result<Question, Fault> {
    if !request.prompt.is_empty() && !request.messages.is_empty() {
        return Err(Fault::field("prompt", "give a prompt or messages, not both"));
    }
    let asked = if request.messages.is_empty() {
        Question::new(request.prompt)
    } else {
        let message = |m: v1::ChatMessage| Message { role: m.role, content: m.content };
        Question { messages: request.messages.into_iter().map(message).collect(), ..Question::default() }
    };
    // Zero and empty are protobuf's "not set" for what is not optional.
    let set = |n: u32| (n > 0).then_some(n);
    let target = if request.expert.is_empty() { Target::Swarm } else { Target::Expert(request.expert) };
    Ok(Question {
        target,
        whole: request.whole,
        verbatim: request.verbatim,
        experts: set(request.experts),
        max_tokens: set(request.max_tokens),
        temperature: request.temperature,
        top_p: request.top_p,
        frequency_penalty: request.frequency_penalty,
        presence_penalty: request.presence_penalty,
        seed: request.seed,
        deadline_ms: set(request.deadline_ms),
        stop: request.stop,
        top_logprobs: request.top_logprobs,
        grammar: (!request.grammar.is_empty()).then_some(request.grammar),
        filter: filter(request.filter),
        high_priority: request.high_priority,
        ..asked
    })
}

pub(super) fn filter(filter: Option<v1::Filter>) -> Filter {
    filter.map_or_else(Filter::default, |f| Filter {
        model: f.model,
        abilities: f.abilities,
        languages: f.languages,
        context_tokens: f.context_tokens,
        trust: f.trust,
        latency_ms: f.latency_ms,
        price_micro: f.price_micro,
        local: f.local,
        private: f.private,
    })
}

pub(super) fn judged(judged: &Judged) -> v1::FeedbackReply {
    v1::FeedbackReply {
        expert: judged.expert.clone(),
        peer_id: network::peer_id_text(judged.peer),
        good: judged.outcomes.good,
        bad: judged.outcomes.bad,
    }
}

pub(super) fn planned(planned: &Planned) -> v1::PlanReply {
    let task = |t: &coordinator::PlannedTask| v1::PlannedTask {
        id: t.task.id,
        text: t.task.text.clone(),
        depends_on: t.task.depends_on.clone(),
        candidates: t.candidates.iter().map(candidate).collect(),
        intent: t.reading.map(|r| r.intent.name().to_owned()).unwrap_or_default(),
        complexity: t.reading.map(|r| r.complexity),
        shown: t.shown.clone().unwrap_or_default(),
    };
    v1::PlanReply {
        tasks: planned.tasks.iter().map(task).collect(),
        embed_ms: ms(planned.embed),
        plan_ms: ms(planned.plan),
        route_ms: ms(planned.route),
        no_expert: planned.no_expert.clone().unwrap_or_default(),
    }
}

fn candidate(candidate: &Candidate) -> v1::Candidate {
    v1::Candidate {
        expert: candidate.advert.card.id.clone(),
        peer_id: network::peer_id_text(candidate.advert.peer),
        model_sha256: candidate.advert.card.model.sha256.0.to_vec(),
        score: candidate.score(),
        competence: candidate.factors.competence,
        trust: candidate.factors.trust,
        availability: candidate.factors.availability,
        claim: candidate.factors.claim,
        coverage: candidate.factors.coverage,
        good: candidate.factors.outcomes.good,
        bad: candidate.factors.outcomes.bad,
    }
}

pub(super) fn event(event: Event, timings: &Timings) -> v1::ChatEvent {
    use v1::chat_event::Body;
    let body = match event {
        Event::Planned(p) => Body::Planned(planned(&p)),
        Event::Loading { id, expert, percent } => {
            Body::Loading(v1::TaskLoading { id, expert: Some(candidate(&expert)), percent: percent.into() })
        }
        Event::Started { id, text, expert, kept_tokens } => {
            Body::Started(v1::TaskStarted { id, text, expert: Some(candidate(&expert)), kept_tokens })
        }
        Event::Text { id, text, logprobs } => {
            Body::Text(v1::TaskText { id, text, logprobs: logprobs.into_iter().map(token).collect() })
        }
        Event::Answering { text } => Body::Answering(text),
        Event::Finished(result) => Body::Finished(finished(result)),
        Event::Answer(a) => Body::Answer(answer(a, timings)),
    };
    v1::ChatEvent { body: Some(body) }
}

/// The planning times, kept from the first event for the last.
#[derive(Clone, Copy, Default)]
pub(super) struct Timings {
    embed_ms: f32,
    plan_ms: f32,
    route_ms: f32,
}

impl Timings {
    pub(super) fn note(&mut self, event: &Event) {
        if let Event::Planned(p) = event {
            *self = Self { embed_ms: ms(p.embed), plan_ms: ms(p.plan), route_ms: ms(p.route) };
        }
    }
}

fn token(token: TokenLogprobs) -> v1::TokenLogprobs {
    let (top_ids, top_logprobs) = token.top.into_iter().unzip();
    v1::TokenLogprobs { logprob: token.logprob, top_ids, top_logprobs, pieces: token.pieces }
}

fn reason(reason: FinishReason) -> String {
    match reason {
        FinishReason::Stop => "stop".to_owned(),
        FinishReason::Length => "length".to_owned(),
    }
}

fn finished(result: TaskResult) -> v1::TaskFinished {
    let status = match result.status {
        TaskStatus::Done => "done",
        TaskStatus::Failed => "failed",
        TaskStatus::NoExpert => "no_expert",
        TaskStatus::Skipped => "skipped",
    };
    v1::TaskFinished {
        id: result.id,
        answer: result.result,
        status: status.to_owned(),
        detail: result.detail,
        prompt_tokens: result.usage.prompt_tokens,
        completion_tokens: result.usage.completion_tokens,
        first_token_ms: result.first_token.map_or(0.0, ms),
        total_ms: ms(result.total),
        finish_reason: result.finish_reason.map(reason).unwrap_or_default(),
        dropped_messages: result.dropped_messages,
        task_id: result.task_id.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
        expert: result.expert.as_ref().map(candidate),
        consensus: result.consensus.as_ref().map(consensus),
    }
}

fn consensus(consensus: &Consensus) -> v1::Consensus {
    let opinion = |o: &coordinator::Opinion| v1::Opinion {
        expert: Some(candidate(&o.expert)),
        answer: o.answer.clone(),
        agrees: o.agrees,
        logprob_mean: o.logprob_mean,
        weight: o.weight,
    };
    v1::Consensus {
        method: consensus.method.name().to_owned(),
        agreement: consensus.agreement,
        opinions: consensus.opinions.iter().map(opinion).collect(),
    }
}

fn answer(answer: Answer, timings: &Timings) -> v1::Answer {
    v1::Answer {
        text: answer.text,
        prompt_tokens: answer.usage.prompt_tokens,
        completion_tokens: answer.usage.completion_tokens,
        embed_ms: timings.embed_ms,
        plan_ms: timings.plan_ms,
        route_ms: timings.route_ms,
        first_token_ms: answer.first_token.map_or(0.0, ms),
        total_ms: ms(answer.total),
        finish_reason: reason(answer.finish_reason),
    }
}

pub(super) fn error(error: &coordinator::Error) -> v1::ChatError {
    let fault = Fault::from(error);
    v1::ChatError {
        code: fault.row.code.to_owned(),
        message: fault.message,
        field: fault.field.unwrap_or_default(),
        retry_after_ms: fault.retry_after_ms.unwrap_or_default(),
    }
}

pub(super) fn peer(peer: PeerInfo, experts: &[std::sync::Arc<Advert>]) -> v1::Peer {
    let hosted = experts.iter().filter(|e| e.peer == peer.peer).map(|e| e.card.id.clone()).collect();
    v1::Peer {
        peer_id: peer.peer_id,
        addresses: peer.addresses,
        agent: peer.agent,
        rtt_ms: peer.rtt_ms,
        experts: hosted,
        relayed: peer.relayed,
    }
}

pub(super) fn hosted(hosted: &Hosted) -> v1::Hosted {
    let (backend, used) = (&hosted.backend, *hosted.backend.slots().borrow());
    v1::Hosted {
        id: hosted.id.clone(),
        loaded: backend.is_loaded(),
        memory_bytes: backend.bytes(),
        load_ms: backend.load_ms(),
        slots: used.slots,
        free_slots: used.free,
        queued: used.queued,
        service: backend.is_service(),
        model_sha256: backend.facts().sha256.0.to_vec(),
    }
}

pub(super) fn probe(
    peer: PeerKey,
    probe: crate::network::Probe,
    experts: &[std::sync::Arc<Advert>],
) -> v1::ProbePeerReply {
    v1::ProbePeerReply {
        peer_id: crate::network::peer_id_text(peer),
        took_ms: probe.took.as_secs_f32() * 1_000.0,
        experts: u32::try_from(probe.experts).unwrap_or(u32::MAX),
        connection: probe.info.map(|info| self::peer(info, experts)),
    }
}

pub(super) fn network(info: NetworkInfo) -> v1::GetNetworkReply {
    let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
    let relay = |relay: crate::network::RelayInfo| v1::Relay { address: relay.address, holds: relay.holds };
    v1::GetNetworkReply {
        listening: info.listening,
        circuits: info.circuits,
        confirmed: info.confirmed,
        verdict: info.verdict.name().to_owned(),
        router: info.router.to_owned(),
        relays: info.relays.into_iter().map(relay).collect(),
        is_relay: info.is_relay,
        peers_direct: count(info.direct),
        peers_relayed: count(info.relayed),
        punched: info.punched.0,
        not_punched: info.punched.1,
        shut_out: info
            .shut_out
            .into_iter()
            .map(|(peer_id, seconds_left)| v1::ShutOut { peer_id, seconds_left })
            .collect(),
        blocked: info.blocked,
    }
}

pub(super) fn expert(advert: &Advert, tier: Option<Tier>) -> v1::ExpertInfo {
    let (card, status) = (&advert.card, &advert.status);
    v1::ExpertInfo {
        id: card.id.clone(),
        peer_id: network::peer_id_text(advert.peer),
        description: card.description.clone(),
        model_sha256: card.model.sha256.0.to_vec(),
        architecture: card.model.architecture.clone(),
        parameters: card.model.parameters,
        quantisation: card.model.quantisation.clone(),
        context_tokens: card.model.context_tokens,
        licence: card.licence.clone(),
        abilities: card.abilities.clone(),
        slots: status.slots,
        free_slots: status.free_slots,
        tokens_per_second: status.tokens_per_second,
        local: tier.is_none(),
        expires_ms: status.expires,
        tier: tier.map_or(OWN, Tier::name).to_owned(),
        cold: status.cold,
        unverifiable: !card.kind.is_verifiable(),
    }
}

fn ms(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1e3
}

/// The tier of this node's own experts.
pub(super) const OWN: &str = "own";

/// What this node thinks of an expert.
pub(super) fn reputation(known: &KnownReputation) -> v1::Reputation {
    let KnownReputation { expert, reputation, outcomes } = known;
    let now = reputation.now();
    v1::Reputation {
        expert: expert.clone().unwrap_or_default(),
        node: reputation.expert.0.to_did(),
        peer_id: network::peer_id_text(reputation.expert.0),
        model_sha256: reputation.expert.1.to_string(),
        tier: reputation.tier.name().to_owned(),
        trust: reputation.trust,
        finished: now.finished,
        failed: now.failed,
        fast: now.fast,
        slow: now.slow,
        audits: reputation.audits.audits(),
        evidence: reputation.audits.evidence(),
        finding: reputation.audits.finding().name().to_owned(),
        good: outcomes.good,
        bad: outcomes.bad,
        endorsed: reputation.is_endorsed,
        recommended: reputation.recommended,
        proven: reputation.is_proven,
    }
}

/// An audit of the log.
pub(super) fn audit(number: u64, record: AuditRecord) -> v1::Audit {
    v1::Audit {
        number,
        at_ms: record.at_ms,
        expert: record.expert,
        node: record.node,
        model_sha256: record.model_sha256,
        auditor: record.auditor.unwrap_or_default(),
        outcome: record.outcome,
        divergence: record.divergence,
        positions: record.positions,
        out_of_place: record.out_of_place,
        cut_off: record.cut_off,
        p: record.p,
        evidence: record.evidence,
        finding: record.finding,
        signed: record.signed.map(|signed| {
            let (opened, opened_signature) = signed.opened.unwrap_or_default();
            let SignedRecord { task_id, run_id, transcript, evidence, signature, .. } = signed;
            v1::SignedTask { task_id, run_id, transcript, evidence, signature, opened, opened_signature }
        }),
    }
}

/// An account, with what follows from it.
pub(super) fn account(known: &KnownAccount) -> v1::Account {
    let KnownAccount { peer, account, tier, limit_micro } = known;
    v1::Account {
        node: peer.to_did(),
        peer_id: network::peer_id_text(*peer),
        tier: tier.name().to_owned(),
        credit_micro: *limit_micro,
        given_tokens: account.given_tokens,
        given_micro: account.given_micro,
        taken_tokens: account.taken_tokens,
        taken_micro: account.taken_micro,
        balance_micro: account.balance_micro(),
        claimed_micro: account.claimed_micro,
        owed_micro: account.owed_micro,
        disputed_micro: account.disputed_micro,
        receipts: account.receipts,
    }
}

/// A task in the ledger of the node `own`.
pub(super) fn entry(number: u64, entry: &Entry, own: PeerKey) -> v1::LedgerEntry {
    let of = entry.ours.receipt;
    let theirs = match entry.state {
        State::Open => None,
        State::Settled { countersignature } => Some((of, countersignature)),
        State::Disputed { theirs } => Some((theirs.receipt, theirs.signature)),
    };
    let (other_receipt, other_signature) =
        theirs.map(|(receipt, signature)| (hex(&receipt.to_bytes()), hex(&signature))).unwrap_or_default();
    v1::LedgerEntry {
        number,
        id: of.id().to_string(),
        side: if entry.has_given(own) { "given" } else { "taken" }.to_owned(),
        state: entry.state.name().to_owned(),
        node: entry.other(own).to_did(),
        card_sha256: of.card.to_string(),
        tokens: of.tokens,
        price_micro: of.price_micro,
        price_micro_max: of.price_micro_max,
        at_ms: of.at_ms,
        receipt: hex(&of.to_bytes()),
        signature: hex(&entry.ours.signature),
        other_receipt,
        other_signature,
    }
}
