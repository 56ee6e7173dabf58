//! Asking peers for their adverts: one exchange a peer at a time, bounded, with a memory for what failed.

use super::calls::{Answer, RETRY_AFTER_MS, offence};
use super::{Checked, EventLoop};
use crate::codec::Asked;
use crate::directory::Insert;
use crate::peers::{id_of, key_of};
use crate::{clock, exchange};
use futures::FutureExt as _;
use libp2p::request_response::{Message, OutboundRequestId};
use libp2p::{Multiaddr, PeerId};
use lru::LruCache;
use polymath_swarm::cells::LOOKUPS_MAX;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::task::TaskError;
use polymath_swarm::trust::Offence;
use polymath_wire::advert::{AdvertRequest, AdvertResponse};
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tokio::task::JoinError;

/// Exchanges and checks under way at once; each may hold a response of 256 KiB.
pub(crate) const ACTIVE_MAX: usize = 64;
/// Peers waiting for their turn; a status heard later asks again.
const QUEUE_MAX: usize = 1_024;
/// Peers asked at once because somebody wants to know whether they are there.
const PROBES_MAX: usize = 64;
/// Cards of one peer that are waited for.
const WANTED_MAX: usize = 64;
/// Peers that could not be reached, and cards that were not given or not believed.
const FAILURES: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
/// Cells of peers that were asked for lately.
const ASKED: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// How long what a peer has in a cell is taken for known: new experts there are heard of by gossip.
const ASKED_LIFETIME: Duration = Duration::from_secs(60);
/// How long an unreachable peer is left alone.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(10);
/// How long a card is left alone that its peer did not give, or that was refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// Dials a second to peers that only a status tells of: whoever signs statuses of invented nodes must not make
/// us dial the world. A new node still learns of two thousand experts a minute.
const STRANGERS_PER_SECOND: u32 = 32;
/// A peer that fell silent for so long is asked for its status before it is dropped.
const REFRESH_SILENCE: Duration = Duration::from_secs(20);

/// The exchanges.
pub(super) struct Fetches {
    active: HashMap<PeerId, Fetch>,
    requests: HashMap<OutboundRequestId, PeerId>,
    /// Requests that a person waits for.
    probes: HashMap<OutboundRequestId, Answer<usize>>,
    queue: VecDeque<(PeerId, Wanted)>,
    /// Who was asked for the experts of a cell, and for all (`None`), and when.
    asked: LruCache<(PeerId, Option<Sha256Hash>), Instant>,
    /// Whom a lookup has met, and when.
    met: LruCache<PeerId, Instant>,
    unreachable: LruCache<PeerId, Instant>,
    refused: LruCache<(PeerKey, Sha256Hash), Instant>,
    /// Strangers that may still be dialled in the second that began then.
    strangers: (u32, Instant),
}

/// What is asked of a peer; nothing at all is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    cards: Vec<Sha256Hash>,
    keys: Vec<Sha256Hash>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.cards.is_empty() && self.keys.is_empty()
    }
}

#[derive(Default)]
struct Fetch {
    /// Cards whose status was heard before the request went out, and the keys that it names.
    wanted: Wanted,
    /// Cards whose status was heard since: the response may not have them yet; and keys that came since.
    late: Wanted,
}

impl Default for Fetches {
    fn default() -> Self {
        Self {
            active: HashMap::new(),
            requests: HashMap::new(),
            probes: HashMap::new(),
            queue: VecDeque::new(),
            asked: LruCache::new(ASKED),
            met: LruCache::new(FAILURES),
            unreachable: LruCache::new(FAILURES),
            refused: LruCache::new(FAILURES),
            strangers: (STRANGERS_PER_SECOND, Instant::now()),
        }
    }
}

impl Fetches {
    /// The peer is connected: whatever failed before is no reason any more.
    pub(super) fn reachable(&mut self, peer: PeerId) {
        self.unreachable.pop(&peer);
    }

    /// Whether asking `peer` for `card` has a chance, by what is remembered.
    pub(super) fn is_worth_asking(&mut self, peer: PeerKey, id: &PeerId, card: Sha256Hash) -> bool {
        let now = Instant::now();
        let refused = self.refused.get(&(peer, card)).copied();
        !self.is_unreachable(id, now) && refused.is_none_or(|at| now.duration_since(at) >= REFUSED_PAUSE)
    }

