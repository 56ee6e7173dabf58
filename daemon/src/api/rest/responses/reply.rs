//! A response, its items, and the events of a stream.

use crate::api::rest::chat::TokenLogprob;
use crate::api::rest::extension::{Note, Report};
use crate::api::table::Fault;
use crate::coordinator;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A response.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct Response {
    /// Its name; of no use later, for nothing is kept.
    pub(super) id: String,
    /// `response`.
    pub(super) object: &'static str,
    /// Unix seconds.
    pub(super) created_at: u64,
    /// Unix seconds.
    pub(super) completed_at: Option<u64>,
    /// `in_progress`, `completed`, `incomplete` or `failed`.
    pub(super) status: &'static str,
    /// Why it failed.
    pub(super) error: Option<ResponseError>,
    /// Why it is incomplete.
    pub(super) incomplete_details: Option<IncompleteDetails>,
    /// As asked.
    pub(super) instructions: Option<String>,
    /// As asked.
    pub(super) max_output_tokens: Option<u32>,
    /// The model asked for.
    pub(super) model: String,
    /// The answer.
    pub(super) output: Vec<OutputItem>,
    /// As asked.
    pub(super) parallel_tool_calls: bool,
    /// Always null.
    pub(super) previous_response_id: Option<String>,
    /// Always false.
    pub(super) store: bool,
    /// Always false.
    pub(super) background: bool,
    /// As asked; else what the named expert recommends, or the bundled ones do.
    pub(super) temperature: f32,
    /// As asked, else 1.
    pub(super) top_p: f32,
    /// As asked, else 0.
    pub(super) presence_penalty: f32,
    /// As asked, else 0.
    pub(super) frequency_penalty: f32,
    /// As asked, else 0.
    pub(super) top_logprobs: u32,
    /// As asked.
    pub(super) text: ShownText,
    /// As asked.
    pub(super) tools: Vec<Value>,
    /// As asked.
    pub(super) tool_choice: Value,
    /// `auto`: what does not fit a context is left out oldest turn first, and `polymath` says how much; or
    /// `disabled`, if that was asked for.
    pub(super) truncation: &'static str,
    /// As asked.
    pub(super) metadata: BTreeMap<String, String>,
    /// Always null: working is not told apart.
    pub(super) reasoning: Option<Value>,
    /// As asked.
    pub(super) max_tool_calls: Option<u32>,
    /// Always `default`: there is but one.
    pub(super) service_tier: &'static str,
    /// As asked.
    pub(super) user: Option<String>,
    /// As asked.
    pub(super) safety_identifier: Option<String>,
    /// As asked.
    pub(super) prompt_cache_key: Option<String>,
    /// Tokens used, at the end.
    pub(super) usage: Option<ResponseUsage>,
    /// What the swarm did, at the end.
    pub(super) polymath: Option<Report>,
}

/// Why a response failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ResponseError {
    /// The code, the same in every interface.
    code: &'static str,
    /// For people.
    message: String,
}

impl ResponseError {
    pub(super) fn of(fault: &Fault) -> Self {
        Self { code: fault.row.code, message: fault.message.clone() }
    }
}

/// Why a response is incomplete.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct IncompleteDetails {
    /// `max_output_tokens`.
    pub(super) reason: &'static str,
}

/// Tokens used.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct ResponseUsage {
    /// Of the templated prompts of all tasks.
    input_tokens: u32,
    /// Of those, remembered.
    input_tokens_details: InputDetails,
    /// Generated.
    output_tokens: u32,
    /// Of those, not shown.
    output_tokens_details: OutputDetails,
    /// Both.
    total_tokens: u32,
}

/// Of the tokens read.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct InputDetails {
    /// Always 0: prompts are read afresh.
    cached_tokens: u32,
}

/// Of the tokens generated.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct OutputDetails {
    /// Always 0: working is not told apart.
    reasoning_tokens: u32,
}

