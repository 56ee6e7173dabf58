//! `stop`: asks the running node to end, and waits until it has.

use std::time::Duration;

use clap::Args;

use super::session::Session;
use super::{Context, terminal};
use crate::config::file::File;
use crate::config::lock;

/// How long a node may take to finish what it is doing.
const STOP_MAX: Duration = Duration::from_secs(20);

/// What `stop` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  daemon stop
  daemon --state-dir /var/lib/polymath stop

Needs a running node.")]
pub(super) struct Arguments {}

pub(super) async fn run(_: &Arguments, context: Context) -> anyhow::Result<()> {
    let loaded = context.load(File::default())?;
    let session = Session::running(&loaded.config).await?;
    session.node().shutdown().await?;
    let gone = lock::released(&loaded.config.node.state_dir);
    let in_time = context.unless_cancelled(tokio::time::timeout(STOP_MAX, gone)).await?;
    anyhow::ensure!(
        in_time.is_ok(),
        "the node was asked to stop but still runs after {} s",
        STOP_MAX.as_secs()
    );
    Ok(terminal::line("stopped")?)
}
