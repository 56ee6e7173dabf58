//! `/v1/node/keys`: who else may use this node.

use super::super::Api;
use super::super::body::Body;
use super::blocking;
use crate::api::access::keys::{Record, Scope, Wish};
use crate::api::access::store;
use crate::api::table::Fault;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct ApiKey {
    /// Short, and part of the key.
    id: String,
    /// Whose it is, or what for.
    name: String,
    /// `chat`, `read`, `admin`.
    scopes: Vec<&'static str>,
    /// Requests a minute; none for no limit.
    rate_per_minute: Option<u32>,
    /// Unix seconds.
    created: u64,
    /// The key itself, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// The keys.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct ApiKeyList {
    /// `list`.
    object: &'static str,
    /// The keys.
    data: Vec<ApiKey>,
}

/// A key to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct KeyRequest {
    /// Whose it is, or what for.
    name: String,
    /// `chat`, `read`, `admin`.
    scopes: Vec<String>,
    /// Requests a minute; none for no limit.
    #[serde(default)]
    rate_per_minute: Option<u32>,
}

/// A key that was revoked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct RevokedKey {
    /// Its id.
    id: String,
}

impl ApiKey {
    fn of(record: Record, key: Option<String>) -> Self {
        let scopes = record.scopes.iter().map(|scope| scope.name()).collect();
        let Record { id, name, rate_per_minute, created, .. } = record;
        Self { id, name, scopes, rate_per_minute, created, key }
    }
}

/// The keys, without their secrets.
#[utoipa::path(get, path = "/v1/node/keys", tag = "owner", responses((status = 200, body = ApiKeyList)))]
pub(in super::super) async fn list(State(api): State<Api>) -> Result<Json<ApiKeyList>, Fault> {
    let records = on_disk(move || store::read(&api.app.keys)).await?;
    let data = records.into_iter().map(|record| ApiKey::of(record, None)).collect();
    Ok(Json(ApiKeyList { object: "list", data }))
}

/// Makes a key. From the first one on nobody without one is served, on loopback ports too; the node notices within a second.
#[utoipa::path(post, path = "/v1/node/keys", tag = "owner", request_body = KeyRequest,
    responses((status = 201, body = ApiKey)))]
pub(in super::super) async fn create(
    State(api): State<Api>,
    Body(request): Body<KeyRequest>,
) -> Result<(StatusCode, Json<ApiKey>), Fault> {
    let scope =
        |name: &String| Scope::named(name).ok_or_else(|| Fault::field("scopes", "write chat, read or admin"));
    let scopes = request.scopes.iter().map(scope).collect::<Result<Vec<_>, _>>()?;
    let wish = Wish { name: request.name, scopes, rate_per_minute: request.rate_per_minute };
    let (record, key) = on_disk(move || store::create(&api.app.keys, wish)).await?;
    Ok((StatusCode::CREATED, Json(ApiKey::of(record, Some(key)))))
}

/// Revokes a key; the node notices within a second.
#[utoipa::path(delete, path = "/v1/node/keys/{id}", tag = "owner",
    params(("id" = String, Path, description = "The key's id")), responses((status = 200, body = RevokedKey)))]
pub(in super::super) async fn revoke(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<RevokedKey>, Fault> {
    let (record, _) = on_disk(move || store::revoke(&api.app.keys, &id)).await?;
    Ok(Json(RevokedKey { id: record.id }))
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
) -> Result<T, Fault> {
    Ok(blocking(move || Ok(work())).await??)
}
