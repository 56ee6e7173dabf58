//! Receipts over the network: whoever asked for finished tasks says what it owes, whoever delivered signs the same.
//! `/polymath/receipt/2`: one request, one response; repeating it changes nothing.
//!
//! What the words mean is [`polymath_swarm::ledger`]'s business.

use super::codec::{self, Format};
use futures::future::BoxFuture;
use libp2p::StreamProtocol;
use polymath_proto::v1::{SettleRequest, SettleResponse};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::ledger::{Settlement, Version};
use polymath_swarm::task::TaskError;
use polymath_wire::receipt::BYTES_MAX;
use std::time::Duration;

/// The protocol's name and version.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/polymath/receipt/2");
/// How long an exchange may take: the other side stores it first, on a disk that may be slow.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Exchanges at once on one connection.
const STREAMS_MAX: usize = 8;

/// What this node does with what others say that they owe it.
pub trait Service: Send + Sync + 'static {
    /// Takes receipts of tasks that `peer` asked of this node; stored when it returns. One settlement for each, in their order.
    ///
    /// # Errors
    /// [`TaskError::Busy`], if they cannot be stored now.
    fn settle(
        &self,
        peer: PeerKey,
        receipts: Vec<Version>,
    ) -> BoxFuture<'_, Result<Vec<Settlement>, TaskError>>;
}

pub(super) type Behaviour = codec::Behaviour<SettleRequest, SettleResponse>;

/// Makes the protocol's behaviour.
pub(super) fn behaviour() -> Behaviour {
    codec::behaviour(
        PROTOCOL,
        (Format::protobuf(BYTES_MAX), Format::protobuf(BYTES_MAX)),
        STREAMS_MAX,
        TIMEOUT,
    )
}
