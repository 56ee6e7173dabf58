//! The task protocol: one bidirectional stream a task, over which an asker has an expert work for it.
//!
//! ```text
//! asker                          expert
//!   Offer ───────────────────────▶ Service::accept ──▶ Job (a stream of events)
//!   ◀──────────────────── Accepted | Busy | Refused
//!   ◀─────────────── Tokens … Heartbeat … Tokens          one writer, so a slow asker slows its own job only
//!   Cancel, or the stream closes ─▶ the Job is dropped
//!   ◀──────────────────────── Done | Failed
//! ```
//!
//! - `frame` cuts a byte stream into frames, bounded, cancellation-safe.
//! - [`polymath_wire::task`] turns protobuf into the policy crate's types and back; nothing else sees protobuf.
//! - `progress` holds the rules of order and size of what an expert reports, applied by both sides.
//! - `expert` serves one stream, `accept` many of them, bounded per peer and in total.
//! - `asker` asks, and believes nothing that it has not checked.
//!
//! All of it runs over any `AsyncRead + AsyncWrite`; it knows neither libp2p nor which peer is worth asking.
//! It does not retry, and it does not clean the text of others for display.

mod accept;
mod asker;
mod expert;
mod frame;
mod progress;
#[cfg(test)]
mod tests;

pub use accept::{Limits, Room, accept_loop};
pub use asker::{Asker, Expert, RemoteTask};
pub use expert::{Served, serve};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use polymath_swarm::audit::Evidence;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::task::{Commitment, Offer, TaskError, TaskEvent};
use polymath_swarm::trust::Offence;
use std::sync::Arc;
use std::time::Duration;

/// The protocol's name; its last part is the version of the wire format.
pub const PROTOCOL: &str = "/polymath/task/4";

/// How long an expert is silent before it says that it is still there. A quarter of [`SILENCE_MAX`], so that
/// three heartbeats can be late before anybody is called dead.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// How long an asker waits for a complete frame: failover has to notice a dead expert within one second. A while in which the asker itself
/// was held up counts as one heartbeat's time at the most.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// How long an offer may take to cross: 300 KiB at half a megabit a second.
const OFFER_TIME_MAX: Duration = Duration::from_secs(5);
/// How long one packet may wait for an asker that does not read: it holds a slot meanwhile, and others queue.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// How long a side that is done spends on its last frame and on closing. Longer would only keep a stream to a
/// peer that does not read.
const LAST_WORD_TIME_MAX: Duration = Duration::from_secs(1);

/// Told of what peers do against the rules. Cheap to clone.
#[derive(Clone)]
pub struct Watch {
    told: Arc<dyn Fn(PeerKey, Offence) + Send + Sync>,
}

impl Watch {
    /// Calls this each time.
    pub fn new(told: impl Fn(PeerKey, Offence) + Send + Sync + 'static) -> Self {
        Self { told: Arc::new(told) }
    }

    fn tell(&self, peer: PeerKey, offence: Offence) {
        (self.told)(peer, offence);
    }
}

/// Tells nobody.
impl Default for Watch {
    fn default() -> Self {
        Self::new(|_, _| {})
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// How far the loading of a model is, in per cent; `None` where none is being loaded.
pub type Loading = tokio::sync::watch::Sender<Option<u8>>;

/// What this node does for others.
///
/// The network calls it for each offer whose form is right; the node implements it over its experts.
pub trait Service: Send + Sync + 'static {
    /// Takes on `offer` from `peer`, or says why not: [`TaskError::Busy`] or [`TaskError::Refused`].
    /// Dropping the future withdraws the offer.
    fn accept(&self, peer: PeerKey, offer: Offer) -> BoxFuture<'_, Result<Job, TaskError>>;

    /// Per cent of the card's model that are in memory, while it is being loaded.
    fn loading(&self, card: Sha256Hash) -> Option<u8> {
        let _ = card;
        None
    }

    /// Keeps what a task of `peer` commits to until it may no longer be challenged; called before the asker hears that it
    /// is done.
    fn committed(&self, peer: PeerKey, commitment: Commitment, evidence: Evidence);

    /// Takes note of what `peer` owes for a finished task; called once it has been told that the task is done.
    fn delivered(&self, peer: PeerKey, delivery: Delivery);
}

/// A finished task, as it was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// As the asker named it.
    pub task_id: [u8; 16],
    /// Hash of the expert's card.
    pub card: Sha256Hash,
    /// Generated tokens that were sent.
    pub tokens: u32,
    /// The price of one, millionths of a credit.
    pub price_micro: u64,
    /// The most that was offered for one.
    pub price_micro_max: u64,
}

/// Work that was taken on.
pub struct Job {
    /// SHA-256 of the model file that does it; part of the signed transcript.
    pub model: Sha256Hash,
    /// Price of a generated token in millionths of a credit.
    pub price_micro: u64,
    /// Accepted, tokens in order, done. Dropping it cancels the work.
    pub events: BoxStream<'static, Result<TaskEvent, TaskError>>,
}
