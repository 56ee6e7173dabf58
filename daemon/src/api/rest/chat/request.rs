//! The request of a chat, and what is asked of the coordinator for it.
//!
//! Fields that are not here are of no effect on an answer and are passed over: `user`, `metadata`, `store`,
//! `service_tier`, `reasoning_effort`, `prediction`, `safety_identifier`, `prompt_cache_key`, `verbosity`.

use crate::api::rest::conversation::{self, ChatMessage};
use crate::api::rest::course::Wanted;
use crate::api::rest::model;
use crate::api::rest::tools::{self, Choice, Function, Offered};
use crate::api::rest::wishes::{self, OneOrMany, StreamOptions};
use crate::api::table::Fault;
use crate::coordinator::Question;
use polymath_swarm::task::TOP_LOGPROBS_MAX;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Choices of one request: each is a question of its own.
const CHOICES_MAX: u32 = 8;

/// A conversation to be answered.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::api::rest) struct ChatRequest {
    /// `swarm`, `swarm:N`, `expert:<id>` or an expert's id.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) model: String,
    /// The conversation; the last message is the user's or a tool's.
    #[schema(min_items = 1, max_items = 256)]
    messages: Vec<ChatMessage>,
    /// Choices to make of the answer, 1 to 8.
    #[schema(minimum = 1, maximum = 8)]
    n: Option<u32>,
    /// Whether the answer comes as it is made.
    stream: Option<bool>,
    /// What a stream tells beside the answer.
    stream_options: Option<StreamOptions>,
    /// Tokens each task may generate.
    #[schema(minimum = 1, maximum = 32768)]
    max_tokens: Option<u32>,
    /// The same by its newer name, which counts if both are given.
    #[schema(minimum = 1, maximum = 32768)]
    max_completion_tokens: Option<u32>,
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
    /// The same seed, model and request give the same answer; choice i has the seed plus i.
    seed: Option<i64>,
    /// What is wished of the swarm beyond OpenAI's fields.
    polymath: Option<wishes::Polymath>,
    /// The answer ends before any of these, at most 16.
    stop: Option<OneOrMany>,
    /// Whether the log-probabilities of the tokens are told.
    logprobs: Option<bool>,
    /// Alternatives told with them, 0 to 20.
    #[schema(minimum = 0, maximum = 20)]
    top_logprobs: Option<u32>,
    /// What the answer must look like.
    response_format: Option<ResponseFormat>,
    /// Functions the expert may call.
    #[schema(max_items = 128)]
    tools: Option<Vec<Tool>>,
    /// Whether it may, must or must not.
    tool_choice: Option<ToolChoice>,
    /// Whether it may call several; true if absent.
    parallel_tool_calls: Option<bool>,
    /// Refused if not empty.
    logit_bias: Option<Value>,
    /// Refused.
    audio: Option<Value>,
    /// Only `text` is known.
    modalities: Option<Vec<String>>,
    /// Refused: use `tools`.
    functions: Option<Value>,
    /// Refused: use `tool_choice`.
    function_call: Option<Value>,
    /// Refused.
    web_search_options: Option<Value>,
}

/// What an answer must look like.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    r#type: String,
    /// With `json_schema`.
    json_schema: Option<JsonSchema>,
}

/// A JSON Schema with its name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct JsonSchema {
    /// For people.
    #[expect(dead_code, reason = "accepted and of no use")]
    name: Option<String>,
    /// The schema. It is followed to the letter, `strict` or not.
    schema: Option<Value>,
}

/// A tool. Only functions are known.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct Tool {
    /// `function`.
    r#type: String,
    /// The function.
    function: Option<FunctionTool>,
}

/// A function that may be called.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct FunctionTool {
    /// 1 to 64 letters, digits, `_` and `-`.
    name: String,
    /// What it does.
    description: Option<String>,
    /// JSON Schema of its arguments. Without `additionalProperties` there are none but those it names.
    parameters: Option<Value>,
}

/// Whether functions are called.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(in crate::api::rest) enum ToolChoice {
    /// `none`, `auto` or `required`.
    Mode(String),
    /// A named function.
    Named(NamedTool),
}

