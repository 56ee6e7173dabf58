//! Errors as OpenAI's clients know them: `{"error": {message, type, param, code}}`, status and code from the one
//! table. A server that is busy says when to come back, in seconds and, as OpenAI does, in milliseconds too.

use crate::api::table::Fault;
use crate::coordinator;
use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Characters of a stranger's path that an error repeats.
const ECHO_CHARS_MAX: usize = 100;

/// The body of every error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What went wrong.
    pub(super) error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ErrorDetail {
    /// For people.
    pub(super) message: String,
    /// OpenAI's class of errors.
    pub(super) r#type: &'static str,
    /// The field of the request that is at fault.
    pub(super) param: Option<String>,
    /// The code, the same in every interface.
    pub(super) code: &'static str,
}

impl ErrorBody {
    pub(super) fn of(fault: &Fault) -> Self {
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

/// A fault on its way out.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Fault);

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<&coordinator::Error> for Failure {
    fn from(error: &coordinator::Error) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.row.http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(ErrorBody::of(&self.0))).into_response();
        if let Some(ms) = self.0.retry_after_ms {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
            headers.insert("retry-after-ms", HeaderValue::from(ms));
        }
        response
    }
}

pub(super) async fn not_found(uri: Uri) -> Failure {
    let path: String = uri.path().chars().take(ECHO_CHARS_MAX).collect();
    Fault::new("not_found", format!("there is nothing at {path}; /openapi.json says what there is")).into()
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Failure {
    let path: String = uri.path().chars().take(ECHO_CHARS_MAX).collect();
    let method: String = method.as_str().chars().take(ECHO_CHARS_MAX).collect();
    Fault::new("method_not_allowed", format!("{path} does not take {method}")).into()
}
