//! The gRPC service: one method, one call of the coordinator.

use super::table::Fault;
use super::{App, convert};
use crate::coordinator::{Event, Question};
use futures::Stream;
use polymath_proto::v1;
use polymath_proto::v1::control_server::{Control, ControlServer};
use polymath_proto::v1::node_server::{Node, NodeServer};
use std::pin::Pin;
use tonic::{Request, Response, Status};

/// Bytes of a request that are read: a prompt of the size allowed and its frame, with room for the error of one
/// that is a little too long to come from the check that names both sizes.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(super) fn service(app: App) -> NodeServer<Service> {
    NodeServer::new(Service { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// For the owner alone.
pub(super) fn control(app: App) -> ControlServer<Service> {
    ControlServer::new(Service { app })
}

pub(super) struct Service {
    app: App,
}

type ChatStream = Pin<Box<dyn Stream<Item = Result<v1::ChatEvent, Status>> + Send>>;

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
        let question = convert::question(request.into_inner()).map_err(|fault| fault.status())?;
        let events = self.app.coordinator.ask(question);
        // Dropping the stream (the client left) drops the receiver, which cancels the question.
        let stream = futures::stream::unfold(
            (events, convert::Timings::default()),
            |(mut events, mut timings)| async move {
                let event = match events.recv().await? {
                    Ok(event) => {
                        timings.note(&event);
                        if let Event::Answer(_) = event {
                            events.close();
                        }
                        convert::event(event, &timings)
                    }
                    Err(error) => {
                        tracing::info!(%error, "a question got no answer");
                        v1::ChatEvent { body: Some(v1::chat_event::Body::Error(convert::error(&error))) }
                    }
                };
                Some((Ok(event), (events, timings)))
            },
        );
        Ok(Response::new(Box::pin(stream)))
    }

    async fn plan(&self, request: Request<v1::PlanRequest>) -> Result<Response<v1::PlanReply>, Status> {
        let planned = self.app.coordinator.plan(&Question::new(request.into_inner().prompt)).await;
        planned.map(|p| Response::new(convert::planned(&p))).map_err(|e| Fault::from(&e).status())
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

    async fn list_experts(
        &self,
        _: Request<v1::ListExpertsRequest>,
    ) -> Result<Response<v1::ListExpertsReply>, Status> {
        let own = self.app.coordinator.network().peer();
        let mut experts: Vec<v1::ExpertInfo> =
            self.app.coordinator.experts().iter().map(|e| convert::expert(e, own)).collect();
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
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
