//! When a node is left alone: after failures in a row, for longer each time, with one try now and then (Nygard's circuit breaker).

use std::time::Duration;

/// Failures in a row after which a node is left alone.
const OPENS_AFTER: u32 = 3;
/// For how long at first, and at the most; twice as long after each try that failed.
const PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(120));
/// How long a try that was never reported on keeps others back.
const TRY_MAX: Duration = Duration::from_secs(30);

/// What is known of one node. Times are since some moment that the caller chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    failed: Duration,
    tried: Option<Duration>,
}

impl Breaker {
    /// A task came to its end, or the node said that it is busy: it is there.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It could not be reached, or broke off.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        (self.failed, self.tried) = (now, None);
    }

    /// Whether a task may go there now. Where the node was left alone long enough (half open), this one is the try, and others wait for how
    /// it ends.
    pub fn lets(&mut self, now: Duration) -> bool {
        let Some(more) = self.failures.checked_sub(OPENS_AFTER) else { return true };
        let pause = PAUSE.0.saturating_mul(1_u32.checked_shl(more).unwrap_or(u32::MAX)).min(PAUSE.1);
        let is_tried = self.tried.is_some_and(|tried| now.saturating_sub(tried) < TRY_MAX);
        if now.saturating_sub(self.failed) < pause || is_tried {
            return false;
        }
        self.tried = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_failures_one_try_at_a_time() {
        let s = Duration::from_secs;
        let mut breaker = Breaker::default();
        (0..2).for_each(|at| breaker.failed(s(at)));
        assert!(breaker.lets(s(2)));
        breaker.failed(s(2));
        assert!(!breaker.lets(s(3)));
        assert!(breaker.lets(s(4)) && !breaker.lets(s(4)), "one try");
        breaker.failed(s(5));
        assert!(!breaker.lets(s(8)) && breaker.lets(s(9)), "twice as long");
        assert!(breaker.lets(s(40)), "a try that nobody reported on");
        (0..100).for_each(|_| breaker.failed(s(50)));
        assert!(!breaker.lets(s(169)) && breaker.lets(s(170)));
        breaker.succeeded();
        assert!(breaker.lets(s(170)) && breaker.lets(s(170)));
    }
}
