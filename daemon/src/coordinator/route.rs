//! Which expert for which task: the known adverts, scored by the policy crate.
//!
//! The router reads the verified directory. A node that knows few experts asks the DHT first, for the cells
//! nearest to the query; a node that knows many answers from its own directory. Cards are found on a [`Shelf`], then
//! the experts that serve the best of them are scored, with what this node has seen of each.

mod profiles;

use super::experience::Experience;
use super::reputation::Reputations;
use crate::embedding::Encoder;
use crate::network::Network;
use lru::LruCache;
use polymath_swarm::capability::{Advert, Status};
use polymath_swarm::cells::{CellId, LOOKUPS_FURTHER, LOOKUPS_MAX};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::plan;
use polymath_swarm::score::{self, Factors, Filter, Query, Shelf, Terms, Traits};
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Candidates kept for a task: enough for retries and for people to see the runners-up.
const CANDIDATES_MAX: usize = 8;
/// Of those, how many one peer may have: whoever hosts hundreds of like experts must not be every stand-in.
const CANDIDATES_OF_PEER_MAX: usize = 2;
/// Cards whose words are kept, 4 KB each at the most: as many as a large directory has.
const TERMS_KEPT: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Cards sorted into cells (half a millisecond each) before questions may look again.
const SORTED_AT_ONCE: usize = 64;
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
        self.factors.fits()
    }
}

/// How long experts found after one that fits may take: the simulated swarm's slowest hundredth finds its first after 640 ms, half of all after 320.
const OTHERS_TIME: Duration = Duration::from_millis(400);
/// How long further cells may take: a user is waiting, and has waited already.
const FURTHER_TIME_MAX: Duration = Duration::from_secs(2);
/// The shortest time between two looks at what a lookup has found.
const LOOK_INTERVAL: Duration = Duration::from_millis(25);

/// The cards that take ordinary questions, as of one moment of the directory.
#[derive(Default)]
struct Known {
    membership: Option<u64>,
    shelf: Shelf<Sha256Hash>,
    /// Whether the cards have more than one id.
    has_choice: bool,
}

/// Ranks the directory's experts.
pub(super) struct Router {
    encoder: Encoder,
    network: Network,
    experience: Arc<Experience>,
    reputations: Arc<Reputations>,
    known: RwLock<Known>,
    // Taking a card's texts apart for each question would dominate routing.
    terms: Mutex<LruCache<Sha256Hash, Terms>>,
}

impl Router {
    pub(super) fn new(
        encoder: Encoder,
        network: Network,
        (experience, reputations): (Arc<Experience>, Arc<Reputations>),
    ) -> Self {
        let terms = Mutex::new(LruCache::new(TERMS_KEPT));
        Self { encoder, network, experience, reputations, known: RwLock::default(), terms }
    }

    /// The best experts for `query` that meet the conditions, best first; asks the DHT if nobody known fits. `seed` draws
    /// among equals.
    pub(super) async fn rank(&self, query: &Query, filter: &Filter, seed: u64) -> Vec<Candidate> {
        let known = self.rank_known(query, filter, seed);
        // Even the cells looked up would tell others something of a private question.
        if known.first().is_some_and(Candidate::fits) || filter.local || filter.private {
            return known;
        }
        let cells = self.encoder.codebook().lookups(&query.embedding, LOOKUPS_MAX + LOOKUPS_FURTHER);
        let (nearest, further) = cells.split_at(cells.len().min(LOOKUPS_MAX));
        let known = self.look_up(nearest, query, filter, seed).await;
        if known.first().is_some_and(Candidate::fits) {
            return known;
        }
        let looking = self.look_up(further, query, filter, seed);
        match tokio::time::timeout(FURTHER_TIME_MAX, looking).await {
            Ok(known) => known,
            Err(_) => self.rank_known(query, filter, seed),
        }
    }

    /// The best experts once these cells have been looked up, or somebody who fits has been found.
    async fn look_up(&self, cells: &[CellId], query: &Query, filter: &Filter, seed: u64) -> Vec<Candidate> {
        let finding = cells.chunks(LOOKUPS_MAX).map(|cells| self.network.find(cells.to_vec()));
        tokio::select! {
            biased;
            found = futures::future::join_all(finding) => {
                for error in found.into_iter().filter_map(Result::err) {
                    tracing::debug!(%error, "the DHT could not be asked");
                }
            }
            // The walks go on without us.
            () = self.found(query, filter, seed) => {}
        }
        self.rank_known(query, filter, seed)
    }

