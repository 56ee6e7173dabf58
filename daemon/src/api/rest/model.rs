//! The names a client may give as `model`, and the list of them.
//!
//! `swarm` plans and routes; `swarm:N` with at most N experts; `expert:<id>` or a bare id is that expert,
//! wherever it runs. The sentence encoder is a model of `/v1/embeddings` only.

use super::Api;
use crate::api::table::Fault;
use crate::coordinator::Target;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use polymath_swarm::capability::Advert;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// The model that plans and routes.
pub(super) const SWARM: &str = "swarm";
/// What stands before an expert's id in a model's name.
const EXPERT: &str = "expert:";
/// Bytes of a model's name: `expert:` and the longest card id there may be, with room.
const NAME_BYTES_MAX: usize = 128;
/// Experts without this ability are never asked a question.
const CHAT: &str = "chat";

/// A model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Model {
    /// The name to ask for.
    id: String,
    /// `model`.
    object: &'static str,
    /// When this node started, Unix seconds.
    created: u64,
    /// `polymath` for what is this node's own, else `swarm`.
    owned_by: &'static str,
    /// What the expert says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    polymath: Option<ModelCard>,
}

/// What an expert says of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ModelCard {
    /// What it is good at.
    description: String,
    /// Tokens of prompt and answer together.
    context_tokens: u32,
    /// `chat`, `scratchpad`, `conversation` and so on.
    abilities: Vec<String>,
    /// Nodes that serve it.
    nodes: usize,
}

/// The models there are.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ModelList {
    /// `list`.
    object: &'static str,
    /// The models.
    data: Vec<Model>,
}

/// Whom the name means, and how many experts may be used.
pub(super) fn target(name: &str) -> Result<(Target, Option<u32>), Fault> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(unknown("a model's name has 1 to 128 bytes"));
    }
    if name == SWARM {
        return Ok((Target::Swarm, None));
    }
    if let Some(experts) = name.strip_prefix("swarm:") {
        let experts = experts.parse().ok().filter(|n| (1..=16).contains(n));
        return match experts {
            Some(experts) => Ok((Target::Swarm, Some(experts))),
            None => Err(Fault::field("model", "swarm:N takes an N of 1 to 16")),
        };
    }
    Ok((Target::Expert(name.strip_prefix(EXPERT).unwrap_or(name).to_owned()), None))
}

/// The temperature that the named expert recommends; the swarm's experts each have their own, and those that are
/// bundled want none.
pub(super) fn temperature(api: &Api, name: &str) -> f32 {
    let Ok((Target::Expert(id), _)) = target(name) else { return 0.0 };
    let experts = api.app.coordinator.experts();
    experts.iter().find(|advert| advert.card.id == id).map_or(0.0, |advert| advert.card.temperature)
}

fn unknown(message: &str) -> Fault {
    Fault { field: Some("model".to_owned()), ..Fault::new("unknown_expert", message) }
}

/// Every model's name.
#[utoipa::path(get, path = "/v1/models", tag = "openai", responses((status = 200, body = ModelList)))]
pub(super) async fn models(State(api): State<Api>) -> Json<ModelList> {
    Json(ModelList { object: "list", data: list(&api) })
}

/// One model.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "openai",
    params(("id" = String, Path, description = "The model's name")),
    responses((status = 200, body = Model)))]
pub(super) async fn model(
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Model>, Fault> {
    let Path(id) = id.map_err(|_| Fault::new("invalid", "the model's name is not UTF-8"))?;
    let models = list(&api);
    let name = match target(&id) {
        Ok((Target::Swarm, _)) => SWARM.to_owned(),
        // The encoder has a name without a colon, as an expert may be called.
        Ok((Target::Expert(_), _)) if models.iter().any(|m| m.id == id) => id.clone(),
        Ok((Target::Expert(expert), _)) => format!("{EXPERT}{expert}"),
        Err(fault) => return Err(Fault { field: None, ..fault }),
    };
    match models.into_iter().find(|m| m.id == name) {
        Some(found) => Ok(Json(Model { id, ..found })),
        None => Err(Fault::new("unknown_expert", "no model has this name; /v1/models has the list")),
    }
}

fn list(api: &Api) -> Vec<Model> {
    let coordinator = &api.app.coordinator;
    let own = coordinator.network().peer();
    let mut by_id: BTreeMap<String, Vec<Arc<Advert>>> = BTreeMap::new();
    for advert in coordinator.experts().into_iter().filter(|a| a.card.has_ability(CHAT)) {
        by_id.entry(advert.card.id.clone()).or_default().push(advert);
    }
    let model = |id: &str, owned_by, polymath| Model {
        id: id.to_owned(),
        object: "model",
        created: api.created,
        owned_by,
        polymath,
    };
    let mut models =
        vec![model(SWARM, "polymath", None), model(coordinator.encoder().name(), "polymath", None)];
    for (id, adverts) in by_id {
        let Some(first) = adverts.first() else { continue };
        let owned_by = if adverts.iter().any(|a| a.peer == own) { "polymath" } else { "swarm" };
        let card = ModelCard {
            description: first.card.description.clone(),
            context_tokens: first.card.model.context_tokens,
            abilities: first.card.abilities.clone(),
            nodes: adverts.len(),
        };
        models.push(model(&format!("{EXPERT}{id}"), owned_by, Some(card)));
    }
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_whom_they_say() {
        assert_eq!(target("swarm").unwrap(), (Target::Swarm, None));
        assert_eq!(target("swarm:3").unwrap(), (Target::Swarm, Some(3)));
        let chemistry = (Target::Expert("chemistry".to_owned()), None);
        assert_eq!(target("chemistry").unwrap(), chemistry);
        assert_eq!(target("expert:chemistry").unwrap(), chemistry);
        for (bad, status) in [("swarm:0", 400), ("swarm:x", 400), ("", 404), (&"x".repeat(200), 404)] {
            let fault = target(bad).unwrap_err();
            assert_eq!((fault.row.http, fault.field.as_deref()), (status, Some("model")), "{bad}");
        }
    }
}
