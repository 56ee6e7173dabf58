//! How fast an answer may come: a moment before which its next token is not drawn.
//!
//! Tokens are due at a fixed distance from each other, so that a late one does not slow those after it; what was
//! missed by more than one distance (a slow reader, a busy machine) is not made up for, since a burst is what a limit
//! is there to prevent.

use std::time::{Duration, Instant};

/// The moments at which one answer's tokens are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    distance: Duration,
    due: Option<Instant>,
}

impl Pace {
    /// At most this many tokens a second; 0 sets no limit.
    pub(super) fn new(tokens_per_second: u32) -> Self {
        let distance = Duration::from_secs(1).checked_div(tokens_per_second).unwrap_or_default();
        Self { distance, due: None }
    }

    /// A token was drawn.
    pub(super) fn drawn(&mut self, now: Instant) {
        if !self.distance.is_zero() {
            // On time or up to one distance late: from when it was due. Later: from now.
            let from = self.due.filter(|due| *due + self.distance > now).unwrap_or(now);
            self.due = Some(from + self.distance);
        }
    }

    /// When the next may be drawn, if that is later than `now`.
    pub(super) fn due_after(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| *due > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_due_at_even_distances_and_bursts_are_not_made_up_for() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut pace = Pace::new(100);
        assert_eq!(pace.due_after(start), None, "the first token is free");
        pace.drawn(start);
        assert_eq!(pace.due_after(start), Some(start + ms(10)));
        assert_eq!(pace.due_after(start + ms(10)), None);
        pace.drawn(start + ms(13));
        assert_eq!(pace.due_after(start + ms(13)), Some(start + ms(20)), "late by 3 ms, and on time again");
        pace.drawn(start + ms(50));
        assert_eq!(pace.due_after(start + ms(50)), Some(start + ms(60)), "three tokens were missed for good");
    }

    #[test]
    fn no_limit_is_no_wait() {
        let mut pace = Pace::new(0);
        let now = Instant::now();
        pace.drawn(now);
        assert_eq!(pace.due_after(now), None);
    }
}
