//! Which expert for which task: the known adverts, scored by the policy crate.
//!
//! The router reads the verified directory. A node that knows few experts asks the DHT first, for the cells
//! nearest to the query; a node that knows many answers from its own directory.

use crate::embedding::Encoder;
use crate::network::Network;
use lru::LruCache;
use polymath_swarm::capability::Advert;
use polymath_swarm::embedding::Embedding;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::plan;
use polymath_swarm::score::{self, Factors, Profile, Query, Terms};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Candidates kept for a task: enough for retries and for people to see the runners-up.
const CANDIDATES_MAX: usize = 8;
/// Of those, how many one peer may have: whoever hosts hundreds of like experts must not be every stand-in.
const CANDIDATES_OF_PEER_MAX: usize = 2;
/// Cards whose restored embeddings are kept (17 vectors of 384 floats, 26 KB each): 100 MB at the worst.
const PROFILES_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// Abilities without which an expert is never asked a question.
const CHAT: &str = "chat";

/// An expert that could do a task, with why.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The expert.
    pub advert: Arc<Advert>,
    /// The factors of its score.
    pub factors: Factors,
}

impl Candidate {
    /// The score in [0, 1] by which candidates are ordered.
    pub fn score(&self) -> f32 {
        self.factors.score()
    }

    /// Whether it may be given the task at all.
    pub fn fits(&self) -> bool {
        score::fits(self.factors.competence)
    }
}

/// What of a card ranking needs, restored once.
type Vectors = Arc<(Embedding, Vec<Embedding>, Terms)>;

/// Ranks the directory's experts.
pub(super) struct Router {
    encoder: Encoder,
    network: Network,
    // Restoring 17 int8 vectors for each advert and question would dominate routing; the lock is held for a
    // look-up only.
    vectors: Mutex<LruCache<Sha256Hash, Vectors>>,
}

impl Router {
    pub(super) fn new(encoder: Encoder, network: Network) -> Self {
        Self { encoder, network, vectors: Mutex::new(LruCache::new(PROFILES_MAX)) }
    }

    /// The best experts for `query`, best first; asks the DHT if nobody known fits.
    pub(super) async fn rank(&self, query: &Query) -> Vec<Candidate> {
        let known = self.rank_known(query);
        if known.first().is_some_and(Candidate::fits) {
            return known;
        }
        let cells = self.encoder.codebook().nearest(&query.embedding, polymath_swarm::cells::LOOKUPS_MAX);
        match self.network.find(cells).await {
            Ok(0) => known,
            Ok(_) => self.rank_known(query),
            Err(error) => {
                tracing::debug!(%error, "the DHT could not be asked");
                known
            }
        }
    }

    /// Whether there is more than one kind of expert to choose from.
    pub(super) fn has_choice(&self) -> bool {
        let adverts = self.network.directory().adverts();
        let mut ids = adverts.iter().filter(|a| a.card.has_ability(CHAT)).map(|a| &a.card.id);
        let first = ids.next();
        ids.any(|id| Some(id) != first)
    }

    /// How well the known experts fit each text, best first, by their cards' ids: who runs one matters as little here
    /// as whether it is busy. The directory is read once for all texts.
    pub(super) fn fits(&self, queries: &[Query]) -> Vec<Vec<plan::Fit<String>>> {
        let (adverts, profiles) = self.known();
        queries.iter().map(|query| best_by_id(self.ranked(query, &adverts, &profiles))).collect()
    }

    /// The experts with this card id, wherever they run, the most available first.
    pub(super) fn named(&self, id: &str) -> Vec<Candidate> {
        self.chosen(|advert| advert.card.id == id)
    }

    /// The experts with this ability, the most available first.
    pub(super) fn with_ability(&self, ability: &str) -> Vec<Candidate> {
        self.chosen(|advert| advert.card.has_ability(ability))
    }

    fn chosen(&self, which: impl Fn(&Advert) -> bool) -> Vec<Candidate> {
        let adverts = self.network.directory().adverts();
        let mut candidates: Vec<Candidate> = adverts
            .into_iter()
            .filter(|advert| which(advert))
            .map(|advert| {
                let availability = score::availability(advert.status.free_slots, advert.status.slots);
                // Whoever names an expert has judged its competence himself.
                let factors = Factors { competence: 1.0, trust: score::TRUST_NEUTRAL, availability };
                Candidate { advert, factors }
            })
            .collect();
        let own = self.network.peer();
        candidates.sort_by(|a, b| {
            let local = |c: &Candidate| c.advert.peer == own;
            b.score()
                .total_cmp(&a.score())
                .then(local(b).cmp(&local(a)))
                .then(a.advert.peer.cmp(&b.advert.peer))
        });
        candidates.truncate(CANDIDATES_MAX);
        candidates
    }

