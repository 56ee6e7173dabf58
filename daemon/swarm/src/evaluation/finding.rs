//! How well experts are found in a large swarm: a simulation of provider records against brute force.
//!
//! Cards and queries are indices into one pool of embeddings, so that a hundred thousand cards made of a few thousand
//! texts cost what the texts cost. A [`Placement`] says under which keys each expert is announced and which keys each
//! query looks up; [`Caps`] are those of the record store. [`simulate`] plays every query against every placement
//! and compares what is found with the best of all experts by the score that routes.
//!
//! Not simulated: churn, lost records and hostile nodes. Every key is kept by one node here. In the network some
//! twenty hold it, each with a sample of its own where it overflows; a lookup still returns no more.

mod draw;
mod hyperplanes;

pub use draw::Draw;
pub use hyperplanes::{Directions, Hyperplanes};

use crate::cells::{Codebook, LOOKUPS_MAX};
use crate::embedding::{Embedding, dot};
use crate::score::{competence, fits, similarity_of};

/// Scores this near to each other are equal: cards that share a description and their best exemplars tie.
const TIE: f32 = 1e-6;
/// What int8 vectors on cards take from or add to a score.
const ROUNDING: f32 = 2e-3;

/// An expert's card, as indices into the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Of the description.
    pub description: usize,
    /// Of the exemplars.
    pub exemplars: Vec<usize>,
}

/// The swarm that is simulated and what it is asked.
#[derive(Clone, Debug)]
pub struct World {
    /// Embeddings of all texts.
    pub pool: Vec<Embedding>,
    /// The experts.
    pub cards: Vec<Card>,
    /// The queries, as indices into the pool.
    pub queries: Vec<usize>,
}

impl World {
    /// Whether no expert scores higher than `expert` for the query at `query` of the pool, but for what rounding hides.
    pub fn is_best(&self, query: usize, expert: usize) -> bool {
        let scores = scores(self, query);
        let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        scores.get(expert).is_some_and(|score| *score >= best - ROUNDING)
    }

    /// Share of the queries that some expert fits; of the others there is nothing to find.
    pub fn fitting(&self) -> f64 {
        let best = |query: &usize| scores(self, *query).into_iter().fold(f32::NEG_INFINITY, f32::max);
        let count = self.queries.iter().filter(|query| fits(competence(best(query)))).count();
        count as f64 / self.queries.len().max(1) as f64
    }
}

/// What the record store and the network allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Providers kept under one key.
    pub kept: usize,
    /// So many of these are the fittest of all that were announced; the others a random sample.
    pub fittest: usize,
    /// Providers that one lookup returns; of more, a random sample.
    pub returned: usize,
}

/// Where experts are announced, and where queries look.
#[derive(Clone, Debug)]
pub struct Placement {
    /// What it is called in tables.
    pub name: String,
    /// Keys of each expert, in the order of [`World::cards`], each key once, and how well the expert fits there. Where fits are
    /// equal, chance decides.
    pub announced: Vec<Vec<(u32, f32)>>,
    /// Keys of each query, in the order of [`World::queries`].
    pub looked_up: Vec<Vec<u32>>,
}

impl Placement {
    /// By the cells of a codebook: experts as [`Codebook::cells_of`] says, queries as [`Codebook::lookups`].
    pub fn by_codebook(name: &str, world: &World, book: &Codebook, lookups: usize) -> Self {
        // 32 KiB a text: cards share them, and a codebook is long.
        let rows: Vec<Vec<f32>> = world.pool.iter().map(|own| book.similarities(own)).collect();
        let announced = world.cards.iter().map(|card| {
            let own = std::iter::once(&card.description).chain(&card.exemplars);
            let rows: Vec<&[f32]> = own.filter_map(|at| rows.get(*at).map(Vec::as_slice)).collect();
            book.announced(&rows)
        });
        Self { name: name.to_owned(), announced: announced.collect(), looked_up: Vec::new() }
            .looking(world, book, lookups)
    }

    /// The same experts, found by so many lookups.
    pub fn with_lookups(&self, world: &World, book: &Codebook, lookups: usize) -> Self {
        Self { name: format!("{}, {lookups} lookups", self.name), ..self.clone() }
            .looking(world, book, lookups)
    }