    /// Resolves a while after somebody who fits has been found: the others that are there have come by then, and nobody waits for those that
    /// are not.
    async fn found(&self, query: &Query, filter: &Filter, seed: u64) {
        let mut changed = self.network.directory().changed();
        while !self.rank_known(query, filter, seed).first().is_some_and(Candidate::fits) {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if changed.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
        tokio::time::sleep(OTHERS_TIME).await;
    }

    /// Whether there is more than one kind of expert to choose from.
    pub(super) fn has_choice(&self) -> bool {
        self.follow();
        self.known.read().unwrap_or_else(PoisonError::into_inner).has_choice
    }

    /// How well the known experts that may be asked fit each text, best first, by their cards' ids: who runs one matters as little here
    /// as whether it is busy, or how it did.
    pub(super) fn fits(&self, queries: &[Query], filter: &Filter) -> Vec<Vec<plan::Fit<String>>> {
        queries.iter().map(|query| best_by_id(self.ranked(query, filter, None))).collect()
    }

    /// The experts with this card id that meet the conditions, wherever they run, the most available first.
    pub(super) fn named(&self, id: &str, filter: &Filter) -> Vec<Candidate> {
        self.chosen(|advert| advert.card.id == id && self.unmet(advert, filter).is_none())
    }

    /// The conditions that experts with this card id do not meet.
    pub(super) fn unmet_by(&self, id: &str, filter: &Filter) -> Vec<&'static str> {
        let adverts = self.network.directory().adverts();
        let of_id = adverts.iter().filter(|advert| advert.card.id == id);
        let mut unmet: Vec<_> = of_id.filter_map(|advert| self.unmet(advert, filter)).collect();
        unmet.sort_unstable();
        unmet.dedup();
        unmet
    }

    /// Others that run the same model in the same way, the most available first.
    pub(super) fn twins(&self, of: &Candidate, filter: &Filter) -> Vec<Candidate> {
        let card = &of.advert.card;
        let twins = self.chosen(|advert| {
            advert.peer != of.advert.peer
                && advert.card.model == card.model
                && (advert.card.temperature, &advert.card.abilities) == (card.temperature, &card.abilities)
                && self.unmet(advert, filter).is_none()
        });
        let factors = of.factors;
        twins.into_iter().map(|twin| Candidate { factors, ..twin }).collect()
    }

    /// The experts with this ability that the asker's text may go to, the most available first.
    pub(super) fn with_ability(&self, ability: &str, filter: &Filter) -> Vec<Candidate> {
        let conditions = filter.for_helpers();
        self.chosen(|advert| advert.card.has_ability(ability) && self.unmet(advert, &conditions).is_none())
    }

    /// What the expert's card claims for `query`.
    pub(super) fn claim(&self, query: &Query, advert: &Advert) -> f32 {
        score::competence(score::similarity_to(&query.embedding, &advert.card))
    }

    /// The conditions that known experts do not meet, for people; None if there are none to meet or somebody meets all.
    pub(super) fn conditions_unmet(&self, filter: &Filter) -> Option<String> {
        let adverts = self.network.directory().adverts();
        let takes = adverts.iter().filter(|advert| advert.card.has_ability(CHAT));
        let unmet = takes.map(|advert| self.unmet(advert, filter)).collect::<Option<Vec<_>>>()?;
        if unmet.is_empty() && filter.is_empty() {
            return None;
        }
        let mut names: Vec<&str> = unmet.clone();
        names.sort_unstable();
        names.dedup();
        let names = if names.is_empty() { "any".to_owned() } else { names.join(", ") };
        Some(format!("none of the {} experts known meets the conditions ({names})", unmet.len()))
    }

    /// Why none of these can be asked, for people.
    pub(super) fn why_nobody(&self, candidates: &[Candidate], filter: &Filter) -> String {
        let unmet = candidates.is_empty().then(|| self.conditions_unmet(filter)).flatten();
        unmet.unwrap_or_else(|| nearest_cards(candidates))
    }

