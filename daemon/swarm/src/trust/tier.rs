//! Reputation in a word.

use super::Conduct;
use crate::audit::{Finding, Standing};

/// Finished tasks from which on an expert is known.
const KNOWN_TASKS: f64 = 5.0;
/// Reliability below which nobody is known as anything.
const RELIABILITY_MIN: f32 = 0.8;
/// Finished tasks and audits without suspicion from which on an expert is trusted.
const TRUSTED: (f64, u32) = (100.0, 20);

/// How well an expert is known to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A stranger, or one that does not keep what it promises.
    Unknown,
    /// It has done some tasks, or is recommended by those that the owner vouches for.
    Known,
    /// Audits have shown that it runs what it claims.
    Verified,
    /// Both, for long; or its owner is trusted by this node's.
    Trusted,
}

/// Who vouches for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// This node's own owner.
    Owner,
    /// Somebody that he trusts, or one whom that one trusts, and so on ([`super::eigentrust`]).
    Recommended,
    /// Nobody who counts.
    Nobody,
}

impl Tier {
    /// Of an expert with this conduct and these audits; `words` is what others say of its node.
    pub fn of(conduct: &Conduct, audits: &Standing, words: Words, now_s: u64) -> Self {
        let (finished, _) = conduct.reliability.at(now_s);
        let finding = audits.finding();
        if finding == Finding::Fail || audits.is_suspected() || conduct.trust(now_s) < RELIABILITY_MIN {
            return Self::Unknown;
        }
        let is_proven = finding == Finding::Pass && finished >= TRUSTED.0 && audits.audits() >= TRUSTED.1;
        match finding {
            _ if words == Words::Owner || is_proven => Self::Trusted,
            Finding::Pass => Self::Verified,
            _ if finished >= KNOWN_TASKS || words == Words::Recommended => Self::Known,
            _ => Self::Unknown,
        }
    }

    /// As people and programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Known => "known",
            Self::Verified => "verified",
            Self::Trusted => "trusted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Suspicion;

    fn standing(ps: &[f64]) -> Standing {
        let mut own = Suspicion::default();
        ps.iter().for_each(|p| own.add(*p));
        Standing { own, others: Vec::new() }
    }

    fn conduct(finished: u32, failed: u32) -> Conduct {
        let mut conduct = Conduct::default();
        (0..finished).for_each(|_| conduct.finished(30, 1.0, 30.0, 0));
        (0..failed).for_each(|_| conduct.failed(0));
        conduct
    }

    #[test]
    fn tiers_are_earned_and_lost() {
        use Words::{Nobody, Owner, Recommended};
        let tier = |conduct: Conduct, ps: &[f64], words| Tier::of(&conduct, &standing(ps), words, 0);
        assert_eq!(tier(conduct(0, 0), &[], Recommended), Tier::Known);
        assert_eq!(tier(conduct(0, 0), &[], Nobody), Tier::Unknown);
        assert_eq!(tier(conduct(5, 0), &[], Nobody), Tier::Known);
        assert_eq!(tier(conduct(5, 0), &[1.0; 3], Nobody), Tier::Verified);
        assert_eq!(tier(conduct(100, 1), &[1.0; 20], Nobody), Tier::Trusted);
        assert_eq!(tier(conduct(0, 0), &[], Owner), Tier::Trusted);
        assert_eq!(tier(conduct(100, 60), &[1.0; 20], Nobody), Tier::Unknown, "it fails too often");
        assert_eq!(tier(conduct(100, 0), &[1e-12], Owner), Tier::Unknown, "nobody vouches for a cheat");
        assert!(Tier::Trusted > Tier::Verified && Tier::Known > Tier::Unknown);
    }
}
