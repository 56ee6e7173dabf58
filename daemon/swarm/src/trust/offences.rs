//! What peers do against the rules of the network, and for how long they are shut out for it.
//!
//! Points for each offence fade with a half-life of a minute, so that a single one, which may be a fault, has no consequences, and three in a row do. Time
//! comes in as an argument.

use std::time::Duration;

/// Points that shut a peer out.
const POINTS_MAX: f64 = 10.0;
/// Half-life of a point.
const HALF_LIFE: Duration = Duration::from_secs(60);
/// The first time out; each further one within a day of the last is twice as long.
const OUT_MIN: Duration = Duration::from_secs(2 * 60);
/// The longest: an address may have got a new owner, and software a new version.
const OUT_MAX: Duration = Duration::from_secs(60 * 60);
/// After this much good conduct all is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Something against the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Offence {
    /// Bytes that are no message.
    Malformed,
    /// A signature that is not the signer's, or words in another's name.
    Forged,
    /// A card or a status of its own that no honest node signs.
    FalseClaim,
    /// Words of a task out of order, out of bounds, or that do not match what was signed.
    BrokeProtocol,
    /// A stream that ended inside a frame, which a lost connection looks like too.
    CutOff,
    /// More than its share.
    Flooded,
}

impl Offence {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Malformed, Self::Forged, Self::FalseClaim, Self::BrokeProtocol, Self::CutOff, Self::Flooded];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::FalseClaim => "false_claim",
            Self::BrokeProtocol => "broke_protocol",
            Self::CutOff => "cut_off",
            Self::Flooded => "flooded",
        }
    }

    /// Three of a kind within a few seconds are enough, but for flooding, of which an eager peer does a little, and streams cut off, as an
    /// honest one's are when it dies.
    fn points(self) -> f64 {
        match self {
            Self::Malformed | Self::Forged | Self::FalseClaim | Self::BrokeProtocol => 4.0,
            Self::CutOff | Self::Flooded => 0.1,
        }
    }
}

/// A peer's record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    points: f64,
    at: Duration,
    times_out: u32,
}

impl Record {
    /// Takes an offence at this time since some start; for how long the peer is to be shut out now, if it is.
    pub fn add(&mut self, offence: Offence, now: Duration) -> Option<Duration> {
        let passed = now.saturating_sub(self.at);
        if passed >= FORGOTTEN_AFTER {
            *self = Self::default();
        }
        let halves = passed.as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.points = self.points * 0.5_f64.powf(halves) + offence.points();
        self.at = now;
        // Of three at four points each, a little has always faded.
        if self.points < POINTS_MAX {
            return None;
        }
        self.points = 0.0;
        let out = OUT_MIN.saturating_mul(1 << self.times_out.min(16)).min(OUT_MAX);
        self.times_out = self.times_out.saturating_add(1);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_in_a_row_shut_out_and_longer_each_time() {
        let mut record = Record::default();
        assert_eq!(record.add(Offence::Forged, at(10)), None);
        assert_eq!(record.add(Offence::Malformed, at(11)), None);
        assert_eq!(record.add(Offence::BrokeProtocol, at(12)), Some(OUT_MIN));
        assert_eq!(record.add(Offence::Forged, at(200)), None, "it begins anew");
        record.add(Offence::Forged, at(201));
        assert_eq!(record.add(Offence::Forged, at(202)), Some(2 * OUT_MIN));
        let mut last = Duration::ZERO;
        for n in 0..100 {
            last = record.add(Offence::Forged, at(300 + n)).unwrap_or(last);
        }
        assert_eq!(last, OUT_MAX);
        let much_later = at(500) + FORGOTTEN_AFTER;
        assert_eq!(record.add(Offence::Forged, much_later), None);
        record.add(Offence::Forged, much_later);
        assert_eq!(record.add(Offence::Forged, much_later), Some(OUT_MIN), "all was forgotten");
    }

    #[test]
    fn now_and_then_is_no_matter() {
        let mut record = Record::default();
        for minute in 0..1_000 {
            assert_eq!(record.add(Offence::Malformed, at(120 * minute)), None);
            assert_eq!(record.add(Offence::Flooded, at(120 * minute + 1)), None);
        }
        let flood =
            (0..200).find_map(|n| record.add(Offence::Flooded, at(200_000) + Duration::from_millis(n)));
        assert_eq!(flood, Some(OUT_MIN), "a flood is one");
    }
}
