//! `eval ensemble`: several independently trained experts of one domain, their vote beside the best single one.
//!
//! Who is best is decided on the development cases alone. Each expert is then asked on its own, and the swarm by
//! `--experts N`, on the held-out cases; the two are compared case by case with McNemar's exact test. Last, the
//! bundled experts' own unseen cases, one task each, with and without second opinions: what the vote must not cost.

mod atomic;
mod voted;

use std::path::PathBuf;

use clap::Args;
use polymath_swarm::evaluation::Paired;
use serde_json::{Value, json};

use super::super::session::{self, Session};
use super::super::{Context, Json, terminal};
use super::cases::{self, AnswerCase};
use super::lone::Lone;
use super::{percent, share};
use crate::catalog;
use crate::config::Loaded;
use crate::config::file::File;
use atomic::Atomic;
use voted::Voted;

/// What `eval ensemble` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval ensemble
  daemon eval ensemble --json | jq '{p: .mcnemar.p, vote: .vote.exact_match, best: .best.exact_match}'
  daemon eval ensemble --ensemble mine --dev dev.jsonl --cases held_out.jsonl --atomic 0

A case is a line {\"prompt\": \"...\", \"expect\": [\"...\"]}. The experts run in this process; a running node is
not asked.")]
pub(in crate::cli) struct Arguments {
    /// The experts: a folder with a card.toml in each of its folders; the bundled ensemble by default
    #[arg(long, value_name = "FOLDER")]
    ensemble: Option<PathBuf>,
    /// Cases that decide who is the best single expert
    #[arg(long, value_name = "FILE.jsonl")]
    dev: Option<PathBuf>,
    /// The held-out cases that are reported
    #[arg(long, value_name = "FILE.jsonl")]
    cases: Option<PathBuf>,
    /// Experts that a question may use
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=16))]
    experts: u32,
    /// Of each bundled expert, so many unseen cases to compare on over all domains; 0 for none
    #[arg(long, value_name = "N", default_value_t = 200)]
    atomic: usize,
    #[command(flatten)]
    json: Json,
}

/// A single expert's share of both sets.
struct Single {
    id: String,
    dev: f64,
    right: Vec<bool>,
}

impl Single {
    fn exact_match(&self) -> f64 {
        share_of(&self.right)
    }
}

struct Outcome {
    dev_cases: usize,
    /// The best on the development cases first.
    singles: Vec<Single>,
    voted: Voted,
    atomic: Option<Atomic>,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let outcome = context.unless_cancelled(measure(&arguments, &context, &loaded)).await??;
    if arguments.json.json {
        return terminal::json(&outcome.object(arguments.experts));
    }
    Ok(terminal::say(&outcome.text(arguments.experts))?)
}

async fn measure(arguments: &Arguments, context: &Context, loaded: &Loaded) -> anyhow::Result<Outcome> {
    let assets = session::assets(context, loaded)?;
    let bundled = |name: &str| assets.cases_dir().join(name);
    let dev = arguments.dev.clone().unwrap_or_else(|| bundled("ensemble_dev.jsonl"));
    let held_out = arguments.cases.clone().unwrap_or_else(|| bundled("ensemble.jsonl"));
    let (dev, held_out): (Vec<AnswerCase>, Vec<AnswerCase>) = (cases::read(&dev)?, cases::read(&held_out)?);
    let folder = arguments.ensemble.clone().unwrap_or_else(|| assets.ensembles_dir());
    let cards = catalog::bundled(&folder)?;
    anyhow::ensure!(cards.len() >= 2, "{} holds fewer than two experts", folder.display());

    let mut singles = Vec::with_capacity(cards.len());
    for card in &cards {
        let config = catalog::Config { card: Some(card.clone()), ..catalog::Config::default() };
        singles.push(single(&catalog::resolve(&config)?, &dev, &held_out).await?);
    }
    // Equals by id, so that the choice is the same everywhere.
    singles.sort_by(|a, b| b.dev.total_cmp(&a.dev).then_with(|| a.id.cmp(&b.id)));

    let session = Session::hosting(loaded, &assets, cards).await?;
    let voted = voted::ask_all(&session, &held_out, Some(arguments.experts), "vote").await;
    session.close().await;
    let atomic = match arguments.atomic {
        0 => None,
        most => Some(atomic::measure(loaded, &assets, most, arguments.experts).await?),
    };
    Ok(Outcome { dev_cases: dev.len(), singles, voted: voted?, atomic })
}

