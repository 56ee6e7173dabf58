//! Who is shut out: for a time because of what he did, or for good because this node's owner says so. This is the state alone;
//! [`event_loop`](super::event_loop) acts.

use libp2p::PeerId;
use lru::LruCache;
use polymath_swarm::trust::{Offence, Record};
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Peers whose offences are remembered; a flood of new identities pushes out others of its kind first.
const RECORDS: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
/// Peers shut out at once; of more, those that would be let in first are.
const OUT_MAX: usize = 4_096;

/// How often each offence was seen, since the start. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct OffenceCounts {
    counts: Arc<[AtomicU64; Offence::ALL.len()]>,
}

impl OffenceCounts {
    /// Name and number of each.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Offence::ALL
            .iter()
            .zip(self.counts.iter())
            .map(|(offence, count)| (offence.name(), count.load(Ordering::Relaxed)))
    }

    fn add(&self, offence: Offence) {
        if let Some(at) = Offence::ALL.iter().position(|other| *other == offence) {
            self.counts[at].fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The records, and who is out.
#[derive(Debug)]
pub(super) struct Bans {
    started: Instant,
    records: LruCache<PeerId, Record>,
    out: HashMap<PeerId, Instant>,
    blocked: HashSet<PeerId>,
    counts: OffenceCounts,
}

impl Bans {
    pub(super) fn new(counts: OffenceCounts, now: Instant) -> Self {
        let (out, blocked) = (HashMap::new(), HashSet::new());
        Self { started: now, records: LruCache::new(RECORDS), out, blocked, counts }
    }

    /// Takes note of an offence; says whether the peer is to be shut out now, and who makes room for it.
    pub(super) fn note(
        &mut self,
        peer: PeerId,
        offence: Offence,
        now: Instant,
    ) -> Option<(Duration, Option<PeerId>)> {
        self.counts.add(offence);
        let record = self.records.get_or_insert_mut(peer, Record::default);
        let out = record.add(offence, now.duration_since(self.started))?;
        let mut let_in = None;
        if self.out.len() >= OUT_MAX
            && let Some(first) = self.out.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer)
        {
            self.out.remove(&first);
            let_in = Some(first).filter(|first| *first != peer && !self.blocked.contains(first));
        }
        self.out.insert(peer, now + out);
        Some((out, let_in))
    }

    /// Those whose time is over, unless the owner has blocked them.
    pub(super) fn over(&mut self, now: Instant) -> Vec<PeerId> {
        let over: Vec<PeerId> =
            self.out.iter().filter(|(_, until)| **until <= now).map(|(p, _)| *p).collect();
        over.iter().for_each(|peer| _ = self.out.remove(peer));
        over.into_iter().filter(|peer| !self.blocked.contains(peer)).collect()
    }

    /// The owner's word: those that are blocked now and were not, and those that are no more.
    pub(super) fn set_blocked(&mut self, blocked: HashSet<PeerId>) -> (Vec<PeerId>, Vec<PeerId>) {
        let new = blocked.difference(&self.blocked).copied().collect();
        let let_in = self.blocked.difference(&blocked).copied();
        let let_in = let_in.filter(|peer| !self.out.contains_key(peer)).collect();
        self.blocked = blocked;
        (new, let_in)
    }

    /// Who is out for a time, and how long still.
    pub(super) fn out(&self, now: Instant) -> impl Iterator<Item = (PeerId, Duration)> {
        self.out.iter().map(move |(peer, until)| (*peer, until.saturating_duration_since(now)))
    }

    /// Whom the owner has blocked.
    pub(super) fn blocked(&self) -> impl Iterator<Item = PeerId> {
        self.blocked.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shut_out_for_a_time_or_for_good() {
        let (counts, now) = (OffenceCounts::default(), Instant::now());
        let mut bans = Bans::new(counts.clone(), now);
        let [first, second] = [PeerId::random(), PeerId::random()];
        assert_eq!(bans.note(first, Offence::Forged, now), None);
        assert_eq!(bans.note(first, Offence::Forged, now), None);
        let (out, let_in) = bans.note(first, Offence::Forged, now).unwrap();
        assert_eq!(let_in, None);
        assert_eq!(bans.out(now).count(), 1);
        assert!(bans.over(now + out / 2).is_empty());
        assert_eq!(bans.set_blocked(HashSet::from([first, second])).0.len(), 2);
        assert!(bans.over(now + out).is_empty(), "its time is over, and it is blocked all the same");
        let (new, let_in) = bans.set_blocked(HashSet::from([second]));
        assert_eq!((new, let_in), (vec![], vec![first]));
        assert!(counts.all().any(|(name, count)| (name, count) == ("forged", 3)));
    }

    #[test]
    fn of_too_many_the_first_due_are_let_in() {
        let now = Instant::now();
        let mut bans = Bans::new(OffenceCounts::default(), now);
        let mut shut_out = |at: Instant| {
            let peer = PeerId::random();
            let told = (0..3).filter_map(|_| bans.note(peer, Offence::Forged, at)).next().unwrap();
            (peer, told.1)
        };
        let (first, _) = shut_out(now);
        for _ in 1..OUT_MAX {
            assert_eq!(shut_out(now + Duration::from_secs(1)).1, None);
        }
        assert_eq!(shut_out(now + Duration::from_secs(2)).1, Some(first));
        assert_eq!(bans.out(now).count(), OUT_MAX);
    }
}
