use super::*;
use crate::cells::ANNOUNCED;

/// Vectors on a circle, so that a card's score is known.
fn at(degrees: f32) -> Embedding {
    Embedding::new(&[degrees.to_radians().cos(), degrees.to_radians().sin()]).unwrap()
}

/// A hundred experts, one a degree, and two queries at 20 and 70 degrees.
fn world() -> World {
    let mut pool: Vec<Embedding> = (0..100u8).map(|degree| at(f32::from(degree))).collect();
    pool.extend([at(20.2), at(70.2)]);
    let cards = (0..100).map(|own| Card { description: own, exemplars: vec![own] }).collect();
    World { pool, cards, queries: vec![100, 101] }
}

fn placement(announced: impl Fn(u32) -> Vec<u32>, looked_up: [Vec<u32>; 2]) -> Placement {
    Placement {
        name: "by hand".to_owned(),
        announced: (0..100)
            .map(|expert| announced(expert).into_iter().map(|key| (key, 0.0)).collect())
            .collect(),
        looked_up: looked_up.into(),
    }
}

const UNCAPPED: Caps = Caps { kept: usize::MAX, fittest: usize::MAX, returned: usize::MAX };

#[test]
fn what_lies_in_the_cells_is_found_and_counted() {
    // Cells of ten degrees; the second query looks in the wrong one.
    let placement = placement(|expert| vec![expert / 10], [vec![2, 1], vec![8]]);
    let report = &simulate(&world(), &[placement], UNCAPPED, 1)[0];
    assert_eq!((report.recall_at_1, report.lookups, report.announced), (0.5, 1.5, 1.0));
    assert!((report.recall_at_3 - 0.5).abs() < 1e-9, "20, 21 and 19 are found, none of 70, 71, 69");
    assert_eq!((report.examined, report.returned), (15.0, 15.0));
    assert!((report.examined_share - 0.15).abs() < 1e-9);
    let expected = (1.0 + 9.8f64.to_radians().cos() / 0.2f64.to_radians().cos()) / 2.0;
    assert!((report.score_ratio - expected).abs() < 1e-4, "{}", report.score_ratio);
    assert_eq!(report.providers, Crowd { mean: 10.0, p99: 10, max: 10 });
}

#[test]
fn an_expert_of_two_cells_is_examined_once() {
    let placement = placement(|_| vec![0, 1], [vec![0, 1], vec![1]]);
    let report = &simulate(&world(), &[placement], UNCAPPED, 1)[0];
    assert_eq!((report.examined, report.returned, report.announced), (100.0, 150.0, 2.0));
    assert_eq!((report.recall_at_3, report.score_ratio), (1.0, 1.0));
}

#[test]
fn full_keys_keep_and_return_a_sample() {
    let caps = Caps { kept: 40, fittest: 20, returned: 10 };
    let placement = placement(|_| vec![0], [vec![0], vec![0]]);
    let found: Vec<FindingReport> = (0..200)
        .map(|seed| simulate(&world(), std::slice::from_ref(&placement), caps, seed).remove(0))
        .collect();
    assert!(found.iter().all(|r| r.examined == 10.0 && r.overflowing == 1.0 && r.providers.max == 100));
    let mean = found.iter().map(|r| r.recall_at_1).sum::<f64>() / 200.0;
    assert!(
        (0.06..0.14).contains(&mean),
        "a tenth of the experts finds the best a tenth of the time: {mean}"
    );
}

#[test]
fn full_keys_keep_the_fittest_and_a_sample() {
    let caps = Caps { kept: 12, fittest: 10, returned: 12 };
    let mut placement = placement(|_| vec![0], [vec![0], vec![0]]);
    for (expert, keys) in (0u8..).zip(&mut placement.announced) {
        keys[0].1 = f32::from(expert);
    }
    // The best for the first query, 20, is not among the ten fittest, 90 to 99: chance alone keeps it, for two places in ninety.
    let found: Vec<f64> = (0..200)
        .map(|seed| simulate(&world(), std::slice::from_ref(&placement), caps, seed)[0].recall_at_1)
        .collect();
    let mean = found.iter().sum::<f64>() / 200.0;
    assert!((0.002..0.06).contains(&mean), "{mean}");
    placement.announced[20][0].1 = 1_000.0;
    placement.announced[70][0].1 = 1_000.0;
    assert_eq!(simulate(&world(), &[placement], caps, 1)[0].recall_at_1, 1.0);
}

#[test]
fn equals_count_as_found() {
    let mut twins = world();
    twins.cards = vec![Card { description: 20, exemplars: vec![20] }; 100];
    let placement = placement(|expert| vec![expert], [vec![7], vec![7, 8, 9]]);
    let report = &simulate(&twins, &[placement], UNCAPPED, 1)[0];
    assert_eq!(report.recall_at_1, 1.0);
    assert!((report.recall_at_3 - (1.0 / 3.0 + 1.0) / 2.0).abs() < 1e-9);
}

#[test]
fn queries_that_nobody_fits_are_told() {
    let mut far = world();
    far.pool[101] = at(200.0);
    assert_eq!((world().fitting(), far.fitting()), (1.0, 0.5));
}

#[test]
fn a_codebook_places_experts_where_its_question_looks() {
    let centres: Vec<Embedding> = (0..220u8).map(|place| at(f32::from(place) * 0.5)).collect();
    let book = Codebook::from_centres(&centres).unwrap();
    let placement = Placement::by_codebook("cells", &world(), &book, 1);
    assert!(placement.announced.iter().all(|cells| cells.len() == ANNOUNCED));
    // Eight bits of two components tell half a degree apart, no less.
    let looked_up: Vec<u32> = placement.looked_up.iter().flatten().copied().collect();
    assert!(matches!(looked_up[..], [39..=41, 139..=141]), "{looked_up:?}");
    let report = &simulate(&world(), &[placement], UNCAPPED, 1)[0];
    assert_eq!((report.recall_at_1, report.recall_at_3), (1.0, 1.0));
    assert!(report.examined_share < 0.35, "{}", report.examined_share);
}