    fn looking(self, world: &World, book: &Codebook, lookups: usize) -> Self {
        let looked_up = |at: &usize| {
            let cells = world.pool.get(*at).map_or_else(Vec::new, |query| book.lookups(query, lookups));
            cells.into_iter().map(|cell| cell.index).collect()
        };
        Self { looked_up: world.queries.iter().map(looked_up).collect(), ..self }
    }

    /// By hyperplanes: an expert in the bucket of each of its vectors in each table, a query in the likeliest buckets
    /// of all tables together, [`LOOKUPS_MAX`] of them.
    pub fn by_hyperplanes(name: &str, world: &World, planes: &Hyperplanes) -> Self {
        let buckets: Vec<Vec<u32>> = world.pool.iter().map(|own| planes.buckets(own)).collect();
        let announced = |card: &Card| {
            let own = std::iter::once(&card.description).chain(&card.exemplars);
            let mut keys: Vec<u32> = own.filter_map(|at| buckets.get(*at)).flatten().copied().collect();
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().map(|key| (key, 0.0)).collect()
        };
        let looked_up =
            |at: &usize| world.pool.get(*at).map_or_else(Vec::new, |query| planes.probes(query, LOOKUPS_MAX));
        Self {
            name: name.to_owned(),
            announced: world.cards.iter().map(announced).collect(),
            looked_up: world.queries.iter().map(looked_up).collect(),
        }
    }
}

/// How crowded the keys are that have providers at all, before any cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Crowd {
    /// Providers of a key.
    pub mean: f64,
    /// 99th percentile.
    pub p99: usize,
    /// The most.
    pub max: usize,
}

/// Figures of one placement.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FindingReport {
    /// The placement's name.
    pub method: String,
    /// Share of queries whose best expert is found; one that scores the same counts as well.
    pub recall_at_1: f64,
    /// Share of the three best that is found, likewise.
    pub recall_at_3: f64,
    /// Best score found over best score there is, mean over queries.
    pub score_ratio: f64,
    /// Keys looked up by a query, mean.
    pub lookups: f64,
    /// Experts found by a query, each once: the adverts that a cold node fetches and scores.
    pub examined: f64,
    /// The same as a share of all experts.
    pub examined_share: f64,
    /// Providers that all lookups of a query return together, an expert once for each.
    pub returned: f64,
    /// Keys of an expert, mean.
    pub announced: f64,
    /// Providers of a key.
    pub providers: Crowd,
    /// Share of the keys that hold more than is kept.
    pub overflowing: f64,
}

/// Plays every query of `world` against each placement. The same seed gives the same samples where keys overflow.
pub fn simulate(world: &World, placements: &[Placement], caps: Caps, seed: u64) -> Vec<FindingReport> {
    let mut draw = Draw::new(seed);
    let mut tallies: Vec<Tally> = placements.iter().map(|p| Tally::new(p, caps, &mut draw)).collect();
    for (place, query) in world.queries.iter().enumerate() {
        let scores = scores(world, *query);
        let best = three_best(&scores);
        for (tally, placement) in tallies.iter_mut().zip(placements) {
            let keys = placement.looked_up.get(place).map_or(&[][..], Vec::as_slice);
            tally.ask(keys, &scores, best, caps, &mut draw);
        }
    }
    tallies
        .into_iter()
        .zip(placements)
        .map(|(tally, placement)| tally.report(world, placement, caps))
        .collect()
}

/// What the router's similarity gives each expert for the query at `query` of the pool.
fn scores(world: &World, query: usize) -> Vec<f32> {
    let Some(asked) = world.pool.get(query) else { return vec![0.0; world.cards.len()] };
    let similar: Vec<f32> = world.pool.iter().map(|own| dot(own.as_slice(), asked.as_slice())).collect();
    let at = |index: &usize| similar.get(*index).copied().unwrap_or_default();
    world
        .cards
        .iter()
        .map(|card| similarity_of(at(&card.description), card.exemplars.iter().map(at)))
        .collect()
}

