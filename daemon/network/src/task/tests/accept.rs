//! Many streams at once.

use super::*;
use futures::SinkExt;
use futures::channel::mpsc;
use std::time::Instant;

/// An accept loop over a channel of streams.
struct Door {
    incoming: mpsc::Sender<(PeerKey, Pipe)>,
    stop: CancellationToken,
    asker: Asker,
    room: Room,
    running: JoinHandle<()>,
}

impl Door {
    fn open(service: Arc<dyn Service>, limits: Limits) -> Self {
        let (incoming, streams) = mpsc::channel(0);
        let (stop, room) = (CancellationToken::new(), Room::new(limits));
        let running = tokio::spawn(accept_loop(
            streams,
            (service, Watch::default()),
            Arc::new(signer()),
            room.clone(),
            stop.clone(),
        ));
        Self { incoming, stop, asker: Asker::new(CancellationToken::new(), Watch::default()), room, running }
    }

    async fn ask(&mut self, peer: PeerKey) -> Result<RemoteTask, TaskError> {
        let (near, far) = pipe(PIPE_BYTES);
        within(self.incoming.send((peer, far))).await.unwrap();
        within(self.asker.ask(near, the_expert(), offer(), Loading::default())).await
    }
}

/// Takes everything on and never ends.
struct Endless;

impl Service for Endless {
    fn accept(&self, _: PeerKey, _: Offer) -> BoxFuture<'_, Result<Job, TaskError>> {
        let events = stream::iter([accepted()]).chain(stream::pending()).boxed();
        async { Ok(Job { model: MODEL, price_micro: 0, events }) }.boxed()
    }

    fn committed(&self, _: PeerKey, _: Commitment, _: Evidence) {}

    fn delivered(&self, _: PeerKey, _: Delivery) {}
}

fn busy(result: &Result<RemoteTask, TaskError>) -> bool {
    matches!(result, Err(TaskError::Busy { .. }))
}

#[tokio::test]
async fn streams_over_the_bound_of_a_peer_or_of_all_are_told_busy() {
    let limits = Limits { streams_per_peer: 2, streams_total: 3 };
    let mut door = Door::open(Arc::new(Endless), limits);
    let [a, b, c] = [1, 2, 3].map(|byte| PeerKey([byte; 32]));
    let _first = door.ask(a).await.unwrap();
    let second = door.ask(a).await.unwrap();
    assert!(busy(&door.ask(a).await), "a third of the same peer");
    let _third = door.ask(b).await.unwrap();
    assert!(busy(&door.ask(c).await), "a fourth of all");
    drop(second);
    let freed = async {
        while door.ask(c).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within(freed).await;
}

#[tokio::test]
async fn silent_streams_over_the_bound_are_dropped_when_there_are_too_many() {
    let nobody = Limits { streams_per_peer: 0, streams_total: 0 };
    let mut door = Door::open(Arc::new(Endless), nobody);
    let mut silent = Vec::new();
    for _ in 0..32 {
        let (near, far) = pipe(PIPE_BYTES);
        within(door.incoming.send((ASKER, far))).await.unwrap();
        silent.push(near);
    }
    assert!(matches!(door.ask(ASKER).await, Err(TaskError::Unreachable(_))));
    drop(silent);
    let told = async { while !busy(&door.ask(ASKER).await) {} };
    within(told).await;
}

#[tokio::test]
async fn many_peers_come_and_go() {
    let limits = Limits { streams_per_peer: 1, streams_total: 4 };
    let mut door = Door::open(Arc::new(Endless), limits);
    for byte in 0..50 {
        let ask = async { while door.ask(PeerKey([byte; 32])).await.is_err() {} };
        within(ask).await;
    }
}

#[tokio::test]
async fn room_is_empty_when_the_last_stream_has_ended() {
    let mut door = Door::open(Arc::new(Endless), Limits { streams_per_peer: 2, streams_total: 2 });
    within(door.room.emptied()).await;
    let task = door.ask(ASKER).await.unwrap();
    let room = door.room.clone();
    let mut emptied = Box::pin(room.emptied());
    assert!(futures::poll!(&mut emptied).is_pending());
    assert!(busy(&door.ask(PeerKey([9; 32])).await), "nobody else comes in");
    drop(task);
    within(emptied).await;
}

#[tokio::test]
async fn stopping_tells_every_asker_and_drains() {
    let mut door = Door::open(Arc::new(Endless), Limits::default());
    let mut tasks = Vec::new();
    for byte in 0..3 {
        tasks.push(door.ask(PeerKey([byte; 32])).await.unwrap());
    }
    let (_silent, far) = pipe(PIPE_BYTES);
    within(door.incoming.send((ASKER, far))).await.unwrap();
    let began = Instant::now();
    door.stop.cancel();
    within(door.running).await.unwrap();
    assert!(began.elapsed() < OFFER_TIME_MAX, "a stream without an offer holds nothing up");
    for task in &mut tasks {
        let (_, error) = rest(task).await;
        assert!(error.as_ref().is_some_and(failed("stopping")), "{error:?}");
    }
}

#[tokio::test]
async fn the_loop_ends_with_its_streams() {
    let door = Door::open(Arc::new(Endless), Limits::default());
    drop(door.incoming);
    within(door.running).await.unwrap();
}
