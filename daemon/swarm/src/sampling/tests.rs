use super::vocabulary::by_logit;
use super::*;
use proptest::prelude::*;

fn sampler(temperature: f32, top_k: u32, top_p: f32) -> Sampler {
    Sampler { settings: Settings { temperature, top_k, top_p, ..Settings::default() }, seed: 42 }
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let total = log_sum_exp(logits);
    logits.iter().map(|&l| (f64::from(l) - total).exp()).collect()
}

/// Computed apart from this code, with Python's hashlib.
const UNIFORM_GOLDEN: [&str; 4] = ["0.347598718457", "0.786855060467", "0.293238958418", "0.872718345911"];

#[test]
fn random_numbers_are_fixed_for_all_time() {
    // Changing any of these breaks every replay between versions: change the label and the protocol with it.
    let all: Vec<String> = [(0, 0), (0, 1), (1, 0), (u64::MAX, u32::MAX)]
        .iter()
        .map(|&(seed, index)| format!("{:.12}", uniform(seed, index)))
        .collect();
    assert_eq!(all, UNIFORM_GOLDEN);
}

#[test]
fn random_numbers_are_uniform() {
    let numbers: Vec<f64> = (0..10_000).map(|i| uniform(7, i)).collect();
    let mean = numbers.iter().sum::<f64>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.01, "{mean}");
    for tenth in 0..10 {
        let low = f64::from(tenth) / 10.0;
        let count = numbers.iter().filter(|&&n| n >= low && n < low + 0.1).count();
        assert!((850..1_150).contains(&count), "{count} in tenth {tenth}");
    }
}

#[test]
fn greedy_takes_the_largest_and_the_lowest_id_of_equals() {
    assert_eq!(sampler(0.0, 0, 1.0).draw(&[1.0, 3.0, 2.0], &[], 0).id, 1);
    assert_eq!(sampler(0.0, 0, 1.0).draw(&[3.0, 3.0], &[], 0).id, 0);
    assert_eq!(sampler(0.0, 0, 1.0).draw(&[f32::NAN, f32::INFINITY, -4.0], &[], 0).id, 2);
}

#[test]
fn logits_without_a_finite_number_say_so() {
    for logits in [vec![], vec![f32::NAN; 3], vec![f32::NEG_INFINITY; 3]] {
        for temperature in [0.0, 1.0] {
            let draw = sampler(temperature, 2, 0.5).draw(&logits, &[0], 0);
            assert_eq!((draw.id, draw.logprob), (0, f32::NEG_INFINITY));
        }
    }
}

#[test]
fn draws_follow_the_distribution() {
    let logits = [0.5_f32.ln(), 0.3_f32.ln(), 0.2_f32.ln()];
    let mut counts = [0_u32; 3];
    for i in 0..20_000 {
        counts[sampler(1.0, 0, 1.0).draw(&logits, &[], i).id as usize] += 1;
    }
    for (count, expected) in counts.iter().zip([0.5, 0.3, 0.2]) {
        assert!((f64::from(*count) / 20_000.0 - expected).abs() < 0.015, "{counts:?}");
    }
}

