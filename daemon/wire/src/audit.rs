//! Audits: protobuf to the policy crate's types and back. What comes in is bounded afterwards.

use crate::field::{CODE_BYTES_MAX, MESSAGE_BYTES_MAX, a_code, broken, exactly, for_people, hash, shortened};
use crate::task::{decode_messages, decode_settings, encode_messages, encode_settings};
use polymath_proto::v1::{self, AuditRequest, AuditResponse, audit_request, audit_response};
use polymath_swarm::audit::{
    ANSWER_PLACES, Computed, Evidence, Misfits, PROMPT_PLACES, Position, Replay, Reported, TOP_MAX,
};
use polymath_swarm::sampling::Sampler;
use polymath_swarm::task::TaskError;

/// Bytes of a request: 256 KiB of text and 16,384 tokens.
pub const REQUEST_BYTES_MAX: usize = 364 * 1024;
/// Bytes of a response: 273 positions of twenty alternatives.
pub const RESPONSE_BYTES_MAX: usize = 128 * 1024;

/// What is asked of another node.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Open what was committed to for this task.
    Challenge {
        /// As its asker named it.
        task_id: [u8; 16],
    },
    /// Compute this answer again.
    Replay(Box<Replay>),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// What was committed to.
    Opening {
        /// The evidence.
        evidence: Evidence,
        /// Of the opening; not verified here.
        signature: [u8; 64],
    },
    /// What was computed; `None` if the vocabulary has no such tokens.
    Replayed(Option<Computed>),
    /// Neither, and why.
    Declined(TaskError),
}

/// Encodes what is asked.
pub fn encode_request(request: Request) -> AuditRequest {
    let body = match request {
        Request::Challenge { task_id } => {
            audit_request::Body::Challenge(v1::Challenge { task_id: task_id.to_vec() })
        }
        Request::Replay(replay) => audit_request::Body::Replay(v1::Replay {
            model_sha256: replay.model.0.to_vec(),
            messages: encode_messages(replay.messages),
            sampling: Some(encode_settings(&replay.sampler.settings)),
            seed: replay.sampler.seed,
            nonce: replay.nonce.to_vec(),
            ids: replay.ids,
            ended: replay.ended,
            restricted: replay.restricted,
            stop: replay.stop,
        }),
    };
    AuditRequest { body: Some(body) }
}

/// Decodes what is asked.
///
/// # Errors
/// [`TaskError::Protocol`] for what is no request, or out of bounds.
pub fn decode_request(request: AuditRequest) -> Result<Request, TaskError> {
    match request.body.ok_or_else(|| broken("an empty request"))? {
        audit_request::Body::Challenge(challenge) => {
            Ok(Request::Challenge { task_id: exactly(&challenge.task_id, "task_id")? })
        }
        audit_request::Body::Replay(replay) => {
            let settings = replay.sampling.ok_or_else(|| broken("sampling is missing"))?;
            let replay = Replay {
                model: hash(&replay.model_sha256, "model_sha256")?,
                messages: decode_messages(replay.messages),
                sampler: Sampler { settings: decode_settings(settings), seed: replay.seed },
                nonce: exactly(&replay.nonce, "nonce")?,
                ids: replay.ids,
                ended: replay.ended,
                restricted: replay.restricted,
                stop: replay.stop,
            };
            replay.check().map_err(|error| broken(&error.to_string()))?;
            Ok(Request::Replay(Box::new(replay)))
        }
    }
}

/// Encodes what is answered; of errors only what is for others to know.
pub fn encode_reply(reply: Reply) -> AuditResponse {
    let body = match reply {
        Reply::Opening { evidence, signature } => audit_response::Body::Opening(v1::Opening {
            evidence: Some(encode_evidence(evidence)),
            signature: signature.to_vec(),
        }),
        Reply::Replayed(None) => audit_response::Body::Replayed(v1::Replayed::default()),
        Reply::Replayed(Some(computed)) => audit_response::Body::Replayed(v1::Replayed {
            evidence: Some(encode_evidence(computed.evidence)),
            prompt_tokens: computed.prompt_tokens,
            out_of_place: computed.misfits.out_of_place,
            beyond_doubt: computed.misfits.beyond_doubt,
            ends_turn: computed.ends_turn,
            text_sha256: computed.text.0.to_vec(),
            stopped: computed.stopped,
        }),
        Reply::Declined(TaskError::Busy { retry_after_ms }) => {
            audit_response::Body::Busy(v1::Busy { retry_after_ms })
        }
        Reply::Declined(error) => {
            let (code, message) = match error {
                TaskError::Refused { code, message } | TaskError::Failed { code, message } => (code, message),
                // What broke inside stays inside.
                _ => ("internal".to_owned(), "it could not be done".to_owned()),
            };
            let code = shortened(code, CODE_BYTES_MAX);
            audit_response::Body::Refused(v1::Refused {
                code,
                message: shortened(message, MESSAGE_BYTES_MAX),
            })
        }
    };
    AuditResponse { body: Some(body) }
}

