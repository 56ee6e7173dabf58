//! The request of a response, and what is asked of the coordinator for it.
//!
//! Fields that are not here are of no effect on an answer and are passed over: `metadata`, `user`, `reasoning`,
//! `service_tier`, `truncation`, `safety_identifier`, `prompt_cache_key`, `max_tool_calls`.

use super::reply::{Response, TextConfig};
use crate::api::rest::chat::ToolChoice;
use crate::api::rest::conversation::{Content, Role, Turns};
use crate::api::rest::course::Wanted;
use crate::api::rest::tools::{self, Function, Offered};
use crate::api::rest::wishes::{self, StreamOptions};
use crate::api::rest::{model, unique, unix_seconds};
use crate::api::table::Fault;
use crate::coordinator::Question;
use polymath_swarm::task::{MESSAGES_MAX, TOP_LOGPROBS_MAX};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What `include` says to have log-probabilities.
const WITH_LOGPROBS: &str = "message.output_text.logprobs";

/// Items to be answered.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::api::rest) struct ResponseRequest {
    /// `swarm`, `swarm:N`, `expert:<id>` or an expert's id.
    model: String,
    /// What is asked, or the conversation so far.
    input: Input,
    /// A system message before it.
    instructions: Option<String>,
    /// Whether events tell of the answer as it is made.
    stream: Option<bool>,
    /// What a stream tells beside the answer.
    stream_options: Option<StreamOptions>,
    /// Tokens each task may generate.
    max_output_tokens: Option<u32>,
    /// 0 to 2; the expert's own recommendation if absent.
    temperature: Option<f32>,
    /// Above 0, at most 1.
    top_p: Option<f32>,
    /// -2 to 2.
    frequency_penalty: Option<f32>,
    /// -2 to 2.
    presence_penalty: Option<f32>,
    /// The same seed, model and request give the same answer.
    seed: Option<i64>,
    /// What the text must look like.
    text: Option<TextConfig>,
    /// Functions the expert may call.
    tools: Option<Vec<ResponseTool>>,
    /// Whether it may, must or must not.
    tool_choice: Option<ToolChoice>,
    /// Whether it may call several; true if absent.
    parallel_tool_calls: Option<bool>,
    /// `message.output_text.logprobs` for log-probabilities; other values are of no effect.
    include: Option<Vec<String>>,
    /// Alternatives told with log-probabilities, 0 to 20.
    top_logprobs: Option<u32>,
    /// Accepted; nothing is kept, and the reply says so.
    #[expect(dead_code, reason = "accepted and of no effect")]
    store: Option<bool>,
    /// Refused: nothing is kept.
    previous_response_id: Option<Value>,
    /// Refused: nothing is kept.
    conversation: Option<Value>,
    /// Refused.
    background: Option<Value>,
    /// Refused: no prompts are kept.
    prompt: Option<Value>,
}

/// What is asked.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum Input {
    /// A question.
    Text(String),
    /// The conversation so far.
    Items(Vec<InputItem>),
}

/// An item of the conversation: a message, a call of a function, or what it gave.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct InputItem {
    /// `message` (also if absent), `function_call`, `function_call_output`; `reasoning` is passed over.
    r#type: Option<String>,
    /// Of a message.
    role: Option<Role>,
    /// Of a message.
    content: Option<Content>,
    /// Of a call.
    name: Option<String>,
    /// Of a call: JSON, as a string.
    arguments: Option<String>,
    /// Of a call's result.
    output: Option<Content>,
}

/// A tool. Only functions are known.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct ResponseTool {
    /// `function`.
    r#type: String,
    /// 1 to 64 letters, digits, `_` and `-`.
    name: Option<String>,
    /// What it does.
    description: Option<String>,
    /// JSON Schema of its arguments.
    parameters: Option<Value>,
    /// Accepted: arguments are held to the schema either way.
    strict: Option<bool>,
}

impl ResponseRequest {
    /// Whether it is streamed, and whether what the swarm does is told with it.
    pub(super) fn delivery(&self) -> (bool, bool) {
        (self.stream.unwrap_or(false), self.stream_options.unwrap_or_default().polymath())
    }

    /// The reply before anything is in it.
    pub(super) fn blank(&self) -> Response {
        let tools = self.tools.iter().flatten().map(|tool| json!(tool)).collect();
        let choice = match &self.tool_choice {
            Some(ToolChoice::Mode(mode)) => json!(mode),
            Some(ToolChoice::Named(_)) => json!("required"),
            None => json!("auto"),
        };
        Response {
            id: unique("resp_"),
            object: "response",
            created_at: unix_seconds(),
            completed_at: None,
            status: "in_progress",
            error: None,
            incomplete_details: None,
            instructions: self.instructions.clone(),
            max_output_tokens: self.max_output_tokens,
            model: self.model.clone(),
            output: Vec::new(),
            parallel_tool_calls: self.parallel_tool_calls.unwrap_or(true),
            previous_response_id: None,
            store: false,
            background: false,
            temperature: self.temperature,
            top_p: self.top_p,
            text: self.text.clone().unwrap_or_default(),
            tools,
            tool_choice: choice,
            truncation: "auto",
            metadata: serde_json::Map::new(),
            usage: None,
            polymath: None,
        }
    }

