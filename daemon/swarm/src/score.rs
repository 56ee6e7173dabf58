//! How well an expert fits a task: competence × trust × availability, each in [0, 1], each shown to whoever
//! asks why.
//!
//! Competence starts from sentence similarity to what the card says of itself: its description, and the mean
//! of its three best exemplars. Measured on public prompts over 14 domains, that mean of two beats the
//! description alone by 14 points, and centroids of the exemplars as well. The experts that come first by it are
//! compared once more by the prompt's own words ([`Terms`]). What a node learns of an expert, and what it thinks of
//! the peer, come in as arguments.
//!
//! Whether any expert fits at all is another question than who fits best. Some prompts are near to everything, others
//! to nothing; so the best similarity is held against the prompt's similarity to the nearest cells of the codebook,
//! that is to ordinary text (cohort normalisation, as speakers are verified: Auckenthaler et al. 2000).

mod breaker;
mod experience;
mod filter;
mod firsts;
mod lexical;
mod shelf;

pub use breaker::Breaker;
pub use experience::{NEAR_CELLS, Outcomes, Record, explore};
pub use filter::{Filter, Traits};
pub use firsts::Firsts;
pub use lexical::Terms;
pub use shelf::Shelf;

use crate::capability::Card;
use crate::embedding::{Embedding, Wide};
use std::cmp::Ordering;

/// Exemplars that count, the best ones: one alone is noise, all of them would punish a broad expert.
const BEST_EXEMPLARS: usize = 3;
/// Similarity, words included, at which a card is as likely to fit as not. MiniLM puts a prompt and a fitting card 45
/// to 65 degrees apart (cosine 0.42 to 0.71), and unrelated ones at about 0.05 to 0.2; words that both use add 0.02 to
/// 0.06. Chosen between the two, not fitted: `eval route` measures what it does (`no_expert_auroc` itself does not
/// depend on it).
const SIMILARITY_MIDDLE: f32 = 0.33;
/// Steepness of the logistic map: 0.12 of similarity is worth a factor of e² in odds or so, which spreads the
/// range in which cards differ (0.1 to 0.6) over most of [0, 1].
const SIMILARITY_SLOPE: f32 = 15.0;
/// What all of a prompt's words in a card add to its similarity. Of 0.1, 0.15, 0.2 and 0.3 the best on the dev half of the
/// public prompts (first right 0.649, 0.657, 0.649, 0.664) that loses nothing on the bundled ones (0.975, 0.977, 0.977,
/// 0.974).
const LEXICAL_WEIGHT: f32 = 0.15;
/// Experts compared by words: the finalists of similarity; 4 and 16 do as well.
const LEXICAL_RANKED: usize = 8;
/// Competence below which an expert is not asked at all: similarity of about 0.26, above what
/// unrelated cards reach by chance. Better to say that no expert fits than to be wrong with confidence.
pub const NO_EXPERT: f32 = 0.25;
/// What of a prompt's similarity to ordinary text is taken from its similarity to a card before asking whether the card
/// covers it. Of 0, 0.25, 0.5, 0.75 and 1, the best on the bundled experts' prompts in trained phrasings.
const BACKGROUND_WEIGHT: f32 = 0.5;
/// The similarity to ordinary text that prompts have in the middle.
const BACKGROUND_MIDDLE: f32 = 0.3;
/// Availability of an expert with no free slot: busy is not failed, it will be free in a moment, and a
/// somewhat worse one that is free now is not worth more than a factor of two.
const AVAILABILITY_BUSY: f32 = 0.5;
/// What the availability of an expert comes to as its slots fill up, while there is a free one: that serves this task as well as many
/// would. Of equals the one with more of them is asked, but none of another kind because of it (ADR 32).
const AVAILABILITY_IN_USE: f32 = 0.95;
/// Share of the best competence that an expert needs to stand in for the best one. Those below come after those above,
/// however busy the better ones are: a busy mathematician's question must not go to a poet.
pub const STAND_IN_SHARE: f32 = 0.7;
/// Trust of an expert nobody knows anything about yet: neutral.
pub const TRUST_NEUTRAL: f32 = 1.0;
/// Share of the questions that may try an expert without a record in place of one with a good one.
pub const STRANGERS_SHARE: f64 = 0.1;
/// Ranked experts that [`rank`] returns at most: a page to explain from; failover never gets further.
pub const RANKED_MAX: usize = 64;

/// Raw similarity of a query to a card, in [-1, 1]: the mean of its similarity to the description and the mean
/// of its three best exemplar similarities. A card without exemplars is judged by its description alone.
pub fn similarity(query: &Embedding, description: &Embedding, exemplars: &[Embedding]) -> f32 {
    similarity_of(query.similarity(description), exemplars.iter().map(|exemplar| query.similarity(exemplar)))
}

/// The same of a card's own int8 vectors, within 0.0001.
pub fn similarity_to(query: &Embedding, card: &Card) -> f32 {
    let wide = Wide::fine(query);
    let mut cosines = card.embeddings.iter().map(|vector| wide.similarity(&vector.values, vector.whole()));
    cosines.next().map_or(0.0, |description| similarity_of(description, cosines))
}

