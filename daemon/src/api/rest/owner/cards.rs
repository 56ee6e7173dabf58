//! Experts that are added to a node while it runs, and their cards: shown, tried out, changed.

use super::super::Api;
use super::super::body::Body;
use super::super::embeddings;
use super::blocking;
use crate::api::table::Fault;
use crate::catalog::{BARE_ABILITIES, CardEdit, NewCard};
use crate::network;
use crate::owner::Served;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use utoipa::ToSchema;

/// Prompts that are tried at a time.
const PROMPTS_MAX: usize = 16;

/// A model to be served.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct ServeRequest {
    /// The number of the fetch that brought it.
    pull: u64,
    /// The expert's short name; wanted if there is no card.
    #[serde(default)]
    id: Option<String>,
    /// One sentence: what it is good at; wanted if there is no card.
    #[serde(default)]
    description: Option<String>,
    /// Prompts that it answers well.
    #[serde(default)]
    exemplars: Vec<String>,
}

/// An expert of this node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct ServedExpert {
    /// The card's id.
    id: String,
}

/// The card of an expert of this node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct OwnCard {
    /// The card's id.
    id: String,
    /// One sentence: what it is good at.
    description: String,
    /// Prompts that it answers well.
    exemplars: Vec<String>,
    /// BCP 47 tags.
    languages: Vec<String>,
    /// `chat`, `planner` and so on.
    abilities: Vec<String>,
    /// SPDX expression.
    licence: String,
    /// Whether it can be changed here.
    editable: bool,
    /// Why not.
    why_not: Option<String>,
}

/// A card as it is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct CardRequest {
    /// One sentence: what it is good at.
    description: String,
    /// Prompts that it answers well.
    exemplars: Vec<String>,
    /// BCP 47 tags.
    languages: Vec<String>,
    /// `chat`, `planner` and so on.
    abilities: Vec<String>,
}

/// A card to be tried out.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in super::super) struct PreviewRequest {
    /// One sentence: what it is good at.
    description: String,
    /// Prompts that it answers well.
    exemplars: Vec<String>,
    /// On these: 16 at the most.
    prompts: Vec<String>,
}

/// Who would be asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PreviewCandidate {
    /// The card's id.
    expert: String,
    /// Its node.
    peer_id: String,
    /// How well it fits, in [0, 1].
    score: f32,
    /// Whether it is the one with the card that is tried out.
    edited: bool,
}

/// Who would be asked a prompt, best first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct Preview {
    /// The prompt.
    prompt: String,
    /// The experts, the edited card in place of the present one.
    candidates: Vec<PreviewCandidate>,
}

/// Who would be asked each prompt.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct PreviewList {
    /// `list`.
    object: &'static str,
    /// In the order of the prompts.
    data: Vec<Preview>,
}

/// Whether a file is what its card says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in super::super) struct VerifiedModel {
    /// The card's id.
    id: String,
    /// Whether it is.
    ok: bool,
    /// What it hashes to.
    sha256: Option<String>,
    /// What is wrong.
    error: Option<String>,
}

impl From<Served> for OwnCard {
    fn from(of: Served) -> Self {
        let entry = of.entry;
        Self {
            id: entry.id,
            description: entry.description,
            exemplars: entry.exemplars,
            languages: entry.languages,
            abilities: entry.abilities,
            licence: entry.licence,
            editable: of.why_fixed.is_none(),
            why_not: of.why_fixed,
        }
    }
}

/// Serves a model that was fetched, now and after a restart.
#[utoipa::path(post, path = "/v1/node/models", tag = "owner", request_body = ServeRequest,
    responses((status = 201, body = ServedExpert)))]
pub(in super::super) async fn serve(
    State(api): State<Api>,
    Body(request): Body<ServeRequest>,
) -> Result<(StatusCode, Json<ServedExpert>), Fault> {
    let owner = &api.app.owner;
    let pull = owner.pulls.of(request.pull)?;
    let pulled = pull.pulled.ok_or_else(|| Fault::new("conflict", "the model is not here yet"))?;
    let held = pulled.card();
    let card = match held {
        Some(card) if request.id.is_none() => card,
        held => {
            let (path, is_others) = (pulled.place_of_card(), held.is_none());
            if path.exists() && is_others {
                let message = format!("{} is of another model: move one of them elsewhere", path.display());
                return Err(Fault::new("conflict", message));
            }
            if let Some(other) = owner.experts.all().iter().find(|other| other.card.as_deref() == Some(&path))
            {
                let message = format!("it is served already, as `{}`: change that card", other.entry.id);
                return Err(Fault::new("conflict", message));
            }
            let card = described(request, pull.licence)?;
            if owner.experts.of(&card.id).is_ok() {
                let message =
                    format!("an expert `{}` is served already; give this one another name", card.id);
                return Err(Fault::new("conflict", message));
            }
            write_card(card, path, &pulled.fetched).await?
        }
    };
    let id = owner.experts.add(card).await?;
    Ok((StatusCode::CREATED, Json(ServedExpert { id })))
}

