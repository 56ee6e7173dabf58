//! `eval route`: cards and prompts of anyone's making, embedded by the configured encoder and ranked by the
//! policy that nodes route by.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::embedding::Embedding;
use polymath_swarm::evaluation::{RouteCase, RouteReport};
use polymath_swarm::score::{Profile, TRUST_NEUTRAL, rank};
use serde::Deserialize;
use serde_json::json;

use super::super::{Context, Json, terminal};
use super::{cases, percent};
use crate::config::file::File;
use crate::embedding::Encoder;

/// Bytes of a file of cards.
const CARDS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Texts handed to the encoder at once; it takes twice as many.
const BATCH: usize = 32;

/// What `eval route` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval route --cards cards.json --prompts prompts.jsonl
  daemon eval route --cards cards.json --prompts prompts.jsonl --json | jq .top1

Cards are {\"experts\": [{\"id\", \"description\", \"exemplars\": [...]}]}; a prompt is a line
{\"prompt\": \"...\", \"expert\": \"id\"}, with null for one that no expert fits.")]
pub(in crate::cli) struct Arguments {
    /// The cards, JSON
    #[arg(long, value_name = "FILE.json")]
    cards: PathBuf,
    /// The prompts, JSON lines
    #[arg(long, value_name = "FILE.jsonl")]
    prompts: PathBuf,
    #[command(flatten)]
    json: Json,
}

#[derive(Deserialize)]
struct Cards {
    experts: Vec<Card>,
}

#[derive(Deserialize)]
struct Card {
    id: String,
    description: String,
    #[serde(default)]
    exemplars: Vec<String>,
}

#[derive(Deserialize)]
struct Prompt {
    prompt: String,
    expert: Option<String>,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let cards = read_cards(&arguments.cards)?;
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

fn read_cards(path: &Path) -> anyhow::Result<Vec<Card>> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut text = String::new();
    file.take(CARDS_BYTES_MAX).read_to_string(&mut text).with_context(|| path.display().to_string())?;
    let cards: Cards = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    anyhow::ensure!(!cards.experts.is_empty(), "{} holds no experts", path.display());
    Ok(cards.experts)
}

async fn measure(encoder: &Encoder, cards: &[Card], prompts: Vec<Prompt>) -> anyhow::Result<RouteReport> {
    let bar = terminal::progress(prompts.len() as u64, "route");
    let mut profiles = Vec::with_capacity(cards.len());
    for card in cards {
        let texts: Vec<String> = std::iter::once(&card.description).chain(&card.exemplars).cloned().collect();
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            embeddings.extend(encoder.embed(batch.to_vec()).await?);
        }
        profiles.push(profile(card, embeddings)?);
    }
    let mut cases = Vec::with_capacity(prompts.len());
    for batch in prompts.chunks(BATCH) {
        let queries = encoder.embed(batch.iter().map(|p| p.prompt.clone()).collect()).await?;
        for (prompt, query) in batch.iter().zip(&queries) {
            let ranked = rank(query, &profiles);
            let competence = ranked.first().map_or(0.0, |r| r.factors.competence);
            let ranked = ranked.into_iter().map(|r| r.key).collect();
            cases.push(RouteCase { expert: prompt.expert.clone(), ranked, competence });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(RouteReport::of(&cases))
}

fn profile(card: &Card, embeddings: Vec<Embedding>) -> anyhow::Result<Profile<String>> {
    let mut embeddings = embeddings.into_iter();
    let description = embeddings.next().context("the encoder gave no embedding")?;
    // All experts idle and equally trusted: what is measured is competence alone.
    Ok(Profile {
        key: card.id.clone(),
        description,
        exemplars: embeddings.collect(),
        slots: 1,
        free_slots: 1,
        trust: TRUST_NEUTRAL,
    })
}
