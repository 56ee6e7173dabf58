//! The expert's side of one stream.
//!
//! Four things can end it: the work, the asker (cancel, or a closed stream), the deadline, and this node
//! stopping. They race in one `select`; whichever wins drops the other three, the job among them, before the
//! last word is written.

use super::frame::{FrameReader, FrameWriter};
use super::progress::Progress;
use super::{Delivery, HEARTBEAT, Job, LAST_WORD_TIME_MAX, OFFER_TIME_MAX, Service, WRITE_STALL_MAX};
use ed25519_dalek::SigningKey;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, FutureExt, StreamExt};
use polymath_swarm::audit::Evidence;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::task::{
    Backing, Commitment, Ending, Offer, TaskError, TaskEvent, TokenLogprobs, transcript_hash,
};
use polymath_wire::frame::{FRAME_BYTES_MAX, OFFER_BYTES_MAX};
use polymath_wire::task::{
    Finish, PACKET_LOGPROBS_MAX, PACKET_TEXT_BYTES_MAX, PACKET_TOKENS_MAX, Packet, Report, Request,
    decode_request, encode_report, padded,
};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How a served stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// The asker has its result.
    Done {
        /// Tokens sent.
        completion_tokens: u32,
    },
    /// The asker cancelled, or went away.
    Cancelled,
    /// Busy, refused or failed, and the asker was told so.
    Ended(TaskError),
    /// The asker's stream ended inside a frame.
    Cut,
    /// The asker broke the protocol or sent no offer in time.
    Broken(TaskError),
}

/// Reads one offer from `stream` and has `service` work on it until it is done, its deadline passes, `peer`
/// cancels or leaves, or `stop` is cancelled. `signer` is this node's key.
pub async fn serve<S>(
    stream: S,
    peer: PeerKey,
    service: &dyn Service,
    signer: &SigningKey,
    stop: &CancellationToken,
) -> Served
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (read, write) = stream.split();
    let mut reader = FrameReader::new(read);
    let writer = FrameWriter::new(write);
    let offered = tokio::select! {
        biased;
        () = stop.cancelled() => Err(stopping()),
        offered = timeout(OFFER_TIME_MAX, read_offer(&mut reader)) => offered
            .unwrap_or_else(|_| Err(Served::Broken(TaskError::Protocol("no offer in time".into())))),
    };
    let offer = match offered {
        Ok(offer) => offer,
        Err(served) => return hang_up(writer, served).await,
    };
    let deadline = Instant::now() + Duration::from_millis(offer.deadline_ms.into());
    let is_private = offer.private;
    let mut session = Session { writer, peer, service, signer, silent_since: Instant::now(), is_private };
    let served = tokio::select! {
        biased;
        () = stop.cancelled() => stopping(),
        served = departure(&mut reader) => served,
        () = sleep_until(deadline) => Served::Ended(failed("deadline", "the deadline passed")),
        result = session.work(offer) => match result {
            Ok(completion_tokens) => Served::Done { completion_tokens },
            Err(error) => Served::Ended(error),
        },
    };
    hang_up(session.writer, served).await
}

/// The offer, or how the stream ended without one that can be worked on.
async fn read_offer<R: AsyncRead + Unpin>(reader: &mut FrameReader<R>) -> Result<Offer, Served> {
    let frame = match reader.next(OFFER_BYTES_MAX).await {
        Ok(Some(frame)) => frame,
        Ok(None) | Err(TaskError::Unreachable(_)) => return Err(left(reader)),
        Err(error) => return Err(Served::Broken(error)),
    };
    match decode_request(frame).map_err(Served::Broken)? {
        Request::Cancel => Err(Served::Cancelled),
        Request::Offer(offer) => match offer.check() {
            Ok(()) => Ok(*offer),
            Err(error) => Err(Served::Ended(refused("invalid", error.to_string()))),
        },
    }
}

/// Resolves when the asker cancels, leaves, or says what it may not say.
async fn departure<R: AsyncRead + Unpin>(reader: &mut FrameReader<R>) -> Served {
    match reader.next(FRAME_BYTES_MAX).await {
        Ok(None) | Err(TaskError::Unreachable(_)) => left(reader),
        Err(error) => Served::Broken(error),
        Ok(Some(frame)) => match decode_request(frame) {
            Ok(Request::Cancel) => Served::Cancelled,
            Ok(Request::Offer(_)) => Served::Broken(TaskError::Protocol("a second offer".into())),
            Err(error) => Served::Broken(error),
        },
    }
}

