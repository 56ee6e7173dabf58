//! The tools: their schemas, their arguments, and what they give back, as text for models and as structure.

use std::sync::Arc;

use polymath_swarm::sanitise;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::ask::rounded;
use crate::api::client::{self, Answer, Ask, Candidate, Expert, Model, Opinion, Plan, PolymathClient, Task};

/// Every tool.
pub(super) fn all() -> Vec<Tool> {
    let question = json!({ "type": "string", "minLength": 1, "description": "The question, in plain words" });
    let ask = json!({
        "question": question,
        "experts": { "type": "integer", "minimum": 1, "maximum": 16,
            "description": "Different experts that the question may use" },
        "model": { "type": "string", "description": "swarm (the default), swarm:N or expert:ID" },
    });
    vec![
        tool(
            "ask_swarm",
            "Asks the swarm of experts a question and returns one answer that says who did what.",
        )
        .input(&ask, &["question"])
        .output(&["answer", "tasks", "usage", "timings_ms", "finish_reason"]),
        tool(
            "plan_question",
            "Shows how a question would be cut and which experts could answer; asks nobody.",
        )
        .input(&json!({ "question": question }), &["question"])
        .output(&["tasks"]),
        tool("list_experts", "Lists the experts that the node knows and what they are good at.")
            .input(&json!({}), &[])
            .output(&["experts"]),
    ]
    .into_iter()
    .map(|draft| draft.0)
    .collect()
}

struct Draft(Tool);

fn tool(name: &'static str, description: &'static str) -> Draft {
    // They change nothing here; the experts may be anyone's.
    let annotations = ToolAnnotations::new().read_only(true).open_world(true);
    Draft(Tool::new(name, description, Arc::new(JsonObject::new())).with_annotations(annotations))
}

impl Draft {
    fn input(mut self, properties: &Value, required: &[&str]) -> Self {
        self.0.input_schema = schema(properties, required, false);
        self
    }

    fn output(mut self, keys: &[&str]) -> Self {
        let properties: JsonObject = keys.iter().map(|key| ((*key).to_owned(), json!({}))).collect();
        self.0.output_schema = Some(schema(&properties.into(), keys, true));
        self
    }
}

fn schema(properties: &Value, required: &[&str], more: bool) -> Arc<JsonObject> {
    let schema = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": more,
    });
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

