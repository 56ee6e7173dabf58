//! `benchmark`: how long things take here, one suite each, and what has changed since the last run on this machine.
//!
//! A suite returns a [`Report`]: text for people, JSON for scripts. Whatever is a number in the latter is remembered ([`history`])
//! and compared the next time, so a suite does nothing for it. Machines are noisy: what matters is a ratio within one run wherever a
//! suite can give one, and a change is shown only where it is larger than noise usually is.

mod api;
pub(super) mod audit;
mod history;
pub(super) mod lsh;
mod measure;
mod parallel;
mod parts;
mod swarm;

use std::path::Path;

use clap::{Args, Parser, Subcommand};
use serde_json::{Map, Value, json};

use super::{Context, terminal};
use crate::config::file::File;
use history::{Change, History};
use measure::Spread;

/// Heads of a suite's table.
const HEADERS: [&str; 5] = ["WHAT", "P50", "P95", "P99", "UNIT"];
/// What is run where no suite is named; `lsh` takes an hour where its vectors are not at hand.
const ALL: [&str; 11] = [
    "embedding",
    "hashing",
    "serialisation",
    "cells",
    "signing",
    "routing",
    "sampling",
    "swarm",
    "api",
    "parallel",
    "audit",
];

/// What `benchmark` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  daemon benchmark
      Every suite but lsh, some ten minutes.
  daemon benchmark routing --iterations 2000
  daemon benchmark swarm --expert calendar --iterations 100 --json
  daemon benchmark lsh --experts 10000
  daemon benchmark audit

Each run is compared with the last one on this machine (benchmarks.json in the state folder)."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    suite: Option<Suite>,
    /// Times that each thing is measured [default: what suits it]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    iterations: Option<u32>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

/// What is measured.
#[derive(Clone, Debug, Subcommand)]
enum Suite {
    /// The sentence encoder: short and long texts, many at once, texts that are remembered
    Embedding(parts::Arguments),
    /// SHA-256, and the cell of a text
    Hashing(parts::Arguments),
    /// Cards, token packets and offers, to bytes and back
    Serialisation(parts::Arguments),
    /// Looking up the codebook's cells
    Cells(parts::Arguments),
    /// Signing statuses, and checking them
    Signing(parts::Arguments),
    /// Choosing among ten thousand experts that are known
    Routing(parts::Arguments),
    /// Drawing a token of a whole vocabulary, and noting it for audits
    Sampling(parts::Arguments),
    /// What a node adds to its model's own time, and what it costs to have one
    Swarm(swarm::Arguments),
    /// What REST adds to a question's own time, how many it answers, how many streams it holds
    Api(api::Arguments),
    /// How much faster four independent tasks are done together than one after another
    Parallel(parallel::Arguments),
    /// How well experts are found in a large swarm, against brute force
    Lsh(lsh::Arguments),
    /// How far honest experts and cheats are from the model they claim, and who is convicted
    Audit(audit::Arguments),
}

/// A suite by itself, to be parsed by its name.
#[derive(Debug, Parser)]
struct Alone {
    #[command(subcommand)]
    suite: Suite,
}

/// What a suite has measured.
struct Report {
    text: String,
    json: Value,
}

impl Suite {
    /// The suite of this name with its defaults.
    fn named(name: &str, iterations: Option<u32>) -> anyhow::Result<Self> {
        let said = iterations.iter().flat_map(|n| ["--iterations".to_owned(), n.to_string()]);
        let words = ["benchmark".to_owned(), name.to_owned()].into_iter().chain(said);
        Ok(Alone::try_parse_from(words)?.suite)
    }

