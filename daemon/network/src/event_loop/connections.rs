//! Listeners, connections and dials: whom we are connected to, and who turns out to be dead.

use super::EventLoop;
use crate::addresses::{Locality, to_announce};
use crate::peers::{Gone, key_of};
use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionError, ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, ping};
use lru::LruCache;
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Peers being probed at once; the rest are left to the silence of their statuses.
const PROBES_MAX: usize = 64;
/// How long the dial that decides about a peer's experts may take: several round trips across the world. Whoever is reached later tells again what he has.
const PROBE_MAX: Duration = Duration::from_millis(1_500);
/// Peers that have closed their connection and wait to be dialled, one a second; of more, the latest.
const SUSPECTS_MAX: usize = 64;
/// Those that were dialled for it.
const SUSPECTS_TRIED: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
/// Whoever has closed its connection twice within this time is not dialled again for it: it makes room for others.
const SUSPECT_PAUSE: Duration = Duration::from_secs(60);

/// Peers that have closed their connection, and may be gone.
#[derive(Debug)]
pub(super) struct Suspects {
    waiting: VecDeque<PeerId>,
    /// Who was dialled for it, and when.
    tried: LruCache<PeerId, Instant>,
}

impl Default for Suspects {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), tried: LruCache::new(SUSPECTS_TRIED) }
    }
}

impl Suspects {
    fn add(&mut self, peer: PeerId, now: Instant) {
        let lately = self.tried.get(&peer).is_some_and(|at| now.duration_since(*at) < SUSPECT_PAUSE);
        if lately || self.waiting.contains(&peer) {
            return;
        }
        if self.waiting.len() >= SUSPECTS_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(peer);
    }

    fn next(&mut self, now: Instant) -> Option<PeerId> {
        let peer = self.waiting.pop_front()?;
        self.tried.put(peer, now);
        Some(peer)
    }
}

/// Peers with experts whose connection is gone and that are dialled once more, and since when.
#[derive(Debug, Default)]
pub(super) struct Probes(HashMap<PeerId, Instant>);

impl Probes {
    /// Whether no further peer may be probed.
    fn is_full(&self) -> bool {
        self.0.len() >= PROBES_MAX
    }

    fn begin(&mut self, peer: PeerId, now: Instant) {
        self.0.entry(peer).or_insert(now);
    }

    /// Whether it was probed; it is no longer.
    fn end(&mut self, peer: &PeerId) -> bool {
        self.0.remove(peer).is_some()
    }

    /// Those whom the dial has not reached in time; they are probed no longer.
    fn overdue(&mut self, now: Instant) -> Vec<PeerId> {
        self.0.extract_if(|_, since| now.duration_since(*since) >= PROBE_MAX).map(|(peer, _)| peer).collect()
    }
}

impl EventLoop {
    pub(super) fn on_listening(&mut self, address: Multiaddr) {
        tracing::info!(%address, "listening");
        self.try_out(&address);
        self.own.addresses_changed();
        self.relocate();
    }

    pub(super) fn on_not_listening(&mut self, address: &Multiaddr) {
        tracing::info!(%address, "not listening any more");
        self.reach.forget(address);
        self.own.addresses_changed();
        self.swarm.remove_external_address(address);
        self.relocate();
    }

    /// Where we listen decides whom we believe which addresses, and what we tell of ourselves: libp2p puts
    /// only what it calls external addresses into provider records, so all that we announce are that.
    pub(super) fn relocate(&mut self) {
        self.locality = Locality::new(self.swarm.listeners());
        self.swarm.behaviour_mut().tasks.set_locality(self.locality.clone());
        let announced = to_announce(self.swarm.listeners(), self.reach.confirmed());
        let outdated: Vec<Multiaddr> =
            self.swarm.external_addresses().filter(|a| !announced.contains(a)).cloned().collect();
        for address in outdated {
            self.swarm.remove_external_address(&address);
        }
        for address in announced {
            self.swarm.add_external_address(address);
        }
    }

    /// Whether this node has nothing to do with a peer, for a time or because its owner says so.
    pub(super) fn is_shut_out(&self, peer: &PeerId) -> bool {
        self.swarm.behaviour().shut_out.blocked_peers().contains(peer)
    }

