//! Which addresses are worth dialling: what others tell of themselves is checked before it costs us a packet.
//!
//! Loopback is believed only from somebody who is on this machine, private ranges only on a network that we
//! are on too; what cannot be dialled at all (unspecified, multicast, link-local, documentation) never.

use libp2p::Multiaddr;
use libp2p::PeerId;
use libp2p::multiaddr::Protocol;
use polymath_swarm::capability::ADDRESSES_MAX;
use polymath_wire::advert::ADDRESS_BYTES_MAX;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};

/// Where this node is, as far as its own listeners tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Locality {
    listening: Vec<IpAddr>,
}

impl Locality {
    /// Takes the addresses that the node listens on.
    pub(super) fn new<'a>(listening: impl Iterator<Item = &'a Multiaddr>) -> Self {
        // A relay's address is not ours.
        Self { listening: listening.filter(|address| !is_circuit(address)).filter_map(ip).collect() }
    }

    /// Keeps, of what a peer says of itself, the addresses that are worth dialling; at most
    /// [`ADDRESSES_MAX`]. `seen_from` is where the peer connects from, if it is connected.
    pub(super) fn worth_dialling(
        &self,
        addresses: impl IntoIterator<Item = Multiaddr>,
        seen_from: Option<&Multiaddr>,
    ) -> Vec<Multiaddr> {
        let seen_from = seen_from.and_then(ip);
        let mut kept = Vec::new();
        for address in addresses {
            if kept.len() < ADDRESSES_MAX && self.is_worth(&address, seen_from) && !kept.contains(&address) {
                kept.push(address);
            }
        }
        kept
    }

    fn is_worth(&self, address: &Multiaddr, seen_from: Option<IpAddr>) -> bool {
        if address.len() > ADDRESS_BYTES_MAX || !is_transport(address) {
            return false;
        }
        match ip(address) {
            None => true,
            Some(IpAddr::V4(ip)) => self.is_worth_v4(ip, seen_from),
            Some(IpAddr::V6(ip)) => self.is_worth_v6(ip, seen_from),
        }
    }

    fn is_worth_v4(&self, ip: Ipv4Addr, seen_from: Option<IpAddr>) -> bool {
        if ip.is_loopback() {
            return self.is_on_loopback(seen_from);
        }
        if ip.is_private() || is_shared_v4(ip) {
            // The same /16 is close enough to tell this network from another one.
            let near = |other: &IpAddr| matches!(other, IpAddr::V4(other) if other.octets()[..2] == ip.octets()[..2]);
            return self.listening.iter().any(near) || seen_from.as_ref().is_some_and(near);
        }
        !(ip.is_unspecified()
            || ip.is_multicast()
            || ip.is_broadcast()
            || ip.is_link_local()
            || ip.is_documentation())
    }

    fn is_worth_v6(&self, ip: Ipv6Addr, seen_from: Option<IpAddr>) -> bool {
        if ip.is_loopback() {
            return self.is_on_loopback(seen_from);
        }
        if ip.is_unique_local() {
            let near = |other: &IpAddr| matches!(other, IpAddr::V6(other) if other.octets()[..6] == ip.octets()[..6]);
            return self.listening.iter().any(near) || seen_from.as_ref().is_some_and(near);
        }
        !(ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local())
    }

    fn is_on_loopback(&self, seen_from: Option<IpAddr>) -> bool {
        let alone = !self.listening.is_empty() && self.listening.iter().all(IpAddr::is_loopback);
        seen_from.map_or(alone, |from| from.is_loopback() || self.listening.contains(&from))
    }
}

/// Whether an address that others say they reach could be this node's own: what it listens on, at an IP address that they see. Its port
/// is ours too: libp2p's identify puts ours into what others see before that is tried, and UPnP opens the same.
pub(super) fn may_be_own<'a>(
    address: &Multiaddr,
    mut listening: impl Iterator<Item = &'a Multiaddr>,
) -> bool {
    let is_alike = |own: &Multiaddr| own.iter().skip(1).eq(address.iter().skip(1));
    ip(address).is_some() && !is_circuit(address) && listening.any(is_alike)
}

/// The addresses a node tells others, at most [`ADDRESSES_MAX`] and none longer than others read: those at which others have reached it,
/// then those that it listens on, beyond loopback if there are any, and at least one that leads through a relay if it has some.
pub(super) fn to_announce<'a>(
    listening: impl Iterator<Item = &'a Multiaddr>,
    confirmed: impl Iterator<Item = &'a Multiaddr>,
) -> Vec<Multiaddr> {
    let mut all: Vec<&Multiaddr> = listening.filter(|a| a.len() <= ADDRESS_BYTES_MAX).collect();
    all.sort();
    all.dedup();
    let is_beyond = |a: &&Multiaddr| ip(a).is_none_or(|ip| !ip.is_loopback());
    if all.iter().any(is_beyond) {
        all.retain(is_beyond);
    }
    // Strangers have a say in what is confirmed: it must not push out what this node knows by itself.
    let confirmed = confirmed.take(if all.is_empty() { ADDRESSES_MAX } else { ADDRESSES_MAX / 2 });
    let (circuits, direct): (Vec<&Multiaddr>, Vec<_>) = all.into_iter().partition(|a| is_circuit(a));
    let mut announced: Vec<Multiaddr> = Vec::new();
    let room = ADDRESSES_MAX - usize::from(!circuits.is_empty());
    for (address, room) in
        confirmed.chain(direct).map(|a| (a, room)).chain(circuits.into_iter().map(|a| (a, ADDRESSES_MAX)))
    {
        if announced.len() < room && !announced.contains(address) {
            announced.push(address.clone());
        }
    }
    announced
}

