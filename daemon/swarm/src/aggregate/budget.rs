//! Which tasks get second opinions, and how many.
//!
//! `--experts N` pays for the tasks first, one expert each. What is left goes to the tasks whose first answer is the
//! least sure: so many opinions that three speak on the least sure task, then on the next, and only then more.

use super::confidence;
use crate::score;

/// Share of the best candidate's competence that a second opinion needs: more than a stand-in does (0.7), for a
/// stand-in is better than nothing, and an opinion is not. Over 200 one-task prompts of the bundled experts' trained
/// phrasings, experts of another domain reach 0.7 on 41, 0.8 on 16 and 0.9 on 7; of the 5 that routing gets wrong, the
/// right expert reaches 0.8 on 3 and 0.9 on 1.
const COMPETENCE_SHARE_MIN: f32 = 0.8;

/// Opinions beyond the first that make a majority possible.
const MAJORITY_EXTRA: usize = 2;

/// A task that could do with second opinions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// How sure its first answer is, from [`sureness`].
    pub sureness: f32,
    /// Other experts that fit it.
    pub others: usize,
}

/// Whether an expert of this competence may give a second opinion beside the best of them.
pub fn may_opine(competence: f32, best: f32) -> bool {
    score::fits(competence) && competence >= best * COMPETENCE_SHARE_MIN
}

/// How sure a first answer is, in [0, 1]: the mean token probability, times how far ahead of the next card the
/// expert's card was (from a half where the next fits as well, to 1 where nobody else comes near).
pub fn sureness(logprob_mean: Option<f32>, routing_margin: f32) -> f32 {
    let margin = if routing_margin.is_nan() { 0.0 } else { routing_margin.clamp(0.0, 1.0) };
    confidence(logprob_mean) * f32::midpoint(1.0, margin)
}

/// How far the best card is ahead of the next other one, as a share of the best's competence. `competences` are the
/// best of each card, highest first.
pub fn routing_margin(competences: &[f32]) -> f32 {
    match competences {
        [] => 0.0,
        [_] => 1.0,
        [best, next, ..] => {
            if *best > 0.0 {
                ((best - next) / best).clamp(0.0, 1.0)
            } else {
                0.0
            }
        }
    }
}

/// How many second opinions each task gets out of `spare`, in the tasks' order.
pub fn allot(needs: &[Need], spare: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    // Equally sure ones in the order asked: the sort is stable.
    order.sort_by(|a, b| needs[*a].sureness.total_cmp(&needs[*b].sureness));
    let mut given = vec![0; needs.len()];
    let mut left = spare;
    for most in [MAJORITY_EXTRA, usize::MAX] {
        for &at in &order {
            let more = most.min(needs[at].others).saturating_sub(given[at]).min(left);
            given[at] += more;
            left -= more;
        }
    }
    given
}
