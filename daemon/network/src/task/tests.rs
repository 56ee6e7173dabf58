//! The protocol over in-memory pipes: both sides together, and each side against a peer that misbehaves.

mod accept;
mod asker;
mod expert;
mod frame;
mod together;

use super::*;
use ed25519_dalek::SigningKey;
use futures::{FutureExt, StreamExt, stream};
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::{Backing, Ending, FinishReason, Message, TokenLogprobs};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Bytes that a pipe holds unless a test wants fewer: more than any exchange here.
const PIPE_BYTES: usize = 1 << 20;
/// Longer than anything here may take on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(20);
const MODEL: Sha256Hash = Sha256Hash([5; 32]);
const ASKER: PeerKey = PeerKey([7; 32]);
const EVIDENCE: Sha256Hash = Sha256Hash([6; 32]);
const RUN: [u8; 16] = [8; 16];

type Pipe = Compat<DuplexStream>;
type Events = BoxStream<'static, Result<TaskEvent, TaskError>>;

fn pipe(bytes: usize) -> (Pipe, Pipe) {
    let (a, b) = tokio::io::duplex(bytes);
    (a.compat(), b.compat())
}

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn the_expert() -> Expert {
    Expert { peer: PeerKey(signer().verifying_key().to_bytes()), model: MODEL }
}

fn offer() -> Offer {
    Offer {
        task_id: [1; 16],
        card: Sha256Hash([2; 32]),
        messages: vec![Message { role: "user".into(), content: "What is the capital of France?".into() }],
        sampling: Settings::default(),
        seed: 42,
        max_tokens: 1_000,
        deadline_ms: 15_000,
        price_micro_max: 10,
        stop: vec!["\n".into()],
        top_logprobs: 0,
        grammar: None,
        private: false,
        continues: Vec::new(),
    }
}

fn accepted() -> Result<TaskEvent, TaskError> {
    Ok(TaskEvent::Accepted { queue_position: 0 })
}

fn tokens(sequence: u32, ids: &[u32], text: &str) -> Result<TaskEvent, TaskError> {
    Ok(TaskEvent::Tokens { sequence, ids: ids.to_vec(), text: text.into(), logprobs: Vec::new() })
}

fn done(completion_tokens: u32) -> Result<TaskEvent, TaskError> {
    let (finish_reason, backing) = (FinishReason::Stop, Backing::None);
    Ok(TaskEvent::Done { finish_reason, prompt_tokens: 9, completion_tokens, backing })
}

fn failed(code: &str) -> impl Fn(&TaskError) -> bool + '_ {
    move |error| matches!(error, TaskError::Failed { code: found, .. } if found == code)
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes too long")
}

/// What is left of a task: events until the end or the first error.
async fn rest(task: &mut RemoteTask) -> (Vec<TaskEvent>, Option<TaskError>) {
    let mut events = Vec::new();
    while let Some(event) = within(task.next()).await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

/// A service that answers every offer alike.
struct FakeService {
    answer: Box<dyn Fn() -> BoxFuture<'static, Result<Job, TaskError>> + Send + Sync>,
    /// Cancelled when the future or the events of the last offer are dropped.
    dropped: CancellationToken,
    offers: AtomicUsize,
    committed: Mutex<Vec<(Commitment, Evidence)>>,
    delivered: Mutex<Vec<Delivery>>,
}

impl FakeService {
    fn new(
        answer: impl Fn(DropGuard) -> BoxFuture<'static, Result<Job, TaskError>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let dropped = CancellationToken::new();
        let token = dropped.clone();
        let answer = Box::new(move || answer(token.clone().drop_guard()));
        Arc::new(Self {
            answer,
            dropped,
            offers: AtomicUsize::new(0),
            committed: Mutex::default(),
            delivered: Mutex::default(),
        })
    }

    /// Reports `events`.
    fn reporting(events: impl Fn() -> Events + Send + Sync + 'static) -> Arc<Self> {
        Self::new(move |guard| {
            let mut events = events();
            let events = stream::poll_fn(move |context| {
                let _ = &guard;
                events.poll_next_unpin(context)
            });
            let job = Job { model: MODEL, price_micro: 3, events: events.boxed() };
            async { Ok(job) }.boxed()
        })
    }

    /// Reports `events`, then ends, or goes on for ever in silence.
    fn scripted(events: Vec<Result<TaskEvent, TaskError>>, for_ever: bool) -> Arc<Self> {
        Self::reporting(move || {
            let events = stream::iter(events.clone());
            if for_ever { events.chain(stream::pending()).boxed() } else { events.boxed() }
        })
    }

    /// Takes nothing on.
    fn declining(error: TaskError) -> Arc<Self> {
        Self::new(move |_| {
            let error = error.clone();
            async { Err(error) }.boxed()
        })
    }
}

impl Service for FakeService {
    fn accept(&self, peer: PeerKey, _: Offer) -> BoxFuture<'_, Result<Job, TaskError>> {
        assert_eq!(peer, ASKER);
        self.offers.fetch_add(1, Ordering::SeqCst);
        (self.answer)()
    }

    fn loading(&self, _: Sha256Hash) -> Option<u8> {
        Some(43)
    }

    fn committed(&self, peer: PeerKey, commitment: Commitment, evidence: Evidence) {
        assert_eq!(peer, ASKER);
        self.committed.lock().unwrap().push((commitment, evidence));
    }

    fn delivered(&self, peer: PeerKey, delivery: Delivery) {
        assert_eq!(peer, ASKER);
        self.delivered.lock().unwrap().push(delivery);
    }
}

/// Serves one end of a pipe in the background.
fn serving(stream: Pipe, service: &Arc<FakeService>, stop: &CancellationToken) -> JoinHandle<Served> {
    let (service, stop) = (Arc::clone(service), stop.clone());
    tokio::spawn(async move { serve(stream, ASKER, service.as_ref(), &signer(), &stop).await })
}

/// Asks `service` over a pipe of so many bytes.
async fn asking(
    service: &Arc<FakeService>,
    offer: Offer,
    bytes: usize,
) -> (Result<RemoteTask, TaskError>, JoinHandle<Served>) {
    let (near, far) = pipe(bytes);
    let serving = serving(far, service, &CancellationToken::new());
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    (within(asker.ask(near, the_expert(), offer, Loading::default())).await, serving)
}
