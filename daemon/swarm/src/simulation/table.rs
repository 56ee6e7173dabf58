//! One node's routing table: buckets of twenty peers by the length of the prefix that their ids share with its own.
//!
//! A full bucket takes a newcomer in the place of its longest unseen peer, if that no longer answers
//! (Maymounkov & Mazières 2002). libp2p does the same by way of a pending slot. Ids are the first 64 bits
//! of the hashed ones: a million nodes share them with a chance of one in forty million.

use super::queue::Micros;

/// Peers of a bucket, answers of a walk, copies of a record: Kademlia's k, as libp2p has it.
pub(super) const K: usize = 20;

/// A peer in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) id: u64,
    pub(super) node: u32,
    /// When it was last heard of, in seconds.
    seen_s: u32,
}

/// A routing table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    own: u64,
    buckets: Vec<Vec<Peer>>,
}

impl Table {
    /// The empty table of the node with the id `own`.
    pub(super) fn new(own: u64) -> Self {
        Self { own, buckets: Vec::new() }
    }

    /// The bucket for `id`: how many leading bits it shares with the table's owner. 64 for the owner itself.
    fn place(&self, id: u64) -> usize {
        (self.own ^ id).leading_zeros() as usize
    }

    /// Notes that the peer answers. `is_alive` says whether the longest unseen peer of a full bucket does, too.
    pub(super) fn meet(&mut self, id: u64, node: u32, now: Micros, is_alive: impl Fn(u32) -> bool) {
        let place = self.place(id);
        if place >= 64 {
            return;
        }
        if self.buckets.len() <= place {
            self.buckets.resize_with(place + 1, Vec::new);
        }
        let seen_s = (now / super::queue::SECOND) as u32;
        let bucket = &mut self.buckets[place];
        if let Some(peer) = bucket.iter_mut().find(|peer| peer.node == node) {
            peer.seen_s = seen_s;
        } else if bucket.len() < K {
            bucket.push(Peer { id, node, seen_s });
        } else if let Some(oldest) = bucket.iter_mut().min_by_key(|peer| peer.seen_s) {
            if is_alive(oldest.node) {
                oldest.seen_s = seen_s;
            } else {
                *oldest = Peer { id, node, seen_s };
            }
        }
    }

    /// Takes a peer out.
    pub(super) fn forget(&mut self, id: u64) {
        let place = self.place(id);
        if let Some(bucket) = self.buckets.get_mut(place) {
            bucket.retain(|peer| peer.id != id);
        }
    }

    /// The `n` peers nearest to `target`, nearest first.
    pub(super) fn closest(&self, target: u64, n: usize, into: &mut Vec<Peer>) {
        into.clear();
        let place = self.place(target);
        // Peers in the target's own bucket are nearest, then all that share more with us (they differ from the target
        // where we do), then those that share less and less.
        into.extend(self.buckets.get(place).into_iter().flatten());
        if into.len() < n {
            into.extend(self.buckets.iter().skip(place + 1).flatten());
        }
        for bucket in self.buckets.iter().take(place).rev() {
            if into.len() >= n {
                break;
            }
            into.extend(bucket);
        }
        into.sort_unstable_by_key(|peer| peer.id ^ target);
        into.truncate(n);
    }

    /// Peers known.
    #[cfg(test)]
    pub(super) fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.buckets.iter().flatten()
    }

    /// Buckets that hold somebody.
    pub(super) fn used(&self) -> usize {
        self.buckets.iter().filter(|bucket| !bucket.is_empty()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_closest_are_those_of_brute_force(
            own: u64,
            ids in proptest::collection::hash_set(any::<u64>(), 1..300),
            shared in 0u32..12,
            near: u64,
            n in 1usize..45,
        ) {
            let mut table = Table::new(own);
            for (node, id) in (0u32..).zip(&ids) {
                table.meet(*id, node, 0, |_| true);
            }
            // Targets near to the owner as well as far from it.
            let target = own ^ (near >> shared);
            let mut all: Vec<u64> = table.peers().map(|peer| peer.id).collect();
            all.sort_unstable_by_key(|id| id ^ target);
            all.truncate(n);
            let mut closest = Vec::new();
            table.closest(target, n, &mut closest);
            prop_assert_eq!(closest.iter().map(|peer| peer.id).collect::<Vec<_>>(), all);
        }

        #[test]
        fn buckets_are_bounded_and_hold_each_peer_once(own: u64, ids in proptest::collection::vec(any::<u64>(), 1..400)) {
            let mut table = Table::new(own);
            for id in ids.iter().chain(&ids) {
                table.meet(*id, *id as u32, 0, |_| true);
            }
            for bucket in &table.buckets {
                prop_assert!(bucket.len() <= K);
                let mut nodes: Vec<u32> = bucket.iter().map(|peer| peer.node).collect();
                nodes.sort_unstable();
                nodes.dedup();
                prop_assert_eq!(nodes.len(), bucket.len());
            }
        }
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_dead_alone() {
        let mut table = Table::new(0);
        let far = |n: u32| (1 << 63) | u64::from(n);
        for n in 0..20 {
            table.meet(far(n), n, u64::from(n) * 1_000_000, |_| true);
        }
        table.meet(far(20), 20, 30_000_000, |_| true);
        assert!(table.peers().all(|peer| peer.node != 20), "everybody answers");
        // Peer 0 was just heard of; peer 1 is the longest unseen.
        table.meet(far(20), 20, 31_000_000, |node| node != 1);
        let nodes: Vec<u32> = table.peers().map(|peer| peer.node).collect();
        assert!(nodes.contains(&20) && !nodes.contains(&1) && nodes.contains(&0));
        table.forget(far(20));
        assert_eq!((table.peers().count(), table.used()), (19, 1));
        table.meet(0, 99, 0, |_| true);
        assert_eq!(table.peers().count(), 19, "nobody is its own peer");
    }
}
