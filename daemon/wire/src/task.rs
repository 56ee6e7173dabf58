//! The task protocol's frames: protobuf to the policy crate's types and back. What comes in is bounded and finite afterwards; what does
//! not convert is told apart as a reason for people.

use crate::field::{CODE_BYTES_MAX, MESSAGE_BYTES_MAX, a_code, broken, exactly, for_people, hash, shortened};
use crate::frame::{FRAME_BYTES_MAX, OFFER_BYTES_MAX};
use polymath_proto::v1::{self, TaskFrame, task_frame::Body};
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::{FinishReason, Message, Offer, PIECE_BYTES_MAX, TaskError, TokenLogprobs};
use prost::Message as _;

/// Tokens of one packet.
pub const PACKET_TOKENS_MAX: usize = 64;
/// Tokens of one packet with log-probabilities: with twenty alternatives and texts of 256 bytes each, one takes
/// 6 KB, so packets of these stay under half of a frame.
pub const PACKET_LOGPROBS_MAX: usize = 4;
/// Bytes of the text of one packet: the other half of a frame, less some room for the rest.
pub const PACKET_TEXT_BYTES_MAX: usize = FRAME_BYTES_MAX / 2 - 1_024;

/// What an asker says.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// The offer, which may still be out of bounds.
    Offer(Box<Offer>),
    /// Stop.
    Cancel,
}

/// What an expert says.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// It will.
    Accepted {
        /// Tasks before this one.
        queue_position: u32,
        /// Of a generated token, millionths of a credit.
        price_micro: u64,
    },
    /// It writes.
    Tokens(Packet),
    /// It is still there.
    Heartbeat {
        /// While it loads its model: per cent of it that are there.
        loading: Option<u8>,
    },
    /// It has finished.
    Done(Finish),
    /// Busy, refused or failed: the last word.
    Ended(TaskError),
}

/// Some tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// Index of the first of these tokens.
    pub sequence: u32,
    /// Of the tokens.
    pub ids: Vec<u32>,
    /// What they add to the text.
    pub text: String,
    /// One a token, or none.
    pub logprobs: Vec<TokenLogprobs>,
    /// Of all tokens up to the last of these.
    pub running: Sha256Hash,
}

/// A result, and what the expert commits to.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// Tokens of the templated prompt.
    pub prompt_tokens: u32,
    /// Tokens drawn.
    pub completion_tokens: u32,
    /// What was asked and answered.
    pub transcript: Sha256Hash,
    /// `None` from an expert that reports no distributions.
    pub evidence: Option<Sha256Hash>,
    /// Of this run of the task, drawn by the expert.
    pub run_id: [u8; 16],
    /// Of the four above; not verified here.
    pub signature: [u8; 64],
}

/// Encodes what an asker says; a private offer is filled up to one of few sizes.
pub fn encode_request(request: Request) -> TaskFrame {
    let is_private = matches!(&request, Request::Offer(offer) if offer.private);
    let frame = frame(match request {
        Request::Cancel => Body::Cancel(v1::Cancel {}),
        Request::Offer(offer) => Body::Offer(v1::Offer {
            task_id: offer.task_id.to_vec(),
            card_sha256: offer.card.0.to_vec(),
            messages: encode_messages(offer.messages),
            sampling: Some(encode_settings(&offer.sampling)),
            seed: offer.seed,
            max_tokens: offer.max_tokens,
            deadline_ms: offer.deadline_ms,
            price_micro_max: offer.price_micro_max,
            stop: offer.stop,
            top_logprobs: offer.top_logprobs,
            grammar: offer.grammar.unwrap_or_default(),
            continues: offer.continues,
        }),
    });
    if is_private { padded(frame, OFFER_BYTES_MAX) } else { frame }
}

/// Decodes what an asker says.
///
/// # Errors
/// [`TaskError::Protocol`] for what is none of it.
pub fn decode_request(frame: TaskFrame) -> Result<Request, TaskError> {
    match frame.body {
        Some(Body::Cancel(v1::Cancel {})) => Ok(Request::Cancel),
        Some(Body::Offer(offer)) => Ok(Request::Offer(Box::new(Offer {
            task_id: exactly(&offer.task_id, "task_id")?,
            card: hash(&offer.card_sha256, "card_sha256")?,
            messages: decode_messages(offer.messages),
            sampling: decode_settings(offer.sampling.ok_or_else(|| broken("sampling is missing"))?),
            seed: offer.seed,
            max_tokens: offer.max_tokens,
            deadline_ms: offer.deadline_ms,
            price_micro_max: offer.price_micro_max,
            stop: offer.stop,
            top_logprobs: offer.top_logprobs,
            grammar: (!offer.grammar.is_empty()).then_some(offer.grammar),
            private: !frame.padding.is_empty(),
            continues: offer.continues,
        }))),
        Some(_) => Err(broken("an asker sent an expert's frame")),
        None => Err(broken("an empty frame")),
    }
}

