//! What REST's extension events and WebSocket's messages say of a question, as events. Fields that are missing are
//! empty, fields that are not known are passed over: a newer node is still understood.

use crate::answer::{
    Answer, Candidate, Consensus, Event, FinishReason, Finished, Opinion, Plan, PlannedTask, TaskStatus,
    Timings, Usage,
};
use crate::error::{Error, Refusal};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// A value, or its default if it is missing or of another shape.
pub(crate) fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_default()
}

/// The event of this kind, if it is known.
pub(crate) fn event(kind: &str, value: &Value) -> Option<Event> {
    match kind {
        "plan" | "planned" => Some(Event::Planned(plan(value.get("plan").unwrap_or(value)))),
        "loading" => Some(Event::Loading {
            id: task_id(value)?,
            expert: candidate(value.get("expert").unwrap_or(&Value::Null), value),
            percent: value.get("percent").map(read::<u32>).unwrap_or_default().min(100),
        }),
        "started" => Some(Event::Started {
            id: task_id(value)?,
            text: text(value, &["text"]),
            expert: candidate(value.get("expert").unwrap_or(&Value::Null), value),
        }),
        "delta" => Some(Event::Delta { text: text(value, &["text"]) }),
        "finished" => Some(Event::Finished(finished(value)?)),
        "answer" | "answered" => Some(Event::Answered(answer(value))),
        _ => None,
    }
}