    fn rank_known(&self, query: &Query) -> Vec<Candidate> {
        let (adverts, profiles) = self.known();
        self.ranked(query, &adverts, &profiles)
    }

    /// The experts that take ordinary questions, and what ranking needs of them, keyed by their place.
    fn known(&self) -> (Vec<Arc<Advert>>, Vec<Profile<usize>>) {
        let adverts: Vec<Arc<Advert>> =
            self.network.directory().adverts().into_iter().filter(|a| a.card.has_ability(CHAT)).collect();
        let profiles: Vec<Profile<usize>> = adverts
            .iter()
            .enumerate()
            .filter_map(|(index, advert)| {
                let vectors = self.vectors_of(advert)?;
                Some(Profile {
                    key: index,
                    description: vectors.0.clone(),
                    exemplars: vectors.1.clone(),
                    terms: vectors.2.clone(),
                    trust: score::TRUST_NEUTRAL,
                    slots: advert.status.slots,
                    free_slots: advert.status.free_slots,
                })
            })
            .collect();
        (adverts, profiles)
    }

    fn ranked(&self, query: &Query, adverts: &[Arc<Advert>], profiles: &[Profile<usize>]) -> Vec<Candidate> {
        let mut of_peer: HashMap<PeerKey, usize> = HashMap::new();
        score::rank(query, profiles)
            .into_iter()
            .filter_map(|ranked| {
                let advert = adverts.get(ranked.key)?.clone();
                let taken = of_peer.entry(advert.peer).or_default();
                *taken += 1;
                // One's own experts are no strangers: a node may host every expert there is.
                let fits = *taken <= CANDIDATES_OF_PEER_MAX || advert.peer == self.network.peer();
                fits.then_some(Candidate { advert, factors: ranked.factors })
            })
            .take(CANDIDATES_MAX)
            .collect()
    }

    fn vectors_of(&self, advert: &Advert) -> Option<Vectors> {
        let mut cache = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.get(&advert.card_hash) {
            return Some(found.clone());
        }
        let mut restored = advert.card.embeddings.iter().map(|e| e.restore());
        let description = restored.next()??;
        let exemplars = restored.collect::<Option<Vec<_>>>()?;
        let texts = std::iter::once(&advert.card.description).chain(&advert.card.exemplars);
        let vectors = Arc::new((description, exemplars, Terms::of(texts.map(String::as_str))));
        cache.put(advert.card_hash, vectors.clone());
        Some(vectors)
    }
}

/// The best competence of each card id, best first.
fn best_by_id(candidates: Vec<Candidate>) -> Vec<plan::Fit<String>> {
    let mut best: HashMap<String, f32> = HashMap::new();
    for candidate in candidates {
        let held = best.entry(candidate.advert.card.id.clone()).or_default();
        *held = held.max(candidate.factors.competence);
    }
    let mut fits: Vec<_> = best.into_iter().collect();
    fits.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    fits
}

/// A task's text with its placeholders read as "it": what can be embedded before the results are there.
pub(super) fn without_placeholders(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        match after.split_once("}}") {
            Some((id, tail)) if id.bytes().all(|b| b.is_ascii_digit()) => {
                out.push_str("it");
                rest = tail;
            }
            _ => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// For people: which cards come nearest, though none fits.
pub(super) fn nearest_cards(candidates: &[Candidate]) -> String {
    if candidates.is_empty() {
        return "no expert is known at all: start one with `daemon run`, or give --bootstrap addresses"
            .to_owned();
    }
    let names: Vec<String> = candidates
        .iter()
        .take(3)
        .map(|c| format!("{} ({:.2})", c.advert.card.id, c.factors.competence))
        .collect();
    format!("the nearest are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_read_as_it() {
        assert_eq!(without_placeholders("Spell {{1}} backwards."), "Spell it backwards.");
        assert_eq!(without_placeholders("a {{b}} {{"), "a {{b}} {{");
    }
}
