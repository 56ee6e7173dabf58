//! What an expert commits to beside its text, and how it gathers that while it reads and writes.

use super::places::{ANSWER_PLACES, answer_slot, prompt_places};
use super::{PROMPT_PLACES, Reported};
use crate::identity::Sha256Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A reported token and where it stands: in the templated prompt, or in the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Index of the token, from 0.
    pub place: u32,
    /// What is reported of it.
    pub reported: Reported,
}

/// Log-probabilities of one task: places of the prompt and of the answer that the task's id decides, and the end of turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Of the prompt, ascending; at most [`PROMPT_PLACES`].
    pub prompt: Vec<Position>,
    /// Of the answer, ascending; at most [`ANSWER_PLACES`].
    pub answer: Vec<Position>,
    /// The end-of-turn token, where the model drew one: without it, a text could be cut off anywhere.
    pub end: Option<Reported>,
}

impl Evidence {
    /// Positions of all three.
    pub fn len(&self) -> usize {
        self.prompt.len() + self.answer.len() + usize::from(self.end.is_some())
    }

    /// Whether nothing is reported.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is reported, in the order of the text.
    pub fn reported(&self) -> Vec<Reported> {
        let placed = self.prompt.iter().chain(&self.answer).map(|position| position.reported.clone());
        placed.chain(self.end.clone()).collect()
    }

    /// The hash that is signed.
    pub fn hash(&self) -> Sha256Hash {
        let mut out = Sha256::new_with_prefix(b"polymath/1/evidence\0");
        for positions in [&self.prompt, &self.answer] {
            out.update((positions.len() as u64).to_le_bytes());
            for Position { place, reported } in positions {
                out.update(place.to_le_bytes());
                feed(&mut out, reported);
            }
        }
        out.update([u8::from(self.end.is_some())]);
        if let Some(end) = &self.end {
            feed(&mut out, end);
        }
        Sha256Hash(out.finalize().into())
    }

    /// Whether it reports exactly the places that `nonce` draws in a prompt and an answer of so many tokens, and the tokens
    /// that stand there.
    pub fn is_drawn_by(&self, nonce: &[u8; 16], prompt_tokens: u32, answer: &[u32]) -> bool {
        let of_prompt = self.prompt.iter().map(|position| position.place);
        let of_answer = self.answer.iter().map(|position| position.place);
        let tokens = u32::try_from(answer.len()).unwrap_or(u32::MAX);
        let standing = self.answer.iter().all(|p| answer.get(p.place as usize) == Some(&p.reported.id));
        standing
            && of_prompt.eq(prompt_places(nonce, prompt_tokens))
            && of_answer.eq(super::answer_places(nonce, tokens))
    }
}

fn feed(out: &mut Sha256, reported: &Reported) {
    out.update(reported.id.to_le_bytes());
    out.update(reported.steps.to_le_bytes());
    out.update((reported.top.len() as u64).to_le_bytes());
    for (id, steps) in &reported.top {
        out.update(id.to_le_bytes());
        out.update(steps.to_le_bytes());
    }
}

/// Gathers the evidence of a task as its tokens come by.
#[derive(Clone, Debug)]
pub struct Notes {
    nonce: [u8; 16],
    /// Places of the prompt, ascending.
    wanted: Vec<u32>,
    evidence: Evidence,
    /// Tokens of the answer so far.
    answered: u32,
}

impl Notes {
    /// Of a task whose templated prompt has so many tokens.
    pub fn new(nonce: [u8; 16], prompt_tokens: u32) -> Self {
        let wanted = prompt_places(&nonce, prompt_tokens);
        let prompt = Vec::with_capacity(PROMPT_PLACES);
        Self { nonce, wanted, evidence: Evidence { prompt, ..Evidence::default() }, answered: 0 }
    }

    /// The places of the prompt that are still to be noted, ascending.
    pub fn of_prompt(&self) -> &[u32] {
        &self.wanted[self.evidence.prompt.len()..]
    }

