//! The hashes of a task, so that both sides, and later an auditor, mean the same task when they name it.
//!
//! Everything is encoded canonically before it is hashed: a label of its own for each kind of hash, integers
//! little-endian, and a length before whatever has one. Two different inputs never give the same bytes.

use super::{FinishReason, Message, Offer};
use crate::identity::Sha256Hash;
use crate::sampling::Settings;
use sha2::{Digest, Sha256};

/// Hashes a conversation: roles and contents, in order.
pub fn prompt_hash(messages: &[Message]) -> Sha256Hash {
    let mut out = Canonical::new(b"polymath/1/prompt\0");
    out.length(messages.len());
    for message in messages {
        out.bytes(message.role.as_bytes());
        out.bytes(message.content.as_bytes());
    }
    out.finish()
}

/// Continues the hash chain over generated tokens: for each id, SHA-256 of the hash so far (32 zero bytes at
/// the start, which is `Sha256Hash::default()`) and the id. So it does not matter how the tokens were packed.
pub fn running_hash(previous: Sha256Hash, ids: &[u32]) -> Sha256Hash {
    ids.iter().fold(previous, |hash, id| {
        let mut link = [0; 36];
        link[..32].copy_from_slice(&hash.0);
        link[32..].copy_from_slice(&id.to_le_bytes());
        Sha256Hash::of(&link)
    })
}

/// How a task ended, as the expert signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending<'a> {
    /// The tokens, all of them.
    pub ids: &'a [u32],
    /// Why there are no more.
    pub finish_reason: FinishReason,
    /// Tokens of the templated prompt.
    pub prompt_tokens: u32,
}

/// Hashes a finished task: the task's id, its prompt, the model, everything that decides which tokens are
/// drawn, the tokens, and how it ended. The expert signs this, see [`Commitment`](super::Commitment).
pub fn transcript_hash(offer: &Offer, model: Sha256Hash, ending: Ending<'_>) -> Sha256Hash {
    let mut out = Canonical::new(b"polymath/1/transcript-hash\0");
    out.bytes(&offer.task_id);
    out.bytes(&offer.card.0);
    out.bytes(&prompt_hash(&offer.messages).0);
    out.bytes(&model.0);
    out.settings(&offer.sampling);
    out.u64(offer.seed);
    out.u32(offer.max_tokens);
    out.length(offer.stop.len());
    for stop in &offer.stop {
        out.bytes(stop.as_bytes());
    }
    out.bytes(offer.grammar.as_deref().unwrap_or_default().as_bytes());
    out.length(offer.continues.len());
    for id in &offer.continues {
        out.u32(*id);
    }
    out.length(ending.ids.len());
    for id in ending.ids {
        out.u32(*id);
    }
    out.u32(match ending.finish_reason {
        FinishReason::Stop => 0,
        FinishReason::Length => 1,
    });
    out.u32(ending.prompt_tokens);
    out.finish()
}

/// Feeds a hash in the encoding that the module's documentation describes.
struct Canonical(Sha256);

