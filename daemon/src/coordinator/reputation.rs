//! What this node thinks of other nodes' experts: their conduct, their audits, and whom its owner vouches for.
//!
//! What concerns the quality of answers is experience's (`experience`), since that depends on what is asked.

use super::audits::Audits;
use crate::network::Network;
use crate::store::{Error as StoreError, ExpertKey, Store};
use lru::LruCache;
use polymath_swarm::audit::Standing;
use polymath_swarm::capability::Advert;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::score::Outcomes;
use polymath_swarm::task::TaskError;
use polymath_swarm::trust::{Book, Conduct, Tier, UNVERIFIABLE_MAX, Words, eigentrust};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

/// Experts whose conduct is at hand.
const CONDUCTS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
/// How often conduct is written down: a crash forgets so much of it.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// What is thought of an expert, each part by itself.
#[derive(Clone, Debug)]
pub struct Reputation {
    /// Node and model file.
    pub expert: ExpertKey,
    /// Whether it finishes tasks and is as fast as it says, as weights of good and bad experiences that fade.
    pub conduct: Conduct,
    /// Whether it runs what it claims.
    pub audits: Standing,
    /// Whether this node's owner vouches for its node.
    pub is_endorsed: bool,
    /// Its node's share of the trust that starts from those that the owner vouches for; 0 to 1.
    pub recommended: f64,
    /// Whether somebody has shown that its node contradicted itself.
    pub is_proven: bool,
    /// In a word.
    pub tier: Tier,
    /// In [0, 1], as routing has it.
    pub trust: f32,
}

/// The same with what else is known of the expert.
#[derive(Clone, Debug)]
pub struct KnownReputation {
    /// Its card's id, if the directory has it now.
    pub expert: Option<String>,
    /// What is thought of it.
    pub reputation: Reputation,
    /// What its answers turned out like.
    pub outcomes: Outcomes,
}

/// Weights of experiences as they count now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Tasks finished.
    pub finished: f64,
    /// Tasks that broke off.
    pub failed: f64,
    /// Answers about as fast as promised.
    pub fast: f64,
    /// Answers much slower.
    pub slow: f64,
}

impl Reputation {
    /// Its conduct as it counts now.
    pub fn now(&self) -> Weights {
        let now_s = now_s();
        let ((finished, failed), (fast, slow)) =
            (self.conduct.reliability.at(now_s), self.conduct.speed.at(now_s));
        Weights { finished, failed, fast, slow }
    }
}

/// What endorsements come to, and of which state of the book, in which hour, for whom the owner vouches.
#[derive(Default)]
struct Recommended {
    version: u64,
    hour: u64,
    endorsed: BTreeSet<PeerKey>,
    shares: Arc<BTreeMap<PeerKey, f64>>,
}

pub(super) struct Reputations {
    store: Store,
    pub(super) audits: Arc<Audits>,
    conducts: Mutex<LruCache<ExpertKey, Conduct>>,
    /// What is not written down yet.
    changed: Mutex<HashMap<ExpertKey, Conduct>>,
    endorsed: RwLock<BTreeSet<PeerKey>>,
    blocked: RwLock<BTreeSet<PeerKey>>,
    recommended: Mutex<Recommended>,
    network: Network,
}

impl Reputations {
    pub(super) fn load(store: Store, audits: Arc<Audits>, network: Network) -> Result<Self, StoreError> {
        let mut conducts = LruCache::new(CONDUCTS_MAX);
        for (expert, conduct) in store.conducts()? {
            conducts.put(expert, conduct);
        }
        let (endorsed, blocked) = (RwLock::new(store.endorsed()?), RwLock::new(store.blocked()?));
        let (conducts, changed) = (Mutex::new(conducts), Mutex::default());
        let recommended = Mutex::default();
        Ok(Self { store, audits, conducts, changed, endorsed, blocked, recommended, network })
    }

    /// Trust in [0, 1]; 1 for a stranger, 0 for whoever was convicted.
    pub(super) fn trust(&self, advert: &Advert) -> f32 {
        let expert = key_of(advert);
        let trust = self.conduct(expert).trust(now_s()) * self.audits.standing(expert).trust();
        if advert.card.kind.is_verifiable() { trust } else { trust.min(UNVERIFIABLE_MAX) }
    }

