//! The rules for what an expert reports, and the state they need. The asker applies them to distrust, the
//! expert to catch its own faults before they are signed.

use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::task::{Offer, TokenLogprobs, running_hash};

/// Bytes of text for each token offered: the longest tokens of common vocabularies are runs of 128 spaces.
const TOKEN_TEXT_BYTES_MAX: u64 = 256;

/// How far a task has come.
pub(super) struct Progress {
    tokens_max: u32,
    top_logprobs: u32,
    ids: Vec<u32>,
    running: Sha256Hash,
    text_bytes: u64,
}

/// Why a packet breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error("a packet starts at token {found}, where {expected} was due")]
    Sequence { expected: usize, found: u32 },
    #[error("an empty packet")]
    Empty,
    #[error("more tokens than the {0} that were asked for")]
    TooManyTokens(u32),
    #[error("more text than so many tokens can have")]
    TooMuchText,
    #[error("log-probabilities that do not match the tokens or the request")]
    Logprobs,
}

impl Progress {
    /// The start of what `offer` asks for.
    pub(super) fn new(offer: &Offer) -> Self {
        Self {
            tokens_max: offer
                .max_tokens
                .saturating_sub(u32::try_from(offer.continues.len()).unwrap_or(u32::MAX)),
            top_logprobs: offer.top_logprobs,
            ids: Vec::new(),
            running: Sha256Hash::default(),
            text_bytes: 0,
        }
    }

    /// Adds a packet and returns the running hash after it.
    pub(super) fn add(
        &mut self,
        sequence: u32,
        ids: &[u32],
        text: &str,
        logprobs: &[TokenLogprobs],
    ) -> Result<Sha256Hash, Violation> {
        if usize::try_from(sequence) != Ok(self.ids.len()) {
            return Err(Violation::Sequence { expected: self.ids.len(), found: sequence });
        }
        if ids.is_empty() && text.is_empty() {
            return Err(Violation::Empty);
        }
        if self.ids.len() + ids.len() > self.tokens_max as usize {
            return Err(Violation::TooManyTokens(self.tokens_max));
        }
        self.text_bytes = self.text_bytes.saturating_add(text.len() as u64);
        if self.text_bytes > u64::from(self.tokens_max) * TOKEN_TEXT_BYTES_MAX {
            return Err(Violation::TooMuchText);
        }
        let wanted = if self.top_logprobs == 0 { 0 } else { ids.len() };
        let short = logprobs.iter().all(|token| token.top.len() <= self.top_logprobs as usize);
        if logprobs.len() != wanted || !short {
            return Err(Violation::Logprobs);
        }
        self.ids.extend_from_slice(ids);
        self.running = running_hash(self.running, ids);
        Ok(self.running)
    }

    /// The ids so far.
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids
    }
}