/// Those of `offers` that a key keeps.
fn keep(mut offers: Vec<(u32, f32)>, caps: Caps, draw: &mut Draw) -> Vec<u32> {
    if offers.len() > caps.kept {
        draw.shuffle(&mut offers);
        offers.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut others = offers.split_off(caps.fittest.min(caps.kept));
        draw.sample(&mut others, caps.kept - offers.len());
        offers.extend(others);
    }
    offers.into_iter().map(|(expert, _)| expert).collect()
}

fn three_best(scores: &[f32]) -> [f32; 3] {
    let mut best = [f32::NEG_INFINITY; 3];
    for score in scores {
        let mut value = *score;
        for held in &mut best {
            if value > *held {
                std::mem::swap(&mut value, held);
            }
        }
    }
    best
}

/// The running sums of one placement.
struct Tally {
    /// Providers kept under each key.
    kept: Vec<Vec<u32>>,
    /// Providers offered under each key.
    offered: Vec<usize>,
    /// The last query, by number, that found each expert.
    seen: Vec<u32>,
    queries: u32,
    hits: [usize; 2],
    ratios: f64,
    lookups: usize,
    examined: usize,
    returned: usize,
}

impl Tally {
    fn new(placement: &Placement, caps: Caps, draw: &mut Draw) -> Self {
        let announced = placement.announced.iter().flatten().map(|(key, _)| *key);
        let keys = announced.chain(placement.looked_up.iter().flatten().copied()).max();
        let mut offers: Vec<Vec<(u32, f32)>> = vec![Vec::new(); keys.map_or(0, |last| last as usize + 1)];
        for (expert, keys) in (0u32..).zip(&placement.announced) {
            for (key, fit) in keys {
                offers[*key as usize].push((expert, *fit));
            }
        }
        let offered = offers.iter().map(Vec::len).collect();
        Self {
            kept: offers.into_iter().map(|offers| keep(offers, caps, draw)).collect(),
            offered,
            seen: vec![0; placement.announced.len()],
            queries: 0,
            hits: [0; 2],
            ratios: 0.0,
            lookups: 0,
            examined: 0,
            returned: 0,
        }
    }

    fn ask(&mut self, keys: &[u32], scores: &[f32], best: [f32; 3], caps: Caps, draw: &mut Draw) {
        self.queries += 1;
        self.lookups += keys.len();
        let (mut first, mut three, mut found) = (0, 0, f32::NEG_INFINITY);
        for key in keys {
            let mut providers = self.kept[*key as usize].clone();
            draw.sample(&mut providers, caps.returned);
            self.returned += providers.len();
            for expert in providers {
                let expert = expert as usize;
                if std::mem::replace(&mut self.seen[expert], self.queries) == self.queries {
                    continue;
                }
                self.examined += 1;
                first += usize::from(scores[expert] >= best[0] - TIE);
                three += usize::from(scores[expert] >= best[2] - TIE);
                found = found.max(scores[expert]);
            }
        }
        self.hits[0] += first.min(1);
        self.hits[1] += three.min(3);
        if best[0] > 0.0 {
            self.ratios += f64::from(found.max(0.0) / best[0]);
        }
    }

    fn report(self, world: &World, placement: &Placement, caps: Caps) -> FindingReport {
        let queries = f64::from(self.queries.max(1));
        let experts = world.cards.len().max(1) as f64;
        let three = experts.min(3.0);
        let mut used: Vec<usize> = self.offered.into_iter().filter(|count| *count > 0).collect();
        used.sort_unstable();
        let announced = used.iter().sum::<usize>() as f64;
        let keys = used.len().max(1) as f64;
        FindingReport {
            method: placement.name.clone(),
            recall_at_1: self.hits[0] as f64 / queries,
            recall_at_3: self.hits[1] as f64 / queries / three,
            score_ratio: self.ratios / queries,
            lookups: self.lookups as f64 / queries,
            examined: self.examined as f64 / queries,
            examined_share: self.examined as f64 / queries / experts,
            returned: self.returned as f64 / queries,
            announced: announced / experts,
            providers: Crowd {
                mean: announced / keys,
                p99: used.get(used.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default(),
                max: used.last().copied().unwrap_or_default(),
            },
            overflowing: used.iter().filter(|count| **count > caps.kept).count() as f64 / keys,
        }
    }
}

#[cfg(test)]
mod tests;
