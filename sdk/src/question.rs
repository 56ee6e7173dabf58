//! What is asked: a conversation, whom it is for, and wishes.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Different experts that one question may use at the most: the node's own limit.
const EXPERTS_MAX: u32 = 16;
/// Bytes of an expert's id, as cards allow them.
const EXPERT_BYTES_MAX: usize = 64;

/// A turn of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

impl Message {
    /// What a person says.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".to_owned(), content: content.into() }
    }

    /// What was answered.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: "assistant".to_owned(), content: content.into() }
    }

    /// What holds for the whole conversation.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system".to_owned(), content: content.into() }
    }
}

/// Whom a question is for. In text: `swarm`, `swarm:N` or `expert:ID`.
///
/// ```
/// use polymath_sdk::Model;
/// assert_eq!("swarm:3".parse(), Ok(Model::Swarm { experts: Some(3) }));
/// assert_eq!("expert:words".parse(), Ok(Model::Expert("words".into())));
/// assert_eq!(Model::default().to_string(), "swarm");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Planned, and routed to whoever fits.
    Swarm {
        /// Different experts it may use; the node's default if absent.
        experts: Option<u32>,
    },
    /// One expert, by its card's id: one task, the text as the model gives it.
    Expert(String),
}

impl Default for Model {
    fn default() -> Self {
        Self::Swarm { experts: None }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swarm { experts: None } => f.write_str("swarm"),
            Self::Swarm { experts: Some(n) } => write!(f, "swarm:{n}"),
            Self::Expert(id) => write!(f, "expert:{id}"),
        }
    }
}

impl FromStr for Model {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong =
            || Error::invalid("model", format!("{text:?} is no model; write swarm, swarm:N or expert:ID"));
        match text.split_once(':') {
            None if text == "swarm" => Ok(Self::default()),
            Some(("swarm", n)) => {
                let experts = n.parse().ok().filter(|n| (1..=EXPERTS_MAX).contains(n));
                let experts = experts.ok_or_else(|| {
                    Error::invalid("model", format!("{text:?}: write swarm:1 to swarm:{EXPERTS_MAX}"))
                })?;
                Ok(Self::Swarm { experts: Some(experts) })
            }
            Some(("expert", id)) if !id.is_empty() && id.len() <= EXPERT_BYTES_MAX => {
                Ok(Self::Expert(id.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

/// A question and its wishes; `None` takes the node's default.
///
/// ```
/// use polymath_sdk::{Ask, Message};
/// let ask = Ask { max_tokens: Some(64), ..Ask::new("What is the capital of Peru?") };
/// assert_eq!(ask.messages, [Message::user("What is the capital of Peru?")]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// The conversation; the last turn, the user's, is what is asked.
    pub messages: Vec<Message>,
    /// Whom it is for.
    pub model: Model,
    /// Tokens that each expert may write.
    pub max_tokens: Option<u32>,
    /// 0 takes the likeliest token each time; the expert's own recommendation if absent.
    pub temperature: Option<f32>,
    /// The share of the probability that is drawn from.
    pub top_p: Option<f32>,
    /// Logits taken from a token for each time it has come already.
    pub frequency_penalty: Option<f32>,
    /// Logits taken from a token that has come already.
    pub presence_penalty: Option<f32>,
    /// Repeats the same draw.
    pub seed: Option<u64>,
    /// The answer ends before any of these.
    pub stop: Vec<String>,
    /// How long the node may take. The client's own timeout holds besides.
    pub deadline: Option<Duration>,
    /// Only experts on the node itself: nothing of the question leaves it.
    pub local: bool,
    /// Names, addresses and numbers are hidden from experts elsewhere, and none of their nodes sees every part.
    pub private: bool,
    /// Every task goes to two experts at once.
    pub high_priority: bool,
}

impl Ask {
    /// What an expert must be, as REST and WebSocket take it; None if anything goes.
    pub(crate) fn filter(&self) -> Option<serde_json::Value> {
        (self.local || self.private)
            .then(|| serde_json::json!({ "local": self.local, "private": self.private }))
    }

    /// One question, with the node's defaults.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { messages: vec![Message::user(prompt)], ..Self::default() }
    }
}

impl From<&str> for Ask {
    fn from(prompt: &str) -> Self {
        Self::new(prompt)
    }
}

impl From<String> for Ask {
    fn from(prompt: String) -> Self {
        Self::new(prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_read_as_they_are_written() {
        for text in ["swarm", "swarm:1", "swarm:16", "expert:words", "expert:a:b"] {
            assert_eq!(text.parse::<Model>().map(|m| m.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "Swarm", "swarm:", "swarm:0", "swarm:17", "swarm:-1", "expert:", "gpt-4", ":"] {
            assert!(
                matches!(text.parse::<Model>(), Err(Error::Invalid { field: Some(f), .. }) if f == "model")
            );
        }
        assert!(format!("expert:{}", "x".repeat(65)).parse::<Model>().is_err());
    }
}
