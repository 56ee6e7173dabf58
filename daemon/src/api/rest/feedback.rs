//! `/v1/feedback`: whether an answer was good.

use super::Api;
use super::body::Body;
use crate::api::table::Fault;
use crate::coordinator::{TaskId, Verdict};
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
    let task = task_id(&request.task_id).ok_or_else(|| Fault::field("task_id", "32 hexadecimal digits"))?;
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

/// The digits of a task's id.
pub(super) fn hex(id: TaskId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn task_id(text: &str) -> Option<TaskId> {
    if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut id = TaskId::default();
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits() {
        let id: TaskId = std::array::from_fn(|i| (i * 17) as u8);
        assert_eq!(task_id(&hex(id)), Some(id));
        for bad in
            ["", "00", "+f00112233445566778899aabbccddee", "zz112233445566778899aabbccddeeff", "\u{e9}\u{e9}"]
        {
            assert_eq!(task_id(bad), None, "{bad}");
        }
    }
}