/// A named function.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::api::rest) struct NamedTool {
    /// `function`.
    r#type: String,
    /// In chat.
    function: Option<NamedFunction>,
    /// In responses.
    name: Option<String>,
}

/// The function's name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::api::rest) struct NamedFunction {
    /// The name.
    name: String,
}

impl ToolChoice {
    /// As the reply of a response repeats it.
    pub(in crate::api::rest) fn shown(&self) -> Value {
        match self {
            Self::Mode(mode) => json!(mode),
            Self::Named(named) => {
                let name = named.function.as_ref().map(|f| &f.name).or(named.name.as_ref());
                json!({ "type": named.r#type, "name": name })
            }
        }
    }

    /// What it comes to.
    pub(in crate::api::rest) fn choice(given: Option<Self>) -> Result<Choice, Fault> {
        let fault = || Fault::field("tool_choice", "none, auto, required or a function by its name");
        match given {
            None => Ok(Choice::Auto),
            Some(Self::Mode(mode)) => match mode.as_str() {
                "none" => Ok(Choice::None),
                "auto" => Ok(Choice::Auto),
                "required" => Ok(Choice::Required),
                _ => Err(fault()),
            },
            Some(Self::Named(named)) if named.r#type == "function" => {
                let name = named.function.map(|f| f.name).or(named.name);
                name.map(Choice::Named).ok_or_else(fault)
            }
            Some(Self::Named(_)) => Err(fault()),
        }
    }
}

impl ResponseFormat {
    /// The schema an answer must have; none for text.
    fn schema(&self) -> Result<Option<Value>, Fault> {
        match self.r#type.as_str() {
            "text" => Ok(None),
            "json_object" => Ok(Some(json!({ "type": "object" }))),
            "json_schema" => match self.json_schema.as_ref().and_then(|s| s.schema.clone()) {
                Some(schema @ Value::Object(_)) => Ok(Some(schema)),
                _ => Err(Fault::field("response_format.json_schema.schema", "a JSON Schema is wanted here")),
            },
            _ => Err(Fault::field("response_format.type", "text, json_object or json_schema")),
        }
    }
}

impl ChatRequest {
    /// Whether it is streamed, with what beside the answer, and whether log-probabilities are told.
    pub(super) fn delivery(&self) -> (bool, StreamOptions, bool) {
        (
            self.stream.unwrap_or(false),
            self.stream_options.unwrap_or_default(),
            self.logprobs.unwrap_or(false),
        )
    }

    /// What is asked of the coordinator.
    pub(super) fn wanted(self) -> Result<Wanted, Fault> {
        self.refuse_what_cannot_be()?;
        let (target, experts) = model::target(&self.model)?;
        let copies = wishes::copies(self.n, CHOICES_MAX)?;
        let alternatives = self.alternatives()?;
        let format = self.response_format.as_ref().map(ResponseFormat::schema).transpose()?.flatten();
        let tools = self.offered()?;
        let grammar = match (&tools, &format) {
            (Some(tools), format) => Some(tools.grammar(format.as_ref())?),
            (None, Some(schema)) => Some(tools::json_grammar(schema)?),
            (None, None) => None,
        };
        let mut turns = conversation::turns(self.messages)?;
        if let Some(tools) = &tools {
            turns.instruct(&tools.instructions());
        }
        let (messages, topic) = turns.finish();
        let newer = self.max_completion_tokens.is_some();
        let question = Question {
            target,
            whole: copies > 1 || topic.is_some(),
            messages,
            topic,
            experts,
            max_tokens: self.max_completion_tokens.or(self.max_tokens),
            temperature: self.temperature,
            top_p: self.top_p,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            stop: self.stop.map(OneOrMany::into_vec).unwrap_or_default(),
            // Zero would mean no log-probabilities at all.
            top_logprobs: alternatives.map_or(0, |n| n.max(1)),
            grammar,
            high_priority: wishes::is_high(self.polymath.as_ref()),
            filter: wishes::filter(self.polymath),
            ..Question::default()
        };
        let copy = |i| Question { seed: wishes::seed(self.seed, i), ..question.clone() };
        let mut names = vec![
            ("experts", "model"),
            ("grammar", if tools.is_some() { "tools" } else { "response_format" }),
        ];
        if newer {
            names.push(("max_tokens", "max_completion_tokens"));
        }
        Ok(Wanted {
            questions: (0..copies).map(copy).collect(),
            copies,
            tools,
            alternatives: alternatives.unwrap_or(0) as usize,
            names,
        })
    }

