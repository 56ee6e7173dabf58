//! What nodes say of each other, by gossip: how often, and how much of it one peer may pass on.

use libp2p::PeerId;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// How often a node repeats its own words, for those who came since; they hold for a day.
pub(super) const REPEAT_EVERY: Duration = Duration::from_secs(10 * 60);
/// How soon after somebody came they are repeated.
pub(super) const REPEAT_SOON: Duration = Duration::from_secs(2);
/// How long an endorsement may still be believed after it was taken back by somebody who was not heard.
pub(super) const REVOKED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Proofs that a node repeats.
pub(super) const ACCUSATIONS_MAX: usize = 16;
/// The shortest time between two repetitions.
pub(super) const REPEAT_PAUSE: Duration = Duration::from_secs(10);
/// Attestations that one peer may pass on in a minute: checking one costs a signature or two.
const PER_MINUTE: u32 = 240;
/// Peers whose share is counted.
const PEERS: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");

/// Counts what each peer passes on.
pub(super) struct Shares(LruCache<PeerId, (Instant, u32)>);

impl Default for Shares {
    fn default() -> Self {
        Self(LruCache::new(PEERS))
    }
}

impl Shares {
    /// Takes one of this minute's, if any is left.
    pub(super) fn take(&mut self, peer: PeerId, now: Instant) -> bool {
        let (began, taken) = self.0.get_or_insert_mut(peer, || (now, 0));
        if now.duration_since(*began) >= Duration::from_secs(60) {
            (*began, *taken) = (now, 0);
        }
        *taken += 1;
        *taken <= PER_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_passes_on_without_end() {
        let (mut shares, now, peer) = (Shares::default(), Instant::now(), PeerId::random());
        let taken = (0..PER_MINUTE + 9).filter(|_| shares.take(peer, now)).count();
        assert_eq!(taken, PER_MINUTE as usize);
        assert!(shares.take(PeerId::random(), now));
        assert!(shares.take(peer, now + Duration::from_secs(61)));
    }
}
