//! The gRPC service: one method, one call of the coordinator. Served to this machine's commands on a Unix socket,
//! and over TCP together with `grpc.health.v1` and reflection.
//!
//! A question that fails is told as a gRPC status over TCP, code in the metadata (`polymath-code`), as any gRPC
//! client expects it; on the Unix socket it is the stream's last event, as the commands expect it. The deadline a
//! client sets (`grpc-timeout`) is the question's. A client that leaves drops its stream, and with it the question.

use super::table::Fault;
use super::{App, convert};
use crate::coordinator::{self, Event, Question, TaskId, Verdict};
use futures::Stream;
use polymath_proto::v1;
use polymath_proto::v1::control_server::{Control, ControlServer};
use polymath_proto::v1::node_server::{Node, NodeServer};
use polymath_swarm::identity::PeerKey;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Bytes of a request's message: the longest conversation that an expert is offered, several times over. A
/// connection may hold a hundred of them half read.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an answer's message: a whole answer of the longest kind with its alternatives stays below.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The service that is offered to everyone; `Control` is not.
const NODE: &str = "polymath.v1.Node";

/// Audits listed unless a number is named.
pub(super) const AUDITS_LISTED: u32 = 100;

/// Receipts listed unless a number is named, and at the most.
pub(super) const ENTRIES_LISTED: u32 = 100;
pub(super) const ENTRIES_MAX: u32 = 1_000;

/// How a question's failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// As the stream's last event.
    AsEvents,
    /// As the call's status.
    AsStatus,
}

pub(super) fn service(app: App, errors: Errors) -> NodeServer<Service> {
    NodeServer::new(Service { app, errors })
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(REPLY_BYTES_MAX)
}

/// For the owner alone.
pub(super) fn control(app: App) -> ControlServer<Service> {
    ControlServer::new(Service { app, errors: Errors::AsEvents })
}

/// Everything that is served over TCP. Says that it serves until the node stops.
pub(super) async fn router(app: App) -> Result<axum::Router, tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<NodeServer<Service>>().await;
    let stop = app.stop.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        health.set_not_serving::<NodeServer<Service>>().await;
        health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    });
    // Clients in use ask for either version.
    let reflected = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(polymath_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(NODE)
            .with_service_name("grpc.health.v1.Health")
    };
    let mut routes = Routes::builder();
    routes
        .add_service(service(app, Errors::AsStatus))
        .add_service(health_service)
        .add_service(reflected().build_v1()?)
        .add_service(reflected().build_v1alpha()?);
    Ok(routes.routes().into_axum_router())
}

pub(super) struct Service {
    app: App,
    errors: Errors,
}

type ChatStream = Pin<Box<dyn Stream<Item = Result<v1::ChatEvent, Status>> + Send>>;
type Events = mpsc::Receiver<Result<Event, coordinator::Error>>;

impl Service {
    /// The next event as it is sent; `None` at the end.
    async fn next(
        events: &mut Events,
        timings: &mut convert::Timings,
        errors: Errors,
    ) -> Option<Result<v1::ChatEvent, Status>> {
        match events.recv().await? {
            Ok(event) => {
                timings.note(&event);
                if let Event::Answer(_) = event {
                    events.close();
                }
                Some(Ok(convert::event(event, timings)))
            }
            Err(error) => {
                tracing::info!(%error, "a question got no answer");
                events.close();
                Some(match errors {
                    Errors::AsStatus => Err(Fault::from(&error).status()),
                    Errors::AsEvents => {
                        let body = v1::chat_event::Body::Error(convert::error(&error));
                        Ok(v1::ChatEvent { body: Some(body) })
                    }
                })
            }
        }
    }
}

#[tonic::async_trait]
impl Node for Service {
    type ChatStream = ChatStream;

