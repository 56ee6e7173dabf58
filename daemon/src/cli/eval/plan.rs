//! `eval plan`: the planner against plans that people made: by form alone and, with cards at hand, by who could do
//! the parts as well.

use std::path::PathBuf;

use clap::Args;
use polymath_swarm::evaluation::{PlanCase, PlanPrediction, PlanReport};
use polymath_swarm::plan::{Demands, Doubts, Fit, Plan, structural};
use polymath_swarm::sanitise;
use polymath_swarm::score::{Profile, Query, rank};
use serde_json::{Value, json};

use super::super::{Context, Json, terminal};
use super::cards::{self, BATCH};
use super::split::Split;
use super::{cases, percent};
use crate::config::file::File;
use crate::embedding::Encoder;

/// What `eval plan` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval plan --cases questions.jsonl
  daemon eval plan --cases questions.jsonl --cards models/experts
  daemon eval plan --cases singles.jsonl --cases dependent.jsonl --split reported
  daemon eval plan --cases questions.jsonl --json | jq .false_split_rate

A case is a line {\"prompt\": \"...\", \"tasks\": [\"...\"], \"edges\": [[0, 1]]}: an edge
says that the second task needs the first one's result; tasks are counted from 0.
Without tasks the prompt is one task.
With the cards of a swarm (as for `eval route`, or a folder of experts) the planner
also cuts where the parts are clearly different experts' work; both are printed.")]
pub(in crate::cli) struct Arguments {
    /// The cases, JSON lines; several files are one set
    #[arg(long, value_name = "FILE.jsonl", required = true)]
    cases: Vec<PathBuf>,
    #[command(flatten)]
    split: Split,
    /// The experts there are: JSON, or a folder of experts
    #[arg(long, value_name = "FILE.json|DIR")]
    cards: Option<PathBuf>,
    /// Print each prompt that is cut into the wrong number of tasks, with what became of it
    #[arg(long)]
    faults: bool,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let cases = read(&arguments)?;
    // A prompt that would not be let in is planned as no task.
    let form: Vec<Option<Plan>> =
        cases.iter().map(|case| sanitise::prompt(&case.prompt).ok().map(|p| structural(&p))).collect();
    let full = match &arguments.cards {
        None => None,
        Some(path) => {
            let cards = cards::read(path)?;
            let loaded = context.load(File::default())?;
            let encoder = context.unless_cancelled(Encoder::open(loaded.config.embedding)).await??;
            Some(context.unless_cancelled(refined(&encoder, &cards, &form)).await??)
        }
    };
    if arguments.faults {
        for (case, plan) in cases.iter().zip(full.as_ref().unwrap_or(&form)) {
            fault(case, plan.as_ref())?;
        }
    }
    let alone = report(&cases, &form);
    let full = full.map(|plans| report(&cases, &plans));
    if arguments.json.json {
        let mut object = object(full.as_ref().unwrap_or(&alone));
        object["split"] = json!(arguments.split.name());
        if full.is_some() {
            object["structural"] = self::object(&alone);
        }
        return terminal::json(&object);
    }
    let columns: Vec<&PlanReport> = full.iter().chain([&alone]).collect();
    let row = |name: &str, figure: &dyn Fn(&PlanReport) -> String| -> Vec<String> {
        std::iter::once(name.to_owned()).chain(columns.iter().map(|report| figure(report))).collect()
    };
    let rows = [
        row("single questions cut up", &|r| percent(r.false_split_rate)),
        row("number of tasks right", &|r| percent(r.task_count_exact)),
        row("text F1", &|r| format!("{:.3}", r.text_f1)),
        row("edge F1", &|r| format!("{:.3}", r.edge_f1)),
    ];
    let head: &[&str] =
        if full.is_some() { &["PLANNING", "FULL", "FORM ALONE"] } else { &["PLANNING", "FIGURE"] };
    let table = terminal::table(terminal::Style::detect(), head, &rows);
    Ok(terminal::say(&format!("{} cases ({})\n{table}", alone.cases, arguments.split.name()))?)
}

fn read(arguments: &Arguments) -> anyhow::Result<Vec<PlanCase>> {
    let mut all: Vec<PlanCase> = Vec::new();
    for path in &arguments.cases {
        all.extend(cases::read::<PlanCase>(path)?);
    }
    for case in all.iter_mut().filter(|case| case.tasks.is_empty()) {
        case.tasks.push(case.prompt.clone());
    }
    arguments.split.of(all, |case| &case.prompt)
}

/// The plans with the cuts that these experts call for, as a node makes them.
async fn refined(
    encoder: &Encoder,
    cards: &[cards::Card],
    plans: &[Option<Plan>],
) -> anyhow::Result<Vec<Option<Plan>>> {
    let profiles = cards::profiles(encoder, cards).await?;
    let bar = terminal::progress(plans.len() as u64, "plan");
    let mut all = Vec::with_capacity(plans.len());
    for plan in plans {
        bar.inc(1);
        let Some(plan) = plan else {
            all.push(None);
            continue;
        };
        let doubts = Doubts::of(plan);
        let mut fits = Vec::new();
        for batch in doubts.spans().chunks(BATCH) {
            let texts = batch.iter().map(|text| (*text).to_owned()).collect();
            let queries = encoder.embed(texts).await?.into_iter().map(Query::by_meaning);
            fits.extend(queries.map(|query| fits_of(&query, &profiles)));
        }
        all.push(Some(doubts.settle(plan, &fits, Demands::default())));
    }
    bar.finish_and_clear();
    Ok(all)
}

fn fits_of(query: &Query, profiles: &[Profile<String>]) -> Vec<Fit<String>> {
    rank(query, profiles).into_iter().map(|ranked| (ranked.key, ranked.factors.competence)).collect()
}

fn report(cases: &[PlanCase], plans: &[Option<Plan>]) -> PlanReport {
    let predictions: Vec<PlanPrediction> =
        plans.iter().map(|plan| plan.as_ref().map(PlanPrediction::from).unwrap_or_default()).collect();
    PlanReport::of(cases.iter().zip(&predictions))
}

fn fault(case: &PlanCase, plan: Option<&Plan>) -> anyhow::Result<()> {
    let found: Vec<&str> = plan.map(|p| p.tasks().map(|t| t.text.as_str()).collect()).unwrap_or_default();
    if found.len() == case.tasks.len() {
        return Ok(());
    }
    let tasks: String = found.iter().map(|task| format!("\n   > {task}")).collect();
    Ok(terminal::say(&format!("{} tasks, not {}: {}{tasks}\n", found.len(), case.tasks.len(), case.prompt))?)
}

fn object(report: &PlanReport) -> Value {
    json!({
        "false_split_rate": report.false_split_rate,
        "task_count_exact": report.task_count_exact,
        "text_f1": report.text_f1,
        "edge_f1": report.edge_f1,
        "cases": report.cases,
    })
}
