//! The one table from errors to what each interface says: HTTP status, gRPC status, exit code. What is not in it
//! is an internal failure; its cause is logged and not told.

use crate::coordinator;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use polymath_swarm::task::TaskError;
use serde::Serialize;
use utoipa::ToSchema;

/// How one kind of error is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The code, the same everywhere.
    pub code: &'static str,
    /// HTTP status (RFC 9110; 499 is nginx's "client closed request").
    pub http: u16,
    /// OpenAI's `error.type`.
    pub kind: &'static str,
    /// gRPC status code.
    pub grpc: tonic::Code,
}

const fn row(code: &'static str, http: u16, kind: &'static str, grpc: tonic::Code) -> Row {
    Row { code, http, kind, grpc }
}

/// Every code there is.
pub const ROWS: &[Row] = &[
    row("invalid", 400, "invalid_request_error", tonic::Code::InvalidArgument),
    row("too_long", 400, "invalid_request_error", tonic::Code::InvalidArgument),
    row("unauthorized", 401, "authentication_error", tonic::Code::Unauthenticated),
    row("forbidden", 403, "permission_error", tonic::Code::PermissionDenied),
    row("owner_only", 403, "permission_error", tonic::Code::PermissionDenied),
    row("unknown_expert", 404, "invalid_request_error", tonic::Code::NotFound),
    row("unknown_task", 404, "invalid_request_error", tonic::Code::NotFound),
    row("not_found", 404, "invalid_request_error", tonic::Code::NotFound),
    row("method_not_allowed", 405, "invalid_request_error", tonic::Code::Unimplemented),
    row("slow_request", 408, "invalid_request_error", tonic::Code::DeadlineExceeded),
    row("conflict", 409, "invalid_request_error", tonic::Code::FailedPrecondition),
    row("too_large", 413, "invalid_request_error", tonic::Code::InvalidArgument),
    row("unsupported_media_type", 415, "invalid_request_error", tonic::Code::InvalidArgument),
    row("refused", 422, "invalid_request_error", tonic::Code::InvalidArgument),
    row("rate_limited", 429, "rate_limit_error", tonic::Code::ResourceExhausted),
    row("cancelled", 499, "api_error", tonic::Code::Cancelled),
    row("failed", 500, "api_error", tonic::Code::Internal),
    row("no_expert", 503, "service_unavailable_error", tonic::Code::FailedPrecondition),
    row("busy", 503, "overloaded_error", tonic::Code::ResourceExhausted),
    row("unavailable", 503, "service_unavailable_error", tonic::Code::Unavailable),
    row("deadline", 504, "timeout_error", tonic::Code::DeadlineExceeded),
];

/// The row of a code; an unknown one is an internal failure.
pub fn by_code(code: &str) -> Row {
    let found = ROWS.iter().find(|row| row.code == code);
    *found.unwrap_or(&row("failed", 500, "api_error", tonic::Code::Internal))
}

/// An error as every interface tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How it is told.
    pub row: Row,
    /// For people.
    pub message: String,
    /// The field of the request that is at fault.
    pub field: Option<String>,
    /// When to come back.
    pub retry_after_ms: Option<u32>,
}

impl Fault {
    /// An error with this code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { row: by_code(code), message: message.into(), field: None, retry_after_ms: None }
    }

    /// A peer does not answer.
    pub fn of_peer(error: &TaskError) -> Self {
        match error {
            TaskError::Busy { retry_after_ms } => {
                Self { retry_after_ms: Some(*retry_after_ms), ..Self::new("busy", error.to_string()) }
            }
            error => Self::new("unavailable", error.to_string()),
        }
    }

    /// A field of the request is at fault.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new("invalid", message) }
    }

    /// As a gRPC status; the code goes along in the metadata `polymath-code`, and when to come back in
    /// `polymath-retry-after-ms`, the field at fault in `polymath-field`.
    pub fn status(&self) -> tonic::Status {
        let mut status = tonic::Status::new(self.row.grpc, self.message.clone());
        let metadata = status.metadata_mut();
        metadata.insert("polymath-code", tonic::metadata::MetadataValue::from_static(self.row.code));
        if let Some(ms) = self.retry_after_ms {
            metadata.insert("polymath-retry-after-ms", ms.into());
        }
        if let Some(Ok(field)) = self.field.as_deref().map(str::parse) {
            metadata.insert("polymath-field", field);
        }
        status
    }
}

