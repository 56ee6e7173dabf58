//! `demo`: the whole path on one machine. Each bundled expert runs in a node process of its own; they find each
//! other over loopback, and the first one is asked a compound question.

pub(super) mod process;
mod swarm;

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use polymath_swarm::sanitise;

use super::ask::{Human, Wishes, ask};
use super::exit::Interrupted;
use super::session::{self, Session};
use super::{Context, terminal};
use crate::api::client::Client;
use crate::catalog;
use crate::config::file::File;
use swarm::LocalSwarm;

/// Four experts at the least, and one part that needs another's result.
const QUESTION: &str = "What is the capital of Peru? Spell it backwards. What is 17 times 4? \
                        And what is the chemical symbol for gold?";
/// Folder of a swarm that was left up, in the state folder.
const KEPT: &str = "demo";

/// What `demo` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon demo
  daemon demo \"What is the capital of Japan, and how many kilometres are 5 miles?\"
  daemon demo --keep
      Leaves the nodes up, and says how to talk to them.
  daemon demo --stop
      Stops nodes that were left up.")]
pub(super) struct Arguments {
    /// The question [default: one across several experts]
    #[arg(value_name = "QUESTION")]
    question: Option<String>,
    /// Leave the nodes up
    #[arg(long)]
    keep: bool,
    /// Stop the nodes that an earlier --keep left up
    #[arg(long, conflicts_with_all = ["keep", "question"])]
    stop: bool,
    #[command(flatten)]
    wishes: Wishes,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let kept = loaded.config.node.state_dir.join(KEPT);
    if arguments.stop {
        return stop_kept(&kept).await;
    }
    let wishes = arguments.wishes.clone();
    let question = sanitise::prompt(arguments.question.as_deref().unwrap_or(QUESTION))?;
    let assets = session::assets(&context, &loaded)?;
    let cards = catalog::bundled(&assets.experts_dir())?;
    anyhow::ensure!(!cards.is_empty(), "no bundled experts in {}", assets.experts_dir().display());
    let temporary = tempfile::Builder::new().prefix("polymath-").tempdir().context("no temporary folder")?;
    let folder = if arguments.keep {
        loaded.config.prepare_state_dir()?;
        swarm::clear(&kept).await?;
        kept.as_path()
    } else {
        temporary.path()
    };
    let started = Instant::now();
    // Cancelling drops the half-started swarm, and with it its processes.
    let up = context.unless_cancelled(LocalSwarm::start(folder, &assets.root, &cards, !arguments.keep)).await;
    let swarm = up??;
    terminal::line(&format!(
        "{} nodes are up; each knows all {} experts, {:.1} s after the start\n",
        swarm.len(),
        cards.len(),
        started.elapsed().as_secs_f32()
    ))?;
    let asked = context.unless_cancelled(converse(&swarm, question, &wishes)).await;
    if arguments.keep && matches!(asked, Ok(Ok(()))) {
        let first = swarm.first_state_dir();
        swarm.release();
        return how_to_talk(&first);
    }
    swarm.stop().await;
    let Ok(outcome) = asked else { return Err(Interrupted.into()) };
    outcome?;
    Ok(terminal::line("\nstopped cleanly")?)
}

async fn converse(swarm: &LocalSwarm, question: String, wishes: &Wishes) -> anyhow::Result<()> {
    let style = terminal::Style::detect();
    terminal::line(&format!("{} {question}\n", style.bold("Question:")))?;
    let session = Session::at(&swarm.first_socket()).await?;
    let mut human = Human::new(style, true, true);
    let transcript =
        ask(&session, wishes.request(question), |event, transcript| human.event(event, transcript));
    let transcript = transcript.await?;
    human.end(&transcript)
}

fn how_to_talk(first: &Path) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let node = format!("{} --state-dir {}", program.display(), first.display());
    Ok(terminal::say(&format!(
        "\nThe swarm stays up. Talk to it:\n  {node} ask \"What is the capital of Chile?\" --stream\n  \
         {node} experts list\n  {node} peers list --verbose\nStop it:\n  {} demo --stop\n",
        program.display()
    ))?)
}

async fn stop_kept(kept: &Path) -> anyhow::Result<()> {
    let sockets = swarm::sockets(kept)?;
    let mut stopped = 0;
    for socket in &sockets {
        if let Ok(client) = Client::connect(socket).await {
            swarm::shut_down(&client, socket).await;
            stopped += 1;
        }
    }
    if stopped == 0 {
        return Ok(terminal::line("no demo swarm is up")?);
    }
    Ok(terminal::line(&format!("stopped {stopped} nodes"))?)
}
