//! The reply of a chat, whole or in chunks.

use super::Head;
use crate::api::rest::conversation::{CalledFunction, ToolCall};
use crate::api::rest::course::{Course, Step};
use crate::api::rest::extension::{Note, Report};
use crate::api::table::Fault;
use crate::coordinator;
use polymath_swarm::task::TokenLogprobs;
use serde::Serialize;
use utoipa::ToSchema;

/// What OpenAI writes for a token that is as good as impossible; JSON has no infinity.
const LOGPROB_MIN: f32 = -9_999.0;

/// A whole answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct ChatCompletion {
    /// Its name.
    id: String,
    /// `chat.completion`.
    object: &'static str,
    /// Unix seconds.
    created: u64,
    /// The model asked for.
    model: String,
    /// The answers.
    choices: Vec<ChatChoice>,
    /// Tokens used.
    usage: Usage,
    /// What the swarm did.
    polymath: Report,
}

/// One answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ChatChoice {
    /// Which.
    index: u32,
    /// The message.
    message: AnswerMessage,
    /// The tokens' log-probabilities, if asked for.
    logprobs: Option<Logprobs>,
    /// `stop`, `length` or `tool_calls`.
    finish_reason: &'static str,
}

/// The assistant's message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AnswerMessage {
    /// `assistant`.
    role: &'static str,
    /// The text; null where there are calls alone.
    content: Option<String>,
    /// Always null: an expert that will not answer says so in its text.
    refusal: Option<String>,
    /// Calls of functions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
}

/// Log-probabilities of an answer's tokens.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct Logprobs {
    /// Of the text's tokens.
    content: Vec<TokenLogprob>,
    /// Always null.
    refusal: Option<Vec<TokenLogprob>>,
}

/// A token and its log-probability.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct TokenLogprob {
    /// Its text; what is no whole character shows as U+FFFD.
    token: String,
    /// Natural logarithm of its probability.
    logprob: f32,
    /// Its bytes.
    bytes: Vec<u8>,
    /// The likeliest tokens at its place.
    top_logprobs: Vec<TopLogprob>,
}

/// A likely token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct TopLogprob {
    /// Its text.
    token: String,
    /// Natural logarithm of its probability.
    logprob: f32,
    /// Its bytes.
    bytes: Vec<u8>,
}

/// Tokens used.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct Usage {
    /// Of the templated prompts of all tasks.
    prompt_tokens: u32,
    /// Generated.
    completion_tokens: u32,
    /// Both.
    total_tokens: u32,
}

/// A part of an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct ChatChunk {
    /// The answer's name.
    id: String,
    /// `chat.completion.chunk`.
    object: &'static str,
    /// Unix seconds.
    created: u64,
    /// The model asked for.
    model: String,
    /// What is new: nothing in chunks about the swarm; empty in the one about the usage.
    choices: Vec<ChunkChoice>,
    /// Tokens used, if asked for: in the last chunk; null in the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Usage>)]
    usage: Option<Option<Usage>>,
    /// Something the swarm did.
    #[serde(skip_serializing_if = "Option::is_none")]
    polymath: Option<Note>,
}

/// What is new of one answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ChunkChoice {
    /// Which.
    index: u32,
    /// More of its message.
    delta: Delta,
    /// Of the tokens that begin in it, if asked for.
    logprobs: Option<Logprobs>,
    /// In its last chunk.
    finish_reason: Option<&'static str>,
}

/// More of a message.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct Delta {
    /// `assistant`, in the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// More text.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// More of calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallDelta>,
}

/// More of a call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CallDelta {
    /// Which call of the message.
    index: usize,
    /// Its id, in its first chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `function`, in its first chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    /// The function.
    function: FunctionDelta,
}

/// More of a called function.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct FunctionDelta {
    /// Its name, in its first chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// More of its arguments.
    arguments: String,
}

impl From<coordinator::Usage> for Usage {
    fn from(usage: coordinator::Usage) -> Self {
        let coordinator::Usage { prompt_tokens, completion_tokens } = usage;
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
        }
    }
}

impl Logprobs {
    fn of(tokens: &[TokenLogprobs]) -> Self {
        Self { content: tokens.iter().map(TokenLogprob::of).collect(), refusal: None }
    }
}

impl TokenLogprob {
    pub(in crate::api::rest) fn of(token: &TokenLogprobs) -> Self {
        let mut pieces = token.pieces.iter();
        let bytes = pieces.next().cloned().unwrap_or_default();
        let top = pieces.zip(&token.top).map(|(piece, &(_, logprob))| TopLogprob {
            token: String::from_utf8_lossy(piece).into_owned(),
            logprob: logprob.max(LOGPROB_MIN),
            bytes: piece.clone(),
        });
        Self {
            token: String::from_utf8_lossy(&bytes).into_owned(),
            logprob: token.logprob.max(LOGPROB_MIN),
            top_logprobs: top.collect(),
            bytes,
        }
    }
}

