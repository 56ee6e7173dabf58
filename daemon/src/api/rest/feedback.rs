//! `/v1/feedback`: whether an answer was good.

use super::Api;
use super::body::Body;
use crate::api::table::Fault;
use crate::coordinator::Verdict;
use crate::network;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A verdict.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(super) struct FeedbackRequest {
    /// The task's `task_id`, 32 hexadecimal digits.
    #[schema(min_length = 32, max_length = 32, pattern = "^[0-9a-fA-F]{32}$")]
    task_id: String,
    /// What the answer was.
    verdict: Said,
}

/// What an answer was.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// Of use.
    Good,
    /// Wrong, or of no use.
    Bad,
}

/// Where the expert stands on this node now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Standing {
    /// `feedback`.
    object: &'static str,
    /// The card's id.
    expert: String,
    /// Its node.
    peer_id: String,
    /// Its good outcomes.
    good: f32,
    /// Its bad ones.
    bad: f32,
}

/// Says whether the answer to a task was good. It counts for the expert where prompts are alike; a later verdict takes the
/// place of an earlier one. Stored when the reply comes.
#[utoipa::path(post, path = "/v1/feedback", tag = "swarm", request_body = FeedbackRequest,
    responses((status = 200, body = Standing)))]
pub(super) async fn feedback(
    State(api): State<Api>,
    Body(request): Body<FeedbackRequest>,
) -> Result<Json<Standing>, Fault> {
    let task = request.task_id.parse().map_err(|why: &str| Fault::field("task_id", why))?;
    let verdict = match request.verdict {
        Said::Good => Verdict::Good,
        Said::Bad => Verdict::Bad,
    };
    let judged = api.app.coordinator.feedback(task, verdict).await.map_err(|error| Fault::from(&error))?;
    Ok(Json(Standing {
        object: "feedback",
        expert: judged.expert,
        peer_id: network::peer_id_text(judged.peer),
        good: judged.outcomes.good,
        bad: judged.outcomes.bad,
    }))
}
