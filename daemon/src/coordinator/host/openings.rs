//! What this node has committed to for others, for as long as they may challenge it.

use polymath_swarm::audit::Evidence;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::Commitment;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a task may be challenged. Askers decide at once; this leaves them time to come back when this node is busy.
const WINDOW: Duration = Duration::from_secs(60);
/// Bytes of evidence that are kept: five hundred short answers a second over the window. Where they are full this node is busy: it
/// takes nothing on that it could not answer for.
const BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of a position: twenty alternatives and what a vector costs.
const POSITION_BYTES: usize = 208;

type TaskKey = (PeerKey, [u8; 16]);

/// Commitments and their evidence, oldest first.
#[derive(Default)]
pub(super) struct Openings {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    tasks: HashMap<TaskKey, (Commitment, Evidence)>,
    order: VecDeque<(Instant, TaskKey, usize)>,
    bytes: usize,
}

impl Openings {
    /// Whether another task can be answered for.
    pub(super) fn has_room(&self) -> bool {
        let mut kept = self.kept();
        kept.forget_before(Instant::now().checked_sub(WINDOW));
        kept.bytes < BYTES_MAX
    }

    pub(super) fn keep(&self, peer: PeerKey, commitment: Commitment, evidence: Evidence) {
        let mut kept = self.kept();
        let now = Instant::now();
        kept.forget_before(now.checked_sub(WINDOW));
        let (key, bytes) = ((peer, commitment.task_id), (evidence.len() + 1) * POSITION_BYTES);
        // A peer that names two tasks alike can challenge the later one.
        kept.tasks.insert(key, (commitment, evidence));
        kept.order.push_back((now, key, bytes));
        kept.bytes += bytes;
    }

    /// What was committed to for a task of this peer.
    pub(super) fn of(&self, peer: PeerKey, task_id: [u8; 16]) -> Option<(Commitment, Evidence)> {
        self.kept().tasks.get(&(peer, task_id)).cloned()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_before(&mut self, end: Option<Instant>) {
        let Some(end) = end else { return };
        while let Some((_, key, bytes)) = self.order.pop_front_if(|(kept, _, _)| *kept < end) {
            self.tasks.remove(&key);
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::identity::Sha256Hash;

    fn commitment(task: u8) -> Commitment {
        let hash = Sha256Hash([task; 32]);
        Commitment {
            task_id: [task; 16],
            run_id: [task; 16],
            transcript: hash,
            evidence: hash,
            signature: [0; 64],
        }
    }

    #[test]
    fn a_task_is_opened_to_its_asker_alone_and_for_a_while() {
        let openings = Openings::default();
        let (asker, other) = (PeerKey([1; 32]), PeerKey([2; 32]));
        openings.keep(asker, commitment(7), Evidence::default());
        assert_eq!(openings.of(asker, [7; 16]), Some((commitment(7), Evidence::default())));
        assert_eq!(openings.of(other, [7; 16]), None);
        assert_eq!(openings.of(asker, [8; 16]), None);
        openings.kept().forget_before(Some(Instant::now() + WINDOW));
        assert_eq!(openings.of(asker, [7; 16]), None);
        assert_eq!(openings.kept().bytes, 0);
    }

    #[test]
    fn what_is_full_takes_nothing_more_and_forgets_nothing() {
        let openings = Openings::default();
        assert!(openings.has_room());
        openings.keep(PeerKey([1; 32]), commitment(7), Evidence::default());
        openings.kept().bytes = BYTES_MAX;
        assert!(!openings.has_room());
        assert!(openings.of(PeerKey([1; 32]), [7; 16]).is_some());
    }
}
