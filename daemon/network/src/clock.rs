//! The two clocks: monotonic for what we wait for, Unix time for what is signed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; 0 if the machine's clock is before that.
pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Both clocks at once.
pub(super) fn now() -> (Instant, u64) {
    (Instant::now(), unix_ms())
}
