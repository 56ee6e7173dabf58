//! Cases to tune on and cases to report: two halves of any file, told apart by the prompts themselves.
//!
//! The half is a hash's lowest bit, so that it depends neither on the order of a file nor on what else is in it, and
//! adding a case moves no other.

use crate::identity::Sha256Hash;

/// Half of a set of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Rules and numbers may be tuned on it.
    Dev,
    /// What is reported; nothing is tuned on it.
    Reported,
}

impl Half {
    /// The half that a case with this prompt belongs to: the lowest bit of the first byte of the prompt's SHA-256,
    /// 0 for [`Half::Dev`].
    pub fn of(prompt: &str) -> Self {
        if Sha256Hash::of(prompt.as_bytes()).0[0] & 1 == 0 { Self::Dev } else { Self::Reported }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_fixed_and_about_equal() {
        // SHA-256 of "abc" begins with ba, of the empty text with e3 (FIPS 180-2).
        assert_eq!((Half::of("abc"), Half::of("")), (Half::Dev, Half::Reported));
        let dev = (0..1_000).filter(|n| Half::of(&n.to_string()) == Half::Dev).count();
        assert!((450..550).contains(&dev), "{dev}");
    }
}
