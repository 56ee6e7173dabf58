//! The messages: what a client says, as checked types, and what it is told, as JSON.

use crate::api::convert;
use crate::api::table::Fault;
use crate::coordinator::{Candidate, Consensus, Event, Opinion, PlannedTask, Question, TaskStatus, Usage};
use crate::network;
use polymath_proto::v1;
use polymath_swarm::score::Filter;
use polymath_swarm::task::FinishReason;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of a message: the longest conversation that an expert is offered, several times over.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// Version of these messages.
pub(super) const PROTOCOL_VERSION: u32 = 1;
/// Bytes of a chat's id.
const ID_BYTES_MAX: usize = 64;
/// Characters of a parser's complaint that are passed on: it may quote the message.
const COMPLAINT_CHARS_MAX: usize = 200;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    /// Asks.
    Chat(Box<Chat>),
    /// Ends a chat.
    Cancel {
        /// Which.
        id: String,
    },
    /// Takes a chat of a broken connection over.
    Resume {
        /// The session that it was started in.
        session: String,
        /// Which.
        id: String,
        /// The last event that arrived; 0 for none.
        after: u64,
    },
    /// Asks for a pong, where a program cannot send WebSocket's own ping.
    Ping {},
}

/// A question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chat {
    /// The client's name for it.
    pub(super) id: String,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    messages: Vec<Turn>,
    model: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    role: String,
    content: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    max_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    seed: Option<u64>,
    deadline_ms: Option<u32>,
    stop: Vec<String>,
    whole: bool,
    verbatim: bool,
    grammar: Option<String>,
    high_priority: bool,
    filter: Filter,
}

/// A message as a request, or the chat it spoke of (if it named one) and what is wrong.
pub(super) fn read(text: &str) -> Result<Request, (Option<String>, Fault)> {
    if text.len() > BYTES_MAX {
        let message = format!("the message has {} bytes; at most {BYTES_MAX} are read", text.len());
        return Err((None, Fault::new("too_large", message)));
    }
    let complain = |error: serde_json::Error| {
        let complaint: String = error.to_string().chars().take(COMPLAINT_CHARS_MAX).collect();
        Fault::new("invalid", format!("no message that is known here: {complaint}"))
    };
    let value: Value = serde_json::from_str(text).map_err(|error| (None, complain(error)))?;
    let id = value.get("id").and_then(Value::as_str).filter(|id| check_id(id).is_ok()).map(str::to_owned);
    let request = Request::deserialize(value).map_err(|error| (id.clone(), complain(error)))?;
    match &request {
        Request::Chat(chat) => check_id(&chat.id),
        Request::Cancel { id } | Request::Resume { id, .. } => check_id(id),
        Request::Ping {} => Ok(()),
    }
    .map_err(|fault| (id, fault))?;
    Ok(request)
}

fn check_id(id: &str) -> Result<(), Fault> {
    if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) {
        return Err(Fault::field("id", format!("1 to {ID_BYTES_MAX} bytes without control characters")));
    }
    Ok(())
}

impl Chat {
    /// As the coordinator takes it.
    pub(super) fn question(self) -> Result<Question, Fault> {
        let (experts, expert) = target(self.model.as_deref().unwrap_or("swarm"))?;
        let Options { max_tokens, deadline_ms, grammar, filter, .. } = self.options;
        let turn = |turn: Turn| v1::ChatMessage { role: turn.role, content: turn.content };
        let question = convert::question(v1::ChatRequest {
            prompt: self.prompt,
            messages: self.messages.into_iter().map(turn).collect(),
            experts,
            expert,
            max_tokens: max_tokens.unwrap_or_default(),
            deadline_ms: deadline_ms.unwrap_or_default(),
            temperature: self.options.temperature,
            top_p: self.options.top_p,
            frequency_penalty: self.options.frequency_penalty,
            presence_penalty: self.options.presence_penalty,
            seed: self.options.seed,
            stop: self.options.stop,
            whole: self.options.whole,
            verbatim: self.options.verbatim,
            grammar: grammar.unwrap_or_default(),
            high_priority: self.options.high_priority,
            ..v1::ChatRequest::default()
        })?;
        Ok(Question { filter, ..question })
    }
}