/// How an asker left whose stream has ended.
fn left<R: AsyncRead + Unpin>(reader: &FrameReader<R>) -> Served {
    if reader.is_cut() { Served::Cut } else { Served::Cancelled }
}

/// Says the last word, if one is due, and closes.
async fn hang_up<W: AsyncWrite + Unpin>(mut writer: FrameWriter<W>, served: Served) -> Served {
    let last_word = match &served {
        Served::Done { .. } | Served::Cancelled | Served::Cut => None,
        Served::Ended(error) => Some(error.clone()),
        Served::Broken(error) => Some(refused("invalid", error.to_string())),
    };
    let closing = async {
        if let Some(error) = last_word {
            writer.send(&encode_report(Report::Ended(error))).await?;
        }
        writer.close().await
    };
    match timeout(LAST_WORD_TIME_MAX, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "the asker was gone before the stream was closed"),
        Err(_) => debug!("the asker does not read; its stream is reset"),
    }
    served
}

/// Tokens that share a packet because they were ready at once: a millisecond's worth of the fastest small models, and
/// little for the asker to hold when it reads slowly.
const GATHERED_TOKENS_MAX: usize = 16;

/// One task at work.
struct Session<'a, W> {
    writer: FrameWriter<W>,
    peer: PeerKey,
    service: &'a dyn Service,
    signer: &'a SigningKey,
    silent_since: Instant,
    /// Whether what is sent is padded.
    is_private: bool,
}

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    /// Has the offer worked on to its end; returns the number of tokens sent.
    async fn work(&mut self, offer: Offer) -> Result<u32, TaskError> {
        let service = self.service;
        let loading = || service.loading(offer.card);
        let mut job = self.beating(service.accept(self.peer, offer.clone()), loading).await??;
        if job.price_micro > offer.price_micro_max {
            let reason = format!("the price is {} for a token", job.price_micro);
            return Err(refused("price", reason));
        }
        let mut progress = Progress::new(&offer);
        let Some(TaskEvent::Accepted { queue_position }) = self.event(&mut job).await? else {
            return Err(internal("the work began without being accepted"));
        };
        self.report(Report::Accepted { queue_position, price_micro: job.price_micro }).await?;
        let mut ahead = None;
        loop {
            let event = match ahead.take() {
                Some(event) => event?,
                None => self.event(&mut job).await?,
            };
            match event {
                Some(TaskEvent::Tokens { sequence, ids, text, logprobs }) => {
                    let mut tokens = Tokens { sequence, ids, text, logprobs };
                    ahead = tokens.gather(&mut job);
                    if offer.top_logprobs == 0 {
                        tokens.logprobs.clear();
                    }
                    self.tokens(&mut progress, tokens).await?;
                }
                Some(TaskEvent::Done { finish_reason, prompt_tokens, backing, .. }) => {
                    let ending = Ending { ids: progress.ids(), finish_reason, prompt_tokens };
                    let finish = self.commit(&offer, job.model, ending, backing);
                    let completion_tokens = finish.completion_tokens;
                    self.report(Report::Done(finish)).await?;
                    service.delivered(
                        self.peer,
                        Delivery {
                            task_id: offer.task_id,
                            card: offer.card,
                            tokens: completion_tokens,
                            price_micro: job.price_micro,
                            price_micro_max: offer.price_micro_max,
                        },
                    );
                    return Ok(completion_tokens);
                }
                Some(TaskEvent::Accepted { .. }) => return Err(internal("the work was accepted twice")),
                None => return Err(internal("the work ended without a result")),
            }
        }
    }

    async fn event(&mut self, job: &mut Job) -> Result<Option<TaskEvent>, TaskError> {
        self.beating(job.events.next(), || None).await?.transpose()
    }

    async fn tokens(&mut self, progress: &mut Progress, mut tokens: Tokens) -> Result<(), TaskError> {
        while let Some(Tokens { sequence, ids, text, logprobs }) = tokens.split() {
            let running = progress
                .add(sequence, &ids, &text, &logprobs)
                .map_err(|violation| internal(&format!("the work reported {violation}")))?;
            self.report(Report::Tokens(Packet { sequence, ids, text, logprobs, running })).await?;
        }
        Ok(())
    }

    /// Signs the result. What counts as completion is what was sent, whatever the work says.
    fn commit(&self, offer: &Offer, model: Sha256Hash, ending: Ending<'_>, backing: Backing) -> Finish {
        let transcript = transcript_hash(offer, model, ending);
        let noted = match backing {
            Backing::Noted(evidence) => Some(*evidence),
            Backing::None | Backing::Signed(_) => None,
        };
        let evidence = noted.as_ref().map(Evidence::hash);
        let run_id = rand::random();
        let ids = [offer.task_id, run_id];
        let commitment = Commitment::sign(self.signer, ids, transcript, evidence.unwrap_or_default());
        if let Some(noted) = noted {
            self.service.committed(self.peer, commitment, noted);
        }
        Finish {
            finish_reason: ending.finish_reason,
            prompt_tokens: ending.prompt_tokens,
            completion_tokens: u32::try_from(ending.ids.len()).unwrap_or(u32::MAX),
            transcript,
            evidence,
            run_id,
            signature: commitment.signature,
        }
    }

    /// Waits for `work`, with a heartbeat whenever nothing was sent for a while, which tells how far a model is loaded.
    async fn beating<F: Future>(
        &mut self,
        work: F,
        loading: impl Fn() -> Option<u8>,
    ) -> Result<F::Output, TaskError> {
        let mut work = std::pin::pin!(work);
        loop {
            match timeout_at(self.silent_since + HEARTBEAT, work.as_mut()).await {
                Ok(output) => return Ok(output),
                Err(_) => self.report(Report::Heartbeat { loading: loading() }).await?,
            }
        }
    }

    async fn report(&mut self, report: Report) -> Result<(), TaskError> {
        let frame = encode_report(report);
        let frame = if self.is_private { padded(frame, FRAME_BYTES_MAX) } else { frame };
        let sent = timeout(WRITE_STALL_MAX, self.writer.send(&frame)).await;
        sent.map_err(|_| TaskError::Unreachable("the asker does not read".into()))??;
        self.silent_since = Instant::now();
        Ok(())
    }
}

