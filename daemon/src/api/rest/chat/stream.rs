//! A chat's answer as server-sent events: each choice opens with its role, text and calls follow as they are
//! made, `[DONE]` closes. A failure is an error event, and then there is no `[DONE]`.

use super::Head;
use super::reply::ChatChunk;
use crate::api::rest::course::{Course, Step};
use crate::api::rest::data;
use crate::api::rest::wishes::StreamOptions;
use crate::api::table::ErrorBody;
use axum::response::sse::Event;
use futures::Stream;
use std::collections::VecDeque;

struct State {
    course: Course,
    head: Head,
    options: StreamOptions,
    logprobs: bool,
    ready: VecDeque<Event>,
    ended: bool,
}

/// The events of an answer. Dropping the stream cancels the question.
pub(super) fn stream(
    course: Course,
    head: Head,
    options: StreamOptions,
    logprobs: bool,
) -> impl Stream<Item = Event> + Send + 'static {
    let mut state = State { course, head, options, logprobs, ready: VecDeque::new(), ended: false };
    for index in 0..state.course.choices() {
        state.push(ChatChunk::opening(&state.head, index));
    }
    futures::stream::unfold(state, |mut state| async move {
        loop {
            if let Some(event) = state.ready.pop_front() {
                return Some((event, state));
            }
            if state.ended {
                return None;
            }
            state.advance().await;
        }
    })
}

impl State {
    fn push(&mut self, chunk: ChatChunk) {
        let chunk = if self.options.usage() { chunk.before_usage() } else { chunk };
        self.ready.push_back(data(&chunk));
    }

    async fn advance(&mut self) {
        match self.course.next().await {
            Some(Ok(Step::Note(_))) if !self.options.polymath() => {}
            Some(Ok(step)) => {
                self.push(ChatChunk::step(&self.head, step, self.logprobs));
            }
            Some(Err(fault)) => {
                self.ready.push_back(data(&ErrorBody::of(&fault)));
                self.ended = true;
            }
            None => {
                if self.options.usage() {
                    self.ready.push_back(data(&ChatChunk::usage(&self.head, self.course.usage())));
                }
                self.ready.push_back(Event::default().data("[DONE]"));
                self.ended = true;
            }
        }
    }
}
