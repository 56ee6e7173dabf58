//! `/v1/node/catalog` and `/v1/node/pulls`: models that there are to fetch, and those that come.

use super::super::Api;
use super::super::body::Body;
use super::blocking;
use crate::api::table::Fault;
use crate::catalog::{self, Known};
use crate::inference;
use crate::owner;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model that others have made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct CatalogModel {
    /// Short name: a source of a fetch.
    id: String,
    /// What it is for, in a word.
    field: String,
    /// One sentence: what it is good at.
    description: String,
    /// The repository that holds it.
    repo: String,
    /// The file in it.
    file: String,
    /// SPDX expression.
    licence: String,
    /// What the file has, estimated.
    bytes: u64,
    /// What it takes in memory, estimated.
    memory_bytes: u64,
    /// Whether the memory that is free holds it.
    fits: bool,
    /// Whether it is the largest of its field that fits.
    recommended: bool,
}

/// Models that others have made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct CatalogList {
    /// `list`.
    object: &'static str,
    /// Memory that is free now, if the system says it.
    memory_available_bytes: Option<u64>,
    /// The models.
    data: Vec<CatalogModel>,
}

/// A fetch to begin.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct PullRequest {
    /// An id of the catalogue, `owner/repository[/file.gguf]`, `ollama:name[:tag]`, or a path on the node's machine.
    source: String,
}

/// A fetch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct Pull {
    /// Its number.
    id: u64,
    /// What was asked for.
    source: String,
    /// `running`, `done`, `failed` or `cancelled`.
    state: &'static str,
    /// Bytes that are there.
    bytes: u64,
    /// Of so many; 0 while nobody knows.
    bytes_total: u64,
    /// The licence, as it is stated.
    licence: Option<String>,
    /// Where the file is.
    path: Option<String>,
    /// Where its card is, if it has one.
    card: Option<String>,
    /// What the model takes in memory, estimated.
    memory_bytes: Option<u64>,
    /// Why it did not come.
    error: Option<String>,
    /// The expert that it is served as.
    served: Option<String>,
}

/// The fetches, the latest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PullList {
    /// `list`.
    object: &'static str,
    /// The fetches.
    data: Vec<Pull>,
}

impl Pull {
    fn of(api: &Api, pull: owner::Pull) -> Self {
        let shown = |path: &std::path::Path| path.display().to_string();
        let pulled = pull.pulled.as_ref();
        let served = pulled.and_then(|pulled| {
            let all = api.app.owner.experts.all();
            all.into_iter().find(|s| s.entry.model_path == pulled.fetched.path).map(|s| s.entry.id)
        });
        Self {
            id: pull.id,
            state: pull.state.name(),
            bytes: pull.bytes,
            bytes_total: pull.bytes_total,
            path: pulled.map(|pulled| shown(&pulled.fetched.path)),
            card: pulled.and_then(|pulled| pulled.card().as_deref().map(shown)),
            memory_bytes: pulled.map(|pulled| pulled.memory_bytes),
            licence: pull.licence,
            source: pull.source,
            error: pull.error,
            served,
        }
    }
}

/// Models that others have made, and which of them this machine holds.
#[utoipa::path(get, path = "/v1/node/catalog", tag = "owner", responses((status = 200, body = CatalogList)))]
pub(in super::super) async fn catalog(State(api): State<Api>) -> Result<Json<CatalogList>, Fault> {
    let known = blocking(move || api.app.owner.pulls.catalogue()).await?;
    let memory = inference::memory_available();
    let recommended: Vec<&str> =
        catalog::recommended(&known, memory).into_iter().map(|known| known.id.as_str()).collect();
    let shown = |known: &Known| CatalogModel {
        id: known.id.clone(),
        field: known.field.clone(),
        description: known.description.clone(),
        repo: known.repo.clone(),
        file: known.file.clone(),
        licence: known.licence.clone(),
        bytes: known.file_bytes(),
        memory_bytes: known.memory_bytes(),
        fits: memory.is_none_or(|memory| known.memory_bytes() <= memory),
        recommended: recommended.contains(&known.id.as_str()),
    };
    let data = known.iter().map(shown).collect();
    Ok(Json(CatalogList { object: "list", memory_available_bytes: memory, data }))
}

/// The fetches, the latest first.
#[utoipa::path(get, path = "/v1/node/pulls", tag = "owner", responses((status = 200, body = PullList)))]
pub(in super::super) async fn list(State(api): State<Api>) -> Result<Json<PullList>, Fault> {
    // Each one's card is looked at.
    let looking =
        move || Ok(api.app.owner.pulls.all().into_iter().map(|pull| Pull::of(&api, pull)).collect());
    Ok(Json(PullList { object: "list", data: blocking(looking).await? }))
}

/// Begins to fetch a model, which goes on while nobody looks. What broke off before is taken up where it ended.
#[utoipa::path(post, path = "/v1/node/pulls", tag = "owner", request_body = PullRequest,
    responses((status = 202, body = Pull)))]
pub(in super::super) async fn begin(
    State(api): State<Api>,
    Body(request): Body<PullRequest>,
) -> Result<(StatusCode, Json<Pull>), Fault> {
    let begun = blocking(move || Ok(Pull::of(&api, api.app.owner.pulls.begin(&request.source)?))).await?;
    Ok((StatusCode::ACCEPTED, Json(begun)))
}

/// Ends a fetch that runs, what has come stays for the next time; forgets one that has ended.
#[utoipa::path(delete, path = "/v1/node/pulls/{id}", tag = "owner",
    params(("id" = u64, Path, description = "The fetch's number")), responses((status = 200, body = Pull)))]
pub(in super::super) async fn end(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Pull>, Fault> {
    let id = number(&id)?;
    Ok(Json(blocking(move || Ok(Pull::of(&api, api.app.owner.pulls.end(id)?))).await?))
}

fn number(id: &str) -> Result<u64, Fault> {
    id.parse().map_err(|_| Fault::new("not_found", "a fetch has a number; /v1/node/pulls lists them"))
}
