//! A question over REST: a streamed chat completion, its pieces and extension events as the client's events.

use super::super::json;
use super::Rest;
use crate::answer::{ANSWER_BYTES_MAX, Answer, Event, FinishReason, Timings, Usage};
use crate::chat::ChatCompletionChunk;
use crate::error::Error;
use crate::question::Ask;
use crate::stream::Items;
use futures::stream::{self, StreamExt as _};
use serde_json::{Map, Value, json};

pub(crate) async fn ask(rest: &Rest, ask: &Ask) -> Result<Items<Event>, Error> {
    let chunks = rest.chunks(&request(ask)).await?;
    let mut course = Course::default();
    let events = chunks.map(Some).chain(stream::iter([None])).flat_map(move |chunk| {
        let events = match chunk {
            Some(Ok(chunk)) => course.take(chunk),
            Some(Err(error)) => vec![Err(error)],
            None => vec![Ok(course.end())],
        };
        stream::iter(events)
    });
    Ok(events.boxed())
}

fn request(ask: &Ask) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), ask.model.to_string().into());
    body.insert("messages".to_owned(), json!(ask.messages));
    body.insert("stream".to_owned(), true.into());
    body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    let wishes = [
        ("max_completion_tokens", ask.max_tokens.map(Value::from)),
        ("temperature", ask.temperature.map(Value::from)),
        ("top_p", ask.top_p.map(Value::from)),
        ("frequency_penalty", ask.frequency_penalty.map(Value::from)),
        ("presence_penalty", ask.presence_penalty.map(Value::from)),
        ("seed", ask.seed.map(Value::from)),
        ("stop", (!ask.stop.is_empty()).then(|| json!(ask.stop))),
        ("polymath", polymath(ask)),
    ];
    body.extend(wishes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    body.into()
}

/// What is wished of the swarm beyond OpenAI's fields.
fn polymath(ask: &Ask) -> Option<Value> {
    let filter = ask.filter().map(|filter| ("filter".to_owned(), filter));
    let priority = ask.high_priority.then(|| ("priority".to_owned(), json!("high")));
    let wishes: Map<String, Value> = filter.into_iter().chain(priority).collect();
    (!wishes.is_empty()).then(|| wishes.into())
}

/// What has come of an answer.
#[derive(Default)]
struct Course {
    text: String,
    usage: Usage,
    timings: Timings,
    finish_reason: FinishReason,
}

impl Course {
    fn take(&mut self, chunk: ChatCompletionChunk) -> Vec<Result<Event, Error>> {
        let mut events = Vec::new();
        if let Some(polymath) = &chunk.polymath {
            self.extension(polymath, &mut events);
        }
        if let Some(usage) = chunk.usage {
            self.usage = usage;
        }
        for choice in chunk.choices {
            if let Some(reason) = choice.finish_reason {
                self.finish_reason = FinishReason::read(&reason);
            }
            let Some(text) = choice.delta.content.filter(|t| !t.is_empty()) else { continue };
            if self.text.len() + text.len() > ANSWER_BYTES_MAX {
                events.push(Err(Error::protocol(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"))));
                return events;
            }
            self.text.push_str(&text);
            events.push(Ok(Event::Delta { text }));
        }
        events
    }

    /// One event by its kind, or a summary: the plan with what became of each task.
    fn extension(&mut self, value: &Value, events: &mut Vec<Result<Event, Error>>) {
        let kind = ["type", "event"].iter().find_map(|name| value.get(*name)?.as_str());
        if let Some(kind) = kind {
            // `polymath.plan` and `plan` are the same.
            let kind = kind.rsplit('.').next().unwrap_or(kind);
            match json::event(kind, value) {
                Some(Event::Answered(answer)) => self.timings = answer.timings,
                Some(Event::Delta { .. }) | None => {}
                Some(event) => events.push(Ok(event)),
            }
            return;
        }
        let times = json::timings(value);
        if times != Timings::default() {
            self.timings = times;
        }
        let Some(plan) = value.get("plan") else { return };
        events.push(Ok(Event::Planned(json::plan(plan))));
        for task in plan.get("tasks").and_then(Value::as_array).into_iter().flatten() {
            if task.get("expert").is_some_and(|e| !e.is_null()) {
                events.extend(json::event("started", task).map(Ok));
            }
            if task.get("status").is_some() {
                events.extend(json::event("finished", task).map(Ok));
            }
        }
    }

    fn end(&mut self) -> Event {
        Event::Answered(Answer {
            text: std::mem::take(&mut self.text),
            tasks: Vec::new(),
            usage: self.usage,
            timings: self.timings,
            finish_reason: self.finish_reason,
        })
    }
}
