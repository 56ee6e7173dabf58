//! `/v1/swarm/audits`: whether other nodes' experts ran the models that they claim.

use super::Api;
use crate::api::grpc::AUDITS_LISTED;
use crate::api::table::Fault;
use crate::store::{AuditRecord, SignedRecord};
use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Audits that may be asked for: all that the log holds.
const LIMIT_MAX: u32 = 10_000;

/// How many audits.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// At most so many, the latest.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u32>,
}

/// One audit of an answer. Neither prompt nor answer is in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Audit {
    /// Counts from 1.
    number: u64,
    /// Milliseconds since 1970.
    at_ms: u64,
    /// The expert's card.
    expert: String,
    /// Its node, as a DID.
    node: String,
    /// SHA-256 of the model file that it claims.
    model_sha256: String,
    /// Who computed the answer again, as a DID; null where nobody could.
    auditor: Option<String>,
    /// `honest`, `doubtful`, `alarm`, `withheld` or `contradiction`.
    outcome: String,
    /// Mean divergence, in nats a token; null where nothing could be compared.
    divergence: Option<f64>,
    /// Positions compared.
    positions: u32,
    /// Tokens that the settings do not draw.
    out_of_place: u32,
    /// Whether the answer stops where nothing stops it.
    cut_off: bool,
    /// A bound on the chance that an honest expert's audit comes out like that.
    p: f64,
    /// Evidence against the expert after it, by this auditor's audits.
    evidence: f64,
    /// What all audits come to after it: `pass`, `fail` or `inconclusive`.
    finding: String,
    /// What the expert signed, in hexadecimal; null where it signed nothing.
    signed: Option<Signed>,
}

/// An expert's signatures under a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Signed {
    /// The task, as expert and auditor name it.
    task_id: String,
    /// The one execution of it.
    run_id: String,
    /// Hash of the transcript.
    transcript: String,
    /// Hash of the evidence that it committed to.
    evidence: String,
    /// Under these three.
    signature: String,
    /// Hash of the evidence that it opened.
    opened: Option<String>,
    /// Under task, transcript and that.
    opened_signature: Option<String>,
}

/// The latest audits, latest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct AuditList {
    /// `list`.
    object: &'static str,
    /// The audits.
    data: Vec<Audit>,
}

impl Audit {
    fn of((number, record): (u64, AuditRecord)) -> Self {
        let signed = record.signed.map(|signed| {
            let SignedRecord { task_id, run_id, transcript, evidence, signature, opened } = signed;
            let (opened, opened_signature) = opened.unzip();
            Signed { task_id, run_id, transcript, evidence, signature, opened, opened_signature }
        });
        Self {
            number,
            at_ms: record.at_ms,
            expert: record.expert,
            node: record.node,
            model_sha256: record.model_sha256,
            auditor: record.auditor,
            outcome: record.outcome,
            divergence: record.divergence,
            positions: record.positions,
            out_of_place: record.out_of_place,
            cut_off: record.cut_off,
            p: record.p,
            evidence: record.evidence,
            finding: record.finding,
            signed,
        }
    }
}

/// The latest audits of other nodes' experts, latest first.
#[utoipa::path(get, path = "/v1/swarm/audits", tag = "swarm", params(Wanted),
    responses((status = 200, body = AuditList)))]
pub(super) async fn audits(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<AuditList>, Fault> {
    let takes = || Fault::field("limit", "1 to 10000");
    let Query(Wanted { limit }) = wanted.map_err(|_| takes())?;
    let limit = limit.unwrap_or(AUDITS_LISTED);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(takes());
    }
    let audits = api.app.coordinator.audit_log(limit as usize).await.map_err(|error| Fault::from(&error))?;
    Ok(Json(AuditList { object: "list", data: audits.into_iter().map(Audit::of).collect() }))
}
