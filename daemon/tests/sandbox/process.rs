//! Real node processes on loopback, as people run them.

use polymath_sdk::{Connection, wire};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take here: far beyond what it takes, so that only a hang fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A node process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Its state folder.
    pub(crate) state: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a node is started.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    /// A bundled expert that it hosts.
    pub(crate) expert: Option<&'a str>,
    /// Tokens a second of that.
    pub(crate) pace: u32,
    /// A node to start from.
    pub(crate) bootstrap: Option<&'a str>,
    /// Where to listen.
    pub(crate) listen: &'a str,
    /// More settings.
    pub(crate) settings: &'a str,
    /// The network namespace that it runs in, if not this one.
    pub(crate) namespace: Option<&'a str>,
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self {
            expert: None,
            pace: 40,
            bootstrap: None,
            listen: "/ip4/127.0.0.1/udp/0/quic-v1",
            settings: "",
            namespace: None,
        }
    }
}

impl Process {
    /// Starts a node whose state is in the folder's subfolder of that name.
    pub(crate) fn start(folder: &Path, name: &str, start: &Start<'_>) -> Self {
        let state = folder.join(name);
        std::fs::create_dir_all(&state).unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let experts = models.join("experts");
        let hosted = start.expert.map(|expert| {
            let card = experts.join(expert).join("card.toml");
            format!("[[expert]]\ncard = {card:?}\ntokens_per_second = {}\n", start.pace)
        });
        let settings = format!("{}\n{}", start.settings, hosted.unwrap_or_default());
        std::fs::write(state.join("settings.toml"), settings).unwrap();
        let mut command = match start.namespace {
            None => Command::new(env!("CARGO_BIN_EXE_daemon")),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_daemon")]);
                command
            }
        };
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POLYMATH_"));
        ours.for_each(|(name, _)| _ = command.env_remove(name));
        command.arg("--assets").arg(&models).arg("--config").arg(state.join("settings.toml"));
        command.arg("--state-dir").arg(&state).args(["run", "-v", "--no-mdns", "--namespace", "processes"]);
        command.args(["--rest", "off", "--grpc", "off", "--ws", "off"]);
        command.args(start.listen.split(',').flat_map(|address| ["--listen", address]));
        command.args(start.bootstrap.iter().flat_map(|address| ["--bootstrap", address]));
        let log = std::fs::File::options().append(true).create(true).open(state.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self { child: command.spawn().unwrap(), state }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        // Gone already is as good.
        let _ = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// The way to it.
    pub(crate) fn connection(&self) -> Connection {
        Connection::unix(&self.state.join("api.sock")).unwrap()
    }

    /// Its state, once it answers and listens.
    pub(crate) async fn health(&self) -> wire::HealthReply {
        let started = Instant::now();
        loop {
            let health = self.connection().health().await.ok();
            if let Some(health) = health.filter(|health| !health.listen_addresses.is_empty()) {
                return health;
            }
            assert!(started.elapsed() < PATIENCE, "the node in {} does not answer", self.state.display());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it knows an expert of that node.
    pub(crate) async fn lists(&self, peer_id: &str) -> bool {
        let experts = self.connection().experts().await;
        experts.is_ok_and(|experts| experts.iter().any(|expert| expert.peer_id == peer_id))
    }
}
