//! `eval route`: cards and prompts of anyone's making, embedded by the configured encoder and ranked by the
//! policy that nodes route by.

use std::path::PathBuf;

use clap::Args;
use polymath_swarm::evaluation::{RouteCase, RouteReport};
use polymath_swarm::score::{Query, rank};
use serde::Deserialize;
use serde_json::json;

use super::super::{Context, Json, terminal};
use super::cards::{self, BATCH, Card};
use super::{cases, percent};
use crate::config::file::File;
use crate::embedding::Encoder;

/// What `eval route` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval route --cards cards.json --prompts prompts.jsonl
  daemon eval route --cards cards.json --prompts prompts.jsonl --json | jq .top1

Cards are {\"experts\": [{\"id\", \"description\", \"exemplars\": [...]}]}, or a folder of
experts such as models/experts; a prompt is a line
{\"prompt\": \"...\", \"expert\": \"id\"}, with null for one that no expert fits.")]
pub(in crate::cli) struct Arguments {
    /// The cards: JSON, or a folder of experts
    #[arg(long, value_name = "FILE.json|DIR")]
    cards: PathBuf,
    /// The prompts, JSON lines
    #[arg(long, value_name = "FILE.jsonl")]
    prompts: PathBuf,
    #[command(flatten)]
    json: Json,
}

#[derive(Deserialize)]
struct Prompt {
    prompt: String,
    expert: Option<String>,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let cards = cards::read(&arguments.cards)?;
    let prompts: Vec<Prompt> = cases::read(&arguments.prompts)?;
    let known = |id: &String| cards.iter().any(|c| c.id == *id);
    if let Some(id) = prompts.iter().filter_map(|p| p.expert.as_ref()).find(|id| !known(id)) {
        anyhow::bail!("{} names the expert `{id}`, which has no card", arguments.prompts.display());
    }
    let loaded = context.load(File::default())?;
    let encoder = context.unless_cancelled(Encoder::open(loaded.config.embedding)).await??;
    let report = context.unless_cancelled(measure(&encoder, &cards, prompts)).await??;
    if arguments.json.json {
        return terminal::json(&json!({
            "top1": report.top1,
            "top3": report.top3,
            "no_expert_auroc": report.no_expert_auroc,
            "cases": report.cases,
        }));
    }
    let auroc = report.no_expert_auroc.map_or_else(|| "-".to_owned(), |a| format!("{a:.3}"));
    let rows = [
        vec!["right expert first".to_owned(), percent(report.top1)],
        vec!["among the first three".to_owned(), percent(report.top3)],
        vec!["no-expert AUROC".to_owned(), auroc],
    ];
    let table = terminal::table(terminal::Style::detect(), &["ROUTING", "FIGURE"], &rows);
    Ok(terminal::say(&format!("{} prompts, {} cards\n{table}", report.cases, cards.len()))?)
}

async fn measure(encoder: &Encoder, cards: &[Card], prompts: Vec<Prompt>) -> anyhow::Result<RouteReport> {
    let bar = terminal::progress(prompts.len() as u64, "route");
    let profiles = cards::profiles(encoder, cards).await?;
    let mut cases = Vec::with_capacity(prompts.len());
    for batch in prompts.chunks(BATCH) {
        let queries = encoder.embed(batch.iter().map(|p| p.prompt.clone()).collect()).await?;
        for (prompt, embedding) in batch.iter().zip(queries) {
            let ranked = rank(&Query::new(&prompt.prompt, embedding), &profiles);
            let competence = ranked.first().map_or(0.0, |r| r.factors.competence);
            let ranked = ranked.into_iter().map(|r| r.key).collect();
            cases.push(RouteCase { expert: prompt.expert.clone(), ranked, competence });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(RouteReport::of(&cases))
}
