//! `swarm`: private swarms, which nobody sees or enters without their key.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use polymath_swarm::private::{INVITATION_CHARS_MAX, Invitation};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::session::Session;
use super::{Context, Json, terminal};
use crate::config::file::File;
use crate::config::{Environment as _, ProcessEnvironment, address};
use crate::owner::swarms::far_first;
use crate::owner::{Membership, Swarms};

/// Where an invitation may come from beside a file and standard input.
const VARIABLE: &str = "POLYMATH_INVITATION";

/// What `swarm` does.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  daemon swarm create family
  daemon --swarm family run
  daemon swarm invite family > family.txt
      Give it to a friend by a way that nobody else reads. There:
  daemon swarm join --file family.txt
  daemon --swarm family run
  daemon --swarm family ask 'What is the capital of France?'")]
pub(super) enum Command {
    /// Make a private swarm with a new key
    Create(Named),
    /// Print the string that lets others in
    Invite(Invite),
    /// Join by an invitation, from standard input or a file
    Join(Join),
    /// Leave: forget the key, and what this node was there
    Leave(Leave),
    /// Make a new key: whoever has only the old one is out
    Rotate(Named),
    /// Start your node in one, in the background
    Start(Start),
    /// List the private swarms that you are in
    List(List),
}

/// Which one.
#[derive(Debug, Args)]
pub(super) struct Name {
    /// Its name: 1 to 32 letters, digits, '-', '_' and '.'
    #[arg(value_name = "NAME")]
    name: String,
}

/// What `swarm create` and `swarm rotate` take.
#[derive(Debug, Args)]
pub(super) struct Named {
    #[command(flatten)]
    which: Name,
    #[command(flatten)]
    json: Json,
}

/// What `swarm invite` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon swarm invite family
  daemon swarm invite family --address /dns4/home.example.org/udp/21234/quic-v1
  daemon swarm invite family --json | jq -r .invitation > family.txt

Whoever reads the string is a member. It holds the addresses of your node, if that runs, so that
others find it; name those that they can reach from outside.")]
pub(super) struct Invite {
    #[command(flatten)]
    which: Name,
    /// Multiaddress of a member to start from; repeat for more
    #[arg(long = "address", value_name = "MULTIADDR")]
    addresses: Vec<String>,
    #[command(flatten)]
    json: Json,
}

/// What `swarm join` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon swarm join < family.txt
  daemon swarm join --file family.txt
  POLYMATH_INVITATION=... daemon swarm join

Never on the command line, where everybody on this machine could read it.")]
pub(super) struct Join {
    /// File with the invitation; - or nothing reads standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

/// What `swarm leave` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  daemon swarm leave family\n\nThe node must not run. Its identity there is lost."
)]
pub(super) struct Leave {
    #[command(flatten)]
    which: Name,
    #[command(flatten)]
    json: Json,
}

/// What `swarm start` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon swarm start family
  daemon --swarm family stop

The node goes on when this command has ended, with your settings and a web console of its own.
To see what it does, or to name experts, run it yourself: daemon --swarm family run")]
pub(super) struct Start {
    #[command(flatten)]
    which: Name,
    #[command(flatten)]
    json: Json,
}

/// What `swarm list` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  daemon swarm list\n  daemon swarm list --json | jq -r '.swarms[].name'")]
pub(super) struct List {
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Command, context: Context) -> anyhow::Result<()> {
    anyhow::ensure!(
        context.globals.swarm.is_none(),
        "`daemon swarm` names the swarm after its command: leave --swarm out"
    );
    let loaded = context.load(File::default())?;
    anyhow::ensure!(
        loaded.config.network.private.is_none(),
        "`daemon swarm` names the swarm after its command: unset POLYMATH_SWARM"
    );
    let swarms = Swarms::new(loaded.config.node.places);
    match command {
        Command::Create(Named { which, json }) => create(&swarms, &which.name, json),
        Command::Invite(arguments) => invite(&swarms, arguments, &context).await,
        Command::Join(arguments) => join(&swarms, &arguments),
        Command::Leave(Leave { which, json }) => leave(&swarms, which.name, json),
        Command::Rotate(Named { which, json }) => rotate(&swarms, &which.name, json),
        Command::Start(Start { which, json }) => start(&swarms, &which.name, json, &context).await,
        Command::List(List { json }) => list(&swarms, json),
    }
}

