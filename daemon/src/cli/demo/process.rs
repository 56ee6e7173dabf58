//! One node process, as the demo and the benchmark start them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{Child, ChildStdin, Command};

use super::super::session::wire;
use crate::api::client::Client;
use crate::owner;

/// How often a starting node is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Bytes of a failed node's log that are shown.
const LOG_TAIL_BYTES: u64 = 2_000;

/// A child that runs `daemon run` for one expert, or for none.
pub(in crate::cli) struct NodeProcess {
    pub(in crate::cli) name: String,
    pub(in crate::cli) state_dir: PathBuf,
    pub(in crate::cli) socket: PathBuf,
    child: Child,
    /// The child ends when this closes, so it cannot outlive us however we die.
    lifeline: Option<ChildStdin>,
}

/// What all nodes of a demo have in common.
pub(in crate::cli) struct Setting<'a> {
    pub(in crate::cli) folder: &'a Path,
    pub(in crate::cli) assets: &'a Path,
    /// Whether the nodes end with this process.
    pub(in crate::cli) bound: bool,
    /// Tasks that an expert does at once, if not as many as by default.
    pub(in crate::cli) slots: Option<u32>,
    /// Lines of the settings file; empty for the defaults.
    pub(in crate::cli) settings: &'a str,
}

impl NodeProcess {
    /// Starts the process; it is killed should this value be dropped.
    pub(in crate::cli) fn spawn(
        setting: &Setting<'_>,
        name: &str,
        card: Option<&Path>,
        bootstrap: Option<&str>,
    ) -> anyhow::Result<Self> {
        let state_dir = setting.folder.join(name);
        std::fs::create_dir_all(&state_dir)
            .with_context(|| format!("cannot make {}", state_dir.display()))?;
        // The same for everyone: no settings of the user's own.
        let settings = state_dir.join("config.toml");
        std::fs::write(&settings, setting.settings)?;
        let log = File::create(state_dir.join("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("POLYMATH_") && text != "POLYMATH_LOG" {
                command.env_remove(&name);
            }
        }
        command.arg("run").arg("--config").arg(&settings).arg("--state-dir").arg(&state_dir);
        command.arg("--assets").arg(setting.assets).arg("--name").arg(name);
        if let Some(card) = card {
            command.arg("--expert").arg(card);
            command.args(setting.slots.iter().flat_map(|slots| ["--slots".to_owned(), slots.to_string()]));
        }
        command.args(["--no-mdns", "--namespace", "demo", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
        command.args(["--rest", "off", "--grpc", "off", "--ws", "off"]);
        command.args(bootstrap.iter().flat_map(|address| ["--bootstrap", address]));
        if setting.bound {
            command.arg("--until-stdin-closes").stdin(Stdio::piped());
        } else {
            command.stdin(Stdio::null());
        }
        // A process group of its own: Ctrl-C reaches the demo, which ends its nodes in order.
        command.stdout(log.try_clone()?).stderr(log).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start a node process")?;
        let lifeline = child.stdin.take();
        let socket = state_dir.join(crate::config::paths::SOCKET_NAME);
        Ok(Self { name: name.to_owned(), state_dir, socket, child, lifeline })
    }

    /// Waits until the node answers and `enough` holds of its health; an error if the process ends first.
    pub(in crate::cli) async fn until(
        &mut self,
        enough: impl Fn(&wire::HealthReply) -> bool,
    ) -> anyhow::Result<wire::HealthReply> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the node `{}` ended ({status}):\n{}", self.name, self.log_tail());
            }
            if let Some(health) = self.health().await.filter(&enough) {
                return Ok(health);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn health(&self) -> Option<wire::HealthReply> {
        let client = Client::connect(&self.socket).await.ok()?;
        client.connection().health().await.ok()
    }

    fn log_tail(&self) -> String {
        owner::end_of_log(&self.state_dir.join("log"), LOG_TAIL_BYTES)
    }

    /// The process's resident memory in bytes, as the kernel counts it.
    pub(in crate::cli) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("the node has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }

    /// Asks the node to end, waits, and kills it if it will not.
    pub(in crate::cli) async fn stop(mut self, patience: Duration) {
        if let Ok(client) = Client::connect(&self.socket).await {
            let _ = client.connection().shutdown().await;
        }
        drop(self.lifeline.take());
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            tracing::warn!(node = %self.name, "did not end in time and is killed");
            let _ = self.child.kill().await;
        }
    }

    /// Lets the process live on after this one.
    pub(in crate::cli) fn release(self) {
        // Dropping the child would kill it.
        std::mem::forget(self.child);
    }
}
