//! Tables and properties of the score.

use super::*;
use crate::capability::{Card, fixture};
use crate::cells::Codebook;
use proptest::prelude::*;
use std::sync::Arc;

fn unit(values: &[f32]) -> Embedding {
    Embedding::new(values).unwrap()
}

/// A query without words, which similarity alone decides.
fn query(values: &[f32]) -> Query {
    Query::by_meaning(unit(values))
}

fn profile(key: u32, description: &[f32], exemplars: &[&[f32]], free_slots: u32) -> Profile<u32> {
    Profile {
        key,
        fit: Fit::Vectors(unit(description), exemplars.iter().map(|e| unit(e)).collect()),
        terms: Terms::default(),
        slots: 4,
        free_slots,
        latency_ms: None,
        trust: TRUST_NEUTRAL,
        outcomes: Outcomes::default(),
    }
}

/// Vectors without a random source: a linear congruence.
fn vectors(count: usize, dimension: usize) -> Vec<Embedding> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| unit(&(0..dimension).map(|_| next()).collect::<Vec<_>>())).collect()
}

#[test]
fn similarity_is_the_mean_of_description_and_three_best_exemplars() {
    let query = unit(&[1.0, 0.0]);
    let (same, across) = (unit(&[1.0, 0.0]), unit(&[0.0, 1.0]));
    let all = [across.clone(), same.clone(), same.clone(), across.clone(), same.clone()];
    assert_eq!(similarity(&query, &across, &all), 0.5);
    assert_eq!(similarity(&query, &same, &[across.clone(), same.clone()]), 0.75);
    assert_eq!(similarity(&query, &same, &[]), 1.0);
    assert_eq!(similarity(&query, &unit(&[1.0, 0.0, 0.0]), &[]), 0.0, "another dimension never matches");
}

#[test]
fn unrelated_cards_do_not_fit_and_related_ones_do() {
    for (raw, expected) in
        [(-0.1, false), (0.05, false), (0.15, false), (0.3, true), (0.45, true), (0.7, true)]
    {
        assert_eq!(fits(competence(raw)), expected, "similarity {raw}");
    }
    assert!(!fits(competence(f32::NAN)));
}

#[test]
fn busy_is_not_failed() {
    assert_eq!(availability(0, 4), AVAILABILITY_BUSY);
    assert_eq!(availability(0, 0), AVAILABILITY_BUSY);
    assert_eq!(availability(4, 4), 1.0);
    assert_eq!(availability(9, 4), 1.0);
}

#[test]
fn ties_go_by_key_and_the_list_is_capped() {
    let profiles: Vec<_> = (0..200).rev().map(|key| profile(key, &[1.0, 0.2], &[], 4)).collect();
    let ranked = rank(&query(&[1.0, 0.0]), &profiles);
    assert_eq!(ranked.iter().map(|r| r.key).collect::<Vec<_>>(), (0..RANKED_MAX as u32).collect::<Vec<_>>());
}

#[test]
fn a_free_expert_precedes_its_busy_twin_and_a_better_one_both() {
    let profiles =
        [profile(1, &[1.0, 1.0], &[], 0), profile(2, &[1.0, 1.0], &[], 4), profile(3, &[1.0, 0.1], &[], 4)];
    let keys: Vec<_> = rank(&query(&[1.0, 0.0]), &profiles).iter().map(|r| r.key).collect();
    assert_eq!(keys, [3, 2, 1]);
}

#[test]
fn a_busy_expert_precedes_a_free_one_of_another_trade() {
    let profiles = [profile(1, &[1.0, 0.0], &[], 0), profile(2, &[1.0, 3.6], &[], 4)];
    let ranked = rank(&query(&[1.0, 0.1]), &profiles);
    assert_eq!(ranked[0].key, 1);
    assert!(ranked[0].score < ranked[1].score && ranked[1].factors.fits(), "{ranked:?}");
}

#[test]
fn among_equals_the_prompts_own_words_decide() {
    let mut profiles = [profile(1, &[1.0, 1.0], &[], 4), profile(2, &[1.0, 1.0], &[], 4)];
    profiles[0].terms = Terms::of(["Which month follows May?"]);
    profiles[1].terms = Terms::of(["How many pints are in a gallon?"]);
    let ranked = rank(&Query::new("12 gallons to pints", unit(&[1.0, 0.0])), &profiles);
    assert_eq!(ranked[0].key, 2);
    assert!(ranked[0].factors.competence > ranked[1].factors.competence);
}

fn card(own: &[Embedding]) -> Arc<Card> {
    let embeddings = own.iter().map(Embedding::quantise).collect();
    Arc::new(Card { exemplars: vec!["e".into(); own.len() - 1], embeddings, ..fixture::card() })
}

/// Cards and a codebook that fit each other: every vector lies about one of 64 centres.
fn clustered(count: usize) -> (Vec<Vec<Embedding>>, Codebook) {
    const DIMENSION: usize = 48;
    let centres = vectors(64, DIMENSION);
    let noise = vectors(count * 5, DIMENSION);
    let cards = noise.chunks_exact(5).enumerate().map(|(at, own)| {
        let near = |(row, noise): (usize, &Embedding)| {
            let centre = centres[(at * 7 + row % 2 * 13) % 64].as_slice();
            unit(&centre.iter().zip(noise.as_slice()).map(|(c, n)| c + 0.6 * n).collect::<Vec<_>>())
        };
        own.iter().enumerate().map(near).collect()
    });
    (cards.collect(), Codebook::from_centres(&centres).unwrap())
}