impl From<coordinator::Usage> for ResponseUsage {
    fn from(usage: coordinator::Usage) -> Self {
        Self {
            input_tokens: usage.prompt_tokens,
            input_tokens_details: InputDetails { cached_tokens: 0 },
            output_tokens: usage.completion_tokens,
            output_tokens_details: OutputDetails { reasoning_tokens: 0 },
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        }
    }
}

/// What the text must look like.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub(super) struct TextConfig {
    /// Text if absent.
    #[serde(default)]
    format: Option<TextFormat>,
    /// Repeated in the reply, of no effect.
    #[serde(default)]
    verbosity: Option<String>,
}

/// A format of text.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct TextFormat {
    /// `text`, `json_object` or `json_schema`.
    r#type: String,
    /// With `json_schema`: for people.
    name: Option<String>,
    /// The same.
    description: Option<String>,
    /// With `json_schema`: followed to the letter, strict or not.
    schema: Option<Value>,
    /// With `json_schema`: of no effect.
    strict: Option<bool>,
}

/// What the text was to look like.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ShownText {
    /// `text` if nothing was asked for.
    format: ShownFormat,
    /// As asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<String>,
}

/// A format of text.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ShownFormat {
    /// Free.
    Text,
    /// Some object.
    JsonObject,
    /// By a schema.
    JsonSchema {
        /// As asked.
        name: String,
        /// As asked.
        description: Option<String>,
        /// As asked.
        schema: Value,
        /// As asked, else true: it is followed to the letter.
        strict: bool,
    },
}

impl TextConfig {
    /// The schema the text must have; none for free text.
    pub(super) fn schema(&self) -> Result<Option<Value>, Fault> {
        let Some(format) = &self.format else { return Ok(None) };
        match (format.r#type.as_str(), &format.schema) {
            ("text", _) => Ok(None),
            ("json_object", _) => Ok(Some(json!({ "type": "object" }))),
            ("json_schema", Some(schema @ Value::Object(_))) => Ok(Some(schema.clone())),
            ("json_schema", _) => Err(Fault::field("text.format.schema", "a JSON Schema is wanted here")),
            _ => Err(Fault::field("text.format.type", "text, json_object or json_schema")),
        }
    }

    /// As the reply repeats it.
    pub(super) fn shown(self) -> ShownText {
        let format = match self.format {
            Some(format) if format.r#type == "json_object" => ShownFormat::JsonObject,
            Some(format) if format.r#type == "json_schema" => ShownFormat::JsonSchema {
                name: format.name.unwrap_or_default(),
                description: format.description,
                schema: format.schema.unwrap_or_default(),
                strict: format.strict.unwrap_or(true),
            },
            _ => ShownFormat::Text,
        };
        ShownText { format, verbosity: self.verbosity }
    }
}

/// An item of the answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OutputItem {
    /// Text.
    Message {
        /// Its name.
        id: String,
        /// `in_progress`, `completed` or `incomplete`.
        status: &'static str,
        /// `assistant`.
        role: &'static str,
        /// The text, in one part.
        content: Vec<OutputText>,
    },
    /// A call of a function.
    FunctionCall {
        /// Its name.
        id: String,
        /// What its result refers to.
        call_id: String,
        /// The function.
        name: String,
        /// JSON, as a string.
        arguments: String,
        /// `in_progress`, `completed` or `incomplete`.
        status: &'static str,
    },
}

/// Text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct OutputText {
    /// `output_text`.
    pub(super) r#type: &'static str,
    /// The text.
    pub(super) text: String,
    /// Always empty.
    pub(super) annotations: Vec<Value>,
    /// Of its tokens, if asked for.
    pub(super) logprobs: Vec<TokenLogprob>,
}

/// An event of a stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct ResponseEvent {
    /// What happened.
    #[serde(flatten)]
    pub(super) event: EventBody,
    /// From 0, one after the other.
    pub(super) sequence_number: u64,
}

