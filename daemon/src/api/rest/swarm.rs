//! `/v1/swarm`: who is there and what a question would become, for consoles and scripts.

use super::body::Body;
use super::{Api, data, extension, wishes};
use crate::api::convert::OWN;
use crate::api::table::Fault;
use crate::coordinator::Question;
use crate::network;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use futures::stream::StreamExt as _;
use polymath_swarm::capability::Advert;
use polymath_swarm::trust::Tier;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// How often the directory is looked at for events: people do not see more, and a look copies pointers only.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A connected peer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Peer {
    /// Its id.
    peer_id: String,
    /// Where it says that it listens.
    addresses: Vec<String>,
    /// What it calls its software.
    agent: String,
    /// The last round trip.
    rtt_ms: Option<f32>,
    /// Ids of its experts.
    experts: Vec<String>,
    /// Whether it is connected by way of a relay alone.
    relayed: bool,
}

impl Peer {
    pub(super) fn of(peer: network::PeerInfo, experts: &[Arc<Advert>]) -> Self {
        Self {
            experts: experts.iter().filter(|e| e.peer == peer.peer).map(|e| e.card.id.clone()).collect(),
            peer_id: peer.peer_id,
            addresses: peer.addresses,
            agent: peer.agent,
            rtt_ms: peer.rtt_ms,
            relayed: peer.relayed,
        }
    }
}

/// The connected peers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PeerList {
    /// `list`.
    object: &'static str,
    /// The peers.
    data: Vec<Peer>,
}

/// A known expert.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct SwarmExpert {
    /// The card's id.
    id: String,
    /// Its node.
    peer_id: String,
    /// What it is good at.
    description: String,
    /// SHA-256 of the model's file.
    model_sha256: String,
    /// llama.cpp's name of the architecture.
    architecture: String,
    /// How many parameters.
    parameters: u64,
    /// `F16`, `Q4_K_M` and so on.
    quantisation: String,
    /// Tokens of prompt and answer together.
    context_tokens: u32,
    /// SPDX expression.
    licence: String,
    /// `chat`, `scratchpad` and so on.
    abilities: Vec<String>,
    /// Tasks it runs at once.
    slots: u32,
    /// Of those, free.
    free_slots: u32,
    /// Measured speed.
    tokens_per_second: f32,
    /// Whether this node hosts it.
    local: bool,
    /// How well this node knows it: `unknown`, `known`, `verified` or `trusted`; `own` for this node's.
    tier: &'static str,
    /// Whether its model must be loaded before it begins.
    cold: bool,
    /// Whether nobody can find out if it runs what it claims: a server that its owner runs.
    unverifiable: bool,
}

/// The known experts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ExpertList {
    /// `list`.
    object: &'static str,
    /// The experts.
    data: Vec<SwarmExpert>,
}

/// A question to be planned.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct PlanRequest {
    /// The question.
    prompt: String,
    /// What is wished of the swarm.
    polymath: Option<wishes::Polymath>,
}

/// Something changed in the directory.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SwarmEvent {
    /// An expert is known now. At first all that are known come so.
    Appeared {
        /// The expert.
        expert: Box<SwarmExpert>,
    },
    /// Its status changed.
    Changed {
        /// The expert.
        expert: Box<SwarmExpert>,
    },
    /// It is gone.
    Left {
        /// The card's id.
        id: String,
        /// Its node.
        peer_id: String,
    },
}

impl SwarmExpert {
    pub(super) fn of(advert: &Advert, tier: Option<Tier>) -> Self {
        let (card, status) = (&advert.card, &advert.status);
        Self {
            id: card.id.clone(),
            peer_id: network::peer_id_text(advert.peer),
            description: card.description.clone(),
            model_sha256: card.model.sha256.to_string(),
            architecture: card.model.architecture.clone(),
            parameters: card.model.parameters,
            quantisation: card.model.quantisation.clone(),
            context_tokens: card.model.context_tokens,
            licence: card.licence.clone(),
            abilities: card.abilities.clone(),
            slots: status.slots,
            free_slots: status.free_slots,
            tokens_per_second: status.tokens_per_second,
            local: tier.is_none(),
            tier: tier.map_or(OWN, Tier::name),
            cold: status.cold,
            unverifiable: !card.kind.is_verifiable(),
        }
    }
}

