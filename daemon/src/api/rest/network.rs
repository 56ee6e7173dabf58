//! `/v1/swarm/network` and probes of peers: how this node is reached, and whether others are there.

use super::Api;
use super::swarm::Peer;
use crate::api::grpc::peer as named;
use crate::api::table::Fault;
use crate::network;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

/// How this node is reached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Network {
    /// Addresses that it listens on.
    listening: Vec<String>,
    /// Addresses that lead to it through relays.
    circuits: Vec<String>,
    /// Addresses at which others have reached it.
    confirmed: Vec<String>,
    /// Whether others reach it without a relay: `unknown`, `reachable` or `unreachable`.
    verdict: &'static str,
    /// What became of a port in its router (UPnP): `off`, `asked`, `open`, `none`, `behind another`.
    router: &'static str,
    /// The relays that its owner named.
    relays: Vec<Relay>,
    /// Whether it relays for others.
    is_relay: bool,
    /// Peers connected directly.
    peers_direct: usize,
    /// Peers connected by way of a relay alone.
    peers_relayed: usize,
    /// Relayed connections that became direct ones.
    punched: u64,
    /// Those that did not.
    not_punched: u64,
    /// Peers that are shut out for a time because of what they did.
    shut_out: Vec<ShutOut>,
    /// Peer ids of those that the owner has blocked.
    blocked: Vec<String>,
}

/// A peer that is shut out for a time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ShutOut {
    /// The peer.
    peer_id: String,
    /// How long still.
    seconds_left: u64,
}

/// A relay that this node's owner named.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Relay {
    /// Its address.
    address: String,
    /// Whether it holds a place for this node.
    holds: bool,
}

/// A peer's answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Probe {
    /// The peer.
    peer_id: String,
    /// From the question to the answer, a new connection included if there was none.
    took_ms: f32,
    /// How many experts it offers.
    experts: usize,
    /// What is known of the connection.
    connection: Option<Peer>,
}

/// How this node is reached.
#[utoipa::path(get, path = "/v1/swarm/network", tag = "swarm", responses((status = 200, body = Network)))]
pub(super) async fn network(State(api): State<Api>) -> Result<Json<Network>, Fault> {
    let info = api.app.coordinator.network().info().await;
    let info = info.map_err(|error| Fault::new("unavailable", error.to_string()))?;
    let relay = |relay: network::RelayInfo| Relay { address: relay.address, holds: relay.holds };
    Ok(Json(Network {
        listening: info.listening,
        circuits: info.circuits,
        confirmed: info.confirmed,
        verdict: info.verdict.name(),
        router: info.router,
        relays: info.relays.into_iter().map(relay).collect(),
        is_relay: info.is_relay,
        peers_direct: info.direct,
        peers_relayed: info.relayed,
        punched: info.punched.0,
        not_punched: info.punched.1,
        shut_out: info
            .shut_out
            .into_iter()
            .map(|(peer_id, seconds_left)| ShutOut { peer_id, seconds_left })
            .collect(),
        blocked: info.blocked,
    }))
}

/// Asks a peer whether it is there. It is given three seconds, and as long to be reached.
#[utoipa::path(post, path = "/v1/swarm/peers/{peer}/probe", tag = "swarm",
    params(("peer" = String, Path, description = "A did:key or a peer id")),
    responses((status = 200, body = Probe)))]
pub(super) async fn probe(State(api): State<Api>, Path(peer): Path<String>) -> Result<Json<Probe>, Fault> {
    let peer = named(&peer)?;
    let coordinator = &api.app.coordinator;
    let probe = coordinator.network().probe(peer).await.map_err(|error| Fault::of_peer(&error))?;
    Ok(Json(Probe {
        peer_id: network::peer_id_text(peer),
        took_ms: probe.took.as_secs_f32() * 1_000.0,
        experts: probe.experts,
        connection: probe.info.map(|info| Peer::of(info, &coordinator.experts())),
    }))
}
