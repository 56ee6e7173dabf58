//! What this node owes and has yet to say: kept by whom it is owed to, said as soon as that node can be reached.

use super::{Ledger, Word};
use crate::network::Network;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::{SETTLED_AT_ONCE_MAX, Version};
use polymath_swarm::task::TaskError;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

/// Nodes that are told at once.
const TOLD_MAX: usize = 8;
/// How long to wait after a first failure, and after many: of a node that the directory has, and of one that it has not.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(600));
/// How often those that wait are looked at.
const TICK: Duration = Duration::from_millis(500);

/// Own words that wait for an answer, oldest first.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Mutex<HashMap<PeerKey, VecDeque<Version>>>,
    has_more: Notify,
}

impl Outbox {
    pub(super) fn put(&self, version: Version) {
        self.waiting().entry(version.receipt.expert).or_default().push_back(version);
        self.has_more.notify_one();
    }

    /// These were answered.
    pub(super) fn forget(&self, peer: PeerKey, ids: &[Sha256Hash]) {
        let mut waiting = self.waiting();
        let Some(of_peer) = waiting.get_mut(&peer) else { return };
        of_peer.retain(|version| !ids.contains(&version.receipt.id()));
        if of_peer.is_empty() {
            waiting.remove(&peer);
        }
    }

    fn peers(&self) -> Vec<PeerKey> {
        self.waiting().keys().copied().collect()
    }

    fn first_of(&self, peer: PeerKey) -> Vec<Version> {
        let waiting = self.waiting();
        waiting.get(&peer).into_iter().flatten().take(SETTLED_AT_ONCE_MAX).copied().collect()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<PeerKey, VecDeque<Version>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a node that could not be told may be tried again.
struct Pause {
    since: Instant,
    length: Duration,
}

impl Pause {
    /// A node that is known to be there is tried sooner.
    fn is_over(&self, is_there: bool) -> bool {
        let most = if is_there { PAUSE_MAX.0 } else { PAUSE_MAX.1 };
        self.since.elapsed() >= self.length.min(most)
    }
}

/// Tells everybody what this node owes, for ever.
pub(super) async fn send_all(ledger: Ledger, network: Network) {
    let mut telling: JoinSet<(PeerKey, Result<(), TaskError>)> = JoinSet::new();
    let mut told: Vec<PeerKey> = Vec::new();
    let mut pauses: HashMap<PeerKey, Pause> = HashMap::new();
    loop {
        // Only those that have to wait are looked for.
        let there: HashSet<PeerKey> = match pauses.is_empty() {
            true => HashSet::new(),
            false => network.directory().adverts().iter().map(|advert| advert.peer).collect(),
        };
        for peer in ledger.shared.outbox.peers() {
            if told.len() >= TOLD_MAX {
                break;
            }
            let has_to_wait = pauses.get(&peer).is_some_and(|pause| !pause.is_over(there.contains(&peer)));
            if told.contains(&peer) || has_to_wait {
                continue;
            }
            told.push(peer);
            let (ledger, network) = (ledger.clone(), network.clone());
            telling.spawn(async move { (peer, tell(&ledger, &network, peer).await) });
        }
        tokio::select! {
            () = ledger.shared.outbox.has_more.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            Some(ended) = telling.join_next() => {
                let Ok((peer, outcome)) = ended else { continue };
                told.retain(|other| *other != peer);
                match outcome {
                    Ok(()) => _ = pauses.remove(&peer),
                    Err(error) => {
                        tracing::debug!(?peer, %error, "a receipt has to wait");
                        let length = pauses.get(&peer).map_or(PAUSE_MIN, |pause| pause.length * 2);
                        pauses.insert(peer, Pause { since: Instant::now(), length: length.min(PAUSE_MAX.1) });
                    }
                }
            }
        }
    }
}

/// Tells one node as much as goes at once, and stores its answers.
async fn tell(ledger: &Ledger, network: &Network, peer: PeerKey) -> Result<(), TaskError> {
    let versions = ledger.shared.outbox.first_of(peer);
    if versions.is_empty() {
        return Ok(());
    }
    let settled = network.settle(peer, versions.clone()).await?;
    let answers = versions.iter().map(|version| version.receipt.id()).zip(settled).collect();
    let (done, stored) = oneshot::channel();
    let lost = || TaskError::Busy { retry_after_ms: 0 };
    ledger.shared.words.send(Word::Answered { peer, answers, done }).await.map_err(|_| lost())?;
    stored.await.map_err(|_| lost())
}