/// A swarm as JSON, else in words.
fn tell(json: Json, swarm: &Membership, words: &str) -> anyhow::Result<()> {
    if json.json {
        return terminal::json(&object(swarm));
    }
    Ok(terminal::advise(words)?)
}

fn object(swarm: &Membership) -> Value {
    json!({ "name": swarm.name, "running": swarm.is_running })
}

fn create(swarms: &Swarms, name: &str, json: Json) -> anyhow::Result<()> {
    let made = swarms.create(name)?;
    let words = format!(
        "made {name}\n  start your node:  daemon --swarm {name} run\n  let others in:    daemon swarm invite {name}\n"
    );
    tell(json, &made, &words)
}

async fn invite(swarms: &Swarms, arguments: Invite, context: &Context) -> anyhow::Result<()> {
    let name = &arguments.which.name;
    // Of a swarm that is there; then of the node in it.
    swarms.invitation(name, Vec::new())?;
    let running = running_addresses(name, context).await?;
    for given in &arguments.addresses {
        address::check(given).map_err(|reason| anyhow::anyhow!("--address: {reason}"))?;
    }
    let addresses = if arguments.addresses.is_empty() { running } else { arguments.addresses };
    let invitation = swarms.invitation(name, addresses)?;
    if invitation.addresses.is_empty() {
        terminal::note(
            "your node does not run, so the invitation names nobody to start from: run it, or give --address",
        );
    }
    terminal::note("whoever reads this string is a member: send it by a way that nobody else reads");
    if arguments.json.json {
        return terminal::json(&invited(&swarms.of(name)?, &invitation));
    }
    Ok(terminal::line(&invitation.encode())?)
}

/// The swarm with the string that lets others in.
fn invited(swarm: &Membership, invitation: &Invitation) -> Value {
    let mut told = object(swarm);
    told["invitation"] = json!(invitation.encode().as_str());
    told["addresses"] = json!(invitation.addresses);
    told
}

/// Where this user's own node in the swarm listens, other machines' ways first; nothing if it does not run.
async fn running_addresses(name: &str, context: &Context) -> anyhow::Result<Vec<String>> {
    let context = Context {
        globals: super::Globals { swarm: Some(name.to_owned()), ..context.globals.clone() },
        cancel: context.cancel.clone(),
    };
    let loaded = context.load(File::default())?;
    let Ok(session) = Session::running(&loaded.config).await else { return Ok(Vec::new()) };
    Ok(far_first(session.node().health().await?.listen_addresses))
}

fn join(swarms: &Swarms, arguments: &Join) -> anyhow::Result<()> {
    let from_variable = ProcessEnvironment.variable(VARIABLE).map(Zeroizing::new);
    let text = match (&arguments.file, from_variable) {
        (None, Some(text)) => text,
        (file, _) => read_invitation(file.as_deref())?,
    };
    let joined = swarms.join(&text)?;
    let name = &joined.name;
    let words = format!("joined {name}\n  start your node:  daemon --swarm {name} run\n");
    tell(arguments.json, &joined, &words)
}

fn read_invitation(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    match file.filter(|file| file.as_os_str() != "-") {
        Some(file) => {
            let what = || format!("cannot read {}", file.display());
            let opened = std::fs::File::open(file).with_context(what)?;
            opened.take(INVITATION_CHARS_MAX as u64).read_to_string(&mut text).with_context(what)?;
        }
        None => {
            use std::io::IsTerminal as _;
            if std::io::stdin().is_terminal() {
                terminal::note("paste the invitation, then press Enter and Ctrl-D:");
            }
            let input = std::io::stdin().take(INVITATION_CHARS_MAX as u64);
            std::io::BufReader::new(input).read_to_string(&mut text).context("cannot read standard input")?;
        }
    }
    Ok(text)
}