/// Experts at the most (0 for the default) and the expert that is named, if any.
fn target(model: &str) -> Result<(u32, String), Fault> {
    let bad = || Fault::field("model", "write swarm, swarm:N (N experts at the most) or expert:ID");
    match model.split_once(':') {
        None if model == "swarm" => Ok((0, String::new())),
        Some(("swarm", n)) => match n.parse() {
            Ok(n) if n > 0 => Ok((n, String::new())),
            _ => Err(bad()),
        },
        Some(("expert", id)) if !id.is_empty() => Ok((0, id.to_owned())),
        _ => Err(bad()),
    }
}

/// The first message on a socket.
pub(super) fn hello(session: &str) -> String {
    json!({ "type": "hello", "session": session, "protocol": PROTOCOL_VERSION }).to_string()
}

/// The answer to a ping.
pub(super) fn pong() -> String {
    json!({ "type": "pong" }).to_string()
}

/// An error; one of a chat's events carries its number.
pub(super) fn error(id: Option<&str>, seq: Option<u64>, fault: &Fault) -> String {
    let mut message = json!({ "type": "error" });
    let said = [
        ("id", id.map(Value::from)),
        ("seq", seq.map(Value::from)),
        ("code", Some(fault.row.code.into())),
        ("message", Some(fault.message.as_str().into())),
        ("field", fault.field.as_deref().map(Value::from)),
        ("retry_after_ms", fault.retry_after_ms.map(Value::from)),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            message[name] = value;
        }
    }
    message.to_string()
}

/// An event of a chat; `None` for what is not told (a task's raw text, which the composed answer contains).
pub(super) fn event(id: &str, seq: u64, event: &Event) -> Option<String> {
    let message = match event {
        Event::Planned(planned) => json!({
            "type": "plan", "id": id, "seq": seq,
            "tasks": planned.tasks.iter().map(task).collect::<Vec<_>>(),
            "embed_ms": ms(planned.embed), "plan_ms": ms(planned.plan), "route_ms": ms(planned.route),
        }),
        Event::Loading { id: task, expert, percent } => json!({
            "type": "loading", "id": id, "seq": seq,
            "task": task, "expert": candidate(expert), "percent": percent,
        }),
        Event::Started { id: task, text, expert, kept_tokens } => json!({
            "type": "started", "id": id, "seq": seq,
            "task": task, "text": text, "expert": candidate(expert), "kept_tokens": kept_tokens,
        }),
        Event::Text { .. } => return None,
        Event::Answering { text } => json!({ "type": "delta", "id": id, "seq": seq, "text": text }),
        Event::Finished(result) => {
            let mut message = json!({
                "type": "finished", "id": id, "seq": seq,
                "task": result.id, "status": status(result.status), "answer": result.result,
                "detail": result.detail, "expert": result.expert.as_ref().map(candidate),
                "finish_reason": result.finish_reason.map(reason), "usage": usage(result.usage),
                "dropped_messages": result.dropped_messages, "task_id": result.task_id.map(|id| id.to_string()),
                "first_token_ms": result.first_token.map(ms), "total_ms": ms(result.total),
            });
            if let Some(found) = &result.consensus {
                message["consensus"] = consensus(found);
            }
            message
        }
        Event::Answer(answer) => json!({
            "type": "answer", "id": id, "seq": seq,
            "text": answer.text, "finish_reason": reason(answer.finish_reason), "usage": usage(answer.usage),
            "first_token_ms": answer.first_token.map(ms), "total_ms": ms(answer.total),
        }),
    };
    Some(message.to_string())
}

fn task(planned: &PlannedTask) -> Value {
    json!({
        "id": planned.task.id, "text": planned.task.text, "depends_on": planned.task.depends_on,
        "intent": planned.reading.map(|r| r.intent.name()), "complexity": planned.reading.map(|r| r.complexity),
        "candidates": planned.candidates.iter().map(candidate).collect::<Vec<_>>(),
    })
}

