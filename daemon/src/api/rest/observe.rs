//! Every request gets an id, which goes into the log and out in `x-request-id`, and is counted.

use super::Api;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

/// The header with the request's id, both ways.
const REQUEST_ID: &str = "x-request-id";
/// Bytes of an id that a client chose: a UUID with a prefix is shorter.
const ID_BYTES_MAX: usize = 128;

/// Routes without a parameter.
const ROUTES: [&str; 13] = [
    "/health",
    "/ready",
    "/metrics",
    "/openapi.json",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/models",
    "/v1/swarm/peers",
    "/v1/swarm/experts",
    "/v1/swarm/plan",
    "/v1/swarm/events",
];

pub(super) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).filter(|id| is_sane(id)).cloned();
    let id = given
        .or_else(|| HeaderValue::from_str(&super::unique("req_")).ok())
        .unwrap_or_else(|| HeaderValue::from_static("req_"));
    let route = route(request.uri().path());
    let span = tracing::info_span!("rest", id = id.to_str().unwrap_or_default(), route);
    let mut response = next.run(request).instrument(span).await;
    api.metrics.request(route, response.status().as_u16());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The route of a path, as a label: never whatever a stranger types.
fn route(path: &str) -> &'static str {
    match ROUTES.iter().find(|route| **route == path) {
        Some(route) => route,
        None if path.starts_with("/v1/models/") => "/v1/models/{id}",
        None => "other",
    }
}

fn is_sane(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    (1..=ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_are_taken_only_if_harmless() {
        assert!(is_sane(&HeaderValue::from_static("req-1:a_b.C")));
        for bad in ["", "a b", "<script>", &"x".repeat(129)] {
            assert!(!is_sane(&HeaderValue::from_str(bad).unwrap()), "{bad:?}");
        }
    }
}
