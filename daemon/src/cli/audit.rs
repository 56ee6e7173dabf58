//! `audit`: whether other nodes' experts run the models that they claim.

mod calibrate;
mod verify;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::benchmark::audit::build;
use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;

/// What `audit` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon audit log\n  daemon audit calibrate geography")]
pub(super) enum Command {
    /// List the latest audits
    Log(Log),
    /// Check the signatures of an audit, wherever it was made
    Verify(verify::Arguments),
    /// Measure what honest audits of a model look like on this machine
    Calibrate(calibrate::Arguments),
    /// Answer as an expert would, for `--build` of another build
    #[command(hide = true)]
    Answers(build::Arguments),
}

/// What `audit log` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon audit log
  daemon audit log --limit 1000 --json | jq -r '.audits[] | select(.finding == \"fail\") | .node'

honest: the model is what it claims, as far as one audit can tell. doubtful: such as an honest
expert has now and then. alarm: such as none has. withheld: it did not open what it signed.
contradiction: it signed two things that cannot both be. An expert whose audits come to `fail`
is not asked any more. Needs a running node.")]
pub(super) struct Log {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    match command {
        Command::Log(arguments) => log(arguments, context).await,
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(arguments, context).await,
        Command::Answers(arguments) => build::answer(arguments, &context).await,
    }
}

async fn log(arguments: Log, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let audits = context.unless_cancelled(session.node().audits(arguments.limit)).await??;
    if arguments.json.json {
        return terminal::json(&json!({ "audits": audits.iter().map(object).collect::<Vec<_>>() }));
    }
    if audits.is_empty() {
        return Ok(terminal::line("no audits yet: a share of what other nodes' experts answer is audited")?);
    }
    let style = terminal::Style::detect();
    let rows: Vec<Vec<String>> = audits.iter().map(row).collect();
    let headers = ["NUMBER", "EXPERT", "NODE", "OUTCOME", "NATS A TOKEN", "EVIDENCE", "FINDING"];
    Ok(terminal::say(&terminal::table(style, &headers, &rows))?)
}

fn row(audit: &wire::Audit) -> Vec<String> {
    let outcome = match audit {
        a if a.cut_off => format!("{}: cut off", a.outcome),
        a if a.out_of_place > 0 => format!("{}: {} tokens out of place", a.outcome, a.out_of_place),
        a => a.outcome.clone(),
    };
    vec![
        audit.number.to_string(),
        audit.expert.clone(),
        audit.node.clone(),
        outcome,
        audit.divergence.map_or_else(|| "-".to_owned(), |nats| format!("{nats:.1e}")),
        format!("{:.1}", audit.evidence),
        audit.finding.clone(),
    ]
}

fn object(audit: &wire::Audit) -> Value {
    let none_if_empty = |text: &String| (!text.is_empty()).then(|| text.clone());
    let signed = audit.signed.as_ref().map(|s| {
        json!({
            "task_id": s.task_id,
            "run_id": s.run_id,
            "transcript": s.transcript,
            "evidence": s.evidence,
            "signature": s.signature,
            "opened": none_if_empty(&s.opened),
            "opened_signature": none_if_empty(&s.opened_signature),
        })
    });
    json!({
        "number": audit.number,
        "at_ms": audit.at_ms,
        "expert": audit.expert,
        "node": audit.node,
        "model_sha256": audit.model_sha256,
        "auditor": none_if_empty(&audit.auditor),
        "outcome": audit.outcome,
        "divergence": audit.divergence,
        "positions": audit.positions,
        "out_of_place": audit.out_of_place,
        "cut_off": audit.cut_off,
        "p": audit.p,
        "evidence": audit.evidence,
        "finding": audit.finding,
        "signed": signed,
    })
}
