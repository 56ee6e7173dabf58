//! One answer out of several experts' answers to the same task.
//!
//! An [`Opinion`] is one expert's answer with what is known of it: how far its node is trusted, how well its card
//! fits, how sure the model was. [`Method::for_answers`] chooses how they become one: short answers are put to the
//! [`vote()`], long ones are given to an aggregator ([`synthesis`]) where there is one, else the one nearest to all
//! ([`centroid()`]) stands. What was decided, and who stood elsewhere, is a [`Verdict`]; nothing is dropped from it.
//! [`budget`] says which tasks get second opinions at all.
//!
//! Several tasks' answers are not merged here: they are composed in the order asked (the coordinator's `compose`).

pub mod budget;
mod centroid;
mod cross_check;
pub mod synthesis;
mod vote;

pub use centroid::centroid;
pub use cross_check::{CROSS_CHECK_WEIGHT, is_evidence};
pub use vote::{key, vote};

use crate::identity::Sha256Hash;

/// Characters up to which an answer is compared as a value: names, numbers and short phrases agree to the letter or
/// not at all, sentences hardly ever do.
pub const SHORT_CHARS_MAX: usize = 64;

/// One expert's answer to a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opinion<'a> {
    /// The result, without the working.
    pub answer: &'a str,
    /// Whose voice it is: the model's hash. The same file on two nodes says the same thing twice, and counts once.
    pub voice: Sha256Hash,
    /// How far the node is trusted, in [0, 1].
    pub trust: f32,
    /// How well the expert's card fits the task, in [0, 1].
    pub competence: f32,
    /// Mean natural log-probability of the answer's tokens, at most 0; `None` if it was not reported.
    pub logprob_mean: Option<f32>,
}

impl Opinion<'_> {
    /// What the opinion weighs beside another: trust × competence × confidence, in [0, 1]. Between equals in trust and
    /// fit a majority nearly always stands, and where all differ the surest does.
    pub fn weight(&self) -> f32 {
        share(self.trust) * share(self.competence) * confidence(self.logprob_mean)
    }
}

/// The geometric mean of the tokens' probabilities, in [0, 1]; 1 where they are unknown, so that an expert that
/// reports none is neither better nor worse than a sure one.
pub fn confidence(logprob_mean: Option<f32>) -> f32 {
    logprob_mean.map_or(1.0, |mean| share(mean.exp()))
}

fn share(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

/// How opinions become one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The answer most weight stands behind.
    Vote,
    /// The answer nearest to all of them in meaning.
    Centroid,
    /// A text that an aggregator writes from all of them.
    Synthesise,
}

impl Method {
    /// Its name in interfaces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vote => "vote",
            Self::Centroid => "centroid",
            Self::Synthesise => "synthesise",
        }
    }

    /// The method for these answers: values are voted on, and so is whatever at least two voices say alike; longer
    /// texts go to an aggregator, if one is known, or to the one nearest to all.
    pub fn for_answers(opinions: &[Opinion], has_aggregator: bool) -> Self {
        let short = opinions.iter().all(|o| is_short(o.answer));
        if short || opinions.len() < 2 || vote::is_agreed(opinions) {
            Self::Vote
        } else if has_aggregator {
            Self::Synthesise
        } else {
            Self::Centroid
        }
    }
}

/// Whether an answer is a value rather than a text.
pub fn is_short(answer: &str) -> bool {
    let answer = answer.trim();
    !answer.contains('\n') && answer.chars().count() <= SHORT_CHARS_MAX
}

/// What was decided, and who stands where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Index of the opinion whose answer stands.
    pub chosen: usize,
    /// Share of all weight behind it, in [0, 1].
    pub agreement: f32,
    /// Whether each opinion says the same as the chosen one.
    pub agrees: Vec<bool>,
}

impl Verdict {
    /// Whether anybody answered otherwise.
    pub fn is_contested(&self) -> bool {
        self.agrees.iter().any(|agrees| !agrees)
    }
}

#[cfg(test)]
mod tests;
