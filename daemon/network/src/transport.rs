//! Over what a node's connections run: QUIC first, TCP with Noise and Yamux beside it, names under both resolved by DNS, and circuits by
//! way of relays. In a private swarm all three pass its [`gate`], and TCP is encrypted by the swarm's key underneath as well (pnet).

use super::gate;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, Transport as _};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::pnet::{PnetConfig, PreSharedKey};
use libp2p::{PeerId, dns, noise, quic, relay, tcp, yamux};
use polymath_swarm::private::SwarmKeys;
use std::sync::Arc;

type Connected = (PeerId, StreamMuxerBox);

/// Makes the transport, and the behaviour that circuits need beside it. With `keys`, only who has them gets in.
pub(super) fn build(
    identity: &Keypair,
    keys: Option<&Arc<SwarmKeys>>,
    quic: quic::Config,
    tcp: tcp::Config,
) -> Result<(Boxed<Connected>, relay::client::Behaviour), Box<dyn std::error::Error + Send + Sync>> {
    let local = identity.public().to_peer_id();
    let (circuits, behaviour) = relay::client::new(local);
    let circuits = circuits
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(identity)?)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let quic = quic::tokio::Transport::new(quic).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let direct = quic.or_transport(tcp_transport(identity, keys, tcp)?).map(|either, _| either.into_inner());
    let all =
        circuits.or_transport(dns::tokio::Transport::system(direct)?).map(|either, _| either.into_inner());
    let Some(keys) = keys.cloned() else { return Ok((all.boxed(), behaviour)) };
    let gated = all.and_then(move |connected, endpoint| gate::pass(connected, endpoint, local, keys.clone()));
    Ok((gated.boxed(), behaviour))
}

fn tcp_transport(
    identity: &Keypair,
    keys: Option<&Arc<SwarmKeys>>,
    config: tcp::Config,
) -> Result<Boxed<Connected>, noise::Error> {
    let tcp = tcp::tokio::Transport::new(config);
    let noise = noise::Config::new(identity)?;
    let Some(keys) = keys else {
        let tcp = tcp.upgrade(Version::V1Lazy).authenticate(noise).multiplex(yamux::Config::default());
        return Ok(tcp.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed());
    };
    let pnet = PnetConfig::new(PreSharedKey::new(keys.pnet));
    let tcp = tcp
        .and_then(move |socket, _| pnet.handshake(socket))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux::Config::default());
    Ok(tcp.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
}
