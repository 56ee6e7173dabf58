//! Finding experts by cell: parallel provider lookups, then one exchange with each provider not known yet.

use super::EventLoop;
use crate::network::Error;
use crate::network::behaviour::KAD_PROTOCOL;
use crate::network::peers::key_of;
use libp2p::PeerId;
use libp2p::kad::{QueryId, RecordKey};
use libp2p::swarm::dial_opts::DialOpts;
use polymath_swarm::cells::{CellId, LOOKUPS_MAX, dht_key};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Lookups under way at once; a node asks one for each task of a question.
const ACTIVE_MAX: usize = 32;
/// Providers followed up for one cell, as the design says: a crowded cell gives a sample.
pub(in crate::network) const PROVIDERS_PER_LOOKUP_MAX: usize = 60;
/// A user is waiting.
pub(in crate::network) const DEADLINE: Duration = Duration::from_secs(3);

/// The lookups under way.
#[derive(Default)]
pub(super) struct Lookups {
    active: Vec<Lookup>,
}

struct Lookup {
    /// The cells' queries that still run, each with the providers that it gave.
    queries: HashMap<QueryId, HashSet<PeerId>>,
    /// Whoever was followed up already.
    providers: HashSet<PeerId>,
    waiting: HashSet<PeerId>,
    added: usize,
    deadline: Instant,
    reply: Option<oneshot::Sender<Result<usize, Error>>>,
}

impl Lookup {
    /// Whether `peer`, given by `query`, is to be followed up: not twice, and not past what one cell may give.
    fn take(&mut self, query: QueryId, peer: PeerId) -> bool {
        let Some(given) = self.queries.get_mut(&query) else { return false };
        if given.len() >= PROVIDERS_PER_LOOKUP_MAX || !given.insert(peer) {
            return false;
        }
        self.providers.insert(peer)
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
        self.finish(|lookup| lookup.queries.is_empty() && lookup.waiting.is_empty());
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
        let keys: Vec<RecordKey> =
            cells.iter().take(LOOKUPS_MAX).map(|cell| self.provider_key(*cell)).collect();
        let kad = &mut self.swarm.behaviour_mut().kad;
        let queries = keys.into_iter().map(|key| (kad.get_providers(key), HashSet::new())).collect();
        self.lookups.active.push(Lookup {
            queries,
            providers: HashSet::new(),
            waiting: HashSet::new(),
            added: 0,
            deadline: Instant::now() + DEADLINE,
            reply: Some(reply),
        });
        self.lookups.finish(|lookup| lookup.queries.is_empty());
    }

    /// The key under which experts of `cell` are provided.
    pub(super) fn provider_key(&self, cell: CellId) -> RecordKey {
        let Self { surroundings: s, .. } = self;
        RecordKey::new(&dht_key(KAD_PROTOCOL, &s.names.namespace, s.space, cell))
    }

    /// Follows up what a query has found; `last` ends the query.
    pub(super) fn on_providers(&mut self, query: QueryId, found: HashSet<PeerId>, last: bool) {
        let Some(place) = self.lookups.active.iter().position(|l| l.queries.contains_key(&query)) else {
            return;
        };
        for peer in found {
            if !self.lookups.active[place].take(query, peer) {
                continue;
            }
            let Some(key) = key_of(&peer) else { continue };
            if self.directory.read(|table| table.knows(key)) {
                continue;
            }
            // The query holds the provider's addresses for as long as it runs: dial now.
            if !self.peers.contains(&peer) && peer != *self.swarm.local_peer_id() {
                let dial = DialOpts::peer_id(peer).build();
                if let Err(error) = self.swarm.dial(dial) {
                    tracing::debug!(%peer, %error, "provider not dialled");
                }
            }
            if self.fetch(peer, Vec::new()) {
                self.lookups.active[place].waiting.insert(peer);
            }
        }
        if last {
            self.lookups.active[place].queries.remove(&query);
            self.lookups.finish(|lookup| lookup.queries.is_empty() && lookup.waiting.is_empty());
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
    fn a_cell_gives_sixty_and_a_provider_is_followed_up_once() {
        // Kademlia makes no query ids for others, so they come from a behaviour of its own.
        let local = Keypair::generate_ed25519().public().to_peer_id();
        let mut kad = libp2p::kad::Behaviour::new(local, libp2p::kad::store::MemoryStore::new(local));
        let mut query = || kad.get_providers(RecordKey::new(&[0u8; 32]));
        let (first, second, strange) = (query(), query(), query());
        let mut lookup = Lookup {
            queries: HashMap::from([(first, HashSet::new()), (second, HashSet::new())]),
            providers: HashSet::new(),
            waiting: HashSet::new(),
            added: 0,
            deadline: Instant::now(),
            reply: None,
        };
        let peers: Vec<PeerId> = (0..70).map(|_| PeerId::random()).collect();
        assert_eq!(peers.iter().filter(|peer| lookup.take(first, **peer)).count(), PROVIDERS_PER_LOOKUP_MAX);
        // The other cell gives its own sixty, ten of them known already.
        assert_eq!(peers[50..].iter().filter(|peer| lookup.take(second, **peer)).count(), 10);
        let others: Vec<PeerId> = (0..70).map(|_| PeerId::random()).collect();
        assert_eq!(others.iter().filter(|peer| lookup.take(second, **peer)).count(), 40);
        assert!(!lookup.take(strange, PeerId::random()));
    }
}
