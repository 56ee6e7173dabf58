//! The coordinator's types as protobuf.

use crate::coordinator::{self, Answer, Candidate, Event, Planned, Question, TaskResult, TaskStatus};
use crate::network::{self, PeerInfo};
use polymath_proto::v1;
use polymath_swarm::capability::Advert;
use polymath_swarm::identity::PeerKey;
use std::time::Duration;

pub(super) fn question(request: v1::AskRequest) -> Question {
    // Zero is protobuf's "not set" for the plain numbers.
    let set = |n: u32| (n > 0).then_some(n);
    Question {
        prompt: request.prompt,
        experts: set(request.experts),
        max_tokens: set(request.max_tokens),
        temperature: request.temperature,
        seed: request.seed,
        deadline_ms: set(request.deadline_ms),
    }
}

pub(super) fn planned(planned: &Planned) -> v1::PlanReply {
    let task = |t: &coordinator::PlannedTask| v1::PlannedTask {
        id: t.task.id,
        text: t.task.text.clone(),
        depends_on: t.task.depends_on.clone(),
        candidates: t.candidates.iter().map(candidate).collect(),
    };
    v1::PlanReply {
        tasks: planned.tasks.iter().map(task).collect(),
        embed_ms: ms(planned.embed),
        plan_ms: ms(planned.plan),
        route_ms: ms(planned.route),
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
    }
}

pub(super) fn event(event: Event, timings: &Timings) -> v1::AskEvent {
    use v1::ask_event::Body;
    let body = match event {
        Event::Planned(p) => Body::Planned(planned(&p)),
        Event::Started { id, text, expert } => {
            Body::Started(v1::TaskStarted { id, text, expert: Some(candidate(&expert)) })
        }
        Event::Text { id, text } => Body::Text(v1::TaskText { id, text }),
        Event::Finished(result) => Body::Finished(finished(result)),
        Event::Answer(a) => Body::Answer(answer(a, timings)),
    };
    v1::AskEvent { body: Some(body) }
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
    }
}

/// The error's code in the table that every adapter shares, and its message for people.
pub(super) fn error(error: &coordinator::Error) -> v1::AskError {
    use coordinator::Error as E;
    let code = match error {
        E::Prompt(_) | E::Invalid { .. } => "invalid",
        E::NoExpert { .. } => "no_expert",
        E::Busy { .. } => "busy",
        E::Deadline { .. } => "deadline",
        E::Failed(_) | E::Embedding(_) => "failed",
    };
    let message = match error {
        // The prompt's own fault is what the asker must see; other sources stay inside.
        E::Prompt(source) => format!("{error}: {source}"),
        _ => error.to_string(),
    };
    v1::AskError { code: code.to_owned(), message }
}

pub(super) fn status(error: &coordinator::Error) -> tonic::Status {
    let error = self::error(error);
    match error.code.as_str() {
        "invalid" => tonic::Status::invalid_argument(error.message),
        "no_expert" => tonic::Status::not_found(error.message),
        "busy" => tonic::Status::resource_exhausted(error.message),
        "deadline" => tonic::Status::deadline_exceeded(error.message),
        _ => tonic::Status::internal(error.message),
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
    }
}

pub(super) fn expert(advert: &Advert, own: PeerKey) -> v1::ExpertInfo {
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
        local: advert.peer == own,
        expires_ms: status.expires,
    }
}

fn ms(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1e3
}
