//! Task streams: libp2p's side of `/polymath/task/1`. What travels over them is [`task`]'s business.

use super::behaviour::Behaviour;
use super::peers::key_of;
use super::{Error, Identity, task};
use futures::StreamExt as _;
use libp2p::{PeerId, StreamProtocol, Swarm};
use libp2p_stream::{Control, OpenStreamError};
use polymath_swarm::capability::Advert;
use polymath_swarm::task::{Offer, TaskError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

const PROTOCOL: StreamProtocol = StreamProtocol::new(task::PROTOCOL);
/// How long opening may take when a connection has to be made first: a QUIC handshake over a bad link. The
/// asker's own patience ends before that if it has somebody else to ask.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens streams and serves those that others open. Cheap to clone; stops when told to or with the last clone.
#[derive(Clone)]
pub(super) struct Streams {
    control: Control,
    asker: task::Asker,
    tracker: TaskTracker,
    stop: Arc<StopOnDrop>,
}

struct StopOnDrop(CancellationToken);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Streams {
    /// Begins to serve `service` to whoever opens a stream to this swarm.
    pub(super) fn start(
        swarm: &Swarm<Behaviour>,
        identity: &Identity,
        service: Arc<dyn task::Service>,
    ) -> Result<Self, Error> {
        let mut control = swarm.behaviour().tasks.new_control();
        let incoming = control.accept(PROTOCOL).map_err(|e| Error::Setup(Box::new(e)))?;
        // Who cannot sign adverts cannot ask either: without an Ed25519 key there is no one to account to.
        let incoming = incoming.filter_map(async |(peer, stream)| Some((key_of(&peer)?, stream)));
        let stop = CancellationToken::new();
        let signer = Arc::new(identity.signing_key().clone());
        let serving = task::accept_loop(incoming, service, signer, task::Limits::default(), stop.clone());
        let tracker = TaskTracker::new();
        tracker.spawn(serving.instrument(tracing::info_span!("tasks", peer = %identity.peer_id())));
        let asker = task::Asker::new(stop.clone());
        Ok(Self { control, asker, tracker, stop: Arc::new(StopOnDrop(stop)) })
    }

    /// Opens a stream to `peer` and offers the task to its expert.
    pub(super) async fn ask(
        &self,
        peer: PeerId,
        expert: &Advert,
        offer: Offer,
    ) -> Result<task::RemoteTask, TaskError> {
        let mut control = self.control.clone();
        let opened = tokio::time::timeout(OPEN_TIMEOUT, control.open_stream(peer, PROTOCOL)).await;
        let stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(OpenStreamError::UnsupportedProtocol(_))) => {
                return Err(TaskError::Unreachable("the peer does not take tasks".to_owned()));
            }
            Ok(Err(error)) => return Err(TaskError::Unreachable(error.to_string())),
            Err(_) => return Err(TaskError::Unreachable("no connection in time".to_owned())),
        };
        let expert = task::Expert { peer: expert.peer, model: expert.card.model.sha256 };
        self.asker.ask(stream, expert, offer).await
    }

    /// Ends every task, ours and others'.
    pub(super) fn stop(&self) {
        self.stop.0.cancel();
    }

    /// Waits until every stream is closed; call [`Self::stop`] first.
    pub(super) async fn stopped(&self) {
        self.tracker.close();
        self.tracker.wait().await;
        self.asker.drained().await;
    }
}
