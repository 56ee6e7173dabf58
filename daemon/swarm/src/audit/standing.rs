//! What a node thinks of an expert after its own audits and those it had others do, and how often it looks.

use super::{Finding, Suspicion};

/// Other auditors that must convict an expert, and be more than those that pass it, if this node itself did not: one alone may lie.
const OTHERS_CONVICTING: usize = 2;
/// Other auditors that must pass an expert that this node cannot audit itself.
const OTHERS_PASSING: usize = 2;
/// How much oftener the unproven are audited.
const UNPROVEN_FACTOR: f64 = 10.0;
/// Audits without suspicion after which an expert is long proven, and what is left of the rate then.
const PROVEN: (u32, f64) = (100, 0.4);
/// Trust in an expert whose audits are suspicious, before they convict.
const SUSPECTED_TRUST: f32 = 0.3;

/// Evidence about one expert and model: this node's own, and by other auditors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// What this node computed itself.
    pub own: Suspicion,
    /// What each other auditor computed.
    pub others: Vec<Suspicion>,
}

impl Standing {
    /// Audits of all.
    pub fn audits(&self) -> u32 {
        self.all().map(Suspicion::audits).fold(0, u32::saturating_add)
    }

    /// Evidence against it, by the auditor that has most.
    pub fn evidence(&self) -> f64 {
        self.all().map(Suspicion::evidence).fold(1.0, f64::max)
    }

    /// What it comes to.
    pub fn finding(&self) -> Finding {
        let with = |finding| self.others.iter().filter(|s| s.finding() == finding).count();
        let (convicting, passing) = (with(Finding::Fail), with(Finding::Pass));
        let others_agree = convicting >= OTHERS_CONVICTING && convicting > passing;
        // What this node has computed itself and found honest, nobody else can convict.
        if self.own.finding() == Finding::Fail || (others_agree && self.own.finding() != Finding::Pass) {
            return Finding::Fail;
        }
        // Nobody becomes verified by a single friend who claims the same model.
        let passed = self.own.finding() == Finding::Pass || passing >= OTHERS_PASSING;
        if passed && !self.is_suspected() { Finding::Pass } else { Finding::Inconclusive }
    }

    /// Whether somebody's audits make it suspicious.
    pub fn is_suspected(&self) -> bool {
        self.all().any(Suspicion::is_suspicious)
    }

    /// Trust in [0, 1], as far as audits decide it; 1 for a stranger.
    pub fn trust(&self) -> f32 {
        match self.finding() {
            Finding::Fail => 0.0,
            Finding::Inconclusive if self.is_suspected() => SUSPECTED_TRUST,
            Finding::Pass | Finding::Inconclusive => 1.0,
        }
    }

    /// The share of its tasks to audit, in [0, 1], where `base` is the share for those that are known: more for the unproven, all
    /// of the suspected, less of the long proven.
    pub fn rate(&self, base: f64) -> f64 {
        let base = if base.is_nan() { 0.0 } else { base.clamp(0.0, 1.0) };
        match self.finding() {
            _ if base == 0.0 => 0.0,
            Finding::Inconclusive if self.is_suspected() => 1.0,
            Finding::Inconclusive => (UNPROVEN_FACTOR * base).min(1.0),
            Finding::Pass if self.audits() >= PROVEN.0 => PROVEN.1 * base,
            Finding::Pass | Finding::Fail => base,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Suspicion> {
        std::iter::once(&self.own).chain(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ps: &[f64]) -> Suspicion {
        let mut suspicion = Suspicion::default();
        ps.iter().for_each(|p| suspicion.add(*p));
        suspicion
    }

    fn others(all: &[&[f64]]) -> Standing {
        Standing { others: all.iter().map(|ps| after(ps)).collect(), ..Standing::default() }
    }

    #[test]
    fn one_auditor_alone_convicts_nobody_but_this_node_does() {
        assert_eq!(Standing { own: after(&[1e-12]), others: vec![] }.finding(), Finding::Fail);
        let one = others(&[&[1e-12]]);
        assert_eq!((one.finding(), one.trust()), (Finding::Inconclusive, SUSPECTED_TRUST));
        let two = others(&[&[1e-12], &[1e-12]]);
        assert_eq!((two.finding(), two.trust()), (Finding::Fail, 0.0));
        let disputed = others(&[&[1e-12], &[1e-12], &[1.0; 5], &[1.0; 5]]);
        assert_eq!((disputed.finding(), disputed.trust()), (Finding::Inconclusive, SUSPECTED_TRUST));
        let known = Standing { own: after(&[1.0; 5]), ..two.clone() };
        assert_eq!(known.finding(), Finding::Inconclusive);
        let lied_about = Standing { own: after(&[1.0; 5]), others: vec![after(&[1e-12])] };
        assert_eq!(lied_about.finding(), Finding::Inconclusive);
    }

    #[test]
    fn the_unproven_are_looked_at_oftener_and_the_long_proven_less() {
        let rate = |ps: &[f64]| Standing { own: after(ps), others: vec![] }.rate(0.05);
        assert_eq!(rate(&[]), 0.5);
        assert_eq!(rate(&[1.0; 3]), 0.05);
        assert!((rate(&[1.0; 100]) - 0.02).abs() < 1e-9);
        assert_eq!(rate(&[1e-4]), 1.0, "suspected");
        assert_eq!(Standing::default().rate(0.0), 0.0);
        assert_eq!(Standing::default().rate(f64::NAN), 0.0);
    }
}
