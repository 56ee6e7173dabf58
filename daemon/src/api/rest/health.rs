//! Whether the node lives, and whether it can answer anything.

use super::Api;
use crate::api::table::Fault;
use crate::network;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// The node says of itself.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of the program.
    version: &'static str,
    /// The node's name.
    name: String,
    /// Its peer id.
    peer_id: String,
    /// Milliseconds since it started.
    uptime_ms: u64,
    /// Connected peers.
    peers: usize,
    /// Known experts, its own included.
    experts: usize,
}

/// Whether the process lives: 200 whenever it can be asked.
#[utoipa::path(get, path = "/health", tag = "node", responses((status = 200, body = Health)))]
pub(super) async fn health(State(api): State<Api>) -> Json<Health> {
    Json(of(&api).await)
}

/// Whether the node can answer a question: 503 until it knows an expert.
#[utoipa::path(get, path = "/ready", tag = "node", responses((status = 200, body = Health)))]
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Health>, Fault> {
    let health = of(&api).await;
    if health.experts == 0 {
        return Err(Fault::new("no_expert", "no expert is known yet"));
    }
    Ok(Json(health))
}

async fn of(api: &Api) -> Health {
    let coordinator = &api.app.coordinator;
    Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        name: api.app.name.clone(),
        peer_id: network::peer_id_text(coordinator.network().peer()),
        uptime_ms: u64::try_from(api.app.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        peers: coordinator.peers().await.len(),
        experts: coordinator.experts().len(),
    }
}
