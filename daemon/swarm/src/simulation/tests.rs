//! Whole swarms of three hundred nodes.

use super::fixtures::{layout, rules, setup};
use super::{Layout, Report, Rules, Setup, simulate};

fn run(setup: &Setup, rules: &Rules) -> Report {
    simulate(setup, rules, &layout(), |_| {})
}

#[test]
fn without_churn_everything_is_found() {
    let report = run(&Setup { churn: 0.0, ..setup() }, &rules());
    let found = (report.lookup_success, report.best_cell_success);
    assert_eq!((found, report.turnovers), ((1.0, 1.0), 0), "{report:?}");
    assert_eq!((report.ghosts_probed, report.walk_dead, report.records_ghosts), (0.0, 0.0, 0.0));
    assert!(report.lookups > 300 && report.providers_known > Some(0.999), "{report:?}");
}

#[test]
fn with_churn_nearly_everything_is_found() {
    let report = run(&setup(), &rules());
    assert!(report.turnovers > 50 && report.ghosts_probed > 0.0, "{report:?}");
    assert!(report.lookup_success > 0.995 && report.best_cell_success > 0.97, "{report:?}");
    // Three in ten leave in an hour, and a record outlives its provider by twenty to thirty minutes.
    assert!((0.04..0.2).contains(&report.records_ghosts), "{report:?}");
}

#[test]
fn the_same_seed_is_the_same_swarm() {
    let small = Setup { nodes: 80, adverts: 80, questions: 50, watched_s: 300, ..setup() };
    assert_eq!(run(&small, &rules()), run(&small, &rules()));
    assert_ne!(run(&small, &rules()), run(&Setup { seed: 8, ..small }, &rules()));
}

#[test]
fn hasty_walks_publish_less() {
    let small = Setup { nodes: 150, adverts: 300, questions: 50, watched_s: 300, churn: 1.0, ..setup() };
    let (patient, hasty) = (rules(), Rules { query_timeout: 1_000_000, ..rules() });
    let (patient, hasty) = (run(&small, &patient), run(&small, &hasty));
    assert!(hasty.publications_failed > patient.publications_failed, "{hasty:?}");
    assert!(hasty.providers_known < patient.providers_known, "{hasty:?}");
}

#[test]
fn checks_of_everything_take_time_from_the_best() {
    let small = Setup { nodes: 150, adverts: 1_500, questions: 100, watched_s: 300, ..setup() };
    let all = Rules { fetches_by_cell: false, checks_best_first: false, ..rules() };
    let (all, chosen) = (run(&small, &all), run(&small, &rules()));
    assert!(
        all.latency_ms_p50 > 2.0 * chosen.latency_ms_p50,
        "{} {}",
        all.latency_ms_p50,
        chosen.latency_ms_p50
    );
    assert!(all.best_cell_success < chosen.best_cell_success, "{all:?}");
}

#[test]
fn nothing_to_ask_is_no_swarm() {
    let report = simulate(&setup(), &rules(), &Layout::default(), |_| {});
    assert_eq!((report.lookups, report.lookup_success), (0, 0.0));
}
