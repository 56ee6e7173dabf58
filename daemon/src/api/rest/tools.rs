//! Functions a client offers: how they are told to the expert, and the grammar that holds it to them.
//!
//! The expert writes a call as `<tool_call>{"name":"f","arguments":{…}}</tool_call>`. The grammar lets it write
//! free text before calls or none (`auto`), or calls alone (`required`, a named function), and holds the
//! arguments to the function's own schema, so a call that came to its end parses. [`calls`] reads them back. The
//! bundled experts know no functions: they show the syntax and fill it with what they know.

pub(super) mod calls;

use crate::api::table::Fault;
use polymath_swarm::task::GRAMMAR_BYTES_MAX;
use serde_json::{Map, Value, json};

/// Functions of one request; OpenAI's limit.
const FUNCTIONS_MAX: usize = 128;
/// Calls of one answer: a runaway expert is held up here.
const CALLS_MAX: usize = 16;
/// Bytes of a function's name; OpenAI's limit.
const NAME_BYTES_MAX: usize = 64;
/// Objects within objects of a schema that are closed; deeper ones stay as they are.
const SCHEMA_DEPTH_MAX: usize = 32;

/// What begins a call.
const OPEN: &str = "<tool_call>";
/// What ends it.
const CLOSE: &str = "</tool_call>";

/// A function on offer.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// JSON Schema of its arguments, an object.
    pub(super) parameters: Option<Value>,
}

/// Whether functions may, must or must not be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Not at all.
    None,
    /// As the expert likes.
    Auto,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The functions of a request, checked.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    functions: Vec<Function>,
    choice: Choice,
    parallel: bool,
}

impl Offered {
    /// Checks the functions; `None` if there is nothing to be called.
    pub(super) fn new(
        functions: Vec<Function>,
        choice: Choice,
        parallel: bool,
    ) -> Result<Option<Self>, Fault> {
        if functions.len() > FUNCTIONS_MAX {
            return Err(Fault::field("tools", "at most 128 functions"));
        }
        for (index, function) in functions.iter().enumerate() {
            let fault = |message| Err(Fault::field(format!("tools[{index}]"), message));
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
            if !(1..=NAME_BYTES_MAX).contains(&function.name.len()) || !function.name.bytes().all(plain) {
                return fault("a function's name has 1 to 64 letters, digits, '_' and '-'");
            }
            if functions.iter().take(index).any(|earlier| earlier.name == function.name) {
                return fault("two functions have the same name");
            }
            if function.parameters.as_ref().is_some_and(|p| !p.is_object()) {
                return fault("parameters are a JSON Schema of type object");
            }
        }
        let unknown = |name: &String| !functions.iter().any(|f| f.name == *name);
        match &choice {
            Choice::Named(name) if unknown(name) => {
                Err(Fault::field("tool_choice", "it names a function that is not among the tools"))
            }
            Choice::Required if functions.is_empty() => {
                Err(Fault::field("tool_choice", "there are no tools to be called"))
            }
            Choice::None => Ok(None),
            _ if functions.is_empty() => Ok(None),
            _ => Ok(Some(Self { functions, choice, parallel })),
        }
    }

    /// The functions that may be called.
    pub(super) fn callable(&self) -> impl Iterator<Item = &Function> {
        let named = match &self.choice {
            Choice::Named(name) => Some(name.as_str()),
            _ => None,
        };
        self.functions.iter().filter(move |f| named.is_none_or(|name| name == f.name))
    }

    /// What the expert is told. Short: contexts are.
    pub(super) fn instructions(&self) -> String {
        let how = match self.choice {
            Choice::Required | Choice::Named(_) => "Answer by calling a function:",
            Choice::Auto | Choice::None => "You may answer by calling a function:",
        };
        let call = rendered("NAME", "{}");
        let mut text = format!("{how}\n{call}\nFunctions:");
        for function in self.callable() {
            let told = json!({
                "name": function.name,
                "description": function.description,
                "parameters": function.parameters,
            });
            text.push('\n');
            text.push_str(&told.to_string());
        }
        text
    }