/// A plan: its tasks with their candidates, and its times.
pub(crate) fn plan(value: &Value) -> Plan {
    let tasks = value.get("tasks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Plan { tasks: tasks.iter().map(planned).collect(), timings: timings(value) }
}

fn planned(value: &Value) -> PlannedTask {
    let candidates = value.get("candidates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // Where no candidates are listed, the one that fits best is named as the expert.
    let best = value.get("expert").filter(|e| candidates.is_empty() && !e.is_null());
    PlannedTask {
        id: task_id(value).unwrap_or_default(),
        text: text(value, &["text"]),
        depends_on: value.get("depends_on").map(read).unwrap_or_default(),
        intent: text(value, &["intent"]),
        complexity: value.get("complexity").map(read).unwrap_or_default(),
        candidates: candidates
            .iter()
            .map(|c| candidate(c.get("expert").filter(|expert| expert.is_object()).unwrap_or(c), c))
            .chain(best.map(|e| candidate(e, value)))
            .collect(),
    }
}

/// An expert as an object, or by its id, with the score and its factors inside or beside it.
fn candidate(expert: &Value, beside: &Value) -> Candidate {
    let mut read = match expert {
        Value::String(id) => Candidate { expert: id.clone(), ..Candidate::default() },
        object => read(object),
    };
    let number = |value: Option<&Value>| value.map(self::read::<f32>).unwrap_or_default();
    if read.score == 0.0 {
        read.score = number(beside.get("score"));
    }
    if let Some(factors) = expert.get("factors").or_else(|| beside.get("factors")) {
        read.competence = number(factors.get("competence"));
        read.trust = number(factors.get("trust"));
        read.availability = number(factors.get("availability"));
    }
    read
}

fn finished(value: &Value) -> Option<Finished> {
    let value = value.get("task").filter(|task| task.is_object()).unwrap_or(value);
    let milliseconds =
        |names: [&str; 2]| names.iter().find_map(|n| value.get(*n)).map(read).unwrap_or_default();
    Some(Finished {
        id: task_id(value)?,
        status: TaskStatus::read(&text(value, &["status"])),
        expert: value.get("expert").filter(|e| !e.is_null()).map(|e| candidate(e, value)),
        result: text(value, &["answer"]),
        detail: text(value, &["detail"]),
        usage: value.get("usage").map(read).unwrap_or_else(|| read(value)),
        consensus: value.get("consensus").filter(|c| c.is_object()).map(consensus),
        dropped_messages: value.get("dropped_messages").map(read).unwrap_or_default(),
        task_id: text(value, &["task_id"]),
        first_token_ms: milliseconds(["first_token_ms", "first_token"]),
        total_ms: milliseconds(["total_ms", "total"]),
    })
}

fn consensus(value: &Value) -> Consensus {
    let opinions = value.get("opinions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let opinion = |o: &Value| Opinion {
        expert: candidate(o.get("expert").unwrap_or(&Value::Null), o),
        answer: text(o, &["answer"]),
        agrees: o.get("agrees").map(read).unwrap_or_default(),
        logprob_mean: o.get("logprob_mean").map(read).unwrap_or_default(),
        weight: o.get("weight").map(read).unwrap_or_default(),
    };
    Consensus {
        method: text(value, &["method"]),
        agreement: value.get("agreement").map(read).unwrap_or_default(),
        opinions: opinions.iter().map(opinion).collect(),
    }
}

fn answer(value: &Value) -> Answer {
    Answer {
        text: text(value, &["text"]),
        tasks: Vec::new(),
        usage: value.get("usage").map(read::<Usage>).unwrap_or_default(),
        timings: timings(value),
        finish_reason: FinishReason::read(&text(value, &["finish_reason"])),
    }
}

/// Times under `timings` or `timings_ms`, or beside the other fields.
pub(crate) fn timings(value: &Value) -> Timings {
    let inside = ["timings", "timings_ms"].iter().find_map(|name| value.get(*name));
    let number = |name: &str| {
        let found = inside.and_then(|t| t.get(name).or_else(|| t.get(format!("{name}_ms"))));
        found.or_else(|| value.get(format!("{name}_ms"))).map(read::<f32>).unwrap_or_default()
    };
    Timings {
        embed_ms: number("embed"),
        plan_ms: number("plan"),
        route_ms: number("route"),
        first_token_ms: number("first_token"),
        total_ms: number("total"),
    }
}

/// The task that is meant: a WebSocket message's own `id` is the chat's.
fn task_id(value: &Value) -> Option<u32> {
    let task = value.get("task").map(|task| task.get("id").unwrap_or(task));
    let number = task.or_else(|| value.get("id"))?.as_u64()?;
    u32::try_from(number).ok()
}

fn text(value: &Value, names: &[&str]) -> String {
    let found = names.iter().find_map(|name| value.get(*name)?.as_str());
    found.unwrap_or_default().to_owned()
}

/// An error object, `{"message", "type", "param", "code"}` over REST and `{"code", "message"}` over WebSocket.
pub(crate) fn refusal(error: &Value, status: u16, retry_after: Option<Duration>) -> Error {
    let milliseconds = error.get("retry_after_ms").and_then(Value::as_u64).map(Duration::from_millis);
    let field = text(error, &["param", "field"]);
    Error::refused(Refusal {
        code: text(error, &["code"]),
        message: text(error, &["message"]),
        field: (!field.is_empty()).then_some(field),
        retry_after: milliseconds.filter(|d| !d.is_zero()).or(retry_after),
        status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_read_in_either_spelling() {
        let plan = json!({ "tasks": [{ "id": 1, "text": "t", "depends_on": [],
            "candidates": [{ "expert": "words", "score": 0.5 }] }], "timings_ms": { "plan": 1.5 } });
        let Some(Event::Planned(read)) = event("plan", &json!({ "type": "plan", "id": "1", "plan": plan }))
        else {
            panic!("no plan")
        };
        assert_eq!((read.tasks[0].candidates[0].score, read.timings.plan_ms), (0.5, 1.5));
        assert_eq!(event("plan", &plan), Some(Event::Planned(read)));
        let nested = json!({ "tasks": [{ "id": 1, "text": "t",
            "candidates": [{ "expert": { "id": "words", "peer_id": "p" }, "score": 0.5, "factors": { "trust": 1.0 } }] }] });
        let first = super::plan(&nested).tasks.remove(0).candidates.remove(0);
        assert_eq!((first.expert.as_str(), first.peer_id.as_str(), first.score), ("words", "p", 0.5));
        let started = json!({ "id": "chat", "task": 2, "text": "t", "expert": "words", "score": 0.25 });
        let Some(Event::Started { id, expert, .. }) = event("started", &started) else {
            panic!("not started")
        };
        assert_eq!((id, expert.expert.as_str(), expert.score), (2, "words", 0.25));
        let ended = json!({ "id": 2, "status": "done", "answer": "r", "score": 0.5,
            "factors": { "trust": 1.0 }, "expert": { "id": "words", "peer_id": "p" } });
        let Some(Event::Finished(ended)) = event("finished", &json!({ "choice": 0, "task": ended })) else {
            panic!("not finished")
        };
        let expert = ended.expert.unwrap();
        assert_eq!((expert.expert.as_str(), expert.score, expert.trust), ("words", 0.5, 1.0));
        assert_eq!((ended.id, ended.status, ended.result.as_str()), (2, TaskStatus::Done, "r"));
        assert_eq!(event("of_tomorrow", &json!({})), None);
    }

    #[test]
    fn opinions_are_read() {
        let opinion = json!({ "expert": { "id": "b", "peer_id": "p" }, "answer": "86", "agrees": false,
            "logprob_mean": -0.25, "weight": 0.5 });
        let consensus = json!({ "method": "vote", "agreement": 0.75, "opinions": [opinion] });
        let ended = json!({ "id": 1, "status": "done", "answer": "85", "consensus": consensus });
        let Some(Event::Finished(ended)) = event("finished", &json!({ "task": ended })) else {
            panic!("not finished")
        };
        let found = ended.consensus.unwrap();
        assert_eq!((found.method.as_str(), found.agreement), ("vote", 0.75));
        let opinion = &found.opinions[0];
        assert_eq!((opinion.answer.as_str(), opinion.agrees, opinion.weight), ("86", false, 0.5));
        assert_eq!((opinion.expert.peer_id.as_str(), opinion.logprob_mean), ("p", Some(-0.25)));
    }

    #[test]
    fn any_json_at_all_is_borne() {
        for value in [json!(null), json!([1]), json!("x"), json!({ "tasks": [[]], "id": -1, "usage": "x" })] {
            for kind in ["plan", "started", "delta", "finished", "answer", ""] {
                let _ = event(kind, &value);
            }
            assert_eq!(refusal(&value, 429, None).code(), "rate_limited");
        }
    }

    #[test]
    fn errors_keep_their_field_and_time() {
        let error =
            json!({ "message": "m", "type": "invalid_request_error", "param": "seed", "code": "invalid" });
        let Error::Invalid { field, message, .. } = refusal(&error, 400, None) else { panic!("not invalid") };
        assert_eq!((field.as_deref(), message.as_str()), (Some("seed"), "m"));
        let error = refusal(&json!({ "code": "busy" }), 503, Some(Duration::from_secs(1)));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    }
}
