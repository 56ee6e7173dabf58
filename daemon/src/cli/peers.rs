//! `peers`: who the running node is connected to, and whether others are there.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::Usage;
use super::session::{Session, wire};
use super::{Context, Json, terminal};
use crate::config::file::File;
use polymath_swarm::identity::PeerKey;

/// What `peers` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  daemon peers list\n  daemon peers ping chemistry")]
pub(super) enum Command {
    /// List connected peers
    List(List),
    /// Ask a peer again and again how long it takes to answer
    Ping(Ping),
    /// Ask a peer whether it is there, and what it offers
    Probe(Probe),
    /// Have nothing to do with a peer any more
    Block(Block),
}

/// What `peers ping` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon peers ping chemistry
  daemon peers ping 12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust --count 20
  daemon peers ping chemistry --json | jq .lost

Until Ctrl-C unless --count says how often. A peer that is not connected is connected to first,
which the first time shows. Exits with 1 if nothing came back. Needs a running node.")]
pub(super) struct Ping {
    /// Peer id, its end as `daemon peers list` shows it, DID, or one of its experts
    peer: String,
    /// How often
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Seconds from one to the next
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    interval: f64,
    #[command(flatten)]
    json: Json,
}

/// What `peers probe` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon peers probe chemistry
  daemon peers probe did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH
  daemon peers probe chemistry --json | jq .connection.relayed

Needs a running node.")]
pub(super) struct Probe {
    /// Peer id, its end as `daemon peers list` shows it, DID, or one of its experts
    peer: String,
    #[command(flatten)]
    json: Json,
}

/// What `peers block` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon peers block 12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust
  daemon peers block did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH --revoke

Its connections are closed, none is made with it, and nothing is asked of its experts, until it
is revoked; kept in the state folder. `daemon network info` shows who is blocked. Needs a
running node.")]
pub(super) struct Block {
    /// Peer id, its end as `daemon peers list` shows it, DID, or one of its experts
    peer: String,
    /// Let it in again
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    json: Json,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| "write seconds from 0.1 to 3600".to_owned())
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
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    match command {
        Command::List(arguments) => list(arguments, &session, &context).await,
        Command::Ping(arguments) => ping(&arguments, &session, &context).await,
        Command::Block(arguments) => block(&arguments, &session, &context).await,
        Command::Probe(arguments) => {
            let peer = resolve(&session, &arguments.peer).await?;
            let reply = context.unless_cancelled(session.node().probe(&peer)).await??;
            if arguments.json.json {
                return terminal::json(&probed(&reply));
            }
            Ok(terminal::say(&told(&reply))?)
        }
    }
}

async fn list(arguments: List, session: &Session, context: &Context) -> anyhow::Result<()> {
    let peers = context.unless_cancelled(session.node().peers()).await??;
    if arguments.json.json {
        let peers: Vec<_> = peers.iter().map(object).collect();
        return terminal::json(&json!({ "peers": peers }));
    }
    let style = terminal::Style::detect();
    let text = if context.globals.verbose > 0 { verbose(style, &peers) } else { brief(style, &peers) };
    Ok(terminal::say(&text)?)
}

async fn block(arguments: &Block, session: &Session, context: &Context) -> anyhow::Result<()> {
    let peer = resolve(session, &arguments.peer).await?;
    let reply = context.unless_cancelled(session.node().block(&peer, arguments.revoke)).await??;
    let (peer_id, blocked) = (&reply.peer_id, !arguments.revoke);
    if arguments.json.json {
        return terminal::json(&json!({ "peer_id": peer_id, "blocked": blocked, "changed": reply.changed }));
    }
    let already = if reply.changed { "" } else { " already" };
    let state = if blocked { "blocked" } else { "let in" };
    Ok(terminal::line(&format!("{peer_id} is {state}{already}"))?)
}