async fn single(
    entry: &catalog::Entry,
    dev: &[AnswerCase],
    held_out: &[AnswerCase],
) -> anyhow::Result<Single> {
    let expert = Lone::load(entry).await?;
    let bar = terminal::progress((dev.len() + held_out.len()) as u64, &entry.id);
    let hits = expert.hits(dev, || bar.inc(1)).await?;
    let right = expert.right(held_out, || bar.inc(1)).await?;
    bar.finish_and_clear();
    Ok(Single { id: entry.id.clone(), dev: share(hits, dev.len()), right })
}

impl Outcome {
    /// The vote against each single expert, the best on the development cases first.
    fn paired(&self) -> Vec<Paired> {
        self.singles.iter().map(|single| Paired::of(&self.voted.right, &single.right)).collect()
    }

    fn object(&self, experts: u32) -> Value {
        let paired = self.paired();
        let single = |(s, p): (&Single, &Paired)| {
            json!({
                "id": s.id, "dev_exact_match": s.dev, "exact_match": s.exact_match(),
                "only_vote": p.only_first, "only_single": p.only_second, "p": p.p,
            })
        };
        let best = self.singles.first();
        let against = paired.first().copied().unwrap_or_default();
        json!({
            "experts": experts,
            "cases": self.voted.right.len(),
            "dev_cases": self.dev_cases,
            "singles": self.singles.iter().zip(&paired).map(single).collect::<Vec<_>>(),
            "best": best.map(|b| json!({ "id": b.id, "exact_match": b.exact_match() })),
            "vote": {
                "exact_match": share_of(&self.voted.right),
                "unanimous": share(self.voted.unanimous, self.voted.right.len()),
                "mean_ms": self.voted.mean_ms,
            },
            "mcnemar": {
                "only_vote": against.only_first, "only_best": against.only_second, "p": against.p,
            },
            "atomic": self.atomic.as_ref().map(Atomic::object),
        })
    }

    fn text(&self, experts: u32) -> String {
        let paired = self.paired();
        let mut rows = vec![vec![
            format!("vote of {experts}"),
            "-".to_owned(),
            percent(share_of(&self.voted.right)),
            "-".to_owned(),
            "-".to_owned(),
        ]];
        for (single, pair) in self.singles.iter().zip(&paired) {
            rows.push(vec![
                format!("{} alone", single.id),
                percent(single.dev),
                percent(single.exact_match()),
                format!("{} / {}", pair.only_first, pair.only_second),
                format!("{:.2e}", pair.p),
            ]);
        }
        let heads = ["WHO", "DEVELOPMENT", "HELD OUT", "ONLY VOTE / ONLY THIS", "MCNEMAR P"];
        let table = terminal::table(terminal::Style::detect(), &heads, &rows);
        let (dev, cases) = (self.dev_cases, self.voted.right.len());
        let best = self.singles.first().map_or("nobody", |s| s.id.as_str());
        let p = paired.first().map_or(1.0, |p| p.p);
        let mut text = format!(
            "{cases} held-out cases; the best single expert on {dev} development cases is {best}\n{table}\nvote against {best}: p = {p:.2e}; unanimous on {}\n",
            percent(share(self.voted.unanimous, cases)),
        );
        if let Some(atomic) = &self.atomic {
            text.push_str(&atomic.text());
        }
        text
    }
}

fn share_of(right: &[bool]) -> f64 {
    share(right.iter().filter(|r| **r).count(), right.len())
}
