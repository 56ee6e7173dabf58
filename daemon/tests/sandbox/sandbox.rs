//! Starts real nodes in this process, on loopback, with the bundled experts.

use polymath::catalog;
use polymath::config::{Assets, Config};
use polymath::coordinator::{Answer, Error, Event, Planned, Question, TaskResult};
use polymath::node::Node;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take here: far beyond what it takes, so that only a hang fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A port of loopback where nobody listens, over TCP or UDP: below those that the system gives to whoever asks for any, lest somebody else
/// gets it before it is used, and for each process elsewhere.
pub(crate) fn free_port() -> u16 {
    /// From here on: the system's begin at 32768 (`ip_local_port_range`).
    const FIRST: u16 = 20_000;
    const PORTS: u16 = 12_000;
    static TRIED: AtomicUsize = AtomicUsize::new(0);
    let own = usize::try_from(std::process::id()).unwrap();
    let mut ports = (0..PORTS).map(|_| {
        let number = 37 * own + TRIED.fetch_add(1, Ordering::Relaxed);
        FIRST + u16::try_from(number % usize::from(PORTS)).unwrap()
    });
    let is_free = |port: &u16| {
        let at = ("127.0.0.1", *port);
        TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok()
    };
    ports.find(is_free).expect("a port that is free")
}

/// A node and its state folder.
pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) state: TempDir,
}

/// The `models` folder of this checkout.
pub(crate) fn assets() -> Assets {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    Assets { root: models }
}

/// The settings of a node that hosts `experts` (ids of bundled ones) and joins by `bootstrap`.
pub(crate) fn config(experts: &[&str], bootstrap: &[String], state: &Path) -> Config {
    let assets = assets();
    let cards = experts.iter().map(|id| assets.experts_dir().join(id).join(catalog::CARD_NAME)).collect();
    let mut config = Config::embedded(&assets, cards, state);
    config.network.bootstrap = bootstrap.to_vec();
    config
}

/// Starts a node.
pub(crate) async fn start(experts: &[&str], bootstrap: &[String]) -> Running {
    let state = tempfile::tempdir().unwrap();
    let node = Node::start(config(experts, bootstrap, state.path())).await.unwrap();
    Running { node, state }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "gave up waiting until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Running {
    /// What other nodes bootstrap from.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.node.summary().listen_addresses.clone()
    }

    /// Waits until this node's directory holds experts with these ids.
    pub(crate) async fn knows(&self, ids: &[&str]) {
        until(&format!("all of {ids:?} are known"), async || {
            let known = self.node.coordinator().experts();
            ids.iter().all(|id| known.iter().any(|e| e.card.id == *id))
        })
        .await;
    }

    /// Asks, and collects what happens.
    pub(crate) async fn ask(&self, prompt: &str) -> Result<Asked, Error> {
        self.ask_with(Question::new(prompt)).await
    }

    /// Asks with wishes, and collects what happens.
    pub(crate) async fn ask_with(&self, question: Question) -> Result<Asked, Error> {
        let mut events = self.node.coordinator().ask(question);
        let (mut planned, mut results, mut streamed) = (None, Vec::new(), String::new());
        let mut loading = Vec::new();
        while let Some(event) = events.recv().await {
            match event? {
                Event::Planned(p) => planned = Some(p),
                Event::Loading { expert, percent, .. } => {
                    loading.push((expert.advert.card.id.clone(), percent))
                }
                Event::Started { .. } | Event::Answering { .. } => {}
                Event::Text { text, .. } => streamed.push_str(&text),
                Event::Finished(result) => results.push(result),
                Event::Answer(answer) => {
                    return Ok(Asked {
                        planned: planned.expect("planned before answered"),
                        results,
                        streamed,
                        loading,
                        answer,
                    });
                }
            }
        }
        panic!("the stream ended without an answer");
    }
}

/// A question's whole course.
pub(crate) struct Asked {
    pub(crate) planned: Planned,
    pub(crate) results: Vec<TaskResult>,
    pub(crate) streamed: String,
    /// Who had to load a model first, and each time that it was told how far it was, in per cent.
    pub(crate) loading: Vec<(String, u8)>,
    pub(crate) answer: Answer,
}

/// Starts a node that also serves REST, gRPC and WebSocket on ports of the system's choosing.
pub(crate) async fn served(experts: &[&str]) -> Running {
    served_with(experts, |_| {}).await
}

/// The same with other settings.
pub(crate) async fn served_with(experts: &[&str], change: impl FnOnce(&mut Config)) -> Running {
    let state = tempfile::tempdir().unwrap();
    let mut config = config(experts, &[], state.path());
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    (config.api.rest, config.api.grpc, config.api.ws) = (any, any, any);
    change(&mut config);
    let node = Node::start(config).await.unwrap();
    Running { node, state }
}

impl Running {
    /// Whether no expert here has anything to do.
    pub(crate) fn is_idle(&self) -> bool {
        let coordinator = self.node.coordinator();
        let hosted = coordinator.experts().into_iter().filter_map(|e| coordinator.host().get(e.card_hash));
        hosted.into_iter().all(|expert| {
            let used = *expert.backend.slots().borrow();
            used.free == used.slots && used.queued == 0
        })
    }

    /// Where REST is served.
    pub(crate) fn rest(&self) -> SocketAddr {
        self.node.summary().rest.unwrap()
    }

    /// Where gRPC is served.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.node.summary().grpc.unwrap()
    }

    /// Where WebSocket is served.
    pub(crate) fn ws(&self) -> SocketAddr {
        self.node.summary().ws.unwrap()
    }
}
