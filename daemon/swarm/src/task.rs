//! One task as data: what an asker offers an expert, what the expert reports while it works, and the hash it
//! commits to at the end. `network` carries these, `inference` is driven by them, `coordinator` joins both.
//!
//! [`Offer::check`] holds the bounds that both sides apply; a finished task is signed by a [`Commitment`] to its
//! [`transcript_hash`] and to the evidence that an audit may ask for.

mod bounds;
mod commitment;
mod transcript;

pub use bounds::OfferError;
pub(crate) use bounds::{check_messages, check_sampling, check_stop};
pub use commitment::{Backing, Commitment};
pub use transcript::{Ending, prompt_hash, running_hash, transcript_hash};

use crate::identity::Sha256Hash;
use crate::sampling::Settings;

/// Bytes of all messages of an offer together.
pub const OFFER_TEXT_BYTES_MAX: usize = 256 * 1024;
/// Messages of an offer.
pub const MESSAGES_MAX: usize = 256;
/// Stop strings of an offer.
pub const STOP_MAX: usize = 16;
/// Bytes of one stop string: a line; text is held back by as much while it might still become one.
pub const STOP_BYTES_MAX: usize = 256;
/// Tokens an offer may ask for: the longest contexts served today.
pub const TOKENS_MAX: u32 = 128 * 1024;
/// Tokens of an answer that is continued: the longest that is audited; beyond, it begins anew.
pub const CONTINUES_MAX: usize = 16 * 1024;
/// The furthest deadline of an offer, milliseconds: half an hour fills the longest answer on a slow machine,
/// and no forgotten task holds a slot for longer.
pub const DEADLINE_MS_MAX: u32 = 30 * 60 * 1_000;
/// Alternatives reported for each token.
pub const TOP_LOGPROBS_MAX: u32 = 20;
/// Bytes of a grammar: a large tool catalogue or schema; compiling it is bounded apart from that.
pub const GRAMMAR_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one token's text: the longest runs of spaces and dashes in today's vocabularies have 128.
pub const PIECE_BYTES_MAX: usize = 256;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The text.
    pub content: String,
}

/// What an asker wants done.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Random; names the task in receipts and audits, and decides which places of prompt and answer the expert reports.
    pub task_id: [u8; 16],
    /// Hash of the card of the expert that is asked.
    pub card: Sha256Hash,
    /// The conversation, the last turn being the user's.
    pub messages: Vec<Message>,
    /// How tokens are drawn.
    pub sampling: Settings,
    /// The random number of token i is a hash of (seed, i).
    pub seed: u64,
    /// Generated tokens at most.
    pub max_tokens: u32,
    /// Milliseconds from receipt until the task is worthless.
    pub deadline_ms: u32,
    /// The highest price accepted.
    pub price_micro_max: u64,
    /// Generation ends before any of these.
    pub stop: Vec<String>,
    /// Alternatives reported for each token, 0 for none.
    pub top_logprobs: u32,
    /// What the answer must match, in llguidance's Lark dialect.
    pub grammar: Option<String>,
    /// Whether it is nobody else's business: lengths are padded on the way, both ways, and no third node audits it.
    pub private: bool,
    /// Tokens of the answer that another expert with the same model has drawn before it broke off: the answer goes on after them, and what is
    /// reported is of what comes then. They count towards `max_tokens`.
    pub continues: Vec<u32>,
}

/// Log-probability of a drawn token and of the likeliest ones at its place (natural logarithm).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TokenLogprobs {
    /// Of the token drawn.
    pub logprob: f32,
    /// Token id and log-probability, likeliest first.
    pub top: Vec<(u32, f32)>,
    /// The bytes of the drawn token, then of each of `top`. Empty where tokens are scored, not drawn.
    pub pieces: Vec<Vec<u8>>,
}

/// Why generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// End of turn, or a stop string.
    Stop,
    /// `max_tokens` or the context was reached.
    Length,
}

/// What an expert reports, in this order: accepted, tokens, done.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskEvent {
    /// It will be done; so many tasks are before it.
    Accepted {
        /// 0 means now.
        queue_position: u32,
    },
    /// The next tokens.
    Tokens {
        /// Index of the first.
        sequence: u32,
        /// Their ids.
        ids: Vec<u32>,
        /// Their text; whole characters only.
        text: String,
        /// One for each id when asked for, else empty.
        logprobs: Vec<TokenLogprobs>,
    },
    /// Finished.
    Done {
        /// Why it ended.
        finish_reason: FinishReason,
        /// Tokens of the templated prompt.
        prompt_tokens: u32,
        /// Tokens generated.
        completion_tokens: u32,
        /// What backs it.
        backing: Backing,
    },
}

/// Why a task did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// No free slot and the queue is full.
    #[error("busy; try again in {retry_after_ms} ms")]
    Busy {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// The expert will not do this, and would not later.
    #[error("refused ({code}): {message}")]
    Refused {
        /// `unknown_expert`, `too_long`, `price`, `invalid`.
        code: String,
        /// For people.
        message: String,
    },
    /// It broke while running.
    #[error("the expert failed ({code}): {message}")]
    Failed {
        /// `deadline`, `internal`, `unloaded`.
        code: String,
        /// For people.
        message: String,
    },
    /// The expert cannot be reached, or fell silent.
    #[error("the expert is unreachable: {0}")]
    Unreachable(String),
    /// The other side broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(String),
}
