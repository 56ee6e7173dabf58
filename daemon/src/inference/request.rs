//! What may be asked of a worker, and the bounds of it.

use super::{Error, Grammar};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::ledger::Priority;
use polymath_swarm::sampling::{Sampler, Settings};
use polymath_swarm::task::{
    MESSAGES_MAX, Message, OFFER_TEXT_BYTES_MAX, STOP_MAX, TOP_LOGPROBS_MAX, TokenLogprobs,
};
use tokio::time::Instant;

/// Bytes of a stop string: it is held back while it may still come, so it must stay short.
pub const STOP_BYTES_MAX: usize = 256;
/// Tokens to score in one request: the longest answer that is audited, and the end of its turn.
pub const SCORED_TOKENS_MAX: usize = 16_385;

/// A conversation to be continued.
#[derive(Clone, Debug)]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// How tokens are drawn.
    pub sampling: Settings,
    /// The random number of token i is a hash of (seed, i).
    pub seed: u64,
    /// Generated tokens at most.
    pub max_tokens: u32,
    /// When the answer is worthless; `None` waits for ever.
    pub deadline: Option<Instant>,
    /// The answer ends before any of these.
    pub stop: Vec<String>,
    /// Alternatives reported for each token, 0 for no log-probabilities at all.
    pub top_logprobs: u32,
    /// What the answer must match; compiled by [`Worker::grammar`](super::Worker::grammar) of the same model.
    pub grammar: Option<Box<Grammar>>,
    /// Draws the places of prompt and answer whose log-probabilities are noted for an audit; `None` notes nothing.
    pub nonce: Option<[u8; 16]>,
    /// Who comes first where several wait.
    pub priority: Priority,
    /// Who asks, if it is not this node itself: nobody takes all the places, and who has several tasks waits longer for each.
    pub asker: Option<PeerKey>,
    /// Tokens of the answer that were drawn elsewhere, by the same model: it goes on after them.
    pub continues: Vec<u32>,
}

impl Request {
    /// Asks one question, greedily, without a deadline.
    pub fn question(text: impl Into<String>, max_tokens: u32) -> Self {
        Self {
            messages: vec![Message { role: "user".into(), content: text.into() }],
            sampling: Settings::default(),
            seed: 0,
            max_tokens,
            deadline: None,
            stop: Vec::new(),
            top_logprobs: 0,
            grammar: None,
            nonce: None,
            priority: Priority::Owner,
            asker: None,
            continues: Vec::new(),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let s = &self.sampling;
        let finite = [s.temperature, s.top_p, s.repeat_penalty, s.frequency_penalty, s.presence_penalty];
        let fault = if self.max_tokens == 0 {
            "max_tokens must be at least 1"
        } else if self.continues.len() >= self.max_tokens as usize {
            "an answer of max_tokens does not go on"
        } else if !finite.iter().all(|n| n.is_finite()) || s.temperature < 0.0 || s.repeat_penalty <= 0.0 {
            "the sampler settings are out of bounds"
        } else if self.stop.len() > STOP_MAX
            || self.stop.iter().any(|s| s.is_empty() || s.len() > STOP_BYTES_MAX)
        {
            "stop: at most 16 strings of 1 to 256 bytes"
        } else {
            return check_shared(&self.messages, self.top_logprobs);
        };
        Err(Error::Invalid(fault.into()))
    }
}

/// Tokens whose log-probabilities are wanted, as if the model had given them as its answer.
#[derive(Clone, Debug)]
pub struct ScoreRequest {
    /// The conversation before the answer.
    pub messages: Vec<Message>,
    /// The answer's token ids.
    pub ids: Vec<u32>,
    /// Tokens of the templated prompt that are scored as well, by place, ascending; the first has none before it.
    pub prompt_places: Vec<u32>,
    /// Alternatives reported for each token.
    pub top_logprobs: u32,
    /// Settings and seed that are said to have drawn the tokens.
    pub sampler: Option<Sampler>,
    /// The text ends before any of these.
    pub stop: Vec<String>,
    /// When the result is worthless; `None` waits for ever.
    pub deadline: Option<Instant>,
}

impl ScoreRequest {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.ids.is_empty() || self.ids.len() > SCORED_TOKENS_MAX {
            return Err(Error::Invalid("score 1 to 16,385 tokens".into()));
        }
        let places = &self.prompt_places;
        if places.first() == Some(&0)
            || !places.is_sorted_by(|a, b| a < b)
            || places.len() > SCORED_TOKENS_MAX
        {
            return Err(Error::Invalid("places of the prompt ascend from 1".into()));
        }
        check_shared(&self.messages, self.top_logprobs)
    }
}

/// Log-probabilities of given tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// Of the prompt's tokens that were asked for, with their ids.
    pub prompt: Vec<(u32, TokenLogprobs)>,
    /// Of the answer's.
    pub answer: Vec<TokenLogprobs>,
    /// How far each of the answer's tokens is from what the sampler draws, if there is one.
    pub misfits: Vec<f32>,
    /// Tokens of the templated prompt.
    pub prompt_tokens: u32,
    /// Whether the last token ends a turn.
    pub ends_turn: bool,
    /// The answer's text, up to a stop string.
    pub text: String,
    /// Whether one of those came.
    pub stopped: bool,
}

fn check_shared(messages: &[Message], top_logprobs: u32) -> Result<(), Error> {
    check_messages(messages)?;
    if top_logprobs > TOP_LOGPROBS_MAX {
        return Err(Error::Invalid("top_logprobs must be at most 20".into()));
    }
    Ok(())
}

pub(super) fn check_messages(messages: &[Message]) -> Result<(), Error> {
    let bytes: usize = messages.iter().map(|m| m.role.len() + m.content.len()).sum();
    if messages.is_empty() || messages.len() > MESSAGES_MAX || bytes > OFFER_TEXT_BYTES_MAX {
        return Err(Error::Invalid("1 to 256 messages of 256 KiB together".into()));
    }
    Ok(())
}