/// The connected peers.
#[utoipa::path(get, path = "/v1/swarm/peers", tag = "swarm", responses((status = 200, body = PeerList)))]
pub(super) async fn peers(State(api): State<Api>) -> Json<PeerList> {
    let experts = api.app.coordinator.experts();
    let data = api.app.coordinator.peers().await.into_iter().map(|peer| Peer::of(peer, &experts)).collect();
    Json(PeerList { object: "list", data })
}

/// The known experts, this node's own included.
#[utoipa::path(get, path = "/v1/swarm/experts", tag = "swarm", responses((status = 200, body = ExpertList)))]
pub(super) async fn experts(State(api): State<Api>) -> Json<ExpertList> {
    Json(ExpertList { object: "list", data: known(&api).into_values().collect() })
}

/// Into which tasks a question would be cut, and who would do them. Nobody is asked.
#[utoipa::path(post, path = "/v1/swarm/plan", tag = "swarm", request_body = PlanRequest,
    responses((status = 200, body = extension::Report)))]
pub(super) async fn plan(
    State(api): State<Api>,
    Body(request): Body<PlanRequest>,
) -> Result<Json<extension::Report>, Fault> {
    let planned = api
        .app
        .coordinator
        .plan(&Question { filter: wishes::filter(request.polymath), ..Question::new(request.prompt) })
        .await
        .map_err(|error| wishes::renamed((&error).into(), &[("messages", "prompt")]))?;
    let mut report = extension::Report::default();
    report.planned(0, &planned);
    Ok(Json(report))
}

struct Watch {
    api: Api,
    seen: BTreeMap<(String, String), SwarmExpert>,
    ready: VecDeque<SwarmEvent>,
    ticks: tokio::time::Interval,
}

/// Experts that appear, change and leave, as server-sent events, from what is known now on.
#[utoipa::path(get, path = "/v1/swarm/events", tag = "swarm",
    responses((status = 200, body = SwarmEvent, content_type = "text/event-stream")))]
pub(super) async fn events(State(api): State<Api>) -> Response {
    let stop = api.app.stop.clone();
    let ticks = tokio::time::interval(LOOK_EVERY);
    let watch = Watch { api, seen: BTreeMap::new(), ready: VecDeque::new(), ticks };
    let events = futures::stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(event) = watch.ready.pop_front() {
                return Some((data(&event), watch));
            }
            watch.ticks.tick().await;
            watch.look();
        }
    });
    super::sse(events.take_until(stop.cancelled_owned()))
}

impl Watch {
    fn look(&mut self) {
        let now = known(&self.api);
        self.ready.extend(changes(&self.seen, &now));
        self.seen = now;
    }
}

fn known(api: &Api) -> BTreeMap<(String, String), SwarmExpert> {
    let coordinator = &api.app.coordinator;
    let named = |e: SwarmExpert| ((e.id.clone(), e.peer_id.clone()), e);
    coordinator.experts().iter().map(|a| named(SwarmExpert::of(a, coordinator.tier_of(a)))).collect()
}

fn changes(
    before: &BTreeMap<(String, String), SwarmExpert>,
    now: &BTreeMap<(String, String), SwarmExpert>,
) -> Vec<SwarmEvent> {
    let left = before.keys().filter(|key| !now.contains_key(*key));
    let mut events: Vec<SwarmEvent> =
        left.map(|(id, peer_id)| SwarmEvent::Left { id: id.clone(), peer_id: peer_id.clone() }).collect();
    for (key, expert) in now {
        match before.get(key) {
            None => events.push(SwarmEvent::Appeared { expert: Box::new(expert.clone()) }),
            Some(old) if old != expert => {
                events.push(SwarmEvent::Changed { expert: Box::new(expert.clone()) })
            }
            Some(_) => {}
        }
    }
    events
}
