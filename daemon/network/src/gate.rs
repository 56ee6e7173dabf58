//! The gate of a private swarm: every connection, over TCP, QUIC or a relay, passes a handshake keyed by the swarm before libp2p's Swarm
//! sees it. Identify, Kademlia and gossip would otherwise tell an outsider every protocol's name.
//!
//! On the authenticated connection the dialer opens one substream and both speak Noise's `NNpsk0` over it (Perrin 2018): two
//! messages of 48 bytes, whose prologue names both peers in role order. So whoever does not hold the key completes nothing, and what
//! was recorded between others opens nothing. TCP is encrypted by the swarm's key underneath as well (pnet).
//!
//! An outsider learns that a libp2p node with this peer id listens here, no more.

use super::addresses::is_circuit;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::PeerId;
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt as _};
use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::multiaddr::Protocol;
use polymath_swarm::private::SwarmKeys;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the handshake may take: a few round trips over a bad link. Whoever is silent is gone after it.
const GATE_TIME_MAX: Duration = Duration::from_secs(5);
/// The Noise protocol: no static keys, since both peers are authenticated already; the swarm's key from the first message on.
const NOISE: &str = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";
/// What is authenticated beside the two peers.
const PROLOGUE: &[u8] = b"polymath/1/gate\0";
/// Bytes of each message: an ephemeral key and a tag.
const MESSAGE_BYTES: usize = 48;

/// Lets a connection of a private swarm through, or not; `local` is this node.
pub(super) async fn pass(
    (peer, muxer): (PeerId, StreamMuxerBox),
    endpoint: ConnectedPoint,
    local: PeerId,
    keys: Arc<SwarmKeys>,
) -> io::Result<(PeerId, StreamMuxerBox)> {
    let muxer = shake(peer, muxer, Role::of(&endpoint), local, &keys.noise).await?;
    Ok((peer, muxer))
}

/// Who speaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Initiator,
    Responder,
}

impl Role {
    /// Where both sides dial at once to get through their routers, one of them has been told to act as the listener. Over QUIC both
    /// are clients all the same, and a connection of either may come to stand; only one that takes a new port waits to be dialled.
    fn of(endpoint: &ConnectedPoint) -> Self {
        let ConnectedPoint::Dialer { address, role_override, port_use } = endpoint else {
            return Self::Responder;
        };
        let is_quic = address.iter().any(|part| part == Protocol::QuicV1) && !is_circuit(address);
        match (role_override, port_use) {
            (Endpoint::Dialer, _) => Self::Initiator,
            (Endpoint::Listener, PortUse::Reuse) if is_quic => Self::Initiator,
            (Endpoint::Listener, _) => Self::Responder,
        }
    }
}

async fn shake(
    peer: PeerId,
    mut muxer: StreamMuxerBox,
    role: Role,
    local: PeerId,
    key: &[u8; 32],
) -> io::Result<StreamMuxerBox> {
    let handshake = async {
        let opening = futures::future::poll_fn(|context| {
            drive(&mut muxer, context)?;
            let opened = match role {
                Role::Initiator => muxer.poll_outbound_unpin(context),
                Role::Responder => muxer.poll_inbound_unpin(context),
            };
            opened.map_err(io::Error::other)
        });
        let substream = opening.await?;
        let mut talking = pin!(shake_hands(substream, role, local, peer, key));
        // The muxer moves bytes only while it is polled.
        futures::future::poll_fn(|context| {
            drive(&mut muxer, context)?;
            talking.as_mut().poll(context)
        })
        .await
    };
    let timed_out = |_| io::Error::new(io::ErrorKind::TimedOut, "no handshake of this swarm in time");
    tokio::time::timeout(GATE_TIME_MAX, handshake).await.map_err(timed_out)??;
    Ok(muxer)
}

fn drive(muxer: &mut StreamMuxerBox, context: &mut Context<'_>) -> io::Result<()> {
    // An event is a change of the address, which does not matter here.
    while let Poll::Ready(event) = muxer.poll_unpin(context) {
        event.map_err(io::Error::other)?;
    }
    Ok(())
}

/// Both messages over the substream, which is closed in order: a drop would reset it, and might take the last message along.
async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    mut substream: S,
    role: Role,
    local: PeerId,
    peer: PeerId,
    key: &[u8; 32],
) -> io::Result<()> {
    let (dialer, listener) = match role {
        Role::Initiator => (local, peer),
        Role::Responder => (peer, local),
    };
    let prologue = [PROLOGUE, &dialer.to_bytes(), &listener.to_bytes()].concat();
    let builder = snow::Builder::new(NOISE.parse().map_err(io::Error::other)?)
        .psk(0, key)
        .and_then(|builder| builder.prologue(&prologue))
        .map_err(io::Error::other)?;
    let mut noise = match role {
        Role::Initiator => builder.build_initiator(),
        Role::Responder => builder.build_responder(),
    }
    .map_err(io::Error::other)?;
    let first = role == Role::Initiator;
    for is_ours in [first, !first] {
        let mut message = [0; MESSAGE_BYTES];
        if is_ours {
            let written = noise.write_message(&[], &mut message).map_err(io::Error::other)?;
            substream.write_all(&message[..written]).await?;
            substream.flush().await?;
        } else {
            substream.read_exact(&mut message).await?;
            let stranger = |_| io::Error::new(io::ErrorKind::PermissionDenied, "it is not of this swarm");
            noise.read_message(&message, &mut []).map_err(stranger)?;
        }
    }
    substream.close().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::compat::TokioAsyncReadCompatExt as _;

    async fn meet(
        (a, b): ([u8; 32], [u8; 32]),
        (dialer, listener): (PeerId, PeerId),
        seen: (PeerId, PeerId),
    ) -> (io::Result<()>, io::Result<()>) {
        let (near, far) = tokio::io::duplex(1_024);
        let dialing = shake_hands(near.compat(), Role::Initiator, dialer, seen.1, &a);
        let listening = shake_hands(far.compat(), Role::Responder, listener, seen.0, &b);
        // A side that gives up closes its end, as a dropped connection does.
        tokio::join!(dialing, listening)
    }

    #[tokio::test]
    async fn only_the_same_key_and_the_same_peers_open_it() {
        let (dialer, listener, other) = (PeerId::random(), PeerId::random(), PeerId::random());
        let both = (dialer, listener);
        let (a, b) = meet(([1; 32], [1; 32]), both, both).await;
        assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
        let (a, b) = meet(([1; 32], [2; 32]), both, both).await;
        assert!(a.is_err() && b.is_err(), "another key");
        let (a, b) = meet(([1; 32], [1; 32]), both, (other, listener)).await;
        assert!(a.is_err() && b.is_err(), "what another peer said is replayed");
    }

    #[tokio::test]
    async fn garbage_and_silence_open_nothing() {
        let (near, far) = tokio::io::duplex(1_024);
        let mut near = near.compat();
        let peers = (PeerId::random(), PeerId::random());
        let listening = shake_hands(far.compat(), Role::Responder, peers.0, peers.1, &[1; 32]);
        let noise = async {
            near.write_all(&[9; 48]).await.unwrap();
            drop(near);
        };
        let (_, heard) = tokio::join!(noise, listening);
        assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
