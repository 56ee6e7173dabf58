//! How long it takes to choose among so many experts, once their adverts are here: what the router does with a query
//! but for statuses, which depend on who serves what, and for the words of the first eight cards.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use polymath_swarm::capability::{Card, ExpertKind, ModelFacts};
use polymath_swarm::cells::Codebook;
use polymath_swarm::embedding::{Embedding, Int8Vector};
use polymath_swarm::evaluation::finding::World;
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::score::{Fit, Outcomes, Profile, Query, Shelf, TRUST_NEUTRAL, Terms, explore, rank};

use super::super::measure::Spread;

/// Queries before any is timed: the first touch of every card's memory is not what is measured.
const WARMING: usize = 100;

/// Milliseconds a query, and the share of the queries whose best expert by brute force came out first.
pub(super) struct Speed {
    pub(super) query: Spread,
    pub(super) best_first: f64,
}

pub(super) fn measure(world: &World, codebook: &Codebook) -> Option<Speed> {
    let mut shelf = Shelf::default();
    for (key, made) in world.cards.iter().enumerate() {
        shelf.insert(key, Arc::new(card(world, made)?));
    }
    shelf.sort(codebook, usize::MAX);
    let (mut times, mut right) = (Vec::new(), 0usize);
    for (place, at) in world.queries.iter().enumerate() {
        let query = world.pool.get(*at)?;
        let started = Instant::now();
        let ranked = routed(&shelf, codebook, query, place as u64);
        if place >= WARMING.min(world.queries.len() / 2) {
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let best = black_box(ranked)?;
        right += usize::from(world.is_best(*at, best));
    }
    Some(Speed { query: Spread::of(times), best_first: right as f64 / world.queries.len().max(1) as f64 })
}

/// The best expert for a query, as the router chooses.
pub(in super::super) fn routed(
    shelf: &Shelf<usize>,
    codebook: &Codebook,
    query: &Embedding,
    seed: u64,
) -> Option<usize> {
    let (cells, background) = codebook.survey(query)?;
    let cells: Vec<u32> = cells.iter().take(Shelf::<usize>::PROBED).map(|cell| cell.index).collect();
    let profiles: Vec<Profile<usize>> = shelf
        .near(query, &cells, |_| true)
        .into_iter()
        .map(|(key, similarity)| Profile {
            key: *key,
            fit: Fit::Known(similarity),
            terms: Terms::default(),
            slots: 1,
            free_slots: 1,
            latency_ms: None,
            trust: TRUST_NEUTRAL,
            outcomes: Outcomes::default(),
        })
        .collect();
    let mut ranked = rank(&Query::by_meaning(query.clone()).against(background), &profiles);
    // Drawn as in the router, for its time; who is best is judged without luck.
    let first = ranked.first().map(|ranked| ranked.key);
    explore(&mut ranked, seed, true);
    black_box(ranked);
    first
}

fn card(world: &World, made: &polymath_swarm::evaluation::finding::Card) -> Option<Card> {
    let own = std::iter::once(&made.description).chain(&made.exemplars);
    Some(bare(own.map(|at| world.pool.get(*at).map(Embedding::quantise)).collect::<Option<_>>()?))
}

/// A card of which nothing matters but where it lies.
pub(in super::super) fn bare(embeddings: Vec<Int8Vector>) -> Card {
    let none = Sha256Hash::default();
    Card {
        id: "expert".to_owned(),
        kind: ExpertKind::Model,
        description: String::new(),
        exemplars: vec![String::new(); embeddings.len().saturating_sub(1)],
        model: ModelFacts {
            sha256: none,
            architecture: "llama".to_owned(),
            parameters: 0,
            quantisation: "F16".to_owned(),
            context_tokens: 1,
            flash_attention: false,
            unified_kv: false,
        },
        licence: "MIT".to_owned(),
        languages: Vec::new(),
        abilities: Vec::new(),
        space: none,
        embeddings,
        temperature: 0.0,
    }
}
