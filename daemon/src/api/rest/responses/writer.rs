//! Writes a response item by item, telling each change as an event. A whole reply is the same without the events.

use super::reply::{
    EventBody, IncompleteDetails, OutputItem, OutputText, Response, ResponseError, ResponseEvent,
};
use crate::api::rest::chat::TokenLogprob;
use crate::api::rest::course::{Course, Finish, Step};
use crate::api::rest::{unique, unix_seconds};
use crate::api::table::Fault;
use polymath_swarm::task::TokenLogprobs;

/// The text of a message is its first and only part.
const PART: usize = 0;

/// Writes one response.
pub(super) struct Writer {
    response: Response,
    /// Whether the last item is not complete.
    open: bool,
    sequence: u64,
    events: Vec<EventBody>,
}

impl Writer {
    pub(super) fn new(response: Response) -> Self {
        Self { response, open: false, sequence: 0, events: Vec::new() }
    }

    /// The response as it stands.
    pub(super) fn response(self) -> Response {
        self.response
    }

    /// The first events.
    pub(super) fn opening(&mut self) -> Vec<ResponseEvent> {
        self.events.push(EventBody::Created { response: self.snapshot() });
        self.events.push(EventBody::InProgress { response: self.snapshot() });
        self.told()
    }

    /// Takes a step.
    pub(super) fn take(&mut self, step: Step) -> Vec<ResponseEvent> {
        match step {
            Step::Text { text, tokens, .. } => self.text(text, &tokens),
            Step::Call { id, name, .. } => self.call(id, name),
            Step::Arguments { text, .. } => self.arguments(text),
            Step::Ended { finish, .. } => self.ended(finish),
            Step::Note(polymath) => self.events.push(EventBody::Polymath { polymath }),
        }
        self.told()
    }

    /// The last events.
    pub(super) fn end(&mut self, course: &Course) -> Vec<ResponseEvent> {
        self.close("completed");
        self.response.completed_at = Some(unix_seconds());
        self.account(course);
        let response = self.snapshot();
        self.events.push(if self.response.incomplete_details.is_some() {
            EventBody::Incomplete { response }
        } else {
            EventBody::Completed { response }
        });
        self.told()
    }

    /// The last event of a response that fails.
    pub(super) fn fail(&mut self, fault: &Fault, course: &Course) -> Vec<ResponseEvent> {
        self.close("incomplete");
        self.response.status = "failed";
        self.response.error = Some(ResponseError::of(fault));
        self.account(course);
        let response = self.snapshot();
        self.events.push(EventBody::Failed { response });
        self.told()
    }

    fn account(&mut self, course: &Course) {
        self.response.usage = Some(course.usage().into());
        self.response.polymath = Some(course.report().clone());
    }

    fn snapshot(&self) -> Box<Response> {
        Box::new(self.response.clone())
    }

    fn told(&mut self) -> Vec<ResponseEvent> {
        let number = |event| {
            let sequence_number = self.sequence;
            self.sequence += 1;
            ResponseEvent { event, sequence_number }
        };
        std::mem::take(&mut self.events).into_iter().map(number).collect()
    }

    fn last(&self) -> usize {
        self.response.output.len().saturating_sub(1)
    }

    fn text(&mut self, text: String, tokens: &[TokenLogprobs]) {
        let in_message = self.open && matches!(self.response.output.last(), Some(OutputItem::Message { .. }));
        if !in_message {
            self.close("completed");
            self.open_message();
        }
        let output_index = self.last();
        let Some(OutputItem::Message { id, content, .. }) = self.response.output.last_mut() else { return };
        let Some(part) = content.last_mut() else { return };
        let logprobs: Vec<TokenLogprob> = tokens.iter().map(TokenLogprob::of).collect();
        part.text.push_str(&text);
        part.logprobs.extend(logprobs.iter().cloned());
        self.events.push(EventBody::TextDelta {
            item_id: id.clone(),
            output_index,
            content_index: PART,
            delta: text,
            logprobs,
        });
    }

    fn open_message(&mut self) {
        let item_id = unique("msg_");
        let part = OutputText {
            r#type: "output_text",
            text: String::new(),
            annotations: Vec::new(),
            logprobs: Vec::new(),
        };
        let message = |content| OutputItem::Message {
            id: item_id.clone(),
            status: "in_progress",
            role: "assistant",
            content,
        };
        let output_index = self.response.output.len();
        self.events.push(EventBody::ItemAdded { output_index, item: message(Vec::new()) });
        self.response.output.push(message(vec![part.clone()]));
        self.events.push(EventBody::PartAdded { item_id, output_index, content_index: PART, part });
        self.open = true;
    }

    fn call(&mut self, call_id: String, name: String) {
        self.close("completed");
        let item = OutputItem::FunctionCall {
            id: unique("fc_"),
            call_id,
            name,
            arguments: String::new(),
            status: "in_progress",
        };
        self.response.output.push(item.clone());
        self.events.push(EventBody::ItemAdded { output_index: self.last(), item });
        self.open = true;
    }

    fn arguments(&mut self, text: String) {
        let output_index = self.last();
        if let Some(OutputItem::FunctionCall { id, arguments, .. }) = self.response.output.last_mut() {
            arguments.push_str(&text);
            self.events.push(EventBody::ArgumentsDelta { item_id: id.clone(), output_index, delta: text });
        }
    }

    fn ended(&mut self, finish: Finish) {
        if self.response.output.is_empty() {
            self.open_message();
        }
        if finish == Finish::Length {
            self.close("incomplete");
            self.response.status = "incomplete";
            self.response.incomplete_details = Some(IncompleteDetails { reason: "max_output_tokens" });
        } else {
            self.close("completed");
            self.response.status = "completed";
        }
    }

    /// Completes the item that is open.
    fn close(&mut self, how: &'static str) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let output_index = self.last();
        let Some(item) = self.response.output.last_mut() else { return };
        match item {
            OutputItem::Message { id, status, content, .. } => {
                *status = how;
                if let Some(part) = content.last() {
                    let (item_id, part) = (id.clone(), part.clone());
                    self.events.push(EventBody::TextDone {
                        item_id: item_id.clone(),
                        output_index,
                        content_index: PART,
                        text: part.text.clone(),
                        logprobs: part.logprobs.clone(),
                    });
                    self.events.push(EventBody::PartDone {
                        item_id,
                        output_index,
                        content_index: PART,
                        part,
                    });
                }
            }
            OutputItem::FunctionCall { id, name, arguments, status, .. } => {
                *status = how;
                self.events.push(EventBody::ArgumentsDone {
                    item_id: id.clone(),
                    output_index,
                    name: name.clone(),
                    arguments: arguments.clone(),
                });
            }
        }
        let item = item.clone();
        self.events.push(EventBody::ItemDone { output_index, item });
    }
}
