//! A request's JSON body: of the right media type, within the limit, and of the type the handler wants; what is
//! wrong is said with the path of the field.

use super::BODY_BYTES_MAX;
use crate::api::table::Fault;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

/// A body of this type.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        if !is_json(&request) {
            let message = "send JSON, with the header content-type: application/json";
            return Err(Fault::new("unsupported_media_type", message));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Fault::new("too_large", format!("a body may have {BODY_BYTES_MAX} bytes"))
            } else {
                Fault::new("invalid", "the body broke off")
            }
        })?;
        Ok(Self(parse(&bytes)?))
    }
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let message = format!("the body is not what is expected: {inner}");
        if !inner.is_data() {
            return Fault::new("invalid", format!("the body is not JSON: {inner}"));
        }
        match field(&path, &inner.to_string()) {
            Some(field) => Fault::field(field, message),
            None => Fault::new("invalid", message),
        }
    })?;
    json.end().map_err(|error| Fault::new("invalid", format!("the body goes on after its JSON: {error}")))?;
    Ok(value)
}

/// The field at fault: a missing one is known by its parent's path and serde's message only.
fn field(path: &str, message: &str) -> Option<String> {
    let path = if path == "." { "" } else { path };
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (path, missing) {
        ("", None) => None,
        ("", Some(missing)) => Some(missing.to_owned()),
        (path, None) => Some(path.to_owned()),
        (path, Some(missing)) => Some(format!("{path}.{missing}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only its type matters")]
        b: u32,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only its type matters")]
        a: Vec<Inner>,
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let fault = |text: &str| parse::<Outer>(text.as_bytes()).unwrap_err().field;
        assert_eq!(fault(r#"{"a": [{"b": 1}, {"b": "x"}]}"#).as_deref(), Some("a[1].b"));
        assert_eq!(fault(r#"{"a": [{}]}"#).as_deref(), Some("a[0].b"));
        assert_eq!(fault("{}").as_deref(), Some("a"));
        assert_eq!(fault("{"), None);
        assert_eq!(fault(r#"{"a": []} x"#), None);
        assert!(parse::<Outer>(br#"{"a": [], "extra": 1}"#).is_ok());
    }
}
