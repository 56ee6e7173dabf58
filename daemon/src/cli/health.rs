//! `health`: whether a node runs here, and how it is.

use clap::Args;
use serde_json::json;

use super::session::Session;
use super::{Context, Json, terminal};
use crate::config::file::File;

/// What `health` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon health
  daemon health --json | jq .peers
  daemon health > /dev/null && echo running

Exits with 3 if no node is running. `daemon doctor` says what is wrong.")]
pub(super) struct Arguments {
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let health = context.unless_cancelled(session.node().health()).await??;
    if arguments.json.json {
        return terminal::json(&json!({
            "version": health.version, "name": health.name, "peer_id": health.peer_id,
            "uptime_ms": health.uptime_ms, "peers": health.peers, "experts_local": health.experts_local,
            "experts_known": health.experts_known, "listen_addresses": health.listen_addresses,
        }));
    }
    let seconds = health.uptime_ms / 1_000;
    let up = format!("{} h {} min {} s", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut lines = vec![
        format!("{} (version {}) runs since {up}", health.name, health.version),
        format!("peer id:  {}", health.peer_id),
        format!("peers:    {}", health.peers),
        format!("experts:  {} here, {} known", health.experts_local, health.experts_known),
    ];
    lines.extend(health.listen_addresses.iter().map(|address| format!("listens:  {address}")));
    Ok(terminal::say(&format!("{}\n", lines.join("\n")))?)
}