    /// Notes the next of them.
    pub fn note_prompt(&mut self, reported: Reported) {
        if let Some(&place) = self.of_prompt().first() {
            self.evidence.prompt.push(Position { place, reported });
        }
    }

    /// Notes the answer's next token, if its place is drawn.
    pub fn note_answer(&mut self, reported: impl FnOnce() -> Reported) {
        let place = self.answered;
        self.answered = self.answered.saturating_add(1);
        let Some(slot) = answer_slot(&self.nonce, place) else { return };
        let position = Position { place, reported: reported() };
        match self.evidence.answer.get_mut(slot) {
            Some(replaced) => *replaced = position,
            None => self.evidence.answer.push(position),
        }
    }

    /// Notes the end of the turn.
    pub fn note_end(&mut self, reported: Reported) {
        self.evidence.end = Some(reported);
    }

    /// All of it.
    pub fn finish(mut self) -> Evidence {
        self.evidence.answer.sort_unstable_by_key(|position| position.place);
        debug_assert!(self.evidence.answer.len() <= ANSWER_PLACES);
        self.evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reported(id: u32) -> Reported {
        Reported { id, steps: 7, top: vec![(id, 7), (id + 1, 900)] }
    }

    fn gathered(nonce: [u8; 16], prompt_tokens: u32, answer: &[u32]) -> Evidence {
        let mut notes = Notes::new(nonce, prompt_tokens);
        while let Some(place) = notes.of_prompt().first().copied() {
            notes.note_prompt(reported(place));
        }
        answer.iter().for_each(|id| notes.note_answer(|| reported(*id)));
        notes.note_end(reported(1));
        notes.finish()
    }

    #[test]
    fn whatever_is_reported_changes_the_hash() {
        let base = gathered([3; 16], 30, &[5, 6, 7]);
        let changes: &[fn(&mut Evidence)] = &[
            |e| e.prompt[0].place += 1,
            |e| e.prompt[0].reported.steps += 1,
            |e| e.answer[1].reported.id += 1,
            |e| e.answer[1].reported.top[1].1 += 1,
            |e| e.answer[2].reported.top[0].0 += 1,
            |e| e.answer[2].reported.top.truncate(1),
            |e| e.answer.truncate(2),
            |e| e.end = None,
            |e| {
                let moved = e.prompt.pop();
                e.answer.splice(0..0, moved);
            },
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut changed = base.clone();
            change(&mut changed);
            assert_ne!(changed.hash(), base.hash(), "change {index}");
        }
    }

    #[test]
    fn other_places_and_other_tokens_are_not_the_drawn_ones() {
        let answer: Vec<u32> = (0..700).collect();
        let evidence = gathered([3; 16], 300, &answer);
        assert_eq!((evidence.prompt.len(), evidence.answer.len()), (PROMPT_PLACES, ANSWER_PLACES));
        assert!(evidence.is_drawn_by(&[3; 16], 300, &answer));
        assert!(!evidence.is_drawn_by(&[4; 16], 300, &answer));
        assert!(!evidence.is_drawn_by(&[3; 16], 299, &answer));
        assert!(!evidence.is_drawn_by(&[3; 16], 300, &answer[..699]));
        let other: Vec<u32> = (1..701).collect();
        assert!(!evidence.is_drawn_by(&[3; 16], 300, &other));
    }

    proptest! {
        #[test]
        fn what_is_gathered_is_what_is_drawn(nonce in any::<[u8; 16]>(), prompt in 0u32..400, tokens in 0u32..900) {
            let answer: Vec<u32> = (0..tokens).map(|t| t % 90).collect();
            let evidence = gathered(nonce, prompt, &answer);
            prop_assert!(evidence.is_drawn_by(&nonce, prompt, &answer));
            prop_assert!(evidence.answer.is_sorted_by(|a, b| a.place < b.place));
        }
    }
}
