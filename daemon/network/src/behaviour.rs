//! The libp2p protocols of one swarm, put together and bounded.
//!
//! Over what they run is [`transport`]'s business. Every protocol name
//! that matters carries our own prefix and the namespace, so two namespaces on one wire stay apart.

use super::store::{ProviderStore, RECORD_LIFETIME};
use super::{Config, Error, Identity};
use super::{audit, exchange, origins, peers, pings, receipts, streams, transport};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::identity::Keypair;
use libp2p::kad::{self, store::RecordStore as _};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, identify, mdns, quic, tcp};
use libp2p::{allow_block_list, autonat, dcutr, relay, upnp};
use polymath_swarm::embedding::SpaceId;
use polymath_swarm::identity::Sha256Hash;
use polymath_wire::advert::GOSSIP_BYTES_MAX;
use polymath_wire::attestation::ATTESTATION_BYTES_MAX;
use std::collections::HashSet;
use std::time::Duration;

/// First part of every provider key and of the Kademlia protocol's name.
pub(super) const KAD_PROTOCOL: &str = "/polymath/kad/1";

/// A QUIC peer of whom nothing is heard for so long is given up. A keep-alive starts the time anew once (RFC 9000, 10.1), so that the dead are noticed after seven
/// seconds at the latest, and dialled again for one and a half (`PROBE_MAX`): within ten they are gone from the directory.
const QUIC_IDLE_MAX: Duration = Duration::from_secs(5);
/// Two keep-alives may be lost before that.
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Handshake over a bad link, three round trips and a retransmission.
const QUIC_HANDSHAKE_MAX: Duration = Duration::from_secs(3);
/// A dial to a host that drops packets ends after this.
pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that nobody uses is closed after this, where so many are connected that others need its place; until then it stays
/// ([`streams`]).
pub(super) const IDLE_MAX: Duration = Duration::from_secs(10);
/// Both sides may dial at once; through relays twice more where no hole was punched ([`reach`](super::reach)), and the direct one that comes of it.
const CONNECTIONS_PER_PEER_MAX: u32 = 4;
/// Handshakes in flight each way: what a joining node needs, and little for a flood to hold.
const PENDING_MAX: u32 = 64;
/// Streams that may negotiate at once on a connection; a question opens at most sixteen tasks at once.
const NEGOTIATING_STREAMS_MAX: usize = 64;
/// Streams a QUIC peer may have open: protocols plus sixteen tasks, with room.
const QUIC_STREAMS_MAX: u32 = 64;

/// Peers behind routers that hold a place on this node as their relay.
const RELAYED_PEERS_MAX: usize = 128;
/// Connections relayed at once.
const CIRCUITS_MAX: usize = 128;
/// Of one peer: the experts of one question, with room.
const CIRCUITS_PER_PEER_MAX: usize = 16;
/// A relayed connection ends after this; whoever still needs it dials again.
const CIRCUIT_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// Bytes of a relayed connection, about a million tokens.
const CIRCUIT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A provider record is published anew three times in its life.
pub(super) const PUBLICATION_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// A walk through the DHT: long enough for dials to peers that are gone to fail first, else a publication would end with nothing stored. Nobody waits
/// so long for experts: see `lookups`.
pub(super) const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Twenty closer peers and twenty providers, each with eight addresses of a usual length, fit.
const KAD_PACKET_BYTES_MAX: usize = 32 * 1024;

/// Gossip's heartbeat: new peers join the mesh within this time.
const GOSSIP_HEARTBEAT: Duration = Duration::from_millis(700);
/// Room in one gossip RPC beside a status: subscriptions, control messages, framing.
const GOSSIP_RPC_BYTES_MAX: usize = 16 * 1024;
/// Messages waiting for one slow peer; statuses are worth little when old.
const GOSSIP_QUEUE_MAX: usize = 256;
/// Identify's own cache of addresses: none. It would hold what peers say unsifted, their loopback addresses too, and whoever dials those reaches itself
/// first, which ends the dial.
const IDENTIFY_CACHE: usize = 0;

/// Everything the node speaks. The order is the order of polling: a fetch that was begun for a provider must
/// dial before its Kademlia query, which holds the addresses, is forgotten.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    /// Who is let in at all.
    pub(super) shut_out: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    /// From where nobody is, for a time.
    pub(super) origins: origins::Behaviour,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) exchange: exchange::Behaviour,
    pub(super) audits: audit::Behaviour,
    pub(super) receipts: receipts::Behaviour,
    pub(super) tasks: streams::Behaviour,
    pub(super) gossip: Gossip,
    pub(super) identify: identify::Behaviour,
    pub(super) pings: pings::Behaviour,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    /// Connections by way of relays.
    pub(super) circuits: relay::client::Behaviour,
    /// This node as a relay of others.
    pub(super) relay: Toggle<relay::Behaviour>,
    /// Whether others reach our addresses; they try (AutoNAT v2).
    pub(super) probed: autonat::v2::client::Behaviour,
    /// We try theirs.
    pub(super) probing: autonat::v2::server::Behaviour,
    /// From relayed connections to direct ones, through both sides' routers (DCUtR).
    pub(super) punching: dcutr::Behaviour,
    /// A port opened in our own router (UPnP).
    pub(super) router: Toggle<upnp::tokio::Behaviour>,
    pub(super) kad: kad::Behaviour<ProviderStore>,
}

