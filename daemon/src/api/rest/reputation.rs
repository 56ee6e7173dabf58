//! `/v1/swarm/reputation`: what this node thinks of other nodes' experts.

use super::Api;
use crate::coordinator::KnownReputation;
use crate::network;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// What a node thinks of another's expert. What was seen of its conduct fades with a half-life of two weeks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Reputation {
    /// Its card, if the node knows it now.
    expert: Option<String>,
    /// Its node, as a DID.
    node: String,
    /// The same as a peer id.
    peer_id: String,
    /// SHA-256 of the model file that it claims.
    model_sha256: String,
    /// `unknown`, `known`, `verified` or `trusted`.
    tier: &'static str,
    /// 0 to 1, as routing has it.
    trust: f32,
    /// Whether it finishes what it takes on, as fast as it says.
    reliability: Reliability,
    /// Whether it runs the model that it claims.
    honesty: Honesty,
    /// Whether its answers are good.
    quality: Quality,
    /// Whether this node's owner vouches for its node.
    endorsed: bool,
    /// Its node's share of the trust that starts from those that the owner vouches for; 0 to 1.
    recommended: f64,
    /// Whether it is proven by its own signatures to have cheated somebody.
    proven: bool,
}

/// Weights of what was seen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Reliability {
    /// Tasks finished.
    finished: f64,
    /// Tasks that broke off.
    failed: f64,
    /// Answers about as fast as promised.
    fast: f64,
    /// Answers much slower.
    slow: f64,
}

/// What audits say.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Honesty {
    /// How many there were.
    audits: u32,
    /// Evidence against it, by the auditor that has most; 1 is none.
    evidence: f64,
    /// `pass`, `fail` or `inconclusive`.
    finding: &'static str,
}

/// Weights of verdicts and cross-checks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Quality {
    /// Good answers.
    good: f32,
    /// Bad ones.
    bad: f32,
}

/// What is thought of all of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReputationList {
    /// `list`.
    object: &'static str,
    /// The experts.
    data: Vec<Reputation>,
}

impl Reputation {
    fn of(known: KnownReputation) -> Self {
        let KnownReputation { expert, reputation, outcomes } = known;
        let now = reputation.now();
        Self {
            expert,
            node: reputation.expert.0.to_did(),
            peer_id: network::peer_id_text(reputation.expert.0),
            model_sha256: reputation.expert.1.to_string(),
            tier: reputation.tier.name(),
            trust: reputation.trust,
            reliability: Reliability {
                finished: now.finished,
                failed: now.failed,
                fast: now.fast,
                slow: now.slow,
            },
            honesty: Honesty {
                audits: reputation.audits.audits(),
                evidence: reputation.audits.evidence(),
                finding: reputation.audits.finding().name(),
            },
            quality: Quality { good: outcomes.good, bad: outcomes.bad },
            endorsed: reputation.is_endorsed,
            recommended: reputation.recommended,
            proven: reputation.is_proven,
        }
    }
}

/// What this node thinks of other nodes' experts.
#[utoipa::path(get, path = "/v1/swarm/reputation", tag = "swarm", responses((status = 200, body = ReputationList)))]
pub(super) async fn reputation(State(api): State<Api>) -> Json<ReputationList> {
    let data = api.app.coordinator.reputations().into_iter().map(Reputation::of).collect();
    Json(ReputationList { object: "list", data })
}
