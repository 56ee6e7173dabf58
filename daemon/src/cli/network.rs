//! `network`: how the running node is reached.

use clap::{Args, Subcommand};
use serde_json::json;

use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;

/// What `network` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon network info\n  daemon network info --json | jq -r .verdict")]
pub(super) enum Command {
    /// Show addresses, whether others reach them, and relays
    Info(Info),
}

/// What `network info` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon network info
  daemon network info --json | jq -r '.relays[] | select(.holds) | .address'

reachable: somebody outside has dialled this node. unreachable: somebody has tried and failed, and
nobody came through, so it is behind a router; name relays in the settings (network.relays).
Needs a running node.")]
pub(super) struct Info {
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    let Command::Info(arguments) = command;
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    let info = context.unless_cancelled(session.node().network()).await??;
    if arguments.json.json {
        return terminal::json(&object(&info));
    }
    Ok(terminal::say(&told(&info))?)
}

fn object(info: &wire::GetNetworkReply) -> serde_json::Value {
    let relay = |relay: &wire::Relay| json!({ "address": relay.address, "holds": relay.holds });
    json!({
        "listening": info.listening,
        "circuits": info.circuits,
        "confirmed": info.confirmed,
        "verdict": info.verdict,
        "router": info.router,
        "relays": info.relays.iter().map(relay).collect::<Vec<_>>(),
        "is_relay": info.is_relay,
        "peers_direct": info.peers_direct,
        "peers_relayed": info.peers_relayed,
        "punched": info.punched,
        "not_punched": info.not_punched,
        "shut_out": info.shut_out.iter().map(shut_out).collect::<Vec<_>>(),
        "blocked": info.blocked,
    })
}

fn shut_out(out: &wire::ShutOut) -> serde_json::Value {
    json!({ "peer_id": out.peer_id, "seconds_left": out.seconds_left })
}

fn told(info: &wire::GetNetworkReply) -> String {
    let verdict = match info.verdict.as_str() {
        "reachable" => "others reach this node",
        "unreachable" => "others do not reach this node: it is behind a router",
        _ => "nobody has tried yet whether this node is reached",
    };
    let router = match info.router.as_str() {
        "off" => "not asked for a port",
        "asked" => "asked for a port, no answer yet",
        "open" => "has opened a port",
        "none" => "none that opens ports (UPnP)",
        _ => "has no address in the open itself",
    };
    let mut lines = vec![format!("verdict:   {verdict}"), format!("router:    {router}")];
    let mut listed = |name: &str, addresses: &[String]| {
        for (at, address) in addresses.iter().enumerate() {
            lines.push(format!("{:<10} {address}", if at == 0 { name } else { "" }));
        }
    };
    listed("listening:", &info.listening);
    listed("reached:", &info.confirmed);
    listed("relayed:", &info.circuits);
    for relay in &info.relays {
        let state = if relay.holds { "holds a place" } else { "holds no place" };
        lines.push(format!("relay:     {} {state}", relay.address));
    }
    if info.is_relay {
        lines.push("relay:     this node relays for others".to_owned());
    }
    lines.push(format!("peers:     {} directly, {} by way of relays", info.peers_direct, info.peers_relayed));
    for out in &info.shut_out {
        lines.push(format!("shut out:  {} for {} s still", out.peer_id, out.seconds_left));
    }
    for peer in &info.blocked {
        lines.push(format!("blocked:   {peer}"));
    }
    if info.punched + info.not_punched > 0 {
        let all = info.punched + info.not_punched;
        lines.push(format!("holes:     {} of {all} relayed connections became direct", info.punched));
    }
    lines.join("\n") + "\n"
}
