//! What an expert says of itself: the capability card, the live status, and both together as an advert.
//!
//! A card changes rarely, is signed and is addressed by the hash of its bytes. A status is small and short
//! lived. This module holds the types and the rules by which they are believed; bytes and signatures on the
//! wire are `network`'s business.

use crate::embedding::{Int8Vector, SpaceId};
use crate::identity::{PeerKey, Sha256Hash};

/// Exemplar prompts a card may carry.
pub const EXEMPLARS_MAX: usize = 16;
/// Bytes of a description or an exemplar: a long sentence; longer ones would be cut by the encoder anyway.
pub const SENTENCE_BYTES_MAX: usize = 1_024;
/// Bytes of a short text field (id, licence, architecture, quantisation, language, ability).
pub const NAME_BYTES_MAX: usize = 64;
/// Languages and abilities a card may list.
pub const LABELS_MAX: usize = 32;
/// Bytes of an encoded card: what fits Kademlia's default packet beside its envelope.
pub const CARD_BYTES_MAX: usize = 16 * 1024 - 256;
/// Bytes of an encoded status.
pub const STATUS_BYTES_MAX: usize = 1_024;
/// Addresses a status may carry.
pub const ADDRESSES_MAX: usize = 8;
/// Clock skew between nodes that is forgiven, milliseconds.
pub const SKEW_MS_MAX: u64 = 60_000;
/// How far ahead a status may expire, milliseconds: a node that dies is forgotten after this at the latest.
pub const STATUS_LIFETIME_MS_MAX: u64 = 5 * 60_000;

/// What kind of thing answers. Knowledge bases and search indexes will follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpertKind {
    /// A language model whose file is named by its hash.
    Model,
    /// A server that its owner runs: nobody can verify what it runs, and its hash names no file.
    Service,
}

impl ExpertKind {
    /// Whether others can find out if it runs what it claims.
    pub fn is_verifiable(self) -> bool {
        self == Self::Model
    }
}

/// The model behind an expert, as its GGUF file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFacts {
    /// SHA-256 of the file.
    pub sha256: Sha256Hash,
    /// llama.cpp's architecture name, `llama` say.
    pub architecture: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Quantisation, `F16` or `Q4_K_M` say.
    pub quantisation: String,
    /// Context length in tokens that is served.
    pub context_tokens: u32,
    /// Whether flash attention is on: pinned, since it moves logits in their last bits.
    pub flash_attention: bool,
    /// Whether the KV cache is unified: pinned for the same reason.
    pub unified_kv: bool,
}

/// An expert's capability card.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Short name, unique on its node: lower-case letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// What kind of expert.
    pub kind: ExpertKind,
    /// One sentence: what it is good at.
    pub description: String,
    /// Up to [`EXEMPLARS_MAX`] prompts it answers well.
    pub exemplars: Vec<String>,
    /// The model.
    pub model: ModelFacts,
    /// SPDX licence expression of the model.
    pub licence: String,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// `chat`, `planner`, `aggregator`, `json`, `tools`, `embeddings`.
    pub abilities: Vec<String>,
    /// The space of `embeddings`.
    pub space: SpaceId,
    /// Of the description, then of each exemplar.
    pub embeddings: Vec<Int8Vector>,
    /// Sampling temperature recommended when a question does not say, 0 to 2.
    pub temperature: f32,
}

/// What is live about an expert; about 200 bytes on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The card this belongs to.
    pub card: Sha256Hash,
    /// Where the node listens: multiaddresses in their text form.
    pub addresses: Vec<String>,
    /// Tasks it can run at once.
    pub slots: u32,
    /// Of those, free now.
    pub free_slots: u32,
    /// Measured generation speed.
    pub tokens_per_second: f32,
    /// Millionths of a credit a generated token.
    pub price_micro: u64,
    /// Unix milliseconds; grows with every status.
    pub sequence: u64,
    /// Unix milliseconds after which nobody may believe this.
    pub expires: u64,
    /// The expert says goodbye.
    pub leaving: bool,
    /// Its model is not in memory: it begins once that is loaded.
    pub cold: bool,
}

/// Card and status of one expert, both verified, with the node that signed them.
#[derive(Clone, Debug, PartialEq)]
pub struct Advert {
    /// The node.
    pub peer: PeerKey,
    /// Hash of the card's signed bytes.
    pub card_hash: Sha256Hash,
    /// The card.
    pub card: std::sync::Arc<Card>,
    /// The newest status.
    pub status: Status,
}

/// Why a card or status is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field is missing, too long, too many or malformed.
    #[error("{field} is out of bounds: {reason}")]
    Bounds {
        /// The field at fault.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The embeddings belong to another space.
    #[error("the card's embedding space is not ours")]
    OtherSpace,
    /// The embeddings are not those of the card's own text.
    #[error("the card's embeddings do not match its text")]
    FalseClaim,
    /// The status is for another card.
    #[error("the status belongs to another card")]
    OtherCard,
    /// Too old.
    #[error("the status has expired")]
    Expired,
    /// From the future, or meant to live longer than allowed.
    #[error("the status is dated too far ahead")]
    TooFarAhead,
    /// Not newer than what we hold.
    #[error("the status is out of sequence")]
    OutOfSequence,
}