/// What happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "type")]
pub(super) enum EventBody {
    /// It begins.
    #[serde(rename = "response.created")]
    Created {
        /// As it stands.
        response: Box<Response>,
    },
    /// It is under way.
    #[serde(rename = "response.in_progress")]
    InProgress {
        /// As it stands.
        response: Box<Response>,
    },
    /// An item begins.
    #[serde(rename = "response.output_item.added")]
    ItemAdded {
        /// Which item.
        output_index: usize,
        /// As it stands.
        item: OutputItem,
    },
    /// A text begins.
    #[serde(rename = "response.content_part.added")]
    PartAdded {
        /// The item's name.
        item_id: String,
        /// Which item.
        output_index: usize,
        /// Which part.
        content_index: usize,
        /// As it stands.
        part: OutputText,
    },
    /// More text.
    #[serde(rename = "response.output_text.delta")]
    TextDelta {
        /// The item's name.
        item_id: String,
        /// Which item.
        output_index: usize,
        /// Which part.
        content_index: usize,
        /// The text.
        delta: String,
        /// Of the tokens that begin in it, if asked for.
        logprobs: Vec<TokenLogprob>,
    },
    /// A text is complete.
    #[serde(rename = "response.output_text.done")]
    TextDone {
        /// The item's name.
        item_id: String,
        /// Which item.
        output_index: usize,
        /// Which part.
        content_index: usize,
        /// All of it.
        text: String,
        /// Of all its tokens, if asked for.
        logprobs: Vec<TokenLogprob>,
    },
    /// A part is complete.
    #[serde(rename = "response.content_part.done")]
    PartDone {
        /// The item's name.
        item_id: String,
        /// Which item.
        output_index: usize,
        /// Which part.
        content_index: usize,
        /// All of it.
        part: OutputText,
    },
    /// More of a call's arguments.
    #[serde(rename = "response.function_call_arguments.delta")]
    ArgumentsDelta {
        /// The item's name.
        item_id: String,
        /// Which item.
        output_index: usize,
        /// The text.
        delta: String,
    },
    /// A call's arguments are complete.
    #[serde(rename = "response.function_call_arguments.done")]
    ArgumentsDone {
        /// The item's name.
        item_id: String,
        /// Which item.
        output_index: usize,
        /// The function.
        name: String,
        /// All of them.
        arguments: String,
    },
    /// An item is complete.
    #[serde(rename = "response.output_item.done")]
    ItemDone {
        /// Which item.
        output_index: usize,
        /// All of it.
        item: OutputItem,
    },
    /// The answer is complete.
    #[serde(rename = "response.completed")]
    Completed {
        /// All of it.
        response: Box<Response>,
    },
    /// A limit was reached.
    #[serde(rename = "response.incomplete")]
    Incomplete {
        /// As far as it came.
        response: Box<Response>,
    },
    /// It failed.
    #[serde(rename = "response.failed")]
    Failed {
        /// As far as it came.
        response: Box<Response>,
    },
    /// Something the swarm did.
    #[serde(rename = "polymath:event")]
    Polymath {
        /// What.
        polymath: Note,
    },
}

impl ResponseEvent {
    /// The event's type, which is its name on the wire too.
    pub(super) fn name(&self) -> &'static str {
        match self.event {
            EventBody::Created { .. } => "response.created",
            EventBody::InProgress { .. } => "response.in_progress",
            EventBody::ItemAdded { .. } => "response.output_item.added",
            EventBody::PartAdded { .. } => "response.content_part.added",
            EventBody::TextDelta { .. } => "response.output_text.delta",
            EventBody::TextDone { .. } => "response.output_text.done",
            EventBody::PartDone { .. } => "response.content_part.done",
            EventBody::ArgumentsDelta { .. } => "response.function_call_arguments.delta",
            EventBody::ArgumentsDone { .. } => "response.function_call_arguments.done",
            EventBody::ItemDone { .. } => "response.output_item.done",
            EventBody::Completed { .. } => "response.completed",
            EventBody::Incomplete { .. } => "response.incomplete",
            EventBody::Failed { .. } => "response.failed",
            EventBody::Polymath { .. } => "polymath:event",
        }
    }

    /// Whether it is about the swarm.
    pub(super) fn is_note(&self) -> bool {
        matches!(self.event, EventBody::Polymath { .. })
    }
}
