//! `reputation`: what the running node thinks of other nodes' experts.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::rounded;
use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;

/// What `reputation` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon reputation show\n  daemon reputation show --json")]
pub(super) enum Command {
    /// Show how reliable, honest and good other nodes' experts have been
    Show(Show),
}

/// What `reputation show` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon reputation show
  daemon reputation show --json | jq -r '.reputations[] | select(.tier == \"trusted\") | .node'

known: five tasks finished. verified: audits show that it runs what it claims. trusted: both, for
long, or `daemon identity endorse` says so. What breaks off, is found to cheat or is suspected
of it is unknown. Experience fades with a half-life of two weeks. Needs a running node.")]
pub(super) struct Show {
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    let Command::Show(arguments) = command;
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let all = context.unless_cancelled(session.node().reputation()).await??;
    if arguments.json.json {
        return terminal::json(&json!({ "reputations": all.iter().map(object).collect::<Vec<_>>() }));
    }
    if all.is_empty() {
        return Ok(terminal::line("no other node's expert is known yet")?);
    }
    let headers = ["EXPERT", "NODE", "TIER", "TRUST", "FINISHED", "FAST", "AUDITS", "GOOD"];
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    Ok(terminal::say(&terminal::table(terminal::Style::detect(), &headers, &rows))?)
}

fn row(of: &wire::Reputation) -> Vec<String> {
    let share = |good: f64, bad: f64| match good + bad {
        0.0 => "-".to_owned(),
        all => format!("{good:.0} of {all:.0}"),
    };
    let audits = match of.audits {
        0 => "-".to_owned(),
        audits => format!("{}, {audits}", of.finding),
    };
    vec![
        if of.expert.is_empty() { "(gone)".to_owned() } else { of.expert.clone() },
        terminal::short_peer(&of.peer_id),
        match of {
            of if of.proven => "proven to have cheated".to_owned(),
            of if of.endorsed => format!("{}, endorsed", of.tier),
            of if of.recommended > 0.0 => format!("{}, recommended", of.tier),
            of => of.tier.clone(),
        },
        format!("{:.2}", of.trust),
        share(of.finished, of.failed),
        share(of.fast, of.slow),
        audits,
        share(f64::from(of.good), f64::from(of.bad)),
    ]
}

fn object(of: &wire::Reputation) -> Value {
    json!({
        "expert": (!of.expert.is_empty()).then_some(&of.expert),
        "node": of.node,
        "peer_id": of.peer_id,
        "model_sha256": of.model_sha256,
        "tier": of.tier,
        "trust": rounded(of.trust),
        "reliability": { "finished": of.finished, "failed": of.failed, "fast": of.fast, "slow": of.slow },
        "honesty": { "audits": of.audits, "evidence": of.evidence, "finding": of.finding },
        "quality": { "good": rounded(of.good), "bad": rounded(of.bad) },
        "endorsed": of.endorsed,
        "recommended": of.recommended,
        "proven": of.proven,
    })
}