type TopicFilter = gossipsub::MaxCountSubscriptionFilter<gossipsub::WhitelistSubscriptionFilter>;
pub(super) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, TopicFilter>;

/// The names by which nodes of one namespace and space find each other.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) namespace: String,
    pub(super) kad: StreamProtocol,
    pub(super) identify: String,
    pub(super) topic: IdentTopic,
    pub(super) attestations: IdentTopic,
}

impl Names {
    /// # Errors
    /// [`Error::Namespace`] if it is empty, too long, or more than letters, digits, `-`, `_` and `.`.
    pub(super) fn new(namespace: &str, space: SpaceId) -> Result<Self, Error> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if namespace.is_empty() || namespace.len() > 64 || !namespace.bytes().all(plain) {
            return Err(Error::Namespace(namespace.to_owned()));
        }
        let kad = StreamProtocol::try_from_owned(format!("{KAD_PROTOCOL}/{namespace}"))
            .map_err(|_| Error::Namespace(namespace.to_owned()))?;
        Ok(Self {
            namespace: namespace.to_owned(),
            kad,
            identify: format!("/polymath/1/{namespace}"),
            topic: IdentTopic::new(format!("polymath/1/{namespace}/{space}")),
            // Who can be relied on does not depend on the encoder.
            attestations: IdentTopic::new(format!("polymath/1/{namespace}/attestations")),
        })
    }
}

/// Builds the swarm around the behaviour of task streams; nothing is listened on or dialled yet.
pub(super) fn build(
    config: &Config,
    identity: &Identity,
    names: &Names,
    tasks: streams::Behaviour,
) -> Result<Swarm<Behaviour>, Error> {
    let setup = |e: Box<dyn std::error::Error + Send + Sync>| Error::Setup(e);
    let keypair = identity.keypair()?;
    let tcp = tcp::Config::default().nodelay(true);
    let (transport, circuits) =
        transport::build(&keypair, config.private.as_ref(), limited(quic::Config::new(&keypair)), tcp)
            .map_err(setup)?;
    Ok(SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_other_transport(|_| transport)
        .map_err(|never| match never {})?
        .with_behaviour(|keypair| behaviour(config, keypair, names, (tasks, circuits)))
        .map_err(|e| setup(e.into()))?
        .with_swarm_config(adjusted)
        .with_connection_timeout(CONNECTION_TIMEOUT)
        .build())
}

fn limited(mut quic: quic::Config) -> quic::Config {
    quic.max_idle_timeout = QUIC_IDLE_MAX.as_millis().try_into().unwrap_or(u32::MAX);
    quic.keep_alive_interval = QUIC_KEEP_ALIVE;
    quic.handshake_timeout = QUIC_HANDSHAKE_MAX;
    quic.max_concurrent_stream_limit = QUIC_STREAMS_MAX;
    quic
}

fn adjusted(swarm: libp2p::swarm::Config) -> libp2p::swarm::Config {
    swarm
        .with_idle_connection_timeout(IDLE_MAX)
        .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS_MAX)
        // A task must not pay a round trip for naming its protocol.
        .with_substream_upgrade_protocol_override(libp2p::core::upgrade::Version::V1Lazy)
}

fn behaviour(
    config: &Config,
    keypair: &Keypair,
    names: &Names,
    (tasks, circuits): (streams::Behaviour, relay::client::Behaviour),
) -> Result<Behaviour, Box<dyn std::error::Error + Send + Sync>> {
    let agent = peers::agent_of_instance(&config.agent, rand::random());
    let identify = identify::Config::new(names.identify.clone(), keypair.public())
        .with_agent_version(agent)
        .with_cache_size(IDENTIFY_CACHE)
        .with_push_listen_addr_updates(true);
    Ok(Behaviour {
        shut_out: allow_block_list::Behaviour::default(),
        origins: origins::Behaviour::default(),
        limits: connection_limits::Behaviour::new(limits(config)),
        exchange: exchange::behaviour(),
        audits: audit::behaviour(),
        receipts: receipts::behaviour(),
        tasks,
        gossip: gossip(names)?,
        identify: identify::Behaviour::new(identify),
        pings: pings::Behaviour::default(),
        mdns: mdns(config, keypair),
        circuits,
        relay: Toggle::from(
            config.relay.then(|| relay::Behaviour::new(keypair.public().to_peer_id(), relaying())),
        ),
        probed: autonat::v2::client::Behaviour::default(),
        probing: autonat::v2::server::Behaviour::default(),
        punching: dcutr::Behaviour::new(keypair.public().to_peer_id()),
        router: Toggle::from(wants_router(config).then(upnp::tokio::Behaviour::default)),
        kad: kademlia(keypair, names),
    })
}

