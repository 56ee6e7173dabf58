//! A conversation as OpenAI's chat writes it, made one of system, user and assistant turns of text.
//!
//! Developer messages are system messages. An assistant's earlier tool calls become the text they were, a tool's
//! result a user turn; results that follow each other share one, for templates want the roles to alternate.
//! What is not text is refused by name.

use super::{tools, wishes};
use crate::api::table::Fault;
use polymath_swarm::task::{MESSAGES_MAX, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Parts of one message: far more than any client makes.
const PARTS_MAX: usize = 256;

/// One message of a conversation.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct ChatMessage {
    /// Who speaks.
    role: Role,
    /// What is said; may be absent where there are tool calls.
    content: Option<Content>,
    /// Accepted; the roles say enough.
    #[expect(dead_code, reason = "accepted and of no use")]
    name: Option<String>,
    /// The assistant's earlier calls.
    tool_calls: Option<Vec<ToolCall>>,
    /// Which call a tool's message answers.
    tool_call_id: Option<String>,
    /// What the assistant said instead of an answer, where it has no content.
    refusal: Option<String>,
    /// The assistant's earlier call, by the older name.
    function_call: Option<CalledFunction>,
    /// Refused: nothing that was said is kept.
    audio: Option<Value>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// Instructions.
    System,
    /// Instructions, by their newer name.
    Developer,
    /// The one who asks.
    User,
    /// The one who answers.
    Assistant,
    /// What a called function gave.
    Tool,
    /// The same, by its older name.
    Function,
}

/// What is said.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Content {
    /// As it is.
    Text(String),
    /// In parts, which are joined.
    Parts(Vec<Part>),
}

/// A part of what is said. Only text can be read.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct Part {
    /// `text`; for an assistant's messages `refusal` too; `input_text` and `output_text` in `/v1/responses`.
    r#type: String,
    /// The text.
    text: Option<String>,
    /// The text of a refusal.
    refusal: Option<String>,
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct ToolCall {
    /// Names the call.
    pub(super) id: String,
    /// `function`.
    pub(super) r#type: String,
    /// Which, with what.
    pub(super) function: CalledFunction,
}

/// A function and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct CalledFunction {
    /// The function's name.
    pub(super) name: String,
    /// JSON, as a string.
    pub(super) arguments: String,
}

/// The turns of a conversation as they are gathered.
#[derive(Default)]
pub(super) struct Turns {
    messages: Vec<Message>,
    /// What the user said last in his own words: what a question is routed by.
    topic: Option<String>,
    /// Whether the last turn is made of tools' results.
    results: bool,
}

impl Turns {
    pub(super) fn say(&mut self, role: &str, content: String) {
        if role == "user" {
            self.topic = Some(content.clone());
        }
        self.results = false;
        self.messages.push(Message { role: role.to_owned(), content });
    }

    /// Takes a tool's result.
    pub(super) fn result(&mut self, content: &str) {
        let text = format!("<tool_response>\n{content}\n</tool_response>");
        match self.messages.last_mut() {
            Some(last) if self.results => {
                last.content.push('\n');
                last.content.push_str(&text);
            }
            _ => self.messages.push(Message { role: "user".to_owned(), content: text }),
        }
        self.results = true;
    }

    /// Takes a call the assistant made; one after another makes one turn.
    pub(super) fn call(&mut self, name: &str, arguments: &str) {
        let text = tools::rendered(name, arguments);
        match self.messages.last_mut() {
            Some(last) if last.role == "assistant" => last.content.push_str(&text),
            _ => self.messages.push(Message { role: "assistant".to_owned(), content: text }),
        }
        self.results = false;
    }

    /// Puts instructions of ours with the first system message, or first of all: many templates know one only.
    pub(super) fn instruct(&mut self, text: &str) {
        match self.messages.first_mut() {
            Some(first) if first.role == "system" => {
                first.content.push_str("\n\n");
                first.content.push_str(text);
            }
            _ => self.messages.insert(0, Message { role: "system".to_owned(), content: text.to_owned() }),
        }
    }

    /// The messages, and what the question is routed by if that is not the last of them.
    pub(super) fn finish(self) -> (Vec<Message>, Option<String>) {
        let topic = self.topic.filter(|_| self.results);
        (self.messages, topic)
    }
}

