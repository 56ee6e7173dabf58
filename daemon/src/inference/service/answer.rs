//! One answer of a server, as a model in this process would give it.

use super::Shared;
use crate::inference::{Error, Request};
use futures::StreamExt as _;
use polymath_sdk::{ChatCompletionChunk, ChatCompletionRequest, ChatMessage, Content};
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::{Backing, FinishReason, PIECE_BYTES_MAX, TaskEvent, TokenLogprobs};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// An answer at work.
pub(super) struct Answering {
    pub(super) shared: Arc<Shared>,
    pub(super) events: mpsc::Sender<Result<TaskEvent, Error>>,
    /// Its place.
    pub(super) seat: Option<OwnedSemaphorePermit>,
}

/// What there is of it.
#[derive(Default)]
struct Course {
    tokens: u32,
    prompt_tokens: u32,
    finish: Option<FinishReason>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.seat = None;
        self.shared.count();
    }
}

impl Answering {
    /// Runs it to its end. The reader that leaves aborts this task, and so the request.
    pub(super) async fn run(self, request: Request) {
        let deadline = request.deadline;
        let work = self.work(request);
        let ended = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, work).await.unwrap_or(Err(Error::Deadline)),
            None => work.await,
        };
        // A reader that is gone wants no last word.
        let _ = self.events.send(ended).await;
    }

    async fn work(&self, request: Request) -> Result<TaskEvent, Error> {
        let shared = &self.shared;
        shared.count();
        let queued = shared.slot_use.borrow().queued.saturating_sub(1);
        let is_free = shared.running.available_permits() > 0;
        let _running = Arc::clone(&shared.running).acquire_owned().await.map_err(|_| Error::Stopped)?;
        shared.count();
        let began = Instant::now();
        let (tokens_max, top_logprobs) = (request.max_tokens, request.top_logprobs);
        let mut stream = shared.client.chat_completion_stream(body(request, &shared.config.model));
        let mut course = Course::default();
        let mut first = None;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| shared.error_of(&error))?;
            if first.is_none() {
                // Before it has said something it may still be busy, and nothing is accepted.
                first = Some(Instant::now());
                let queue_position = if is_free { 0 } else { queued };
                self.send(TaskEvent::Accepted { queue_position }).await?;
            }
            if let Some(event) = course.take(&chunk, tokens_max, top_logprobs)? {
                self.send(event).await?;
            }
        }
        let spoken = first.map_or(0.0, |first| first.elapsed().as_secs_f64());
        if course.tokens >= 2 {
            shared.gauges.record_speed(f64::from(course.tokens - 1) / spoken.max(1e-6));
        }
        shared.gauges.record_task(began.elapsed());
        let finish_reason =
            course.finish.ok_or_else(|| Error::Failed("the server broke the answer off".to_owned()))?;
        Ok(TaskEvent::Done {
            finish_reason,
            prompt_tokens: course.prompt_tokens,
            completion_tokens: course.tokens,
            backing: Backing::None,
        })
    }

    async fn send(&self, event: TaskEvent) -> Result<(), Error> {
        self.events.send(Ok(event)).await.map_err(|_| Error::Stopped)
    }
}

impl Course {
    /// What a piece of the stream adds.
    fn take(
        &mut self,
        chunk: &ChatCompletionChunk,
        tokens_max: u32,
        top_logprobs: u32,
    ) -> Result<Option<TaskEvent>, Error> {
        if let Some(usage) = &chunk.usage {
            self.prompt_tokens = usage.prompt_tokens;
        }
        let Some(choice) = chunk.choices.first() else { return Ok(None) };
        match choice.finish_reason.as_deref() {
            Some("length") => self.finish = Some(FinishReason::Length),
            Some(_) => self.finish = Some(FinishReason::Stop),
            None => {}
        }
        let text = chunk.text().to_owned();
        let mut logprobs = noted(choice.logprobs.as_ref(), top_logprobs);
        if text.is_empty() && logprobs.is_empty() {
            return Ok(None);
        }
        let room = tokens_max.saturating_sub(self.tokens) as usize;
        let mut ids: Vec<u32> = if logprobs.is_empty() {
            vec![made_up(text.as_bytes())]
        } else {
            logprobs.iter().map(|token| made_up(token.pieces.first().map_or(&[], Vec::as_slice))).collect()
        };
        if top_logprobs > 0 && logprobs.is_empty() {
            return Err(Error::Failed("the server gives no log-probabilities".to_owned()));
        }
        // A server may count tokens otherwise than it sends them.
        ids.truncate(room);
        logprobs.truncate(room);
        let sequence = self.tokens;
        self.tokens += u32::try_from(ids.len()).unwrap_or(u32::MAX);
        Ok((!text.is_empty() || !ids.is_empty()).then_some(TaskEvent::Tokens {
            sequence,
            ids,
            text,
            logprobs,
        }))
    }
}

