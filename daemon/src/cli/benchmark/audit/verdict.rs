//! What the statistics make of audits.

use polymath_swarm::audit::{ALARM, Finding, Null, Suspicion, p_of_any};
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
    /// Answers with a token that the settings would not have drawn.
    pub(super) not_following: usize,
}

impl Honest {
    /// `judged` are those that the null distributions have not seen.
    pub(super) fn of(setting: &str, judged: &[f64], all: &[Audited], nulls: &[Null]) -> Self {
        let convicted =
            judged.chunks(HISTORY).filter(|history| finding(history, nulls) == Finding::Fail).count();
        Self {
            setting: setting.to_owned(),
            judged: judged.len(),
            median: median(judged.to_vec()),
            largest: judged.iter().copied().fold(0.0, f64::max),
            convicted,
            not_following: all.iter().filter(|audit| !audit.follows).count(),
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
        let caught = histories.filter(|history| {
            let own: Vec<f64> = history.iter().map(|a| a.divergence).collect();
            history.iter().any(|a| !a.follows) || finding(&own, nulls) == Finding::Fail
        });
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

fn finding(divergences: &[f64], nulls: &[Null]) -> Finding {
    let mut suspicion = Suspicion::default();
    divergences.iter().for_each(|divergence| suspicion.add(p_of_any(nulls, *divergence)));
    suspicion.finding()
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

    fn audit(divergence: f64, follows: bool) -> Audited {
        Audited { divergence, follows, served_seconds: 1.0, audit_seconds: 0.5 }
    }

    #[test]
    fn a_token_out_of_place_convicts_at_once_and_a_small_distance_in_time() {
        let null = &[Null::of((1..=200).map(|i| f64::from(i) * 1e-9).collect()).unwrap()];
        let honest = Honest::of("x", &[1e-7; 80], &[audit(1e-7, true)], null);
        assert_eq!((honest.convicted, honest.not_following), (0, 0));
        assert_eq!(judged("text", &[audit(1e-7, false), audit(1e-7, false)], null).within, [1.0; 3]);
        let near = judged("near", &vec![audit(1.5e-6, true); 20], null);
        assert!(near.within[0] < near.within[2] && near.within[2] == 1.0, "{near:?}");
        assert_eq!(judged("far", &[audit(0.3, true)], null).alarms, 1.0);
    }
}
