//! The demo's nodes together: up when every one of them knows every expert, down in order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::{join_all, try_join_all};

use super::super::terminal;
use super::process::{NodeProcess, Setting};
use crate::api::client::Client;
use crate::config::lock;
use crate::config::paths::SOCKET_NAME;

/// Until every node knows every expert; a loaded machine with two cores takes some ten seconds.
const UP_MAX: Duration = Duration::from_secs(180);
/// For a node to end by itself.
const DOWN_MAX: Duration = Duration::from_secs(15);

/// Node processes, one for each card; dropped ones are killed.
pub(super) struct LocalSwarm {
    nodes: Vec<NodeProcess>,
}

impl LocalSwarm {
    /// Starts a node for each card below `folder`: the first alone, the others joining by it.
    pub(super) async fn start(
        folder: &Path,
        assets: &Path,
        cards: &[PathBuf],
        bound: bool,
    ) -> anyhow::Result<Self> {
        let starting = Self::start_all(Setting { folder, assets, bound, slots: None, settings: "" }, cards);
        let up = tokio::time::timeout(UP_MAX, starting).await;
        up.with_context(|| format!("the nodes did not all find each other within {} s", UP_MAX.as_secs()))?
    }

    async fn start_all(setting: Setting<'_>, cards: &[PathBuf]) -> anyhow::Result<Self> {
        let (first, others) = cards.split_first().context("no experts")?;
        let bar = terminal::progress(cards.len() as u64 * 2, "starting");
        let mut node = NodeProcess::spawn(&setting, name_of(first), Some(first), None)?;
        let health = node.until(|h| !h.listen_addresses.is_empty()).await?;
        bar.inc(1);
        let address = health.listen_addresses.first().context("the first node does not listen")?;
        let mut nodes = vec![node];
        for card in others {
            nodes.push(NodeProcess::spawn(&setting, name_of(card), Some(card), Some(address))?);
            bar.inc(1);
        }
        let all = u32::try_from(cards.len()).context("too many experts")?;
        bar.set_message("discovery");
        let knowing = nodes.iter_mut().map(|node| async {
            node.until(|health| health.experts_known >= all).await?;
            bar.inc(1);
            Ok::<_, anyhow::Error>(())
        });
        try_join_all(knowing).await?;
        bar.finish_and_clear();
        Ok(Self { nodes })
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn first_socket(&self) -> PathBuf {
        self.nodes.first().map(|n| n.socket.clone()).unwrap_or_default()
    }

    pub(super) fn first_state_dir(&self) -> PathBuf {
        self.nodes.first().map(|n| n.state_dir.clone()).unwrap_or_default()
    }

    /// Stops every node.
    pub(super) async fn stop(self) {
        join_all(self.nodes.into_iter().map(|node| node.stop(DOWN_MAX))).await;
    }

    /// Leaves every node up.
    pub(super) fn release(self) {
        self.nodes.into_iter().for_each(NodeProcess::release);
    }
}

/// A bundled expert's folder has its name.
fn name_of(card: &Path) -> &str {
    card.parent().and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or("expert")
}

/// The sockets of nodes that were left up below `kept`.
pub(super) fn sockets(kept: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !kept.exists() {
        return Ok(Vec::new());
    }
    let mut sockets = Vec::new();
    for entry in std::fs::read_dir(kept).with_context(|| format!("cannot read {}", kept.display()))? {
        sockets.push(entry?.path().join(SOCKET_NAME));
    }
    sockets.retain(|s| s.exists());
    Ok(sockets)
}

/// Makes way for another swarm in `kept`: refuses if one is up, else removes what it left.
pub(super) async fn clear(kept: &Path) -> anyhow::Result<()> {
    for socket in sockets(kept)? {
        let up = Client::connect(&socket).await.is_ok();
        anyhow::ensure!(!up, "a demo swarm is up already; stop it with `daemon demo --stop`");
    }
    match std::fs::remove_dir_all(kept) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", kept.display()))
        }
        _ => Ok(()),
    }
}

/// Asks a node to end and waits until it has.
pub(super) async fn shut_down(client: &Client, socket: &Path) {
    let _ = client.connection().shutdown().await;
    let state_dir = socket.parent().unwrap_or(socket);
    let _ = tokio::time::timeout(DOWN_MAX, lock::released(state_dir)).await;
}