fn candidate(candidate: &Candidate) -> Value {
    json!({
        "expert": candidate.advert.card.id, "peer_id": network::peer_id_text(candidate.advert.peer),
        "score": candidate.score(), "competence": candidate.factors.competence,
        "trust": candidate.factors.trust, "availability": candidate.factors.availability,
        "claim": candidate.factors.claim, "coverage": candidate.factors.coverage,
        "good": candidate.factors.outcomes.good, "bad": candidate.factors.outcomes.bad,
    })
}

fn consensus(consensus: &Consensus) -> Value {
    let opinion = |o: &Opinion| {
        json!({
            "expert": candidate(&o.expert), "answer": o.answer, "agrees": o.agrees,
            "logprob_mean": o.logprob_mean, "weight": o.weight,
        })
    };
    json!({
        "method": consensus.method.name(), "agreement": consensus.agreement,
        "opinions": consensus.opinions.iter().map(opinion).collect::<Vec<_>>(),
    })
}

fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens.saturating_add(usage.completion_tokens),
    })
}

fn status(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Done => "done",
        TaskStatus::Failed => "failed",
        TaskStatus::NoExpert => "no_expert",
        TaskStatus::Skipped => "skipped",
    }
}

fn reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
    }
}

fn ms(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::Target;

    fn asked(text: &str) -> Result<Question, Fault> {
        match read(text).map_err(|(_, fault)| fault)? {
            Request::Chat(chat) => chat.question(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn chats_become_questions() {
        let question = asked(
            r#"{"type":"chat","id":"1","prompt":"x","model":"swarm:3","options":{"seed":7,"stop":["a"],"max_tokens":9}}"#,
        )
        .unwrap();
        assert_eq!((question.experts, question.seed, question.max_tokens), (Some(3), Some(7), Some(9)));
        assert_eq!((question.stop, question.messages[0].content.as_str()), (vec!["a".to_owned()], "x"));
        let named =
            r#"{"type":"chat","id":"1","messages":[{"role":"user","content":"y"}],"model":"expert:units"}"#;
        assert_eq!(asked(named).unwrap().target, Target::Expert("units".into()));
    }

    #[test]
    fn what_is_no_message_is_told_with_the_chat_that_it_named() {
        let cases = [
            ("", None),
            ("{", None),
            ("[]", None),
            ("null", None),
            ("{}", None),
            (r#"{"type":"dance","id":"a"}"#, Some("a")),
            (r#"{"type":"chat","prompt":"x"}"#, None),
            (r#"{"type":"chat","id":"a","prompt":1}"#, Some("a")),
            (r#"{"type":"chat","id":"a","prompt":"x","colour":"red"}"#, Some("a")),
            (r#"{"type":"chat","id":"a","prompt":"x","options":{"heat":1}}"#, Some("a")),
            (r#"{"type":"cancel"}"#, None),
            (r#"{"type":"resume","session":"s","id":"a","after":-1}"#, Some("a")),
            (r#"{"type":"cancel","id":""}"#, None),
            (r#"{"type":"cancel","id":"a\u0000"}"#, None),
        ];
        for (text, expected) in cases {
            let (id, fault) = read(text).unwrap_err();
            assert_eq!((id.as_deref(), fault.row.code), (expected, "invalid"), "{text}");
        }
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(100_000));
        assert!(read(&long).unwrap_err().1.message.len() < 300);
        let too_long = " ".repeat(BYTES_MAX + 1);
        assert_eq!(read(&too_long).unwrap_err().1.row.code, "too_large");
        for model in ["", "gpt-4", "swarm:0", "swarm:x", "expert:", "expert"] {
            let text = json!({ "type": "chat", "id": "1", "prompt": "x", "model": model }).to_string();
            assert_eq!(asked(&text).unwrap_err().field.as_deref(), Some("model"), "{model}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).unwrap_err().1.row.code, "invalid");
    }
}
