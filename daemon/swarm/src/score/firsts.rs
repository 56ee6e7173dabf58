//! How soon an expert begins to answer: what is usual, and from when on it is late.

use std::collections::VecDeque;

/// First tokens that are remembered: enough for a p95, few enough to follow a machine that gets slower.
const KEPT: usize = 32;
/// First tokens from which on a p95 says something.
const KNOWN: usize = 8;
/// When an expert that is not known yet is late: people begin to wonder then.
const UNKNOWN_MS: f32 = 2_000.0;
/// What is never late: below this, a backup costs more than it saves.
const LATE_MS_MIN: f32 = 100.0;
/// Weight of the newest measurement in the moving average.
const WEIGHT: f32 = 0.3;

/// Milliseconds to an expert's latest first tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Firsts {
    mean: Option<f32>,
    latest: VecDeque<f32>,
}

impl Firsts {
    /// Takes note of one.
    pub fn note(&mut self, ms: f32) {
        let mean = self.mean.map_or(ms, |mean| mean + WEIGHT * (ms - mean));
        self.mean = Some(mean);
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(ms);
    }

    /// A moving average; None before the first.
    pub fn mean_ms(&self) -> Option<f32> {
        self.mean
    }

    /// After how many milliseconds without a first token the expert is late: its p95 (nearest rank), as far as it is known.
    pub fn late_after_ms(&self) -> f32 {
        if self.latest.len() < KNOWN {
            return UNKNOWN_MS;
        }
        let mut sorted: Vec<f32> = self.latest.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let rank = (sorted.len() * 95).div_ceil(100);
        sorted[rank.clamp(1, sorted.len()) - 1].max(LATE_MS_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_is_beyond_what_is_usual_for_this_one() {
        let mut firsts = Firsts::default();
        assert_eq!((firsts.mean_ms(), firsts.late_after_ms()), (None, UNKNOWN_MS));
        (0..20).for_each(|_| firsts.note(300.0));
        assert_eq!((firsts.mean_ms(), firsts.late_after_ms()), (Some(300.0), 300.0));
        // One in twenty is not usual, two are.
        firsts.note(900.0);
        assert_eq!(firsts.late_after_ms(), 300.0);
        firsts.note(900.0);
        assert_eq!(firsts.late_after_ms(), 900.0);
        (0..KEPT).for_each(|_| firsts.note(5.0));
        assert_eq!(firsts.late_after_ms(), LATE_MS_MIN);
    }
}
