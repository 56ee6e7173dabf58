//! Finding experts by cell: parallel provider lookups, then one exchange with each provider, for what it has there.

use super::EventLoop;
use crate::Error;
use crate::behaviour::KAD_PROTOCOL;
use crate::store::PROVIDERS_PER_KEY_MAX;
use libp2p::PeerId;
use libp2p::kad::{QueryId, RecordKey};
use libp2p::swarm::dial_opts::DialOpts;
use polymath_swarm::cells::{CellId, LOOKUPS_MAX, dht_key};
use polymath_swarm::identity::Sha256Hash;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Lookups under way at once; a node asks one for each task of a question.
const ACTIVE_MAX: usize = 32;
/// Providers followed up for one cell: as many as one node keeps for it, though all who hold the key together have more.
pub(crate) const PROVIDERS_PER_LOOKUP_MAX: usize = PROVIDERS_PER_KEY_MAX;
/// A user is waiting.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// The lookups under way.
#[derive(Default)]
pub(super) struct Lookups {
    active: Vec<Lookup>,
}

struct Lookup {
    /// Keys that are asked for as soon as there is anybody to ask.
    unasked: Vec<Sha256Hash>,
    /// The cells' queries that still run, each with its key and the providers that it gave.
    queries: HashMap<QueryId, (Sha256Hash, HashSet<PeerId>)>,
    waiting: HashSet<PeerId>,
    added: usize,
    deadline: Instant,
    reply: Option<oneshot::Sender<Result<usize, Error>>>,
}

impl Lookup {
    /// Whether nothing more is to be expected.
    fn is_over(&self) -> bool {
        self.unasked.is_empty() && self.queries.is_empty() && self.waiting.is_empty()
    }

    /// The key under which `peer`, given by `query`, is to be asked: not twice, and not past what one cell may give.
    fn take(&mut self, query: QueryId, peer: PeerId) -> Option<Sha256Hash> {
        let (key, given) = self.queries.get_mut(&query)?;
        (given.len() < PROVIDERS_PER_LOOKUP_MAX && given.insert(peer)).then_some(*key)
    }
}

impl Lookups {
    /// An expert of `peer` came into the directory.
    pub(super) fn count(&mut self, peer: PeerId) {
        for lookup in self.active.iter_mut().filter(|lookup| lookup.waiting.contains(&peer)) {
            lookup.added += 1;
        }
    }

    /// Nothing more is to be expected of `peer`.
    pub(super) fn settled(&mut self, peer: PeerId) {
        for lookup in &mut self.active {
            lookup.waiting.remove(&peer);
        }
        self.finish(Lookup::is_over);
    }

    fn finish(&mut self, done: impl Fn(&Lookup) -> bool) {
        self.active.retain_mut(|lookup| {
            let done = done(lookup);
            if done && let Some(reply) = lookup.reply.take() {
                // Whoever asked may have given up waiting.
                let _ = reply.send(Ok(lookup.added));
            }
            !done
        });
    }
}

impl EventLoop {
    pub(super) fn find(&mut self, cells: &[CellId], reply: oneshot::Sender<Result<usize, Error>>) {
        if self.lookups.active.len() >= ACTIVE_MAX {
            let _ = reply.send(Err(Error::Busy));
            return;
        }
        let keys: Vec<Sha256Hash> =
            cells.iter().take(LOOKUPS_MAX).map(|cell| self.provider_hash(*cell)).collect();
        self.lookups.active.push(Lookup {
            unasked: keys,
            queries: HashMap::new(),
            waiting: HashSet::new(),
            added: 0,
            deadline: Instant::now() + DEADLINE,
            reply: Some(reply),
        });
        // A node that has just started asks once it has met somebody: before that, a walk would end at once and find nobody.
        let is_alone = self.swarm.behaviour_mut().kad.kbuckets().all(|bucket| bucket.is_empty());
        if !(is_alone && (self.peers.len() > 0 || self.bootstrap.is_dialling(Instant::now()))) {
            self.ask_unasked();
        }
    }