    /// Keeps the shelf in step with the directory until the node stops, so that questions find it sorted.
    pub(super) async fn keep_sorted(self: Arc<Self>) {
        let mut changed = self.network.directory().changed();
        loop {
            // Statuses come all the time; only cards matter here.
            if self.is_behind() {
                let router = self.clone();
                match tokio::task::spawn_blocking(move || router.sort()).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => tracing::error!(%error, "the directory could not be sorted"),
                }
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn chosen(&self, which: impl Fn(&Advert) -> bool) -> Vec<Candidate> {
        let adverts = self.network.directory().adverts();
        let mut candidates: Vec<Candidate> = adverts
            .into_iter()
            .filter(|advert| which(advert))
            .map(|advert| {
                let availability = freeness(&advert.status);
                let trust = self.reputations.trust(&advert);
                Candidate { advert, factors: Factors::named(trust, availability) }
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

    fn rank_known(&self, query: &Query, filter: &Filter, seed: u64) -> Vec<Candidate> {
        self.ranked(query, filter, Some(seed))
    }

    /// The experts for `query`, best first. With a seed, outcomes count and the first among equals is drawn.
    fn ranked(&self, query: &Query, filter: &Filter, seed: Option<u64>) -> Vec<Candidate> {
        self.follow();
        let survey = self.encoder.codebook().survey(&query.embedding);
        let (cells, background) = survey.map_or((Vec::new(), None), |(cells, b)| (cells, Some(b)));
        let cells: Vec<u32> = cells.iter().map(|cell| cell.index).collect();
        let (adverts, profiles) = self.profiles(query, filter, &cells, seed.is_some());
        let mut ranked = match background {
            Some(background) if seed.is_some() => score::rank(&query.clone().against(background), &profiles),
            _ => score::rank(query, &profiles),
        };
        if let Some(seed) = seed
            && ranked.len() > 1
            && score::explore(&mut ranked, seed, self.experience.may_try_strangers())
        {
            self.experience.tried_stranger();
        }
        let mut of_peer: HashMap<PeerKey, usize> = HashMap::new();
        ranked
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

    /// The condition that an expert does not meet: whoever was convicted by audits is asked by nobody.
    fn unmet(&self, advert: &Advert, filter: &Filter) -> Option<&'static str> {
        if self.reputations.is_convicted(advert) {
            return Some("convicted by audits");
        }
        // Without conditions nothing is to be looked up but the price, which holds always.
        if filter.is_empty() && advert.status.price_micro == 0 {
            return None;
        }
        filter.unmet(&Traits {
            card: &advert.card,
            status: &advert.status,
            trust: self.reputations.trust(advert),
            latency_ms: self.experience.latency_ms(advert.peer, advert.card_hash),
            is_local: advert.peer == self.network.peer(),
        })
    }

    /// Whether cards came or went since the last look, or some wait to be sorted.
    fn is_behind(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.membership != Some(self.network.directory().membership()) || known.shelf.is_unsorted()
    }

    /// Takes what came and went since the last look.
    fn follow(&self) {
        let directory = self.network.directory();
        let is_new = |known: &Known| known.membership != Some(directory.membership());
        if !is_new(&self.known.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another question may have done it meanwhile.
        if !is_new(&known) {
            return;
        }
        let (membership, mut cards) = directory.cards();
        cards.retain(|(_, card)| card.has_ability(CHAT));
        let now: HashSet<Sha256Hash> = cards.iter().map(|(hash, _)| *hash).collect();
        let gone: Vec<Sha256Hash> = known.shelf.keys().filter(|hash| !now.contains(hash)).copied().collect();
        gone.iter().for_each(|hash| known.shelf.remove(hash));
        known.has_choice = cards.windows(2).any(|pair| pair[0].1.id != pair[1].1.id);
        for (hash, card) in cards {
            known.shelf.insert(hash, card);
        }
        known.membership = Some(membership);
    }

    /// The same, and sorts some cards into cells; says whether any is left.
    fn sort(&self) -> bool {
        self.follow();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.shelf.sort(&self.encoder.codebook(), SORTED_AT_ONCE)
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

/// Availability of an expert of which nothing is known but its status.
fn freeness(status: &Status) -> f32 {
    let loading = score::promptness(status.cold.then_some(score::COLD_MS));
    score::availability(status.free_slots, status.slots) * loading
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
