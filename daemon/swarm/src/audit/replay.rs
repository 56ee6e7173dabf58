//! What an auditor is given, and nothing more: not what the expert claims.

use super::{Computed, Evidence, Misfits, Position, Reported, TOP_MAX, answer_places, prompt_places};
use crate::identity::Sha256Hash;
use crate::sampling::Sampler;
use crate::task::{Message, Offer, OfferError, TokenLogprobs};

/// Tokens of an answer that is audited; longer ones are taken on trust.
pub const REPLAY_TOKENS_MAX: usize = 16_384;

/// A finished answer, to be computed again by a holder of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The model file.
    pub model: Sha256Hash,
    /// The conversation before the answer.
    pub messages: Vec<Message>,
    /// What is said to have drawn the tokens.
    pub sampler: Sampler,
    /// The task's id, which draws the places.
    pub nonce: [u8; 16],
    /// The answer's tokens; with the one that ended the turn, if one did.
    pub ids: Vec<u32>,
    /// Whether the last of them ended the turn.
    pub ended: bool,
    /// Whether a grammar restricted the draws: then they are not repeated.
    pub restricted: bool,
    /// The text ends before any of these.
    pub stop: Vec<String>,
}

impl Replay {
    /// Of an answer to `offer`; `end` is the token that is said to have ended the turn.
    pub fn of(offer: &Offer, model: Sha256Hash, answer: &[u32], end: Option<u32>) -> Self {
        Self {
            model,
            messages: offer.messages.clone(),
            sampler: Sampler { settings: offer.sampling.clone(), seed: offer.seed },
            nonce: offer.task_id,
            ids: answer.iter().copied().chain(end).collect(),
            ended: end.is_some(),
            restricted: offer.grammar.is_some(),
            stop: offer.stop.clone(),
        }
    }

    /// Checks the bounds, which are those of an offer.
    pub fn check(&self) -> Result<(), OfferError> {
        crate::task::check_messages(&self.messages)?;
        crate::task::check_sampling(&self.sampler.settings)?;
        crate::task::check_stop(&self.stop)?;
        let fits = (1..=REPLAY_TOKENS_MAX + 1).contains(&self.ids.len());
        if fits { Ok(()) } else { Err(OfferError { field: "ids", reason: "must be 1 to 16,384" }) }
    }

    /// The answer without the end of its turn.
    pub fn answer(&self) -> &[u32] {
        &self.ids[..self.ids.len() - usize::from(self.ended && !self.ids.is_empty())]
    }

    /// The places to compute, in a prompt of so many tokens.
    pub fn prompt_places(&self, prompt_tokens: u32) -> Vec<u32> {
        prompt_places(&self.nonce, prompt_tokens)
    }

    /// What is reported of log-probabilities that were computed for [`Self::prompt_places`] and every one of [`Self::ids`].
    pub fn computed(&self, scores: Scores<'_>) -> Computed {
        let Scores { prompt_tokens, prompt, ids, misfits, ends_turn, text, stopped } = scores;
        let reported = |(id, of): (u32, &TokenLogprobs)| Reported::of(id, of);
        let places = self.prompt_places(prompt_tokens);
        let of_prompt = places.into_iter().zip(prompt.iter().map(|(id, of)| reported((*id, of))));
        let answer = self.answer();
        let tokens = u32::try_from(answer.len()).unwrap_or(u32::MAX);
        let of_answer = answer_places(&self.nonce, tokens).into_iter().filter_map(|place| {
            let index = place as usize;
            Some((place, reported((*answer.get(index)?, ids.get(index)?))))
        });
        let position = |(place, reported)| Position { place, reported };
        let end = self.ids.last().zip(ids.last()).filter(|_| self.ended);
        let evidence = Evidence {
            prompt: of_prompt.map(position).collect(),
            answer: of_answer.map(position).collect(),
            end: end.map(|(id, of)| reported((*id, of))),
        };
        let mut found = Misfits::default();
        misfits.iter().for_each(|misfit| found.add(*misfit));
        let text = Sha256Hash::of(text.as_bytes());
        Computed { evidence, prompt_tokens, misfits: found, ends_turn, text, stopped }
    }
}

/// Log-probabilities that a holder of the model computed in one prefill.
#[derive(Clone, Copy, Debug)]
pub struct Scores<'a> {
    /// Tokens of the templated prompt.
    pub prompt_tokens: u32,
    /// Of the prompt's places, with the tokens there.
    pub prompt: &'a [(u32, TokenLogprobs)],
    /// Of each of [`Replay::ids`].
    pub ids: &'a [TokenLogprobs],
    /// How far each is from what the sampler draws; empty if that was not looked at.
    pub misfits: &'a [f32],
    /// Whether the last ends a turn.
    pub ends_turn: bool,
    /// The text of [`Replay::ids`], up to a stop string.
    pub text: &'a str,
    /// Whether one of those came.
    pub stopped: bool,
}

/// Alternatives to compute at each place.
pub const REPLAY_TOP: u32 = TOP_MAX as u32;