#[test]
fn cuts_keep_what_they_should() {
    let logits: Vec<f32> = [0.4_f32, 0.1, 0.3, 0.2].iter().map(|p| p.ln()).collect();
    let drawn = |top_k, top_p| {
        let mut ids: Vec<u32> =
            (0..2_000).map(|i| sampler(1.0, top_k, top_p).draw(&logits, &[], i).id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    assert_eq!(drawn(0, 1.0), [0, 1, 2, 3]);
    assert_eq!(drawn(2, 1.0), [0, 2]);
    assert_eq!(drawn(0, 0.65), [0, 2]);
    assert_eq!(drawn(0, 0.75), [0, 2, 3]);
    assert_eq!(drawn(3, 0.5), [0, 2]);
    assert_eq!(drawn(0, 0.0), [0]);
    assert_eq!(drawn(99, 1.0), [0, 1, 2, 3]);
}

#[test]
fn penalties_count_only_the_window() {
    let settings =
        Settings { frequency_penalty: 1.0, presence_penalty: 0.5, penalty_last_n: 3, ..Settings::default() };
    let sampler = Sampler { settings, seed: 0 };
    // Token 0 lost 2 × 1 + 0.5 in the window of three; the occurrence before it does not count.
    assert_eq!(sampler.draw(&[3.0, 0.6], &[0, 0, 9, 0], 0).id, 1);
    assert_eq!(sampler.draw(&[3.0, 0.4], &[0, 0, 9, 0], 0).id, 0);
    let settings = Settings { repeat_penalty: 2.0, ..Settings::default() };
    let sampler = Sampler { settings, seed: 0 };
    assert_eq!(sampler.draw(&[3.0, 1.6], &[0], 0).id, 1);
    assert_eq!(sampler.draw(&[-1.0, -1.9], &[0], 0).id, 1);
    // The log-probability reported is the model's own.
    let expected = (softmax(&[3.0, 1.6])[1].ln()) as f32;
    assert!((sampler.draw(&[3.0, 1.6], &[0], 0).logprob - expected).abs() < 1e-6);
}

#[test]
fn a_flat_large_vocabulary_reaches_its_nucleus() {
    let logits = vec![0.0; 150_000];
    let id = sampler(1.0, 0, 0.9).draw(&logits, &[], 3).id;
    assert!(id < 135_001, "{id}");
}

proptest! {
    #[test]
    fn a_draw_is_replayable_and_kept_by_the_cuts(
        logits in prop::collection::vec(-20.0_f32..20.0, 1..400),
        seed: u64, index: u32, temperature in 0.1_f32..3.0, top_k in 0_u32..50, top_p in 0.05_f32..1.0,
    ) {
        let settings = Settings { temperature, top_k, top_p, ..Settings::default() };
        let sampler = Sampler { settings, seed };
        let draw = sampler.draw(&logits, &[], index);
        prop_assert_eq!(draw, sampler.clone().draw(&logits, &[], index));
        // A naive rendering of the same rules with a full sort.
        let mut sorted: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        sorted.sort_by(by_logit);
        if top_k > 0 { sorted.truncate(top_k as usize); }
        let hot: Vec<f32> = sorted.iter().map(|&(_, l)| l / temperature).collect();
        let mut mass = 0.0;
        let probabilities = softmax(&hot);
        let before = sorted.iter().position(|&(id, _)| id == draw.id);
        prop_assert!(before.is_some(), "outside top-k");
        for p in &probabilities[..before.unwrap_or(0)] { mass += p; }
        prop_assert!(mass < f64::from(top_p) + 1e-6, "outside the nucleus: {} before it", mass);
    }

    #[test]
    fn log_probabilities_are_a_distribution(logits in prop::collection::vec(-50.0_f32..50.0, 1..200), k in 0_usize..250) {
        let top = top_logprobs_of(&logits, k, log_sum_exp(&logits));
        prop_assert_eq!(top.len(), k.min(logits.len()));
        prop_assert!(top.windows(2).all(|w| w[0].1 >= w[1].1));
        let total = log_sum_exp(&logits);
        for &(id, logprob) in &top {
            prop_assert!((logprob_of(&logits, id, total) - logprob).abs() < 1e-6);
        }
        let all: f64 = top_logprobs_of(&logits, logits.len(), log_sum_exp(&logits)).iter().map(|t| f64::from(t.1).exp()).sum();
        prop_assert!((all - 1.0).abs() < 1e-4, "{}", all);
    }

    #[test]
    fn last_bits_of_the_logits_seldom_move_a_draw(seed: u64) {
        let logits: Vec<f32> = (0..100).map(|i| uniform(seed, i) as f32 * 4.0).collect();
        let moved: Vec<f32> = logits.iter().enumerate().map(|(i, l)| l + if i % 2 == 0 { 1e-6 } else { -1e-6 }).collect();
        let sampler = sampler(0.8, 0, 1.0);
        let changed = (0..200).filter(|&i| sampler.draw(&logits, &[], i).id != sampler.draw(&moved, &[], i).id).count();
        prop_assert!(changed <= 1, "{}", changed);
    }

    #[test]
    fn uniform_stays_in_range(seed: u64, index: u32) {
        prop_assert!((0.0..1.0).contains(&uniform(seed, index)));
    }
}

proptest! {
    #[test]
    fn the_token_drawn_is_never_a_misfit(
        logits in prop::collection::vec(-8.0f32..8.0, 2..60),
        (seed, index) in (any::<u64>(), any::<u32>()),
        (temperature, top_k, top_p) in (prop::sample::select(vec![0.0f32, 0.7, 1.5]), 0u32..20, 0.2f32..1.0),
        frequency_penalty in 0.0f32..2.0,
    ) {
        let settings = Settings { temperature, top_k, top_p, frequency_penalty, ..Settings::default() };
        let sampler = Sampler { settings, seed };
        let recent = [0, 1, 1];
        let drawn = sampler.draw(&logits, &recent, index);
        prop_assert!(sampler.misfit(&logits, &recent, index, drawn.id) < 1e-6);
        // Last bits move it as little.
        let shaken: Vec<f32> = logits.iter().map(|l| l * (1.0 + 1e-6)).collect();
        let misfit = sampler.misfit(&shaken, &recent, index, drawn.id);
        prop_assert!(misfit < 1e-3 || top_p < 1.0 || top_k > 0, "{misfit}");
        prop_assert_eq!(sampler.misfit(&logits, &recent, index, 60), f32::INFINITY);
    }
}

#[test]
fn a_near_tie_at_the_edge_of_what_is_kept_is_no_misfit() {
    // Whoever computes the first a hair higher keeps it alone, and draws it whatever the random number is.
    let (one, other) = ([2.0, 2.000_01, -9.0], [2.000_01, 2.0, -9.0]);
    for (top_k, top_p) in [(0, 0.1), (1, 1.0)] {
        let settings = Settings { temperature: 1.0, top_k, top_p, ..Settings::default() };
        let sampler = Sampler { settings, seed: 3 };
        for index in 0..50 {
            let drawn = sampler.draw(&one, &[], index).id;
            assert!(sampler.misfit(&other, &[], index, drawn) < 0.01, "{top_k} {top_p} {index}");
        }
        assert!((0..50).any(|index| sampler.misfit(&other, &[], index, 2) > 1.0));
    }
}

#[test]
fn a_text_from_elsewhere_is_misfit() {
    let logits = [4.0, 1.0, 0.0, -1.0];
    let greedy = Sampler { settings: Settings::default(), seed: 1 };
    assert!((greedy.misfit(&logits, &[], 0, 1) - 3.0).abs() < 1e-6);
    let random = Sampler { settings: Settings { temperature: 1.0, ..Settings::default() }, seed: 1 };
    let misfits: Vec<f32> = (0..100).map(|index| random.misfit(&logits, &[], index, 3)).collect();
    let far = misfits.iter().filter(|misfit| **misfit > 0.1).count();
    assert!(far > 80, "{far} of 100");
}
