//! What is asked of a whole vocabulary's logits, once a token or more often: the largest, the sum of the exponentials, the likeliest few.
//!
//! Each is a pass in blocks that the compiler makes vector instructions of, without calls of a system's mathematics library: the sum of the same
//! logits has the same bits in every build on every machine.

use std::cmp::Ordering;

/// Logits that are looked at together.
const LANES: usize = 16;
/// Logits of which most are passed over together, for none of them is among the likeliest.
const BLOCK: usize = 32;
/// What lies further below the largest adds nothing: e^−87 is the smallest normal number of single precision.
const FAR: f32 = -87.0;

/// The `k` likeliest tokens with their log-probabilities (natural logarithm), likeliest first, the logits' [`log_sum_exp`] being known.
pub fn top_logprobs_of(logits: &[f32], k: usize, total: f64) -> Vec<(u32, f32)> {
    likeliest(logits, k).into_iter().map(|(id, logit)| (id, logprob(logit, total))).collect()
}

/// The log-probability of one token (natural logarithm), the logits' [`log_sum_exp`] being known; minus infinity if there is no such token.
pub fn logprob_of(logits: &[f32], id: u32, total: f64) -> f32 {
    logits.get(id as usize).map_or(f32::NEG_INFINITY, |&logit| logprob(logit, total))
}

/// The logarithm of the sum of the exponentials: those in single precision, right to a millionth of each, their sum in double.
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = maximum(logits);
    if max == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    f64::from(max) + sum_exp(logits, max, 1.0).ln()
}

pub(super) fn logprob(logit: f32, total: f64) -> f32 {
    let logit = clean(logit);
    if logit == f32::NEG_INFINITY { logit } else { (f64::from(logit) - total) as f32 }
}

/// NaN and plus infinity, which no sound model gives, become minus infinity: never drawn.
pub(super) fn clean(logit: f32) -> f32 {
    if logit.is_finite() { logit } else { f32::NEG_INFINITY }
}

/// The sum of e^((logit − `max`) / `temperature`), `max` being the [`maximum`], which must be finite.
#[inline]
pub(super) fn sum_exp(logits: &[f32], max: f32, temperature: f32) -> f64 {
    let power = |logit: f32| exp((clean(logit) - max) / temperature);
    let mut lanes = [0.0; LANES];
    let (blocks, rest) = logits.as_chunks::<LANES>();
    for block in blocks {
        // All powers first: mixed with sums of twice the width, the compiler makes shorter vectors of them.
        for (lane, power) in lanes.iter_mut().zip(block.map(power)) {
            *lane += f64::from(power);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|logit| f64::from(power(*logit))).sum::<f64>()
}

/// e^x of an x that is not above 0, right to 1e-7 of itself; 0 below [`FAR`], and of NaN. By Cody and Waite's reduction (1980) to x = n ln 2 + r, and the
/// polynomial of degree 7 for e^r of Moshier's Cephes library (`expf`).
fn exp(x: f32) -> f32 {
    // Added and taken away again it rounds to a whole number, which stands in the last bits in between.
    const ROUNDING: f32 = 12_582_912.0;
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1];
    let near = if x > FAR { x } else { FAR };
    let rounded = near * std::f32::consts::LOG2_E + ROUNDING;
    let exponent = rounded.to_bits() << 23;
    let n = rounded - ROUNDING;
    let r = near - n * LN_2[0] - n * LN_2[1];
    let p = POLYNOMIAL.iter().fold(0.0, |p, coefficient| p * r + coefficient);
    let power = f32::from_bits((p * r * r + r + 1.0).to_bits().wrapping_add(exponent));
    if x > FAR { power } else { 0.0 }
}

/// The largest of them; minus infinity if none is a finite number.
pub(super) fn maximum(logits: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = logits.as_chunks::<LANES>();
    for block in blocks {
        for (lane, logit) in lanes.iter_mut().zip(block) {
            *lane = larger(*lane, clean(*logit));
        }
    }
    lanes.into_iter().chain(rest.iter().map(|logit| clean(*logit))).fold(f32::NEG_INFINITY, larger)
}

