//! The peers a node is told to start from: dialled at once, and again with growing pauses while there is no
//! connection to them.

use super::{Error, addresses::peer_of};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::time::{Duration, Instant};

/// First pause; a swarm that starts all at once comes together within a few of these.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause; a seed that was down for long is found again within half a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Seeds in a configuration; more is a mistake.
const SEEDS_MAX: usize = 64;
/// Dials in a row that fail before it is told: of nodes that start together some are not up yet, which two or three pauses bridge.
const FAILURES_TOLD: u32 = 3;

/// The seeds and when each is due.
#[derive(Debug)]
pub(super) struct Bootstrap {
    seeds: Vec<Seed>,
}

#[derive(Debug)]
struct Seed {
    address: Multiaddr,
    peer: Option<PeerId>,
    dialling: Option<ConnectionId>,
    connected: bool,
    due: Instant,
    pause: Duration,
    /// Dials that have failed since it was reached last.
    failures: u32,
}

impl Bootstrap {
    /// Reads the addresses; `/p2p/<peer id>` at their end is optional.
    ///
    /// # Errors
    /// [`Error::Address`] names the one that is no multiaddress.
    pub(super) fn new(addresses: &[String], now: Instant) -> Result<Self, Error> {
        let seed = |text: &String| {
            let address: Multiaddr = text.parse().map_err(|cause| Error::Address {
                what: "bootstrap",
                address: text.clone(),
                cause,
            })?;
            let peer = peer_of(&address);
            let (dialling, connected, failures) = (None, false, 0);
            Ok(Seed { address, peer, dialling, connected, due: now, pause: PAUSE_MIN, failures })
        };
        Ok(Self { seeds: addresses.iter().take(SEEDS_MAX).map(seed).collect::<Result<_, _>>()? })
    }

    /// The addresses to dial now.
    pub(super) fn due(&self, now: Instant) -> Vec<Multiaddr> {
        let is_due = |seed: &&Seed| !seed.connected && seed.dialling.is_none() && seed.due <= now;
        self.seeds.iter().filter(is_due).map(|seed| seed.address.clone()).collect()
    }

    /// A dial to `address` has begun.
    pub(super) fn dialling(&mut self, address: &Multiaddr, connection: ConnectionId) {
        for seed in self.seeds.iter_mut().filter(|seed| seed.address == *address) {
            seed.dialling = Some(connection);
        }
    }

    /// Whether a dial to a seed is under way, or about to be.
    pub(super) fn is_dialling(&self, now: Instant) -> bool {
        self.seeds.iter().any(|seed| seed.dialling.is_some()) || !self.due(now).is_empty()
    }

    /// A connection stands; it may be a seed's, dialled by us or by it. Returns a seed's address if it was told that it cannot be
    /// reached.
    pub(super) fn connected(&mut self, peer: PeerId, connection: ConnectionId) -> Option<Multiaddr> {
        let mut back = None;
        for seed in &mut self.seeds {
            if seed.dialling == Some(connection) {
                seed.peer = Some(peer);
                seed.dialling = None;
            }
            if seed.peer == Some(peer) {
                seed.connected = true;
                if std::mem::take(&mut seed.failures) >= FAILURES_TOLD {
                    back = Some(seed.address.clone());
                }
            }
        }
        back
    }

    /// A peer has said who it is: it will have us.
    pub(super) fn welcomed(&mut self, peer: PeerId) {
        for seed in self.seeds.iter_mut().filter(|seed| seed.peer == Some(peer)) {
            seed.pause = PAUSE_MIN;
        }
    }

    /// The last connection to `peer` is gone.
    pub(super) fn disconnected(&mut self, peer: PeerId, now: Instant) {
        for seed in self.seeds.iter_mut().filter(|seed| seed.peer == Some(peer)) {
            seed.connected = false;
            seed.due = now + seed.pause;
            // Who closes at once is not dialled four times a second for ever.
            seed.pause = (seed.pause * 2).min(PAUSE_MAX);
        }
    }

