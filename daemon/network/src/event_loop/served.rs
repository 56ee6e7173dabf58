//! Audits and receipts: what others ask of this node is answered off the loop, what it asks of them comes back through oneshots.

use super::EventLoop;
use super::calls::{self, Answer, Calls, RETRY_AFTER_MS, Served};
use crate::codec::{Asked, Event};
use crate::{audit, receipts};
use libp2p::PeerId;
use polymath_proto::v1::{AuditRequest, AuditResponse, SettleRequest, SettleResponse};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::ledger::Version;
use polymath_swarm::task::TaskError;
use polymath_wire::audit::{Reply, Request, decode_request, encode_reply, encode_request};
use polymath_wire::receipt;
use std::sync::Arc;

/// Both, under way.
pub(crate) struct Services {
    audit: Arc<dyn audit::Service>,
    receipts: Arc<dyn receipts::Service>,
    pub(super) audited: Calls<AuditResponse>,
    pub(super) settled: Calls<SettleResponse>,
}

impl Services {
    pub(crate) fn new(audit: Arc<dyn audit::Service>, receipts: Arc<dyn receipts::Service>) -> Self {
        Self { audit, receipts, audited: Calls::default(), settled: Calls::default() }
    }
}

impl EventLoop {
    pub(super) fn ask_audit(&mut self, peer: PeerId, request: Request, answer: Answer<AuditResponse>) {
        let audits = &mut self.swarm.behaviour_mut().audits;
        self.services
            .audited
            .ask(answer, || audits.send_request(&peer, Asked::Whole(encode_request(request))));
    }

    pub(super) fn ask_settlement(
        &mut self,
        peer: PeerId,
        receipts: &[Version],
        answer: Answer<SettleResponse>,
    ) {
        let behaviour = &mut self.swarm.behaviour_mut().receipts;
        let send = || behaviour.send_request(&peer, Asked::Whole(receipt::encode_request(receipts)));
        self.services.settled.ask(answer, send);
    }

    pub(super) fn on_audit(&mut self, event: Event<AuditRequest, AuditResponse>) {
        if let Some((peer, offence)) = calls::offence(&event) {
            self.offended(peer, offence);
        }
        let service = self.services.audit.clone();
        let signer = self.surroundings.identity.signing_key().clone();
        let serve = |peer, request| async move {
            let reply = reply_to(peer, request, service.as_ref(), &signer).await;
            encode_reply(reply.unwrap_or_else(Reply::Declined))
        };
        let busy = || encode_reply(Reply::Declined(TaskError::Busy { retry_after_ms: RETRY_AFTER_MS }));
        if let Some(served) = self.services.audited.on_event(event, serve, busy) {
            self.on_audit_served(served);
        }
    }

    pub(super) fn on_receipts(&mut self, event: Event<SettleRequest, SettleResponse>) {
        if let Some((peer, offence)) = calls::offence(&event) {
            self.offended(peer, offence);
        }
        let service = self.services.receipts.clone();
        let serve = |peer, request| async move {
            let settled = match receipt::decode_request(request) {
                Ok(receipts) => service.settle(peer, receipts).await,
                Err(error) => Err(error),
            };
            receipt::encode_response(settled)
        };
        let busy = || receipt::encode_response(Err(TaskError::Busy { retry_after_ms: RETRY_AFTER_MS }));
        if let Some(served) = self.services.settled.on_event(event, serve, busy) {
            self.on_settlement_served(served);
        }
    }

    pub(super) fn on_audit_served(&mut self, (channel, response): Served<AuditResponse>) {
        // The peer may have given up meanwhile.
        let _ = self.swarm.behaviour_mut().audits.send_response(channel, response);
    }

    pub(super) fn on_settlement_served(&mut self, (channel, response): Served<SettleResponse>) {
        // As above.
        let _ = self.swarm.behaviour_mut().receipts.send_response(channel, response);
    }
}

async fn reply_to(
    peer: PeerKey,
    request: AuditRequest,
    service: &dyn audit::Service,
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
