//! What the statistics make of audits.

use polymath_swarm::audit::{ALARM, Finding, Null, Suspicion, p_of_any};
use serde::Serialize;

use super::HISTORY;
use super::serve::Audited;

/// Lead of another token, in nats, at which a text is not what the settings draw: the last bits of two shapes of a batch move
/// log-probabilities by thousandths (flash attention by hundredths), a text from elsewhere leaves leads of several nats.
const OUT_OF_PLACE: f32 = 0.1;
/// Audits after which a cheat should be known.
const WITHIN: [usize; 3] = [1, 3, 10];

/// Honest audits of one setting.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Honest {
    pub(super) setting: String,
    pub(super) judged: usize,
    pub(super) median: f64,
    pub(super) largest: f64,
    /// Histories that end in a conviction, by their distances or by a token out of place.
    pub(super) convicted: usize,
    /// The largest lead of a token over the one that was drawn, in nats.
    pub(super) largest_gap: f32,
}

impl Honest {
    /// `judged` are those that the null distributions have not seen.
    pub(super) fn of(setting: &str, judged: &[&Audited], nulls: &[Null]) -> Self {
        let divergences: Vec<f64> = judged.iter().map(|audit| audit.divergence).collect();
        Self {
            setting: setting.to_owned(),
            judged: judged.len(),
            median: median(divergences.clone()),
            largest: divergences.into_iter().fold(0.0, f64::max),
            convicted: judged.chunks(HISTORY).filter(|history| is_convicted(history, nulls)).count(),
            largest_gap: judged.iter().map(|audit| audit.gap).fold(0.0, f32::max),
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
    /// Share of single audits above the alarm.
    pub(super) alarms: f64,
}

/// What becomes of a cheat: every run of consecutive audits is a history.
pub(super) fn judged(name: &str, audits: &[Audited], nulls: &[Null]) -> Cheat {
    let divergences: Vec<f64> = audits.iter().map(|a| a.divergence).collect();
    let within = WITHIN.map(|count| {
        let histories = audits.windows(count.min(audits.len()).max(1));
        let all = histories.len().max(1) as f64;
        let caught = histories.filter(|history| is_convicted(&history.iter().collect::<Vec<_>>(), nulls));
        caught.count() as f64 / all
    });
    let alarms = divergences.iter().filter(|d| **d >= ALARM).count() as f64 / audits.len().max(1) as f64;
    Cheat {
        name: name.to_owned(),
        audits: audits.len(),
        median: median(divergences.clone()),
        smallest: divergences.iter().copied().fold(f64::INFINITY, f64::min),
        within,
        alarms,
    }
}

fn is_convicted(history: &[&Audited], nulls: &[Null]) -> bool {
    let mut suspicion = Suspicion::default();
    history.iter().for_each(|audit| suspicion.add(p_of_any(nulls, audit.divergence)));
    suspicion.finding() == Finding::Fail || history.iter().any(|audit| audit.gap >= OUT_OF_PLACE)
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

    fn audit(divergence: f64, gap: f32) -> Audited {
        Audited { divergence, gap, served_seconds: 1.0, audit_seconds: 0.5 }
    }

    #[test]
    fn a_token_out_of_place_convicts_at_once_and_a_small_distance_in_time() {
        let nulls = &[Null::of((1..=200).map(|i| f64::from(i) * 1e-9).collect()).unwrap()];
        let (fine, tie) = (audit(1e-7, 0.0), audit(1e-7, 0.02));
        let honest = Honest::of("x", &[&fine, &tie, &fine], nulls);
        assert_eq!((honest.convicted, honest.judged, honest.largest_gap), (0, 3, 0.02));
        assert_eq!(judged("text", &vec![audit(1e-7, 2.0); 2], nulls).within, [1.0; 3]);
        let near = judged("near", &vec![audit(1.5e-6, 0.0); 20], nulls);
        assert!(near.within[0] < near.within[2] && near.within[2] == 1.0, "{near:?}");
        assert_eq!(judged("far", &[audit(0.3, 0.0)], nulls).alarms, 1.0);
    }
}