    /// Whether the expert is not to be asked any more.
    pub(super) fn is_convicted(&self, advert: &Advert) -> bool {
        self.audits.is_convicted(advert.peer)
    }

    /// What the endorsements that are known come to, from those that the owner vouches for.
    fn recommended(&self) -> Arc<BTreeMap<PeerKey, f64>> {
        let endorsed = self.endorsed.read().unwrap_or_else(PoisonError::into_inner).clone();
        let version = self.network.attested(Book::version);
        let mut held = self.recommended.lock().unwrap_or_else(PoisonError::into_inner);
        // Words run out, too.
        let hour = now_s() / 3_600;
        if (held.version, held.hour, &held.endorsed) != (version, hour, &endorsed) {
            let words = self.network.attested(|book| book.endorsed(now_s()));
            let shares = Arc::new(eigentrust(&endorsed, &words));
            *held = Recommended { version, hour, endorsed, shares };
        }
        held.shares.clone()
    }

    /// Blocks a node, or no more; says whether that changed anything. Stored when it returns.
    pub(super) fn block(&self, peer: PeerKey, blocked: bool) -> Result<bool, StoreError> {
        let has_changed = self.store.block(peer, blocked)?;
        let mut all = self.blocked.write().unwrap_or_else(PoisonError::into_inner);
        match blocked {
            true => all.insert(peer),
            false => all.remove(&peer),
        };
        Ok(has_changed)
    }

    /// Tells the swarm whom the owner vouches for, and the network with whom it is to have nothing to do.
    pub(super) async fn announce(&self) {
        let blocked = self.blocked.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.network.set_blocked(blocked).await;
        let endorsed = self.endorsed.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.network.set_endorsed(endorsed).await;
    }

    /// What is thought of one expert.
    pub(super) fn of(&self, expert: ExpertKey) -> Reputation {
        let (conduct, audits) = (self.conduct(expert), self.audits.standing(expert));
        let is_endorsed = self.endorsed.read().unwrap_or_else(PoisonError::into_inner).contains(&expert.0);
        let now_s = now_s();
        let recommended = self.recommended().get(&expert.0).copied().unwrap_or_default();
        let words = match recommended {
            _ if is_endorsed => Words::Owner,
            share if share > 0.0 => Words::Recommended,
            _ => Words::Nobody,
        };
        let is_proven = self.network.attested(|book| book.is_proven(expert.0));
        let (mut tier, mut trust) =
            (Tier::of(&conduct, &audits, words, now_s), conduct.trust(now_s) * audits.trust());
        // As routing has it: whoever cheated with one model is asked with none.
        if self.audits.is_convicted(expert.0) {
            (tier, trust) = (Tier::Unknown, 0.0);
        }
        Reputation { expert, conduct, audits, is_endorsed, recommended, is_proven, tier, trust }
    }

    /// How well a node is known, by its best expert; a node without experts by the owner's word and by what others say of it.
    pub(super) fn tier_of(&self, peer: PeerKey) -> Tier {
        let seen: Vec<ExpertKey> =
            self.conducts().iter().map(|(expert, _)| *expert).filter(|(node, _)| *node == peer).collect();
        let none = std::iter::once((peer, Sha256Hash::default()));
        seen.into_iter().chain(none).map(|expert| self.of(expert).tier).max().unwrap_or(Tier::Unknown)
    }

    /// What is thought of every expert that this node has to do with, `known` being those of the directory.
    pub(super) fn all(&self, known: impl Iterator<Item = ExpertKey>) -> Vec<Reputation> {
        let seen: Vec<ExpertKey> = self.conducts().iter().map(|(expert, _)| *expert).collect();
        let audited = self.audits.all().into_iter().map(|audited| audited.expert);
        let everybody: BTreeSet<ExpertKey> = known.chain(seen).chain(audited).collect();
        everybody.into_iter().map(|expert| self.of(expert)).collect()
    }

