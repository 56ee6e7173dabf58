//! What an offer may contain. The asker checks before it sends, the expert before it works, with these same
//! rules, so an honest asker is never told off by an expert for something it could have known.

use super::{
    CONTINUES_MAX, DEADLINE_MS_MAX, GRAMMAR_BYTES_MAX, MESSAGES_MAX, Message, OFFER_TEXT_BYTES_MAX, Offer,
    STOP_BYTES_MAX, STOP_MAX, TOKENS_MAX, TOP_LOGPROBS_MAX,
};
use crate::sampling::Settings;
use std::ops::RangeInclusive;

/// Temperatures: at 10 the distribution is flat already.
const TEMPERATURE: RangeInclusive<f32> = 0.0..=10.0;
/// Repetition penalties: at 10 a repeated token is out of the race; 0 would divide by zero.
const REPEAT_PENALTY: RangeInclusive<f32> = 0.01..=10.0;
/// Frequency and presence penalties, in logits; five times what the usual APIs allow.
const LOGIT_PENALTY: RangeInclusive<f32> = -10.0..=10.0;
/// Recent tokens the penalties look at: the sampler walks them for each token drawn.
const PENALTY_WINDOW_MAX: u32 = 8_192;

/// Which field of an offer is out of bounds, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct OfferError {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Offer {
    /// Checks every field against the limits of this module.
    pub fn check(&self) -> Result<(), OfferError> {
        check_messages(&self.messages)?;
        check_sampling(&self.sampling)?;
        ensure((1..=TOKENS_MAX).contains(&self.max_tokens), "max_tokens", "must be 1 to 131,072")?;
        ensure((1..=DEADLINE_MS_MAX).contains(&self.deadline_ms), "deadline_ms", "must be 1 to 1,800,000")?;
        let continues = self.continues.len();
        let goes_on = continues <= CONTINUES_MAX && continues < self.max_tokens as usize;
        ensure(goes_on, "continues", "must have at most 16,384 tokens, and fewer than max_tokens")?;
        ensure(self.top_logprobs <= TOP_LOGPROBS_MAX, "top_logprobs", "must be 0 to 20")?;
        check_stop(&self.stop)?;
        let grammar_fits = self.grammar.as_ref().is_none_or(|g| (1..=GRAMMAR_BYTES_MAX).contains(&g.len()));
        ensure(grammar_fits, "grammar", "must have 1 to 65,536 bytes")
    }
}

/// The bounds of a conversation.
pub(crate) fn check_messages(messages: &[Message]) -> Result<(), OfferError> {
    const FIELD: &str = "messages";
    ensure(messages.len() <= MESSAGES_MAX, FIELD, "are more than 256")?;
    let bytes: usize = messages.iter().map(|message| message.content.len()).sum();
    ensure(bytes <= OFFER_TEXT_BYTES_MAX, FIELD, "have more than 256 KiB of text")?;
    let mut roles = messages.iter().map(|message| message.role.as_str());
    let known = roles.clone().all(|role| matches!(role, "system" | "user" | "assistant"));
    ensure(known, FIELD, "have a role that is not system, user or assistant")?;
    ensure(roles.next_back() == Some("user"), FIELD, "must end with the user's")
}

/// The bounds of stop strings.
pub(crate) fn check_stop(stop: &[String]) -> Result<(), OfferError> {
    ensure(stop.len() <= STOP_MAX, "stop", "has more than 16 strings")?;
    let fit = stop.iter().all(|stop| (1..=STOP_BYTES_MAX).contains(&stop.len()));
    ensure(fit, "stop", "has an empty string or one of more than 256 bytes")
}

/// The bounds of sampler settings.
pub(crate) fn check_sampling(settings: &Settings) -> Result<(), OfferError> {
    // A range contains neither NaN nor the infinities.
    ensure(TEMPERATURE.contains(&settings.temperature), "temperature", "must be 0 to 10")?;
    ensure(settings.top_p > 0.0 && settings.top_p <= 1.0, "top_p", "must be above 0 and at most 1")?;
    ensure(REPEAT_PENALTY.contains(&settings.repeat_penalty), "repeat_penalty", "must be 0.01 to 10")?;
    ensure(LOGIT_PENALTY.contains(&settings.frequency_penalty), "frequency_penalty", "must be -10 to 10")?;
    ensure(LOGIT_PENALTY.contains(&settings.presence_penalty), "presence_penalty", "must be -10 to 10")?;
    ensure(settings.penalty_last_n <= PENALTY_WINDOW_MAX, "penalty_last_n", "must be at most 8,192")
}

fn ensure(holds: bool, field: &'static str, reason: &'static str) -> Result<(), OfferError> {
    if holds { Ok(()) } else { Err(OfferError { field, reason }) }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::tests::offer;
    use super::*;

    #[test]
    fn an_ordinary_offer_passes() {
        assert_eq!(offer().check(), Ok(()));
    }

    #[test]
    fn each_field_has_its_bounds() {
        type Spoil = fn(&mut Offer);
        let cases: &[(&str, Spoil)] = &[
            ("messages", |o| o.messages.clear()),
            ("messages", |o| o.messages[0].role = "wizard".into()),
            ("messages", |o| o.messages.push(Message { role: "assistant".into(), content: "x".into() })),
            ("messages", |o| o.messages[0].content = "x".repeat(OFFER_TEXT_BYTES_MAX + 1)),
            ("messages", |o| o.messages = vec![o.messages[0].clone(); MESSAGES_MAX + 1]),
            ("temperature", |o| o.sampling.temperature = f32::NAN),
            ("temperature", |o| o.sampling.temperature = -1.0),
            ("temperature", |o| o.sampling.temperature = f32::INFINITY),
            ("top_p", |o| o.sampling.top_p = 0.0),
            ("top_p", |o| o.sampling.top_p = f32::NAN),
            ("repeat_penalty", |o| o.sampling.repeat_penalty = 0.0),
            ("frequency_penalty", |o| o.sampling.frequency_penalty = f32::NEG_INFINITY),
            ("presence_penalty", |o| o.sampling.presence_penalty = 11.0),
            ("penalty_last_n", |o| o.sampling.penalty_last_n = u32::MAX),
            ("max_tokens", |o| o.max_tokens = 0),
            ("continues", |o| o.continues = vec![1; o.max_tokens as usize]),
            ("continues", |o| (o.max_tokens, o.continues) = (TOKENS_MAX, vec![1; CONTINUES_MAX + 1])),
            ("max_tokens", |o| o.max_tokens = u32::MAX),
            ("deadline_ms", |o| o.deadline_ms = 0),
            ("deadline_ms", |o| o.deadline_ms = DEADLINE_MS_MAX + 1),
            ("top_logprobs", |o| o.top_logprobs = TOP_LOGPROBS_MAX + 1),
            ("stop", |o| o.stop = vec!["x".into(); STOP_MAX + 1]),
            ("stop", |o| o.stop = vec![String::new()]),
            ("stop", |o| o.stop = vec!["x".repeat(STOP_BYTES_MAX + 1)]),
            ("grammar", |o| o.grammar = Some(String::new())),
            ("grammar", |o| o.grammar = Some("x".repeat(GRAMMAR_BYTES_MAX + 1))),
        ];
        for (index, (field, spoil)) in cases.iter().enumerate() {
            let mut spoilt = offer();
            spoil(&mut spoilt);
            assert_eq!(spoilt.check().map_err(|error| error.field), Err(*field), "case {index}");
        }
    }
}
