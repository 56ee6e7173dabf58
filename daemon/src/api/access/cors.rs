//! CORS (the Fetch standard): closed, except for the websites that the owner named. Answers to those carry the
//! headers that let a page read them; a preflight is answered here.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;

/// Seconds that a browser may remember a preflight: ten minutes, so that a changed setting is soon felt.
const REMEMBERED_S: &str = "600";
/// What a page may read of an answer besides its body.
const EXPOSED: &str = "x-request-id, retry-after, retry-after-ms";
/// Methods that the routes know.
const METHODS: &str = "GET, POST, PUT, DELETE";
/// Bytes of the list of headers that a page asks for: OpenAI's client in a browser asks for some 300.
const HEADERS_BYTES_MAX: usize = 2_048;

/// The request's origin if the owner named it.
pub(super) fn named_origin(headers: &HeaderMap, allowed: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let text = origin.to_str().ok()?;
    let one = headers.get_all(ORIGIN).iter().count() == 1;
    (one && allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(text))).then(|| origin.clone())
}

/// Whether a browser asks what a page of another origin may do.
pub(super) fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight of a website that may use the node. It carries no key, and nothing happens.
pub(super) fn preflight(request: &Request) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED_S));
    // Clients send headers of their own making; none of them does anything here that a key does not allow.
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
    if let Some(asked) = asked.filter(|asked| asked.len() <= HEADERS_BYTES_MAX) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}

/// Lets the page of `origin` read the answer.
pub(super) fn mark(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(VARY, HeaderValue::from_static("origin"));
}