/// The body of every error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// For people.
    pub message: String,
    /// OpenAI's class of errors.
    pub r#type: &'static str,
    /// The field of the request that is at fault.
    pub param: Option<String>,
    /// The code, the same in every interface.
    pub code: &'static str,
}

impl ErrorBody {
    /// The body that tells `fault`.
    pub fn of(fault: &Fault) -> Self {
        Self {
            error: ErrorDetail {
                message: fault.message.clone(),
                r#type: fault.row.kind,
                param: fault.field.clone(),
                code: fault.row.code,
            },
        }
    }
}

impl IntoResponse for Fault {
    /// As HTTP in OpenAI's form. A server that is busy says when to come back, in seconds and, as OpenAI does, in
    /// milliseconds too.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.row.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(ErrorBody::of(&self))).into_response();
        let headers = response.headers_mut();
        if let Some(ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, ms.div_ceil(1_000).max(1).into());
            headers.insert("retry-after-ms", ms.into());
        }
        // OpenAI's clients try any 5xx again unless told not to, and no expert appears within a second.
        if self.row.code == "no_expert" {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<&coordinator::Error> for Fault {
    fn from(error: &coordinator::Error) -> Self {
        use coordinator::Error as E;
        let message = error.to_string();
        match error {
            // The prompt's own fault is what the asker must see; other sources stay inside.
            E::Prompt(source) => Self::field("messages", format!("{message}: {source}")),
            E::Invalid { field, .. } => Self::field(*field, message),
            E::UnknownExpert { .. } => {
                Self { field: Some("model".to_owned()), ..Self::new("unknown_expert", message) }
            }
            E::UnknownTask => {
                Self { field: Some("task_id".to_owned()), ..Self::new("unknown_task", message) }
            }
            E::Store(source) => {
                tracing::error!(%source, "a verdict could not be stored");
                Self::new("failed", message)
            }
            E::TooLong(_) => Self { field: Some("messages".to_owned()), ..Self::new("too_long", message) },
            E::Refused(_) => Self::new("refused", message),
            E::NoExpert { .. } => Self::new("no_expert", message),
            E::Busy { retry_after_ms } => {
                Self { retry_after_ms: Some(*retry_after_ms), ..Self::new("busy", message) }
            }
            E::Deadline { .. } => Self::new("deadline", message),
            E::Failed(_) => Self::new("failed", message),
            E::Embedding(source) => {
                tracing::error!(%source, "a question could not be embedded");
                Self::new("failed", message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        let codes: std::collections::BTreeSet<&str> = ROWS.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), ROWS.len());
        assert_eq!(by_code("no such code").http, 500);
        assert!(ROWS.iter().all(|row| StatusCode::from_u16(row.http).is_ok()));
    }

    #[test]
    fn waiting_is_told_in_whole_seconds_and_in_milliseconds() {
        let fault = Fault { retry_after_ms: Some(1_200), ..Fault::new("rate_limited", "slowly") };
        let response = fault.clone().into_response();
        assert_eq!(response.status(), 429);
        let said = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!([said("retry-after"), said("retry-after-ms")], ["2", "1200"]);
        assert_eq!(fault.status().metadata().get("polymath-retry-after-ms").unwrap(), "1200");
        let closed = Fault::new("unauthorized", "no").into_response();
        assert_eq!(closed.headers()["www-authenticate"], "Bearer");
    }
}