/// Whether an address could be reached from anywhere: no private range, no loopback, no relay's.
pub(super) fn is_global(address: &Multiaddr) -> bool {
    let is_far = match ip(address) {
        Some(IpAddr::V4(ip)) => {
            !(ip.is_loopback()
                || ip.is_private()
                || is_shared_v4(ip)
                || ip.is_link_local()
                || ip.is_unspecified())
        }
        Some(IpAddr::V6(ip)) => {
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified())
        }
        None => false,
    };
    is_far && !is_circuit(address)
}

/// Whether an address leads through a relay.
pub(super) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The peer an address ends with, if it names one.
pub(super) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// Binds the address and lets it go again. libp2p's own errors bury the reason, and it listens on TCP with
/// SO_REUSEPORT, which would share the port with whoever holds it already.
pub(super) fn try_bind(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) => TcpListener::bind((ip, port)).map(drop),
        Some(Protocol::Udp(port)) => UdpSocket::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
        _ => None,
    }
}

/// Whether the address is host, QUIC or TCP port, and at most a peer id, or a relay's and a circuit: what our transports dial.
fn is_transport(address: &Multiaddr) -> bool {
    let mut parts = address.iter().peekable();
    let host = matches!(
        parts.next(),
        Some(Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
    );
    let port = match parts.next() {
        Some(Protocol::Tcp(port)) => port != 0,
        Some(Protocol::Udp(port)) => port != 0 && matches!(parts.next(), Some(Protocol::QuicV1)),
        _ => false,
    };
    let peer = parts.next_if(|part| matches!(part, Protocol::P2p(_)));
    if peer.is_some() && parts.next_if(|part| matches!(part, Protocol::P2pCircuit)).is_some() {
        let _behind = parts.next_if(|part| matches!(part, Protocol::P2p(_)));
    }
    host && port && parts.next().is_none()
}

/// 100.64.0.0/10, carrier-grade NAT and overlay networks (RFC 6598).
fn is_shared_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    a == 100 && (64..128).contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(listening: &[&str], seen_from: Option<&str>, told: &str) -> bool {
        let listening: Vec<Multiaddr> = listening.iter().map(|a| a.parse().unwrap()).collect();
        let seen_from: Option<Multiaddr> = seen_from.map(|a| a.parse().unwrap());
        let locality = Locality::new(listening.iter());
        !locality.worth_dialling([told.parse().unwrap()], seen_from.as_ref()).is_empty()
    }

    #[test]
    fn addresses_are_believed_by_where_they_come_from() {
        let lan = "/ip4/192.168.1.2/tcp/4001";
        let loopback = "/ip4/127.0.0.1/udp/4001/quic-v1";
        let relay = PeerId::random();
        let circuit = format!("/ip4/8.8.8.8/tcp/9/p2p/{relay}/p2p-circuit");
        let table = [
            (&[loopback][..], None, "/ip4/127.0.0.1/udp/9/quic-v1", true),
            (&[loopback, lan][..], None, "/ip4/127.0.0.1/udp/9/quic-v1", false),
            (&[loopback, lan][..], Some("/ip4/127.0.0.1/udp/7/quic-v1"), "/ip4/127.0.0.1/tcp/9", true),
            (&[loopback, lan][..], Some("/ip4/192.168.1.9/tcp/7"), "/ip4/127.0.0.1/tcp/9", false),
            (&[lan][..], None, "/ip4/192.168.7.7/tcp/9", true),
            (&[lan][..], None, "/ip4/10.0.0.7/tcp/9", false),
            (&[lan][..], Some("/ip4/10.0.3.3/tcp/7"), "/ip4/10.0.0.7/tcp/9", true),
            (&[lan][..], None, "/ip4/8.8.8.8/udp/9/quic-v1", true),
            (&[lan][..], None, "/dns4/example.org/tcp/9", true),
            (&[lan][..], None, "/ip4/0.0.0.0/tcp/9", false),
            (&[lan][..], None, "/ip4/224.0.0.1/udp/9/quic-v1", false),
            (&[lan][..], None, "/ip4/8.8.8.8/tcp/0", false),
            (&[lan][..], None, "/ip4/8.8.8.8/udp/9", false),
            (&[lan][..], None, "/memory/1", false),
            (&[lan][..], None, &circuit, true),
            (&[lan][..], None, &format!("{circuit}/p2p/{relay}"), true),
            (&[lan][..], None, &format!("{circuit}/p2p/{relay}/p2p-circuit"), false),
            (&[lan][..], None, "/ip4/8.8.8.8/tcp/9/p2p-circuit", false),
            (&[lan][..], None, "/ip6/fe80::1/tcp/9", false),
            (&[lan][..], None, "/ip6/::ffff:127.0.0.1/tcp/9", false),
        ];
        for (listening, seen_from, told, expected) in table {
            assert_eq!(kept(listening, seen_from, told), expected, "{listening:?} {seen_from:?} {told}");
        }
    }

    #[test]
    fn what_is_announced_has_room_for_a_relay() {
        let direct: Vec<Multiaddr> =
            (1..20).map(|port| format!("/ip4/10.0.0.1/tcp/{port}").parse().unwrap()).collect();
        let circuit: Multiaddr =
            format!("/ip4/8.8.8.8/tcp/9/p2p/{}/p2p-circuit", PeerId::random()).parse().unwrap();
        let confirmed: Multiaddr = "/ip4/9.9.9.9/tcp/7".parse().unwrap();
        let loopback: Multiaddr = "/ip4/127.0.0.1/tcp/7".parse().unwrap();
        let listening = direct.iter().chain([&circuit, &loopback]);
        let announced = to_announce(listening, [&confirmed, &direct[0]].into_iter());
        assert_eq!(announced.len(), ADDRESSES_MAX);
        assert_eq!((announced.first(), announced.last()), (Some(&confirmed), Some(&circuit)));
        assert_eq!(to_announce([&loopback].into_iter(), [].into_iter()), std::slice::from_ref(&loopback));
    }

    #[test]
    fn what_is_announced_leaves_half_the_places_to_what_a_node_knows_by_itself() {
        let at = |ip: &str| -> Vec<Multiaddr> {
            (1..20).map(|port| format!("/ip4/{ip}/tcp/{port}").parse().unwrap()).collect()
        };
        let (own, confirmed) = (at("10.0.0.1"), at("9.9.9.9"));
        let announced = to_announce(own.iter(), confirmed.iter());
        assert_eq!(announced[..ADDRESSES_MAX / 2], confirmed[..ADDRESSES_MAX / 2]);
        assert_eq!(announced[ADDRESSES_MAX / 2..], own[..ADDRESSES_MAX / 2]);
        assert_eq!(to_announce([].into_iter(), confirmed.iter()), confirmed[..ADDRESSES_MAX]);
    }

    #[test]
    fn what_others_would_not_read_is_not_announced() {
        let [relay, own] = [PeerId::random(), PeerId::random()];
        let name = "a".repeat(60);
        let long: Multiaddr =
            format!("/dns4/{name}/tcp/9/p2p/{relay}/p2p-circuit/p2p/{own}").parse().unwrap();
        let short: Multiaddr = "/ip4/10.0.0.1/tcp/7".parse().unwrap();
        assert!(long.len() > ADDRESS_BYTES_MAX);
        assert_eq!(to_announce([&long, &short].into_iter(), [].into_iter()), [short]);
    }

    #[test]
    fn an_address_may_be_ours_if_we_listen_on_it_at_another_ip() {
        let relay = PeerId::random();
        let circuit = format!("/ip4/8.8.8.8/tcp/9/p2p/{relay}/p2p-circuit");
        let listening = ["/ip4/10.0.0.1/udp/4820/quic-v1", "/ip6/::1/tcp/4821", &circuit];
        let listening = listening.map(|address| address.parse::<Multiaddr>().unwrap());
        let table = [
            ("/ip4/10.0.0.1/udp/4820/quic-v1", true),
            ("/ip4/9.9.9.9/udp/4820/quic-v1", true),
            ("/ip6/2001:db8::7/tcp/4821", true),
            ("/ip4/9.9.9.9/udp/4821/quic-v1", false),
            ("/ip4/9.9.9.9/udp/4820", false),
            ("/ip4/9.9.9.9/tcp/4820", false),
            ("/dns4/example.org/tcp/4821", false),
            (&format!("/dns4/{}/tcp/4821", "a".repeat(150)), false),
            (&format!("/ip4/9.9.9.9/tcp/4821/p2p/{relay}"), false),
            (&circuit, false),
        ];
        for (address, expected) in table {
            assert_eq!(may_be_own(&address.parse().unwrap(), listening.iter()), expected, "{address}");
        }
    }

    #[test]
    fn at_most_eight_addresses_are_kept() {
        let told = (1..100).map(|port| format!("/ip4/8.8.8.8/tcp/{port}").parse().unwrap());
        assert_eq!(Locality::default().worth_dialling(told, None).len(), ADDRESSES_MAX);
    }
}
