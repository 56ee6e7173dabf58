//! `simulate trust`: what the rules of trust do in a swarm that one would not want to have.

use clap::Args;
use polymath_swarm::trust::{Block, Kind, World, simulate};
use serde_json::json;

use super::super::{Json, terminal};
use super::share;

/// What `simulate trust` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon simulate trust
  daemon simulate trust --experts 40 --topics 4 --bad 0.5 --runs 100
  daemon simulate trust --json | jq '.blocks[-1].bad'

Experts of a topic have equal cards. Each question goes where the node's own rules send it; what is
seen of the answer counts, and a share of the answers gets a verdict. Means over all runs, beside
a swarm in which nothing that was seen counts.")]
pub(super) struct Arguments {
    /// Experts in all
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    experts: u32,
    /// Topics
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    topics: u32,
    /// Share of bad experts, of all four kinds alike
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
    bad: f64,
    /// Questions
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    questions: u32,
    /// Share of the answers that somebody judges
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
    verdicts: f64,
    /// Share of a known expert's tasks that are audited
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = share)]
    audits: f64,
    /// Swarms, each with a seed of its own
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let binding = means(arguments, true);
    let free = means(arguments, false);
    if arguments.json.json {
        let object = |block: &Block| {
            let kinds: serde_json::Map<_, _> = Kind::BAD
                .iter()
                .zip(block.to)
                .map(|(kind, to)| (kind.name().to_owned(), json!(to)))
                .collect();
            json!({ "from": block.questions.0, "to": block.questions.1, "bad": block.bad(), "kinds": kinds })
        };
        let blocks = |all: &[Block]| all.iter().map(object).collect::<Vec<_>>();
        return terminal::json(&json!({ "blocks": blocks(&binding), "without_trust": blocks(&free) }));
    }
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let rows: Vec<Vec<String>> = binding
        .iter()
        .zip(&free)
        .map(|(block, free)| {
            let (from, to) = block.questions;
            let kinds = block.to.iter().map(|share| percent(*share));
            let ends = [percent(block.bad()), percent(free.bad())];
            std::iter::once(format!("{} to {to}", from + 1)).chain(kinds).chain(ends).collect()
        })
        .collect();
    let kinds: Vec<String> = Kind::BAD.iter().map(|kind| kind.name().to_uppercase()).collect();
    let mut headers = vec!["QUESTIONS"];
    headers.extend(kinds.iter().map(String::as_str));
    headers.extend(["ALL BAD", "WITHOUT TRUST"]);
    Ok(terminal::say(&terminal::table(terminal::Style::detect(), &headers, &rows))?)
}

/// Each block's mean over the runs.
fn means(arguments: &Arguments, is_binding: bool) -> Vec<Block> {
    let world = |seed: u32| World {
        experts: arguments.experts,
        topics: arguments.topics,
        bad: arguments.bad,
        questions: arguments.questions,
        verdicts: arguments.verdicts,
        audits: arguments.audits,
        is_binding,
        seed: u64::from(seed),
    };
    let mut sums: Vec<Block> = Vec::new();
    for seed in 1..=arguments.runs {
        for (at, block) in simulate(&world(seed)).into_iter().enumerate() {
            match sums.get_mut(at) {
                Some(sum) => sum.to.iter_mut().zip(block.to).for_each(|(sum, to)| *sum += to),
                None => sums.push(block),
            }
        }
    }
    sums.iter_mut().flat_map(|sum| &mut sum.to).for_each(|to| *to /= f64::from(arguments.runs));
    sums
}
