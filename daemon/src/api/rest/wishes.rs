//! What chat, completions and responses share of their requests: small types, and checks with the field's name.

use crate::api::table::Fault;
use polymath_swarm::score;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One string or several.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// What a stream tells beside the answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub(super) struct StreamOptions {
    /// A last chunk with the tokens used.
    pub(super) include_usage: Option<bool>,
    /// What the swarm does, in chunks with a field `polymath` and an empty delta; true unless refused.
    pub(super) include_polymath: Option<bool>,
}

impl StreamOptions {
    pub(super) fn usage(self) -> bool {
        self.include_usage.unwrap_or(false)
    }

    pub(super) fn polymath(self) -> bool {
        self.include_polymath.unwrap_or(true)
    }
}

/// What a request may wish of the swarm, beyond OpenAI's fields.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Polymath {
    /// What an expert must be to get any of it.
    #[serde(default)]
    filter: Filter,
    /// `high`: every task goes to two experts at once.
    #[serde(default)]
    priority: Priority,
}

/// How much a question matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Priority {
    /// As any other.
    #[default]
    Normal,
    /// Much.
    High,
}

/// Whether a request matters much.
pub(super) fn is_high(wishes: Option<&Polymath>) -> bool {
    wishes.is_some_and(|wishes| wishes.priority == Priority::High)
}

/// Conditions on experts; what is absent or empty is none.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Filter {
    /// The card's id, or eight or more hexadecimal digits of the model file's SHA-256.
    #[schema(min_length = 1, max_length = 128)]
    model: Option<String>,
    /// Abilities that the card must list, all of them.
    #[schema(max_items = 16)]
    abilities: Vec<String>,
    /// Languages (BCP 47) that the card must list, all of them.
    #[schema(max_items = 16)]
    languages: Vec<String>,
    /// Tokens of context at the least.
    context_tokens: Option<u32>,
    /// Trust at the least, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    trust: Option<f32>,
    /// Milliseconds to the first token at the most.
    latency_ms: Option<u32>,
    /// Price of a generated token at the most, millionths of a credit.
    price_micro: Option<u64>,
    /// Only experts on this node.
    local: bool,
    /// What leaves the node is veiled and padded, no other node sees every task, and none that does not answer sees anything.
    private: bool,
}

/// The conditions of a request.
pub(super) fn filter(wishes: Option<Polymath>) -> score::Filter {
    let Filter {
        model,
        abilities,
        languages,
        context_tokens,
        trust,
        latency_ms,
        price_micro,
        local,
        private,
    } = wishes.unwrap_or_default().filter;
    score::Filter {
        model,
        abilities,
        languages,
        context_tokens,
        trust,
        latency_ms,
        price_micro,
        local,
        private,
    }
}

/// Refuses fields that would change the answer and that nothing here can honour. Null, false, zero and empty ask
/// for nothing.
pub(super) fn refuse(fields: &[(&str, &Option<Value>, &str)]) -> Result<(), Fault> {
    for (field, value, why) in fields {
        let asks = match value {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(entries)) => !entries.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::Bool(true)) => true,
        };
        if asks {
            return Err(Fault::field(*field, *why));
        }
    }
    Ok(())
}

/// A number of answers.
pub(super) fn copies(n: Option<u32>, most: u32) -> Result<u32, Fault> {
    match n.unwrap_or(1) {
        n if (1..=most).contains(&n) => Ok(n),
        _ => Err(Fault::field("n", format!("1 to {most}"))),
    }
}

/// The seed of the answer with this index: each its own, none if none was given.
pub(super) fn seed(seed: Option<i64>, index: u32) -> Option<u64> {
    seed.map(|seed| seed.cast_unsigned().wrapping_add(u64::from(index)))
}

/// A fault of the coordinator's in the words of the interface: its fields by the names they have here.
pub(super) fn renamed(fault: Fault, names: &[(&str, &str)]) -> Fault {
    let field = fault.field.as_deref().map(|field| {
        let found = names.iter().find(|(inside, _)| *inside == field);
        found.map_or(field, |(_, outside)| outside).to_owned()
    });
    Fault { field, ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_asks_for_something_is_refused() {
        let check = |value: &str| refuse(&[("f", &serde_json::from_str(value).unwrap(), "no")]);
        for harmless in ["null", "{}", "[]", "false", "0", "\"\""] {
            assert!(check(harmless).is_ok(), "{harmless}");
        }
        for asking in ["{\"50256\": -100}", "[1]", "true", "1", "\"x\""] {
            assert_eq!(check(asking).unwrap_err().field.as_deref(), Some("f"), "{asking}");
        }
    }
}
