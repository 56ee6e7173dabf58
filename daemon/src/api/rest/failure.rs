//! What is not there, and what is asked for in a wrong way: in the form of every other error.

use crate::api::table::Fault;
use axum::http::{Method, Uri};

/// Characters of a stranger's path that an error repeats.
const ECHO_CHARS_MAX: usize = 100;

pub(super) async fn not_found(uri: Uri) -> Fault {
    let path: String = uri.path().chars().take(ECHO_CHARS_MAX).collect();
    Fault::new("not_found", format!("there is nothing at {path}; /openapi.json says what there is"))
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Fault {
    let path: String = uri.path().chars().take(ECHO_CHARS_MAX).collect();
    let method: String = method.as_str().chars().take(ECHO_CHARS_MAX).collect();
    Fault::new("method_not_allowed", format!("{path} does not take {method}"))
}
