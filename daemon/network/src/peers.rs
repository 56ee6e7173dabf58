//! Who is connected, from where, and how well.

use super::addresses::is_circuit;
use libp2p::identity::PublicKey;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use polymath_swarm::identity::PeerKey;
use std::collections::HashMap;
use std::time::Duration;

/// Bytes of an agent's name that are kept: it is shown to people, and a stranger chose it.
const AGENT_BYTES_MAX: usize = 64;
/// Relayed connections of a peer with which there is room for another, and for the direct one that is to come of it.
const RELAYED_MAX: usize = 2;

/// A connected peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerInfo {
    /// Its key.
    pub peer: PeerKey,
    /// The same as libp2p's peer id.
    pub peer_id: String,
    /// Where it says that it listens; if it has not said yet, where it is connected from.
    pub addresses: Vec<String>,
    /// What it calls its software; cleaned, chosen by a stranger all the same.
    pub agent: String,
    /// The last round trip.
    pub rtt_ms: Option<f32>,
    /// Whether it is connected by way of a relay alone.
    pub relayed: bool,
}

/// What a peer answered to `Network::probe`.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// From the question to the answer, a new connection included if there was none.
    pub took: Duration,
    /// How many experts it offers.
    pub experts: usize,
    /// What is known of the connection.
    pub info: Option<PeerInfo>,
}

/// The connected peers. Their number is bounded by the connection limits.
#[derive(Debug, Default)]
pub(super) struct Peers {
    connected: HashMap<PeerId, Peer>,
}

/// How a peer was whose last connection has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// It had said who it is.
    Known,
    /// It had not: it will have nothing to do with us, or has no room.
    Silent,
}

#[derive(Debug, Default)]
struct Peer {
    is_identified: bool,
    connections: HashMap<ConnectionId, Connection>,
    addresses: Vec<Multiaddr>,
    agent: String,
    rtt: Option<Duration>,
}

#[derive(Debug)]
struct Connection {
    remote: Multiaddr,
    /// Which of the peer's runs is at the other end.
    instance: Option<u32>,
}

impl Peer {
    fn is_relayed(&self) -> bool {
        self.connections.values().all(|connection| is_circuit(&connection.remote))
    }
}

/// What a node calls its software, with a number that is another one after every start.
pub(super) fn agent_of_instance(agent: &str, instance: u32) -> String {
    format!("{agent} ({instance:08x})")
}

/// Name and number of [`agent_of_instance`].
fn instance_of(agent: &str) -> (&str, Option<u32>) {
    let split = agent.strip_suffix(')').and_then(|agent| agent.rsplit_once(" ("));
    split
        .and_then(|(name, digits)| Some((name, u32::from_str_radix(digits, 16).ok()?)))
        .map_or((agent, None), |(name, instance)| (name, Some(instance)))
}

impl Peers {
    pub(super) fn connected(&mut self, peer: PeerId, connection: ConnectionId, remote: Multiaddr) {
        let connection_of = Connection { remote, instance: None };
        self.connected.entry(peer).or_default().connections.insert(connection, connection_of);
    }

    /// If that was the last connection, says how it was.
    pub(super) fn disconnected(&mut self, peer: PeerId, connection: ConnectionId) -> Option<Gone> {
        let Some(entry) = self.connected.get_mut(&peer) else { return Some(Gone::Silent) };
        entry.connections.remove(&connection);
        if !entry.connections.is_empty() {
            return None;
        }
        let entry = self.connected.remove(&peer)?;
        Some(if entry.is_identified { Gone::Known } else { Gone::Silent })
    }

    /// Takes what identify told over a connection: name and addresses worth dialling. Returns the connections that the peer must
    /// have lost, since they are to a run of it that has ended.
    pub(super) fn identified(
        &mut self,
        peer: PeerId,
        over: ConnectionId,
        agent: &str,
        addresses: Vec<Multiaddr>,
    ) -> Vec<ConnectionId> {
        let Some(entry) = self.connected.get_mut(&peer) else { return Vec::new() };
        entry.is_identified = true;
        let (name, instance) = instance_of(agent);
        let plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
        entry.agent = name.chars().filter(plain).take(AGENT_BYTES_MAX).collect();
        entry.addresses = addresses;
        let Some(connection) = entry.connections.get_mut(&over) else { return Vec::new() };
        if instance.is_none() || connection.instance == instance {
            return Vec::new();
        }
        connection.instance = instance;
        let is_ended = |(id, other): &(&ConnectionId, &Connection)| {
            **id != over && other.instance.is_some() && other.instance != instance
        };
        entry.connections.iter().filter(is_ended).map(|(id, _)| *id).collect()
    }

