//! Two ways of answering the same cases, compared case by case.

use serde::Serialize;

/// How two ways compare on the cases both answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Paired {
    /// Cases.
    pub cases: usize,
    /// Right by the first way alone.
    pub only_first: usize,
    /// Right by the second way alone.
    pub only_second: usize,
    /// McNemar's exact two-sided p: how likely a difference of this size or more is if both are equally good.
    pub p: f64,
}

impl Paired {
    /// Compares, case by case, whether each way was right. The longer list's end is left out.
    pub fn of(first: &[bool], second: &[bool]) -> Self {
        let pairs = || first.iter().zip(second);
        let only_first = pairs().filter(|(a, b)| **a && !**b).count();
        let only_second = pairs().filter(|(a, b)| !**a && **b).count();
        Self { cases: pairs().count(), only_first, only_second, p: mcnemar_exact(only_first, only_second) }
    }
}

/// McNemar's test (1947) in its exact form: the two-sided binomial test of `only_first` in all cases on which the two
/// differ, at a half. 1 where they never differ.
pub fn mcnemar_exact(only_first: usize, only_second: usize) -> f64 {
    let n = only_first + only_second;
    let fewer = only_first.min(only_second);
    // ln C(n, k) from one k to the next; sums of probabilities this small need no more care than that.
    let mut ln_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fewer {
        tail += ln_term.exp();
        ln_term += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_p_as_in_the_tables() {
        // R: binom.test(c(k, n - k))$p.value
        for (a, b, p) in [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375), (10, 30, 0.00222146)]
        {
            assert!((mcnemar_exact(a, b) - p).abs() < 1e-6, "{a}, {b}: {}", mcnemar_exact(a, b));
            assert_eq!(mcnemar_exact(a, b).to_bits(), mcnemar_exact(b, a).to_bits());
        }
        assert!(mcnemar_exact(40, 400) < 1e-60 && mcnemar_exact(40, 400) > 0.0);
    }

    #[test]
    fn only_cases_on_which_they_differ_count() {
        let paired = Paired::of(&[true, true, false, false], &[true, false, true, true]);
        assert_eq!((paired.cases, paired.only_first, paired.only_second), (4, 1, 2));
        assert_eq!(Paired::of(&[], &[]).p.to_bits(), 1.0f64.to_bits());
    }
}