    /// The grammar of an answer. `format` is the schema of an answer that calls nothing; free text without one.
    pub(super) fn grammar(&self, format: Option<&Value>) -> Result<String, Fault> {
        let most = if self.parallel { CALLS_MAX - 1 } else { 0 };
        let more = if most > 0 { format!(" (\"{OPEN}\" call){{0,{most}}}") } else { String::new() };
        let forced = matches!(self.choice, Choice::Required | Choice::Named(_));
        let mut text = match format {
            _ if forced => format!("start: \"{OPEN}\" call{more}\n"),
            Some(schema) => format!("start: body | \"{OPEN}\" call{more}\nbody: {}\n", json_rule(schema)),
            // Text that holds no call, or text that ends where one begins.
            None => format!(
                "start: TEXT | before call{more}\n\
                 TEXT: /(?s:.*)/ & ~/(?s:.*){OPEN}(?s:.*)/\n\
                 before[suffix=\"{OPEN}\"]: /(?s:.*)/\n"
            ),
        };
        let alternatives: Vec<String> = self
            .callable()
            .enumerate()
            .map(|(i, f)| format!("\"\\\"{}\\\",\\\"arguments\\\":\" arguments{i}", f.name))
            .collect();
        let alternatives = alternatives.join(" | ");
        text.push_str(&format!("call: \"{{\\\"name\\\":\" ({alternatives}) \"}}{CLOSE}\"\n"));
        for (i, function) in self.callable().enumerate() {
            let schema = arguments_schema(function.parameters.as_ref());
            text.push_str(&format!("arguments{i}: {}\n", json_rule(&schema)));
        }
        bounded(text, "tools")
    }
}

/// A call as an expert writes it.
pub(super) fn rendered(name: &str, arguments: &str) -> String {
    format!("{OPEN}{{\"name\":\"{name}\",\"arguments\":{arguments}}}{CLOSE}")
}

/// The grammar of an answer that is JSON of this schema.
pub(super) fn json_grammar(schema: &Value) -> Result<String, Fault> {
    bounded(format!("start: {}\n", json_rule(schema)), "response_format")
}

fn bounded(grammar: String, field: &str) -> Result<String, Fault> {
    if grammar.len() > GRAMMAR_BYTES_MAX {
        let message = format!("the schemas come to {} bytes; at most 65,536 are taken", grammar.len());
        return Err(Fault::field(field, message));
    }
    Ok(grammar)
}

/// JSON without blanks: small models, once allowed one, write nothing else.
fn json_rule(schema: &Value) -> String {
    let mut schema = schema.clone();
    if let Value::Object(root) = &mut schema {
        root.insert("x-guidance".to_owned(), json!({ "whitespace_flexible": false }));
    }
    format!("%json {schema}")
}

/// The schema of a function's arguments: an object, with no arguments but those it names. (A client that wants
/// others says `additionalProperties`.)
fn arguments_schema(parameters: Option<&Value>) -> Value {
    let mut schema = match parameters {
        Some(Value::Object(given)) => given.clone(),
        _ => Map::new(),
    };
    schema.insert("type".to_owned(), json!("object"));
    schema.entry("properties").or_insert_with(|| json!({}));
    let mut schema = Value::Object(schema);
    close(&mut schema, SCHEMA_DEPTH_MAX);
    schema
}

fn close(schema: &mut Value, depth: usize) {
    let Value::Object(map) = schema else { return };
    if depth == 0 {
        return;
    }
    if map.contains_key("properties") && !map.contains_key("patternProperties") {
        map.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(|inner| close(inner, depth - 1));
    }
    if let Some(items) = map.get_mut("items") {
        close(items, depth - 1);
    }
}

#[cfg(test)]
mod tests;