/// The whole answer, once it is there.
pub(super) async fn gather(course: &mut Course, head: Head, logprobs: bool) -> Result<ChatCompletion, Fault> {
    let mut choices: Vec<ChatChoice> =
        (0..course.choices()).map(|index| ChatChoice::new(index, logprobs)).collect();
    while let Some(step) = course.next().await {
        match step? {
            Step::Text { choice, text, tokens } => {
                if let Some(c) = choices.get_mut(choice as usize) {
                    c.message.content.get_or_insert_default().push_str(&text);
                    if let Some(logprobs) = &mut c.logprobs {
                        logprobs.content.extend(tokens.iter().map(TokenLogprob::of));
                    }
                }
            }
            Step::Call { choice, id, name, .. } => {
                if let Some(c) = choices.get_mut(choice as usize) {
                    let function = CalledFunction { name, arguments: String::new() };
                    c.message.tool_calls.push(ToolCall { id, r#type: "function".to_owned(), function });
                }
            }
            Step::Arguments { choice, call, text } => {
                let found = choices.get_mut(choice as usize).and_then(|c| c.message.tool_calls.get_mut(call));
                if let Some(call) = found {
                    call.function.arguments.push_str(&text);
                }
            }
            Step::Ended { choice, finish } => {
                if let Some(c) = choices.get_mut(choice as usize) {
                    c.finish_reason = finish.name();
                    if c.message.tool_calls.is_empty() {
                        c.message.content.get_or_insert_default();
                    }
                }
            }
            Step::Note(_) => {}
        }
    }
    Ok(ChatCompletion {
        id: head.id,
        object: "chat.completion",
        created: head.created,
        model: head.model,
        choices,
        usage: course.usage().into(),
        polymath: course.report().clone(),
    })
}

impl ChatChoice {
    fn new(index: u32, logprobs: bool) -> Self {
        let message =
            AnswerMessage { role: "assistant", content: None, refusal: None, tool_calls: Vec::new() };
        Self { index, message, logprobs: logprobs.then(Logprobs::default), finish_reason: "stop" }
    }
}

impl ChatChunk {
    fn new(head: &Head) -> Self {
        Self {
            id: head.id.clone(),
            object: "chat.completion.chunk",
            created: head.created,
            model: head.model.clone(),
            choices: Vec::new(),
            usage: None,
            polymath: None,
        }
    }

    fn with(head: &Head, index: u32, delta: Delta) -> Self {
        let choice = ChunkChoice { index, delta, logprobs: None, finish_reason: None };
        Self { choices: vec![choice], ..Self::new(head) }
    }

    /// The first of a choice.
    pub(super) fn opening(head: &Head, index: u32) -> Self {
        let delta = Delta { role: Some("assistant"), content: Some(String::new()), ..Delta::default() };
        Self::with(head, index, delta)
    }

    /// About the usage.
    pub(super) fn usage(head: &Head, usage: coordinator::Usage) -> Self {
        Self { usage: Some(Some(usage.into())), ..Self::new(head) }
    }

    /// One of a stream that ends with its usage.
    pub(super) fn before_usage(self) -> Self {
        Self { usage: Some(None), ..self }
    }

    /// About one step.
    pub(super) fn step(head: &Head, step: Step, logprobs: bool) -> Self {
        match step {
            Step::Text { choice, text, tokens } => {
                let mut chunk = Self::with(head, choice, Delta { content: Some(text), ..Delta::default() });
                for choice in chunk.choices.iter_mut().filter(|_| logprobs) {
                    choice.logprobs = Some(Logprobs::of(&tokens));
                }
                chunk
            }
            Step::Call { choice, call, id, name } => {
                let function = FunctionDelta { name: Some(name), arguments: String::new() };
                let delta = CallDelta { index: call, id: Some(id), r#type: Some("function"), function };
                Self::with(head, choice, Delta { tool_calls: vec![delta], ..Delta::default() })
            }
            Step::Arguments { choice, call, text } => {
                let function = FunctionDelta { name: None, arguments: text };
                let delta = CallDelta { index: call, id: None, r#type: None, function };
                Self::with(head, choice, Delta { tool_calls: vec![delta], ..Delta::default() })
            }
            Step::Ended { choice, finish } => {
                let mut chunk = Self::with(head, choice, Delta::default());
                for choice in &mut chunk.choices {
                    choice.finish_reason = Some(finish.name());
                }
                chunk
            }
            Step::Note(note) => {
                // Not without a choice: much code takes the first one of each chunk unseen.
                Self { polymath: Some(note.clone()), ..Self::with(head, note.choice(), Delta::default()) }
            }
        }
    }
}
