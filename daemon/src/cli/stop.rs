//! `stop`: asks the running node to end, and waits until it has.

use std::time::Duration;

use clap::Args;

use super::exit::Refused;
use super::session::{Session, wire};
use super::{Context, terminal};
use crate::api::client::Client;
use crate::config::file::File;

/// How long a node may take to finish what it is doing.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How often its socket is tried meanwhile.
const POLL: Duration = Duration::from_millis(50);

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
    let socket = &loaded.config.api.socket;
    let mut session = Session::running(&loaded.config).await?;
    let asked = session.client().node().shutdown(wire::ShutdownRequest {}).await;
    asked.map_err(|s| Refused::by_status(s.code().into(), s.message()))?;
    let gone = async {
        while Client::connect(socket).await.is_ok() {
            tokio::time::sleep(POLL).await;
        }
    };
    let in_time = context.unless_cancelled(tokio::time::timeout(STOP_MAX, gone)).await?;
    anyhow::ensure!(
        in_time.is_ok(),
        "the node was asked to stop but still answers after {} s",
        STOP_MAX.as_secs()
    );
    Ok(terminal::line("stopped")?)
}
