//! Who is connected, from where, and how well.

use super::PeerInfo;
use libp2p::identity::PublicKey;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use polymath_swarm::identity::PeerKey;
use std::collections::HashMap;
use std::time::Duration;

/// Bytes of an agent's name that are kept: it is shown to people, and a stranger chose it.
const AGENT_BYTES_MAX: usize = 64;
/// Pings in a row that may fail; one is lost on a loaded machine, two are a dead peer.
const PING_FAILURES_MAX: u8 = 2;

/// The connected peers. Their number is bounded by the connection limits.
#[derive(Debug, Default)]
pub(super) struct Peers {
    connected: HashMap<PeerId, Peer>,
}

#[derive(Debug, Default)]
struct Peer {
    connections: HashMap<ConnectionId, Multiaddr>,
    addresses: Vec<Multiaddr>,
    agent: String,
    rtt: Option<Duration>,
    ping_failures: u8,
}

impl Peers {
    pub(super) fn connected(&mut self, peer: PeerId, connection: ConnectionId, remote: Multiaddr) {
        self.connected.entry(peer).or_default().connections.insert(connection, remote);
    }

    /// Says whether that was the last connection.
    pub(super) fn disconnected(&mut self, peer: PeerId, connection: ConnectionId) -> bool {
        let Some(entry) = self.connected.get_mut(&peer) else { return true };
        entry.connections.remove(&connection);
        let last = entry.connections.is_empty();
        if last {
            self.connected.remove(&peer);
        }
        last
    }

    /// Takes what identify told: name and addresses worth dialling.
    pub(super) fn identified(&mut self, peer: PeerId, agent: &str, addresses: Vec<Multiaddr>) {
        if let Some(entry) = self.connected.get_mut(&peer) {
            let plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
            entry.agent = agent.chars().filter(plain).take(AGENT_BYTES_MAX).collect();
            entry.addresses = addresses;
        }
    }

    /// Takes a ping's result; says whether the peer should be given up.
    pub(super) fn pinged(&mut self, peer: PeerId, rtt: Option<Duration>) -> bool {
        let Some(entry) = self.connected.get_mut(&peer) else { return false };
        match rtt {
            Some(rtt) => {
                entry.rtt = Some(rtt);
                entry.ping_failures = 0;
                false
            }
            None => {
                entry.ping_failures = entry.ping_failures.saturating_add(1);
                entry.ping_failures >= PING_FAILURES_MAX
            }
        }
    }

    pub(super) fn remote_address(&self, peer: PeerId, connection: ConnectionId) -> Option<&Multiaddr> {
        self.connected.get(&peer)?.connections.get(&connection)
    }

    /// Where any connection of `peer` comes from.
    pub(super) fn any_remote_address(&self, peer: PeerId) -> Option<&Multiaddr> {
        self.connected.get(&peer)?.connections.values().next()
    }

    pub(super) fn len(&self) -> usize {
        self.connected.len()
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.connected.contains_key(peer)
    }

    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.connected.keys().copied().collect()
    }

    pub(super) fn infos(&self) -> Vec<PeerInfo> {
        self.connected.iter().filter_map(|(peer, entry)| info(peer, entry)).collect()
    }
}

fn info(peer: &PeerId, entry: &Peer) -> Option<PeerInfo> {
    let addresses = if entry.addresses.is_empty() {
        entry.connections.values().map(ToString::to_string).collect()
    } else {
        entry.addresses.iter().map(ToString::to_string).collect()
    };
    Some(PeerInfo {
        peer: key_of(peer)?,
        peer_id: peer.to_string(),
        addresses,
        agent: entry.agent.clone(),
        rtt_ms: entry.rtt.map(|rtt| rtt.as_secs_f32() * 1_000.0),
    })
}

/// The Ed25519 key inside a peer id; None for peers with another kind of key, who cannot sign adverts.
pub(super) fn key_of(peer: &PeerId) -> Option<PeerKey> {
    let encoded = peer.as_ref().digest();
    let key = PublicKey::try_decode_protobuf(encoded).ok()?.try_into_ed25519().ok()?;
    Some(PeerKey(key.to_bytes()))
}

/// The peer id of a key; None if it is no point of the curve.
pub(super) fn id_of(key: PeerKey) -> Option<PeerId> {
    let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Identity;

    #[test]
    fn keys_and_peer_ids_are_the_same_thing() {
        let key = Identity::ephemeral().peer();
        let id = id_of(key).unwrap();
        assert_eq!(key_of(&id), Some(key));
        assert_eq!(key_of(&PeerId::random()), None, "a hashed key holds no key");
    }

    #[test]
    fn a_strangers_name_is_cut_and_cleaned() {
        let (mut peers, peer) = (Peers::default(), id_of(Identity::ephemeral().peer()).unwrap());
        let connection = ConnectionId::new_unchecked(1);
        peers.connected(peer, connection, "/ip4/127.0.0.1/tcp/1".parse().unwrap());
        peers.identified(peer, &format!("\u{1b}[31m{}", "x".repeat(1_000)), Vec::new());
        let agent = &peers.infos()[0].agent;
        assert!(agent.len() <= AGENT_BYTES_MAX && agent.starts_with("[31mx"), "{agent}");
        assert!(!peers.pinged(peer, None) && peers.pinged(peer, None));
        assert!(peers.disconnected(peer, connection) && !peers.contains(&peer));
    }
}
