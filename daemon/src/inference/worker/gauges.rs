//! What is measured of a worker: moving averages, written by its thread and read by anyone.

use crate::inference::SlotUse;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Share of a new value in an average: about the last ten tasks count.
const SHARE: f32 = 0.2;
/// Never ask anybody to come back sooner, nor later.
pub(in crate::inference) const RETRY_MS_MIN: u32 = 20;
const RETRY_MS_MAX: u32 = 10_000;

/// The averages, as bits of floats.
#[derive(Debug, Default)]
pub(in crate::inference) struct Gauges {
    tokens_per_second: AtomicU32,
    task_ms: AtomicU32,
    /// What an answer is held to; 0 for no limit.
    limit: u32,
}

impl Gauges {
    /// Of a worker whose answers have at most this many tokens a second; 0 sets no limit.
    pub(in crate::inference) fn new(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(in crate::inference) fn record_speed(&self, tokens_per_second: f64) {
        record(&self.tokens_per_second, tokens_per_second as f32);
    }

    pub(in crate::inference) fn record_task(&self, took: Duration) {
        record(&self.task_ms, took.as_secs_f32() * 1_000.0);
    }

    pub(in crate::inference) fn tokens_per_second(&self) -> f32 {
        let measured = f32::from_bits(self.tokens_per_second.load(Ordering::Relaxed));
        if self.limit == 0 { measured } else { measured.min(self.limit as f32) }
    }

    /// How long a task takes, a moving average.
    pub(in crate::inference) fn task_time(&self) -> Duration {
        Duration::from_secs_f32(f32::from_bits(self.task_ms.load(Ordering::Relaxed)).max(0.0) / 1_000.0)
    }

    /// When a place is likely to be free: tasks end at a rate of one a mean duration and slot.
    pub(in crate::inference) fn retry_after_ms(&self, slot_use: SlotUse) -> u32 {
        let task_ms = f32::from_bits(self.task_ms.load(Ordering::Relaxed));
        let between = task_ms / slot_use.slots.max(1) as f32;
        (between as u32).clamp(RETRY_MS_MIN, RETRY_MS_MAX)
    }
}

fn record(gauge: &AtomicU32, value: f32) {
    let before = f32::from_bits(gauge.load(Ordering::Relaxed));
    let after = if before == 0.0 { value } else { before + SHARE * (value - before) };
    // One thread writes; readers may see either value.
    gauge.store(after.to_bits(), Ordering::Relaxed);
}
