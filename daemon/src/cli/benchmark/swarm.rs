//! `benchmark swarm`: what a node adds to its model's own time, and what it costs to have one.
//!
//! Two real node processes on loopback, one that hosts the expert and one that hosts none and is asked, so that
//! every answer crosses the local API, the planner, the router and a QUIC stream. The same questions go to a bare
//! llama.cpp worker in this process, in turns, so that the figures are ratios within one run.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::super::demo::process::{NodeProcess, Setting};
use super::super::session::{self, Session};
use super::super::{Context, terminal};
use super::measure::{Spread, speeds, times, together};
use super::{HEADERS, Report, questions, row};
use crate::catalog;
use crate::config::file::File;
use crate::inference::{self, Worker};

/// Answers at once, where several are measured.
const STREAMS: u32 = 8;
/// Idle time before memory is read: caches that start-up filled are given back by then.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(2);

/// What `benchmark swarm` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The expert to measure with: a bundled one's id, or your own's card.toml or its folder
    #[arg(long, value_name = "ID|CARD", default_value = "arithmetic")]
    expert: String,
    /// Without audits of what the expert answers, to see what they cost
    #[arg(long)]
    no_audits: bool,
    /// Questions of each kind
    #[arg(long, alias = "rounds", value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(5..=10_000))]
    pub(super) iterations: u32,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let loaded = context.load(File::default())?;
    let assets = session::assets(context, &loaded)?;
    let card = card(&arguments.expert, &assets.experts_dir());
    let entry =
        catalog::resolve(&catalog::Config { card: Some(card.clone()), ..catalog::Config::default() })?;
    let cases = card.with_file_name("cases_unseen.jsonl");
    let questions = match cases.exists() {
        true => questions(&cases, arguments.iterations)?,
        // Each another one: a prompt that is in the cache is another matter.
        false => {
            let numbered = (1..=arguments.iterations).zip(entry.exemplars.iter().cycle());
            numbered.map(|(number, exemplar)| format!("{number}: {exemplar}")).collect()
        }
    };
    anyhow::ensure!(
        !questions.is_empty(),
        "{}: no exemplars, so that there is nothing to ask",
        card.display()
    );
    let folder = tempfile::Builder::new().prefix("polymath-").tempdir().context("no temporary folder")?;
    let settings = if arguments.no_audits { "[audit]\nrate = 0.0\n" } else { "" };
    let setting =
        Setting { folder: folder.path(), assets: &assets.root, bound: true, slots: Some(STREAMS), settings };

    let started = Instant::now();
    let mut host = NodeProcess::spawn(&setting, &entry.id, Some(&card), None)?;
    let health = context.unless_cancelled(host.until(|h| !h.listen_addresses.is_empty())).await??;
    let ready_ms = started.elapsed().as_secs_f64() * 1e3;
    let address = health.listen_addresses.first().context("the node does not listen")?;
    let mut client = NodeProcess::spawn(&setting, "client", None, Some(address))?;
    context.unless_cancelled(client.until(|h| h.experts_known >= 1)).await??;
    tokio::time::sleep(SETTLE).await;
    let memory = [host.resident_bytes()?, client.resident_bytes()?];

    let worker = Worker::load(inference::Config {
        model_path: entry.model_path.clone(),
        context_tokens: entry.max_context,
        slots: STREAMS,
        ..inference::Config::default()
    })
    .await?;
    let session = Session::at(&client.socket).await?;
    let measured = context.unless_cancelled(async {
        let times = times(&worker, &session, &questions).await?;
        let speeds = speeds(&worker, (&session, &entry.id), &questions).await?;
        let together = together(&worker, (&session, &entry.id), &questions, STREAMS as usize).await?;
        Ok::<_, anyhow::Error>((times, speeds, together))
    });
    let measured = measured.await;
    for node in [client, host] {
        node.stop(std::time::Duration::from_secs(10)).await;
    }
    let (times, speeds, together) = measured??;

    let json = json!({
        "expert": entry.id,
        "rounds": arguments.iterations,
        "audits": !arguments.no_audits,
        "ready_ms": ready_ms,
        "resident_bytes": { "host": memory[0], "client": memory[1] },
        "embed_ms": times.embed.json(), "plan_ms": times.plan.json(), "route_ms": times.route.json(),
        "first_token_ms": { "worker": times.worker_first.json(), "swarm": times.swarm_first.json() },
        "total_ms": { "worker": times.worker_total.json(), "swarm": times.swarm_total.json() },
        "tokens_per_second": {
            "worker": speeds.worker.json(), "swarm": speeds.swarm.json(), "ratio": speeds.ratio,
        },
        "streams": {
            "at_once": STREAMS, "worker_tokens_per_second": together.worker,
            "swarm_tokens_per_second": together.swarm, "ratio": together.ratio(),
        },
    });
    let rows: Vec<Vec<String>> = [
        ("embed", &times.embed),
        ("plan", &times.plan),
        ("route", &times.route),
        ("first token, bare worker", &times.worker_first),
        ("first token, through the swarm", &times.swarm_first),
        ("whole answer, bare worker", &times.worker_total),
        ("whole answer, through the swarm", &times.swarm_total),
    ]
    .iter()
    .map(|(name, spread)| row(name, spread, "ms"))
    .chain([
        row("speed, bare worker", &speeds.worker, "tokens/s"),
        row("speed, through the swarm", &speeds.swarm, "tokens/s"),
        row("eight at once, bare worker", &Spread::of(vec![together.worker]), "tokens/s"),
        row("eight at once, through the swarm", &Spread::of(vec![together.swarm]), "tokens/s"),
    ])
    .collect();
    let table = terminal::table(terminal::Style::detect(), &HEADERS, &rows);
    let text = format!(
        "{} questions to `{}`, asked of another node\n{table}speed through the swarm / bare worker: {:.3}, eight at once {:.3}\n\
         first token through the swarm after that of the bare worker: {:.1} ms (median)\n\
         start to ready: {ready_ms:.0} ms\nresident when idle: {} with the expert, {} without one\n",
        arguments.iterations,
        entry.id,
        speeds.ratio,
        together.ratio(),
        times.swarm_first.median - times.worker_first.median,
        terminal::bytes(memory[0]),
        terminal::bytes(memory[1]),
    );
    Ok(Report { text, json })
}

/// The card of a bundled expert, or of one that is named by a path.
fn card(expert: &str, bundled: &Path) -> PathBuf {
    let own = Path::new(expert);
    match own.components().count() {
        0 | 1 if !own.exists() => bundled.join(expert).join(catalog::CARD_NAME),
        _ if own.is_dir() => own.join(catalog::CARD_NAME),
        _ => own.to_owned(),
    }
}
