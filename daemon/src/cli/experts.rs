//! `experts`: who could answer, as the running node sees it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::{hex, rounded};
use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;

/// What `experts` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon experts list\n  daemon experts list --json")]
pub(super) enum Command {
    /// List every expert that the running node knows, its own included
    List(List),
}

/// What `experts list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon experts list
  daemon experts list --json | jq -r '.experts[] | select(.local) | .id'

Needs a running node.")]
pub(super) struct List {
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    let Command::List(arguments) = command;
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let experts = context.unless_cancelled(session.node().experts()).await??;
    if arguments.json.json {
        let experts: Vec<Value> = experts.iter().map(object).collect();
        return terminal::json(&json!({ "experts": experts }));
    }
    Ok(terminal::say(&text(terminal::Style::detect(), &experts))?)
}

/// The table that people read.
pub(super) fn text(style: terminal::Style, experts: &[wire::ExpertInfo]) -> String {
    let headers = ["EXPERT", "PEER", "MODEL", "CONTEXT", "FREE", "TOKENS/S", "TIER", "DESCRIPTION"];
    let rows: Vec<Vec<String>> = experts.iter().map(row).collect();
    terminal::table(style, &headers, &rows)
}

fn row(expert: &wire::ExpertInfo) -> Vec<String> {
    let peer = if expert.local { "here".to_owned() } else { terminal::short_peer(&expert.peer_id) };
    let millions = expert.parameters as f64 / 1e6;
    vec![
        expert.id.clone(),
        peer,
        match expert {
            expert if expert.unverifiable => "on a server".to_owned(),
            expert => format!("{} {millions:.1}M {}", expert.architecture, expert.quantisation),
        },
        expert.context_tokens.to_string(),
        format!("{}/{}{}", expert.free_slots, expert.slots, if expert.cold { " cold" } else { "" }),
        format!("{:.0}", expert.tokens_per_second),
        expert.tier.clone(),
        expert.description.clone(),
    ]
}

fn object(expert: &wire::ExpertInfo) -> Value {
    json!({
        "id": expert.id,
        "peer_id": expert.peer_id,
        "local": expert.local,
        "description": expert.description,
        "model_sha256": hex(&expert.model_sha256),
        "architecture": expert.architecture,
        "parameters": expert.parameters,
        "quantisation": expert.quantisation,
        "context_tokens": expert.context_tokens,
        "licence": expert.licence,
        "abilities": expert.abilities,
        "slots": expert.slots,
        "free_slots": expert.free_slots,
        "tokens_per_second": rounded(expert.tokens_per_second),
        "expires_ms": expert.expires_ms,
        "tier": expert.tier,
        "cold": expert.cold,
        "unverifiable": expert.unverifiable,
    })
}