/// The index of the largest, the first of equal ones; 0 if none is a finite number.
pub(super) fn greedy(logits: &[f32]) -> usize {
    let max = maximum(logits);
    logits.iter().position(|logit| clean(*logit) == max).unwrap_or(0)
}

/// Likeliest first; equal ones by id.
pub(super) fn by_logit(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// The `k` likeliest tokens, sorted: O(vocabulary + k log k).
///
/// The `k`-th largest of the blocks' maxima is a bound: at least `k` tokens reach it, and most blocks hold none that does.
pub(super) fn likeliest(logits: &[f32], k: usize) -> Vec<(u32, f32)> {
    if k == 0 {
        return Vec::new();
    }
    let maxima: Vec<f32> = logits.chunks(BLOCK).map(maximum).collect();
    let bound = if maxima.len() > k {
        let mut sorted = maxima.clone();
        *sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a)).1
    } else {
        f32::NEG_INFINITY
    };
    let mut found: Vec<(u32, f32)> = Vec::with_capacity(k.min(logits.len()));
    for ((block, max), first) in logits.chunks(BLOCK).zip(&maxima).zip((0u32..).step_by(BLOCK)) {
        if *max >= bound {
            let all = (first..).zip(block.iter().map(|logit| clean(*logit)));
            found.extend(all.filter(|(_, logit)| *logit >= bound));
        }
    }
    if k < found.len() {
        found.select_nth_unstable_by(k - 1, by_logit);
        found.truncate(k);
    }
    found.sort_unstable_by(by_logit);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_exponential_is_right_to_single_precision() {
        let mut x = 0.0_f32;
        while x > FAR {
            let exact = f64::from(x).exp();
            let off = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(off < 1e-7, "e^{x}: {off:e}");
            x -= 0.000_9;
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!([FAR, -1e30, f32::NEG_INFINITY, f32::NAN].map(exp), [0.0; 4]);
    }

    fn naive(logits: &[f32]) -> f64 {
        let max = logits.iter().map(|l| clean(*l)).fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|l| f64::from(clean(*l) - max).exp()).sum();
        f64::from(max) + sum.ln()
    }

    /// Logits of which some are equal and some are no numbers.
    fn logits() -> impl Strategy<Value = Vec<f32>> {
        let one = prop_oneof![
            8 => -40.0_f32..40.0,
            4 => (-3_i8..4).prop_map(f32::from),
            1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, -1e38, 1e38]),
        ];
        prop::collection::vec(one, 0..2_000)
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_double_precision(logits in prop::collection::vec(-60.0_f32..60.0, 1..3_000)) {
            prop_assert!((log_sum_exp(&logits) - naive(&logits)).abs() < 2e-7);
        }

        #[test]
        fn so_it_is_at_other_temperatures(logits in prop::collection::vec(-30.0_f32..30.0, 1..500), temperature in 0.05_f32..3.0) {
            let max = maximum(&logits);
            let exact: f64 = logits.iter().map(|l| ((f64::from(*l) - f64::from(max)) / f64::from(temperature)).exp()).sum();
            prop_assert!((sum_exp(&logits, max, temperature) - exact).abs() < 1e-5 * exact);
        }

        #[test]
        fn the_likeliest_are_those_of_a_full_sort(logits in logits(), k in 0_usize..300) {
            let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().map(|l| clean(*l))).collect();
            all.sort_by(by_logit);
            let larger = |best: (usize, f32), (id, logit)| if logit > best.1 { (id, logit) } else { best };
            let cleaned = logits.iter().map(|l| clean(*l)).enumerate();
            prop_assert_eq!(greedy(&logits), cleaned.fold((0, f32::NEG_INFINITY), larger).0);
            all.truncate(k);
            prop_assert_eq!(likeliest(&logits, k), all);
            prop_assert!(!log_sum_exp(&logits).is_nan());
        }
    }
}
