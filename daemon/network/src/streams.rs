//! Task streams: libp2p's side of `/polymath/task/4`. What travels over them is [`task`]'s business.

mod protocol;

pub(super) use protocol::{Behaviour, Reply};

use super::peers::key_of;
use super::{Identity, task};
use libp2p::{PeerId, Stream, StreamProtocol};
use polymath_swarm::capability::Advert;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::{Offer, TaskError};
use polymath_swarm::trust::Offence;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

const PROTOCOL: StreamProtocol = StreamProtocol::new(task::PROTOCOL);
/// How long opening may take when a connection has to be made first: a QUIC handshake over a bad link. The
/// asker's own patience ends before that if it has somebody else to ask.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves the streams that others open and asks over ours. Cheap to clone; stops when told to or with the
/// last clone.
#[derive(Clone)]
pub(super) struct Streams {
    asker: task::Asker,
    room: task::Room,
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
    /// Begins to serve `service` to whoever opens a stream.
    pub(super) fn start(
        incoming: mpsc::Receiver<(PeerId, Stream)>,
        identity: &Identity,
        service: Arc<dyn task::Service>,
        offences: mpsc::Sender<(PeerKey, Offence)>,
    ) -> Self {
        let watch = task::Watch::new(move |peer, offence| {
            // A loop that is behind has enough of them.
            let _ = offences.try_send((peer, offence));
        });
        let incoming = futures::stream::unfold(incoming, async |mut incoming| {
            loop {
                let (peer, stream) = incoming.recv().await?;
                // Without an Ed25519 key there is nobody to account to.
                if let Some(key) = key_of(&peer) {
                    return Some(((key, stream), incoming));
                }
            }
        });
        let stop = CancellationToken::new();
        let signer = Arc::new(identity.signing_key().clone());
        let room = task::Room::new(task::Limits::default());
        let serving =
            task::accept_loop(incoming, (service, watch.clone()), signer, room.clone(), stop.clone());
        let tracker = TaskTracker::new();
        tracker.spawn(serving.instrument(tracing::info_span!("tasks", peer = %identity.peer_id())));
        let asker = task::Asker::new(stop.clone(), watch);
        Self { asker, room, tracker, stop: Arc::new(StopOnDrop(stop)) }
    }

    /// Waits for the stream that the event loop opens, and offers the task to its expert.
    pub(super) async fn ask(
        &self,
        opening: oneshot::Receiver<Result<Stream, String>>,
        expert: &Advert,
        offer: Offer,
        loading: task::Loading,
    ) -> Result<task::RemoteTask, TaskError> {
        let unreachable = |reason: &str| TaskError::Unreachable(reason.to_owned());
        let stream = tokio::time::timeout(OPEN_TIMEOUT, opening)
            .await
            .map_err(|_| unreachable("no connection in time"))?
            .map_err(|_| unreachable("the connection was lost"))?
            .map_err(TaskError::Unreachable)?;
        let expert = task::Expert { peer: expert.peer, model: expert.card.model.sha256 };
        self.asker.ask(stream, expert, offer, loading).await
    }

    /// Waits until nothing is done for others any more.
    pub(super) async fn served(&self) {
        self.room.emptied().await;
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