    /// What is asked of the coordinator.
    pub(super) fn wanted(self) -> Result<Wanted, Fault> {
        let kept = "nothing is kept between requests: send the conversation as input";
        wishes::refuse(&[
            ("previous_response_id", &self.previous_response_id, kept),
            ("conversation", &self.conversation, kept),
            ("prompt", &self.prompt, "no prompts are kept here"),
            ("background", &self.background, "a response is made while its client waits"),
        ])?;
        let (target, experts) = model::target(&self.model)?;
        let alternatives = self.alternatives()?;
        let format = self.text.as_ref().map(TextConfig::schema).transpose()?.flatten();
        let tools = self.offered()?;
        let grammar = match (&tools, &format) {
            (Some(tools), format) => Some(tools.grammar(format.as_ref())?),
            (None, Some(schema)) => Some(tools::json_grammar(schema)?),
            (None, None) => None,
        };
        let mut turns = Turns::default();
        if let Some(instructions) = self.instructions {
            turns.say("system", instructions);
        }
        self.input.take(&mut turns)?;
        if let Some(tools) = &tools {
            turns.instruct(&tools.instructions());
        }
        let (messages, topic) = turns.finish();
        let question = Question {
            target,
            whole: topic.is_some(),
            messages,
            topic,
            experts,
            max_tokens: self.max_output_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            seed: wishes::seed(self.seed, 0),
            // Zero would mean no log-probabilities at all.
            top_logprobs: alternatives.map_or(0, |n| n.max(1)),
            grammar,
            ..Question::default()
        };
        let names = vec![
            ("messages", "input"),
            ("experts", "model"),
            ("max_tokens", "max_output_tokens"),
            ("response_format", "text.format"),
            ("grammar", if tools.is_some() { "tools" } else { "text.format" }),
        ];
        let alternatives = alternatives.unwrap_or(0) as usize;
        Ok(Wanted { questions: vec![question], copies: 1, tools, alternatives, names })
    }

    fn alternatives(&self) -> Result<Option<u32>, Fault> {
        let wanted = self.include.iter().flatten().any(|i| i == WITH_LOGPROBS);
        match self.top_logprobs {
            Some(n) if n > TOP_LOGPROBS_MAX => Err(Fault::field("top_logprobs", "0 to 20")),
            Some(0) | None => Ok(wanted.then_some(0)),
            some => Ok(some),
        }
    }

    fn offered(&self) -> Result<Option<Offered>, Fault> {
        let mut functions = Vec::new();
        for (index, tool) in self.tools.iter().flatten().enumerate() {
            match &tool.name {
                Some(name) if tool.r#type == "function" => functions.push(Function {
                    name: name.clone(),
                    description: tool.description.clone(),
                    parameters: tool.parameters.clone(),
                }),
                _ => return Err(Fault::field(format!("tools[{index}]"), "only functions are known")),
            }
        }
        let choice = ToolChoice::choice(self.tool_choice.clone())?;
        Offered::new(functions, choice, self.parallel_tool_calls.unwrap_or(true))
    }
}

impl Input {
    fn take(self, turns: &mut Turns) -> Result<(), Fault> {
        let items = match self {
            Self::Text(text) => {
                turns.say("user", text);
                return Ok(());
            }
            Self::Items(items) if items.len() > MESSAGES_MAX => {
                return Err(Fault::field("input", "at most 256 items"));
            }
            Self::Items(items) => items,
        };
        for (index, item) in items.into_iter().enumerate() {
            item.take(&format!("input[{index}]"), turns)?;
        }
        Ok(())
    }
}

impl InputItem {
    fn take(self, at: &str, turns: &mut Turns) -> Result<(), Fault> {
        let missing = |field: &str| Fault::field(format!("{at}.{field}"), "it is missing");
        match self.r#type.as_deref().unwrap_or("message") {
            "message" => {
                let content = self.content.ok_or_else(|| missing("content"))?;
                let content = content.text(&format!("{at}.content"))?;
                match self.role.ok_or_else(|| missing("role"))? {
                    Role::System | Role::Developer => turns.say("system", content),
                    Role::User => turns.say("user", content),
                    Role::Assistant => turns.say("assistant", content),
                    Role::Tool => {
                        let message = "what a function gave is an item of type function_call_output";
                        return Err(Fault::field(format!("{at}.role"), message));
                    }
                }
            }
            "function_call" => {
                let name = self.name.ok_or_else(|| missing("name"))?;
                turns.call(&name, &self.arguments.ok_or_else(|| missing("arguments"))?);
            }
            "function_call_output" => {
                let output = self.output.ok_or_else(|| missing("output"))?;
                turns.result(&output.text(&format!("{at}.output"))?);
            }
            "reasoning" => {}
            other => {
                let other: String = other.chars().take(40).collect();
                let message = format!("{other} items cannot be read; nothing is kept between requests");
                return Err(Fault::field(format!("{at}.type"), message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(more: Value) -> Result<Wanted, Fault> {
        let mut request = json!({"model": "swarm", "input": "x"});
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        serde_json::from_value::<ResponseRequest>(request).unwrap().wanted()
    }

    #[test]
    fn items_become_a_conversation() {
        let items = json!({"instructions": "Be brief.", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "What now?"}]},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "seven"},
        ]});
        let question = wanted(items).unwrap().questions.remove(0);
        let roles: Vec<&str> = question.messages.iter().map(|m| m.role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert_eq!(question.topic.as_deref(), Some("What now?"));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (field, more) in [
            ("previous_response_id", json!({"previous_response_id": "resp_1"})),
            ("background", json!({"background": true})),
            ("input[0].type", json!({"input": [{"type": "item_reference", "id": "x"}]})),
            ("input[0].content", json!({"input": [{"role": "user"}]})),
            ("tools[0]", json!({"tools": [{"type": "web_search"}]})),
            ("text.format.schema", json!({"text": {"format": {"type": "json_schema", "name": "x"}}})),
        ] {
            assert_eq!(wanted(more).err().unwrap().field.as_deref(), Some(field));
        }
        assert!(wanted(json!({"store": true, "truncation": "auto", "previous_response_id": null})).is_ok());
    }
}
