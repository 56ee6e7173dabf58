//! The gRPC service as it stands, with typed errors: what [`crate::PolymathClient`] speaks over `grpc` and `unix`,
//! and what the node's own commands use.
//!
//! The connection is made by the first call and made again when it was lost. Messages are bounded by tonic's
//! default of 4 MiB.

use crate::error::{Error, Refusal};
use crate::wire::control_client::ControlClient;
use crate::wire::node_client::NodeClient;
use crate::wire::{self, chat_event};
use futures::{Stream, StreamExt as _};
use std::path::Path;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// Adds the key to each call.
#[derive(Clone, Debug)]
struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("authorization", key.clone());
        }
        Ok(request)
    }
}

type Stub = InterceptedService<Channel, Bearer>;

/// A connection to a node's gRPC service; cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection {
    endpoint: Endpoint,
    key: Bearer,
    /// For people.
    place: String,
    channel: std::sync::Arc<tokio::sync::OnceCell<Channel>>,
}

impl Connection {
    /// To the node that listens on the Unix socket `path`; nothing is sent yet.
    pub fn unix(path: &Path) -> Result<Self, Error> {
        let place = path.display().to_string();
        let text = path.to_str().ok_or_else(|| Error::invalid("path", format!("{place} is not UTF-8")))?;
        Self::new(format!("unix://{text}"), place, None)
    }

    /// To the node whose gRPC port is at `url`, `http://127.0.0.1:50051` for instance; nothing is sent yet.
    pub fn tcp(url: &str, key: Option<&str>) -> Result<Self, Error> {
        if url.starts_with("https:") {
            let fix = "gRPC over TLS is not built into this client; use REST, which has it";
            return Err(Error::invalid("url", fix));
        }
        if !url.starts_with("http://") {
            return Err(Error::invalid("url", format!("{url:?}: write http://ADDRESS:PORT")));
        }
        Self::new(url.to_owned(), url.to_owned(), key)
    }

    fn new(uri: String, place: String, key: Option<&str>) -> Result<Self, Error> {
        let endpoint = Endpoint::from_shared(uri);
        let endpoint = endpoint.map_err(|_| Error::invalid("url", format!("{place:?} is no address")))?;
        let key = key.map(|key| format!("Bearer {key}").parse::<MetadataValue<Ascii>>()).transpose();
        // The text is a secret: the error does not repeat it.
        let key = key.map_err(|_| Error::invalid("api_key", "the API key holds control characters"))?;
        let key = key.map(|mut key| {
            key.set_sensitive(true);
            key
        });
        Ok(Self { endpoint, key: Bearer(key), place, channel: std::sync::Arc::default() })
    }

    /// The same, giving up on connecting after `limit`.
    #[must_use]
    pub fn with_connect_timeout(mut self, limit: Duration) -> Self {
        self.endpoint = self.endpoint.connect_timeout(limit);
        self
    }

    /// Connects now rather than with the first call; [`Error::NotRunning`] if nobody answers.
    pub async fn connect(&self) -> Result<(), Error> {
        self.channel().await.map(drop)
    }

    async fn channel(&self) -> Result<Channel, Error> {
        let connected = self.channel.get_or_try_init(|| self.endpoint.connect()).await;
        connected.cloned().map_err(|_| Error::NotRunning { place: self.place.clone() })
    }

    async fn node(&self) -> Result<NodeClient<Stub>, Error> {
        Ok(NodeClient::with_interceptor(self.channel().await?, self.key.clone()))
    }

