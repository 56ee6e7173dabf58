//! `/v1/swarm/experts/{peer_id}/{id}`: all that an expert says of itself.

use super::Api;
use super::swarm::SwarmExpert;
use crate::api::table::Fault;
use crate::network;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

/// A known expert, with what decides who is asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ExpertCard {
    /// As in the list of experts.
    #[serde(flatten)]
    expert: SwarmExpert,
    /// Prompts that it answers well: what a question is compared with, beside the description.
    exemplars: Vec<String>,
    /// BCP 47 tags.
    languages: Vec<String>,
    /// Sampling temperature where a question does not say.
    temperature: f32,
    /// Millionths of a credit for each token that it writes.
    price_micro: u64,
    /// Where its node listens.
    addresses: Vec<String>,
    /// The card's own hash, which its status is signed with.
    card_sha256: String,
}

/// All that an expert says of itself.
#[utoipa::path(get, path = "/v1/swarm/experts/{peer_id}/{id}", tag = "swarm",
    params(("peer_id" = String, Path, description = "Its node."), ("id" = String, Path, description = "The card's id.")),
    responses((status = 200, body = ExpertCard)))]
pub(super) async fn card(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<ExpertCard>, Fault> {
    let unknown =
        || Fault::new("unknown_expert", "no such expert is known; /v1/swarm/experts lists those that are");
    let Path((peer, id)) = path.map_err(|_| unknown())?;
    let peer = network::peer_of_text(&peer).ok_or_else(unknown)?;
    let coordinator = &api.app.coordinator;
    let experts = coordinator.experts();
    let advert = experts.iter().find(|a| a.peer == peer && a.card.id == id).ok_or_else(unknown)?;
    Ok(Json(ExpertCard {
        expert: SwarmExpert::of(advert, coordinator.tier_of(advert)),
        exemplars: advert.card.exemplars.clone(),
        languages: advert.card.languages.clone(),
        temperature: advert.card.temperature,
        price_micro: advert.status.price_micro,
        addresses: advert.status.addresses.clone(),
        card_sha256: advert.status.card.to_string(),
    }))
}
