//! Audits over the network: an asker challenges its expert to open what it committed to, and has a holder of the same model
//! compute an answer again. `/polymath/audit/2`: one request, one response.
//!
//! What the messages mean, and what follows from them, is [`polymath_swarm::audit`]'s business.

use super::codec::{self, Format};
use futures::future::BoxFuture;
use libp2p::StreamProtocol;
use polymath_proto::v1::{AuditRequest, AuditResponse};
use polymath_swarm::audit::{Computed, Evidence, Replay};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::{Commitment, TaskError};
use polymath_wire::audit::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use std::time::Duration;

/// The protocol's name and version.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/polymath/audit/2");
/// How long an exchange may take: one prefill of a long conversation on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Exchanges at once on one connection.
const STREAMS_MAX: usize = 8;

/// What this node does for auditors.
pub trait Service: Send + Sync + 'static {
    /// What was committed to for a task of `peer`, while it is kept.
    ///
    /// # Errors
    /// [`TaskError::Refused`] if nothing of the kind is kept for this peer.
    fn opened(&self, peer: PeerKey, task_id: [u8; 16]) -> Result<(Commitment, Evidence), TaskError>;

    /// Computes an answer again for `peer`; `None` if the model's vocabulary has no such tokens.
    ///
    /// # Errors
    /// [`TaskError::Busy`], or [`TaskError::Refused`] if the model is not here.
    fn replay(&self, peer: PeerKey, replay: Replay) -> BoxFuture<'_, Result<Option<Computed>, TaskError>>;
}

pub(super) type Behaviour = codec::Behaviour<AuditRequest, AuditResponse>;

/// Makes the protocol's behaviour.
pub(super) fn behaviour() -> Behaviour {
    let formats = (Format::protobuf(REQUEST_BYTES_MAX), Format::protobuf(RESPONSE_BYTES_MAX));
    codec::behaviour(PROTOCOL, formats, STREAMS_MAX, TIMEOUT)
}