async fn ping(arguments: &Ping, session: &Session, context: &Context) -> anyhow::Result<()> {
    let peer = resolve(session, &arguments.peer).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(arguments.interval));
    let (mut times, mut sent) = (Vec::new(), 0);
    while arguments.count.is_none_or(|count| sent < count) {
        let probed = context
            .unless_cancelled(async {
                ticks.tick().await;
                session.node().probe(&peer).await
            })
            .await;
        let Ok(probed) = probed else { break };
        sent += 1;
        let line = match probed {
            Ok(reply) => {
                times.push(reply.took_ms);
                format!("{}: {:.1} ms{}", terminal::short_peer(&reply.peer_id), reply.took_ms, by(&reply))
            }
            Err(error) => format!("{}: {error}", terminal::short_peer(&peer)),
        };
        if !arguments.json.json {
            terminal::line(&line)?;
        }
    }
    times.sort_by(f32::total_cmp);
    let at = |share: f32| times.get(((times.len().saturating_sub(1)) as f32 * share) as usize).copied();
    let lost = sent as usize - times.len();
    if arguments.json.json {
        let (least, median, most) = (at(0.0), at(0.5), at(1.0));
        let times = json!({ "min": least, "median": median, "max": most });
        terminal::json(&json!({ "peer_id": peer, "sent": sent, "lost": lost, "ms": times }))?;
    } else if let (Some(least), Some(median), Some(most)) = (at(0.0), at(0.5), at(1.0)) {
        terminal::line(&format!(
            "{sent} asked, {lost} without an answer; {least:.1} ms at least, {median:.1} ms in the median, {most:.1} ms at most"
        ))?;
    }
    anyhow::ensure!(!times.is_empty() || sent == 0, "{peer} did not answer once");
    Ok(())
}

/// The peer that a text names: by its id or DID, else by the end of one that is known, else by an expert's name.
async fn resolve(session: &Session, text: &str) -> anyhow::Result<String> {
    let is_whole = PeerKey::from_did(text).is_some() || crate::network::peer_of_text(text).is_some();
    if is_whole {
        return Ok(text.to_owned());
    }
    let peers = session.node().peers().await?;
    let experts = session.node().experts().await?;
    let known = peers.iter().map(|peer| &peer.peer_id).chain(experts.iter().map(|expert| &expert.peer_id));
    let end = text.trim_start_matches('…');
    let by_end: BTreeSet<&String> = known.filter(|id| end.len() >= 4 && id.ends_with(end)).collect();
    let by_expert = experts.iter().filter(|expert| expert.id == text).map(|expert| &expert.peer_id);
    let named: BTreeSet<&String> = if by_end.is_empty() { by_expert.collect() } else { by_end };
    let mut named = named.into_iter();
    match (named.next(), named.next()) {
        (Some(peer), None) => Ok(peer.clone()),
        (Some(_), Some(_)) => Err(Usage(format!(
            "several peers are meant by {text:?}; write a whole peer id (daemon peers list -v)"
        ))
        .into()),
        (None, _) => Err(Usage(format!(
            "no peer or expert {text:?} is known; daemon peers list -v shows whom the node knows"
        ))
        .into()),
    }
}

fn by(reply: &wire::ProbePeerReply) -> &'static str {
    if reply.connection.as_ref().is_some_and(|peer| peer.relayed) { " by way of a relay" } else { "" }
}

fn told(reply: &wire::ProbePeerReply) -> String {
    let mut lines = vec![format!("{} answers: {:.1} ms{}", reply.peer_id, reply.took_ms, by(reply))];
    if let Some(peer) = &reply.connection {
        lines.push(format!("software:  {}", or_dash(&peer.agent)));
        lines.push(format!(
            "experts:   {} offered, known: {}",
            reply.experts,
            or_dash(&peer.experts.join(", "))
        ));
        lines.push(format!("addresses: {}", or_dash(&peer.addresses.join(" "))));
    }
    lines.join("\n") + "\n"
}

fn probed(reply: &wire::ProbePeerReply) -> Value {
    json!({
        "peer_id": reply.peer_id,
        "took_ms": reply.took_ms,
        "experts": reply.experts,
        "connection": reply.connection.as_ref().map(object),
    })
}

fn object(peer: &wire::Peer) -> Value {
    json!({
        "peer_id": peer.peer_id,
        "addresses": peer.addresses,
        "agent": peer.agent,
        "rtt_ms": peer.rtt_ms,
        "experts": peer.experts,
        "relayed": peer.relayed,
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
