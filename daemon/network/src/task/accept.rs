//! Serves many streams at once, bounded per peer and in total. A stream over a bound is told `busy`; so many
//! at a time are told, the rest are dropped unread.

use super::{Delivery, Job, Served, Service, Watch, serve};
use ed25519_dalek::SigningKey;
use futures::future::BoxFuture;
use futures::{AsyncRead, AsyncWrite, FutureExt, Stream, StreamExt};
use polymath_swarm::audit::Evidence;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::{Commitment, Offer, TaskError};
use polymath_swarm::trust::Offence;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span};

/// Streams that are being told `busy` at once: each costs one offer's memory and a few seconds at most.
const TURNED_AWAY_MAX: usize = 32;
/// When a peer that was turned away may try again: a short answer takes about as long.
const RETRY_AFTER_MS: u32 = 1_000;

/// How many streams are served at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For one peer.
    pub streams_per_peer: usize,
    /// For all of them.
    pub streams_total: usize,
}

impl Default for Limits {
    /// A question has at most sixteen tasks at once, so one asker gets sixteen streams; and there are as many streams
    /// in all as sixteen such askers need. Slots are few, so most of these only wait or are told `busy`.
    fn default() -> Self {
        Self { streams_per_peer: 16, streams_total: 256 }
    }
}

/// Room for streams, shared with whoever waits until they have ended.
#[derive(Clone, Debug)]
pub struct Room {
    limits: Limits,
    total: Arc<Semaphore>,
}

impl Room {
    /// Room for so many.
    pub fn new(limits: Limits) -> Self {
        Self { limits, total: Arc::new(Semaphore::new(limits.streams_total)) }
    }

    /// Waits until every stream that is served has ended, to its last word; those that come meanwhile are told `busy`.
    pub async fn emptied(&self) {
        let all = u32::try_from(self.limits.streams_total).unwrap_or(u32::MAX);
        // It is never closed.
        let _all = self.total.acquire_many(all).await;
    }
}

/// Serves every stream of `incoming` until it ends or `stop` is cancelled; then tells those that are still
/// being served, and returns when the last of them is closed.
pub async fn accept_loop<I, S>(
    incoming: I,
    (service, watch): (Arc<dyn Service>, Watch),
    signer: Arc<SigningKey>,
    room: Room,
    stop: CancellationToken,
) where
    I: Stream<Item = (PeerKey, S)>,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut incoming = pin!(incoming);
    let mut gate = Gate::new(room);
    let tasks = TaskTracker::new();
    while let Some(Some((peer, stream))) = stop.run_until_cancelled(incoming.next()).await {
        let (permits, service) = match gate.enter(peer) {
            Entry::Admitted(permits) => (permits, Arc::clone(&service)),
            Entry::TurnedAway(permits) => (permits, Arc::new(Full) as Arc<dyn Service>),
            Entry::Dropped => {
                debug!(?peer, "dropped a task stream: too many");
                watch.tell(peer, Offence::Flooded);
                continue;
            }
        };
        let (signer, stop) = (Arc::clone(&signer), stop.clone());
        let span = debug_span!("task", ?peer);
        let watch = watch.clone();
        let serving = async move {
            let _permits = permits;
            let served = serve(stream, peer, service.as_ref(), &signer, &stop).await;
            debug!(?served, "task stream ended");
            match served {
                Served::Broken(TaskError::Protocol(_)) => watch.tell(peer, Offence::BrokeProtocol),
                Served::Cut => watch.tell(peer, Offence::CutOff),
                _ => {}
            }
        };
        tasks.spawn(serving.instrument(span));
    }
    tasks.close();
    tasks.wait().await;
}

/// Counts the streams that are open.
struct Gate {
    limits: Limits,
    total: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    /// Of peers with open streams, and a few that had some.
    peers: HashMap<PeerKey, Arc<Semaphore>>,
}

/// What becomes of a stream, and what it holds while it is open.
enum Entry {
    Admitted(Vec<OwnedSemaphorePermit>),
    TurnedAway(Vec<OwnedSemaphorePermit>),
    Dropped,
}

impl Gate {
    fn new(Room { limits, total }: Room) -> Self {
        let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
        Self { limits, total, turned_away, peers: HashMap::new() }
    }

    fn enter(&mut self, peer: PeerKey) -> Entry {
        if self.peers.len() > self.limits.streams_total {
            // At most `streams_total` of them have a stream open, so this leaves room.
            self.peers.retain(|_, open| open.available_permits() < self.limits.streams_per_peer);
        }
        let of_peer =
            self.peers.entry(peer).or_insert_with(|| Arc::new(Semaphore::new(self.limits.streams_per_peer)));
        let permits = [Arc::clone(of_peer), Arc::clone(&self.total)];
        if let Ok(permits) = permits.into_iter().map(Semaphore::try_acquire_owned).collect() {
            return Entry::Admitted(permits);
        }
        match Arc::clone(&self.turned_away).try_acquire_owned() {
            Ok(permit) => Entry::TurnedAway(vec![permit]),
            Err(_) => Entry::Dropped,
        }
    }
}

/// Answers streams over the bounds.
struct Full;

impl Service for Full {
    fn accept(&self, _: PeerKey, _: Offer) -> BoxFuture<'_, Result<Job, TaskError>> {
        async { Err(TaskError::Busy { retry_after_ms: RETRY_AFTER_MS }) }.boxed()
    }

    // It takes nothing on.
    fn committed(&self, _: PeerKey, _: Commitment, _: Evidence) {}

    fn delivered(&self, _: PeerKey, _: Delivery) {}
}
