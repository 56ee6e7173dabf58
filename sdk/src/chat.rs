//! OpenAI's chat completions as types: what REST speaks, and what is translated where the transport is another.
//!
//! Fields that this client gives no meaning to are kept as JSON (`tools`, `response_format`, `logprobs`) or in
//! `extra`, so that nothing a node understands has to wait for this crate.

mod translate;

pub(crate) use translate::{ask, completion, pieces};

use crate::answer::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A request for `/v1/chat/completions`.
///
/// ```
/// use polymath_sdk::{ChatCompletionRequest, ChatMessage};
/// let request = ChatCompletionRequest {
///     temperature: Some(0.0),
///     ..ChatCompletionRequest::new("swarm", [ChatMessage::user("What is 17 times 4?")])
/// };
/// assert_eq!(serde_json::to_value(&request).unwrap()["messages"][0]["role"], "user");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatCompletionRequest {
    /// `swarm`, `swarm:N`, `expert:ID`, or a model that the swarm offers.
    pub model: String,
    /// The conversation.
    pub messages: Vec<ChatMessage>,
    /// Tokens that may be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// The same by its older name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// 0 takes the likeliest token each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// The share of the probability that is drawn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Logits taken from a token for each time it has come already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// Logits taken from a token that has come already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
    /// Repeats the same draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The answer ends before any of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Answers wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Whether log-probabilities are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// Alternatives for each token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u32>,
    /// Functions that may be called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    /// Which of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<Value>,
    /// `text`, `json_object` or `json_schema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Value>,
    /// Anything else that the node takes.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ChatCompletionRequest {
    /// With the node's defaults.
    pub fn new(model: impl Into<String>, messages: impl IntoIterator<Item = ChatMessage>) -> Self {
        Self { model: model.into(), messages: messages.into_iter().collect(), ..Self::default() }
    }
}

/// A turn of a conversation in OpenAI's form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Text, or content parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Calls that the assistant wants made.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Which call a `tool` message answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Anything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ChatMessage {
    /// What a person says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new("user", text)
    }

    /// What was answered.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new("assistant", text)
    }

    /// What holds for the whole conversation.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new("system", text)
    }

    fn new(role: &str, text: impl Into<String>) -> Self {
        Self { role: role.to_owned(), content: Some(Content::Text(text.into())), ..Self::default() }
    }

    /// Its text; empty if it has none. Parts that are not text are left out.
    pub fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().filter_map(|p| p.get("text")?.as_str()).collect(),
        }
    }
}

/// A message's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Parts, `{"type": "text", "text": …}` for instance.
    Parts(Vec<Value>),
}

/// A call of a function that the model wants made; in a stream, a piece of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolCall {
    /// Which call of the message; in a stream alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Its id, for the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `function`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is called.
    pub function: FunctionCall,
}

/// A function's name and its arguments as JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionCall {
    /// The name; in a stream, in its first piece alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// JSON; in a stream, its next characters.
    pub arguments: String,
}

/// A whole completion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatCompletion {
    /// Its id.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The model that was asked for.
    pub model: String,
    /// The answers, as many as `n`.
    pub choices: Vec<Choice>,
    /// Tokens.
    pub usage: Usage,
    /// What the swarm did: plan, experts, scores, timings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polymath: Option<Value>,
}

impl ChatCompletion {
    /// The first answer's text; empty if there is none.
    pub fn text(&self) -> String {
        self.choices.first().map(|c| c.message.text()).unwrap_or_default()
    }
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Its number.
    pub index: u32,
    /// What was answered.
    pub message: ChatMessage,
    /// `stop`, `length` or `tool_calls`.
    pub finish_reason: Option<String>,
    /// Log-probabilities, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Value>,
}

/// A piece of a streamed completion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatCompletionChunk {
    /// The completion's id.
    pub id: String,
    /// When it was begun, in seconds since 1970.
    pub created: u64,
    /// The model that was asked for.
    pub model: String,
    /// More of the answers; empty in a piece that reports something else.
    pub choices: Vec<ChunkChoice>,
    /// Tokens, in the last piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What the swarm did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polymath: Option<Value>,
}

impl ChatCompletionChunk {
    /// The first answer's next characters.
    pub fn text(&self) -> &str {
        self.choices.first().and_then(|c| c.delta.content.as_deref()).unwrap_or_default()
    }
}

/// More of one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChunkChoice {
    /// Which answer.
    pub index: u32,
    /// What comes to it.
    pub delta: Delta,
    /// Why it ended, in its last piece.
    pub finish_reason: Option<String>,
    /// Log-probabilities, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Value>,
}

/// What comes to an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delta {
    /// In the first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The next characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// More of tool calls.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// OpenAI's streams write `null` where a list could be.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<ToolCall>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
