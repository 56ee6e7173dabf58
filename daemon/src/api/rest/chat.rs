//! `/v1/chat/completions`: the conversation goes to the swarm, or to the expert that `model` names.

mod reply;
mod request;
mod stream;

pub(super) use reply::{ChatChunk, ChatCompletion, TokenLogprob, Usage};
pub(super) use request::{ChatRequest, ToolChoice};

use super::Api;
use super::body::Body;
use super::course::Course;
use crate::api::table::Fault;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

/// What the parts of one reply share.
#[derive(Clone, Debug)]
struct Head {
    id: String,
    created: u64,
    model: String,
}

/// Answers a conversation.
///
/// `model` is `swarm`, `swarm:N`, `expert:<id>` or a bare expert id. With tools, a response format, several
/// choices, log-probabilities or stop strings the swarm routes the question but does not cut it into tasks.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", request_body = ChatRequest,
    responses((status = 200, description = "The answer; a stream of chunks, then `[DONE]`, with `stream`",
        content((ChatCompletion = "application/json"), (ChatChunk = "text/event-stream")))))]
pub(super) async fn chat(
    State(api): State<Api>,
    Body(request): Body<ChatRequest>,
) -> Result<Response, Fault> {
    let head =
        Head { id: super::unique("chatcmpl-"), created: super::unix_seconds(), model: request.model.clone() };
    let (streamed, options, logprobs) = request.delivery();
    let wanted = request.wanted()?;
    let mut course = Course::begin(&api, wanted);
    if streamed {
        course.head().await?;
        return Ok(super::sse(stream::stream(course, head, options, logprobs)));
    }
    let completion = reply::gather(&mut course, head, logprobs).await?;
    Ok(Json(completion).into_response())
}
