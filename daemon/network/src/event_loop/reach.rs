//! Acts on what tells whether others reach this node: tries of its addresses, its router, its relays, holes punched.

use super::EventLoop;
use crate::addresses::{is_circuit, is_global, may_be_own};
use crate::reach::{Router, without_peer};
use crate::{NetworkInfo, RelayInfo};
use libp2p::core::transport::ListenerId;
use libp2p::swarm::behaviour::NewExternalAddrCandidate;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{FromSwarm, NetworkBehaviour as _};
use libp2p::{Multiaddr, autonat, dcutr, relay, upnp};
use std::time::Instant;

impl EventLoop {
    /// Asks relays for a place where there is none.
    pub(super) fn tend_relays(&mut self, now: Instant) {
        for (place, address) in self.reach.due(now) {
            match self.swarm.listen_on(address.clone()) {
                Ok(listener) => self.reach.asked(place, listener),
                Err(error) => {
                    tracing::warn!(%address, %error, "the relay is not asked");
                    self.reach.refused(place, now);
                }
            }
        }
    }

    /// Says whether a listener that has ended was a place at a relay.
    pub(super) fn on_relay_lost(&mut self, listener: ListenerId, addresses: &[Multiaddr]) -> bool {
        let ended = self.reach.ended(listener, Instant::now());
        if ended {
            tracing::info!(?addresses, "a relay holds no place for this node; it is asked again");
            for address in addresses {
                self.on_not_listening(address);
            }
        }
        ended
    }

    pub(super) fn on_circuit(&mut self, event: relay::client::Event) {
        match event {
            relay::client::Event::ReservationReqAccepted { relay_peer_id, renewal, .. } => {
                if !renewal {
                    tracing::info!(relay = %relay_peer_id, "a relay holds a place for this node");
                }
                self.reach.held(relay_peer_id);
            }
            event => tracing::debug!(?event, "a circuit"),
        }
    }

