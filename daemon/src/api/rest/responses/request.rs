//! The request of a response, and what is asked of the coordinator for it.
//!
//! Fields that are not here are of no effect on an answer and are passed over: `reasoning`, `service_tier`,
//! `prompt_cache_options` and the like. Some that have none either are here, for the reply repeats them.

use super::reply::{Response, TextConfig};
use crate::api::rest::Api;
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
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Entries of `metadata`; OpenAI's limit.
const METADATA_MAX: usize = 16;
/// Characters of a key and of a value of it; OpenAI's limits.
const METADATA_CHARS_MAX: (usize, usize) = (64, 512);
/// What `include` says to have log-probabilities.
const WITH_LOGPROBS: &str = "message.output_text.logprobs";

/// Items to be answered.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::api::rest) struct ResponseRequest {
    /// `swarm`, `swarm:N`, `expert:<id>` or an expert's id.
    #[schema(min_length = 1, max_length = 128)]
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
    #[schema(minimum = 1, maximum = 32768)]
    max_output_tokens: Option<u32>,
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
    /// The same seed, model and request give the same answer.
    seed: Option<i64>,
    /// What is wished of the swarm beyond OpenAI's fields.
    polymath: Option<wishes::Polymath>,
    /// What the text must look like.
    text: Option<TextConfig>,
    /// Functions the expert may call.
    #[schema(max_items = 128)]
    tools: Option<Vec<ResponseTool>>,
    /// Whether it may, must or must not.
    tool_choice: Option<ToolChoice>,
    /// Whether it may call several; true if absent.
    parallel_tool_calls: Option<bool>,
    /// `message.output_text.logprobs` for log-probabilities; other values are of no effect.
    include: Option<Vec<String>>,
    /// Alternatives told with log-probabilities, 0 to 20.
    #[schema(minimum = 0, maximum = 20)]
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
    /// `auto` (the default): the oldest turns that do not fit an expert's context are left out, and `polymath`
    /// says how many. `disabled`: such a conversation is refused as `too_long`.
    truncation: Option<String>,
    /// Up to 16 texts, which the reply repeats.
    metadata: Option<BTreeMap<String, String>>,
    /// Repeated in the reply.
    max_tool_calls: Option<u32>,
    /// Repeated in the reply.
    user: Option<String>,
    /// Repeated in the reply.
    safety_identifier: Option<String>,
    /// Repeated in the reply.
    prompt_cache_key: Option<String>,
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
    pub(super) fn blank(&self, api: &Api) -> Response {
        let tools = self.tools.iter().flatten().map(|tool| json!(tool)).collect();
        let choice = self.tool_choice.as_ref().map_or(json!("auto"), ToolChoice::shown);
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
            temperature: self.temperature.unwrap_or_else(|| model::temperature(api, &self.model)),
            top_p: self.top_p.unwrap_or(1.0),
            presence_penalty: self.presence_penalty.unwrap_or(0.0),
            frequency_penalty: self.frequency_penalty.unwrap_or(0.0),
            top_logprobs: self.top_logprobs.unwrap_or(0),
            text: self.text.clone().unwrap_or_default().shown(),
            tools,
            tool_choice: choice,
            truncation: if self.keeps_all() { "disabled" } else { "auto" },
            metadata: self.metadata.clone().unwrap_or_default(),
            reasoning: None,
            max_tool_calls: self.max_tool_calls,
            service_tier: "default",
            user: self.user.clone(),
            safety_identifier: self.safety_identifier.clone(),
            prompt_cache_key: self.prompt_cache_key.clone(),
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
        self.check_what_is_repeated()?;
        let complete = self.keeps_all();
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
            complete,
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
            high_priority: wishes::is_high(self.polymath.as_ref()),
            filter: wishes::filter(self.polymath),
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

    /// Whether a conversation that does not fit is refused rather than shortened.
    fn keeps_all(&self) -> bool {
        self.truncation.as_deref() == Some("disabled")
    }

    fn check_what_is_repeated(&self) -> Result<(), Fault> {
        if !matches!(self.truncation.as_deref(), None | Some("auto" | "disabled")) {
            return Err(Fault::field("truncation", "auto or disabled"));
        }
        let (key_max, value_max) = METADATA_CHARS_MAX;
        let fits = |(key, value): (&String, &String)| {
            key.chars().count() <= key_max && value.chars().count() <= value_max
        };
        if self.metadata.as_ref().is_some_and(|m| m.len() > METADATA_MAX || !m.iter().all(fits)) {
            return Err(Fault::field("metadata", "at most 16 texts of 512 characters, keys of 64"));
        }
        Ok(())
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
                    Role::Tool | Role::Function => {
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
    fn a_high_priority_is_passed_on() {
        let high = |wishes: Value| wanted(json!({"polymath": wishes})).unwrap().questions[0].high_priority;
        assert!(high(json!({"priority": "high"})));
        assert!(!high(json!({})));
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