    pub(super) fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let remote = endpoint.get_remote_address().clone();
        tracing::debug!(%peer, %remote, "connected");
        self.peers.connected(peer, connection, remote);
        if let Some(seed) = self.bootstrap.connected(peer, connection) {
            tracing::info!(address = %seed, %peer, "a bootstrap node is reached after all");
        }
        self.probing.end(&peer);
        self.fetches.reachable(peer);
    }

    pub(super) fn on_disconnected(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        cause: Option<&ConnectionError>,
    ) {
        let Some(gone) = self.peers.disconnected(peer, connection) else { return };
        tracing::debug!(%peer, ?cause, "disconnected");
        self.bootstrap.disconnected(peer, Instant::now());
        let idle = matches!(cause, Some(ConnectionError::KeepAliveTimeout));
        match gone {
            // Dialling again and again would change nothing.
            Gone::Silent => self.bury(peer),
            Gone::Known if !idle => {
                self.probe(peer);
                self.suspects.add(peer, Instant::now());
            }
            Gone::Known => {}
        }
    }

    pub(super) fn on_dial_failed(
        &mut self,
        peer: Option<PeerId>,
        connection: ConnectionId,
        error: &DialError,
    ) {
        tracing::debug!(?peer, %error, "dial failed");
        // A seed may be this node itself: whoever rolls one list out to all of his has it so.
        if matches!(error, DialError::LocalPeerId { .. }) || peer == Some(*self.swarm.local_peer_id()) {
            return self.bootstrap.forget(connection);
        }
        if let Some(seed) = self.bootstrap.failed(connection, Instant::now()) {
            let reason = reason(error);
            tracing::warn!(address = %seed, reason, "a bootstrap node cannot be reached; it is tried again");
        }
        // Neither our own limits nor a dial that another one replaces says anything of the peer.
        let ours = matches!(
            error,
            DialError::Denied { .. } | DialError::DialPeerConditionFalse(_) | DialError::Aborted
        );
        let Some(peer) = peer.filter(|peer| !self.peers.contains(peer)) else { return };
        let was_probed = self.probing.end(&peer);
        if ours {
            return;
        }
        // Walks would wait for it again and again.
        self.swarm.behaviour_mut().kad.remove_peer(&peer);
        if was_probed {
            self.bury(peer);
        } else {
            self.probe(peer);
        }
    }

    /// libp2p tells of a failure when two pings in a row have failed: one is lost on a loaded machine, two are a dead peer.
    /// Two seconds to the first, two until it has failed, and as much for the second: over TCP and relays it is gone within eight of dying.
    pub(super) fn on_ping(&mut self, ping::Event { peer, connection, result }: ping::Event) {
        match result {
            Ok(rtt) => self.peers.pinged(peer, rtt),
            Err(ping::Failure::Unsupported) => {}
            Err(_) => {
                tracing::debug!(%peer, "does not answer pings");
                if self.peers.is_only(peer, connection) {
                    self.bury(peer);
                }
                self.swarm.close_connection(connection);
            }
        }
    }

    /// Makes a peer's addresses known and connects to it, so that a stream can be opened.
    pub(super) fn meet(&mut self, peer: PeerId, told: Vec<Multiaddr>) {
        if self.peers.contains(&peer) {
            return;
        }
        let addresses = self.locality.worth_dialling(told, None);
        let dial = DialOpts::peer_id(peer).addresses(addresses).extend_addresses_through_behaviour().build();
        if let Err(error) = self.swarm.dial(dial) {
            tracing::debug!(%peer, %error, "not dialled");
        }
    }

    /// A peer with experts in the directory is gone: one redial decides whether they go too.
    fn probe(&mut self, peer: PeerId) {
        let Some(key) = key_of(&peer) else { return };
        if !self.directory.read(|table| table.knows(key)) || self.probing.is_full() {
            return;
        }
        let told = self.directory.read(|table| table.addresses_of(key));
        let told = told.iter().filter_map(|address| address.parse().ok());
        let addresses = self.locality.worth_dialling(told, None);
        let dial = DialOpts::peer_id(peer).addresses(addresses).extend_addresses_through_behaviour().build();
        match self.swarm.dial(dial) {
            Ok(()) => self.probing.begin(peer, Instant::now()),
            // Connected again or being dialled already: that dial decides.
            Err(DialError::DialPeerConditionFalse(_) | DialError::Denied { .. }) => {}
            Err(_) => self.bury(peer),
        }
    }

    /// Drops the experts of those whom a dial has not reached in time.
    pub(super) fn end_probes(&mut self, now: Instant) {
        for peer in self.probing.overdue(now) {
            // The connection may stand, and this thread have been too busy to hear of it.
            if !self.swarm.is_connected(&peer) {
                self.bury(peer);
            }
        }
    }

    /// Dials the next peer that has closed its connection and is still in the routing table: it may only have made room for others, or be gone, and
    /// then walks would wait for it. Whoever cannot be dialled leaves the table.
    pub(super) fn dial_suspect(&mut self, now: Instant) {
        while let Some(peer) = self.suspects.next(now) {
            let bucket = self.swarm.behaviour_mut().kad.kbucket(peer);
            let is_listed =
                bucket.is_some_and(|bucket| bucket.iter().any(|entry| *entry.node.key.preimage() == peer));
            if self.peers.contains(&peer) || !is_listed {
                continue;
            }
            if let Err(error) = self.swarm.dial(DialOpts::peer_id(peer).build()) {
                tracing::trace!(%peer, %error, "not dialled");
            }
            return;
        }
    }

    fn bury(&mut self, peer: PeerId) {
        let Some(key) = key_of(&peer) else { return };
        if self.directory.write(|table| {
            let gone = table.drop_peer(key);
            (gone, gone)
        }) {
            tracing::info!(%peer, "cannot be reached; its experts are dropped");
        }
        self.swarm.behaviour_mut().kad.remove_peer(&peer);
    }
}

