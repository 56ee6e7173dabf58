//! `eval intent`: whether prompts are taken for the kind of work that people say they are, and complex ones for more
//! complex than simple ones.

use std::path::PathBuf;

use clap::Args;
use polymath_swarm::evaluation::{IntentCase, IntentReport};
use polymath_swarm::plan::intent::{Intent, Prototypes};
use serde::Deserialize;
use serde_json::json;

use super::super::{Context, Json, terminal};
use super::cards::BATCH;
use super::split::Split;
use super::{cases, percent};
use crate::config::file::File;
use crate::coordinator;
use crate::embedding::Encoder;

/// What `eval intent` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval intent --cases models/cases/intents.jsonl
  daemon eval intent --cases models/cases/intents.jsonl --split reported --json | jq .accuracy

A case is a line {\"prompt\": \"...\", \"intent\": \"maths\", \"complex\": false}; `complex` may
be left out. Intents are code, maths, science, facts, language, writing, summarising,
reasoning, data, planning and chat.")]
pub(in crate::cli) struct Arguments {
    /// The cases, JSON lines
    #[arg(long, value_name = "FILE.jsonl")]
    cases: PathBuf,
    #[command(flatten)]
    split: Split,
    /// Print each prompt that is taken for something else
    #[arg(long)]
    faults: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Deserialize)]
struct Case {
    prompt: String,
    intent: Intent,
    complex: Option<bool>,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let cases: Vec<Case> = arguments.split.of(cases::read(&arguments.cases)?, |case: &Case| &case.prompt)?;
    let loaded = context.load(File::default())?;
    let encoder = context.unless_cancelled(Encoder::open(loaded.config.embedding)).await??;
    let read = context.unless_cancelled(read(&encoder, &cases)).await??;
    if arguments.faults {
        for (case, read) in cases.iter().zip(&read).filter(|(_, read)| read.reading.intent != read.intent) {
            let (found, wanted) = (read.reading.intent.name(), case.intent.name());
            terminal::say(&format!("{found}, not {wanted}: {}\n", case.prompt))?;
        }
    }
    let report = IntentReport::of(&read);
    if arguments.json.json {
        let by_intent: serde_json::Map<_, _> =
            report.by_intent.iter().map(|(intent, share)| (intent.name().to_owned(), json!(share))).collect();
        return terminal::json(&json!({
            "accuracy": report.accuracy,
            "by_intent": by_intent,
            "complexity_auroc": report.complexity_auroc,
            "cases": report.cases,
            "split": arguments.split.name(),
        }));
    }
    let auroc = report.complexity_auroc.map_or_else(|| "-".to_owned(), |a| format!("{a:.3}"));
    let mut rows = vec![
        vec!["intent right".to_owned(), percent(report.accuracy)],
        vec!["complexity AUROC".to_owned(), auroc],
    ];
    rows.extend(report.by_intent.iter().map(|(i, share)| vec![format!("  {}", i.name()), percent(*share)]));
    let table = terminal::table(terminal::Style::detect(), &["INTENT", "FIGURE"], &rows);
    Ok(terminal::say(&format!("{} prompts ({})\n{table}", report.cases, arguments.split.name()))?)
}

async fn read(encoder: &Encoder, cases: &[Case]) -> anyhow::Result<Vec<IntentCase>> {
    let prototypes: Option<Prototypes> = coordinator::prototypes(encoder).await?;
    let prototypes = prototypes.ok_or_else(|| anyhow::anyhow!("there are no prototypes"))?;
    let mut read = Vec::with_capacity(cases.len());
    for batch in cases.chunks(BATCH) {
        let embeddings = encoder.embed(batch.iter().map(|case| case.prompt.clone()).collect()).await?;
        read.extend(batch.iter().zip(&embeddings).map(|(case, embedding)| IntentCase {
            intent: case.intent,
            complex: case.complex,
            reading: prototypes.read(embedding),
        }));
    }
    Ok(read)
}
