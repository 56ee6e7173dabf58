//! What the statistics make of audits.

use polymath_swarm::audit::{Finding, Null, Suspicion};
use serde::Serialize;

use super::HISTORY;
use super::serve::Audited;

/// Audits after which a cheat should be known.
const WITHIN: [usize; 3] = [1, 3, 10];

/// Honest audits of one setting.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Honest {
    pub(super) setting: String,
    pub(super) judged: usize,
    pub(super) median: f64,
    pub(super) largest: f64,
    /// Histories that end in a conviction.
    pub(super) convicted: usize,
    /// Single audits that are an alarm.
    pub(super) alarms: usize,
    /// Tokens out of place.
    pub(super) out_of_place: u32,
}

impl Honest {
    /// `judged` are those that the null distributions have not seen.
    pub(super) fn of(setting: &str, judged: &[&Audited], nulls: &[Null]) -> Self {
        let divergences: Vec<f64> = judged.iter().map(|audit| audit.examination.divergence).collect();
        Self {
            setting: setting.to_owned(),
            judged: judged.len(),
            median: median(divergences.clone()),
            largest: divergences.into_iter().fold(0.0, f64::max),
            convicted: judged.chunks(HISTORY).filter(|history| is_convicted(history, nulls)).count(),
            alarms: judged.iter().filter(|audit| audit.examination.is_alarm()).count(),
            out_of_place: judged.iter().map(|audit| audit.examination.misfits.out_of_place).sum(),
        }
    }
}

/// Audits of one kind of cheat.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cheat {
    pub(super) name: String,
    pub(super) audits: usize,
    pub(super) median: f64,
    pub(super) smallest: f64,
    /// Share of histories that end in a conviction within 1, 3 and 10 audits.
    pub(super) within: [f64; 3],
    /// Share of single audits that are an alarm.
    pub(super) alarms: f64,
    /// Share of the honest audits that are as far away or farther, against the share of the cheat's that are: the ROC curve of one
    /// audit's distance.
    pub(super) roc: Vec<(f64, f64)>,
}

/// What becomes of a cheat: every run of consecutive audits is a history. `honest` are distances of honest audits.
pub(super) fn judged(name: &str, audits: &[Audited], nulls: &[Null], honest: &[f64]) -> Cheat {
    let divergences: Vec<f64> = audits.iter().map(|a| a.examination.divergence).collect();
    let within = WITHIN.map(|count| {
        let histories = audits.windows(count.min(audits.len()).max(1));
        let all = histories.len().max(1) as f64;
        let caught = histories.filter(|history| is_convicted(&history.iter().collect::<Vec<_>>(), nulls));
        caught.count() as f64 / all
    });
    let alarms = audits.iter().filter(|a| a.examination.is_alarm()).count() as f64;
    Cheat {
        name: name.to_owned(),
        audits: audits.len(),
        median: median(divergences.clone()),
        smallest: divergences.iter().copied().fold(f64::INFINITY, f64::min),
        within,
        alarms: alarms / audits.len().max(1) as f64,
        roc: roc(honest, &divergences),
    }
}

/// Shares of both at or above each threshold, from the strictest on: (false alarms, detections), each rising.
fn roc(honest: &[f64], cheating: &[f64]) -> Vec<(f64, f64)> {
    let share = |of: &[f64], at: f64| of.iter().filter(|d| **d >= at).count() as f64 / of.len().max(1) as f64;
    let mut thresholds: Vec<f64> = honest.iter().chain(cheating).copied().collect();
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    let mut points: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    for threshold in thresholds {
        let point = (share(honest, threshold), share(cheating, threshold));
        // Of points on one straight step only the ends are kept.
        if let [.., a, b] = points[..]
            && ((a.0 == b.0 && b.0 == point.0) || (a.1 == b.1 && b.1 == point.1))
        {
            points.pop();
        }
        points.push(point);
    }
    points
}

fn is_convicted(history: &[&Audited], nulls: &[Null]) -> bool {
    let mut suspicion = Suspicion::default();
    history.iter().for_each(|audit| suspicion.add(audit.examination.p(nulls)));
    suspicion.finding() == Finding::Fail
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A small number, as people read it.
pub(super) fn small(value: f64) -> String {
    format!("{value:.1e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    use polymath_swarm::audit::{Examination, Misfits};

    fn audit(divergence: f64, misfit: f32) -> Audited {
        let mut misfits = Misfits::default();
        misfits.add(misfit);
        let (positions, cut_off, other_text) = (20, false, false);
        let examination = Examination { divergence, positions, misfits, cut_off, other_text };
        Audited { examination, served_seconds: 1.0, audit_seconds: 0.5 }
    }

    #[test]
    fn a_token_beyond_doubt_convicts_at_once_and_a_small_distance_in_time() {
        let nulls = &[Null::of((1..=200).map(|i| f64::from(i) * 1e-9).collect()).unwrap()];
        let (fine, tie) = (audit(1e-7, 0.0), audit(1e-7, 0.02));
        let honest = Honest::of("x", &[&fine, &tie, &fine], nulls);
        assert_eq!((honest.convicted, honest.judged, honest.out_of_place), (0, 3, 0));
        assert_eq!(judged("text", &vec![audit(1e-7, 2.0); 2], nulls, &[]).within, [1.0; 3]);
        let near = judged("near", &vec![audit(1.5e-6, 0.0); 20], nulls, &[]);
        assert!(near.within[0] < near.within[2] && near.within[2] == 1.0, "{near:?}");
        assert_eq!(judged("far", &[audit(0.3, 0.0)], nulls, &[]).alarms, 1.0);
    }

    #[test]
    fn a_roc_curve_goes_from_nobody_to_everybody() {
        assert_eq!(roc(&[1.0, 2.0], &[3.0, 4.0]), [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]);
        let mixed = roc(&[1.0, 3.0], &[2.0, 4.0]);
        assert_eq!(mixed, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
    }
}
