//! `/v1/node/logs`: what the node logs, as it does so, for its owner's console.

use super::{Api, data};
use axum::extract::State;
use axum::response::Response;
use futures::stream::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

/// A line of the log. Neither prompts nor answers are in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct LogLine {
    /// When, as RFC 3339 has it.
    timestamp: String,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    level: String,
    /// Which part of the program.
    target: String,
    /// What: `message`, and what belongs to it.
    fields: BTreeMap<String, Value>,
    /// During what: `name`, and what belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    span: Option<BTreeMap<String, Value>>,
}

/// The latest lines of the log, oldest first, and those to come, as server-sent events.
#[utoipa::path(get, path = "/v1/node/logs", tag = "node",
    responses((status = 200, body = LogLine, content_type = "text/event-stream")))]
pub(super) async fn logs(State(api): State<Api>) -> Response {
    let (kept, coming) = api.app.log.follow();
    let coming = futures::stream::unfold(coming, |mut coming| async move {
        loop {
            match coming.recv().await {
                Ok(line) => return Some((line, coming)),
                // Whoever reads too slowly goes on with what there is now.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let lines = futures::stream::iter(kept).chain(coming);
    let events = lines.filter_map(|line: Arc<str>| std::future::ready(read(&line).map(|line| data(&line))));
    super::sse(events.take_until(api.app.stop.clone().cancelled_owned()))
}

/// A line as `tracing` writes it.
fn read(line: &str) -> Option<LogLine> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_tracing_is_read() {
        let line = r#"{"timestamp":"2026-11-26T16:00:00.000000Z","level":"INFO","fields":{"message":"up","peers":3},
            "target":"polymath::node","span":{"id":"req_1","name":"rest"},"spans":[{"name":"rest"}]}"#;
        let read = read(line).unwrap();
        assert_eq!((read.level.as_str(), &read.fields["peers"]), ("INFO", &Value::from(3)));
        assert_eq!(read.span.unwrap()["name"], "rest");
        assert_eq!(super::read("not JSON"), None);
    }
}