/// The turns of chat messages.
pub(super) fn turns(messages: Vec<ChatMessage>) -> Result<Turns, Fault> {
    if messages.len() > MESSAGES_MAX {
        return Err(Fault::field("messages", "at most 256 messages"));
    }
    let mut turns = Turns::default();
    for (index, message) in messages.into_iter().enumerate() {
        let at = format!("messages[{index}]");
        wishes::refuse(&[(
            &format!("{at}.audio"),
            &message.audio,
            "nothing is kept between requests: send what was said as content",
        )])?;
        let called = message.tool_calls.into_iter().flatten().map(|call| call.function);
        let calls: Vec<CalledFunction> = called.chain(message.function_call).collect();
        let content = match message.content {
            Some(content) => content.text(&format!("{at}.content"))?,
            None if message.role == Role::Assistant && (message.refusal.is_some() || !calls.is_empty()) => {
                message.refusal.unwrap_or_default()
            }
            None => return Err(Fault::field(format!("{at}.content"), "a message needs its content")),
        };
        if !calls.is_empty() && message.role != Role::Assistant {
            return Err(Fault::field(
                format!("{at}.tool_calls"),
                "only an assistant's message has tool calls",
            ));
        }
        match message.role {
            Role::System | Role::Developer => turns.say("system", content),
            Role::User => turns.say("user", content),
            Role::Assistant => {
                turns.say("assistant", content);
                for call in &calls {
                    turns.call(&call.name, &call.arguments);
                }
            }
            Role::Tool if message.tool_call_id.is_none() => {
                let field = format!("{at}.tool_call_id");
                return Err(Fault::field(field, "a tool's message says which call it answers"));
            }
            Role::Tool | Role::Function => turns.result(&content),
        }
    }
    Ok(turns)
}

impl Content {
    /// The text; `field` is where it was given.
    pub(super) fn text(self, field: &str) -> Result<String, Fault> {
        let parts = match self {
            Self::Text(text) => return Ok(text),
            Self::Parts(parts) if parts.len() > PARTS_MAX => {
                return Err(Fault::field(field, "at most 256 parts"));
            }
            Self::Parts(parts) => parts,
        };
        let mut text = String::new();
        for (index, part) in parts.into_iter().enumerate() {
            let said = match part.r#type.as_str() {
                "text" | "input_text" | "output_text" => part.text,
                "refusal" => part.refusal,
                other => {
                    let other: String = other.chars().take(40).collect();
                    let message = format!("{other} parts cannot be read; the experts read text only");
                    return Err(Fault::field(format!("{field}[{index}].type"), message));
                }
            };
            let missing = || Fault::field(format!("{field}[{index}].text"), "the part has no text");
            text.push_str(&said.ok_or_else(missing)?);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: serde_json::Value) -> Result<(Vec<Message>, Option<String>), Fault> {
        turns(serde_json::from_value(json).unwrap()).map(Turns::finish)
    }

    #[test]
    fn tool_calls_and_results_become_turns() {
        let call = |id: &str| serde_json::json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
        let (messages, topic) = of(serde_json::json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What "}, {"type": "text", "text": "now?"}]},
            {"role": "assistant", "content": null, "tool_calls": [call("1"), call("2")]},
            {"role": "tool", "tool_call_id": "1", "content": "one"},
            {"role": "tool", "tool_call_id": "2", "content": "two"},
        ]))
        .unwrap();
        let roles: Vec<&str> = messages.iter().map(|m| m.role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert_eq!(messages[1].content, "What now?");
        assert_eq!(messages[2].content.matches("<tool_call>").count(), 2);
        assert!(messages[3].content.contains("one") && messages[3].content.contains("two"));
        assert_eq!(topic.as_deref(), Some("What now?"));
    }

    #[test]
    fn older_calls_and_refusals_are_read_too() {
        let (messages, topic) = of(serde_json::json!([
            {"role": "user", "content": "Shout."},
            {"role": "assistant", "content": null, "refusal": "I will not."},
            {"role": "user", "content": "What time is it?"},
            {"role": "assistant", "content": null, "function_call": {"name": "clock", "arguments": "{}"}},
            {"role": "function", "name": "clock", "content": "12:00"},
        ]))
        .unwrap();
        assert_eq!(messages[1].content, "I will not.");
        assert!(messages[3].content.contains("\"clock\"") && messages[4].content.contains("12:00"));
        assert_eq!(topic.as_deref(), Some("What time is it?"));
        let spoken = serde_json::json!([{"role": "assistant", "content": "x", "audio": {"id": "a"}}]);
        assert_eq!(of(spoken).unwrap_err().field.as_deref(), Some("messages[0].audio"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let image = serde_json::json!([{"role": "user", "content": [
            {"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "http://x"}}]}]);
        assert_eq!(of(image).unwrap_err().field.as_deref(), Some("messages[0].content[1].type"));
        let nothing = serde_json::json!([{"role": "user"}]);
        assert_eq!(of(nothing).unwrap_err().field.as_deref(), Some("messages[0].content"));
        let lost = serde_json::json!([{"role": "tool", "content": "x"}]);
        assert_eq!(of(lost).unwrap_err().field.as_deref(), Some("messages[0].tool_call_id"));
    }
}
