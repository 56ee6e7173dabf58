//! The table itself: rules of sequence, expiry and capacity. Time comes in as an argument.

use lru::LruCache;
use polymath_swarm::capability::{Advert, Card, Refusal, Status};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Experts known at once: twice the size at which recall was measured; about 200 MiB with full cards.
const ADVERTS_MAX: usize = 20_000;
/// Experts of one node.
pub(crate) const ADVERTS_PER_PEER_MAX: usize = 64;
/// How long an expert may stay silent: three statuses missed.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Departed experts whose last sequence is remembered, lest an older status bring them back.
const DEPARTED: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");

type Name = (PeerKey, Sha256Hash);

/// What became of an advert or a status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    /// A new expert.
    Added,
    /// A newer status of a known expert.
    Updated,
    /// The expert said goodbye and is gone.
    Departed,
    /// Nobody knows the card this status belongs to, but the status itself may be believed.
    UnknownCard,
    /// The table or the peer's share of it is full.
    Full,
    /// Not to be believed.
    Refused(Refusal),
}

#[derive(Debug)]
struct Entry {
    advert: Arc<Advert>,
    heard: Instant,
    own: bool,
}

/// Adverts by node and card.
#[derive(Debug)]
pub(crate) struct Table {
    entries: HashMap<Name, Entry>,
    per_peer: HashMap<PeerKey, Vec<Sha256Hash>>,
    per_card: HashMap<Sha256Hash, Vec<PeerKey>>,
    /// Grows with every card that comes or goes.
    membership: u64,
    departed: LruCache<Name, u64>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            per_peer: HashMap::new(),
            per_card: HashMap::new(),
            membership: 0,
            departed: LruCache::new(DEPARTED),
        }
    }
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn adverts(&self) -> impl Iterator<Item = Arc<Advert>> {
        self.entries.values().map(|entry| entry.advert.clone())
    }

    pub(crate) fn get(&self, peer: PeerKey, card: Sha256Hash) -> Option<Arc<Advert>> {
        self.entries.get(&(peer, card)).map(|entry| entry.advert.clone())
    }

    /// All nodes' experts with this card.
    pub(crate) fn with_card(&self, card: Sha256Hash) -> impl Iterator<Item = Arc<Advert>> {
        let peers = self.per_card.get(&card).into_iter().flatten();
        peers.filter_map(move |peer| self.get(*peer, card))
    }

    /// A number that grows with every card that comes or goes.
    pub(crate) fn membership(&self) -> u64 {
        self.membership
    }

    /// Every card that somebody serves.
    pub(crate) fn cards(&self) -> impl Iterator<Item = (Sha256Hash, Arc<Card>)> {
        self.per_card.iter().filter_map(|(hash, peers)| {
            let advert = self.get(*peers.first()?, *hash)?;
            Some((*hash, advert.card.clone()))
        })
    }

    /// Whether any expert of `peer` is known.
    pub(crate) fn knows(&self, peer: PeerKey) -> bool {
        self.per_peer.contains_key(&peer)
    }

    /// The cards of `peer` that are known.
    pub(crate) fn cards_of(&self, peer: PeerKey) -> impl Iterator<Item = &Card> {
        let cards = self.per_peer.get(&peer).into_iter().flatten();
        cards.filter_map(move |card| Some(&*self.entries.get(&(peer, *card))?.advert.card))
    }

    /// The addresses in the newest status of any expert of `peer`.
    pub(crate) fn addresses_of(&self, peer: PeerKey) -> Vec<String> {
        let cards = self.per_peer.get(&peer).into_iter().flatten();
        let newest =
            cards.filter_map(|c| self.entries.get(&(peer, *c))).max_by_key(|e| e.advert.status.sequence);
        newest.map_or_else(Vec::new, |entry| entry.advert.status.addresses.clone())
    }

    /// Puts in an advert of which everything but time and sequence has been checked.
    pub(crate) fn insert(
        &mut self,
        peer: PeerKey,
        card: Arc<Card>,
        status: Status,
        own: bool,
        (now, now_ms): (Instant, u64),
    ) -> Insert {
        let name = (peer, status.card);
        match self.update(peer, status.clone(), (now, now_ms)) {
            Insert::UnknownCard => {}
            // The same status as the one already held, by another way, is no fault.
            Insert::Refused(Refusal::OutOfSequence) if self.entries.contains_key(&name) => {
                return Insert::Updated;
            }
            other => return other,
        }
        let cards = self.per_peer.get(&peer).map_or(0, Vec::len);
        if !own && (self.entries.len() >= ADVERTS_MAX || cards >= ADVERTS_PER_PEER_MAX) {
            return Insert::Full;
        }
        self.per_peer.entry(peer).or_default().push(name.1);
        let serving = self.per_card.entry(name.1).or_default();
        self.membership += u64::from(serving.is_empty());
        serving.push(peer);
        let advert = Arc::new(Advert { peer, card_hash: name.1, card, status });
        self.entries.insert(name, Entry { advert, heard: now, own });
        Insert::Added
    }

    /// Takes a well-signed status of `peer`.
    pub(crate) fn update(&mut self, peer: PeerKey, status: Status, (now, now_ms): (Instant, u64)) -> Insert {
        let name = (peer, status.card);
        let known = self.entries.get_mut(&name);
        let newest = match &known {
            // What this node says itself comes in order; its sequence begins again if its clock is set right.
            Some(entry) if entry.own => None,
            Some(entry) => Some(entry.advert.status.sequence),
            None => self.departed.get(&name).copied(),
        };
        if let Err(refusal) = status.check(name.1, newest, now_ms) {
            return Insert::Refused(refusal);
        }
        if status.leaving {
            self.departed.put(name, status.sequence);
            return if self.remove(name) { Insert::Departed } else { Insert::UnknownCard };
        }
        let Some(entry) = known else { return Insert::UnknownCard };
        let held = &entry.advert;
        let card = held.card.clone();
        entry.advert = Arc::new(Advert { peer, card_hash: name.1, card, status });
        entry.heard = now;
        Insert::Updated
    }

    /// Takes an expert of this node itself out.
    pub(crate) fn withdraw(&mut self, peer: PeerKey, card: Sha256Hash) -> bool {
        self.remove((peer, card))
    }

    /// Drops every expert of `peer`, another node; says whether there was any.
    pub(crate) fn drop_peer(&mut self, peer: PeerKey) -> bool {
        let is_own = |card: &Sha256Hash| self.entries.get(&(peer, *card)).is_some_and(|entry| entry.own);
        let mut cards = self.per_peer.get(&peer).cloned().unwrap_or_default();
        cards.retain(|card| !is_own(card));
        for card in &cards {
            self.forget((peer, *card));
        }
        !cards.is_empty()
    }

    /// Drops whoever has been silent for too long or whose status has expired; says whether anybody was.
    pub(crate) fn sweep(&mut self, (now, now_ms): (Instant, u64)) -> bool {
        let stale = |entry: &Entry| {
            let silent = now.saturating_duration_since(entry.heard) >= SILENCE_MAX;
            !entry.own && (silent || entry.advert.status.expires <= now_ms)
        };
        let gone: Vec<Name> = self.entries.iter().filter(|(_, e)| stale(e)).map(|(n, _)| *n).collect();
        for name in &gone {
            self.forget(*name);
        }
        !gone.is_empty()
    }

    /// Other nodes of which some expert has been silent for `silence` or longer.
    pub(crate) fn silent_peers(&self, now: Instant, silence: Duration) -> Vec<PeerKey> {
        let silent = |e: &&Entry| !e.own && now.saturating_duration_since(e.heard) >= silence;
        let mut peers: Vec<PeerKey> =
            self.entries.values().filter(silent).map(|entry| entry.advert.peer).collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// Takes out whoever seems to be dead. Its last status would be good enough should it be alive after all, older ones would not.
    fn forget(&mut self, name: Name) {
        if let Some(entry) = self.entries.get(&name) {
            self.departed.put(name, entry.advert.status.sequence.saturating_sub(1));
        }
        self.remove(name);
    }

    fn remove(&mut self, name: Name) -> bool {
        if let Some(cards) = self.per_peer.get_mut(&name.0) {
            cards.retain(|card| *card != name.1);
            if cards.is_empty() {
                self.per_peer.remove(&name.0);
            }
        }
        if let Some(serving) = self.per_card.get_mut(&name.1) {
            serving.retain(|peer| *peer != name.0);
            if serving.is_empty() {
                self.per_card.remove(&name.1);
                self.membership += 1;
            }
        }
        self.entries.remove(&name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{card, status};

    const NOW_MS: u64 = 1_000_000_000;

    fn peer(n: u8) -> PeerKey {
        PeerKey([n; 32])
    }

    fn hash(n: u16) -> Sha256Hash {
        Sha256Hash::of(&n.to_le_bytes())
    }

    fn fresh(card: Sha256Hash, sequence: u64) -> Status {
        status(card, sequence, NOW_MS + 60_000)
    }

    #[test]
    fn statuses_are_taken_in_sequence_only() {
        let (mut table, now) = (Table::default(), (Instant::now(), NOW_MS));
        let card = Arc::new(card("a", 1));
        assert_eq!(table.update(peer(1), fresh(hash(1), 5), now), Insert::UnknownCard);
        assert_eq!(table.insert(peer(1), card.clone(), fresh(hash(1), 5), false, now), Insert::Added);
        assert_eq!(table.update(peer(1), fresh(hash(1), 6), now), Insert::Updated);
        let old = table.update(peer(1), fresh(hash(1), 6), now);
        assert_eq!(old, Insert::Refused(Refusal::OutOfSequence));
        let expired = table.update(peer(1), status(hash(1), 7, NOW_MS), now);
        assert_eq!(expired, Insert::Refused(Refusal::Expired));
        assert_eq!(table.get(peer(1), hash(1)).unwrap().status.sequence, 6);
        // The same card on another node is another expert.
        assert_eq!(table.insert(peer(2), card, fresh(hash(1), 1), false, now), Insert::Added);
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn our_own_status_replaces_one_of_a_clock_that_was_ahead() {
        let (mut table, now) = (Table::default(), (Instant::now(), NOW_MS));
        let card = Arc::new(card("a", 1));
        table.insert(peer(1), card.clone(), fresh(hash(1), 500), true, now);
        table.insert(peer(2), card, fresh(hash(1), 500), false, now);
        assert_eq!(table.update(peer(1), fresh(hash(1), 5), now), Insert::Updated);
        assert_eq!(table.get(peer(1), hash(1)).unwrap().status.sequence, 5);
        let other = table.update(peer(2), fresh(hash(1), 5), now);
        assert_eq!(other, Insert::Refused(Refusal::OutOfSequence));
    }

    #[test]
    fn the_departed_do_not_come_back_by_an_older_status() {
        let (mut table, now) = (Table::default(), (Instant::now(), NOW_MS));
        let card = Arc::new(card("a", 1));
        table.insert(peer(1), card.clone(), fresh(hash(1), 5), false, now);
        let mut goodbye = fresh(hash(1), 8);
        goodbye.leaving = true;
        assert_eq!(table.update(peer(1), goodbye, now), Insert::Departed);
        let replayed = table.insert(peer(1), card.clone(), fresh(hash(1), 7), false, now);
        assert_eq!(replayed, Insert::Refused(Refusal::OutOfSequence));
        assert_eq!(table.insert(peer(1), card, fresh(hash(1), 9), false, now), Insert::Added, "a restart");
    }

    #[test]
    fn who_was_dropped_comes_back_by_its_last_status_and_by_no_older_one() {
        let (mut table, now) = (Table::default(), (Instant::now(), NOW_MS));
        let card = Arc::new(card("a", 1));
        table.insert(peer(1), card.clone(), fresh(hash(1), 5), false, now);
        assert!(table.drop_peer(peer(1)));
        let older = table.update(peer(1), fresh(hash(1), 4), now);
        assert_eq!(older, Insert::Refused(Refusal::OutOfSequence));
        assert_eq!(table.insert(peer(1), card, fresh(hash(1), 5), false, now), Insert::Added);
    }

    #[test]
    fn the_silent_are_dropped_and_our_own_stay() {
        let (mut table, start) = (Table::default(), Instant::now());
        let card = Arc::new(card("a", 1));
        table.insert(peer(1), card.clone(), fresh(hash(1), 5), true, (start, NOW_MS));
        table.insert(peer(2), card.clone(), fresh(hash(1), 5), false, (start, NOW_MS));
        assert!(!table.sweep((start + SILENCE_MAX / 2, NOW_MS)));
        assert_eq!(table.silent_peers(start + SILENCE_MAX / 2, SILENCE_MAX / 2), [peer(2)]);
        assert!(table.sweep((start + SILENCE_MAX, NOW_MS)));
        assert_eq!(table.len(), 1);
        table.insert(peer(3), card, fresh(hash(1), 5), false, (start, NOW_MS));
        assert!(table.sweep((start, NOW_MS + 60_000)), "expired by its own word");
        assert!(table.get(peer(1), hash(1)).is_some() && table.len() == 1);
    }

    #[test]
    fn one_peer_gets_no_more_than_its_share() {
        let (mut table, now) = (Table::default(), (Instant::now(), NOW_MS));
        let card = Arc::new(card("a", 1));
        for n in 0..ADVERTS_PER_PEER_MAX as u16 {
            assert_eq!(table.insert(peer(1), card.clone(), fresh(hash(n), 5), false, now), Insert::Added);
        }
        assert_eq!(table.insert(peer(1), card.clone(), fresh(hash(999), 5), false, now), Insert::Full);
        assert_eq!(table.insert(peer(2), card, fresh(hash(999), 5), false, now), Insert::Added);
        assert!(table.drop_peer(peer(1)));
        assert_eq!(table.len(), 1);
        assert!(!table.knows(peer(1)) && table.knows(peer(2)));
    }

    #[test]
    fn cards_come_and_go_with_those_who_serve_them() {
        let (mut table, now) = (Table::default(), (Instant::now(), NOW_MS));
        let card = Arc::new(card("a", 1));
        table.insert(peer(1), card.clone(), fresh(hash(1), 5), false, now);
        let one = table.membership();
        table.insert(peer(2), card.clone(), fresh(hash(1), 5), false, now);
        table.update(peer(2), fresh(hash(1), 6), now);
        assert_eq!(table.membership(), one, "the same card again, and news of it, change no card");
        assert_eq!((table.with_card(hash(1)).count(), table.cards().count()), (2, 1));
        table.withdraw(peer(1), hash(1));
        assert_eq!((table.with_card(hash(1)).count(), table.membership()), (1, one));
        table.drop_peer(peer(2));
        assert_eq!((table.cards().count(), table.with_card(hash(1)).count()), (0, 0));
        assert!(table.membership() > one);
    }
}