    /// The node's state.
    pub async fn health(&self) -> Result<wire::HealthReply, Error> {
        let reply = self.node().await?.health(wire::HealthRequest {}).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner())
    }

    /// Asks; the events as they come, the last of them `Answer` or `Error`. Dropping the stream cancels.
    pub async fn chat(
        &self,
        request: wire::ChatRequest,
    ) -> Result<impl Stream<Item = Result<chat_event::Body, Error>> + Send + Unpin + 'static, Error> {
        let reply = self.node().await?.chat(request).await;
        let events = reply.map_err(|s| refused(&s))?.into_inner();
        // An event of a newer node has no body that this client knows.
        let bodies = events.filter_map(async |event| match event {
            Ok(event) => event.body.map(Ok),
            Err(status) => Some(Err(refused(&status))),
        });
        Ok(Box::pin(bodies))
    }

    /// How `prompt` would be cut, and who could answer.
    pub async fn plan(&self, prompt: impl Into<String>) -> Result<wire::PlanReply, Error> {
        self.plan_with(prompt, None).await
    }

    /// The same among the experts that meet these conditions.
    pub async fn plan_with(
        &self,
        prompt: impl Into<String>,
        filter: Option<wire::Filter>,
    ) -> Result<wire::PlanReply, Error> {
        let reply = self.node().await?.plan(wire::PlanRequest { prompt: prompt.into(), filter }).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner())
    }

    /// Says whether the answer to a task was good; where its expert stands then.
    pub async fn feedback(&self, request: wire::FeedbackRequest) -> Result<wire::FeedbackReply, Error> {
        let reply = self.node().await?.feedback(request).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner())
    }

    /// Peers that the node is connected to.
    pub async fn peers(&self) -> Result<Vec<wire::Peer>, Error> {
        let reply = self.node().await?.list_peers(wire::ListPeersRequest {}).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner().peers)
    }

    /// Asks a peer, by its id or DID, whether it is there.
    pub async fn probe(&self, peer: &str) -> Result<wire::ProbePeerReply, Error> {
        let reply = self.node().await?.probe_peer(wire::ProbePeerRequest { peer: peer.to_owned() }).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner())
    }

    /// The experts that the node hosts, and their models in memory.
    pub async fn hosted(&self) -> Result<Vec<wire::Hosted>, Error> {
        let reply = self.node().await?.list_hosted(wire::ListHostedRequest {}).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner().experts)
    }

    /// Loads a hosted expert's model, or gives its memory back until it is wanted again. For the node's owner: over the Unix socket alone.
    pub async fn set_loaded(&self, id: &str, loaded: bool) -> Result<(), Error> {
        let mut control = ControlClient::with_interceptor(self.channel().await?, self.key.clone());
        let request = wire::SetLoadedRequest { id: id.to_owned(), loaded };
        control.set_loaded(request).await.map(drop).map_err(|s| refused(&s))
    }

    /// How the node is reached.
    pub async fn network(&self) -> Result<wire::GetNetworkReply, Error> {
        let reply = self.node().await?.get_network(wire::GetNetworkRequest {}).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner())
    }

    /// The latest audits of other nodes' experts, latest first; at most `most`.
    pub async fn audits(&self, most: u32) -> Result<Vec<wire::Audit>, Error> {
        let reply = self.node().await?.list_audits(wire::ListAuditsRequest { most }).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner().audits)
    }

    /// Experts that the node knows.
    pub async fn experts(&self) -> Result<Vec<wire::ExpertInfo>, Error> {
        let reply = self.node().await?.list_experts(wire::ListExpertsRequest {}).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner().experts)
    }

    /// What the node thinks of other nodes' experts.
    pub async fn reputation(&self) -> Result<Vec<wire::Reputation>, Error> {
        let reply = self.node().await?.get_reputation(wire::GetReputationRequest {}).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner().reputations)
    }

    /// What the node and others have delivered to each other: every account, and at most `most` receipts below number `before`, 0 being
    /// the latest.
    pub async fn ledger(&self, before: u64, most: u32) -> Result<wire::GetLedgerReply, Error> {
        let reply = self.node().await?.get_ledger(wire::GetLedgerRequest { before, most }).await;
        Ok(reply.map_err(|s| refused(&s))?.into_inner())
    }

    /// Vouches for a node, or no more. For the node's owner: over the Unix socket alone.
    pub async fn endorse(&self, node: &str, revoke: bool) -> Result<wire::EndorseReply, Error> {
        let mut control = ControlClient::with_interceptor(self.channel().await?, self.key.clone());
        let request = wire::EndorseRequest { node: node.to_owned(), revoke };
        Ok(control.endorse(request).await.map_err(|s| refused(&s))?.into_inner())
    }

    /// Has nothing to do with a node any more, or again. For the node's owner: over the Unix socket alone.
    pub async fn block(&self, peer: &str, revoke: bool) -> Result<wire::BlockReply, Error> {
        let mut control = ControlClient::with_interceptor(self.channel().await?, self.key.clone());
        let request = wire::BlockRequest { peer: peer.to_owned(), revoke };
        Ok(control.block(request).await.map_err(|s| refused(&s))?.into_inner())
    }

    /// Tells the node to stop. For its owner: over the Unix socket alone.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let mut control = ControlClient::with_interceptor(self.channel().await?, self.key.clone());
        control.shutdown(wire::ShutdownRequest {}).await.map(drop).map_err(|s| refused(&s))
    }
}