/// A token's id from its text: the same text has the same.
fn made_up(text: &[u8]) -> u32 {
    let hash = Sha256Hash::of(text);
    u32::from_be_bytes([hash.0[0], hash.0[1], hash.0[2], hash.0[3]]) >> 1
}

/// OpenAI's log-probabilities of a piece, in our form.
fn noted(logprobs: Option<&Value>, top: u32) -> Vec<TokenLogprobs> {
    let list = logprobs.and_then(|logprobs| logprobs.get("content")).and_then(Value::as_array);
    let number = |of: &Value| of.get("logprob").and_then(Value::as_f64).unwrap_or(f64::NEG_INFINITY) as f32;
    let bytes = |of: &Value| -> Vec<u8> {
        let listed = of.get("bytes").and_then(Value::as_array).map(|bytes| {
            bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).take(PIECE_BYTES_MAX).collect()
        });
        listed.unwrap_or_else(|| {
            let text = of.get("token").and_then(Value::as_str).unwrap_or_default();
            text.bytes().take(PIECE_BYTES_MAX).collect()
        })
    };
    let of = |token: &Value| {
        let others = token.get("top_logprobs").and_then(Value::as_array);
        let others: Vec<&Value> = others.into_iter().flatten().take(top as usize).collect();
        TokenLogprobs {
            logprob: number(token),
            top: others.iter().map(|other| (made_up(&bytes(other)), number(other))).collect(),
            pieces: std::iter::once(token).chain(others).map(bytes).collect(),
        }
    };
    if top == 0 { Vec::new() } else { list.into_iter().flatten().map(of).collect() }
}

/// The request as OpenAI has it. What its API does not name goes along only where it says something.
fn body(request: Request, model: &str) -> ChatCompletionRequest {
    let Settings { temperature, top_k, top_p, repeat_penalty, frequency_penalty, presence_penalty, .. } =
        request.sampling;
    let mut extra = Map::new();
    if top_k > 0 {
        extra.insert("top_k".to_owned(), json!(top_k));
    }
    if (repeat_penalty - 1.0).abs() > f32::EPSILON {
        extra.insert("repeat_penalty".to_owned(), json!(repeat_penalty));
    }
    let said = |value: f32, silent: f32| ((value - silent).abs() > f32::EPSILON).then_some(value);
    ChatCompletionRequest {
        model: model.to_owned(),
        messages: request
            .messages
            .into_iter()
            .map(|message| ChatMessage {
                role: message.role,
                content: Some(Content::Text(message.content)),
                ..ChatMessage::default()
            })
            .collect(),
        max_tokens: Some(request.max_tokens),
        temperature: Some(temperature),
        top_p: said(top_p, 1.0),
        frequency_penalty: said(frequency_penalty, 0.0),
        presence_penalty: said(presence_penalty, 0.0),
        // OpenAI's are signed.
        seed: Some(request.seed & (u64::MAX >> 1)),
        stop: request.stop,
        logprobs: (request.top_logprobs > 0).then_some(true),
        top_logprobs: (request.top_logprobs > 0).then_some(request.top_logprobs),
        extra,
        ..ChatCompletionRequest::default()
    }
}