    /// Whether an exchange with `peer` is under way.
    pub(super) fn is_asking(&self, peer: &PeerId) -> bool {
        self.active.contains_key(peer)
    }

    /// Whether there is room for what nobody waits for.
    pub(super) fn are_idle(&self) -> bool {
        self.active.len() < ACTIVE_MAX / 2
    }

    /// Takes one of this second's dials to peers that only a status tells of.
    pub(super) fn may_dial_stranger(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.strangers.1) >= Duration::from_secs(1) {
            self.strangers = (STRANGERS_PER_SECOND, now);
        }
        let left = self.strangers.0;
        self.strangers.0 = left.saturating_sub(1);
        left > 0
    }

    /// Whether the peer's experts of this cell (`None`: all) were asked for lately, by themselves or with all others.
    fn was_asked(&mut self, peer: PeerId, key: Option<Sha256Hash>) -> bool {
        let now = Instant::now();
        let mut lately =
            |key| self.asked.get(&(peer, key)).is_some_and(|at| now.duration_since(*at) < ASKED_LIFETIME);
        lately(None) || (key.is_some() && lately(key))
    }

    /// Whether a lookup is about to hear, or has just heard, what it wants of this peer.
    fn is_met_by_lookup(&mut self, peer: &PeerId) -> bool {
        self.met.get(peer).is_some_and(|at| at.elapsed() < ASKED_LIFETIME)
    }

    fn is_unreachable(&mut self, peer: &PeerId, now: Instant) -> bool {
        self.unreachable.get(peer).is_some_and(|failed| now.duration_since(*failed) < UNREACHABLE_PAUSE)
    }
}

impl EventLoop {
    /// Asks `peer` for its experts, `cards` being those whose statuses made us ask. Says whether an answer
    /// can be waited for: [`Self::settled`] is called when it is there and checked, or will not come.
    pub(super) fn fetch(&mut self, peer: PeerId, cards: Vec<Sha256Hash>) -> bool {
        self.fetch_wanted(peer, Wanted { cards, keys: Vec::new() })
    }

    /// Asks `peer` for its experts under a key alone: it may have many, and each costs a check. `None` if what it has there is known.
    pub(super) fn fetch_under(&mut self, peer: PeerId, key: Sha256Hash) -> Option<bool> {
        let known = key_of(&peer).is_some_and(|key| self.directory.read(|table| table.knows(key)));
        if known && self.fetches.was_asked(peer, Some(key)) {
            return None;
        }
        let is_asked = self.fetch_wanted(peer, Wanted { cards: Vec::new(), keys: vec![key] });
        if is_asked && !known {
            self.fetches.met.put(peer, Instant::now());
        }
        Some(is_asked)
    }

    /// Asks a peer that has made itself known for everything, unless a lookup has just met it: then that is all that is wanted, and its other
    /// experts are heard of by gossip.
    pub(super) fn fetch_all(&mut self, peer: PeerId) {
        if !self.fetches.is_met_by_lookup(&peer) {
            self.fetch(peer, Vec::new());
        }
    }

    fn fetch_wanted(&mut self, peer: PeerId, mut wanted: Wanted) -> bool {
        let itself = peer == *self.swarm.local_peer_id();
        let now = Instant::now();
        let Some(key) = key_of(&peer).filter(|_| !itself) else { return false };
        if self.fetches.is_unreachable(&peer, now) {
            return false;
        }
        if let Some(active) = self.fetches.active.get_mut(&peer) {
            let Wanted { cards, keys } = &mut active.late;
            let room = WANTED_MAX.saturating_sub(cards.len());
            cards.extend(
                wanted.cards.into_iter().filter(|card| !active.wanted.cards.contains(card)).take(room),
            );
            let room = LOOKUPS_MAX.saturating_sub(keys.len());
            let new = wanted.keys.into_iter().filter(|key| !active.wanted.keys.contains(key)).take(room);
            keys.extend(new.collect::<Vec<_>>());
            return true;
        }
        if self.fetches.active.len() >= ACTIVE_MAX {
            let turn = (peer, wanted);
            if self.fetches.queue.contains(&turn) {
                return true;
            }
            let room = self.fetches.queue.len() < QUEUE_MAX;
            if room {
                self.fetches.queue.push_back(turn);
            }
            return room;
        }
        // Who is not known, and not asked for a cell, is asked for everything, later only for what is new.
        if wanted.keys.is_empty() && !self.directory.read(|table| table.knows(key)) {
            self.fetches.active.insert(peer, Fetch { wanted, late: Wanted::default() });
            wanted = Wanted::default();
        } else {
            self.fetches.active.insert(peer, Fetch { wanted: wanted.clone(), late: Wanted::default() });
        }
        if wanted.is_empty() {
            self.fetches.asked.put((peer, None), now);
        }
        for key in &wanted.keys {
            self.fetches.asked.put((peer, Some(*key)), now);
        }
        let Wanted { cards, keys } = wanted;
        tracing::trace!(%peer, cards = cards.len(), keys = keys.len(), "asked for its adverts");
        let request = Asked::Whole(AdvertRequest { cards, keys });
        let id = self.swarm.behaviour_mut().exchange.send_request(&peer, request);
        self.fetches.requests.insert(id, peer);
        true
    }