    /// Begins the walks of lookups that have waited for somebody to ask.
    pub(super) fn ask_unasked(&mut self) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        for lookup in &mut self.lookups.active {
            let query = |key: Sha256Hash| (kad.get_providers(RecordKey::new(&key.0)), (key, HashSet::new()));
            lookup.queries.extend(lookup.unasked.drain(..).map(query));
        }
        self.lookups.finish(Lookup::is_over);
    }

    /// The key under which experts of `cell` are provided.
    pub(super) fn provider_key(&self, cell: CellId) -> RecordKey {
        RecordKey::new(&self.provider_hash(cell).0)
    }

    fn provider_hash(&self, cell: CellId) -> Sha256Hash {
        let Self { surroundings: s, .. } = self;
        Sha256Hash(dht_key(KAD_PROTOCOL, &s.names.namespace, s.space, cell))
    }

    /// Follows up what a query has found; `last` ends the query.
    pub(super) fn on_providers(&mut self, query: QueryId, found: HashSet<PeerId>, last: bool) {
        let Some(place) = self.lookups.active.iter().position(|l| l.queries.contains_key(&query)) else {
            return;
        };
        tracing::trace!(%query, providers = found.len(), last, "a walk for providers");
        for peer in found {
            let Some(key) = self.lookups.active[place].take(query, peer) else { continue };
            // The query holds the provider's addresses for as long as it runs: dial now.
            if !self.peers.contains(&peer) && peer != *self.swarm.local_peer_id() {
                let dial = DialOpts::peer_id(peer).build();
                if let Err(error) = self.swarm.dial(dial) {
                    tracing::debug!(%peer, %error, "provider not dialled");
                }
            }
            if self.fetch_under(peer, key) == Some(true) {
                self.lookups.active[place].waiting.insert(peer);
            }
        }
        if last {
            self.lookups.active[place].queries.remove(&query);
            self.lookups.finish(Lookup::is_over);
        }
    }

    /// Answers the lookups whose time is up with what they have.
    pub(super) fn end_lookups(&mut self, now: Instant) {
        self.lookups.finish(|lookup| lookup.deadline <= now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::identity::Keypair;

    #[test]
    fn a_cell_gives_so_many_and_a_provider_is_asked_once_for_it() {
        // Kademlia makes no query ids for others, so they come from a behaviour of its own.
        let local = Keypair::generate_ed25519().public().to_peer_id();
        let mut kad = libp2p::kad::Behaviour::new(local, libp2p::kad::store::MemoryStore::new(local));
        let mut query = || kad.get_providers(RecordKey::new(&[0u8; 32]));
        let (first, second, strange) = (query(), query(), query());
        let keys = [Sha256Hash::of(b"first"), Sha256Hash::of(b"second")];
        let mut lookup = Lookup {
            unasked: Vec::new(),
            queries: HashMap::from([(first, (keys[0], HashSet::new())), (second, (keys[1], HashSet::new()))]),
            waiting: HashSet::new(),
            added: 0,
            deadline: Instant::now(),
            reply: None,
        };
        let most = PROVIDERS_PER_LOOKUP_MAX;
        let peers: Vec<PeerId> = (0..most + 10).map(|_| PeerId::random()).collect();
        let taken = |lookup: &mut Lookup, query, peers: &[PeerId]| {
            peers.iter().filter_map(|peer| lookup.take(query, *peer)).collect::<Vec<_>>()
        };
        assert_eq!(taken(&mut lookup, first, &peers), vec![keys[0]; most]);
        assert!(taken(&mut lookup, first, &peers).is_empty(), "a provider is asked once for a cell");
        // The other cell gives as many of its own, some of them the same.
        assert_eq!(taken(&mut lookup, second, &peers[most - 20..]), vec![keys[1]; 30]);
        let others: Vec<PeerId> = (0..most).map(|_| PeerId::random()).collect();
        assert_eq!(taken(&mut lookup, second, &others).len(), most - 30);
        assert_eq!(lookup.take(strange, PeerId::random()), None);
    }
}