/// Tokens still to be sent.
struct Tokens {
    sequence: u32,
    ids: Vec<u32>,
    text: String,
    logprobs: Vec<TokenLogprobs>,
}

impl Tokens {
    /// Appends the tokens that are ready by now: a stream slower than the work carries more of them a packet,
    /// instead of falling behind. Returns the event that came after them, if one was ready too.
    fn gather(&mut self, job: &mut Job) -> Option<Result<Option<TaskEvent>, TaskError>> {
        while self.ids.len() < GATHERED_TOKENS_MAX.min(packet_tokens(&self.logprobs)) {
            match job.events.next().now_or_never()?.transpose() {
                // A packet's text is that of its tokens: no more of them than it takes.
                Ok(Some(TaskEvent::Tokens { sequence, ids, text, logprobs }))
                    if sequence == self.end() && self.ids.len() + ids.len() <= packet_tokens(&logprobs) =>
                {
                    self.ids.extend(ids);
                    self.text.push_str(&text);
                    self.logprobs.extend(logprobs);
                }
                other => return Some(other),
            }
        }
        None
    }

    /// Index of the token after the last.
    fn end(&self) -> u32 {
        self.sequence.saturating_add(u32::try_from(self.ids.len()).unwrap_or(u32::MAX))
    }

    /// Takes what fits in one packet off the front; `None` when nothing is left.
    fn split(&mut self) -> Option<Tokens> {
        if self.ids.is_empty() && self.text.is_empty() {
            return None;
        }
        let tokens = self.ids.len().min(packet_tokens(&self.logprobs));
        let logprobs = self.logprobs.len().min(tokens);
        let text = self.text.floor_char_boundary(PACKET_TEXT_BYTES_MAX);
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(u32::try_from(tokens).unwrap_or(u32::MAX));
        Some(Tokens {
            sequence,
            ids: self.ids.drain(..tokens).collect(),
            text: self.text.drain(..text).collect(),
            logprobs: self.logprobs.drain(..logprobs).collect(),
        })
    }
}

/// Tokens that one packet takes, with these log-probabilities or with none.
fn packet_tokens(logprobs: &[TokenLogprobs]) -> usize {
    if logprobs.is_empty() { PACKET_TOKENS_MAX } else { PACKET_LOGPROBS_MAX }
}

fn stopping() -> Served {
    Served::Ended(failed("stopping", "this node is shutting down"))
}

fn refused(code: &str, message: String) -> TaskError {
    TaskError::Refused { code: code.into(), message }
}

fn internal(message: &str) -> TaskError {
    failed("internal", message)
}

fn failed(code: &str, message: &str) -> TaskError {
    TaskError::Failed { code: code.into(), message: message.into() }
}