    async fn health(&self, _: Request<v1::HealthRequest>) -> Result<Response<v1::HealthReply>, Status> {
        let coordinator = &self.app.coordinator;
        let network = coordinator.network();
        Ok(Response::new(v1::HealthReply {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.app.name.clone(),
            peer_id: crate::network::peer_id_text(network.peer()),
            uptime_ms: u64::try_from(self.app.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            peers: count(coordinator.peers().await.len()),
            experts_local: count(coordinator.host().len()),
            experts_known: count(coordinator.experts().len()),
            listen_addresses: network.listen_addresses().await,
        }))
    }

    async fn chat(&self, request: Request<v1::ChatRequest>) -> Result<Response<ChatStream>, Status> {
        let limit_ms = timeout_ms(request.metadata())?;
        let question = convert::question(request.into_inner()).map_err(|fault| fault.status())?;
        let deadline_ms = [question.deadline_ms, limit_ms].into_iter().flatten().min();
        let mut events = self.app.coordinator.ask(Question { deadline_ms, ..question });
        let (errors, mut timings) = (self.errors, convert::Timings::default());
        // What fails before there is a plan has no stream at all. Events arrive until the question ends; one that
        // ends without an answer was stopped together with the node.
        let stopped = || Fault::new("unavailable", "the node is stopping").status();
        let first = Self::next(&mut events, &mut timings, errors).await.ok_or_else(stopped)??;
        let ended = matches!(first.body, Some(v1::chat_event::Body::Error(_)));
        // Dropping the stream (the client left) drops the receiver, which cancels the question.
        let stream = futures::stream::unfold(
            (Some(first), events, timings, ended),
            move |(first, mut events, mut timings, ended)| async move {
                if let Some(first) = first {
                    return Some((Ok(first), (None, events, timings, ended)));
                }
                if ended {
                    return None;
                }
                let event =
                    Self::next(&mut events, &mut timings, errors).await.unwrap_or_else(|| Err(stopped()));
                let last = match &event {
                    Ok(event) => {
                        use v1::chat_event::Body;
                        matches!(event.body, Some(Body::Answer(_) | Body::Error(_)))
                    }
                    Err(_) => true,
                };
                Some((event, (None, events, timings, last)))
            },
        );
        Ok(Response::new(Box::pin(stream)))
    }

    async fn plan(&self, request: Request<v1::PlanRequest>) -> Result<Response<v1::PlanReply>, Status> {
        let request = request.into_inner();
        let filter = convert::filter(request.filter);
        let planned = self.app.coordinator.plan(&Question { filter, ..Question::new(request.prompt) }).await;
        planned.map(|p| Response::new(convert::planned(&p))).map_err(|e| Fault::from(&e).status())
    }

    async fn feedback(
        &self,
        request: Request<v1::FeedbackRequest>,
    ) -> Result<Response<v1::FeedbackReply>, Status> {
        let request = request.into_inner();
        let id = request.task_id.try_into().map_err(|_| Fault::field("task_id", "16 bytes").status())?;
        let task = TaskId::from_bytes(id);
        let verdict = if request.good { Verdict::Good } else { Verdict::Bad };
        let judged = self.app.coordinator.feedback(task, verdict).await;
        judged.map(|j| Response::new(convert::judged(&j))).map_err(|e| Fault::from(&e).status())
    }

    async fn list_audits(
        &self,
        request: Request<v1::ListAuditsRequest>,
    ) -> Result<Response<v1::ListAuditsReply>, Status> {
        let most = match request.into_inner().most {
            0 => AUDITS_LISTED,
            most => most,
        };
        let audits = self.app.coordinator.audit_log(most as usize).await;
        let audits = audits.map_err(|error| Fault::from(&error).status())?;
        let audits = audits.into_iter().map(|(number, record)| convert::audit(number, record)).collect();
        Ok(Response::new(v1::ListAuditsReply { audits }))
    }

    async fn get_reputation(
        &self,
        _: Request<v1::GetReputationRequest>,
    ) -> Result<Response<v1::GetReputationReply>, Status> {
        let reputations = self.app.coordinator.reputations().iter().map(convert::reputation).collect();
        Ok(Response::new(v1::GetReputationReply { reputations }))
    }

    async fn get_ledger(
        &self,
        request: Request<v1::GetLedgerRequest>,
    ) -> Result<Response<v1::GetLedgerReply>, Status> {
        let v1::GetLedgerRequest { before, most } = request.into_inner();
        let (before, most) =
            (if before == 0 { u64::MAX } else { before }, if most == 0 { ENTRIES_LISTED } else { most });
        let ledger = self.app.coordinator.ledger();
        let entries = ledger.entries(before, most.min(ENTRIES_MAX) as usize).await;
        let entries = entries.map_err(|error| Fault::from(&error).status())?;
        let own = ledger.own();
        Ok(Response::new(v1::GetLedgerReply {
            own: own.to_did(),
            accounts: ledger.accounts().iter().map(convert::account).collect(),
            entries: entries.iter().map(|(number, entry)| convert::entry(*number, entry, own)).collect(),
        }))
    }

    async fn list_peers(
        &self,
        _: Request<v1::ListPeersRequest>,
    ) -> Result<Response<v1::ListPeersReply>, Status> {
        let experts = self.app.coordinator.experts();
        let peers = self.app.coordinator.peers().await;
        let peers = peers.into_iter().map(|p| convert::peer(p, &experts)).collect();
        Ok(Response::new(v1::ListPeersReply { peers }))
    }

    async fn probe_peer(
        &self,
        request: Request<v1::ProbePeerRequest>,
    ) -> Result<Response<v1::ProbePeerReply>, Status> {
        let peer = peer(&request.into_inner().peer).map_err(|fault| fault.status())?;
        let coordinator = &self.app.coordinator;
        let probe = coordinator.network().probe(peer).await.map_err(|e| Fault::of_peer(&e).status())?;
        Ok(Response::new(convert::probe(peer, probe, &coordinator.experts())))
    }

    async fn list_hosted(
        &self,
        _: Request<v1::ListHostedRequest>,
    ) -> Result<Response<v1::ListHostedReply>, Status> {
        let experts = self.app.coordinator.host().all().iter().map(convert::hosted).collect();
        Ok(Response::new(v1::ListHostedReply { experts }))
    }

    async fn get_network(
        &self,
        _: Request<v1::GetNetworkRequest>,
    ) -> Result<Response<v1::GetNetworkReply>, Status> {
        let info = self.app.coordinator.network().info().await;
        let info = info.map_err(|error| Fault::new("unavailable", error.to_string()).status())?;
        Ok(Response::new(convert::network(info)))
    }

    async fn list_experts(
        &self,
        _: Request<v1::ListExpertsRequest>,
    ) -> Result<Response<v1::ListExpertsReply>, Status> {
        let coordinator = &self.app.coordinator;
        let all = coordinator.experts();
        let mut experts: Vec<v1::ExpertInfo> =
            all.iter().map(|e| convert::expert(e, coordinator.tier_of(e))).collect();
        experts.sort_by(|a, b| (&a.id, &a.peer_id).cmp(&(&b.id, &b.peer_id)));
        Ok(Response::new(v1::ListExpertsReply { experts }))
    }
}

#[tonic::async_trait]
impl Control for Service {
    async fn shutdown(&self, _: Request<v1::ShutdownRequest>) -> Result<Response<v1::ShutdownReply>, Status> {
        self.app.stop.cancel();
        Ok(Response::new(v1::ShutdownReply {}))
    }