impl Card {
    /// Checks every bound; says which field is at fault.
    pub fn check(&self) -> Result<(), Refusal> {
        let bad = |field, reason| Err(Refusal::Bounds { field, reason });
        if self.id.is_empty() || self.id.len() > NAME_BYTES_MAX {
            return bad("id", "1 to 64 bytes");
        }
        if !self.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b)) {
            return bad("id", "lower-case letters, digits, '-', '_' and '.' only");
        }
        if !is_sentence(&self.description) {
            return bad("description", "one line of 1 to 1,024 bytes without control characters");
        }
        if self.exemplars.len() > EXEMPLARS_MAX || !self.exemplars.iter().all(|e| is_sentence(e)) {
            return bad("exemplars", "at most 16 lines of 1 to 1,024 bytes without control characters");
        }
        let names = [&self.licence, &self.model.architecture, &self.model.quantisation];
        if !names.iter().all(|n| is_name(n)) {
            return bad("licence, architecture or quantisation", "1 to 64 bytes without control characters");
        }
        let labels = self.languages.iter().chain(&self.abilities);
        if self.languages.len().max(self.abilities.len()) > LABELS_MAX || !labels.clone().all(|l| is_name(l))
        {
            return bad("languages or abilities", "at most 32 names of 1 to 64 bytes");
        }
        if self.model.context_tokens == 0 {
            return bad("context_tokens", "at least 1");
        }
        if !(0.0..=2.0).contains(&self.temperature) {
            return bad("temperature", "0 to 2");
        }
        if self.embeddings.len() != 1 + self.exemplars.len() {
            return bad("embeddings", "one for the description and one for each exemplar");
        }
        if !self.embeddings.iter().all(|e| e.restore().is_some()) {
            return bad("embeddings", "finite and not zero");
        }
        Ok(())
    }

    /// Whether the card lists `ability`.
    pub fn has_ability(&self, ability: &str) -> bool {
        self.abilities.iter().any(|a| a == ability)
    }
}

impl Status {
    /// Whether this status may be believed at `now_ms` for `card`, given the newest sequence already held.
    pub fn check(&self, card: Sha256Hash, newest_sequence: Option<u64>, now_ms: u64) -> Result<(), Refusal> {
        if self.card != card {
            return Err(Refusal::OtherCard);
        }
        if self.addresses.len() > ADDRESSES_MAX || self.free_slots > self.slots {
            return Err(Refusal::Bounds {
                field: "status",
                reason: "at most 8 addresses, free_slots within slots",
            });
        }
        if !self.tokens_per_second.is_finite() || self.tokens_per_second < 0.0 {
            return Err(Refusal::Bounds { field: "tokens_per_second", reason: "a finite number, 0 or more" });
        }
        if self.expires <= now_ms {
            return Err(Refusal::Expired);
        }
        let ahead = self.sequence > now_ms + SKEW_MS_MAX;
        if ahead || self.expires > now_ms + SKEW_MS_MAX + STATUS_LIFETIME_MS_MAX {
            return Err(Refusal::TooFarAhead);
        }
        match newest_sequence {
            Some(newest) if self.sequence <= newest => Err(Refusal::OutOfSequence),
            _ => Ok(()),
        }
    }
}

fn is_sentence(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= SENTENCE_BYTES_MAX && !text.chars().any(char::is_control)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

/// A card and a status for unit tests.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;

    pub(crate) fn card() -> Card {
        Card {
            id: "c".into(),
            kind: ExpertKind::Model,
            description: "d".into(),
            exemplars: Vec::new(),
            model: ModelFacts {
                sha256: Sha256Hash([0xab; 32]),
                architecture: "llama".into(),
                parameters: 1,
                quantisation: "F16".into(),
                context_tokens: 512,
                flash_attention: false,
                unified_kv: false,
            },
            licence: "MIT".into(),
            languages: Vec::new(),
            abilities: vec!["chat".into()],
            space: SpaceId::default(),
            embeddings: Vec::new(),
            temperature: 0.0,
        }
    }

    pub(crate) fn status(sequence: u64, expires: u64) -> Status {
        Status {
            card: Sha256Hash::default(),
            addresses: Vec::new(),
            slots: 2,
            free_slots: 1,
            tokens_per_second: 10.0,
            price_micro: 0,
            sequence,
            expires,
            leaving: false,
            cold: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::status;
    use super::*;

    #[test]
    fn a_status_is_believed_only_fresh_and_in_sequence() {
        let card = Sha256Hash::default();
        let now = 1_000_000_000;
        assert_eq!(status(now, now + 1_000).check(card, None, now), Ok(()));
        assert_eq!(status(now, now).check(card, None, now), Err(Refusal::Expired));
        assert_eq!(status(now, now + 1_000).check(card, Some(now), now), Err(Refusal::OutOfSequence));
        let future = status(now + SKEW_MS_MAX + 1, now + 1_000);
        assert_eq!(future.check(card, None, now), Err(Refusal::TooFarAhead));
        let immortal = status(now, now + SKEW_MS_MAX + STATUS_LIFETIME_MS_MAX + 1);
        assert_eq!(immortal.check(card, None, now), Err(Refusal::TooFarAhead));
        let other = status(now, now + 1_000).check(Sha256Hash::of(b"other"), None, now);
        assert_eq!(other, Err(Refusal::OtherCard));
    }
}
