//! `console`: the web console of the running node, opened as its owner.

use std::process::Stdio;

use anyhow::Context as _;
use clap::Args;

use super::session::Session;
use super::{Context, terminal};
use crate::config::file::File;
use crate::owner::console;

/// What `console` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon console
      Opens the console in your browser.
  daemon console --print
      Prints its address, for another browser on this machine.
  daemon --swarm family console

Needs a running node. The address holds a key that lets its reader do everything that you may
do: private swarms, API keys, models. It holds until the node stops.")]
pub(super) struct Arguments {
    /// Print the address; open nothing
    #[arg(long)]
    print: bool,
}

pub(super) async fn run(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let state_dir = &loaded.config.node.state_dir;
    context.unless_cancelled(Session::running(&loaded.config)).await??;
    let address = console::address(state_dir)
        .context("the running node serves no console: start it with --rest 127.0.0.1:8080")?;
    if arguments.print {
        return Ok(terminal::line(&address)?);
    }
    let page = console::leading_page(state_dir, &address)?;
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = tokio::process::Command::new(opener)
        .arg(&page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match context.unless_cancelled(opened).await? {
        Ok(status) if status.success() => Ok(terminal::line("the console is open in your browser")?),
        _ => Ok(terminal::say(&format!("no browser could be opened here; open this address:\n{address}\n"))?),
    }
}
