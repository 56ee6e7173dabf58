//! The asker's side: opens a task on a stream and checks every word that comes back.
//!
//! A background task reads the stream into a bounded channel, so that an expert's silence is noticed whether
//! or not anybody is waiting for the next event, and an event is never lost to a cancelled wait. While the
//! channel is full nothing is read, and nobody's silence is held against them. The task ends with the stream,
//! with the [`RemoteTask`] (then the expert is told to stop), or with the [`Asker`]'s shutdown.

use super::frame::{FrameReader, FrameWriter};
use super::progress::Progress;
use super::{LAST_WORD_TIME_MAX, Loading, OFFER_TIME_MAX, SILENCE_MAX, Watch};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite};
use polymath_proto::v1::TaskFrame;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::task::{Backing, Commitment, Ending, Offer, TaskError, TaskEvent, transcript_hash};
use polymath_swarm::trust::Offence;
use polymath_wire::frame::FRAME_BYTES_MAX;
use polymath_wire::task::{Finish, Report, Request, decode_report, encode_request};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span};

/// Prompt tokens an expert may claim: a token for each byte of the largest offer, and as many again for a template.
const PROMPT_TOKENS_MAX: u32 = 2 * polymath_swarm::task::OFFER_TEXT_BYTES_MAX as u32;

/// Parts in which an expert's silence is waited for, each as long as the time between two heartbeats.
const SILENCE_PARTS: u32 = 4;
/// Events that wait for the reader of a [`RemoteTask`]: a second or two of a fast expert's tokens.
const EVENTS_MAX: usize = 64;
/// The shortest mean time between heartbeats that is put up with; honest ones are 250 ms apart.
const HEARTBEAT_INTERVAL_MIN: Duration = Duration::from_millis(50);
/// Heartbeats that may arrive at once after a stall of the network: those of a whole minute.
const HEARTBEAT_BURST: u32 = 240;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expert {
    /// The node, which the stream's connection has authenticated.
    pub peer: PeerKey,
    /// SHA-256 of the model file that its card promises; the signed transcript must name it.
    pub model: Sha256Hash,
}

/// Asks experts. Clones share the background tasks.
#[derive(Clone, Debug)]
pub struct Asker {
    tasks: TaskTracker,
    stop: CancellationToken,
    watch: Watch,
}

impl Asker {
    /// An asker whose tasks all end when `stop` is cancelled.
    pub fn new(stop: CancellationToken, watch: Watch) -> Self {
        Self { tasks: TaskTracker::new(), stop, watch }
    }

    /// Offers a task over a fresh `stream` and waits until it is accepted; what is said of a model being loaded goes to `loading`.
    ///
    /// Fails with [`TaskError::Refused`] before anything is sent if the offer is out of bounds, and else with
    /// whatever the expert, or its silence, gave for an answer. Dropping the future withdraws the offer.
    pub async fn ask<S>(
        &self,
        stream: S,
        expert: Expert,
        offer: Offer,
        loading: Loading,
    ) -> Result<RemoteTask, TaskError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        offer
            .check()
            .map_err(|error| TaskError::Refused { code: "invalid".into(), message: error.to_string() })?;
        let (verdict, accepted) = oneshot::channel();
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let conversation = Conversation::new(expert, offer, (verdict, loading), events);
        let span = debug_span!("ask", peer = ?expert.peer);
        let running = conversation.run(stream, self.stop.clone(), self.watch.clone());
        self.tasks.spawn(running.instrument(span));
        let Accepted { queue_position, price_micro } = accepted.await.map_err(|_| stopping())??;
        Ok(RemoteTask { accepted: Some(queue_position), price_micro, events: receiver })
    }

    /// Waits until no background task is left; without a cancelled `stop`, that is until every task ended.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A task that an expert has accepted. Dropping it cancels the task.
#[derive(Debug)]
pub struct RemoteTask {
    accepted: Option<u32>,
    price_micro: u64,
    events: mpsc::Receiver<Result<TaskEvent, TaskError>>,
}

impl RemoteTask {
    /// The next event: accepted, tokens without gap or repetition, then either done, with its transcript and
    /// signature verified, or an error; after those, `None`. Cancellation-safe.
    pub async fn next(&mut self) -> Option<Result<TaskEvent, TaskError>> {
        if let Some(queue_position) = self.accepted.take() {
            return Some(Ok(TaskEvent::Accepted { queue_position }));
        }
        self.events.recv().await
    }

