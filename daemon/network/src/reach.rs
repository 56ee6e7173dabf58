//! Whether others reach this node, and by what: addresses that were tried from outside, its router, its relays.
//!
//! Addresses at which a node seems to be seen are tried by peers, who dial back (AutoNAT v2); a router that speaks UPnP opens a port;
//! relays that the owner trusts hold a place through which a node behind a router that does neither is reached.
//! This is the state alone; [`event_loop`](super::event_loop) acts.

use libp2p::Multiaddr;
use libp2p::PeerId;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use lru::LruCache;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use super::Error;
use super::addresses::peer_of;

/// Relays in a configuration: two are enough, and each costs a connection.
const RELAYS_MAX: usize = 8;
/// First pause before a relay is asked again; a relay that is restarted is used again soon.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Addresses from outside that are remembered: those of two routers with both transports and IP versions.
const TRIED_MAX: usize = 16;

/// Times that a hole is tried once more where none was punched, the pause before the first, and before each further one twice as long.
const PUNCHED_AGAIN_MAX: u32 = 2;
const PUNCH_PAUSE: Duration = Duration::from_secs(5);
/// Peers of whom it is remembered.
const UNPUNCHED_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// How long after an address was first to be tried it is tried once more.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Whether others reach this node without a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nobody has tried yet.
    #[default]
    Unknown,
    /// An address has been reached from outside.
    Reachable,
    /// A peer has tried and failed, and none has come through: each address is tried twice.
    Unreachable,
}

impl Verdict {
    /// `unknown`, `reachable` or `unreachable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reachable => "reachable",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What became of opening a port in the router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Router {
    /// Not wanted, or loopback alone is listened on.
    #[default]
    Off,
    /// No answer yet.
    Asked,
    /// A port is open.
    Open,
    /// None answers.
    None,
    /// It has itself no address in the open.
    Behind,
}

impl Router {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Asked => "asked",
            Self::Open => "open",
            Self::None => "none",
            Self::Behind => "behind another",
        }
    }
}

/// A relay that the owner named.
#[derive(Debug)]
pub(super) struct Relay {
    /// Its own address, its peer id at the end.
    pub(super) address: Multiaddr,
    pub(super) peer: PeerId,
    listener: Option<ListenerId>,
    /// Whether it holds a place for this node.
    pub(super) holds: bool,
    due: Instant,
    pause: Duration,
}

#[derive(Debug, Default)]
struct Tried {
    reached: bool,
    failures: u32,
    /// Whether the router has opened it: it says so once, so that it would soon be the oldest.
    mapped: bool,
    /// Grows with every word on any address: the latest has the highest.
    heard: u64,
}

/// A relay that this node's owner named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayInfo {
    /// Its address.
    pub address: String,
    /// Whether it holds a place for this node.
    pub holds: bool,
}

/// How this node is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInfo {
    /// Addresses that it listens on.
    pub listening: Vec<String>,
    /// Addresses that lead to it through relays.
    pub circuits: Vec<String>,
    /// Addresses at which others have reached it, the latest first.
    pub confirmed: Vec<String>,
    /// Whether others reach it without a relay.
    pub verdict: Verdict,
    /// What became of a port in its router (UPnP): `off`, `asked`, `open`, `none`, `behind another`.
    pub router: &'static str,
    /// Its relays.
    pub relays: Vec<RelayInfo>,
    /// Whether it is a relay for others.
    pub is_relay: bool,
    /// Peers connected directly.
    pub direct: usize,
    /// Peers connected by way of a relay alone.
    pub relayed: usize,
    /// Relayed connections that became direct ones, and those that did not.
    pub punched: (u64, u64),
    /// Peer ids of those that are shut out for a time, with the seconds that are left.
    pub shut_out: Vec<(String, u64)>,
    /// Peer ids of those that the owner has blocked.
    pub blocked: Vec<String>,
}

/// Peers to whom no hole was punched: what libp2p tries three times in a row may succeed a little later.
#[derive(Debug)]
struct Unpunched(LruCache<PeerId, Again>);

#[derive(Debug, Default)]
struct Again {
    failures: u32,
    due: Option<Instant>,
}

