//! A model's own chat template, rendered.
//!
//! GGUF files carry the Jinja template of their tokenizer as Hugging Face's transformers runs it: blocks
//! trimmed, `raise_exception`, `strftime_now` and a plain `tojson` at hand, methods of Python's strings and
//! maps, `{% generation %}` marks without effect. minijinja renders it; what it lacks of that is here and in
//! `python`. A template comes from whoever made the file, so its work is limited.
//!
//! A file without a template gets ChatML. A template that refuses a system message gets it as the beginning of
//! the first user message.

mod clock;
mod python;

pub use clock::Clockwork;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value};
use polymath_swarm::task::Message;
use std::borrow::Cow;

/// Used when a file has none: the most widely used format, and that of the bundled experts.
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n\
     {{ message.content }}<|im_end|>\n{% endfor %}\
     {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
/// Instructions of one rendering: a long conversation with a large template takes some ten thousand.
const FUEL: u64 = 5_000_000;
/// Name of the one template in its environment.
const NAME: &str = "chat";

/// A compiled template and the special tokens it may mention.
pub(super) struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl Template {
    /// Compiles `source`, ChatML if there is none. `bos` and `eos` are the texts of those tokens.
    pub(super) fn new(source: Option<&str>, bos: String, eos: String) -> Result<Self, String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| describe(&error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(python::call_method);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", |format: &str| clock::strftime_now(format));
        environment.add_filter("tojson", tojson);
        let source = without_generation_marks(source.unwrap_or(CHATML)).into_owned();
        environment.add_template_owned(NAME, source).map_err(|error| describe(&error))?;
        Ok(Self { environment, bos, eos })
    }

    /// The prompt that asks for the assistant's next turn.
    pub(super) fn render(&self, messages: &[Message]) -> Result<String, String> {
        let first_try = self.render_as_is(messages);
        match (&first_try, messages) {
            (Err(_), [system, user, rest @ ..]) if system.role == "system" && user.role == "user" => {
                let content = format!("{}\n\n{}", system.content, user.content);
                let mut merged = vec![Message { role: "user".into(), content }];
                merged.extend_from_slice(rest);
                self.render_as_is(&merged).or(first_try)
            }
            _ => first_try,
        }
    }

    fn render_as_is(&self, messages: &[Message]) -> Result<String, String> {
        let messages: Value = messages
            .iter()
            .map(|m| Value::from_pairs([("role", m.role.as_str()), ("content", m.content.as_str())]))
            .collect();
        let context = minijinja::context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            tools => Value::from(()),
            documents => Value::from(()),
        };
        let template = self.environment.get_template(NAME).map_err(|error| describe(&error))?;
        template.render(context).map_err(|error| describe(&error))
    }
}

/// The error and what caused it, on one line.
fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// JSON as Python writes it: minijinja's own, without its escapes for HTML.
fn tojson(value: &Value, indent: Option<Value>, args: Kwargs) -> Result<Value, Error> {
    // transformers passes these on to Python's json; none changes what such templates print.
    for ignored in ["ensure_ascii", "separators", "sort_keys"] {
        args.get::<Option<Value>>(ignored)?;
    }
    let indent = indent.or(args.get::<Option<Value>>("indent")?);
    args.assert_all_used()?;
    let kwargs = Kwargs::from_iter([("indent", indent.unwrap_or_default())]);
    let json = minijinja::filters::tojson(value, None, kwargs)?;
    Ok(Value::from(unescape_html(json.as_str().unwrap_or_default())))
}

fn unescape_html(json: &str) -> String {
    const ESCAPES: [(&str, char); 4] = [("u003c", '<'), ("u003e", '>'), ("u0026", '&'), ("u0027", '\'')];
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        if let Some((text, plain)) = ESCAPES.iter().find(|(text, _)| escape.starts_with(text)) {
            out.push(*plain);
            rest = &escape[text.len()..];
        } else {
            let len = escape.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[at..at + 1 + len]);
            rest = &escape[len..];
        }
    }
    out + rest
}

/// `{% generation %}` marks the assistant's text for training. Here it is a block that always runs.
fn without_generation_marks(source: &str) -> Cow<'_, str> {
    if !source.contains("generation") {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, tag)) = rest.split_once("{%") {
        let Some((inside, after)) = tag.split_once("%}") else { break };
        let name = inside.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        let inside = match name {
            "generation" => inside.replace(name, "if true"),
            "endgeneration" => inside.replace(name, "endif"),
            _ => inside.to_owned(),
        };
        out.push_str(&format!("{before}{{%{inside}%}}"));
        rest = after;
    }
    Cow::Owned(out + rest)
}

#[cfg(test)]
mod tests;
