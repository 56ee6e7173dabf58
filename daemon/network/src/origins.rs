//! Addresses from which one peer after the other was shut out: an attacker draws a new identity in a millisecond, an address costs
//! him more. Nobody who connects from there is let in for a time; whoever is connected already and keeps the rules stays.
//!
//! An address is that of one machine (IPv4) or of one network (IPv6, its first 64 bits, which a household has). Loopback is none:
//! all nodes of a machine share it. Nor is a relay's, which stands for those behind it.

use super::addresses::is_circuit;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use lru::LruCache;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::Instant;

/// Peers of one address that are out at a time before the address is: a household or an office may have one broken node, or two.
const PEERS_OUT: usize = 4;
/// Addresses that are remembered; a flood pushes out the oldest.
const ORIGINS_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");

/// Where somebody connects from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin(IpAddr);

impl Origin {
    /// That of a connection's other end; none if it says nothing.
    pub(super) fn of(remote: &Multiaddr) -> Option<Self> {
        if is_circuit(remote) {
            return None;
        }
        let ip = remote.iter().find_map(|part| match part {
            Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
            Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
            _ => None,
        })?;
        if ip.is_loopback() {
            return None;
        }
        Some(Self(match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        }))
    }
}

/// Who was shut out of each, and until when.
#[derive(Debug)]
pub(super) struct Behaviour {
    out: LruCache<Origin, Vec<(PeerId, Instant)>>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { out: LruCache::new(ORIGINS_MAX) }
    }
}

/// Why a connection is refused.
#[derive(Debug, thiserror::Error)]
#[error("too many peers from there are shut out")]
struct Barred;

impl Behaviour {
    /// A peer that connects from there is shut out for a time; says whether everybody from there is now.
    pub(super) fn note(&mut self, origin: Origin, peer: PeerId, until: Instant, now: Instant) -> bool {
        let peers = self.out.get_or_insert_mut(origin, Vec::new);
        peers.retain(|(other, end)| *other != peer && *end > now);
        if peers.len() >= PEERS_OUT {
            peers.remove(0);
        }
        peers.push((peer, until));
        peers.len() >= PEERS_OUT
    }

    fn is_barred(&self, remote: &Multiaddr, now: Instant) -> bool {
        let peers = Origin::of(remote).and_then(|origin| self.out.peek(&origin));
        peers.is_some_and(|peers| peers.iter().filter(|(_, until)| *until > now).count() >= PEERS_OUT)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if self.is_barred(remote, Instant::now()) { Err(ConnectionDenied::new(Barred)) } else { Ok(()) }
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(address: &str) -> Multiaddr {
        address.parse().unwrap()
    }

    #[test]
    fn addresses_are_machines_and_networks_and_never_this_one() {
        let of = |address: &str| Origin::of(&at(address));
        assert_eq!(of("/ip4/192.0.2.1/udp/1/quic-v1"), of("/ip4/192.0.2.1/tcp/9"));
        assert_ne!(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.2.2/tcp/1"));
        assert_eq!(of("/ip6/2001:db8:0:1::1/tcp/1"), of("/ip6/2001:db8:0:1:ffff::9/tcp/1"));
        assert_ne!(of("/ip6/2001:db8:0:1::1/tcp/1"), of("/ip6/2001:db8:0:2::1/tcp/1"));
        assert_eq!(of("/ip6/::ffff:192.0.2.1/tcp/1"), of("/ip4/192.0.2.1/tcp/1"));
        let relay = format!("/ip4/192.0.2.1/tcp/1/p2p/{}/p2p-circuit", PeerId::random());
        for none in ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/memory/1", &relay] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn one_identity_after_the_other_bars_their_address_for_a_time() {
        let (mut origins, now) = (Behaviour::default(), Instant::now());
        let origin = Origin::of(&at("/ip4/192.0.2.1/tcp/1")).unwrap();
        let (minute, near) = (Duration::from_secs(60), at("/ip4/192.0.2.1/udp/7/quic-v1"));
        let first = PeerId::random();
        // One alone, however often.
        assert!((0..9).all(|_| !origins.note(origin, first, now + minute, now)));
        for further in 2..=PEERS_OUT {
            let barred = origins.note(origin, PeerId::random(), now + minute, now);
            assert_eq!(barred, further == PEERS_OUT);
            assert_eq!(origins.is_barred(&near, now), barred);
        }
        let arrives = |origins: &mut Behaviour, remote: &Multiaddr| {
            origins.handle_pending_inbound_connection(ConnectionId::new_unchecked(1), &near, remote)
        };
        assert!(arrives(&mut origins, &near).is_err());
        assert!(arrives(&mut origins, &at("/ip4/192.0.2.9/tcp/1")).is_ok());
        assert!(!origins.is_barred(&near, now + minute));
        assert!(!origins.note(origin, first, now + 3 * minute, now + 2 * minute), "the others' time is over");
    }
}
