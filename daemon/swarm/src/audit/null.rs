//! What honest audits of one setting look like: the divergences of many, measured.

use serde::{Deserialize, Serialize};

/// Audits that a null distribution rests on at the least: fewer say nothing of rare ones.
const AUDITS_MIN: usize = 100;
/// Quantiles that are kept of any number of audits.
const QUANTILES: usize = 256;
/// Beyond the largest honest divergence ever measured, how fast the chance of a larger one is taken to fall: by its cube. The
/// measured ones fall much faster (`daemon benchmark audit`).
const TAIL: i32 = 3;

/// Why measurements make no null distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NullError {
    /// Too few.
    #[error("{0} honest audits; at least {AUDITS_MIN} are needed")]
    TooFew(usize),
    /// One is negative or no number.
    #[error("a divergence is negative or no number")]
    Unsound,
}

/// Divergences of honest audits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Measured")]
pub struct Null {
    /// Evenly spaced quantiles, the largest last.
    quantiles: Vec<f64>,
    audits: usize,
}

/// What a file says of one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    quantiles: Vec<f64>,
    audits: usize,
}

impl TryFrom<Measured> for Null {
    type Error = NullError;

    fn try_from(Measured { quantiles, audits }: Measured) -> Result<Self, NullError> {
        let sound = quantiles.iter().all(|d| d.is_finite() && *d >= 0.0) && quantiles.is_sorted();
        match (audits, quantiles.len()) {
            (..AUDITS_MIN, _) => Err(NullError::TooFew(audits)),
            (_, 1..=QUANTILES) if sound => Ok(Self { quantiles, audits }),
            _ => Err(NullError::Unsound),
        }
    }
}

impl Null {
    /// From the divergences of honest audits, in any order.
    pub fn of(mut honest: Vec<f64>) -> Result<Self, NullError> {
        if honest.len() < AUDITS_MIN {
            return Err(NullError::TooFew(honest.len()));
        }
        if !honest.iter().all(|d| d.is_finite() && *d >= 0.0) {
            return Err(NullError::Unsound);
        }
        honest.sort_by(f64::total_cmp);
        let audits = honest.len();
        let count = QUANTILES.min(audits);
        // The j-th is the least that a share of (j+1)/count does not exceed.
        let quantiles = (1..=count).map(|j| honest[(j * audits).div_ceil(count) - 1]).collect();
        Ok(Self { quantiles, audits })
    }

    /// Audits that it rests on.
    pub fn audits(&self) -> usize {
        self.audits
    }

    /// The largest honest divergence.
    pub fn largest(&self) -> f64 {
        self.quantiles.last().copied().unwrap_or_default()
    }

    /// A bound on the chance that an honest expert shows `divergence` or more, in (0, 1].
    pub fn p(&self, divergence: f64) -> f64 {
        if divergence.is_nan() {
            return 1.0;
        }
        let rarest = 1.0 / (self.audits as f64 + 1.0);
        let largest = self.largest();
        if divergence > largest {
            return (rarest * (largest / divergence).powi(TAIL)).max(f64::MIN_POSITIVE);
        }
        // Of the quantiles below, each leaves out its share: the rest may be as large.
        let below = self.quantiles.partition_point(|q| *q < divergence);
        let share = 1.0 - below as f64 / self.quantiles.len() as f64;
        (share + rarest).min(1.0)
    }
}

/// The same for an expert that may run in any of several settings, as far as the auditor knows: the largest of the bounds.
pub fn p_of_any(nulls: &[Null], divergence: f64) -> f64 {
    nulls.iter().map(|null| null.p(divergence)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_or_unsound_measurements_are_refused() {
        assert_eq!(Null::of(vec![1e-8; 99]), Err(NullError::TooFew(99)));
        assert_eq!(Null::of(vec![f64::NAN; 100]), Err(NullError::Unsound));
        assert_eq!(Null::of(vec![-1.0; 100]), Err(NullError::Unsound));
    }

    #[test]
    fn a_file_gives_it_back_or_is_refused() {
        let null = Null::of((1..=1_000).map(|i| f64::from(i) / 1e9).collect()).unwrap();
        let text = serde_json::to_string(&null).unwrap();
        assert_eq!(serde_json::from_str::<Null>(&text).unwrap(), null);
        for bad in [
            r#"{"quantiles":[],"audits":500}"#,
            r#"{"quantiles":[1e-9],"audits":5}"#,
            r#"{"quantiles":[2e-9,1e-9],"audits":500}"#,
            r#"{"quantiles":[-1e-9],"audits":500}"#,
        ] {
            assert!(serde_json::from_str::<Null>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_never_seen_is_rarer_the_further_away() {
        let null = Null::of((1..=1_000).map(|i| f64::from(i) / 1e9).collect()).unwrap();
        assert_eq!((null.audits(), null.largest()), (1_000, 1e-6));
        assert!((null.p(5e-7) - 0.5).abs() < 0.01);
        assert!(null.p(1.1e-6) < 1e-3);
        assert!((null.p(1e-5) / 9.99e-7 - 1.0).abs() < 0.01, "{}", null.p(1e-5));
        assert!(null.p(f64::INFINITY) > 0.0 && null.p(f64::INFINITY) < 1e-300);
        assert_eq!(null.p(0.0), 1.0);
    }

    #[test]
    fn who_may_run_in_any_setting_is_judged_by_the_mildest() {
        let near = Null::of(vec![1e-9; 100]).unwrap();
        let wide = Null::of(vec![1e-6; 100]).unwrap();
        assert_eq!(p_of_any(&[near.clone(), wide.clone()], 5e-7), wide.p(5e-7));
        assert!(near.p(5e-7) < 1e-9);
    }

    proptest! {
        #[test]
        fn it_is_never_too_bold_on_its_own_measurements(honest in prop::collection::vec(0.0f64..1.0, 100..600)) {
            let null = Null::of(honest.clone()).unwrap();
            for divergence in &honest {
                let as_large = honest.iter().filter(|other| *other >= divergence).count();
                prop_assert!(null.p(*divergence) >= as_large as f64 / honest.len() as f64 - 1e-12);
            }
        }

        #[test]
        fn larger_is_rarer(a in 0.0f64..4.0, b in 0.0f64..4.0) {
            let null = Null::of((0..300).map(|i| f64::from(i) / 300.0).collect()).unwrap();
            prop_assert!(null.p(a.min(b)) >= null.p(a.max(b)));
        }
    }
}
