//! Questions and answers over gRPC: the generated types to the client's own and back.

use crate::answer::{
    Answer, Candidate, Consensus, Event, FinishReason, Finished, Opinion, Plan, PlannedTask, TaskStatus,
    Timings, Usage,
};
use crate::connection::{Connection, reported};
use crate::error::Error;
use crate::node::{
    Account, Audit, Expert, Health, Honesty, Ledger, Network, Peer, Probe, Quality, Receipt, Relay,
    Reliability, Reputation, ShutOut, Standing,
};
use crate::question::{Ask, Model};
use crate::stream::Items;
use crate::wire;
use futures::StreamExt as _;
use std::time::Duration;
use wire::chat_event::Body;

pub(crate) async fn ask(connection: &Connection, ask: &Ask) -> Result<Items<Event>, Error> {
    let bodies = connection.chat(request(ask)).await?;
    Ok(bodies.map(|body| event(body?)).boxed())
}

pub(crate) async fn plan(connection: &Connection, prompt: String) -> Result<Plan, Error> {
    Ok(planned(connection.plan(prompt).await?))
}

pub(crate) async fn feedback(connection: &Connection, task_id: &str, good: bool) -> Result<Standing, Error> {
    let digits = || {
        task_id.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
    };
    let is_id = task_id.len() == 32 && task_id.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes: Option<Vec<u8>> = if is_id { digits().collect() } else { None };
    let task_id = bytes.ok_or_else(|| Error::invalid("task_id", "write 32 hexadecimal digits"))?;
    let reply = connection.feedback(wire::FeedbackRequest { task_id, good }).await?;
    Ok(Standing { expert: reply.expert, peer_id: reply.peer_id, good: reply.good, bad: reply.bad })
}

pub(crate) async fn peers(connection: &Connection) -> Result<Vec<Peer>, Error> {
    Ok(connection.peers().await?.into_iter().map(peer).collect())
}

pub(crate) async fn probe(connection: &Connection, of: &str) -> Result<Probe, Error> {
    let reply = connection.probe(of).await?;
    Ok(Probe {
        peer_id: reply.peer_id,
        took_ms: reply.took_ms,
        experts: reply.experts,
        connection: reply.connection.map(peer),
    })
}

pub(crate) async fn network(connection: &Connection) -> Result<Network, Error> {
    let reply = connection.network().await?;
    let relay = |relay: wire::Relay| Relay { address: relay.address, holds: relay.holds };
    Ok(Network {
        listening: reply.listening,
        circuits: reply.circuits,
        confirmed: reply.confirmed,
        verdict: reply.verdict,
        router: reply.router,
        relays: reply.relays.into_iter().map(relay).collect(),
        is_relay: reply.is_relay,
        peers_direct: reply.peers_direct,
        peers_relayed: reply.peers_relayed,
        punched: reply.punched,
        not_punched: reply.not_punched,
        shut_out: reply
            .shut_out
            .into_iter()
            .map(|out| ShutOut { peer_id: out.peer_id, seconds_left: out.seconds_left })
            .collect(),
        blocked: reply.blocked,
    })
}

pub(crate) async fn experts(connection: &Connection) -> Result<Vec<Expert>, Error> {
    Ok(connection.experts().await?.into_iter().map(expert).collect())
}

pub(crate) async fn reputation(connection: &Connection) -> Result<Vec<Reputation>, Error> {
    let none_if_empty = |text: String| (!text.is_empty()).then_some(text);
    let all = connection.reputation().await?.into_iter().map(|of| Reputation {
        expert: none_if_empty(of.expert),
        node: of.node,
        peer_id: of.peer_id,
        model_sha256: of.model_sha256,
        tier: of.tier,
        trust: of.trust,
        reliability: Reliability { finished: of.finished, failed: of.failed, fast: of.fast, slow: of.slow },
        honesty: Honesty { audits: of.audits, evidence: of.evidence, finding: of.finding },
        quality: Quality { good: of.good, bad: of.bad },
        endorsed: of.endorsed,
        recommended: of.recommended,
        proven: of.proven,
    });
    Ok(all.collect())
}

