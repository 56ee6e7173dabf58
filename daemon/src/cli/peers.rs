//! `peers`: who the running node is connected to.

use clap::{Args, Subcommand};
use serde_json::json;

use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;

/// What `peers` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon peers list\n  daemon peers list --verbose")]
pub(super) enum Command {
    /// List connected peers
    List(List),
}

/// What `peers list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon peers list
  daemon peers list --verbose
      Whole peer ids, addresses and software as well.
  daemon peers list --json | jq -r '.peers[].peer_id'

Needs a running node.")]
pub(super) struct List {
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    let Command::List(arguments) = command;
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let peers = context.unless_cancelled(session.node().peers()).await??;
    if arguments.json.json {
        let peers: Vec<_> = peers.iter().map(object).collect();
        return terminal::json(&json!({ "peers": peers }));
    }
    let style = terminal::Style::detect();
    let text = if context.globals.verbose > 0 { verbose(style, &peers) } else { brief(style, &peers) };
    Ok(terminal::say(&text)?)
}

fn object(peer: &wire::Peer) -> serde_json::Value {
    json!({
        "peer_id": peer.peer_id,
        "addresses": peer.addresses,
        "agent": peer.agent,
        "rtt_ms": peer.rtt_ms,
        "experts": peer.experts,
    })
}

fn brief(style: terminal::Style, peers: &[wire::Peer]) -> String {
    let row = |peer: &wire::Peer| {
        vec![terminal::short_peer(&peer.peer_id), rtt(peer), or_dash(&peer.experts.join(", "))]
    };
    terminal::table(style, &["PEER", "RTT", "EXPERTS"], &peers.iter().map(row).collect::<Vec<_>>())
}

fn verbose(style: terminal::Style, peers: &[wire::Peer]) -> String {
    let row = |peer: &wire::Peer| {
        vec![
            peer.peer_id.clone(),
            rtt(peer),
            or_dash(&peer.agent),
            or_dash(&peer.experts.join(", ")),
            or_dash(&peer.addresses.join(" ")),
        ]
    };
    let headers = ["PEER", "RTT", "SOFTWARE", "EXPERTS", "ADDRESSES"];
    terminal::table(style, &headers, &peers.iter().map(row).collect::<Vec<_>>())
}

fn rtt(peer: &wire::Peer) -> String {
    peer.rtt_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"))
}

/// An empty cell reads as a dash.
pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}