    /// A dial failed. Returns the seed's address if it is to be told now that it cannot be reached: once, until it is.
    pub(super) fn failed(&mut self, connection: ConnectionId, now: Instant) -> Option<Multiaddr> {
        let mut silent = None;
        for seed in self.seeds.iter_mut().filter(|seed| seed.dialling == Some(connection)) {
            seed.dialling = None;
            seed.due = now + seed.pause;
            seed.pause = (seed.pause * 2).min(PAUSE_MAX);
            seed.failures = seed.failures.saturating_add(1);
            if seed.failures == FAILURES_TOLD {
                silent = Some(seed.address.clone());
            }
        }
        silent
    }

    /// `address` turned out to be this node's own.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.seeds.retain(|seed| seed.dialling != Some(connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_dialled_again_with_growing_pauses() {
        let now = Instant::now();
        let mut bootstrap = Bootstrap::new(&["/ip4/127.0.0.1/tcp/1".to_owned()], now).unwrap();
        let address = bootstrap.due(now).remove(0);
        let (first, second) = (ConnectionId::new_unchecked(1), ConnectionId::new_unchecked(2));
        bootstrap.dialling(&address, first);
        assert!(bootstrap.due(now).is_empty(), "under way");
        bootstrap.failed(first, now);
        assert!(bootstrap.due(now).is_empty() && bootstrap.due(now + PAUSE_MIN).len() == 1);
        bootstrap.dialling(&address, second);
        bootstrap.failed(second, now);
        assert!(bootstrap.due(now + PAUSE_MIN).is_empty() && bootstrap.due(now + 2 * PAUSE_MIN).len() == 1);
        bootstrap.dialling(&address, first);
        let peer = PeerId::random();
        bootstrap.connected(peer, first);
        bootstrap.welcomed(peer);
        assert!(bootstrap.due(now + PAUSE_MAX).is_empty());
        bootstrap.disconnected(peer, now);
        assert_eq!(bootstrap.due(now + PAUSE_MIN).len(), 1);
        bootstrap.dialling(&address, second);
        bootstrap.connected(peer, second);
        bootstrap.disconnected(peer, now);
        assert!(bootstrap.due(now + PAUSE_MIN).is_empty(), "it has closed without a word");
    }

    #[test]
    fn a_seed_that_cannot_be_reached_is_told_once_until_it_is() {
        let now = Instant::now();
        let mut bootstrap = Bootstrap::new(&["/ip4/127.0.0.1/tcp/1".to_owned()], now).unwrap();
        let address = bootstrap.due(now).remove(0);
        let (connection, peer) = (ConnectionId::new_unchecked(1), PeerId::random());
        let fail = |bootstrap: &mut Bootstrap| {
            bootstrap.dialling(&address, connection);
            bootstrap.failed(connection, now)
        };
        for _ in 0..2 {
            let told: Vec<_> = (0..6).map(|_| fail(&mut bootstrap)).collect();
            assert_eq!(told, [None, None, Some(address.clone()), None, None, None]);
            bootstrap.dialling(&address, connection);
            assert_eq!(bootstrap.connected(peer, connection), Some(address.clone()), "it is back");
            assert_eq!(bootstrap.connected(peer, connection), None, "which is told once too");
            bootstrap.disconnected(peer, now);
        }
        assert_eq!([fail(&mut bootstrap), fail(&mut bootstrap)], [None, None]);
        bootstrap.dialling(&address, connection);
        assert_eq!(bootstrap.connected(peer, connection), None, "nobody had heard of it");
        assert_eq!(bootstrap.failed(ConnectionId::new_unchecked(2), now), None, "no dial to a seed");
    }

    #[test]
    fn a_bad_address_is_named() {
        let error = Bootstrap::new(&["/ip4/nowhere".to_owned()], Instant::now()).unwrap_err();
        assert!(error.to_string().contains("/ip4/nowhere"), "{error}");
    }
}