pub(crate) async fn audits(connection: &Connection, most: u32) -> Result<Vec<Audit>, Error> {
    let all = connection.audits(most).await?.into_iter().map(|of| Audit {
        number: of.number,
        at_ms: of.at_ms,
        expert: of.expert,
        node: of.node,
        model_sha256: of.model_sha256,
        outcome: of.outcome,
        divergence: of.divergence,
        evidence: of.evidence,
        finding: of.finding,
    });
    Ok(all.collect())
}

pub(crate) async fn ledger(connection: &Connection, most: u32) -> Result<Ledger, Error> {
    let reply = connection.ledger(0, most).await?;
    let account = |of: wire::Account| Account {
        node: of.node,
        peer_id: of.peer_id,
        tier: of.tier,
        credit_micro: of.credit_micro,
        given_tokens: of.given_tokens,
        taken_tokens: of.taken_tokens,
        balance_micro: of.balance_micro,
        disputed_micro: of.disputed_micro,
        receipts: of.receipts,
    };
    let receipt = |of: wire::LedgerEntry| Receipt {
        number: of.number,
        id: of.id,
        side: of.side,
        state: of.state,
        node: of.node,
        tokens: of.tokens,
        price_micro: of.price_micro,
        at_ms: of.at_ms,
    };
    Ok(Ledger {
        own: reply.own,
        accounts: reply.accounts.into_iter().map(account).collect(),
        receipts: reply.entries.into_iter().map(receipt).collect(),
    })
}

pub(crate) async fn health(connection: &Connection) -> Result<Health, Error> {
    let health = connection.health().await?;
    Ok(Health {
        version: health.version,
        name: health.name,
        peer_id: health.peer_id,
        uptime_ms: health.uptime_ms,
        peers: health.peers,
        experts_local: health.experts_local,
        experts_known: health.experts_known,
        listen_addresses: health.listen_addresses,
    })
}

fn request(ask: &Ask) -> wire::ChatRequest {
    let (experts, expert) = match &ask.model {
        Model::Swarm { experts } => (experts.unwrap_or_default(), String::new()),
        Model::Expert(id) => (0, id.clone()),
    };
    let message = |m: &crate::Message| wire::ChatMessage { role: m.role.clone(), content: m.content.clone() };
    wire::ChatRequest {
        messages: ask.messages.iter().map(message).collect(),
        experts,
        expert,
        max_tokens: ask.max_tokens.unwrap_or_default(),
        temperature: ask.temperature,
        top_p: ask.top_p,
        frequency_penalty: ask.frequency_penalty,
        presence_penalty: ask.presence_penalty,
        seed: ask.seed,
        stop: ask.stop.clone(),
        deadline_ms: ask.deadline.map(milliseconds).unwrap_or_default(),
        filter: (ask.local || ask.private).then(|| wire::Filter {
            local: ask.local,
            private: ask.private,
            ..Default::default()
        }),
        high_priority: ask.high_priority,
        ..Default::default()
    }
}

/// At least one: zero is protobuf's "not set".
fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).max(1)
}

fn event(body: Body) -> Result<Event, Error> {
    Ok(match body {
        Body::Planned(plan) => Event::Planned(planned(plan)),
        Body::Loading(loading) => Event::Loading {
            id: loading.id,
            expert: loading.expert.map(candidate).unwrap_or_default(),
            percent: loading.percent.min(100),
        },
        Body::Started(started) => Event::Started {
            id: started.id,
            text: started.text,
            expert: started.expert.map(candidate).unwrap_or_default(),
        },
        Body::Text(text) => Event::Working { id: text.id, text: text.text },
        Body::Answering(text) => Event::Delta { text },
        Body::Finished(end) => Event::Finished(finished(end)),
        Body::Answer(end) => Event::Answered(answer(end)),
        Body::Error(error) => return Err(reported(error)),
    })
}

fn planned(plan: wire::PlanReply) -> Plan {
    let task = |task: wire::PlannedTask| PlannedTask {
        id: task.id,
        text: task.text,
        depends_on: task.depends_on,
        intent: task.intent,
        complexity: task.complexity,
        candidates: task.candidates.into_iter().map(candidate).collect(),
    };
    let timings = Timings {
        embed_ms: plan.embed_ms,
        plan_ms: plan.plan_ms,
        route_ms: plan.route_ms,
        ..Timings::default()
    };
    Plan { tasks: plan.tasks.into_iter().map(task).collect(), timings }
}

