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
}