    async fn run(self, context: &Context) -> anyhow::Result<Report> {
        match self {
            Self::Embedding(arguments) => parts::embedding(arguments, context).await,
            Self::Hashing(arguments) => parts::hashing(arguments, context).await,
            Self::Serialisation(arguments) => parts::serialisation(arguments, context).await,
            Self::Cells(arguments) => parts::cells(arguments, context).await,
            Self::Signing(arguments) => parts::signing(arguments, context).await,
            Self::Routing(arguments) => parts::routing(arguments, context).await,
            Self::Sampling(arguments) => Ok(parts::sampling(arguments)),
            Self::Swarm(arguments) => swarm::run(arguments, context).await,
            Self::Api(arguments) => api::run(arguments, context).await,
            Self::Parallel(arguments) => parallel::run(arguments, context).await,
            Self::Lsh(arguments) => lsh::run(arguments, context).await,
            Self::Audit(arguments) => audit::run(arguments, context).await,
        }
    }
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let mut history = History::read(&loaded.config.node.state_dir);
    if let Some(suite) = arguments.suite {
        let asked = format!("{suite:?}");
        let mut report = suite.run(&context).await?;
        let changes = history.note(&asked, &report.json);
        if !arguments.json {
            return Ok(terminal::say(&(report.text + &told(&changes)))?);
        }
        if let (Some(object), Some((at, changes))) = (report.json.as_object_mut(), &changes) {
            object.insert("last_run".to_owned(), json!({ "at": at, "changes": changes }));
        }
        return terminal::json(&report.json);
    }
    let (mut all, mut failed) = (Map::new(), Vec::new());
    for name in ALL {
        terminal::note(&format!("== {name}"));
        let suite = Suite::named(name, arguments.iterations)?;
        let asked = format!("{suite:?}");
        match suite.run(&context).await {
            Ok(report) => {
                let changes = history.note(&asked, &report.json);
                if !arguments.json {
                    terminal::say(&format!("{}{}\n", report.text, told(&changes)))?;
                }
                all.insert(name.to_owned(), report.json);
            }
            // One that cannot run here keeps none of the others.
            Err(error) if !error.is::<super::exit::Interrupted>() => {
                failed.push(format!("{name}: {error:#}"))
            }
            Err(error) => return Err(error),
        }
    }
    if arguments.json {
        terminal::json(&Value::Object(all))?;
    }
    anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join("; "));
    Ok(())
}

/// What has changed, for people.
fn told(changes: &Option<(u64, Vec<Change>)>) -> String {
    let Some((at, changes)) = changes else { return String::new() };
    let ago = format!("{} min ago", history::now().saturating_sub(*at) / 60);
    if changes.is_empty() {
        return format!("as in the last run ({ago})\n");
    }
    let lines = changes.iter().map(|change| {
        let share = (change.now / change.before - 1.0) * 100.0;
        format!("  {}: {} -> {} ({share:+.0}%)\n", change.figure, short(change.before), short(change.now))
    });
    format!("changed since the last run ({ago}):\n{}", lines.collect::<String>())
}

fn row(name: &str, spread: &Spread, unit: &str) -> Vec<String> {
    let shown = |value: f64| format!("{value:.3}");
    vec![name.to_owned(), shown(spread.median), shown(spread.p95), shown(spread.p99), unit.to_owned()]
}

/// A figure in a few digits, however small or large.
fn short(figure: f64) -> String {
    if (1e-3..1e6).contains(&figure.abs()) { format!("{figure:.4}") } else { format!("{figure:.2e}") }
}

/// The first prompts of the expert's unseen cases, repeated if there are too few.
fn questions(cases: &Path, rounds: u32) -> anyhow::Result<Vec<String>> {
    let cases: Vec<super::eval::cases::AnswerCase> = super::eval::cases::read(cases)?;
    Ok(cases.into_iter().map(|c| c.prompt).cycle().take(rounds as usize).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_all_has_its_name() {
        for name in ALL {
            for iterations in [None, Some(7)] {
                let asked = format!("{:?}", Suite::named(name, iterations).unwrap());
                assert!(asked.to_lowercase().starts_with(name), "{asked}");
            }
        }
    }
}