fn candidate(candidate: wire::Candidate) -> Candidate {
    Candidate {
        expert: candidate.expert,
        peer_id: candidate.peer_id,
        model_sha256: hex(&candidate.model_sha256),
        score: candidate.score,
        competence: candidate.competence,
        trust: candidate.trust,
        availability: candidate.availability,
    }
}

fn finished(end: wire::TaskFinished) -> Finished {
    Finished {
        id: end.id,
        status: TaskStatus::read(&end.status),
        expert: end.expert.map(candidate),
        result: end.answer,
        detail: end.detail,
        usage: Usage { prompt_tokens: end.prompt_tokens, completion_tokens: end.completion_tokens },
        consensus: end.consensus.map(consensus),
        dropped_messages: end.dropped_messages,
        task_id: hex(&end.task_id),
        first_token_ms: end.first_token_ms,
        total_ms: end.total_ms,
    }
}

fn consensus(consensus: wire::Consensus) -> Consensus {
    let opinion = |o: wire::Opinion| Opinion {
        expert: o.expert.map(candidate).unwrap_or_default(),
        answer: o.answer,
        agrees: o.agrees,
        logprob_mean: o.logprob_mean,
        weight: o.weight,
    };
    Consensus {
        method: consensus.method,
        agreement: consensus.agreement,
        opinions: consensus.opinions.into_iter().map(opinion).collect(),
    }
}

fn answer(end: wire::Answer) -> Answer {
    Answer {
        text: end.text,
        tasks: Vec::new(),
        usage: Usage { prompt_tokens: end.prompt_tokens, completion_tokens: end.completion_tokens },
        timings: Timings {
            embed_ms: end.embed_ms,
            plan_ms: end.plan_ms,
            route_ms: end.route_ms,
            first_token_ms: end.first_token_ms,
            total_ms: end.total_ms,
        },
        finish_reason: FinishReason::read(&end.finish_reason),
    }
}

fn peer(peer: wire::Peer) -> Peer {
    Peer {
        peer_id: peer.peer_id,
        addresses: peer.addresses,
        agent: peer.agent,
        rtt_ms: peer.rtt_ms,
        experts: peer.experts,
        relayed: peer.relayed,
    }
}

fn expert(expert: wire::ExpertInfo) -> Expert {
    Expert {
        id: expert.id,
        peer_id: expert.peer_id,
        description: expert.description,
        model_sha256: hex(&expert.model_sha256),
        architecture: expert.architecture,
        parameters: expert.parameters,
        quantisation: expert.quantisation,
        context_tokens: expert.context_tokens,
        licence: expert.licence,
        abilities: expert.abilities,
        slots: expert.slots,
        free_slots: expert.free_slots,
        tokens_per_second: expert.tokens_per_second,
        local: expert.local,
        expires_ms: expert.expires_ms,
        cold: expert.cold,
        unverifiable: expert.unverifiable,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_reach_the_wire() {
        let ask = Ask {
            model: Model::Expert("words".into()),
            max_tokens: Some(5),
            seed: Some(7),
            deadline: Some(Duration::from_micros(10)),
            stop: vec!["x".into()],
            ..Ask::new("p")
        };
        let wire = request(&ask);
        assert_eq!((wire.expert.as_str(), wire.experts, wire.max_tokens), ("words", 0, 5));
        assert_eq!((wire.seed, wire.deadline_ms, wire.stop), (Some(7), 1, vec!["x".to_owned()]));
        assert_eq!(wire.messages[0].content, "p");
        let wire = request(&Ask { model: Model::Swarm { experts: Some(3) }, ..Ask::new("p") });
        assert_eq!((wire.expert.as_str(), wire.experts), ("", 3));
    }

    #[test]
    fn an_error_event_is_an_error() {
        let error = wire::ChatError { code: "busy".into(), retry_after_ms: 500, ..Default::default() };
        let error = event(Body::Error(error)).unwrap_err();
        assert_eq!((error.code(), error.retry_after()), ("busy", Some(Duration::from_millis(500))));
    }
}
