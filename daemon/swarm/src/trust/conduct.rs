//! What a node has seen of an expert's conduct, apart from what it answers.

/// Seconds in which what was seen comes to weigh half: two weeks.
const HALF_LIFE_S: f64 = 14.0 * 24.0 * 3_600.0;
/// Good experiences that a stranger is credited with: one slip of a newcomer costs it a fifth, of an old acquaintance little.
const CREDIT: f64 = 4.0;
/// Share of the claimed speed below which a claim is a lie: other work on the machine, batching and the way over the network explain
/// a third.
const SPEED_SHARE_MIN: f32 = 0.2;
/// Tokens a second beyond which a claim is not held against anybody: nobody reads faster, and what the network and a busy machine add to
/// the fastest small models is more than their own time.
const SPEED_CLAIMED_MAX: f32 = 100.0;
/// Tokens from which on the speed of an answer can be told.
const SPEED_TOKENS_MIN: u32 = 16;

/// Good and bad experiences that fade with a half-life of two weeks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    good: f64,
    bad: f64,
    /// When they were last counted, in seconds of any clock that only goes forward.
    at_s: u64,
}

impl Tally {
    /// From what a store kept; what is no weight is nothing.
    pub fn from_parts((good, bad, at_s): (f64, f64, u64)) -> Self {
        let sound = |weight: f64| if weight.is_finite() { weight.max(0.0) } else { 0.0 };
        Self { good: sound(good), bad: sound(bad), at_s }
    }

    /// What a store keeps.
    pub fn parts(&self) -> (f64, f64, u64) {
        (self.good, self.bad, self.at_s)
    }

    /// Weights of good and bad experiences as they count now.
    pub fn at(&self, now_s: u64) -> (f64, f64) {
        // A clock that was set back fades nothing.
        let kept = (-(now_s.saturating_sub(self.at_s) as f64) / HALF_LIFE_S).exp2();
        (self.good * kept, self.bad * kept)
    }

    /// Counts one more.
    pub fn note(&mut self, good: bool, now_s: u64) {
        let (mut kept_good, mut kept_bad) = self.at(now_s);
        *(if good { &mut kept_good } else { &mut kept_bad }) += 1.0;
        *self = Self { good: kept_good, bad: kept_bad, at_s: now_s.max(self.at_s) };
    }

    /// Trust in [0, 1]: the share of good ones, where a stranger is credited with a few.
    pub fn trust(&self, now_s: u64) -> f32 {
        let (good, bad) = self.at(now_s);
        ((good + CREDIT) / (good + bad + CREDIT)) as f32
    }
}

/// How an expert has behaved towards this node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conduct {
    /// Whether it finished what it took on.
    pub reliability: Tally,
    /// Whether it was about as fast as it says.
    pub speed: Tally,
}

impl Conduct {
    /// A task came to its end: so many tokens in so many seconds from the first to the last, where so many a second were claimed.
    pub fn finished(&mut self, tokens: u32, seconds: f32, claimed: f32, now_s: u64) {
        self.reliability.note(true, now_s);
        if tokens >= SPEED_TOKENS_MIN && seconds > 0.0 && claimed.is_finite() {
            self.speed.note(
                (tokens - 1) as f32 / seconds >= SPEED_SHARE_MIN * claimed.min(SPEED_CLAIMED_MAX),
                now_s,
            );
        }
    }

    /// It broke off, fell silent, or broke the protocol. Being busy is none of these.
    pub fn failed(&mut self, now_s: u64) {
        self.reliability.note(false, now_s);
    }

    /// Trust in [0, 1] by conduct alone; 1 for a stranger.
    pub fn trust(&self, now_s: u64) -> f32 {
        self.reliability.trust(now_s) * self.speed.trust(now_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 24 * 3_600;

    #[test]
    fn a_stranger_is_trusted_until_it_fails_and_forgiven_in_time() {
        let mut conduct = Conduct::default();
        assert_eq!(conduct.trust(0), 1.0);
        conduct.failed(0);
        assert!((conduct.trust(0) - 0.8).abs() < 1e-6);
        (0..9).for_each(|_| conduct.failed(0));
        assert!(conduct.trust(0) < 0.3);
        assert!(conduct.trust(140 * DAY) > 0.99, "{}", conduct.trust(140 * DAY));
        let mut old = Conduct::default();
        (0..100).for_each(|_| old.finished(40, 1.0, 50.0, 0));
        old.failed(0);
        assert!(old.trust(0) > 0.98);
    }

    #[test]
    fn a_claimed_speed_is_held_against_what_is_seen() {
        let mut conduct = Conduct::default();
        (0..10).for_each(|_| conduct.finished(41, 2.0, 50.0, 0));
        assert_eq!(conduct.speed.at(0), (10.0, 0.0));
        (0..10).for_each(|_| conduct.finished(41, 20.0, 50.0, 0));
        assert_eq!(conduct.speed.at(0), (10.0, 10.0));
        conduct.finished(41, 1.0, 9_000.0, 0);
        assert_eq!(conduct.speed.at(0), (11.0, 10.0), "nobody reads faster");
        conduct.finished(3, 20.0, 50.0, 0);
        assert_eq!(conduct.speed.at(0), (11.0, 10.0), "three tokens tell nothing");
    }

    proptest! {
        #[test]
        fn trust_is_a_share_and_a_clock_set_back_harms_nothing(
            steps in prop::collection::vec((any::<bool>(), 0u64..100 * DAY), 0..60), now in 0u64..200 * DAY
        ) {
            let mut tally = Tally::default();
            steps.iter().for_each(|(good, at)| tally.note(*good, *at));
            let trust = tally.trust(now);
            prop_assert!((0.0..=1.0).contains(&trust));
            prop_assert_eq!(Tally::from_parts(tally.parts()), tally);
            let mut better = tally;
            better.note(true, now);
            prop_assert!(better.trust(now) >= tally.trust(now) - 1e-6);
        }
    }
}