    /// Asks a peer for its adverts for somebody who waits to hear whether it is there, and how many they are.
    pub(super) fn probe_for(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, answer: Answer<usize>) {
        // Whoever asked may have given up waiting, here as below.
        if self.fetches.probes.len() >= PROBES_MAX {
            let _ = answer.send(Err(TaskError::Busy { retry_after_ms: RETRY_AFTER_MS }));
        } else if peer == *self.swarm.local_peer_id() {
            let _ = answer.send(Err(TaskError::Unreachable("that is this node itself".to_owned())));
        } else {
            self.meet(peer, addresses);
            let request = AdvertRequest::default();
            let id = self.swarm.behaviour_mut().exchange.send_request(&peer, Asked::Whole(request));
            self.fetches.probes.insert(id, answer);
        }
    }

    pub(super) fn on_exchange(&mut self, event: exchange::Event) {
        if let Some((peer, offence)) = offence(&event) {
            self.offended(peer, offence);
        }
        match event {
            exchange::Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let Asked::Whole(request) = request else { return };
                tracing::trace!(%peer, "asks for our adverts");
                let response = self.own.adverts(&request);
                // The peer may have given up meanwhile.
                let _ = self.swarm.behaviour_mut().exchange.send_response(channel, response);
            }
            exchange::Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.on_response(request_id, response);
            }
            exchange::Event::OutboundFailure { request_id, error, .. } => {
                if let Some(answer) = self.fetches.probes.remove(&request_id) {
                    let _ = answer.send(Err(TaskError::Unreachable(error.to_string())));
                    return;
                }
                let Some(peer) = self.fetches.requests.remove(&request_id) else { return };
                tracing::debug!(%peer, %error, "no adverts");
                self.fetches.unreachable.put(peer, Instant::now());
                // Of its cards that says nothing, and what it has under a key is not known.
                if let Some(active) = self.fetches.active.get_mut(&peer) {
                    active.wanted.cards.clear();
                    for key in active.wanted.keys.drain(..) {
                        self.fetches.asked.pop(&(peer, Some(key)));
                    }
                }
                self.settled(peer);
            }
            exchange::Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "could not give our adverts");
            }
            exchange::Event::ResponseSent { .. } => {}
        }
    }

    fn on_response(&mut self, request: OutboundRequestId, response: AdvertResponse) {
        if let Some(answer) = self.fetches.probes.remove(&request) {
            let _ = answer.send(Ok(response.adverts.len()));
            return;
        }
        let Some(peer) = self.fetches.requests.remove(&request) else { return };
        tracing::trace!(%peer, adverts = response.adverts.len(), "its adverts");
        let Some(key) = key_of(&peer).filter(|_| !response.adverts.is_empty()) else {
            return self.settled(peer);
        };
        let check = self.surroundings.checker.clone().check(key, response);
        self.checks.spawn(async move {
            // A panic in somebody's claim check must not leave this peer's exchange open for ever.
            let checked = AssertUnwindSafe(check).catch_unwind().await;
            (peer, checked.unwrap_or_default())
        });
    }

    /// Puts into the directory what the check left of a response.
    pub(super) fn on_checked(&mut self, joined: Result<(PeerId, Checked), JoinError>) {
        // Panics are caught inside, and nobody aborts a check while the loop runs.
        let Ok((peer, checked)) = joined else { return };
        if checked.refused > 0 {
            tracing::info!(%peer, refused = checked.refused, "adverts are refused");
            if checked.lies > 0 {
                self.offended(peer, Offence::FalseClaim);
            }
        }
        if self.is_shut_out(&peer) {
            // For what was found just now, or while it was checked; its experts were dropped then, and must not come back.
            return self.settled(peer);
        }
        let Some(key) = key_of(&peer) else { return };
        self.ranks.come(peer, checked.adverts.iter().map(|(card, _)| &**card));
        for (card, status) in checked.adverts {
            let (id, hash) = (card.id.clone(), status.card);
            let inserted = self.directory.write(|table| {
                let inserted = table.insert(key, card, status, false, clock::now());
                (matches!(inserted, Insert::Added | Insert::Updated | Insert::Departed), inserted)
            });
            match inserted {
                Insert::Added => {
                    tracing::info!(%peer, expert = id, "found an expert");
                    self.lookups.count(peer);
                }
                Insert::Refused(refusal) => tracing::debug!(%peer, %hash, %refusal, "an advert is refused"),
                other => tracing::trace!(%peer, %hash, ?other, "an advert"),
            }
        }
        self.settled(peer);
    }

    /// An exchange has come to its end, one way or the other.
    fn settled(&mut self, peer: PeerId) {
        let fetch = self.fetches.active.remove(&peer).unwrap_or_default();
        if let Some(key) = key_of(&peer) {
            let unknown = |card: &Sha256Hash| self.directory.read(|table| table.get(key, *card).is_none());
            let now = Instant::now();
            for card in fetch.wanted.cards.into_iter().filter(&unknown) {
                self.fetches.refused.put((key, card), now);
            }
            let cards: Vec<Sha256Hash> = fetch.late.cards.into_iter().filter(unknown).collect();
            let late = Wanted { cards, keys: fetch.late.keys };
            if !late.is_empty() && self.fetch_wanted(peer, late) {
                return;
            }
        }
        self.nothing_more_of(peer);
        while self.fetches.active.len() < ACTIVE_MAX {
            let Some((peer, wanted)) = self.fetches.queue.pop_front() else { break };
            if !self.fetch_wanted(peer, wanted) {
                // It became unreachable while it waited: whoever waits for it shall not wait on.
                self.nothing_more_of(peer);
            }
        }
    }

    /// Nothing more is to be expected of `peer`.
    fn nothing_more_of(&mut self, peer: PeerId) {
        self.lookups.settled(peer);
        self.rank(peer);
    }

    /// Asks connected peers that gossip does not reach for their statuses before silence drops them.
    pub(super) fn refresh_silent(&mut self, now: Instant) {
        for key in self.directory.read(|table| table.silent_peers(now, REFRESH_SILENCE)) {
            if let Some(peer) = id_of(key).filter(|peer| self.peers.contains(peer)) {
                self.fetch(peer, Vec::new());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use crate::fixtures::{card, event_loop, status};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    /// A loop that does not run, and a peer that has been asked for its adverts.
    fn asking() -> (EventLoop, PeerKey, PeerId) {
        let mut this = event_loop();
        let key = Identity::ephemeral().peer();
        let peer = id_of(key).unwrap();
        assert!(this.fetch(peer, Vec::new()));
        (this, key, peer)
    }

    /// A card that is believed.
    fn believed() -> Checked {
        let now = clock::now().1;
        let status = status(Sha256Hash::of(b"card"), now, now + 60_000);
        Checked { adverts: vec![(Arc::new(card("believed", 3)), status)], ..Checked::default() }
    }

    fn knows(this: &EventLoop, key: PeerKey) -> bool {
        this.directory.read(|table| table.knows(key))
    }

    #[tokio::test]
    async fn of_who_is_shut_out_for_a_response_nothing_in_it_is_taken() {
        let (mut this, key, peer) = asking();
        this.offended(peer, Offence::FalseClaim);
        this.offended(peer, Offence::FalseClaim);
        this.on_checked(Ok((peer, Checked { refused: 1, lies: 1, ..believed() })));
        assert!(this.is_shut_out(&peer) && !knows(&this, key));
        assert!(!this.fetches.is_asking(&peer), "nobody waits for it");
    }

    #[tokio::test]
    async fn who_is_blocked_while_its_response_is_checked_stays_away() {
        let (mut this, key, peer) = asking();
        this.set_blocked(&BTreeSet::from([key]));
        this.on_checked(Ok((peer, believed())));
        assert!(!knows(&this, key) && !this.fetches.is_asking(&peer));
        this.set_blocked(&BTreeSet::new());
        this.on_checked(Ok((peer, believed())));
        assert!(knows(&this, key), "let in again");
    }
}
