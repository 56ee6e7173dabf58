//! The composition root: builds the capabilities in order, joins them, and takes them down again.
//!
//! Order up: state folder and its lock, identity, encoder, experts, network, adverts, API. Order down: no
//! new questions, questions in flight end, goodbye to the swarm, workers stop. An expert that cannot be loaded is
//! reported and left out; the node runs on with the others, unless there are no others.

use crate::api::{self, App, Listener};
use crate::config::{Config, lock};
use crate::coordinator::{Coordinator, Host, Ledger, ReEmbedding};
use crate::embedding::Encoder;
use crate::inference::Budget;
use crate::network::{self, Identity, Network};
use crate::owner::{self, Added, Experts, Owner, Pulls, Swarms};
use crate::store::Store;
use crate::telemetry::Tail;
use crate::{embedding, store};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long questions in flight may take to end once the node is told to stop.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Why a node did not start. Every message names what to change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state folder is not ours.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// Identity, listening or joining failed.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The encoder did not open.
    #[error(transparent)]
    Embedding(#[from] embedding::Error),
    /// An expert cannot be served, or what was added of them cannot be read.
    #[error(transparent)]
    Owner(#[from] owner::Error),
    /// What it must remember cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The local API cannot be served.
    #[error(transparent)]
    Api(#[from] api::Error),
}

/// What a node that has started says of itself.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its peer id.
    pub peer_id: String,
    /// Where it listens, each with its peer id: what others need to bootstrap from it.
    pub listen_addresses: Vec<String>,
    /// Ids of the experts it hosts.
    pub experts: Vec<String>,
    /// Experts that could not be loaded, with the reason.
    pub left_out: Vec<String>,
    /// The socket commands use.
    pub socket: PathBuf,
    /// Where REST is served.
    pub rest: Option<SocketAddr>,
    /// Where gRPC is served.
    pub grpc: Option<SocketAddr>,
    /// Where WebSocket is served.
    pub ws: Option<SocketAddr>,
}

/// A running node.
pub struct Node {
    coordinator: Coordinator,
    network: Network,
    summary: Summary,
    stop: CancellationToken,
    tracker: TaskTracker,
    state_dir: PathBuf,
    // Held until the end: nobody else may use the state folder meanwhile.
    _lock: lock::StateLock,
}

impl Node {
    /// Builds and starts everything. When this returns, the node answers.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let settings = owner::Settings { file: config.node.places.settings.clone(), values: config.shown() };
        let lock = lock::StateLock::take(&config.node.state_dir)?;
        // Of a node that was killed: its key opens nothing any more.
        owner::console::forget(&config.node.state_dir);
        let identity = Identity::load_or_create(&config.node.state_dir)?;
        // The ports first: what keeps them shut must not leave a socket behind.
        let ports = api::Ports::bind(&config.api.ports()).await?;
        let listener = Listener::bind(&config.api.socket).await?;
        let encoder = Encoder::open(config.embedding.clone()).await?;
        let store = Store::open(&config.node.state_dir, encoder.space())?;
        let budget = Budget::new(config.node.model_memory_mb << 20);
        let added = Added::new(&config.node.state_dir);
        let listed = added.read()?;
        let (loaded, left_out) = owner::load(&config.experts, &listed, &encoder, &budget).await?;

        let stop = CancellationToken::new();
        let tracker = TaskTracker::new();
        let ledger = Ledger::open(config.ledger, identity.clone(), store.clone())?;
        let host = Host::keeping(ledger.clone());
        let network = Network::start(
            config.network.clone(),
            identity,
            encoder.space(),
            encoder.codebook(),
            Arc::new(ReEmbedding::new(encoder.clone())),
            Arc::new(host.clone()),
        )
        .await?;
        let experts = Experts::new(
            (encoder.clone(), budget, added),
            (network.clone(), host.clone()),
            (tracker.clone(), stop.clone()),
        );
        let mut ids = Vec::new();
        for expert in loaded {
            ids.push(expert.id().to_owned());
            experts.announce(expert).await?;
        }

        let coordinator = Coordinator::new(
            config.ask.clone(),
            encoder,
            network.clone(),
            host,
            (store, ledger),
            stop.clone(),
        )?;
        let warming = coordinator.clone();
        // Beside the answering: a node that has just started waits for nothing.
        tracker.spawn(stop.clone().run_until_cancelled_owned(async move { warming.warm_up().await }));
        let places = config.node.places;
        let owner = Owner {
            swarms: Swarms::new(places.clone()),
            pulls: Pulls::new(places.models, places.assets, tracker.clone(), stop.clone()),
            experts,
            settings: Arc::new(settings),
        };
        let app = App {
            coordinator: coordinator.clone(),
            owner,
            keys: config.api.access.keys.clone(),
            name: config.node.name.clone(),
            started: Instant::now(),
            stop: stop.clone(),
            log: Tail::of_process(),
        };
        let [rest, grpc, ws] = ports.addresses();
        let page = ports.owners_page();
        ports.serve(&app, &tracker);
        tracker.spawn(listener.serve(app));
        // Last of all: whoever waits for it finds a node that answers.
        if let Some(page) = &page {
            owner::console::keep(&config.node.state_dir, page)?;
        }
        let summary = Summary {
            peer_id: network::peer_id_text(network.peer()),
            listen_addresses: network.listen_addresses().await,
            experts: ids,
            left_out,
            socket: config.api.socket.clone(),
            rest,
            grpc,
            ws,
        };
        let state_dir = config.node.state_dir;
        Ok(Self { coordinator, network, summary, stop, tracker, state_dir, _lock: lock })
    }

    /// What the node says of itself.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The socket that commands use.
    pub fn socket(&self) -> &Path {
        &self.summary.socket
    }

    /// The use-case, for callers in this process.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// Runs until `cancelled`, or until a command tells the node to stop, then shuts down.
    pub async fn run_until(self, cancelled: CancellationToken) {
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
        self.shutdown().await;
    }

    /// Ends questions in flight, says goodbye to the swarm and stops the workers.
    pub async fn shutdown(self) {
        self.stop.cancel();
        owner::console::forget(&self.state_dir);
        // Nobody is to begin anything here; what has begun, for us or for others, may end.
        self.network.leave().await;
        let host = self.coordinator.host();
        // A model is done with an answer before the last of it is sent.
        let draining = async { tokio::join!(self.coordinator.drained(), host.idle(), self.network.served()) };
        if tokio::time::timeout(DRAIN_MAX, draining).await.is_err() {
            tracing::warn!("questions in flight did not end in time");
        }
        self.network.shutdown().await;
        if tokio::time::timeout(DRAIN_MAX, self.coordinator.ledger().flush()).await.is_err() {
            tracing::warn!("the last receipts could not be written in time");
        }
        self.tracker.close();
        if tokio::time::timeout(DRAIN_MAX, self.tracker.wait()).await.is_err() {
            tracing::warn!("a client still holds the local API");
        }
    }
}
