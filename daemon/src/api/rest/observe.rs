//! Every request that got past the door is counted, and its work logged under its id.

use super::Api;
use super::metrics::Metrics;
use crate::api::console;
use crate::api::request_id;
use crate::api::table::by_code;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use tracing::Instrument as _;

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
    let id = request_id::of(&request);
    let route = route(request.uri().path());
    let span = tracing::info_span!("rest", id, route);
    let mut counted = Counted { metrics: api.metrics.clone(), route, status: by_code("cancelled").http };
    let response = next.run(request).instrument(span).await;
    counted.status = response.status().as_u16();
    response
}

/// Counts a request when it is dropped: with its status, or, if there is none yet, as one whose client left.
struct Counted {
    metrics: Arc<Metrics>,
    route: &'static str,
    status: u16,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.request(self.route, self.status);
    }
}

/// The route of a path, as a label: never whatever a stranger types.
fn route(path: &str) -> &'static str {
    match ROUTES.iter().find(|route| **route == path) {
        Some(route) => route,
        None if path.starts_with("/v1/models/") => "/v1/models/{id}",
        None if console::is_of_page(path) => "console",
        None => "other",
    }
}
