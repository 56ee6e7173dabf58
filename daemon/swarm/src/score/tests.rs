//! Tables and properties of the score.

use super::*;
use proptest::prelude::*;

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
        description: unit(description),
        exemplars: exemplars.iter().map(|e| unit(e)).collect(),
        terms: Terms::default(),
        slots: 4,
        free_slots,
        trust: TRUST_NEUTRAL,
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
fn among_equals_the_prompts_own_words_decide() {
    let mut profiles = [profile(1, &[1.0, 1.0], &[], 4), profile(2, &[1.0, 1.0], &[], 4)];
    profiles[0].terms = Terms::of(["Which month follows May?"]);
    profiles[1].terms = Terms::of(["How many pints are in a gallon?"]);
    let ranked = rank(&Query::new("12 gallons to pints", unit(&[1.0, 0.0])), &profiles);
    assert_eq!(ranked[0].key, 2);
    assert!(ranked[0].factors.competence > ranked[1].factors.competence);
}

#[test]
fn ten_thousand_experts_are_ranked_as_one_by_one() {
    let all = vectors(10_000 * 9, 384);
    let profiles: Vec<_> = (0u32..)
        .zip(all.chunks_exact(9))
        .map(|(key, own)| Profile {
            key,
            description: own[0].clone(),
            exemplars: own[1..].to_vec(),
            terms: Terms::default(),
            slots: 2,
            free_slots: key % 3,
            trust: TRUST_NEUTRAL,
        })
        .collect();
    let query = Query::by_meaning(all[4_500].clone());
    let shelf = Shelf::new(384, profiles.clone());
    assert_eq!(shelf.rank(&query), rank(&query, &profiles));
}

#[test]
fn the_int8_pass_loses_nobody_who_matters() {
    let all = vectors(700 * 3, 40);
    let profiles: Vec<_> = (0u32..)
        .zip(all.chunks_exact(3))
        .map(|(key, own)| Profile {
            key,
            description: own[0].clone(),
            exemplars: own[1..].to_vec(),
            terms: Terms::default(),
            slots: 2,
            free_slots: key % 3,
            trust: TRUST_NEUTRAL,
        })
        .collect();
    let shelf = Shelf::new(40, profiles.clone());
    for embedding in all.iter().step_by(97) {
        let query = Query::by_meaning(embedding.clone());
        assert_eq!(shelf.rank(&query), rank(&query, &profiles));
    }
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
    fn the_shelf_agrees_and_order_in_does_not_matter(seed in 0usize..40, count in 1usize..90) {
        let all = vectors(200, 8);
        let mut profiles: Vec<_> = (0..count)
            .map(|i| Profile {
                key: i,
                description: all[(i * 3 + seed) % 200].clone(),
                exemplars: all[i % 150..i % 150 + i % 5].to_vec(),
                terms: Terms::of([["mile", "letter", "capital"][i % 3]]),
                slots: 3,
                free_slots: (i % 4) as u32,
                trust: 1.0,
            })
            .collect();
        let query = Query::new("how many miles", all[seed].clone());
        let ranked = rank(&query, &profiles);
        prop_assert_eq!(Shelf::new(8, profiles.clone()).rank(&query), ranked.clone());
        profiles.reverse();
        prop_assert_eq!(rank(&query, &profiles), ranked);
    }
}