    /// Has peers try an address that is listened on. libp2p itself has only those tried that it does not take for ours already.
    pub(super) fn try_out(&mut self, address: &Multiaddr) {
        if is_global(address) {
            self.reach.tries(Instant::now());
            let candidate = FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr: address });
            self.swarm.behaviour_mut().probed.on_swarm_event(candidate);
        }
    }

    /// Has the addresses tried once more where nobody has come through, by another peer perhaps: libp2p tries what it takes for one address once, and a
    /// lost packet would decide for good. With the peer id at its end it is another one to it.
    pub(super) fn try_again(&mut self, now: Instant) {
        if !self.reach.is_due_again(now) {
            return;
        }
        let own = *self.swarm.local_peer_id();
        let global: Vec<Multiaddr> =
            self.swarm.listeners().filter(|address| is_global(address)).cloned().collect();
        for address in global {
            let Ok(address) = address.with_p2p(own) else { continue };
            let candidate = FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr: &address });
            self.swarm.behaviour_mut().probed.on_swarm_event(candidate);
        }
    }

    /// A peer has dialled back, or says that it could not.
    pub(super) fn on_probed(&mut self, event: autonat::v2::client::Event) {
        let autonat::v2::client::Event { tested_addr: address, server, result, .. } = event;
        let address = without_peer(address);
        tracing::debug!(%address, %server, ?result, "an address of this node was tried");
        // One peer may have both named the address and tried it, so only what can be ours counts; that a relay is reached says nothing of us.
        if may_be_own(&address, self.swarm.listeners()) && self.reach.tried(&address, result.is_ok()) {
            tracing::info!(%address, reached = result.is_ok(), "what is known of an address from outside");
            self.own.addresses_changed();
        }
        // libp2p itself takes whatever was reached for an external address, and tells others of it.
        self.relocate();
    }

    pub(super) fn on_router(&mut self, event: upnp::Event) {
        match event {
            upnp::Event::NewExternalAddr { external_addr, .. } => {
                tracing::info!(address = %external_addr, "the router has opened a port");
                self.reach.router = Router::Open;
                self.reach.mapped(&external_addr, true);
            }
            upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
                tracing::info!(address = %external_addr, "the router has closed a port");
                self.reach.mapped(&external_addr, false);
            }
            upnp::Event::GatewayNotFound => self.reach.router = Router::None,
            upnp::Event::NonRoutableGateway => self.reach.router = Router::Behind,
        }
        self.own.addresses_changed();
        self.relocate();
    }

    pub(super) fn on_punched(&mut self, event: &dcutr::Event) {
        let dcutr::Event { remote_peer_id: peer, result } = event;
        match result {
            Ok(_) => tracing::info!(%peer, "a direct connection replaces the relayed one"),
            Err(error) => tracing::info!(%peer, %error, "no direct connection; the relayed one stays"),
        }
        self.reach.punched_to(*peer, result.is_ok(), Instant::now());
    }

    /// Connects to them through their relays once more, which is what has a hole punched.
    pub(super) fn punch_again(&mut self, now: Instant) {
        for peer in self.reach.unpunched_due(now) {
            let circuits = self.peers.circuits_of_relayed(peer);
            if circuits.is_empty() {
                continue;
            }
            let dial = DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(circuits).build();
            if let Err(error) = self.swarm.dial(dial) {
                tracing::debug!(%peer, %error, "not dialled");
            }
        }
    }

    pub(super) fn network_info(&self) -> NetworkInfo {
        let (listening, circuits): (Vec<&Multiaddr>, Vec<&Multiaddr>) =
            self.swarm.listeners().partition(|address| !is_circuit(address));
        let texts = |addresses: &[&Multiaddr]| addresses.iter().map(ToString::to_string).collect();
        let relay = |relay: &crate::reach::Relay| RelayInfo {
            address: relay.address.to_string(),
            holds: relay.holds,
        };
        let (direct, relayed) = self.peers.paths();
        NetworkInfo {
            listening: texts(&listening),
            circuits: texts(&circuits),
            confirmed: self.reach.confirmed().map(ToString::to_string).collect(),
            verdict: self.reach.verdict(),
            router: self.reach.router.name(),
            relays: self.reach.relays.iter().map(relay).collect(),
            is_relay: self.swarm.behaviour().relay.is_enabled(),
            direct,
            relayed,
            punched: self.reach.punched,
            shut_out: self
                .bans
                .out(Instant::now())
                .map(|(p, left)| (p.to_string(), left.as_secs()))
                .collect(),
            blocked: self.bans.blocked().map(|peer| peer.to_string()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::event_loop;

    use libp2p::PeerId;
    use libp2p::multiaddr::Protocol;

    /// A loop that listens on this address of loopback, and does not run.
    async fn listening() -> (EventLoop, Multiaddr) {
        let mut this = event_loop();
        let listen = "/ip4/127.0.0.1/udp/0/quic-v1";
        this.listen(&[(listen.to_owned(), listen.parse().unwrap())]).await.unwrap();
        let own = this.swarm.listeners().next().unwrap().clone();
        (this, own)
    }

    /// A peer has come through to this address, as libp2p tells it: first it takes it for an external one itself.
    fn reached(this: &mut EventLoop, address: &Multiaddr) {
        this.swarm.add_external_address(address.clone());
        this.on_probed(autonat::v2::client::Event {
            tested_addr: address.clone(),
            bytes_sent: 0,
            server: PeerId::random(),
            result: Ok(()),
        });
    }

    #[tokio::test]
    async fn a_stranger_does_not_decide_what_is_announced() {
        let (mut this, own) = listening().await;
        let name = Protocol::Dns4("a".repeat(150).into());
        let named = own.replace(0, |_| Some(name)).unwrap();
        let seen = own.replace(0, |_| Some(Protocol::Ip4([9, 9, 9, 9].into()))).unwrap();
        let elsewhere: Multiaddr = "/ip4/9.9.9.9/udp/1/quic-v1".parse().unwrap();
        for strange in [named, elsewhere] {
            reached(&mut this, &strange);
            assert_eq!(this.reach.confirmed().next(), None, "{strange}");
            assert!(this.swarm.external_addresses().all(|address| *address != strange), "{strange}");
        }
        reached(&mut this, &seen);
        assert!(this.reach.confirmed().eq([&seen]));
        assert!(this.swarm.external_addresses().any(|address| *address == seen));
    }

    #[tokio::test]
    async fn an_address_that_is_left_is_reached_no_more() {
        let (mut this, own) = listening().await;
        reached(&mut this, &own);
        assert!(this.reach.confirmed().eq([&own]));
        this.on_not_listening(&own);
        assert_eq!(this.reach.confirmed().next(), None);
    }
}