    /// Where a peer's connections come from.
    pub(super) fn remotes(&self, peer: PeerId) -> impl Iterator<Item = &Multiaddr> {
        let connections = self.connected.get(&peer).into_iter().flat_map(|peer| peer.connections.values());
        connections.map(|connection| &connection.remote)
    }

    /// At which relays another connection to a peer could begin whose few connections all lead through one; none for anybody else.
    pub(super) fn circuits_of_relayed(&self, peer: PeerId) -> Vec<Multiaddr> {
        let peer = self
            .connected
            .get(&peer)
            .filter(|peer| peer.is_relayed() && peer.connections.len() <= RELAYED_MAX);
        peer.into_iter()
            .flat_map(|peer| &peer.addresses)
            .filter(|address| is_circuit(address))
            .cloned()
            .collect()
    }

    /// Takes the round trip of a ping.
    pub(super) fn pinged(&mut self, peer: PeerId, rtt: Duration) {
        if let Some(entry) = self.connected.get_mut(&peer) {
            entry.rtt = Some(rtt);
        }
    }

    /// Whether `peer` has no connection but this one.
    pub(super) fn is_only(&self, peer: PeerId, connection: ConnectionId) -> bool {
        self.connected.get(&peer).is_none_or(|entry| entry.connections.keys().all(|id| *id == connection))
    }

    pub(super) fn remote_address(&self, peer: PeerId, connection: ConnectionId) -> Option<&Multiaddr> {
        self.connected.get(&peer)?.connections.get(&connection).map(|connection| &connection.remote)
    }

    /// Where any connection of `peer` comes from.
    pub(super) fn any_remote_address(&self, peer: PeerId) -> Option<&Multiaddr> {
        self.connected.get(&peer)?.connections.values().next().map(|connection| &connection.remote)
    }

    /// How many are connected directly, and how many by way of a relay alone.
    pub(super) fn paths(&self) -> (usize, usize) {
        let direct = self.connected.values().filter(|peer| !peer.is_relayed()).count();
        (direct, self.connected.len() - direct)
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
        entry.connections.values().map(|connection| connection.remote.to_string()).collect()
    } else {
        entry.addresses.iter().map(ToString::to_string).collect()
    };
    Some(PeerInfo {
        peer: key_of(peer)?,
        peer_id: peer.to_string(),
        addresses,
        agent: entry.agent.clone(),
        rtt_ms: entry.rtt.map(|rtt| rtt.as_secs_f32() * 1_000.0),
        relayed: entry.is_relayed(),
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
    use crate::Identity;

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
        peers.identified(peer, connection, &format!("\u{1b}[31m{}", "x".repeat(1_000)), Vec::new());
        let agent = &peers.infos()[0].agent;
        assert!(agent.len() <= AGENT_BYTES_MAX && agent.starts_with("[31mx"), "{agent}");
        assert_eq!(peers.disconnected(peer, connection), Some(Gone::Known));
        assert!(!peers.contains(&peer));
    }

    #[test]
    fn a_peer_that_was_restarted_has_lost_what_was_before() {
        let (mut peers, peer) = (Peers::default(), id_of(Identity::ephemeral().peer()).unwrap());
        let [first, second, third] = [1, 2, 3].map(ConnectionId::new_unchecked);
        let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        for connection in [first, second, third] {
            peers.connected(peer, connection, address.clone());
        }
        let (one, two) = (agent_of_instance("polymath/1", 1), agent_of_instance("polymath/1", 0xffff_ffff));
        assert_eq!(peers.identified(peer, first, &one, Vec::new()), []);
        assert_eq!(peers.identified(peer, second, &one, Vec::new()), [], "both sides dialled at once");
        let mut lost = peers.identified(peer, third, &two, Vec::new());
        lost.sort();
        assert_eq!(lost, [first, second]);
        assert_eq!(peers.infos()[0].agent, "polymath/1");
        assert_eq!(peers.identified(peer, third, "other (x)", Vec::new()), []);
        assert_eq!(peers.infos()[0].agent, "other (x)");
        assert!(!peers.is_only(peer, third));
        peers.disconnected(peer, first);
        peers.disconnected(peer, second);
        assert!(peers.is_only(peer, third));
    }
}