fn best_key(cards: &[Vec<Embedding>], query: &Embedding) -> usize {
    let of = |own: &Vec<Embedding>| similarity(query, &own[0], &own[1..]);
    let scores: Vec<f32> = cards.iter().map(of).collect();
    (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap()
}

#[test]
fn a_small_shelf_hands_over_everything_and_a_large_one_the_best() {
    let (cards, codebook) = clustered(3_000);
    let mut shelf = Shelf::default();
    for (key, own) in cards.iter().enumerate() {
        shelf.insert(key, card(own));
        if key == 99 {
            assert!(!shelf.sort(&codebook, usize::MAX));
            assert_eq!(shelf.near(&cards[0][0], &[], |_| true).len(), 100);
        }
    }
    let found = |shelf: &Shelf<usize>, query: &Embedding| -> Vec<usize> {
        let cells: Vec<u32> =
            codebook.nearest(query, Shelf::<usize>::PROBED).iter().map(|cell| cell.index).collect();
        shelf.near(query, &cells, |_| true).into_iter().map(|(key, _)| *key).collect()
    };
    let query = &cards[1_234][2];
    assert!(found(&shelf, query).contains(&best_key(&cards, query)), "unsorted cards are looked at too");
    assert!(shelf.sort(&codebook, 1_000) && !shelf.sort(&codebook, 5_000));
    let queries = || cards.iter().step_by(37).map(|own| &own[1]);
    let hits = queries().filter(|query| found(&shelf, query).contains(&best_key(&cards, query))).count();
    assert!(hits * 100 >= queries().count() * 98, "{hits} of {}", queries().count());
    assert_eq!(found(&shelf, query).len(), RANKED_MAX);
    let best = best_key(&cards, query);
    shelf.remove(&best);
    assert!(!found(&shelf, query).contains(&best) && shelf.len() == 2_999 && !shelf.contains(&best));
    shelf.insert(best, card(&cards[best]));
    assert!(found(&shelf, query).contains(&best));
    assert!(shelf.near(query, &[], |_| false).is_empty());
    assert_eq!(shelf.near(query, &[], |_| true).len(), RANKED_MAX, "no cell of the query holds a card");
}

#[test]
fn what_the_shelf_says_of_a_card_is_what_its_vectors_say() {
    let (cards, codebook) = clustered(1_000);
    let mut shelf = Shelf::default();
    cards.iter().enumerate().for_each(|(key, own)| shelf.insert(key, card(own)));
    for is_sorted in [false, true] {
        if is_sorted {
            shelf.sort(&codebook, usize::MAX);
        }
        let query = &cards[17][3];
        let near = shelf.near(query, &[], |_| true);
        assert_eq!(near.len(), RANKED_MAX);
        for (key, similarity) in near {
            let restored: Vec<Embedding> =
                card(&cards[*key]).embeddings.iter().map(|vector| vector.restore().unwrap()).collect();
            let exact = super::similarity(query, &restored[0], &restored[1..]);
            assert!((similarity - exact).abs() < 1e-4, "{similarity} {exact}");
            assert!((similarity_to(query, &card(&cards[*key])) - exact).abs() < 1e-4);
        }
    }
}

#[test]
fn a_prompt_near_to_everything_is_covered_less() {
    assert_eq!(coverage(0.4, BACKGROUND_MIDDLE), competence(0.4));
    assert!(coverage(0.4, 0.5) < coverage(0.4, 0.2));
    let query = Query::new("x", unit(&[1.0, 0.0])).against(0.9);
    let ranked = rank(&query, &[profile(1, &[1.0, 1.6], &[], 4)]);
    assert!(ranked[0].factors.coverage < ranked[0].factors.claim && ranked[0].factors.claim > NO_EXPERT);
}

#[test]
fn outcomes_move_the_expert_they_are_about() {
    let mut profiles = [profile(1, &[1.0, 0.9], &[], 4), profile(2, &[1.0, 1.0], &[], 4)];
    assert_eq!(rank(&query(&[1.0, 0.0]), &profiles)[0].key, 1);
    profiles[0].outcomes = Outcomes { good: 0.0, bad: 3.0, claimed: 3.0 };
    let ranked = rank(&query(&[1.0, 0.0]), &profiles);
    assert_eq!(ranked[0].key, 2);
    assert!(ranked[1].factors.competence < ranked[1].factors.claim);
}

proptest! {
    #[test]
    fn every_factor_stays_in_bounds_and_competence_is_monotone(
        a in -1.0f32..1.0, b in -1.0f32..1.0, free in 0u32..9, slots in 0u32..9
    ) {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        prop_assert!(competence(low) <= competence(high));
        prop_assert!((0.0..=1.0).contains(&competence(a)));
        let availability = availability(free, slots);
        prop_assert!(availability > 0.0 && availability <= 1.0);
    }

    #[test]
    fn order_in_does_not_matter(seed in 0usize..40, count in 1usize..90) {
        let all = vectors(200, 8);
        let mut profiles: Vec<_> = (0..count)
            .map(|i| Profile {
                key: i,
                fit: Fit::Vectors(all[(i * 3 + seed) % 200].clone(), all[i % 150..i % 150 + i % 5].to_vec()),
                terms: Terms::of([["mile", "letter", "capital"][i % 3]]),
                slots: 3,
                free_slots: (i % 4) as u32,
                latency_ms: None,
                trust: 1.0,
                outcomes: Outcomes::default(),
            })
            .collect();
        let query = Query::new("how many miles", all[seed].clone());
        let ranked = rank(&query, &profiles);
        profiles.reverse();
        prop_assert_eq!(rank(&query, &profiles), ranked);
    }
}
