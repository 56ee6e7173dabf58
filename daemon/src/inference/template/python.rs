//! The methods of Python's strings and maps that chat templates call.

use minijinja::value::{ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

/// What minijinja asks when it knows no such method.
pub(super) fn call_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => on_text(text, method, args),
        (ValueKind::Map, _) => on_map(state, value, method, args),
        _ => Err(unknown(method)),
    }
}

fn unknown(method: &str) -> Error {
    Error::new(ErrorKind::UnknownMethod, format!("no method {method:?}"))
}

fn on_map(state: &mut State<'_, '_>, map: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "get" => {
            let (key, default): (&Value, Option<Value>) = from_args(args)?;
            let found = map.get_item(key)?;
            Ok(if found.is_undefined() { default.unwrap_or_else(|| Value::from(())) } else { found })
        }
        "items" => state.apply_filter("items", std::slice::from_ref(map)),
        "keys" => Ok(map.try_iter()?.collect()),
        "values" => map.try_iter()?.map(|key| map.get_item(&key)).collect(),
        _ => Err(unknown(method)),
    }
}

fn on_text(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    Ok(match method {
        "strip" => Value::from(strip(text, args, true, true)?),
        "lstrip" => Value::from(strip(text, args, true, false)?),
        "rstrip" => Value::from(strip(text, args, false, true)?),
        "upper" => none(args, text.to_uppercase())?,
        "lower" => none(args, text.to_lowercase())?,
        "capitalize" => none(args, capitalised(text))?,
        "title" => none(
            args,
            text.split_inclusive(|c: char| !c.is_alphabetic()).map(capitalised).collect::<String>(),
        )?,
        "isdigit" => none(args, all(text, |c| c.is_ascii_digit()))?,
        "isalpha" => none(args, all(text, char::is_alphabetic))?,
        "isalnum" => none(args, all(text, char::is_alphanumeric))?,
        "isspace" => none(args, all(text, char::is_whitespace))?,
        "isupper" => {
            none(args, text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))?
        }
        "islower" => {
            none(args, text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))?
        }
        "startswith" => Value::from(any_of(args, |s| text.starts_with(s))?),
        "endswith" => Value::from(any_of(args, |s| text.ends_with(s))?),
        "removeprefix" => one(args, |s| text.strip_prefix(s).unwrap_or(text))?,
        "removesuffix" => one(args, |s| text.strip_suffix(s).unwrap_or(text))?,
        "count" => one(args, |s| text.matches(s).count())?,
        "find" => one(args, |s| character_index(text, text.find(s)))?,
        "rfind" => one(args, |s| character_index(text, text.rfind(s)))?,
        "split" => split(text, args)?,
        "rsplit" => rsplit(text, args)?,
        "splitlines" => none(args, text.lines().map(Value::from).collect::<Value>())?,
        "replace" => replace(text, args)?,
        "join" => {
            let (parts,): (Vec<String>,) = from_args(args)?;
            Value::from(parts.join(text))
        }
        _ => return Err(unknown(method)),
    })
}

fn none(args: &[Value], result: impl Into<Value>) -> Result<Value, Error> {
    let () = from_args(args)?;
    Ok(result.into())
}

fn one<T: Into<Value>>(args: &[Value], work: impl FnOnce(&str) -> T) -> Result<Value, Error> {
    let (text,): (&str,) = from_args(args)?;
    Ok(work(text).into())
}

/// The argument may be a text or several.
fn any_of(args: &[Value], test: impl Fn(&str) -> bool) -> Result<bool, Error> {
    let (options,): (&Value,) = from_args(args)?;
    match options.as_str() {
        Some(option) => Ok(test(option)),
        None => Ok(options.try_iter()?.any(|option| option.as_str().is_some_and(&test))),
    }
}

fn strip(text: &str, args: &[Value], left: bool, right: bool) -> Result<String, Error> {
    let (set,): (Option<&str>,) = from_args(args)?;
    let strippable = |c: char| set.map_or(c.is_whitespace(), |set| set.contains(c));
    let text = if left { text.trim_start_matches(strippable) } else { text };
    Ok(if right { text.trim_end_matches(strippable) } else { text }.to_owned())
}

fn split(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator, max): (Option<&str>, Option<i64>) = from_args(args)?;
    // Python's maxsplit counts cuts; negative means all.
    let parts = max.and_then(|n| usize::try_from(n).ok()).map_or(usize::MAX, |n| n.saturating_add(1));
    match separator {
        Some("") => Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        Some(separator) => Ok(text.splitn(parts, separator).map(Value::from).collect()),
        None => Ok(text.split_whitespace().map(Value::from).collect()),
    }
}

fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator, max): (&str, Option<i64>) = from_args(args)?;
    let parts = max.and_then(|n| usize::try_from(n).ok()).map_or(usize::MAX, |n| n.saturating_add(1));
    if separator.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    let mut parts: Vec<&str> = text.rsplitn(parts, separator).collect();
    parts.reverse();
    Ok(parts.into_iter().map(Value::from).collect())
}

fn replace(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (old, new, count): (&str, &str, Option<i64>) = from_args(args)?;
    Ok(Value::from(match count.and_then(|n| usize::try_from(n).ok()) {
        Some(count) => text.replacen(old, new, count),
        None => text.replace(old, new),
    }))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect()
    })
}

fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

/// Python counts characters and says -1 when there is none.
fn character_index(text: &str, byte: Option<usize>) -> i64 {
    byte.map_or(-1, |at| text[..at].chars().count() as i64)
}
