//! `eval`: figures anyone can reproduce with sets of their own. Metrics are the policy crate's; this only reads
//! cases, asks, and prints a table or the JSON keys that scripts depend on.

mod ask;
mod cards;
pub(super) mod cases;
mod ensemble;
mod experts;
mod intent;
mod lone;
mod plan;
mod route;
mod split;

use clap::Subcommand;

use super::Context;

/// What can be measured.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  daemon eval experts
  daemon eval ask --cases models/cases/compound.jsonl
  daemon eval route --cards cards.json --prompts prompts.jsonl --json
  daemon eval plan --cases questions.jsonl --cards models/experts
  daemon eval intent --cases models/cases/intents.jsonl --split reported
  daemon eval ensemble --json")]
pub(super) enum Command {
    /// Each bundled expert on its own cases
    Experts(experts::Arguments),
    /// Whole questions through the swarm, and each expert alone on them
    Ask(ask::Arguments),
    /// Which expert comes first for prompts whose right expert is known
    Route(route::Arguments),
    /// Whether questions are cut where they should be
    Plan(plan::Arguments),
    /// Whether questions are taken for the kind of work they are
    Intent(intent::Arguments),
    /// Whether several experts' vote beats the best of them
    Ensemble(ensemble::Arguments),
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    match command {
        Command::Experts(arguments) => experts::run(arguments, context).await,
        Command::Ask(arguments) => ask::run(arguments, context).await,
        Command::Route(arguments) => route::run(arguments, context).await,
        Command::Plan(arguments) => plan::run(arguments, context).await,
        Command::Intent(arguments) => intent::run(arguments, context).await,
        Command::Ensemble(arguments) => ensemble::run(arguments, context).await,
    }
}

/// A share as people read it.
fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// Hits by cases; 0 of 0 is 0.
fn share(hits: usize, cases: usize) -> f64 {
    if cases == 0 { 0.0 } else { hits as f64 / cases as f64 }
}