    /// Vouches for a node, or no more; says whether that changed anything. Stored when it returns.
    pub(super) fn endorse(&self, peer: PeerKey, vouched: bool) -> Result<bool, StoreError> {
        let has_changed = self.store.endorse(peer, vouched)?;
        let mut endorsed = self.endorsed.write().unwrap_or_else(PoisonError::into_inner);
        match vouched {
            true => endorsed.insert(peer),
            false => endorsed.remove(&peer),
        };
        Ok(has_changed)
    }

    /// A task came to its end.
    pub(super) fn finished(&self, advert: &Advert, tokens: u32, seconds: f32) {
        let claimed = advert.status.tokens_per_second;
        self.note(advert, |conduct, now_s| conduct.finished(tokens, seconds, claimed, now_s));
    }

    /// A task did not. Being busy, or refusing what it never promised, is no failure before it has `accepted`; nor is a deadline that
    /// has passed by this node's own clock (`is_late`): it may just have been too short.
    pub(super) fn failed(&self, advert: &Advert, error: &TaskError, (accepted, is_late): (bool, bool)) {
        let is_failure = match error {
            TaskError::Busy { .. } | TaskError::Refused { .. } => accepted,
            TaskError::Failed { code, .. } => code != "deadline" || !is_late,
            TaskError::Unreachable(_) | TaskError::Protocol(_) => true,
        };
        if is_failure {
            self.note(advert, Conduct::failed);
        }
    }

    fn note(&self, advert: &Advert, what: impl FnOnce(&mut Conduct, u64)) {
        let expert = key_of(advert);
        let mut conducts = self.conducts();
        let conduct = conducts.get_or_insert_mut(expert, Conduct::default);
        what(conduct, now_s());
        let conduct = *conduct;
        drop(conducts);
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(expert, conduct);
    }

    fn conduct(&self, expert: ExpertKey) -> Conduct {
        self.conducts().peek(&expert).copied().unwrap_or_default()
    }

    fn conducts(&self) -> MutexGuard<'_, LruCache<ExpertKey, Conduct>> {
        self.conducts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what has changed, every ten seconds and once more at the end.
    pub(super) async fn keep_written(self: Arc<Self>, stop: tokio_util::sync::CancellationToken) {
        loop {
            let stopped = stop.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await.is_none();
            let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
            if !changed.is_empty() {
                let (store, all) =
                    (self.store.clone(), changed.iter().map(|(e, c)| (*e, *c)).collect::<Vec<_>>());
                let writing = tokio::task::spawn_blocking(move || store.set_conducts(&all));
                if let Err(error) =
                    writing.await.map_err(|e| e.to_string()).and_then(|w| w.map_err(|e| e.to_string()))
                {
                    tracing::warn!(%error, "what was seen of experts could not be written down");
                    // The next time, unless something newer has been seen since.
                    let mut newer = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
                    changed
                        .into_iter()
                        .for_each(|(expert, conduct)| _ = newer.entry(expert).or_insert(conduct));
                }
            }
            if stopped {
                return;
            }
        }
    }
}

fn key_of(advert: &Advert) -> ExpertKey {
    (advert.peer, advert.card.model.sha256)
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// How fast the tokens of a task come, from the first packet on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    first: Option<(Instant, u32)>,
    tokens: u32,
    last: Option<Instant>,
}

impl Speed {
    /// So many more tokens came now.
    pub(super) fn came(&mut self, tokens: usize) {
        let now = Instant::now();
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(tokens);
        self.first.get_or_insert((now, tokens));
        self.last = Some(now);
    }

    /// Tokens that came after the first packet, and one more, and the seconds that they took.
    pub(super) fn of_rest(&self) -> (u32, f32) {
        let (Some((first, with_it)), Some(last)) = (self.first, self.last) else { return (0, 0.0) };
        (1 + self.tokens.saturating_sub(with_it), last.duration_since(first).as_secs_f32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_with_the_first_packet_tells_no_speed() {
        let mut speed = Speed::default();
        assert_eq!(speed.of_rest(), (0, 0.0));
        speed.came(12);
        assert_eq!(speed.of_rest(), (1, 0.0));
        std::thread::sleep(Duration::from_millis(5));
        speed.came(20);
        let (tokens, seconds) = speed.of_rest();
        assert!(tokens == 21 && seconds >= 0.005, "{tokens} in {seconds}");
    }
}
