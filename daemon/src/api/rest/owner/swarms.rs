//! `/v1/node/swarms`: the private swarms of this machine's user, and his own node in each.

use super::super::Api;
use super::super::body::Body;
use super::blocking;
use crate::api::client::Client;
use crate::api::table::Fault;
use crate::owner::Membership;
use crate::owner::swarms::far_first;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// How long a node may take to finish what it is doing.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A private swarm that the user is a member of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PrivateSwarm {
    /// Its name.
    name: String,
    /// Whether his node in it runs.
    running: bool,
    /// The address of that node's own console, with the owner's key: for his eyes only.
    console: Option<String>,
}

/// His private swarms.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PrivateSwarmList {
    /// `list`.
    object: &'static str,
    /// The swarms.
    data: Vec<PrivateSwarm>,
}

/// A swarm to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct SwarmRequest {
    /// 1 to 32 letters, digits, `-`, `_` and `.`.
    name: String,
}

/// A swarm to be joined.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct JoinRequest {
    /// The string that a member gave.
    invitation: String,
}

/// What lets others in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct SwarmInvitation {
    /// The swarm.
    name: String,
    /// Whoever has it is a member.
    invitation: String,
    /// Where those who have it begin; none if the user's node in it does not run.
    addresses: Vec<String>,
}

/// What was left.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct LeftSwarm {
    /// The swarm.
    name: String,
}

impl From<Membership> for PrivateSwarm {
    fn from(of: Membership) -> Self {
        Self { name: of.name, running: of.is_running, console: of.console }
    }
}

/// The private swarms of this machine's user.
#[utoipa::path(get, path = "/v1/node/swarms", tag = "owner", responses((status = 200, body = PrivateSwarmList)))]
pub(in super::super) async fn list(State(api): State<Api>) -> Json<PrivateSwarmList> {
    let data = api.app.owner.swarms.all().into_iter().map(PrivateSwarm::from).collect();
    Json(PrivateSwarmList { object: "list", data })
}

/// Makes a private swarm with a new key. The node in it is not started.
#[utoipa::path(post, path = "/v1/node/swarms", tag = "owner", request_body = SwarmRequest,
    responses((status = 201, body = PrivateSwarm)))]
pub(in super::super) async fn create(
    State(api): State<Api>,
    Body(request): Body<SwarmRequest>,
) -> Result<(StatusCode, Json<PrivateSwarm>), Fault> {
    let made = blocking(move || api.app.owner.swarms.create(request.name.trim())).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Joins a private swarm. The node in it is not started.
#[utoipa::path(post, path = "/v1/node/swarms/join", tag = "owner", request_body = JoinRequest,
    responses((status = 201, body = PrivateSwarm)))]
pub(in super::super) async fn join(
    State(api): State<Api>,
    Body(request): Body<JoinRequest>,
) -> Result<(StatusCode, Json<PrivateSwarm>), Fault> {
    let joined = blocking(move || api.app.owner.swarms.join(request.invitation.trim())).await?;
    Ok((StatusCode::CREATED, Json(joined.into())))
}

/// The string that lets others in, with the addresses of the user's node, if that runs.
#[utoipa::path(post, path = "/v1/node/swarms/{name}/invitation", tag = "owner",
    params(("name" = String, Path, description = "The swarm")),
    responses((status = 200, body = SwarmInvitation)))]
pub(in super::super) async fn invitation(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<SwarmInvitation>, Fault> {
    let swarms = &api.app.owner.swarms;
    let addresses = match Client::connect(&swarms.socket(&name)?).await {
        Ok(client) => client.connection().health().await.map(|health| health.listen_addresses),
        // Without them the invitation lets in whoever finds a member by himself.
        Err(_) => Ok(Vec::new()),
    };
    let addresses = addresses.map_err(|error| Fault::new("unavailable", error.to_string()))?;
    let invitation = swarms.invitation(&name, far_first(addresses))?;
    let text = invitation.encode().as_str().to_owned();
    Ok(Json(SwarmInvitation { name, invitation: text, addresses: invitation.addresses.clone() }))
}

/// Starts the user's node in a swarm, a process of its own, and waits until it answers.
#[utoipa::path(post, path = "/v1/node/swarms/{name}/start", tag = "owner",
    params(("name" = String, Path, description = "The swarm")), responses((status = 200, body = PrivateSwarm)))]
pub(in super::super) async fn start(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<PrivateSwarm>, Fault> {
    Ok(Json(api.app.owner.swarms.start(&name).await?.into()))
}

/// Stops the user's node in a swarm; what it is doing may end.
#[utoipa::path(post, path = "/v1/node/swarms/{name}/stop", tag = "owner",
    params(("name" = String, Path, description = "The swarm")), responses((status = 200, body = PrivateSwarm)))]
pub(in super::super) async fn stop(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<PrivateSwarm>, Fault> {
    let swarms = &api.app.owner.swarms;
    if let Ok(client) = Client::connect(&swarms.socket(&name)?).await {
        let asked = client.connection().shutdown().await;
        asked.map_err(|error| Fault::new("unavailable", error.to_string()))?;
    }
    let late = |_| Fault::new("deadline", format!("your node in {name} was asked to stop and still runs"));
    tokio::time::timeout(STOP_MAX, swarms.ended(&name)).await.map_err(late)??;
    Ok(Json(swarms.of(&name)?.into()))
}

/// Makes a new key: whoever has only the old one is out.
#[utoipa::path(post, path = "/v1/node/swarms/{name}/rotate", tag = "owner",
    params(("name" = String, Path, description = "The swarm")), responses((status = 200, body = PrivateSwarm)))]
pub(in super::super) async fn rotate(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<PrivateSwarm>, Fault> {
    Ok(Json(blocking(move || api.app.owner.swarms.rotate(&name)).await?.into()))
}

/// Leaves a swarm: the key, and what the user's node was there, are gone.
#[utoipa::path(delete, path = "/v1/node/swarms/{name}", tag = "owner",
    params(("name" = String, Path, description = "The swarm")), responses((status = 200, body = LeftSwarm)))]
pub(in super::super) async fn leave(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<LeftSwarm>, Fault> {
    let left = name.clone();
    blocking(move || api.app.owner.swarms.leave(&left)).await?;
    Ok(Json(LeftSwarm { name }))
}
