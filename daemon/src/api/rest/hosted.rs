//! `/v1/node/models`: the experts that this node hosts, and their models in memory.

use super::Api;
use crate::api::table::Fault;
use crate::coordinator::Hosted;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

/// A hosted expert.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct HostedModel {
    /// The card's id.
    id: String,
    /// SHA-256 of the model's file; of a server's address and model, if it is one.
    model_sha256: String,
    /// Whether it is in memory.
    loaded: bool,
    /// What it takes there, estimated; 0 for a server's.
    memory_bytes: u64,
    /// How long its last loading took.
    load_ms: u32,
    /// Tasks that it can run at once.
    slots: u32,
    /// Of those, free.
    free_slots: u32,
    /// Tasks that wait.
    queued: u32,
    /// Whether it is a server that the owner runs.
    service: bool,
    /// Whether it was added while a node ran, and not by the settings.
    added: bool,
}

/// The hosted experts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct HostedList {
    /// `list`.
    object: &'static str,
    /// The experts.
    data: Vec<HostedModel>,
}

impl HostedModel {
    fn of(api: &Api, hosted: &Hosted) -> Self {
        let (backend, used) = (&hosted.backend, *hosted.backend.slots().borrow());
        Self {
            id: hosted.id.clone(),
            model_sha256: backend.facts().sha256.to_string(),
            loaded: backend.is_loaded(),
            memory_bytes: backend.bytes(),
            load_ms: backend.load_ms(),
            slots: used.slots,
            free_slots: used.free,
            queued: used.queued,
            service: backend.is_service(),
            added: api.app.owner.experts.of(&hosted.id).is_ok_and(|served| served.is_added),
        }
    }
}

fn list(api: &Api) -> Json<HostedList> {
    let data = api.app.coordinator.host().all().iter().map(|hosted| HostedModel::of(api, hosted)).collect();
    Json(HostedList { object: "list", data })
}

/// The experts that this node hosts, and their models in memory.
#[utoipa::path(get, path = "/v1/node/models", tag = "node", responses((status = 200, body = HostedList)))]
pub(super) async fn hosted(State(api): State<Api>) -> Json<HostedList> {
    list(&api)
}

/// Loads a model into memory. Wants the scope `admin`.
#[utoipa::path(post, path = "/v1/node/models/{id}/load", tag = "node",
    params(("id" = String, Path, description = "The card's id")),
    responses((status = 200, body = HostedList)))]
pub(super) async fn load(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<HostedList>, Fault> {
    api.app.coordinator.set_loaded(&id, true).await.map_err(|error| Fault::from(&error))?;
    Ok(list(&api))
}

/// Gives a model's memory back until it is wanted again; `busy` while it is in use. Wants the scope `admin`.
#[utoipa::path(post, path = "/v1/node/models/{id}/unload", tag = "node",
    params(("id" = String, Path, description = "The card's id")),
    responses((status = 200, body = HostedList)))]
pub(super) async fn unload(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<HostedList>, Fault> {
    api.app.coordinator.set_loaded(&id, false).await.map_err(|error| Fault::from(&error))?;
    Ok(list(&api))
}
