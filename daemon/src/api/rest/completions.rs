//! `/v1/completions`, the older interface: prompts in, texts out. Each prompt is a conversation of one turn, for
//! the experts are chat models; what a chat model cannot do (echo, suffix) is refused.

mod reply;

pub(super) use reply::Completion;

use super::Api;
use super::body::Body;
use super::course::{Course, Wanted};
use super::wishes::{self, OneOrMany, StreamOptions};
use super::{data, model};
use crate::api::table::ErrorBody;
use crate::api::table::Fault;
use crate::coordinator::Question;
use axum::Json;
use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use reply::Writer;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Texts of one request: each is a question of its own.
const TEXTS_MAX: usize = 16;
/// Texts for one prompt.
const COPIES_MAX: u32 = 8;
/// Alternatives told with log-probabilities.
const ALTERNATIVES_MAX: u32 = 20;

/// Prompts to be answered.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct CompletionRequest {
    /// `swarm`, `swarm:N`, `expert:<id>` or an expert's id.
    #[schema(min_length = 1, max_length = 128)]
    model: String,
    /// One prompt or up to 16; as text, not as token ids.
    prompt: OneOrMany,
    /// Texts for each prompt, 1 to 8, at most 16 in all.
    #[schema(minimum = 1, maximum = 8)]
    n: Option<u32>,
    /// Whether the texts come as they are made.
    stream: Option<bool>,
    /// What a stream tells beside them.
    stream_options: Option<StreamOptions>,
    /// Tokens each task may generate; the node's default if absent.
    #[schema(minimum = 1, maximum = 32768)]
    max_tokens: Option<u32>,
    /// 0 to 2; the expert's own recommendation if absent.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    /// Above 0, at most 1.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    top_p: Option<f32>,
    /// -2 to 2.
    #[schema(minimum = -2, maximum = 2)]
    frequency_penalty: Option<f32>,
    /// -2 to 2.
    #[schema(minimum = -2, maximum = 2)]
    presence_penalty: Option<f32>,
    /// Text i has the seed plus i.
    seed: Option<i64>,
    /// What is wished of the swarm beyond OpenAI's fields.
    polymath: Option<wishes::Polymath>,
    /// A text ends before any of these, at most 16.
    stop: Option<OneOrMany>,
    /// Log-probabilities, with so many alternatives, 0 to 20.
    #[schema(minimum = 0, maximum = 20)]
    logprobs: Option<u32>,
    /// Must be n or absent.
    best_of: Option<u32>,
    /// Refused.
    echo: Option<Value>,
    /// Refused.
    suffix: Option<Value>,
    /// Refused if not empty.
    logit_bias: Option<Value>,
}

impl CompletionRequest {
    fn wanted(self) -> Result<Wanted, Fault> {
        wishes::refuse(&[
            ("echo", &self.echo, "the experts are chat models: their prompt is not part of the text"),
            ("suffix", &self.suffix, "the experts are chat models: they cannot insert"),
            (
                "logit_bias",
                &self.logit_bias,
                "experts have different vocabularies, so token ids mean nothing here",
            ),
        ])?;
        let (target, experts) = model::target(&self.model)?;
        let copies = wishes::copies(self.n, COPIES_MAX)?;
        if self.best_of.is_some_and(|best| best != copies) {
            return Err(Fault::field("best_of", "it must be n: every text that is made is given"));
        }
        if self.logprobs.is_some_and(|n| n > ALTERNATIVES_MAX) {
            return Err(Fault::field("logprobs", "0 to 20"));
        }
        let prompts = self.prompt.into_vec();
        if prompts.is_empty() || prompts.len() * copies as usize > TEXTS_MAX {
            return Err(Fault::field("prompt", "1 to 16 prompts, and with n at most 16 texts in all"));
        }
        let stop = self.stop.map(OneOrMany::into_vec).unwrap_or_default();
        let high_priority = wishes::is_high(self.polymath.as_ref());
        let filter = wishes::filter(self.polymath);
        let mut questions = Vec::new();
        for prompt in prompts {
            for _ in 0..copies {
                let index = u32::try_from(questions.len()).unwrap_or(u32::MAX);
                questions.push(Question {
                    target: target.clone(),
                    whole: copies > 1,
                    experts,
                    max_tokens: self.max_tokens,
                    temperature: self.temperature,
                    top_p: self.top_p,
                    frequency_penalty: self.frequency_penalty,
                    presence_penalty: self.presence_penalty,
                    seed: wishes::seed(self.seed, index),
                    stop: stop.clone(),
                    high_priority,
                    filter: filter.clone(),
                    top_logprobs: self.logprobs.map_or(0, |n| n.max(1)),
                    ..Question::new(prompt.clone())
                });
            }
        }
        Ok(Wanted {
            questions,
            copies,
            tools: None,
            alternatives: self.logprobs.unwrap_or(0) as usize,
            names: vec![("messages", "prompt"), ("experts", "model"), ("top_logprobs", "logprobs")],
        })
    }
}

/// Answers prompts (OpenAI's older interface).
#[utoipa::path(post, path = "/v1/completions", tag = "openai", request_body = CompletionRequest,
    responses((status = 200, description = "The texts; a stream of the same shape, then `[DONE]`, with `stream`",
        content((Completion = "application/json"), (Completion = "text/event-stream")))))]
pub(super) async fn completions(
    State(api): State<Api>,
    Body(request): Body<CompletionRequest>,
) -> Result<Response, Fault> {
    let writer = Writer::new(request.model.clone(), request.logprobs.is_some());
    let streamed = request.stream.unwrap_or(false);
    let options = request.stream_options.unwrap_or_default();
    let mut course = Course::begin(&api, request.wanted()?);
    if !streamed {
        return Ok(Json(writer.gather(&mut course).await?).into_response());
    }
    course.head().await?;
    let stream =
        futures::stream::unfold((course, writer, false), move |(mut course, mut writer, ended)| async move {
            if ended {
                return None;
            }
            let events = match course.next().await {
                Some(Ok(step)) => writer.chunk(step, options).iter().map(data).collect(),
                Some(Err(fault)) => vec![data(&ErrorBody::of(&fault))],
                None => {
                    let usage = options.usage().then(|| data(&writer.usage(course.usage())));
                    usage.into_iter().chain([Event::default().data("[DONE]")]).collect()
                }
            };
            let ended = course.is_over();
            Some((futures::stream::iter(events), (course, writer, ended)))
        });
    Ok(super::sse(futures::StreamExt::flatten(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_high_priority_is_passed_on() {
        let high = |wishes: Value| {
            let request = json!({"model": "swarm", "prompt": ["x", "y"], "polymath": wishes});
            let wanted = serde_json::from_value::<CompletionRequest>(request).unwrap().wanted().unwrap();
            wanted.questions.iter().map(|q| q.high_priority).collect::<Vec<_>>()
        };
        assert_eq!(high(json!({"priority": "high"})), [true, true]);
        assert_eq!(high(json!({})), [false, false]);
    }
}
