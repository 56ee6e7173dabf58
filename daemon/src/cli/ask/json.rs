//! `ask --json`: one object, its keys fixed by the issue that introduced it; scripts depend on them.

pub(in crate::cli) use polymath_swarm::identity::hex;
use serde_json::{Value, json};

use super::super::session::wire;
use super::transcript::{Task, Transcript};

/// The object for a question. One that failed has an `error` beside whatever was reached.
pub(super) fn answer(transcript: &Transcript) -> Value {
    let answer = transcript.answer.clone().unwrap_or_default();
    let mut object = json!({
        "answer": transcript.answer.as_ref().map(|a| a.text.clone()),
        "plan": { "tasks": transcript.tasks.iter().map(task).collect::<Vec<_>>() },
        "usage": {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "total_tokens": u64::from(answer.prompt_tokens) + u64::from(answer.completion_tokens),
        },
        "timings_ms": {
            "embed": rounded(answer.embed_ms),
            "plan": rounded(answer.plan_ms),
            "route": rounded(answer.route_ms),
            "first_token": rounded(answer.first_token_ms),
            "total": rounded(answer.total_ms),
        },
    });
    if let (Some(error), Some(object)) = (&transcript.error, object.as_object_mut()) {
        object.insert("error".into(), json!({ "code": error.code, "message": error.message }));
    }
    object
}

fn task(task: &Task) -> Value {
    let mut object = json!({
        "id": task.id,
        "text": task.text,
        "depends_on": task.depends_on,
        "intent": Some(&task.intent).filter(|intent| !intent.is_empty()),
        "complexity": task.complexity.map(rounded),
        "shown": Some(&task.shown).filter(|shown| !shown.is_empty()),
        "expert": task.expert.as_ref().map(expert),
        "score": task.expert.as_ref().map(|e| rounded(e.score)),
        "factors": task.expert.as_ref().map(factors),
        "task_id": task.finished.as_ref().filter(|f| !f.task_id.is_empty()).map(|f| hex(&f.task_id)),
        "answer": task.finished.as_ref().filter(|f| f.status == "done").map(|f| f.answer.clone()),
        "finish_reason": task.finished.as_ref().map(|f| &f.finish_reason).filter(|reason| !reason.is_empty()),
        "status": task.status(),
    });
    if let Some(found) = task.finished.as_ref().and_then(|f| f.consensus.as_ref()) {
        object["consensus"] = consensus(found);
    }
    object
}

fn consensus(consensus: &wire::Consensus) -> Value {
    let opinion = |o: &wire::Opinion| {
        json!({
            "expert": o.expert.as_ref().map(expert),
            "answer": o.answer,
            "agrees": o.agrees,
            "logprob_mean": o.logprob_mean.map(rounded),
            "weight": rounded(o.weight),
        })
    };
    json!({
        "method": consensus.method,
        "agreement": rounded(consensus.agreement),
        "opinions": consensus.opinions.iter().map(opinion).collect::<Vec<_>>(),
    })
}

/// What a score is made of.
pub(in crate::cli) fn factors(candidate: &wire::Candidate) -> Value {
    json!({
        "claim": rounded(candidate.claim),
        "good": rounded(candidate.good),
        "bad": rounded(candidate.bad),
        "competence": rounded(candidate.competence),
        "coverage": rounded(candidate.coverage),
        "trust": rounded(candidate.trust),
        "availability": rounded(candidate.availability),
    })
}

fn expert(candidate: &wire::Candidate) -> Value {
    json!({
        "id": candidate.expert,
        "peer_id": candidate.peer_id,
        "model_sha256": hex(&candidate.model_sha256),
    })
}

/// Four decimals: more would be noise of the conversion from single precision.
pub(in crate::cli) fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::chat_event::Body;

    #[test]
    fn the_object_has_the_promised_keys() {
        let mut transcript = Transcript::default();
        let candidate = wire::Candidate {
            expert: "geography".into(),
            peer_id: "12D3".into(),
            model_sha256: vec![0xab, 0x01],
            score: 0.9,
            ..wire::Candidate::default()
        };
        let planned = wire::PlannedTask {
            id: 1,
            text: "t".into(),
            intent: "facts".into(),
            complexity: Some(0.25),
            ..wire::PlannedTask::default()
        };
        transcript
            .note(&Body::Planned(wire::PlanReply { tasks: vec![planned], ..wire::PlanReply::default() }));
        transcript.note(&Body::Started(wire::TaskStarted {
            id: 1,
            text: "t".into(),
            expert: Some(candidate),
            kept_tokens: None,
        }));
        let finished = wire::TaskFinished {
            id: 1,
            answer: "Paris".into(),
            status: "done".into(),
            task_id: vec![1, 2],
            finish_reason: "length".into(),
            ..Default::default()
        };
        transcript.note(&Body::Finished(finished));
        transcript.note(&Body::Answer(wire::Answer {
            text: "Paris".into(),
            embed_ms: 2.5,
            ..Default::default()
        }));
        let expected = json!({
            "answer": "Paris",
            "plan": { "tasks": [{
                "id": 1, "text": "t", "depends_on": [], "intent": "facts", "complexity": 0.25, "shown": null,
                "expert": { "id": "geography", "peer_id": "12D3", "model_sha256": "ab01" },
                "score": 0.9, "answer": "Paris", "status": "done", "task_id": "0102", "finish_reason": "length",
                "factors": {
                    "claim": 0.0, "good": 0.0, "bad": 0.0, "competence": 0.0, "coverage": 0.0, "trust": 0.0,
                    "availability": 0.0,
                },
            }]},
            "usage": { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 },
            "timings_ms": { "embed": 2.5, "plan": 0.0, "route": 0.0, "first_token": 0.0, "total": 0.0 },
        });
        assert_eq!(answer(&transcript), expected);
        assert!(transcript.outcome().is_ok());
        transcript.note(&Body::Error(wire::ChatError {
            code: "no_expert".into(),
            message: "m".into(),
            ..Default::default()
        }));
        assert_eq!(answer(&transcript)["error"]["code"], "no_expert");
        assert!(transcript.outcome().is_err());
    }
}