/// Encodes what an expert says.
pub fn encode_report(report: Report) -> TaskFrame {
    frame(match report {
        Report::Accepted { queue_position, price_micro } => {
            Body::Accepted(v1::Accepted { queue_position, price_micro })
        }
        Report::Tokens(packet) => Body::Tokens(v1::Tokens {
            sequence: packet.sequence,
            ids: packet.ids,
            text: packet.text,
            logprobs: packet.logprobs.into_iter().map(encode_logprobs).collect(),
            running_sha256: packet.running.0.to_vec(),
        }),
        Report::Heartbeat { loading } => {
            Body::Heartbeat(v1::Heartbeat { loading_percent: loading.map(u32::from) })
        }
        Report::Done(finish) => Body::Done(v1::Done {
            finish_reason: match finish.finish_reason {
                FinishReason::Stop => "stop".into(),
                FinishReason::Length => "length".into(),
            },
            prompt_tokens: finish.prompt_tokens,
            completion_tokens: finish.completion_tokens,
            transcript_sha256: finish.transcript.0.to_vec(),
            signature: finish.signature.to_vec(),
            run_id: finish.run_id.to_vec(),
            evidence_sha256: finish.evidence.map(|hash| hash.0.to_vec()).unwrap_or_default(),
        }),
        Report::Ended(error) => encode_end(error),
    })
}

/// What broke on this side of the stream is nobody else's business: the other side learns that it broke.
fn encode_end(error: TaskError) -> Body {
    let (refused, code, message) = match error {
        TaskError::Busy { retry_after_ms } => return Body::Busy(v1::Busy { retry_after_ms }),
        TaskError::Refused { code, message } => (true, code, message),
        TaskError::Failed { code, message } => (false, code, message),
        TaskError::Unreachable(_) => (false, "internal".into(), "the work broke off".into()),
        TaskError::Protocol(reason) => (false, "internal".into(), reason),
    };
    let code = shortened(code, CODE_BYTES_MAX);
    let message = shortened(message, MESSAGE_BYTES_MAX);
    if refused {
        Body::Refused(v1::Refused { code, message })
    } else {
        Body::Failed(v1::Failed { code, message })
    }
}

/// Decodes what an expert says. Whether it may be said now is for the caller to know.
///
/// # Errors
/// [`TaskError::Protocol`] for what is none of it.
pub fn decode_report(frame: TaskFrame) -> Result<Report, TaskError> {
    Ok(match frame.body {
        Some(Body::Accepted(v1::Accepted { queue_position, price_micro })) => {
            Report::Accepted { queue_position, price_micro }
        }
        Some(Body::Tokens(tokens)) => Report::Tokens(Packet {
            sequence: tokens.sequence,
            ids: tokens.ids,
            text: tokens.text,
            logprobs: tokens.logprobs.into_iter().map(decode_logprobs).collect::<Result<_, _>>()?,
            running: hash(&tokens.running_sha256, "running_sha256")?,
        }),
        Some(Body::Heartbeat(v1::Heartbeat { loading_percent })) => {
            Report::Heartbeat { loading: loading_percent.map(percent).transpose()? }
        }
        Some(Body::Done(done)) => Report::Done(Finish {
            finish_reason: match done.finish_reason.as_str() {
                "stop" => FinishReason::Stop,
                "length" => FinishReason::Length,
                _ => return Err(broken("an unknown finish_reason")),
            },
            prompt_tokens: done.prompt_tokens,
            completion_tokens: done.completion_tokens,
            transcript: hash(&done.transcript_sha256, "transcript_sha256")?,
            signature: exactly(&done.signature, "signature")?,
            run_id: exactly(&done.run_id, "run_id")?,
            evidence: match &done.evidence_sha256[..] {
                [] => None,
                bytes => Some(hash(bytes, "evidence_sha256")?),
            },
        }),
        Some(Body::Busy(v1::Busy { retry_after_ms })) => Report::Ended(TaskError::Busy { retry_after_ms }),
        Some(Body::Refused(v1::Refused { code, message })) => {
            Report::Ended(TaskError::Refused { code: a_code(code)?, message: for_people(message) })
        }
        Some(Body::Failed(v1::Failed { code, message })) => {
            Report::Ended(TaskError::Failed { code: a_code(code)?, message: for_people(message) })
        }
        Some(Body::Offer(_) | Body::Cancel(_)) => return Err(broken("an expert sent an asker's frame")),
        None => return Err(broken("an empty frame")),
    })
}