/// Why a dial failed, on one line: what lies beneath libp2p's own words, which repeat it on several.
fn reason(error: &DialError) -> String {
    let mut cause: &(dyn Error + 'static) = error;
    if let DialError::Transport(tried) = error
        && let Some((_, beneath)) = tried.first()
    {
        cause = beneath;
    }
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::core::transport::TransportError;
    use std::io;

    #[test]
    fn the_reason_of_a_failed_dial_is_what_the_system_says() {
        let refused = io::Error::from_raw_os_error(111);
        let text = refused.to_string();
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let transport = DialError::Transport(vec![(address, TransportError::Other(refused))]);
        assert_eq!(reason(&transport), text);
        assert!(!reason(&DialError::NoAddresses).contains('\n'));
    }

    #[test]
    fn a_probe_ends_by_itself() {
        let (mut probes, now) = (Probes::default(), Instant::now());
        let [reached, lost] = [PeerId::random(), PeerId::random()];
        probes.begin(reached, now);
        probes.begin(lost, now);
        // It is dialled again: that changes nothing.
        probes.begin(lost, now + PROBE_MAX / 2);
        assert!(probes.end(&reached) && !probes.end(&reached));
        assert_eq!(probes.overdue(now + PROBE_MAX / 2), []);
        assert_eq!(probes.overdue(now + PROBE_MAX), [lost]);
        assert_eq!(probes.overdue(now + PROBE_MAX * 2), []);
        (0..PROBES_MAX).for_each(|_| probes.begin(PeerId::random(), now));
        assert!(probes.is_full());
    }

    #[test]
    fn suspects_are_few_and_each_is_dialled_once_a_minute() {
        let (mut suspects, now) = (Suspects::default(), Instant::now());
        let peer = PeerId::random();
        suspects.add(peer, now);
        suspects.add(peer, now);
        assert_eq!((suspects.next(now), suspects.next(now)), (Some(peer), None));
        suspects.add(peer, now + SUSPECT_PAUSE / 2);
        assert_eq!(suspects.next(now), None);
        suspects.add(peer, now + SUSPECT_PAUSE);
        (0..SUSPECTS_MAX).for_each(|_| suspects.add(PeerId::random(), now));
        assert_eq!(suspects.waiting.len(), SUSPECTS_MAX);
        assert!(!suspects.waiting.contains(&peer), "the oldest makes way");
    }
}
