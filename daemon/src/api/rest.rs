//! REST, compatible with OpenAI's.

use super::App;
use axum::{Json, Router, routing::get};

/// Every route.
pub(super) fn router(app: App) -> Router {
    Router::new().route("/health", get(health)).with_state(app)
}

async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}