/// A status as an error: by the node's own code, which goes along as metadata, else by gRPC's.
fn refused(status: &tonic::Status) -> Error {
    use tonic::Code;
    let text = |name: &str| status.metadata().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let message = status.message().to_owned();
    let code = match (text("polymath-code"), status.code()) {
        (Some(code), _) => code,
        // tonic's own words for a node that went away mean nothing to people.
        (None, Code::Unavailable) => {
            return Error::Transport { message: "the node stopped answering".to_owned(), unsent: true };
        }
        (None, Code::Unknown) if std::error::Error::source(status).is_some() => {
            return Error::Transport { message: "the node stopped answering".to_owned(), unsent: false };
        }
        (None, Code::OutOfRange | Code::Internal) if std::error::Error::source(status).is_some() => {
            return Error::protocol(message);
        }
        (None, Code::Cancelled) => "cancelled".to_owned(),
        (None, Code::InvalidArgument) => "invalid".to_owned(),
        (None, Code::DeadlineExceeded) => "deadline".to_owned(),
        (None, Code::NotFound) => "not_found".to_owned(),
        (None, Code::ResourceExhausted) => "busy".to_owned(),
        (None, Code::FailedPrecondition) => "no_expert".to_owned(),
        (None, Code::Unauthenticated) => "unauthorized".to_owned(),
        (None, Code::PermissionDenied) => "forbidden".to_owned(),
        (None, _) => "failed".to_owned(),
    };
    let milliseconds =
        text("polymath-retry-after-ms").and_then(|t| t.parse().ok()).map(Duration::from_millis);
    let seconds = || text("retry-after").and_then(|t| t.parse().ok()).map(Duration::from_secs);
    let status = if status.code() == Code::Unavailable { 503 } else { 0 };
    Error::refused(Refusal {
        code,
        message,
        field: text("polymath-field"),
        retry_after: milliseconds.or_else(seconds),
        status,
    })
}

/// An error that came as an event.
pub(crate) fn reported(error: wire::ChatError) -> Error {
    let retry_after = (error.retry_after_ms > 0).then(|| Duration::from_millis(error.retry_after_ms.into()));
    Error::refused(Refusal {
        code: error.code,
        message: error.message,
        field: (!error.field.is_empty()).then_some(error.field),
        retry_after,
        status: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_there_is_said_so() {
        let folder = std::env::temp_dir().join(format!("polymath-sdk-{}", std::process::id()));
        let connection = Connection::unix(&folder.join("api.sock")).unwrap();
        let error = connection.health().await.unwrap_err();
        assert_eq!(error.code(), "not_running");
        assert!(error.to_string().contains("api.sock does not answer"), "{error}");
        let connection = Connection::tcp("http://127.0.0.1:1", None).unwrap();
        assert_eq!(connection.peers().await.unwrap_err().code(), "not_running");
    }

    #[test]
    fn bad_addresses_and_keys_are_refused_without_repeating_the_key() {
        for url in ["https://example.org", "127.0.0.1:50051", "http://", "ftp://x"] {
            assert!(matches!(Connection::tcp(url, None), Err(Error::Invalid { .. })), "{url}");
        }
        let error = Connection::tcp("http://127.0.0.1:1", Some("pmk_secret\n")).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        let shown = format!("{:?}", Connection::tcp("http://127.0.0.1:1", Some("pmk_secret")).unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn statuses_are_sorted_by_the_node_s_code() {
        let mut status = tonic::Status::new(tonic::Code::ResourceExhausted, "slow down");
        assert_eq!(refused(&status).code(), "busy");
        status.metadata_mut().insert("polymath-code", MetadataValue::from_static("rate_limited"));
        status.metadata_mut().insert("retry-after", MetadataValue::from_static("2"));
        let error = refused(&status);
        assert_eq!((error.code(), error.retry_after()), ("rate_limited", Some(Duration::from_secs(2))));
        assert!(refused(&tonic::Status::unavailable("tcp connect error")).is_retryable());
    }
}
