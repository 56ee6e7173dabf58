//! Protobuf to the policy crate's types and back. What comes in is bounded and finite afterwards; what does
//! not convert is told apart as a reason for people.

use super::frame::{FRAME_BYTES_MAX, OFFER_BYTES_MAX};
use polymath_proto::v1::{self, TaskFrame, task_frame::Body};
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::{FinishReason, Message, Offer, PIECE_BYTES_MAX, TaskError, TokenLogprobs};
use prost::Message as _;

/// Bytes of a code: the longest is `unknown_expert`.
pub(in crate::network) const CODE_BYTES_MAX: usize = 64;
/// Bytes of a message for people: a few lines.
pub(in crate::network) const MESSAGE_BYTES_MAX: usize = 1_024;
/// Tokens of one packet.
pub(super) const PACKET_TOKENS_MAX: usize = 64;
/// Tokens of one packet with log-probabilities: with twenty alternatives and texts of 256 bytes each, one takes
/// 6 KB, so packets of these stay under half of a frame.
pub(super) const PACKET_LOGPROBS_MAX: usize = 4;
/// Bytes of the text of one packet: the other half of a frame, less some room for the rest.
pub(super) const PACKET_TEXT_BYTES_MAX: usize = FRAME_BYTES_MAX / 2 - 1_024;

/// What an asker says.
pub(super) enum Request {
    /// The offer, which may still be out of bounds.
    Offer(Box<Offer>),
    /// Stop.
    Cancel,
}

/// What an expert says.
pub(super) enum Report {
    Accepted {
        queue_position: u32,
        price_micro: u64,
    },
    Tokens(Packet),
    Heartbeat,
    Done(Finish),
    /// Busy, refused or failed: the last word.
    Ended(TaskError),
}

/// Some tokens.
pub(super) struct Packet {
    pub(super) sequence: u32,
    pub(super) ids: Vec<u32>,
    pub(super) text: String,
    pub(super) logprobs: Vec<TokenLogprobs>,
    /// Of all tokens up to the last of these.
    pub(super) running: Sha256Hash,
}

/// A result, and what the expert commits to.
pub(super) struct Finish {
    pub(super) finish_reason: FinishReason,
    pub(super) prompt_tokens: u32,
    pub(super) completion_tokens: u32,
    pub(super) transcript: Sha256Hash,
    /// `None` from an expert that reports no distributions.
    pub(super) evidence: Option<Sha256Hash>,
    pub(super) run_id: [u8; 16],
    pub(super) signature: [u8; 64],
}

pub(super) fn encode_request(request: Request) -> TaskFrame {
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

pub(super) fn decode_request(frame: TaskFrame) -> Result<Request, TaskError> {
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

pub(super) fn encode_report(report: Report) -> TaskFrame {
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
        Report::Heartbeat => Body::Heartbeat(v1::Heartbeat {}),
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

pub(super) fn decode_report(frame: TaskFrame) -> Result<Report, TaskError> {
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
        Some(Body::Heartbeat(v1::Heartbeat {})) => Report::Heartbeat,
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

fn frame(body: Body) -> TaskFrame {
    TaskFrame { body: Some(body), padding: Vec::new() }
}

/// Sizes that padded frames have: multiples of this up to sixteen of it, powers of two beyond.
const PAD_BYTES: usize = 256;

/// Fills a frame up, so that its size says little of its text. A frame that cannot be filled within `bytes_max` stays as it is.
pub(super) fn padded(mut frame: TaskFrame, bytes_max: usize) -> TaskFrame {
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

pub(in crate::network) fn encode_messages(messages: Vec<Message>) -> Vec<v1::ChatMessage> {
    messages.into_iter().map(|Message { role, content }| v1::ChatMessage { role, content }).collect()
}

pub(in crate::network) fn decode_messages(messages: Vec<v1::ChatMessage>) -> Vec<Message> {
    messages.into_iter().map(|v1::ChatMessage { role, content }| Message { role, content }).collect()
}

pub(in crate::network) fn encode_settings(settings: &Settings) -> v1::SamplingSettings {
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

pub(in crate::network) fn decode_settings(settings: v1::SamplingSettings) -> Settings {
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

pub(in crate::network) fn hash(bytes: &[u8], field: &str) -> Result<Sha256Hash, TaskError> {
    exactly(bytes, field).map(Sha256Hash)
}

pub(in crate::network) fn exactly<const N: usize>(bytes: &[u8], field: &str) -> Result<[u8; N], TaskError> {
    bytes.try_into().map_err(|_| broken(&format!("{field} has {} bytes, not {N}", bytes.len())))
}

/// Codes are for programs: lower-case letters, digits and underscores.
pub(in crate::network) fn a_code(code: String) -> Result<String, TaskError> {
    let proper = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let fits = (1..=CODE_BYTES_MAX).contains(&code.len()) && code.bytes().all(proper);
    if fits { Ok(code) } else { Err(broken("an error code that is none")) }
}

/// A stranger's explanation ends up in logs and terminals, so it has no control characters.
pub(in crate::network) fn for_people(mut message: String) -> String {
    message.retain(|character| !character.is_control());
    shortened(message, MESSAGE_BYTES_MAX)
}

/// Cuts at a character boundary.
pub(in crate::network) fn shortened(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

fn broken(reason: &str) -> TaskError {
    TaskError::Protocol(reason.into())
}
