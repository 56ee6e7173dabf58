//! Nodes that fail again and again are left alone for a while.

use lru::LruCache;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::score::Breaker;
use polymath_swarm::task::TaskError;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Nodes that are remembered: those that failed lately.
const NODES_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// Of every node that has failed.
pub(super) struct Breakers {
    began: Instant,
    all: Mutex<LruCache<PeerKey, Breaker>>,
}

impl Default for Breakers {
    fn default() -> Self {
        Self { began: Instant::now(), all: Mutex::new(LruCache::new(NODES_MAX)) }
    }
}

impl Breakers {
    /// Whether a task may go to this node now.
    pub(super) fn lets(&self, peer: PeerKey) -> bool {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_mut(&peer).is_none_or(|breaker| breaker.lets(self.began.elapsed()))
    }

    /// How a task there ended. Being busy, refusing and running out of time are no failures of the node.
    pub(super) fn heard(&self, peer: PeerKey, outcome: &Result<(), TaskError>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let has_failed = match outcome {
            Ok(()) | Err(TaskError::Busy { .. } | TaskError::Refused { .. }) => false,
            Err(TaskError::Failed { code, .. }) if code == "internal" || code == "stopping" => true,
            Err(TaskError::Failed { .. }) => return,
            Err(TaskError::Unreachable(_) | TaskError::Protocol(_)) => true,
        };
        if has_failed {
            all.get_or_insert_mut(peer, Breaker::default).failed(self.began.elapsed());
        } else {
            all.pop(&peer);
        }
    }
}