    /// The price of a generated token, millionths of a credit; at most what was offered.
    pub fn price_micro(&self) -> u64 {
        self.price_micro
    }
}

struct Accepted {
    queue_position: u32,
    price_micro: u64,
}

/// The background task of one [`RemoteTask`].
struct Conversation {
    expert: Expert,
    offer: Offer,
    progress: Progress,
    began: Instant,
    heartbeats: u32,
    /// Until the expert has said whether it will.
    verdict: Option<oneshot::Sender<Result<Accepted, TaskError>>>,
    loading: Loading,
    events: mpsc::Sender<Result<TaskEvent, TaskError>>,
}

impl Conversation {
    fn new(
        expert: Expert,
        offer: Offer,
        (verdict, loading): (oneshot::Sender<Result<Accepted, TaskError>>, Loading),
        events: mpsc::Sender<Result<TaskEvent, TaskError>>,
    ) -> Self {
        let progress = Progress::new(&offer);
        let began = Instant::now();
        Self { expert, offer, progress, began, heartbeats: 0, verdict: Some(verdict), loading, events }
    }

    async fn run<S>(mut self, stream: S, stop: CancellationToken, watch: Watch)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (read, write) = stream.split();
        let mut reader = FrameReader::new(read);
        let mut writer = FrameWriter::new(write);
        // The expert ends it at the deadline; a little later nothing it says can matter.
        let time_max = Duration::from_millis(self.offer.deadline_ms.into()) + SILENCE_MAX;
        let deadline = self.began + time_max;
        let events = self.events.clone();
        let outcome = tokio::select! {
            biased;
            () = stop.cancelled() => Err(stopping()),
            () = events.closed() => Err(TaskError::Unreachable("nobody waits for the answer".into())),
            () = sleep_until(deadline) => Err(overdue()),
            outcome = self.converse(&mut reader, &mut writer) => outcome,
        };
        // The reader sees the end when the last sender is gone, not when the stream is closed.
        drop(events);
        let cancel = outcome.is_err();
        if matches!(outcome, Err(TaskError::Protocol(_))) {
            watch.tell(self.expert.peer, Offence::BrokeProtocol);
        } else if reader.is_cut() {
            watch.tell(self.expert.peer, Offence::CutOff);
        }
        if reader.has_failed() {
            return self.conclude(outcome, &stop).await;
        }
        tokio::join!(self.conclude(outcome, &stop), hang_up(writer, cancel));
    }

    /// Sends the offer and passes on what comes back, up to and with the result.
    async fn converse<R, W>(
        &mut self,
        reader: &mut FrameReader<R>,
        writer: &mut FrameWriter<W>,
    ) -> Result<(), TaskError>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let offer = encode_request(Request::Offer(Box::new(self.offer.clone())));
        match timeout(OFFER_TIME_MAX, writer.send(&offer)).await {
            Ok(Ok(())) => {}
            // An expert that turns everybody away may have closed before it read all: hear why.
            Ok(Err(error)) => debug!(%error, "the offer was not taken whole"),
            Err(_) => return Err(TaskError::Unreachable("it does not take the offer".into())),
        }
        loop {
            let frame = heard(reader).await?;
            if let Some(event) = self.check(decode_report(frame)?)? {
                let done = matches!(event, TaskEvent::Done { .. });
                // A closed channel ends this future by way of `closed`.
                let _ = self.events.send(Ok(event)).await;
                if done {
                    return Ok(());
                }
            }
        }
    }

    /// Checks a report; gives the event for the reader, if it is one.
    fn check(&mut self, report: Report) -> Result<Option<TaskEvent>, TaskError> {
        match report {
            Report::Heartbeat { loading } => self.heartbeat(loading).map(|()| None),
            Report::Ended(error) => Err(error),
            Report::Accepted { queue_position, price_micro } => {
                if price_micro > self.offer.price_micro_max {
                    return Err(broken("it accepted at a higher price than offered"));
                }
                let verdict = self.verdict.take().ok_or_else(|| broken("it accepted twice"))?;
                let _ = verdict.send(Ok(Accepted { queue_position, price_micro }));
                Ok(None)
            }
            Report::Tokens(_) | Report::Done(_) if self.verdict.is_some() => {
                Err(broken("it answered without accepting"))
            }
            Report::Tokens(packet) => {
                let running = self
                    .progress
                    .add(packet.sequence, &packet.ids, &packet.text, &packet.logprobs)
                    .map_err(|violation| TaskError::Protocol(violation.to_string()))?;
                if running != packet.running {
                    return Err(broken("the running hash is wrong"));
                }
                let (sequence, ids) = (packet.sequence, packet.ids);
                Ok(Some(TaskEvent::Tokens { sequence, ids, text: packet.text, logprobs: packet.logprobs }))
            }
            Report::Done(finish) => self.finish(finish).map(Some),
        }
    }

    /// Heartbeats cost the expert nothing, so their rate has a bound. Once it has accepted, it has loaded.
    fn heartbeat(&mut self, loading: Option<u8>) -> Result<(), TaskError> {
        self.heartbeats += 1;
        if self.verdict.is_some() {
            self.loading.send_if_modified(|told| std::mem::replace(told, loading.or(*told)) != *told);
        }
        let counted = self.heartbeats.saturating_sub(HEARTBEAT_BURST);
        if HEARTBEAT_INTERVAL_MIN * counted > self.began.elapsed() {
            return Err(broken("too many heartbeats"));
        }
        Ok(())
    }

    fn finish(&self, finish: Finish) -> Result<TaskEvent, TaskError> {
        let ids = self.progress.ids();
        let Finish {
            finish_reason,
            prompt_tokens,
            completion_tokens,
            transcript,
            evidence,
            run_id,
            signature,
        } = finish;
        if usize::try_from(completion_tokens) != Ok(ids.len()) {
            return Err(broken("its count of tokens is not what it sent"));
        }
        if prompt_tokens > PROMPT_TOKENS_MAX {
            return Err(broken("its count of prompt tokens is out of all proportion"));
        }
        let ending = Ending { ids, finish_reason, prompt_tokens };
        if transcript != transcript_hash(&self.offer, self.expert.model, ending) {
            return Err(broken("the transcript is not that of this task, these tokens and the card's model"));
        }
        let task_id = self.offer.task_id;
        let evidence_hash = evidence.unwrap_or_default();
        let signed = Commitment { task_id, run_id, transcript, evidence: evidence_hash, signature };
        signed.verify(self.expert.peer).map_err(|error| broken(&error.to_string()))?;
        let backing = evidence.map_or(Backing::None, |_| Backing::Signed(Box::new(signed)));
        Ok(TaskEvent::Done { finish_reason, prompt_tokens, completion_tokens, backing })
    }

    /// Tells the reader how it ended, however long the reader takes to get there.
    async fn conclude(self, outcome: Result<(), TaskError>, stop: &CancellationToken) {
        let Err(error) = outcome else { return };
        if let Some(verdict) = self.verdict {
            let _ = verdict.send(Err(error));
            return;
        }
        tokio::select! {
            _ = self.events.send(Err(error)) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// The next frame, unless the expert falls silent before.
///
/// The silence is waited for in parts. Where this very process is held up for a while (stopped, starved, its machine asleep), one part takes
/// that long and the others are still to come: what has arrived meanwhile is read before the expert is blamed. Were it one wait, that would
/// be over at once, though the expert has gone on talking. Nothing that was half read is lost: reading goes on throughout.
async fn heard<R: AsyncRead + Unpin>(reader: &mut FrameReader<R>) -> Result<TaskFrame, TaskError> {
    let mut next = pin!(reader.next(FRAME_BYTES_MAX));
    for _ in 0..SILENCE_PARTS {
        if let Ok(frame) = timeout(SILENCE_MAX / SILENCE_PARTS, next.as_mut()).await {
            return frame?.ok_or_else(|| TaskError::Unreachable("it closed the stream".into()));
        }
    }
    Err(TaskError::Unreachable("it fell silent".into()))
}

/// Tells the expert to stop, if it has not, and closes.
async fn hang_up<W: AsyncWrite + Unpin>(mut writer: FrameWriter<W>, cancel: bool) {
    let closing = async {
        if cancel {
            writer.send(&encode_request(Request::Cancel)).await?;
        }
        writer.close().await
    };
    if !matches!(timeout(LAST_WORD_TIME_MAX, closing).await, Ok(Ok(()))) {
        debug!("the stream could not be closed in order; it is reset");
    }
}

fn broken(reason: &str) -> TaskError {
    TaskError::Protocol(reason.into())
}

fn stopping() -> TaskError {
    TaskError::Unreachable("this node is shutting down".into())
}

fn overdue() -> TaskError {
    TaskError::Failed { code: "deadline".into(), message: "the deadline passed".into() }
}