    fn refuse_what_cannot_be(&self) -> Result<(), Fault> {
        wishes::refuse(&[
            (
                "logit_bias",
                &self.logit_bias,
                "experts have different vocabularies, so token ids mean nothing here",
            ),
            ("audio", &self.audio, "the experts write text only"),
            ("functions", &self.functions, "use tools"),
            ("function_call", &self.function_call, "use tool_choice"),
            ("web_search_options", &self.web_search_options, "the experts search nothing"),
        ])?;
        if self.modalities.iter().flatten().any(|m| m != "text") {
            return Err(Fault::field("modalities", "the experts write text only"));
        }
        Ok(())
    }

    /// Alternatives to be told of each token; none if no log-probabilities are wanted.
    fn alternatives(&self) -> Result<Option<u32>, Fault> {
        match (self.logprobs.unwrap_or(false), self.top_logprobs) {
            (_, Some(n)) if n > TOP_LOGPROBS_MAX => Err(Fault::field("top_logprobs", "0 to 20")),
            (false, Some(n)) if n > 0 => Err(Fault::field("top_logprobs", "it needs logprobs: true")),
            (false, _) => Ok(None),
            (true, n) => Ok(Some(n.unwrap_or(0))),
        }
    }

    fn offered(&self) -> Result<Option<Offered>, Fault> {
        let mut functions = Vec::new();
        for (index, tool) in self.tools.iter().flatten().enumerate() {
            match &tool.function {
                Some(function) if tool.r#type == "function" => functions.push(Function {
                    name: function.name.clone(),
                    description: function.description.clone(),
                    parameters: function.parameters.clone(),
                }),
                _ => return Err(Fault::field(format!("tools[{index}]"), "only functions are known")),
            }
        }
        let choice = ToolChoice::choice(self.tool_choice.clone())?;
        Offered::new(functions, choice, self.parallel_tool_calls.unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(more: Value) -> Result<Wanted, Fault> {
        let mut request = json!({"model": "swarm", "messages": [{"role": "user", "content": "x"}]});
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        serde_json::from_value::<ChatRequest>(request).unwrap().wanted()
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name() {
        for (field, value) in [
            ("logit_bias", json!({"1": -100})),
            ("audio", json!({"voice": "x"})),
            ("modalities", json!(["text", "audio"])),
            ("functions", json!([{"name": "f"}])),
            ("n", json!(9)),
            ("n", json!(0)),
            ("top_logprobs", json!(3)),
            ("tool_choice", json!("sometimes")),
            ("tool_choice", json!("required")),
        ] {
            let fault = wanted(json!({field: value})).err().unwrap();
            assert_eq!(fault.field.as_deref(), Some(field));
        }
        let bad = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}});
        assert_eq!(wanted(bad).err().unwrap().field.unwrap(), "response_format.json_schema.schema");
    }

    #[test]
    fn what_changes_nothing_is_passed_over() {
        let harmless = json!({"user": "me", "metadata": {"a": "b"}, "store": true, "logit_bias": {},
            "modalities": ["text"], "service_tier": "auto", "unheard_of": 1, "stop": null});
        assert_eq!(wanted(harmless).unwrap().questions.len(), 1);
    }

    #[test]
    fn choices_have_seeds_of_their_own() {
        let wanted = wanted(json!({"n": 3, "seed": -1})).unwrap();
        let seeds: Vec<_> = wanted.questions.iter().map(|q| q.seed.unwrap()).collect();
        assert_eq!(seeds, [u64::MAX, 0, 1]);
        assert!(wanted.questions.iter().all(|q| q.whole));
    }
}
