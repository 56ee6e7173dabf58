//! What a node says of itself and of those it knows.

use serde::{Deserialize, Serialize};

/// A node's own state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Its version.
    pub version: String,
    /// Its name, for people.
    pub name: String,
    /// Its peer id.
    pub peer_id: String,
    /// How long it has run.
    pub uptime_ms: u64,
    /// Peers it is connected to.
    pub peers: u32,
    /// Experts it hosts.
    pub experts_local: u32,
    /// Experts it knows, its own included.
    #[serde(alias = "experts")]
    pub experts_known: u32,
    /// Where it listens for other nodes.
    pub listen_addresses: Vec<String>,
}

/// Where an expert stands on a node after a verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Its card's id.
    pub expert: String,
    /// Where it runs.
    pub peer_id: String,
    /// Its good answers, as that node counts them.
    pub good: f32,
    /// Its bad ones.
    pub bad: f32,
}

/// A peer that a node is connected to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Peer {
    /// Its peer id.
    pub peer_id: String,
    /// Where it was reached.
    pub addresses: Vec<String>,
    /// Its software.
    pub agent: String,
    /// Round trip.
    pub rtt_ms: Option<f32>,
    /// Ids of the experts it hosts.
    pub experts: Vec<String>,
    /// Whether it is connected by way of a relay alone.
    pub relayed: bool,
}

/// A peer's answer to a probe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Probe {
    /// The peer.
    pub peer_id: String,
    /// From the question to the answer, a new connection included if there was none.
    pub took_ms: f32,
    /// How many experts it offers.
    pub experts: u32,
    /// What is known of the connection.
    pub connection: Option<Peer>,
}

/// How a node is reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Addresses that it listens on.
    pub listening: Vec<String>,
    /// Addresses that lead to it through relays.
    pub circuits: Vec<String>,
    /// Addresses at which others have reached it.
    pub confirmed: Vec<String>,
    /// Whether others reach it without a relay: `unknown`, `reachable` or `unreachable`.
    pub verdict: String,
    /// What became of a port in its router (UPnP): `off`, `asked`, `open`, `none`, `behind another`.
    pub router: String,
    /// The relays that its owner named.
    pub relays: Vec<Relay>,
    /// Whether it relays for others.
    pub is_relay: bool,
    /// Peers connected directly.
    pub peers_direct: u32,
    /// Peers connected by way of a relay alone.
    pub peers_relayed: u32,
    /// Relayed connections that became direct ones.
    pub punched: u64,
    /// Those that did not.
    pub not_punched: u64,
    /// Peers that are shut out for a time because of what they did.
    pub shut_out: Vec<ShutOut>,
    /// Peer ids of those that the owner has blocked.
    pub blocked: Vec<String>,
}

/// A peer that is shut out for a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShutOut {
    /// The peer.
    pub peer_id: String,
    /// How long still.
    pub seconds_left: u64,
}

/// A relay that a node's owner named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Relay {
    /// Its address.
    pub address: String,
    /// Whether it holds a place for the node.
    pub holds: bool,
}

/// An expert that a node knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expert {
    /// Its card's id.
    pub id: String,
    /// Where it runs.
    pub peer_id: String,
    /// What it is good at.
    pub description: String,
    /// SHA-256 of its model file, in hexadecimal.
    pub model_sha256: String,
    /// The model's architecture.
    pub architecture: String,
    /// The model's parameters.
    pub parameters: u64,
    /// How its weights are stored.
    pub quantisation: String,
    /// Tokens it can read and write at once.
    pub context_tokens: u32,
    /// The model's licence.
    pub licence: String,
    /// What else it can do, `conversation` for instance.
    pub abilities: Vec<String>,
    /// Tasks at once.
    pub slots: u32,
    /// Of these, free.
    pub free_slots: u32,
    /// How fast it writes.
    pub tokens_per_second: f32,
    /// Whether the asked node hosts it.
    pub local: bool,
    /// Until when its status holds, in milliseconds since 1970.
    pub expires_ms: u64,
    /// Whether its model must be loaded before it begins.
    pub cold: bool,
    /// Whether nobody can find out if it runs what it claims: a server that its owner runs.
    pub unverifiable: bool,
}