/// A quarter of the connections is kept for peers that we choose ourselves.
fn limits(config: &Config) -> ConnectionLimits {
    let peers_max = config.peers_max.max(1);
    ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_MAX))
        .with_max_pending_outgoing(Some(PENDING_MAX))
        .with_max_established_incoming(Some(peers_max - peers_max / 4))
        .with_max_established(Some(peers_max))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX))
}

/// What this node relays at most: circuits of a few dozen neighbours behind routers, each long enough for a day's tasks. Reservations
/// last an hour and are renewed; libp2p's own rates of reservations and circuits by peer and address stay.
fn relaying() -> relay::Config {
    relay::Config {
        max_reservations: RELAYED_PEERS_MAX,
        max_circuits: CIRCUITS_MAX,
        max_circuits_per_peer: CIRCUITS_PER_PEER_MAX,
        max_circuit_duration: CIRCUIT_TIME_MAX,
        max_circuit_bytes: CIRCUIT_BYTES_MAX,
        ..Default::default()
    }
}

/// Nobody outside could use a port that leads to loopback.
fn wants_router(config: &Config) -> bool {
    let is_beyond = |listen: &String| !["/ip4/127.", "/ip6/::1/"].iter().any(|own| listen.starts_with(own));
    config.upnp && config.listen.iter().any(is_beyond)
}

fn mdns(config: &Config, keypair: &Keypair) -> Toggle<mdns::tokio::Behaviour> {
    let wanted = config.mdns.then(|| {
        mdns::tokio::Behaviour::new(mdns::Config::default(), keypair.public().to_peer_id())
            .inspect_err(|error| tracing::warn!(%error, "no mDNS here; peers on the LAN are not found by it"))
    });
    Toggle::from(wanted.and_then(Result::ok))
}

fn kademlia(keypair: &Keypair, names: &Names) -> kad::Behaviour<ProviderStore> {
    let mut config = kad::Config::new(names.kad.clone());
    config
        .set_query_timeout(QUERY_TIMEOUT)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_caching(kad::Caching::Disabled)
        .set_provider_record_ttl(Some(RECORD_LIFETIME))
        .set_provider_publication_interval(Some(PUBLICATION_INTERVAL))
        .set_record_ttl(None)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_max_packet_size(KAD_PACKET_BYTES_MAX);
    let local = keypair.public().to_peer_id();
    let mut kad = kad::Behaviour::with_config(local, ProviderStore::new(local, rand::random()), config);
    // Without an external address, as on loopback or a LAN, libp2p would stay a client and answer nobody.
    kad.set_mode(Some(kad::Mode::Server));
    debug_assert_eq!(kad.store_mut().provided().count(), 0);
    kad
}

fn gossip(names: &Names) -> Result<Gossip, Box<dyn std::error::Error + Send + Sync>> {
    let (topic, attestations) = (names.topic.hash(), names.attestations.hash());
    let config = gossipsub::ConfigBuilder::default()
        .heartbeat_initial_delay(GOSSIP_HEARTBEAT / 4)
        .heartbeat_interval(GOSSIP_HEARTBEAT)
        .max_transmit_size(GOSSIP_RPC_BYTES_MAX)
        .max_transmit_size_for_topic(GOSSIP_BYTES_MAX, topic.clone())
        .max_transmit_size_for_topic(ATTESTATION_BYTES_MAX, attestations.clone())
        .connection_handler_queue_len(GOSSIP_QUEUE_MAX)
        // Statuses carry their own signature; gossipsub's would be a second one by the same key.
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| MessageId::from(Sha256Hash::of(&message.data).0.to_vec()))
        .build()?;
    let filter = gossipsub::MaxCountSubscriptionFilter {
        filter: gossipsub::WhitelistSubscriptionFilter(HashSet::from([topic.clone(), attestations.clone()])),
        // Twice in a message happens when a peer resubscribes.
        max_subscribed_topics: 2,
        max_subscriptions_per_request: 4,
    };
    let mut gossip = Gossip::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)?;
    gossip.with_peer_score(score([topic, attestations]), gossipsub::PeerScoreThresholds::default())?;
    gossip.subscribe(&names.topic)?;
    gossip.subscribe(&names.attestations)?;
    Ok(gossip)
}

/// Scores peers by invalid messages alone: three that are wrongly signed within a few seconds and a peer's
/// gossip is ignored. Delivery is not scored, since statuses are few; nor are shared IP addresses, since many
/// nodes on one machine are common.
fn score(topics: [gossipsub::TopicHash; 2]) -> gossipsub::PeerScoreParams {
    let of_topic = gossipsub::TopicScoreParams {
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -10.0,
        invalid_message_deliveries_decay: 0.9,
        ..Default::default()
    };
    gossipsub::PeerScoreParams {
        topics: topics.map(|topic| (topic, of_topic.clone())).into(),
        ip_colocation_factor_weight: 0.0,
        ..Default::default()
    }
}