fn described(request: ServeRequest, licence: Option<String>) -> Result<NewCard, Fault> {
    let wanted = |field: &'static str, value: Option<String>| {
        let value = value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        value.ok_or_else(|| Fault::field(field, "the model has no card: say its name and what it is good at"))
    };
    let text = CardEdit {
        description: wanted("description", request.description)?,
        exemplars: request.exemplars,
        languages: Vec::new(),
        abilities: BARE_ABILITIES.map(str::to_owned).to_vec(),
    };
    let licence = licence.unwrap_or_else(|| "unknown".to_owned());
    Ok(NewCard { id: wanted("id", request.id)?, licence, text })
}

async fn write_card(
    card: NewCard,
    path: PathBuf,
    fetched: &crate::catalog::pull::Fetched,
) -> Result<PathBuf, Fault> {
    let (model, sha256) = (fetched.path.clone(), fetched.sha256);
    blocking(move || Ok(card.write(&path, &model, sha256).map(|()| path)?)).await
}

/// Serves an expert no more that was added so.
#[utoipa::path(delete, path = "/v1/node/models/{id}", tag = "owner",
    params(("id" = String, Path, description = "The card's id")), responses((status = 200, body = ServedExpert)))]
pub(in super::super) async fn remove(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<ServedExpert>, Fault> {
    api.app.owner.experts.remove(&id).await?;
    Ok(Json(ServedExpert { id }))
}

/// The card of an expert of this node.
#[utoipa::path(get, path = "/v1/node/models/{id}/card", tag = "node",
    params(("id" = String, Path, description = "The card's id")), responses((status = 200, body = OwnCard)))]
pub(in super::super) async fn card(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<OwnCard>, Fault> {
    Ok(Json(api.app.owner.experts.of(&id)?.into()))
}

/// Changes a card, in its file and in the swarm.
#[utoipa::path(put, path = "/v1/node/models/{id}/card", tag = "owner",
    params(("id" = String, Path, description = "The card's id")), request_body = CardRequest,
    responses((status = 200, body = OwnCard)))]
pub(in super::super) async fn edit(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(request): Body<CardRequest>,
) -> Result<Json<OwnCard>, Fault> {
    let CardRequest { description, exemplars, languages, abilities } = request;
    let edit = CardEdit { description, exemplars, languages, abilities };
    Ok(Json(api.app.owner.experts.edit(&id, edit).await?.into()))
}

/// Who would be asked these prompts if the card were so. Nobody is asked, and nothing is changed.
#[utoipa::path(post, path = "/v1/node/models/{id}/card/preview", tag = "node",
    params(("id" = String, Path, description = "The card's id")), request_body = PreviewRequest,
    responses((status = 200, body = PreviewList)))]
pub(in super::super) async fn preview(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(request): Body<PreviewRequest>,
) -> Result<Json<PreviewList>, Fault> {
    let PreviewRequest { description, exemplars, prompts } = request;
    if prompts.len() > PROMPTS_MAX {
        return Err(Fault::field("prompts", format!("{PROMPTS_MAX} at the most")));
    }
    let _place = embeddings::place(&api)?;
    let now = api.app.owner.experts.of(&id)?.entry;
    let edit = CardEdit { description, exemplars, languages: now.languages, abilities: now.abilities };
    let card = api.app.owner.experts.draft(&id, &edit).await?;
    let ranked = api.app.coordinator.preview(card, prompts.clone()).await;
    let ranked = ranked.map_err(|error| Fault::from(&error))?;
    let data = prompts.into_iter().zip(ranked).map(|(prompt, candidates)| {
        let candidates = candidates.into_iter().map(|(candidate, edited)| PreviewCandidate {
            expert: candidate.advert.card.id.clone(),
            peer_id: network::peer_id_text(candidate.advert.peer),
            score: candidate.score(),
            edited,
        });
        Preview { prompt, candidates: candidates.collect() }
    });
    Ok(Json(PreviewList { object: "list", data: data.collect() }))
}

/// Compares a model's file with its card.
#[utoipa::path(post, path = "/v1/node/models/{id}/verify", tag = "node",
    params(("id" = String, Path, description = "The card's id")), responses((status = 200, body = VerifiedModel)))]
pub(in super::super) async fn verify(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<VerifiedModel>, Fault> {
    use crate::owner::Error;
    let (sha256, error) = match api.app.owner.experts.verify(&id).await {
        Ok(verified) => (Some(verified.sha256.to_string()), None),
        Err(error @ Error::Catalog(_)) => (None, Some(error.chain())),
        Err(error) => return Err(error.into()),
    };
    Ok(Json(VerifiedModel { id, ok: error.is_none(), sha256, error }))
}