/// The same from the cosines themselves, for those who have them at hand.
pub fn similarity_of(description: f32, exemplars: impl IntoIterator<Item = f32>) -> f32 {
    let mut best = Best::default();
    exemplars.into_iter().for_each(|cosine| best.add(cosine));
    combine(description, &best)
}

/// Competence in [0, 1] from raw similarity: logistic, so monotone.
pub fn competence(similarity: f32) -> f32 {
    if similarity.is_nan() {
        return 0.0;
    }
    1.0 / (1.0 + (-SIMILARITY_SLOPE * (similarity - SIMILARITY_MIDDLE)).exp())
}

/// Belief in [0, 1] that a prompt is within what a card of this raw similarity is for, given the prompt's similarity to
/// ordinary text.
pub fn coverage(similarity: f32, background: f32) -> f32 {
    // Shifted so that a prompt with an ordinary background is judged as by its similarity alone.
    competence(similarity - BACKGROUND_WEIGHT * (background - BACKGROUND_MIDDLE))
}

/// Whether an expert of this coverage (or, where the background is not known, competence) may be asked.
pub fn fits(coverage: f32) -> bool {
    coverage >= NO_EXPERT
}

/// Availability in (0, 1]: 1 with every slot free, a little less with some in use, a half with none free. Never 0.
pub fn availability(free_slots: u32, slots: u32) -> f32 {
    if slots == 0 || free_slots == 0 {
        return AVAILABILITY_BUSY;
    }
    let used = 1.0 - free_slots.min(slots) as f32 / slots as f32;
    1.0 - (1.0 - AVAILABILITY_IN_USE) * used
}

/// Milliseconds to the first token that are as good as none: people notice no less.
const PROMPT_MS: f32 = 250.0;
/// Milliseconds at which an expert's promptness is a half: beyond what a question takes that one of its kind answers at once.
const SLOW_MS: f32 = 2_000.0;

/// Milliseconds that an expert whose model must be loaded first counts for more: of equals the one that is loaded is asked, but
/// none of another kind because of it.
pub const COLD_MS: f32 = 500.0;

/// Promptness in (0, 1] from the milliseconds to an expert's first token, a moving average: 1 for a stranger, a half at two
/// seconds. Never 0: a slow expert is better than none.
pub fn promptness(latency_ms: Option<f32>) -> f32 {
    let late = latency_ms.filter(|ms| ms.is_finite()).map_or(0.0, |ms| (ms - PROMPT_MS).max(0.0));
    1.0 / (1.0 + late / (SLOW_MS - PROMPT_MS))
}

/// What the score is made of; each in [0, 1] but for the outcomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// Fit of the card to the task.
    pub claim: f32,
    /// What is known of the expert's answers to prompts like this.
    pub outcomes: Outcomes,
    /// The claim, corrected by the outcomes.
    pub competence: f32,
    /// Belief that the task is within what the expert is for; [`fits`] tells whether that is enough.
    pub coverage: f32,
    /// Belief in the peer.
    pub trust: f32,
    /// Free slots, and how soon it begins.
    pub availability: f32,
}

impl Factors {
    /// The product.
    pub fn score(&self) -> f32 {
        self.competence * self.trust * self.availability
    }

    /// Of an expert that the asker has named, and so judged himself.
    pub fn named(trust: f32, availability: f32) -> Self {
        let outcomes = Outcomes::default();
        Self { claim: 1.0, outcomes, competence: 1.0, coverage: 1.0, trust, availability }
    }

    /// Whether the expert may be asked.
    pub fn fits(&self) -> bool {
        fits(self.coverage)
    }
}

/// What is asked, as ranking sees it.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of the text.
    pub embedding: Embedding,
    /// Its words.
    pub terms: Terms,
    /// Its similarity to ordinary text ([`crate::cells::Codebook::survey`]); without it, coverage is the claim.
    pub background: Option<f32>,
}

impl Query {
    /// Of `text`, whose embedding is at hand.
    pub fn new(text: &str, embedding: Embedding) -> Self {
        Self { embedding, terms: Terms::of([text]), background: None }
    }

    /// The same with its similarity to ordinary text.
    pub fn against(self, background: f32) -> Self {
        Self { background: Some(background), ..self }
    }

    /// Of a text whose words shall not count: in a fragment few words weigh too much.
    pub fn by_meaning(embedding: Embedding) -> Self {
        Self { embedding, terms: Terms::default(), background: None }
    }
}

/// How well a card fits, or what tells it.
#[derive(Clone, Debug)]
pub enum Fit {
    /// The vectors of its description and of its exemplars.
    Vectors(Embedding, Vec<Embedding>),
    /// The raw similarity, which is known already ([`Shelf::near`]).
    Known(f32),
}

impl Fit {
    fn similarity(&self, query: &Embedding) -> f32 {
        match self {
            Self::Vectors(description, exemplars) => similarity(query, description, exemplars),
            Self::Known(similarity) => *similarity,
        }
    }
}

