//! `/v1/swarm/ledger`: what this node and others have delivered to each other.

use super::Api;
use crate::api::convert;
use crate::api::grpc::{ENTRIES_LISTED, ENTRIES_MAX};
use crate::api::table::Fault;
use axum::Json;
use axum::extract::{Query, State};
use polymath_proto::v1;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which receipts.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// At most so many, the latest.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Those below this number: the last one of the page before.
    #[param(minimum = 1)]
    before: Option<u64>,
}

/// What a node and another have delivered to each other. Amounts in millionths of a credit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Account {
    /// The other, as a DID.
    node: String,
    /// The same as a peer id.
    peer_id: String,
    /// `unknown`, `known`, `verified` or `trusted`.
    tier: String,
    /// What it may owe.
    credit_micro: u64,
    /// Tokens delivered to it, as both say.
    given_tokens: u64,
    /// What it owes for those.
    given_micro: u64,
    /// Tokens that it delivered, as both say.
    taken_tokens: u64,
    /// What is owed for those.
    taken_micro: u64,
    /// What it owes, as both say; negative if it is owed.
    balance_micro: i64,
    /// Delivered to it and not signed by it yet.
    claimed_micro: u64,
    /// Owed to it and not signed by it yet.
    owed_micro: u64,
    /// What the two do not agree on.
    disputed_micro: u64,
    /// Tasks that both have spoken on.
    receipts: u64,
}

/// One finished task. Bytes in hexadecimal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    /// Counts from 1.
    number: u64,
    /// By which both know it.
    id: String,
    /// `given` or `taken`.
    side: String,
    /// `open`, `settled` or `disputed`.
    state: String,
    /// The other, as a DID.
    node: String,
    /// The expert's card.
    card_sha256: String,
    /// Generated tokens, as this node says.
    tokens: u32,
    /// The price of one.
    price_micro: u64,
    /// The most that was offered for one.
    price_micro_max: u64,
    /// When it was finished; milliseconds since 1970.
    at_ms: u64,
    /// What this node signed.
    receipt: String,
    /// Its signature.
    signature: String,
    /// What the other signed: the same bytes if it is settled, null if it has not spoken.
    other_receipt: Option<String>,
    /// Its signature.
    other_signature: Option<String>,
}

/// Every account, and the latest receipts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Ledger {
    /// `ledger`.
    object: &'static str,
    /// This node, as a DID.
    own: String,
    /// Those that owe most first.
    accounts: Vec<Account>,
    /// Latest first.
    data: Vec<Entry>,
}

impl From<v1::Account> for Account {
    fn from(of: v1::Account) -> Self {
        Self {
            node: of.node,
            peer_id: of.peer_id,
            tier: of.tier,
            credit_micro: of.credit_micro,
            given_tokens: of.given_tokens,
            given_micro: of.given_micro,
            taken_tokens: of.taken_tokens,
            taken_micro: of.taken_micro,
            balance_micro: of.balance_micro,
            claimed_micro: of.claimed_micro,
            owed_micro: of.owed_micro,
            disputed_micro: of.disputed_micro,
            receipts: of.receipts,
        }
    }
}

impl From<v1::LedgerEntry> for Entry {
    fn from(of: v1::LedgerEntry) -> Self {
        let none_if_empty = |text: String| (!text.is_empty()).then_some(text);
        Self {
            number: of.number,
            id: of.id,
            side: of.side,
            state: of.state,
            node: of.node,
            card_sha256: of.card_sha256,
            tokens: of.tokens,
            price_micro: of.price_micro,
            price_micro_max: of.price_micro_max,
            at_ms: of.at_ms,
            receipt: of.receipt,
            signature: of.signature,
            other_receipt: none_if_empty(of.other_receipt),
            other_signature: none_if_empty(of.other_signature),
        }
    }
}

/// What this node and others have delivered to each other.
#[utoipa::path(get, path = "/v1/swarm/ledger", tag = "swarm", params(Wanted),
    responses((status = 200, body = Ledger)))]
pub(super) async fn ledger(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Ledger>, Fault> {
    let Query(Wanted { limit, before }) =
        wanted.map_err(|_| Fault::field("limit", "1 to 1000, and `before` a number from 1"))?;
    let limit = limit.unwrap_or(ENTRIES_LISTED);
    if !(1..=ENTRIES_MAX).contains(&limit) {
        return Err(Fault::field("limit", "1 to 1000"));
    }
    let ledger = api.app.coordinator.ledger();
    let entries = ledger.entries(before.unwrap_or(u64::MAX), limit as usize).await;
    let entries = entries.map_err(|error| Fault::from(&error))?;
    let own = ledger.own();
    Ok(Json(Ledger {
        object: "ledger",
        own: own.to_did(),
        accounts: ledger.accounts().iter().map(|known| convert::account(known).into()).collect(),
        data: entries.iter().map(|(number, entry)| convert::entry(*number, entry, own).into()).collect(),
    }))
}