/// The opening in an answer.
///
/// # Errors
/// Whatever the other said instead, or [`TaskError::Protocol`].
pub fn opening_of(response: AuditResponse) -> Result<(Evidence, [u8; 64]), TaskError> {
    match response.body {
        Some(audit_response::Body::Opening(opening)) => {
            let evidence = opening.evidence.ok_or_else(|| broken("an opening of nothing"))?;
            Ok((decode_evidence(evidence)?, exactly(&opening.signature, "signature")?))
        }
        other => Err(declined(other)),
    }
}

/// The computation in an answer.
///
/// # Errors
/// As [`opening_of`].
pub fn replayed_of(response: AuditResponse) -> Result<Option<Computed>, TaskError> {
    match response.body {
        Some(audit_response::Body::Replayed(replayed)) => {
            let Some(evidence) = replayed.evidence else { return Ok(None) };
            Ok(Some(Computed {
                evidence: decode_evidence(evidence)?,
                prompt_tokens: replayed.prompt_tokens,
                misfits: Misfits { out_of_place: replayed.out_of_place, beyond_doubt: replayed.beyond_doubt },
                ends_turn: replayed.ends_turn,
                text: hash(&replayed.text_sha256, "text_sha256")?,
                stopped: replayed.stopped,
            }))
        }
        other => Err(declined(other)),
    }
}

fn declined(body: Option<audit_response::Body>) -> TaskError {
    match body {
        Some(audit_response::Body::Busy(v1::Busy { retry_after_ms })) => TaskError::Busy { retry_after_ms },
        Some(audit_response::Body::Refused(v1::Refused { code, message })) => match a_code(code) {
            Ok(code) => TaskError::Refused { code, message: for_people(message) },
            Err(error) => error,
        },
        Some(_) => broken("an answer to another question"),
        None => broken("an empty response"),
    }
}

fn encode_evidence(evidence: Evidence) -> v1::Evidence {
    let all = |positions: Vec<Position>| positions.into_iter().map(|p| encode(p.place, p.reported)).collect();
    v1::Evidence {
        prompt: all(evidence.prompt),
        answer: all(evidence.answer),
        end: evidence.end.map(|reported| encode(0, reported)),
    }
}

fn encode(place: u32, Reported { id, steps, top }: Reported) -> v1::Position {
    let (top_ids, top_steps) = top.into_iter().map(|(id, steps)| (id, u32::from(steps))).unzip();
    v1::Position { place, id, steps: steps.into(), top_ids, top_steps }
}

fn decode_evidence(evidence: v1::Evidence) -> Result<Evidence, TaskError> {
    if evidence.prompt.len() > PROMPT_PLACES || evidence.answer.len() > ANSWER_PLACES {
        return Err(broken("evidence of too many places"));
    }
    let all = |positions: Vec<v1::Position>| positions.into_iter().map(decode).collect::<Result<_, _>>();
    let end = evidence.end.map(decode).transpose()?.map(|position| position.reported);
    Ok(Evidence { prompt: all(evidence.prompt)?, answer: all(evidence.answer)?, end })
}

fn decode(position: v1::Position) -> Result<Position, TaskError> {
    let v1::Position { place, id, steps, top_ids, top_steps } = position;
    if top_ids.len() != top_steps.len() || top_ids.len() > TOP_MAX {
        return Err(broken("alternatives without their log-probabilities, or too many"));
    }
    let small = |steps: u32| u16::try_from(steps).map_err(|_| broken("a log-probability out of range"));
    let top = top_ids.into_iter().zip(top_steps).map(|(id, steps)| Ok((id, small(steps)?)));
    let top = top.collect::<Result<_, TaskError>>()?;
    Ok(Position { place, reported: Reported { id, steps: small(steps)?, top } })
}

#[cfg(test)]
mod tests;