fn percent(percent: u32) -> Result<u8, TaskError> {
    u8::try_from(percent)
        .ok()
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| broken("more than 100 per cent"))
}

fn frame(body: Body) -> TaskFrame {
    TaskFrame { body: Some(body), padding: Vec::new() }
}

/// Sizes that padded frames have: multiples of this up to sixteen of it, powers of two beyond.
const PAD_BYTES: usize = 256;

/// Fills a frame up, so that its size says little of its text. A frame that cannot be filled within `bytes_max` stays as it is.
pub fn padded(mut frame: TaskFrame, bytes_max: usize) -> TaskFrame {
    /// The field's tag and a length of two bytes.
    const FIELD: usize = 3;
    /// So much padding there always is: the other side knows by it, and its length takes two bytes.
    const LEAST: usize = 128;
    let (bare, least) = (frame.encoded_len(), frame.encoded_len() + FIELD + LEAST);
    let size = least.next_multiple_of(PAD_BYTES);
    let size = if size > 16 * PAD_BYTES { size.next_power_of_two() } else { size };
    let size = size.min(bytes_max.max(least));
    frame.padding = vec![0; size - bare - FIELD];
    // A longer length takes another byte itself.
    let over = frame.encoded_len().saturating_sub(size);
    frame.padding.truncate(frame.padding.len() - over);
    frame
}

pub(crate) fn encode_messages(messages: Vec<Message>) -> Vec<v1::ChatMessage> {
    messages.into_iter().map(|Message { role, content }| v1::ChatMessage { role, content }).collect()
}

pub(crate) fn decode_messages(messages: Vec<v1::ChatMessage>) -> Vec<Message> {
    messages.into_iter().map(|v1::ChatMessage { role, content }| Message { role, content }).collect()
}

pub(crate) fn encode_settings(settings: &Settings) -> v1::SamplingSettings {
    v1::SamplingSettings {
        temperature: settings.temperature,
        top_k: settings.top_k,
        top_p: settings.top_p,
        repeat_penalty: settings.repeat_penalty,
        frequency_penalty: settings.frequency_penalty,
        presence_penalty: settings.presence_penalty,
        penalty_last_n: settings.penalty_last_n,
    }
}

pub(crate) fn decode_settings(settings: v1::SamplingSettings) -> Settings {
    Settings {
        temperature: settings.temperature,
        top_k: settings.top_k,
        top_p: settings.top_p,
        repeat_penalty: settings.repeat_penalty,
        frequency_penalty: settings.frequency_penalty,
        presence_penalty: settings.presence_penalty,
        penalty_last_n: settings.penalty_last_n,
    }
}

fn encode_logprobs(logprobs: TokenLogprobs) -> v1::TokenLogprobs {
    let (top_ids, top_logprobs) = logprobs.top.into_iter().map(|(id, p)| (id, representable(p))).unzip();
    let pieces = logprobs.pieces;
    v1::TokenLogprobs { logprob: representable(logprobs.logprob), top_ids, top_logprobs, pieces }
}

/// A token that a sampler masked has minus infinity; rounding can leave a certain one just above zero.
fn representable(logprob: f32) -> f32 {
    logprob.clamp(f32::MIN, 0.0)
}

fn decode_logprobs(logprobs: v1::TokenLogprobs) -> Result<TokenLogprobs, TaskError> {
    let v1::TokenLogprobs { logprob, top_ids, top_logprobs, pieces } = logprobs;
    if top_ids.len() != top_logprobs.len() {
        return Err(broken("alternatives without their log-probabilities"));
    }
    let proper = |p: &f32| p.is_finite() && *p <= 0.0;
    if !proper(&logprob) || !top_logprobs.iter().all(proper) {
        return Err(broken("a log-probability that is not a number of at most 0"));
    }
    if pieces.len() != top_ids.len() + 1 || pieces.iter().any(|piece| piece.len() > PIECE_BYTES_MAX) {
        return Err(broken("log-probabilities without their tokens' text, or with too long ones"));
    }
    Ok(TokenLogprobs { logprob, top: top_ids.into_iter().zip(top_logprobs).collect(), pieces })
}
