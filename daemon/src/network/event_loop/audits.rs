//! Audits: what others ask of this node is answered off the loop, what it asks of them comes back through oneshots.

use super::EventLoop;
use crate::network::audit::{
    Channel, Event, Reply, Request, Service, decode_request, encode_reply, encode_request,
};
use crate::network::peers::key_of;
use libp2p::PeerId;
use libp2p::request_response::{Message, OutboundRequestId};
use polymath_proto::v1::{AuditRequest, AuditResponse};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::TaskError;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

/// Requests of others under way; each holds at most a response of 128 KiB.
const SERVED_MAX: usize = 32;
/// Requests of this node under way.
const ASKED_MAX: usize = 64;
/// When to come back, for those over the bound: about the time of a prefill.
const RETRY_AFTER_MS: u32 = 500;

/// Where a response, or the reason why there is none, goes.
pub(in crate::network) type Answer = oneshot::Sender<Result<AuditResponse, TaskError>>;

/// Audits under way.
pub(super) struct Audits {
    service: Arc<dyn Service>,
    asked: HashMap<OutboundRequestId, Answer>,
    pub(super) served: JoinSet<(Channel, AuditResponse)>,
}

impl Audits {
    pub(super) fn new(service: Arc<dyn Service>) -> Self {
        Self { service, asked: HashMap::new(), served: JoinSet::new() }
    }
}

impl EventLoop {
    /// Asks `peer`; failed replies are ignored, since whoever asked may have given up waiting.
    pub(super) fn ask_audit(&mut self, peer: PeerId, request: Request, answer: Answer) {
        if self.audits.asked.len() >= ASKED_MAX {
            let _ = answer.send(Err(TaskError::Busy { retry_after_ms: RETRY_AFTER_MS }));
            return;
        }
        let id = self.swarm.behaviour_mut().audits.send_request(&peer, encode_request(request));
        self.audits.asked.insert(id, answer);
    }

    pub(super) fn on_audit(&mut self, event: Event) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let Some(key) = key_of(&peer) else { return };
                if self.audits.served.len() >= SERVED_MAX {
                    let busy = Reply::Declined(TaskError::Busy { retry_after_ms: RETRY_AFTER_MS });
                    // The peer may have given up meanwhile.
                    let _ = self.swarm.behaviour_mut().audits.send_response(channel, encode_reply(busy));
                    return;
                }
                let service = self.audits.service.clone();
                let signer = self.surroundings.identity.signing_key().clone();
                self.audits.served.spawn(async move {
                    let reply = reply_to(key, request, service.as_ref(), &signer).await;
                    (channel, encode_reply(reply.unwrap_or_else(Reply::Declined)))
                });
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(answer) = self.audits.asked.remove(&request_id) {
                    let _ = answer.send(Ok(response));
                }
            }
            Event::OutboundFailure { request_id, error, .. } => {
                if let Some(answer) = self.audits.asked.remove(&request_id) {
                    let _ = answer.send(Err(TaskError::Unreachable(error.to_string())));
                }
            }
            Event::InboundFailure { peer, error, .. } => tracing::debug!(%peer, %error, "an audit broke off"),
            Event::ResponseSent { .. } => {}
        }
    }

    pub(super) fn on_audit_served(&mut self, served: Result<(Channel, AuditResponse), JoinError>) {
        match served {
            Ok((channel, response)) => {
                // As above.
                let _ = self.swarm.behaviour_mut().audits.send_response(channel, response);
            }
            Err(error) => tracing::error!(%error, "serving an audit broke off"),
        }
    }
}

async fn reply_to(
    peer: PeerKey,
    request: AuditRequest,
    service: &dyn Service,
    signer: &ed25519_dalek::SigningKey,
) -> Result<Reply, TaskError> {
    match decode_request(request)? {
        Request::Challenge { task_id } => {
            let (commitment, evidence) = service.opened(peer, task_id)?;
            let signature = commitment.open(signer, &evidence);
            Ok(Reply::Opening { evidence, signature })
        }
        Request::Replay(replay) => service.replay(peer, *replay).await.map(Reply::Replayed),
    }
}
