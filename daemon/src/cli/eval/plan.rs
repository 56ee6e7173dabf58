//! `eval plan`: the structural planner against plans that people made.

use std::path::PathBuf;

use clap::Args;
use polymath_swarm::evaluation::{PlanCase, PlanPrediction, PlanReport};
use polymath_swarm::plan::structural;
use polymath_swarm::sanitise;
use serde_json::json;

use super::super::{Json, terminal};
use super::{cases, percent};

/// What `eval plan` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval plan --cases questions.jsonl
  daemon eval plan --cases questions.jsonl --json | jq .false_split_rate

A case is a line {\"prompt\": \"...\", \"tasks\": [\"...\"], \"edges\": [[0, 1]]}: an edge
says that the second task needs the first one's result; tasks are counted from 0.")]
pub(in crate::cli) struct Arguments {
    /// The cases, JSON lines
    #[arg(long, value_name = "FILE.jsonl")]
    cases: PathBuf,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let cases: Vec<PlanCase> = cases::read(&arguments.cases)?;
    let predictions: Vec<PlanPrediction> = cases.iter().map(|case| predict(&case.prompt)).collect();
    let report = PlanReport::of(cases.iter().zip(&predictions));
    if arguments.json.json {
        return terminal::json(&json!({
            "false_split_rate": report.false_split_rate,
            "task_count_exact": report.task_count_exact,
            "text_f1": report.text_f1,
            "edge_f1": report.edge_f1,
            "cases": report.cases,
        }));
    }
    let rows = [
        vec!["single questions cut up".to_owned(), percent(report.false_split_rate)],
        vec!["number of tasks right".to_owned(), percent(report.task_count_exact)],
        vec!["text F1".to_owned(), format!("{:.3}", report.text_f1)],
        vec!["edge F1".to_owned(), format!("{:.3}", report.edge_f1)],
    ];
    let table = terminal::table(terminal::Style::detect(), &["PLANNING", "FIGURE"], &rows);
    Ok(terminal::say(&format!("{} cases\n{table}", report.cases))?)
}

/// The node's own path: clean, then cut. A prompt that would not be let in is planned as no task.
fn predict(prompt: &str) -> PlanPrediction {
    let Ok(prompt) = sanitise::prompt(prompt) else { return PlanPrediction::default() };
    PlanPrediction::from(&structural(&prompt))
}
