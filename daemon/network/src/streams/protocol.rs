//! The libp2p behaviour behind task streams: opens one where asked to, passes on those that others open.
//!
//! `libp2p-stream` would do, but hands inbound streams over through a channel of one: of two streams that
//! arrive together, as the tasks of one question do, it drops the second. Here the channel has room for all
//! the streams a few peers may open at once.

use super::PROTOCOL;
use crate::addresses::Locality;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished, DialFailure, FromSwarm};
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, DialError, NetworkBehaviour,
    NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{PeerId, Stream, StreamProtocol};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};

/// Inbound streams on their way to the task that serves them, which takes each within microseconds: what four
/// peers may have negotiating at once.
const INCOMING_MAX: usize = 256;
/// Streams waiting for a connection to their peer; as many tasks as sixteen questions have.
const WAITING_MAX: usize = 256;

/// Where the opened stream, or the reason why there is none, goes.
pub(crate) type Reply = oneshot::Sender<Result<Stream, String>>;

/// Opens and accepts streams of one protocol.
pub(crate) struct Behaviour {
    incoming: mpsc::Sender<(PeerId, Stream)>,
    connections: HashMap<PeerId, Vec<ConnectionId>>,
    locality: Locality,
    waiting: HashMap<PeerId, Vec<Reply>>,
    orders: VecDeque<(PeerId, ConnectionId, Reply)>,
    crowded: Arc<AtomicBool>,
}

impl Behaviour {
    /// Makes the behaviour, and the end at which inbound streams come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<(PeerId, Stream)>) {
        let (incoming, streams) = mpsc::channel(INCOMING_MAX);
        let (connections, waiting, orders) = (HashMap::new(), HashMap::new(), VecDeque::new());
        let (locality, crowded) = (Locality::default(), Arc::default());
        (Self { incoming, connections, locality, waiting, orders, crowded }, streams)
    }

    /// Where this node is: decides which addresses connected peers may have it dial.
    pub(crate) fn set_locality(&mut self, locality: Locality) {
        self.locality = locality;
    }

    /// Whether so many are connected that connections which nobody uses are not to be kept.
    pub(crate) fn set_crowded(&self, crowded: bool) {
        self.crowded.store(crowded, Ordering::Relaxed);
    }

    fn handler(&self, peer: PeerId) -> Handler {
        let (incoming, crowded) = (self.incoming.clone(), self.crowded.clone());
        Handler { peer, incoming, orders: VecDeque::new(), crowded }
    }

    /// Opens a stream to `peer`; if there is no connection, as soon as there is one, or not at all if dialling
    /// fails. The caller dials.
    pub(crate) fn open(&mut self, peer: PeerId, reply: Reply) {
        if let Some(connection) = self.connections.get(&peer).and_then(|all| all.last()) {
            self.orders.push_back((peer, *connection, reply));
        } else if self.waiting.values().map(Vec::len).sum::<usize>() < WAITING_MAX {
            self.waiting.entry(peer).or_default().push(reply);
        } else {
            // Whoever asked may have given up waiting; here as everywhere below.
            let _ = reply.send(Err("too many streams wait for connections".to_owned()));
        }
    }

    /// Answers all who wait for `peer` that it cannot be reached.
    pub(crate) fn unreachable(&mut self, peer: PeerId, reason: &str) {
        for reply in self.waiting.remove(&peer).unwrap_or_default() {
            let _ = reply.send(Err(reason.to_owned()));
        }
    }

    fn on_established(&mut self, peer: PeerId, connection: ConnectionId) {
        self.connections.entry(peer).or_default().push(connection);
        for reply in self.waiting.remove(&peer).unwrap_or_default() {
            self.orders.push_back((peer, connection, reply));
        }
    }

    fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(connections) = self.connections.get_mut(&peer) else { return };
        connections.retain(|id| *id != connection);
        if connections.is_empty() {
            self.connections.remove(&peer);
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    /// Whoever is connected and dialled all the same has asked for it: address tries and hole punching are dials to what a peer names. It shall not
    /// have this node look around its own network.
    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let is_connected = peer.is_some_and(|peer| self.connections.contains_key(&peer));
        let is_worth =
            |address: &Multiaddr| !self.locality.worth_dialling([address.clone()], None).is_empty();
        if is_connected && !addresses.iter().all(is_worth) {
            return Err(ConnectionDenied::new(std::io::Error::other("it leads into our own network")));
        }
        Ok(Vec::new())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, connection_id, .. }) => {
                self.on_established(peer_id, connection_id);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) => {
                self.on_closed(peer_id, connection_id);
            }
            // A dial that another one replaces decides nothing.
            FromSwarm::DialFailure(DialFailure { error: DialError::DialPeerConditionFalse(_), .. }) => {}
            FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), error, .. }) => {
                self.unreachable(peer, &error.to_string());
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.orders.pop_front() {
            Some((peer_id, connection, reply)) => Poll::Ready(ToSwarm::NotifyHandler {
                peer_id,
                handler: NotifyHandler::One(connection),
                event: Order(reply),
            }),
            None => Poll::Pending,
        }
    }
}

/// Asks a connection for a stream.
#[derive(Debug)]
pub(crate) struct Order(Reply);

/// One connection's part.
pub(crate) struct Handler {
    peer: PeerId,
    incoming: mpsc::Sender<(PeerId, Stream)>,
    orders: VecDeque<Reply>,
    crowded: Arc<AtomicBool>,
}

impl Handler {
    fn pass_on(&self, stream: Stream) {
        if self.incoming.try_send((self.peer, stream)).is_err() {
            tracing::debug!(peer = %self.peer, "a task stream is dropped: nobody takes it");
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = Infallible;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Reply;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    /// In a small swarm everybody stays connected: a task must not wait for a handshake, and it is the connection that tells of a peer's death.
    fn connection_keep_alive(&self) -> bool {
        !self.crowded.load(Ordering::Relaxed)
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Reply, Self::ToBehaviour>> {
        match self.orders.pop_front() {
            Some(reply) => Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), reply),
            }),
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, Order(reply): Order) {
        self.orders.push_back(reply);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), Reply>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                self.pass_on(stream);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info }) => {
                let _ = info.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let reason = match error {
                    StreamUpgradeError::NegotiationFailed => "the peer does not take tasks".to_owned(),
                    error => error.to_string(),
                };
                let _ = info.send(Err(reason));
            }
            _ => {}
        }
    }
}