/// What a node thinks of another's expert. Weights of experiences fade with a half-life of two weeks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reputation {
    /// Its card's id, if the node knows it now.
    pub expert: Option<String>,
    /// Its node, as a DID.
    pub node: String,
    /// The same as a peer id.
    pub peer_id: String,
    /// SHA-256 of the model file that it claims, in hexadecimal.
    pub model_sha256: String,
    /// `unknown`, `known`, `verified` or `trusted`.
    pub tier: String,
    /// 0 to 1, as routing has it.
    pub trust: f32,
    /// Whether it finishes what it takes on, as fast as it says.
    pub reliability: Reliability,
    /// Whether it runs the model that it claims.
    pub honesty: Honesty,
    /// Whether its answers are good.
    pub quality: Quality,
    /// Whether the node's owner vouches for its node.
    pub endorsed: bool,
    /// Its node's share of the trust that starts from those that the owner vouches for; 0 to 1.
    pub recommended: f64,
    /// Whether its own signatures prove that it has cheated somebody.
    pub proven: bool,
}

/// Weights of what was seen of an expert's conduct.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reliability {
    /// Tasks finished.
    pub finished: f64,
    /// Tasks that broke off.
    pub failed: f64,
    /// Answers about as fast as promised.
    pub fast: f64,
    /// Answers much slower.
    pub slow: f64,
}

/// What audits say of an expert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Honesty {
    /// How many there were.
    pub audits: u32,
    /// Evidence against it; 1 is none.
    pub evidence: f64,
    /// `pass`, `fail` or `inconclusive`.
    pub finding: String,
}

/// Weights of verdicts and cross-checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quality {
    /// Good answers.
    pub good: f32,
    /// Bad ones.
    pub bad: f32,
}

/// An audit of an answer: whether another node's expert ran the model that it claims.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audit {
    /// Counts from 1.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The expert's card's id.
    pub expert: String,
    /// Its node, as a DID.
    pub node: String,
    /// SHA-256 of the model file that it claims, in hexadecimal.
    pub model_sha256: String,
    /// `honest`, `doubtful`, `alarm`, `withheld` or `contradiction`.
    pub outcome: String,
    /// Mean divergence, in nats a token, where something could be compared.
    pub divergence: Option<f64>,
    /// Evidence against the expert after it; 1 is none.
    pub evidence: f64,
    /// What all audits come to after it: `pass`, `fail` or `inconclusive`.
    pub finding: String,
}

/// What a node and others have delivered to each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// The node, as a DID.
    pub own: String,
    /// With every other node, those that owe most first.
    pub accounts: Vec<Account>,
    /// The latest receipts, latest first.
    #[serde(alias = "data")]
    pub receipts: Vec<Receipt>,
}

/// What a node and another have delivered to each other. Amounts in millionths of a credit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// The other, as a DID.
    pub node: String,
    /// The same as a peer id.
    pub peer_id: String,
    /// `unknown`, `known`, `verified` or `trusted`.
    pub tier: String,
    /// What it may owe.
    pub credit_micro: u64,
    /// Tokens delivered to it, as both say.
    pub given_tokens: u64,
    /// Tokens that it delivered, as both say.
    pub taken_tokens: u64,
    /// What it owes, as both say; negative if it is owed.
    pub balance_micro: i64,
    /// What the two do not agree on.
    pub disputed_micro: u64,
    /// Tasks that both have spoken on.
    pub receipts: u64,
}

/// One finished task between two nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// Counts from 1.
    pub number: u64,
    /// By which both nodes know it, in hexadecimal.
    pub id: String,
    /// `given` or `taken`.
    pub side: String,
    /// `open`, `settled` or `disputed`.
    pub state: String,
    /// The other, as a DID.
    pub node: String,
    /// Generated tokens.
    pub tokens: u32,
    /// The price of one, in millionths of a credit.
    pub price_micro: u64,
    /// When it was finished; milliseconds since 1970.
    pub at_ms: u64,
}
