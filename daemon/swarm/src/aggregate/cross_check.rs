//! What experts' agreement says about each of them: weak evidence of quality, where nobody else will judge.
//!
//! Models that learnt from the same data share mistakes, so two that agree may both be wrong, and one that stands alone may
//! be right. So only a clear majority of independent voices counts, for a fraction of a person's verdict.

use super::Method;
use crate::identity::Sha256Hash;
use std::collections::BTreeSet;

/// What it is worth beside a person's verdict.
pub const CROSS_CHECK_WEIGHT: f32 = 0.25;
/// Independent voices below which there is no telling who is wrong.
const VOICES_MIN: usize = 3;
/// Share of the voices that must agree.
const MAJORITY: f32 = 0.6;

/// Whether agreement among these opinions (whose voice, and whether it stands behind the answer) is evidence: a vote, three
/// models or more, and a clear majority of them on one side.
pub fn is_evidence(method: Method, opinions: &[(Sha256Hash, bool)]) -> bool {
    let agreeing: BTreeSet<Sha256Hash> =
        opinions.iter().filter(|(_, agrees)| *agrees).map(|(voice, _)| *voice).collect();
    let all: BTreeSet<Sha256Hash> = opinions.iter().map(|(voice, _)| *voice).collect();
    method == Method::Vote && all.len() >= VOICES_MIN && agreeing.len() as f32 >= MAJORITY * all.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(opinions: &[(u8, bool)]) -> bool {
        let opinions: Vec<_> =
            opinions.iter().map(|(voice, agrees)| (Sha256Hash([*voice; 32]), *agrees)).collect();
        is_evidence(Method::Vote, &opinions)
    }

    #[test]
    fn only_a_clear_majority_of_different_models_tells() {
        assert!(evidence(&[(1, true), (2, true), (3, false)]));
        assert!(evidence(&[(1, true), (2, true), (3, true)]));
        assert!(!evidence(&[(1, true), (2, true)]), "two voices");
        assert!(!evidence(&[(1, true), (2, false), (3, false)]), "nobody agrees with what stands");
        assert!(!evidence(&[(1, true), (1, true), (2, false), (3, false)]), "an echo is no second voice");
        assert!(!is_evidence(Method::Centroid, &[(Sha256Hash([1; 32]), true); 3]));
    }
}
