//! Pings, as often as a connection needs them. libp2p's have one interval for all connections; here are two of them.
//!
//! QUIC notices by itself whoever is dead, frozen or cut off, and for that sends a packet where libp2p's ping opens a frame, an answer and their
//! acknowledgements, from both ends. There a ping tells the round-trip time and no more. TCP looks alive for minutes, and what a relay carries as long as
//! the relay lives: these are pinged often.

use super::addresses::is_circuit;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId, ping};
use std::task::{Context, Poll};
use std::time::Duration;

/// How often others are pinged, and how long an answer may take: see `on_ping`.
const OFTEN: Duration = Duration::from_secs(2);
/// How often peers over QUIC are, for the round-trip times that are shown.
const SELDOM: Duration = Duration::from_secs(15);

/// Two of libp2p's, which differ in their interval.
pub(super) struct Behaviour {
    often: ping::Behaviour,
    seldom: ping::Behaviour,
}

impl Default for Behaviour {
    fn default() -> Self {
        let every =
            |interval| ping::Behaviour::new(ping::Config::new().with_interval(interval).with_timeout(OFTEN));
        Self { often: every(OFTEN), seldom: every(SELDOM) }
    }
}

impl Behaviour {
    /// The one for a connection with this other end.
    fn of(&mut self, remote: &Multiaddr) -> &mut ping::Behaviour {
        if tells_the_dead(remote) { &mut self.seldom } else { &mut self.often }
    }
}

/// Whether the transport itself notices when nobody is there any more.
fn tells_the_dead(remote: &Multiaddr) -> bool {
    !is_circuit(remote) && remote.iter().any(|part| part == Protocol::QuicV1)
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = THandler<ping::Behaviour>;
    type ToSwarm = ping::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.of(remote).handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.of(remote).handle_established_outbound_connection(connection, peer, remote, role, port)
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    /// Results are told alike, whosever they are.
    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.often.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.often.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_quic_carries_by_itself_is_pinged_seldom() {
        let relay = PeerId::random();
        for (address, seldom) in [
            ("/ip4/192.0.2.1/udp/1/quic-v1".to_owned(), true),
            ("/ip6/2001:db8::1/udp/1/quic-v1".to_owned(), true),
            ("/ip4/192.0.2.1/tcp/1".to_owned(), false),
            (format!("/ip4/192.0.2.1/udp/1/quic-v1/p2p/{relay}/p2p-circuit"), false),
            (format!("/p2p/{relay}/p2p-circuit"), false),
        ] {
            assert_eq!(tells_the_dead(&address.parse().unwrap()), seldom, "{address}");
        }
    }
}
