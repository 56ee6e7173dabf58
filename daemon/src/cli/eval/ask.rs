//! `eval ask`: the swarm's answers to whole questions, beside each expert alone.
//!
//! The swarm is judged by its tasks' results, not by the composed text: "1. Paris (geography)" holds a 1 that
//! no expert gave.

use std::path::PathBuf;

use clap::Args;
use polymath_swarm::evaluation::exact_match;
use serde_json::json;

use super::super::ask::{Transcript, Wishes, ask};
use super::super::session::{self, Session};
use super::super::{Context, Json, terminal};
use super::cases::{self, AnswerCase};
use super::lone::Lone;
use super::{percent, share};
use crate::api::client;
use crate::catalog;
use crate::config::Loaded;
use crate::config::file::File;

/// What `eval ask` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon eval ask --cases models/cases/compound.jsonl
  daemon eval ask --cases mine.jsonl --experts 3 --json
  daemon eval ask --cases mine.jsonl --swarm-only --wrong

A case is a line {\"prompt\": \"...\", \"expect\": [\"...\"]}: every expected string must appear in the
answers as whole words, case ignored. Asks the running node, else an embedded swarm of the bundled
experts; these are also asked one by one, as the baseline.")]
pub(in crate::cli) struct Arguments {
    /// The cases, JSON lines
    #[arg(long, value_name = "FILE.jsonl")]
    cases: PathBuf,
    /// Do not ask each expert alone
    #[arg(long)]
    swarm_only: bool,
    /// Print each question that was answered wrongly, on standard error
    #[arg(long)]
    wrong: bool,
    #[command(flatten)]
    wishes: Wishes,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let cases: Vec<AnswerCase> = cases::read(&arguments.cases)?;
    let loaded = context.load(File::default())?;
    let session = Session::open(&context, &loaded).await?;
    let swarm = context.unless_cancelled(swarm(&session, &cases, &arguments)).await;
    session.close().await;
    let swarm = share(swarm??, cases.len());
    let experts = if arguments.swarm_only {
        Vec::new()
    } else {
        context.unless_cancelled(each_alone(&context, &loaded, &cases)).await??
    };
    if arguments.json.json {
        let experts: Vec<_> =
            experts.iter().map(|(id, share)| json!({ "id": id, "exact_match": share })).collect();
        let swarm = json!({ "exact_match": swarm, "cases": cases.len() });
        return terminal::json(&json!({ "swarm": swarm, "experts": experts }));
    }
    let mut rows = vec![vec!["the swarm".to_owned(), percent(swarm)]];
    rows.extend(experts.iter().map(|(id, share)| vec![format!("{id} alone"), percent(*share)]));
    let table = terminal::table(terminal::Style::detect(), &["WHO", "EXACT MATCH"], &rows);
    Ok(terminal::say(&format!("{} cases\n{table}", cases.len()))?)
}

async fn swarm(session: &Session, cases: &[AnswerCase], arguments: &Arguments) -> anyhow::Result<usize> {
    let bar = terminal::progress(cases.len() as u64, "swarm");
    let mut hits = 0;
    for case in cases {
        let given = match ask(session, arguments.wishes.request(case.prompt.clone()), |_, _| Ok(())).await {
            Ok(transcript) => results(&transcript),
            // An answer refused is an answer missed; a node that is gone ends the run.
            Err(error) => match error.downcast_ref::<client::Error>().map(client::Error::code) {
                None | Some("transport" | "not_running" | "protocol") => return Err(error),
                Some(_) => String::new(),
            },
        };
        let hit = exact_match(&case.expect, &given);
        hits += usize::from(hit);
        if arguments.wrong && !hit {
            bar.suspend(|| {
                terminal::note(&format!("{}\n  expected {:?}\n  got {given:?}", case.prompt, case.expect))
            });
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(hits)
}

/// The tasks' results, one a line.
pub(super) fn results(transcript: &Transcript) -> String {
    let done = transcript.tasks.iter().filter_map(|t| t.finished.as_ref()).filter(|f| f.status == "done");
    done.map(|f| f.answer.as_str()).collect::<Vec<_>>().join("\n")
}

async fn each_alone(
    context: &Context,
    loaded: &Loaded,
    cases: &[AnswerCase],
) -> anyhow::Result<Vec<(String, f64)>> {
    let mut rows = Vec::new();
    let assets = session::assets(context, loaded)?;
    let mut cards = catalog::bundled(&assets.experts_dir())?;
    // Models that stand for another way of spending the same training, the generalist for one.
    if assets.baselines_dir().is_dir() {
        cards.extend(catalog::bundled(&assets.baselines_dir())?);
    }
    for card in cards {
        let entry = catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() })?;
        // A planner answers no questions.
        if !entry.abilities.iter().any(|ability| ability == "chat") {
            continue;
        }
        let expert = Lone::load(&entry).await?;
        let bar = terminal::progress(cases.len() as u64, &entry.id);
        let hits = expert.hits(cases, || bar.inc(1)).await?;
        bar.finish_and_clear();
        rows.push((entry.id, share(hits, cases.len())));
    }
    Ok(rows)
}
