//! What all audits of one expert say together.

/// Evidence at which an expert is convicted: were it honest, the chance of being so far at any one audit is below 1 in this many
/// (Ville's inequality, for a sum that may start anew at any audit).
const CONVICTED: f64 = 1e5;
/// Evidence from which on it is not trusted until more audits are in.
const SUSPECT: f64 = 20.0;
/// Audits without suspicion that make a pass.
const PASSED_AUDITS: u32 = 3;

/// What is to be thought of an expert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Its audits are what an honest expert's are.
    Pass,
    /// No honest expert's audits are like that.
    Fail,
    /// Too few audits, or such as an honest expert has now and then.
    Inconclusive,
}

impl Finding {
    /// As programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// How many times likelier than an honest expert's an audit with this p-value is: (1 − p + p ln p) ÷ (p (ln p)²), the mean of κ p^(κ−1) over all κ in
/// (0, 1), whose own mean is 1 if p is uniform (calibrators: Vovk and Wang 2021). It falls short of 1/p by a logarithm only, so that
/// one audit convicts whoever is far away.
fn e_value(p: f64) -> f64 {
    // No number is no evidence.
    let x = if p.is_nan() { 0.0 } else { -p.clamp(f64::MIN_POSITIVE, 1.0).ln() };
    // The same in x = −ln p, where it is (eˣ − 1 − x) ÷ x²; towards 0 its series, as the difference cancels there.
    if x < 1e-3 { 0.5 + x / 6.0 } else { (x.exp_m1() - x) / (x * x) }
}

/// Evidence against one expert and model, from its audits in order.
///
/// Each audit's p-value becomes an e-value; they multiply, and where they have come below 1 the product starts again, so that a good
/// past covers no later swap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Suspicion {
    /// The logarithm of the product; at least 0.
    log_evidence: f64,
    audits: u32,
    convicted: bool,
}

impl Suspicion {
    /// Takes the next audit's p-value.
    pub fn add(&mut self, p: f64) {
        self.audits = self.audits.saturating_add(1);
        self.log_evidence = self.log_evidence.max(0.0) + e_value(p).ln();
        self.convicted |= self.log_evidence >= CONVICTED.ln();
    }

    /// Audits so far.
    pub fn audits(&self) -> u32 {
        self.audits
    }

    /// Evidence against it: how many times likelier the audits are if it is not honest, as far as they can tell.
    pub fn evidence(&self) -> f64 {
        self.log_evidence.max(0.0).exp()
    }

    /// Whether no honest expert's audits are likely to be like that, though some may be.
    pub fn is_suspicious(&self) -> bool {
        self.convicted || self.log_evidence >= SUSPECT.ln()
    }

    /// Takes a contradiction that the expert signed itself: no statistics are needed.
    pub fn convict(&mut self) {
        self.audits = self.audits.saturating_add(1);
        self.convicted = true;
    }

    /// What a store keeps: the logarithm of the evidence, the number of audits, whether it is convicted.
    pub fn parts(&self) -> (f64, u32, bool) {
        (self.log_evidence, self.audits, self.convicted)
    }

    /// From what a store kept.
    pub fn from_parts((log_evidence, audits, convicted): (f64, u32, bool)) -> Self {
        let log_evidence = if log_evidence.is_nan() { 0.0 } else { log_evidence };
        Self { log_evidence, audits, convicted }
    }

    /// What it comes to. A conviction stays.
    pub fn finding(&self) -> Finding {
        if self.convicted {
            Finding::Fail
        } else if self.audits >= PASSED_AUDITS && !self.is_suspicious() {
            Finding::Pass
        } else {
            Finding::Inconclusive
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::splitmix64;

    fn after(ps: &[f64]) -> Suspicion {
        ps.iter().fold(Suspicion::default(), |mut suspicion, p| {
            suspicion.add(*p);
            suspicion
        })
    }

    #[test]
    fn the_blatant_is_convicted_at_once_and_the_subtle_in_a_few() {
        assert_eq!(after(&[1e-8]).finding(), Finding::Fail);
        assert_eq!(after(&[1e-5]).finding(), Finding::Inconclusive);
        assert_eq!(after(&[1e-5; 2]).finding(), Finding::Fail);
        assert_eq!(after(&[0.5; 3]).finding(), Finding::Pass);
        assert_eq!(after(&[0.5; 2]).finding(), Finding::Inconclusive);
        assert_eq!(after(&[f64::NAN; 4]).finding(), Finding::Pass);
    }

    #[test]
    fn a_good_past_covers_no_swap_and_a_conviction_stays() {
        let mut ps = vec![0.5; 1_000];
        ps.extend([1e-6; 2]);
        assert_eq!(after(&ps).finding(), Finding::Fail);
        ps.extend([1.0; 1_000]);
        assert_eq!(after(&ps).finding(), Finding::Fail);
    }

    #[test]
    fn the_mean_over_honest_audits_is_one() {
        // Over p = e^(−x): the integral of e_value(e^(−x)) e^(−x), by the midpoint rule up to x = 60, beyond which 1/60 is left.
        let (step, until) = (1e-3, 60.0);
        let places = (until / step) as usize;
        let mean: f64 = (0..places)
            .map(|place| (place as f64 + 0.5) * step)
            .map(|x: f64| e_value((-x).exp()) * (-x).exp() * step)
            .sum();
        assert!((mean + 1.0 / until - 1.0).abs() < 1e-3, "{mean}");
        assert!(
            (e_value(1.0) - 0.5).abs() < 1e-12
                && e_value(f64::NAN) == e_value(1.0)
                && e_value(0.0).is_finite()
        );
        assert!(
            (e_value(0.999) / e_value(0.9991) - 1.0).abs() < 1e-4,
            "the series goes on where the formula ends"
        );
    }

    #[test]
    fn honest_experts_are_not_convicted() {
        let convicted = (0..2_000u64)
            .filter(|expert| {
                let uniform =
                    |audit: u64| (splitmix64(expert * 64 + audit) >> 11) as f64 / (1u64 << 53) as f64;
                let ps: Vec<f64> = (0..50).map(uniform).collect();
                after(&ps).finding() == Finding::Fail
            })
            .count();
        // A hundred thousand audits with a chance of 1e-5 each, at the most.
        assert!(convicted <= 4, "{convicted}");
    }
}