    async fn set_loaded(
        &self,
        request: Request<v1::SetLoadedRequest>,
    ) -> Result<Response<v1::SetLoadedReply>, Status> {
        let v1::SetLoadedRequest { id, loaded } = request.into_inner();
        let done = self.app.coordinator.set_loaded(&id, loaded).await;
        done.map(|()| Response::new(v1::SetLoadedReply {})).map_err(|error| Fault::from(&error).status())
    }

    async fn block(&self, request: Request<v1::BlockRequest>) -> Result<Response<v1::BlockReply>, Status> {
        let v1::BlockRequest { peer: named, revoke } = request.into_inner();
        let peer = peer(&named).map_err(|fault| fault.status())?;
        if peer == self.app.coordinator.network().peer() {
            return Err(Fault::field("peer", "another node than this").status());
        }
        let changed = self.app.coordinator.block(peer, !revoke).await;
        let changed = changed.map_err(|error| Fault::from(&error).status())?;
        Ok(Response::new(v1::BlockReply { peer_id: crate::network::peer_id_text(peer), changed }))
    }

    async fn endorse(
        &self,
        request: Request<v1::EndorseRequest>,
    ) -> Result<Response<v1::EndorseReply>, Status> {
        let v1::EndorseRequest { node, revoke } = request.into_inner();
        let peer = peer(&node).map_err(|fault| Fault { field: Some("node".to_owned()), ..fault }.status())?;
        if peer == self.app.coordinator.network().peer() {
            return Err(Fault::field("node", "another node than this").status());
        }
        let changed = self.app.coordinator.endorse(peer, !revoke).await;
        let changed = changed.map_err(|error| Fault::from(&error).status())?;
        Ok(Response::new(v1::EndorseReply { node: peer.to_did(), changed }))
    }
}

/// The peer that a text names.
pub(super) fn peer(text: &str) -> Result<PeerKey, Fault> {
    let named = PeerKey::from_did(text).or_else(|| crate::network::peer_of_text(text));
    named.ok_or_else(|| {
        Fault::field("peer", "write a did:key or a peer id, as `daemon peers list -v` shows it")
    })
}

/// The time that the client gives the call, by gRPC's own header: one to eight digits and a unit. More than a
/// question may take at all is as good as none.
fn timeout_ms(metadata: &MetadataMap) -> Result<Option<u32>, Status> {
    let Some(value) = metadata.get("grpc-timeout") else { return Ok(None) };
    let bad = || Fault::field("grpc-timeout", "one to eight digits and one of H M S m u n").status();
    let text = value.to_str().map_err(|_| bad())?;
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let n: u64 = digits.parse().map_err(|_| bad())?;
    let time = match unit {
        "H" => Duration::from_secs(n * 3_600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return Err(bad()),
    };
    let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1);
    Ok((ms <= polymath_swarm::task::DEADLINE_MS_MAX).then_some(ms))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_has_them() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            timeout_ms(&metadata).map_err(|status| status.code())
        };
        let cases = [
            ("1S", Some(1_000)),
            ("250m", Some(250)),
            ("2M", Some(120_000)),
            ("1000u", Some(1)),
            ("1n", Some(1)),
            ("0m", Some(1)),
            ("99999999H", None),
            ("1H", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for bad in ["", "S", "1", "1x", "123456789S", "-1S", "1.5S", " 1S"] {
            assert_eq!(read(bad), Err(tonic::Code::InvalidArgument), "{bad}");
        }
        assert_eq!(timeout_ms(&MetadataMap::new()).unwrap(), None);
    }
}