/// A call that was understood.
#[derive(Debug)]
pub(super) enum Call {
    Ask(Ask),
    Plan(String),
    Experts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskArguments {
    question: String,
    experts: Option<u32>,
    model: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanArguments {
    question: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

impl Call {
    /// Reads a call; `None` if there is no such tool.
    pub(super) fn read(name: &str, arguments: JsonObject) -> Option<Result<Self, Failure>> {
        fn read<T: for<'a> Deserialize<'a>>(arguments: JsonObject) -> Result<T, Failure> {
            serde_json::from_value(arguments.into()).map_err(|e| Failure::new("invalid", e.to_string()))
        }
        Some(match name {
            "ask_swarm" => read(arguments).and_then(Self::ask),
            "plan_question" => read(arguments).map(|a: PlanArguments| Self::Plan(a.question)),
            "list_experts" => read(arguments).map(|_: NoArguments| Self::Experts),
            _ => return None,
        })
    }

    fn ask(arguments: AskArguments) -> Result<Self, Failure> {
        let model = arguments.model.as_deref().map(str::parse::<Model>).transpose()?.unwrap_or_default();
        let model = match (model, arguments.experts) {
            (model, None) => model,
            (Model::Swarm { experts: None }, experts) => Model::Swarm { experts },
            _ => return Err(Failure::new("invalid", "experts goes with the model swarm")),
        };
        Ok(Self::Ask(Ask { model, ..Ask::new(arguments.question) }))
    }

    /// Makes the call.
    pub(super) async fn make(self, swarm: &PolymathClient) -> Result<CallToolResult, Failure> {
        match self {
            Self::Ask(ask) => {
                let answer = swarm.ask_with(ask).await?;
                Ok(result(sanitise::output(&answer.text), answered(&answer)))
            }
            Self::Plan(question) => {
                let plan = planned(&swarm.plan(question).await?);
                Ok(result(plan.to_string(), plan))
            }
            Self::Experts => {
                let experts: Vec<Value> = swarm.experts().await?.iter().map(expert).collect();
                let experts = json!({ "experts": experts });
                Ok(result(experts.to_string(), experts))
            }
        }
    }
}

/// A text for models that read no structure, and the structure.
fn result(text: String, value: Value) -> CallToolResult {
    let mut result = CallToolResult::structured(value);
    result.content = vec![ContentBlock::text(text)];
    result
}

/// Why a call failed, by the code of the one table (`api/table.rs`).
#[derive(Debug)]
pub(super) struct Failure {
    code: String,
    message: String,
}

impl Failure {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// As the tool error that the model gets to read.
    pub(super) fn result(self) -> CallToolResult {
        let text = format!("{}: {}", self.code, self.message);
        let error = json!({ "error": { "code": self.code, "message": self.message } });
        let mut result = CallToolResult::structured_error(error);
        result.content = vec![ContentBlock::text(text)];
        result
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

fn answered(answer: &Answer) -> Value {
    json!({
        "answer": answer.text,
        "tasks": answer.tasks.iter().map(task).collect::<Vec<_>>(),
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            "total_tokens": answer.usage.total_tokens(),
        },
        "timings_ms": {
            "first_token": rounded(answer.timings.first_token_ms),
            "total": rounded(answer.timings.total_ms),
        },
        "finish_reason": answer.finish_reason.as_str(),
    })
}

fn task(task: &Task) -> Value {
    let mut object = json!({
        "id": task.id,
        "text": task.text,
        "depends_on": task.depends_on,
        "expert": task.expert.as_ref().map(|e| e.expert.clone()),
        "score": task.expert.as_ref().map(|e| rounded(e.score)),
        "status": task.status(),
        "answer": task.result(),
        "detail": task.finished.detail,
    });
    if let Some(consensus) = &task.finished.consensus {
        let opinion = |o: &Opinion| json!({ "expert": o.expert.expert, "answer": o.answer, "agrees": o.agrees, "weight": rounded(o.weight) });
        object["consensus"] = json!({
            "method": consensus.method,
            "agreement": rounded(consensus.agreement),
            "opinions": consensus.opinions.iter().map(opinion).collect::<Vec<_>>(),
        });
    }
    object
}

fn planned(plan: &Plan) -> Value {
    let candidate = |c: &Candidate| json!({ "expert": c.expert, "score": rounded(c.score) });
    let tasks: Vec<Value> = plan
        .tasks
        .iter()
        .map(|task| {
            json!({
                "id": task.id,
                "text": task.text,
                "depends_on": task.depends_on,
                "candidates": task.candidates.iter().map(candidate).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "tasks": tasks })
}

fn expert(expert: &Expert) -> Value {
    json!({
        "id": expert.id,
        "description": expert.description,
        "abilities": expert.abilities,
        "local": expert.local,
        "free_slots": expert.free_slots,
        "context_tokens": expert.context_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, arguments: Value) -> Result<Call, Failure> {
        Call::read(name, arguments.as_object().unwrap().clone()).unwrap()
    }

    #[test]
    fn arguments_are_read_strictly() {
        let Ok(Call::Ask(ask)) = read("ask_swarm", json!({ "question": "q", "experts": 3 })) else {
            panic!("not a question")
        };
        assert_eq!((ask.model.to_string().as_str(), ask.messages[0].content.as_str()), ("swarm:3", "q"));
        let bad = [
            json!({}),
            json!({ "question": 1 }),
            json!({ "question": "q", "model": "gpt" }),
            json!({ "question": "q", "experts": 2, "model": "expert:words" }),
            json!({ "question": "q", "temperature": 1 }),
        ];
        for arguments in bad {
            assert_eq!(read("ask_swarm", arguments).unwrap_err().code, "invalid");
        }
        assert!(read("list_experts", json!({ "x": 1 })).is_err() && read("list_experts", json!({})).is_ok());
        assert!(Call::read("rm", JsonObject::new()).is_none());
    }

    #[test]
    fn every_tool_can_be_read_and_has_schemas() {
        for tool in all() {
            assert!(Call::read(&tool.name, JsonObject::new()).is_some());
            assert_eq!(tool.input_schema["type"], "object");
            assert!(tool.output_schema.is_some() && tool.description.is_some());
        }
    }

    #[test]
    fn a_failure_is_a_tool_error_with_its_code() {
        let result = Failure::from(client::Error::NoExpert { message: "m".into() }).result();
        assert_eq!(result.is_error, Some(true));
        assert_eq!(result.structured_content.unwrap()["error"]["code"], "no_expert");
    }
}
