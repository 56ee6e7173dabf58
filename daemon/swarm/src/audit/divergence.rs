//! How far what was reported is from what an auditor computes.

use crate::task::TokenLogprobs;
use serde::{Deserialize, Serialize};

/// What log-probabilities are rounded to, in nats: 1/256 would drown what tells Q8_0 from F16.
pub const STEP: f32 = 1.0 / 2_048.0;
/// Tokens of a position that are reported.
pub const TOP_MAX: usize = 20;
/// Mean divergence, in nats a token, at which a single audit is an alarm whatever the model.
pub const ALARM: f64 = 0.15;
/// Mass that all tokens but the reported ones must have to be compared: below it the sum of rounding errors is as large.
const TAIL_MIN: f64 = 2e-3;
/// Steps that fit in sixteen bits: 32 nats, a probability of 1e-14.
const STEPS_MAX: f32 = u16::MAX as f32;

/// One position as an expert commits to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// The token that stands there.
    pub id: u32,
    /// Its log-probability, in steps below zero.
    pub steps: u16,
    /// The likeliest tokens, likeliest first, likewise.
    pub top: Vec<(u32, u16)>,
}

impl Reported {
    /// Of the token `id`, rounded; what lies beyond [`TOP_MAX`] is left out.
    pub fn of(id: u32, logprobs: &TokenLogprobs) -> Self {
        let top = logprobs.top.iter().take(TOP_MAX).map(|(id, logprob)| (*id, steps(*logprob))).collect();
        Self { id, steps: steps(logprobs.logprob), top }
    }
}

/// NaN is as unlikely as can be said.
fn steps(logprob: f32) -> u16 {
    let steps = (-logprob / STEP).round();
    if steps.is_nan() { u16::MAX } else { steps.clamp(0.0, STEPS_MAX) as u16 }
}

/// Mean Kullback-Leibler divergence of the reported positions from the computed ones, in nats a token; 0 for none, infinite
/// where their numbers differ. Both are rounded alike.
///
/// Over the reported tokens and all others as one, each term as p ln(p/q) − p + q: terms that are never negative and add up to
/// the divergence where both sum to one, so that rounding, which breaks the sums, adds squares of its errors only. A token
/// that the auditor did not list has at most the probability of the last that it did, and is taken to have that.
pub fn divergence(reported: &[Reported], computed: &[Reported]) -> f64 {
    if reported.len() != computed.len() {
        return f64::INFINITY;
    }
    let sum: f64 = reported.iter().zip(computed).map(|(own, theirs)| at(own, theirs)).sum();
    sum / reported.len().max(1) as f64
}

fn at(reported: &Reported, computed: &Reported) -> f64 {
    let logprob = |steps: u16| f64::from(-f32::from(steps) * STEP);
    let least = computed.top.last().map_or(f64::NEG_INFINITY, |(_, steps)| logprob(*steps));
    let known = |id: u32| match computed.top.iter().find(|(other, _)| *other == id) {
        Some((_, steps)) => logprob(*steps),
        None if id == computed.id => logprob(computed.steps),
        None => least,
    };
    let (mut sum, mut rest) = (0.0, (1.0, 1.0));
    let listed = reported.top.iter().any(|(id, _)| *id == reported.id);
    let own = Some((reported.id, reported.steps)).filter(|_| !listed);
    for (id, steps) in reported.top.iter().copied().chain(own) {
        let (p, q) = (logprob(steps).exp(), known(id).exp());
        sum += term(p, q);
        rest = (rest.0 - p, rest.1 - q);
    }
    sum + term(rest.0.max(TAIL_MIN), rest.1.max(TAIL_MIN))
}

fn term(p: f64, q: f64) -> f64 {
    // Probabilities of 32 nats and less are not told apart.
    let (p, q) = (p.max(1e-14), q.max(1e-14));
    (p * (p / q).ln() - p + q).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position(logits: &[f32]) -> TokenLogprobs {
        let sum = logits.iter().map(|l| l.exp()).sum::<f32>().ln();
        let mut top: Vec<(u32, f32)> = (0u32..).zip(logits.iter().map(|l| l - sum)).collect();
        top.sort_by(|a, b| b.1.total_cmp(&a.1));
        top.truncate(TOP_MAX);
        TokenLogprobs { logprob: top[0].1, top, pieces: Vec::new() }
    }

    fn reported(logits: &[f32]) -> Reported {
        let position = position(logits);
        Reported::of(position.top[0].0, &position)
    }

    #[test]
    fn rounding_alone_is_next_to_nothing() {
        let logits: Vec<f32> = (0..60).map(|i| ((i * 37 % 23) as f32) / 3.0).collect();
        let shaken: Vec<f32> =
            logits.iter().zip(0..).map(|(l, i)| l + ((i * 7 % 5) as f32 - 2.0) * 1e-5).collect();
        let found = divergence(&[reported(&logits)], &[reported(&shaken)]);
        assert!(found < 1e-6, "{found}");
        let other: Vec<f32> = logits.iter().map(|l| l * 0.97).collect();
        let found = divergence(&[reported(&logits)], &[reported(&other)]);
        assert!(found > 1e-4, "{found}");
    }

    #[test]
    fn a_sure_token_hides_nothing_in_its_tail() {
        let sure = |others: f32| -> Vec<f32> {
            std::iter::once(20.0).chain(std::iter::repeat_n(others, 400)).collect()
        };
        assert!(divergence(&[reported(&sure(0.0))], &[reported(&sure(0.1))]) < 1e-7);
        assert!(divergence(&[reported(&sure(0.0))], &[reported(&sure(14.0))]) > 0.1);
    }

    #[test]
    fn positions_that_are_not_there_are_infinitely_far() {
        assert_eq!(divergence(&[reported(&[1.0, 2.0])], &[]), f64::INFINITY);
        assert_eq!(divergence(&[], &[]), 0.0);
    }

    proptest! {
        #[test]
        fn never_negative_and_zero_for_the_same(
            a in prop::collection::vec(-20.0f32..20.0, 30), b in prop::collection::vec(-20.0f32..20.0, 30)
        ) {
            prop_assert!(divergence(&[reported(&a)], &[reported(&b)]) >= 0.0);
            prop_assert!(divergence(&[reported(&a)], &[reported(&a)]) < 1e-9);
        }

        #[test]
        fn nonsense_stays_a_number(id in any::<u32>(), own in any::<f32>(), top in prop::collection::vec((any::<u32>(), any::<f32>()), 0..40)) {
            let strange = TokenLogprobs { logprob: own, top, pieces: Vec::new() };
            let found = divergence(&[Reported::of(id, &strange)], &[reported(&[0.0, 1.0])]);
            prop_assert!(found >= 0.0 && !found.is_nan());
        }
    }
}