fn leave(swarms: &Swarms, name: String, json: Json) -> anyhow::Result<()> {
    swarms.leave(&name)?;
    let words = format!("left {name}; its key is gone from this machine\n");
    tell(json, &Membership { name, is_running: false, console: None }, &words)
}

fn rotate(swarms: &Swarms, name: &str, json: Json) -> anyhow::Result<()> {
    let renewed = swarms.rotate(name)?;
    let words = format!(
        "{name} has a new key; who has only the old one is out\n  start your node:  daemon --swarm {name} run\n  \
         let others in:    daemon swarm invite {name}   (they leave and join again)\n"
    );
    tell(json, &renewed, &words)
}

async fn start(swarms: &Swarms, name: &str, json: Json, context: &Context) -> anyhow::Result<()> {
    let runs = swarms.of(name)?.is_running;
    if !runs {
        terminal::note(&format!("starting your node in {name}"));
        let started = context.unless_cancelled(swarms.start(name)).await;
        if started.is_err() {
            terminal::note(&format!("it goes on starting: `daemon --swarm {name} stop` ends it"));
        }
        started??;
    }
    let state = if runs { "runs already" } else { "runs" };
    let words = format!(
        "your node in {name} {state}\n  ask it:       daemon --swarm {name} ask 'What is the capital of France?'\n  \
         its console:  daemon --swarm {name} console\n  stop it:      daemon --swarm {name} stop\n"
    );
    tell(json, &swarms.of(name)?, &words)
}

fn list(swarms: &Swarms, json: Json) -> anyhow::Result<()> {
    let swarms = swarms.all();
    if json.json {
        return terminal::json(&json!({ "swarms": swarms.iter().map(object).collect::<Vec<_>>() }));
    }
    if swarms.is_empty() {
        return Ok(terminal::advise(
            "you are in no private swarm: daemon swarm create NAME, or daemon swarm join\n",
        )?);
    }
    let rows: Vec<Vec<String>> = swarms
        .into_iter()
        .map(|swarm| vec![swarm.name, if swarm.is_running { "running" } else { "stopped" }.to_owned()])
        .collect();
    Ok(terminal::say(&terminal::table(terminal::Style::detect(), &["SWARM", "YOUR NODE"], &rows))?)
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command as Any};
    use super::*;
    use clap::Parser as _;
    use polymath_swarm::private::SwarmSecret;

    fn read(arguments: &[&str]) -> Command {
        let words = [&["daemon", "swarm"][..], arguments, &["--json"]].concat();
        match Cli::try_parse_from(words).unwrap().command {
            Any::Swarm(command) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_command_takes_json() {
        for arguments in [
            &["create", "family"][..],
            &["invite", "family", "--address", "/dns4/example.org/tcp/1"],
            &["join", "--file", "family.txt"],
            &["leave", "family"],
            &["rotate", "family"],
            &["start", "family"],
            &["list"],
        ] {
            let json = match read(arguments) {
                Command::Create(Named { json, .. }) | Command::Rotate(Named { json, .. }) => json,
                Command::Invite(Invite { json, .. }) => json,
                Command::Join(Join { json, .. }) => json,
                Command::Leave(Leave { json, .. }) => json,
                Command::Start(Start { json, .. }) => json,
                Command::List(List { json }) => json,
            };
            assert!(json.json, "{arguments:?}");
        }
    }

    #[test]
    fn a_swarm_is_told_as_a_listed_one_and_an_invitation_beside_it() {
        let swarm = Membership { name: "family".into(), is_running: true, console: None };
        assert_eq!(object(&swarm), json!({ "name": "family", "running": true }));
        let invitation = Invitation {
            name: "family".into(),
            secret: SwarmSecret::new([7; 32]),
            addresses: vec!["/dns4/example.org/tcp/1".into()],
        };
        let told = invited(&swarm, &invitation);
        assert_eq!((&told["name"], &told["running"]), (&json!("family"), &json!(true)));
        assert_eq!(told["addresses"], json!(["/dns4/example.org/tcp/1"]));
        let decoded = Invitation::decode(told["invitation"].as_str().unwrap()).unwrap();
        assert_eq!(decoded, invitation);
    }
}