/// What ranking needs to know of one expert; `K` is the caller's handle and breaks ties.
#[derive(Clone, Debug)]
pub struct Profile<K> {
    /// Names the expert.
    pub key: K,
    /// What the query is compared with.
    pub fit: Fit,
    /// The words of the card's description and exemplars.
    pub terms: Terms,
    /// Tasks it can run at once.
    pub slots: u32,
    /// Of those, free now.
    pub free_slots: u32,
    /// Milliseconds to its first token, as seen; `None` for a stranger.
    pub latency_ms: Option<f32>,
    /// In [0, 1]; [`TRUST_NEUTRAL`] for a stranger.
    pub trust: f32,
    /// How it did on prompts like the one asked.
    pub outcomes: Outcomes,
}

/// One expert's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked<K> {
    /// Names the expert.
    pub key: K,
    /// Why it stands here.
    pub factors: Factors,
    /// The product of the factors.
    pub score: f32,
}

/// Ranks experts for a query, best first, at most [`RANKED_MAX`]: by score, but nobody comes before an expert that is far
/// more competent ([`STAND_IN_SHARE`]). Equal scores go by key, so every node with
/// the same directory ranks the same. Those that do not fit are ranked too (they explain a `no_expert`); the
/// caller asks [`fits`].
pub fn rank<'a, K: Ord + Clone + 'a>(
    query: &Query,
    profiles: impl IntoIterator<Item = &'a Profile<K>>,
) -> Vec<Ranked<K>> {
    let profiles: Vec<&Profile<K>> = profiles.into_iter().collect();
    let places = profiles.iter().enumerate().map(|(at, profile)| place(at, query, profile));
    finish(query, best_of(places.collect()), &profiles)
}

/// One expert's place by similarity, under its index and its key.
struct Place<'a, K> {
    at: usize,
    key: &'a K,
    similarity: f32,
    factors: Factors,
}

fn place<'a, K>(at: usize, query: &Query, profile: &'a Profile<K>) -> Place<'a, K> {
    let similarity = profile.fit.similarity(&query.embedding);
    Place { at, key: &profile.key, similarity, factors: factors(query, profile, similarity) }
}

fn factors<K>(query: &Query, profile: &Profile<K>, similarity: f32) -> Factors {
    let trust = if profile.trust.is_nan() { 0.0 } else { profile.trust.clamp(0.0, 1.0) };
    let availability = availability(profile.free_slots, profile.slots) * promptness(profile.latency_ms);
    let (claim, outcomes) = (competence(similarity), profile.outcomes);
    let coverage = query.background.map_or(claim, |background| coverage(similarity, background));
    Factors {
        claim,
        outcomes,
        competence: outcomes.corrected(claim),
        coverage: outcomes.corrected(coverage),
        trust,
        availability,
    }
}

/// Compares the first by their words, and gives everyone his key.
fn finish<K: Ord + Clone>(
    query: &Query,
    mut places: Vec<Place<K>>,
    profiles: &[&Profile<K>],
) -> Vec<Ranked<K>> {
    let finalists = places.len().min(LEXICAL_RANKED);
    let cards: Vec<&Terms> = places[..finalists].iter().map(|place| &profiles[place.at].terms).collect();
    for (place, share) in places.iter_mut().zip(query.terms.shares(&cards)) {
        let similarity = place.similarity + LEXICAL_WEIGHT * share;
        place.factors = factors(query, profiles[place.at], similarity);
    }
    places.sort_unstable_by(better_first);
    let best = places.iter().map(|place| place.factors.competence).fold(0.0, f32::max);
    places.sort_by_key(|place| place.factors.competence < STAND_IN_SHARE * best);
    places
        .into_iter()
        .map(|place| Ranked { key: place.key.clone(), score: place.factors.score(), factors: place.factors })
        .collect()
}

fn best_of<K: Ord>(mut places: Vec<Place<K>>) -> Vec<Place<K>> {
    if places.len() > RANKED_MAX {
        places.select_nth_unstable_by(RANKED_MAX - 1, better_first);
        places.truncate(RANKED_MAX);
    }
    places.sort_unstable_by(better_first);
    places
}

fn better_first<K: Ord>(a: &Place<K>, b: &Place<K>) -> Ordering {
    b.factors.score().total_cmp(&a.factors.score()).then_with(|| a.key.cmp(b.key))
}

/// The highest values seen, highest first.
#[derive(Default)]
struct Best {
    values: [f32; BEST_EXEMPLARS],
    count: usize,
}

impl Best {
    fn add(&mut self, value: f32) {
        let at = self.values[..self.count].iter().position(|held| value > *held).unwrap_or(self.count);
        if at < BEST_EXEMPLARS {
            self.count = (self.count + 1).min(BEST_EXEMPLARS);
            self.values[at..self.count].rotate_right(1);
            self.values[at] = value;
        }
    }

    fn mean(&self) -> Option<f32> {
        (self.count > 0).then(|| self.values[..self.count].iter().sum::<f32>() / self.count as f32)
    }
}

fn combine(description: f32, exemplars: &Best) -> f32 {
    exemplars.mean().map_or(description, |mean| (description + mean) / 2.0)
}

#[cfg(test)]
mod tests;
