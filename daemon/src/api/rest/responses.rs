//! `/v1/responses` (Open Responses): items in, items out, or events while they are made. Nothing is kept, so a
//! response cannot be continued by its id: the client sends the conversation again.

mod reply;
mod request;
mod writer;

pub(super) use reply::{Response, ResponseEvent};
pub(super) use request::ResponseRequest;

use super::Api;
use super::body::Body;
use super::course::Course;
use crate::api::table::Fault;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::Event;
use writer::Writer;

/// Answers a conversation of items.
#[utoipa::path(post, path = "/v1/responses", tag = "openai", request_body = ResponseRequest,
    responses((status = 200, description = "The response; a stream of events with `stream`",
        content((Response = "application/json"), (ResponseEvent = "text/event-stream")))))]
pub(super) async fn responses(
    State(api): State<Api>,
    Body(request): Body<ResponseRequest>,
) -> Result<axum::response::Response, Fault> {
    let (streamed, notes) = request.delivery();
    let response = request.blank(&api);
    let wanted = request.wanted()?;
    let mut writer = Writer::new(response);
    let mut course = Course::begin(&api, wanted);
    if !streamed {
        while let Some(step) = course.next().await {
            writer.take(step?);
        }
        writer.end(&course);
        return Ok(Json(writer.response()).into_response());
    }
    course.head().await?;
    let state = (course, writer, true);
    let stream = futures::stream::unfold(state, move |(mut course, mut writer, first)| async move {
        if course.is_over() {
            return None;
        }
        let events = if first {
            writer.opening()
        } else {
            match course.next().await {
                Some(Ok(step)) => writer.take(step),
                Some(Err(fault)) => writer.fail(&fault, &course),
                None => writer.end(&course),
            }
        };
        let mut events: Vec<Event> = events
            .into_iter()
            .filter(|numbered| notes || !numbered.is_note())
            .map(|numbered| super::data(&numbered).event(numbered.name()))
            .collect();
        // Open Responses ends every stream so, also one that failed.
        if course.is_over() {
            events.push(Event::default().data("[DONE]"));
        }
        Some((futures::stream::iter(events), (course, writer, false)))
    });
    Ok(super::sse(futures::StreamExt::flatten(stream)))
}