impl Default for Unpunched {
    fn default() -> Self {
        Self(LruCache::new(UNPUNCHED_MAX))
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Reach {
    tried: BTreeMap<Multiaddr, Tried>,
    /// Words heard on addresses.
    heard: u64,
    /// When addresses are to be tried once more, if nobody has come through by then.
    again: Option<Instant>,
    pub(super) router: Router,
    pub(super) relays: Vec<Relay>,
    /// Relayed connections that became direct ones, and those that did not.
    pub(super) punched: (u64, u64),
    unpunched: Unpunched,
}

impl Reach {
    /// Reads the relays' addresses.
    ///
    /// # Errors
    /// [`Error::Address`] or [`Error::Relay`] names the one that is none.
    pub(super) fn new(relays: &[String], now: Instant) -> Result<Self, Error> {
        let relay = |text: &String| {
            let address: Multiaddr = text.parse().map_err(|cause| Error::Address {
                what: "relay",
                address: text.clone(),
                cause,
            })?;
            let peer = peer_of(&address).ok_or_else(|| Error::Relay(text.clone()))?;
            Ok(Relay { address, peer, listener: None, holds: false, due: now, pause: PAUSE_MIN })
        };
        if relays.len() > RELAYS_MAX {
            return Err(Error::TooManyRelays(relays.len()));
        }
        Ok(Self { relays: relays.iter().map(relay).collect::<Result<_, _>>()?, ..Self::default() })
    }

    /// The relays to ask for a place now, each with the address to listen on.
    pub(super) fn due(&self, now: Instant) -> Vec<(usize, Multiaddr)> {
        let is_due = |(_, relay): &(usize, &Relay)| relay.listener.is_none() && relay.due <= now;
        let listen_on = |relay: &Relay| relay.address.clone().with(Protocol::P2pCircuit);
        self.relays
            .iter()
            .enumerate()
            .filter(is_due)
            .map(|(place, relay)| (place, listen_on(relay)))
            .collect()
    }

    /// The relay has been asked; its place is this listener, if it gives one.
    pub(super) fn asked(&mut self, place: usize, listener: ListenerId) {
        self.relays[place].listener = Some(listener);
    }

    /// It could not be asked.
    pub(super) fn refused(&mut self, place: usize, now: Instant) {
        let relay = &mut self.relays[place];
        (relay.listener, relay.holds) = (None, false);
        relay.due = now + relay.pause;
        relay.pause = (relay.pause * 2).min(PAUSE_MAX);
    }

    /// A listener has ended; says whether it was a relay's.
    pub(super) fn ended(&mut self, listener: ListenerId, now: Instant) -> bool {
        let place = self.relays.iter().position(|relay| relay.listener == Some(listener));
        if let Some(place) = place {
            self.refused(place, now);
        }
        place.is_some()
    }

    /// A relay holds a place for this node.
    pub(super) fn held(&mut self, peer: PeerId) {
        for relay in self.relays.iter_mut().filter(|relay| relay.peer == peer) {
            (relay.holds, relay.pause) = (true, PAUSE_MIN);
        }
    }

    /// A hole was punched to a peer, or not.
    pub(super) fn punched_to(&mut self, peer: PeerId, done: bool, now: Instant) {
        if done {
            self.punched.0 += 1;
            self.unpunched.0.pop(&peer);
            return;
        }
        self.punched.1 += 1;
        let again = self.unpunched.0.get_or_insert_mut(peer, Again::default);
        again.due =
            (again.failures < PUNCHED_AGAIN_MAX).then(|| now + PUNCH_PAUSE * 2u32.pow(again.failures));
        again.failures = again.failures.saturating_add(1);
    }

    /// To whom it is to be tried once more now.
    pub(super) fn unpunched_due(&mut self, now: Instant) -> Vec<PeerId> {
        let due = self.unpunched.0.iter_mut().filter(|(_, again)| again.due.is_some_and(|due| due <= now));
        due.map(|(peer, again)| {
            again.due = None;
            *peer
        })
        .collect()
    }

    /// An address is to be tried.
    pub(super) fn tries(&mut self, now: Instant) {
        self.again = Some(now + TRY_AGAIN_AFTER);
    }

    /// Whether the time has come to try all of them once more: once, and only where nobody has come through.
    pub(super) fn is_due_again(&mut self, now: Instant) -> bool {
        let is_due = self.again.is_some_and(|again| again <= now);
        if is_due {
            self.again = None;
        }
        is_due && self.confirmed().next().is_none()
    }

    /// A peer has tried one of this node's addresses. Says whether that makes it one to announce, or one no more.
    pub(super) fn tried(&mut self, address: &Multiaddr, reached: bool) -> bool {
        if !self.tried.contains_key(address) && self.tried.len() >= TRIED_MAX {
            // Whoever is told wrongly where we are, again and again, must not fill it for ever; nor does one that is not reached take the
            // place of one that is.
            let may_go = |(_, tried): &(&Multiaddr, &Tried)| reached || !tried.reached;
            let worth = |(_, tried): &(&Multiaddr, &Tried)| (tried.mapped, tried.reached, tried.heard);
            let oldest = self.tried.iter().filter(may_go).min_by_key(worth).map(|(oldest, _)| oldest.clone());
            let Some(oldest) = oldest else { return false };
            self.tried.remove(&oldest);
        }
        self.heard += 1;
        let tried = self.tried.entry(address.clone()).or_default();
        tried.heard = self.heard;
        let was = std::mem::replace(&mut tried.reached, reached);
        tried.failures = if reached { 0 } else { tried.failures.saturating_add(1) };
        was != reached
    }

    /// The router has opened a port, or closed it.
    pub(super) fn mapped(&mut self, address: &Multiaddr, open: bool) {
        self.tried(address, open);
        if let Some(tried) = self.tried.get_mut(address) {
            tried.mapped = open;
        }
    }

    /// This node has left an address: that it was reached there says nothing any more.
    pub(super) fn forget(&mut self, address: &Multiaddr) {
        self.tried.remove(address);
    }

    /// The addresses at which others have reached this node: those that its router has opened, then the others, the latest first.
    pub(super) fn confirmed(&self) -> impl Iterator<Item = &Multiaddr> {
        let mut confirmed: Vec<_> = self.tried.iter().filter(|(_, tried)| tried.reached).collect();
        confirmed.sort_unstable_by_key(|(_, tried)| Reverse((tried.mapped, tried.heard)));
        confirmed.into_iter().map(|(address, _)| address)
    }

    pub(super) fn verdict(&self) -> Verdict {
        let failures: u32 = self.tried.values().map(|tried| tried.failures).sum();
        match () {
            () if self.confirmed().next().is_some() => Verdict::Reachable,
            () if failures > 0 => Verdict::Unreachable,
            () => Verdict::Unknown,
        }
    }
}

/// The address without the peer id at its end.
pub(super) fn without_peer(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_comes_through_says_more_than_those_that_fail() {
        let (mut reach, address) = (Reach::default(), "/ip4/9.9.9.9/tcp/7".parse::<Multiaddr>().unwrap());
        assert_eq!(reach.verdict(), Verdict::Unknown);
        assert!(!reach.tried(&address, false) && !reach.tried(&address, false));
        assert_eq!(reach.verdict(), Verdict::Unreachable);
        assert!(reach.tried(&address, true) && !reach.tried(&address, true));
        assert_eq!((reach.verdict(), reach.confirmed().next()), (Verdict::Reachable, Some(&address)));
        assert!(reach.tried(&address, false));
        for port in 1..100 {
            reach.tried(&format!("/ip4/9.9.9.9/tcp/{port}").parse().unwrap(), port == 5);
        }
        assert!(reach.tried.len() <= TRIED_MAX && reach.confirmed().count() == 1);
    }

    #[test]
    fn the_latest_that_was_reached_comes_first_and_the_oldest_makes_way() {
        let mut reach = Reach::default();
        let address = |n: u8| format!("/ip4/9.9.9.{n}/tcp/7").parse::<Multiaddr>().unwrap();
        for n in 1..=20 {
            assert!(reach.tried(&address(n), true));
        }
        let latest: Vec<Multiaddr> = (5..=20).rev().map(address).collect();
        assert!(reach.confirmed().eq(&latest));
        assert!(!reach.tried(&address(5), true), "it was known");
        assert_eq!(reach.confirmed().next(), Some(&address(5)), "and is heard of anew");
        assert!(!reach.tried(&address(99), false));
        assert_eq!(reach.confirmed().count(), TRIED_MAX, "one that nobody reaches takes nobody's place");
        reach.forget(&address(5));
        assert_eq!(reach.confirmed().next(), Some(&address(20)));
    }

    #[test]
    fn what_the_router_has_opened_stays_whatever_others_say_of_other_addresses() {
        let mut reach = Reach::default();
        let address = |n: u8| format!("/ip4/9.9.9.{n}/tcp/7").parse::<Multiaddr>().unwrap();
        reach.mapped(&address(1), true);
        for n in 2..=100 {
            reach.tried(&address(n), true);
        }
        assert!(reach.confirmed().take(2).eq(&[address(1), address(100)]));
        reach.mapped(&address(1), false);
        assert!(!reach.confirmed().any(|confirmed| *confirmed == address(1)));
    }

    #[test]
    fn a_hole_that_was_not_punched_is_tried_twice_more() {
        let (mut reach, now) = (Reach::default(), Instant::now());
        let [peer, other] = [PeerId::random(), PeerId::random()];
        reach.punched_to(peer, false, now);
        reach.punched_to(other, false, now);
        reach.punched_to(other, true, now);
        assert_eq!(reach.unpunched_due(now), []);
        assert_eq!(reach.unpunched_due(now + PUNCH_PAUSE), [peer]);
        assert_eq!(reach.unpunched_due(now + PUNCH_PAUSE), [], "one dial at a time");
        let later = now + PUNCH_PAUSE;
        reach.punched_to(peer, false, later);
        assert_eq!(reach.unpunched_due(later + PUNCH_PAUSE), []);
        assert_eq!(reach.unpunched_due(later + PUNCH_PAUSE * 2), [peer]);
        reach.punched_to(peer, false, later);
        assert_eq!(reach.unpunched_due(later + PUNCH_PAUSE * 100), []);
        assert_eq!(reach.punched, (1, 4));
    }

    #[test]
    fn a_relay_is_asked_again_with_growing_pauses() {
        let (now, peer) = (Instant::now(), PeerId::random());
        let text = format!("/ip4/9.9.9.9/tcp/7/p2p/{peer}");
        let mut reach = Reach::new(std::slice::from_ref(&text), now).unwrap();
        assert_eq!(reach.due(now), [(0, format!("{text}/p2p-circuit").parse().unwrap())]);
        let listener = ListenerId::next();
        reach.asked(0, listener);
        assert!(reach.due(now).is_empty());
        reach.held(peer);
        assert!(reach.relays[0].holds);
        assert!(reach.ended(listener, now));
        assert!(!reach.relays[0].holds);
        assert!(!reach.ended(listener, now), "it is forgotten");
        assert!(reach.due(now).is_empty() && reach.due(now + PAUSE_MIN).len() == 1);
        reach.refused(0, now);
        assert!(reach.due(now + PAUSE_MIN).is_empty() && reach.due(now + 2 * PAUSE_MIN).len() == 1);
        let error = Reach::new(&["/ip4/9.9.9.9/tcp/7".to_owned()], now).unwrap_err();
        assert!(error.to_string().contains("/p2p/"), "{error}");
    }

    #[test]
    fn addresses_are_tried_once_more_where_nobody_has_come_through() {
        let (mut reach, now) = (Reach::default(), Instant::now());
        assert!(!reach.is_due_again(now + TRY_AGAIN_AFTER), "there is none to try");
        reach.tries(now);
        assert!(!reach.is_due_again(now));
        assert!(reach.is_due_again(now + TRY_AGAIN_AFTER) && !reach.is_due_again(now + TRY_AGAIN_AFTER * 2));
        let peer = PeerId::random();
        let address: Multiaddr = "/ip4/198.51.100.7/udp/4820/quic-v1".parse().unwrap();
        assert_eq!(without_peer(address.clone().with_p2p(peer).unwrap()), address);
        reach.tries(now);
        reach.tried(&address, true);
        assert!(!reach.is_due_again(now + TRY_AGAIN_AFTER));
    }
}