impl Canonical {
    fn new(label: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(label))
    }

    fn u32(&mut self, value: u32) {
        self.0.update(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.update(value.to_le_bytes());
    }

    /// The wire does not carry the sign of a zero, so neither does the hash.
    fn f32(&mut self, value: f32) {
        self.u32(if value == 0.0 { 0 } else { value.to_bits() });
    }

    fn length(&mut self, length: usize) {
        self.u64(length as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.update(bytes);
    }

    fn settings(&mut self, settings: &Settings) {
        // Taken apart in full, so that a new field cannot be left out of the commitment.
        let Settings {
            temperature,
            top_k,
            top_p,
            repeat_penalty,
            frequency_penalty,
            presence_penalty,
            penalty_last_n,
        } = settings;
        self.f32(*temperature);
        self.u32(*top_k);
        self.f32(*top_p);
        self.f32(*repeat_penalty);
        self.f32(*frequency_penalty);
        self.f32(*presence_penalty);
        self.u32(*penalty_last_n);
    }

    fn finish(self) -> Sha256Hash {
        Sha256Hash(self.0.finalize().into())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(role: &str, content: &str) -> Message {
        Message { role: role.into(), content: content.into() }
    }

    /// An ordinary offer.
    pub(in super::super) fn offer() -> Offer {
        Offer {
            task_id: [1; 16],
            card: Sha256Hash([2; 32]),
            messages: vec![message("user", "What is the capital of France?")],
            sampling: Settings::default(),
            seed: 42,
            max_tokens: 64,
            deadline_ms: 10_000,
            price_micro_max: 0,
            stop: vec!["\n".into()],
            top_logprobs: 0,
            grammar: None,
            private: false,
            continues: Vec::new(),
        }
    }

    #[test]
    fn moving_text_between_fields_changes_the_prompt_hash() {
        let hashes = [
            prompt_hash(&[]),
            prompt_hash(&[message("user", "ab")]),
            prompt_hash(&[message("usera", "b")]),
            prompt_hash(&[message("user", "a"), message("user", "b")]),
            prompt_hash(&[message("", "userab")]),
        ];
        let distinct: std::collections::HashSet<_> = hashes.iter().collect();
        assert_eq!(distinct.len(), hashes.len());
    }

    fn ending(ids: &[u32]) -> Ending<'_> {
        Ending { ids, finish_reason: FinishReason::Stop, prompt_tokens: 11 }
    }

    #[test]
    fn whatever_decides_the_tokens_changes_the_transcript_hash() {
        type Change = fn(&mut Offer);
        let model = Sha256Hash([3; 32]);
        let base = transcript_hash(&offer(), model, ending(&[7, 8]));
        let changes: &[Change] = &[
            |o| o.task_id[0] ^= 1,
            |o| o.card.0[0] ^= 1,
            |o| o.messages[0].content.push('?'),
            |o| o.seed += 1,
            |o| o.max_tokens += 1,
            |o| o.stop[0].push('x'),
            |o| o.stop.clear(),
            |o| o.grammar = Some("start: /[0-9]+/".into()),
            |o| o.sampling.temperature = 0.5,
            |o| o.sampling.top_k = 1,
            |o| o.sampling.top_p = 0.5,
            |o| o.sampling.repeat_penalty = 1.1,
            |o| o.sampling.frequency_penalty = 0.1,
            |o| o.sampling.presence_penalty = 0.1,
            |o| o.sampling.penalty_last_n = 1,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut changed = offer();
            change(&mut changed);
            assert_ne!(transcript_hash(&changed, model, ending(&[7, 8])), base, "change {index}");
        }
        assert_ne!(transcript_hash(&offer(), Sha256Hash([4; 32]), ending(&[7, 8])), base);
        assert_ne!(transcript_hash(&offer(), model, ending(&[8, 7])), base);
        assert_ne!(transcript_hash(&offer(), model, ending(&[7])), base);
        let cut = Ending { finish_reason: FinishReason::Length, ..ending(&[7, 8]) };
        assert_ne!(transcript_hash(&offer(), model, cut), base);
        let longer = Ending { prompt_tokens: 12, ..ending(&[7, 8]) };
        assert_ne!(transcript_hash(&offer(), model, longer), base);
    }

    #[test]
    fn the_sign_of_zero_does_not_count() {
        let mut negative = offer();
        negative.sampling.temperature = -0.0;
        let model = Sha256Hash::default();
        assert_eq!(
            transcript_hash(&negative, model, ending(&[])),
            transcript_hash(&offer(), model, ending(&[]))
        );
    }

    /// Values that other implementations, and later versions of this one, must agree with.
    #[test]
    fn golden_values() {
        let prompt = prompt_hash(&offer().messages);
        let running = running_hash(Sha256Hash::default(), &[1, 2, 3]);
        let transcript = transcript_hash(&offer(), Sha256Hash([3; 32]), ending(&[1, 2, 3]));
        assert_eq!(prompt.to_string(), "0ccb0e15e82bde7604552311ce7ae1bc61612f8b38e6753c2eaee41d515c9197");
        assert_eq!(running.to_string(), "f2032b5b5b68166de50faefebf08f31965507f5555eb836098863a12700dade7");
        assert_eq!(
            transcript.to_string(),
            "f3f376da17d1acb703aa8254a464258b99c44b5ed41baa91991b2db1cae0805c"
        );
    }

    proptest! {
        #[test]
        fn the_running_hash_does_not_depend_on_packing(
            ids in prop::collection::vec(any::<u32>(), 0..40),
            cut in 0usize..40,
        ) {
            let (head, tail) = ids.split_at(cut.min(ids.len()));
            let start = Sha256Hash::default();
            prop_assert_eq!(running_hash(running_hash(start, head), tail), running_hash(start, &ids));
        }

        #[test]
        fn different_tokens_give_different_hashes(
            a in prop::collection::vec(0u32..4, 0..6),
            b in prop::collection::vec(0u32..4, 0..6),
        ) {
            let start = Sha256Hash::default();
            prop_assert_eq!(running_hash(start, &a) == running_hash(start, &b), a == b);
        }
    }
}
