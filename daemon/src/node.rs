//! The composition root: builds the capabilities in order, joins them, and takes them down again.
//!
//! Order up: state folder and its lock, identity, encoder, experts, network, adverts, API. Order down: no
//! new questions, questions in flight end, goodbye to the swarm, workers stop. An expert that cannot be loaded is
//! reported and left out; the node runs on with the others, unless there are no others.

mod lock;

pub use lock::is_held;

use crate::api::{self, App, Listener};
use crate::config::{Config, ExpertConfig};
use crate::coordinator::{Coordinator, Host, Hosted, Ledger, ReEmbedding};
use crate::embedding::Encoder;
use crate::inference::Worker;
use crate::network::{self, Identity, Network};
use crate::store::Store;
use crate::telemetry::Tail;
use crate::{catalog, embedding, inference, store};
use polymath_swarm::capability::Card;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long questions in flight may take to end once the node is told to stop.
const DRAIN_MAX: Duration = Duration::from_secs(5);

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
    /// The card or the model file is at fault.
    #[error("expert {id}")]
    Card {
        /// Which expert.
        id: String,
        /// What is wrong.
        #[source]
        source: catalog::Error,
    },
    /// The model did not load.
    #[error("expert {id}")]
    Model {
        /// Which expert.
        id: String,
        /// What is wrong.
        #[source]
        source: inference::Error,
    },
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
    // Held until the end: nobody else may use the state folder meanwhile.
    _lock: lock::StateLock,
}

struct Loaded {
    card: Card,
    worker: Worker,
    price_micro: u64,
}

impl Node {
    /// Builds and starts everything. When this returns, the node answers.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let lock = lock::StateLock::take(&config.node.state_dir)?;
        let identity = Identity::load_or_create(&config.node.state_dir)?;
        // The ports first: what keeps them shut must not leave a socket behind.
        let ports = api::Ports::bind(&config.api.ports()).await?;
        let listener = Listener::bind(&config.api.socket).await?;
        let encoder = Encoder::open(config.embedding.clone()).await?;
        let store = Store::open(&config.node.state_dir, encoder.space())?;
        let (experts, left_out) = load_experts(&config.experts, &encoder).await?;

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
        let mut ids = Vec::new();
        for loaded in experts {
            ids.push(loaded.card.id.clone());
            announce(loaded, &network, &host, &tracker, &stop).await?;
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
        let app = App {
            coordinator: coordinator.clone(),
            name: config.node.name.clone(),
            started: Instant::now(),
            stop: stop.clone(),
            log: Tail::of_process(),
        };
        let [rest, grpc, ws] = ports.addresses();
        ports.serve(&app, &tracker);
        tracker.spawn(listener.serve(app));
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
        Ok(Self { coordinator, network, summary, stop, tracker, _lock: lock })
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
        if tokio::time::timeout(DRAIN_MAX, self.coordinator.drained()).await.is_err() {
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

/// Loads what can be loaded; an error only if experts were wanted and none came up.
async fn load_experts(
    wanted: &[ExpertConfig],
    encoder: &Encoder,
) -> Result<(Vec<Loaded>, Vec<String>), Error> {
    let (mut loaded, mut left_out, mut first_error) = (Vec::new(), Vec::new(), None);
    for expert in wanted {
        match load(expert, encoder).await {
            Ok(expert) => loaded.push(expert),
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(%reason, "an expert is left out");
                left_out.push(reason);
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) if loaded.is_empty() => Err(error),
        _ => Ok((loaded, left_out)),
    }
}

async fn load(wanted: &ExpertConfig, encoder: &Encoder) -> Result<Loaded, Error> {
    let given = wanted.source.id.clone().unwrap_or_else(|| "(unnamed)".to_owned());
    let card_fault = |source| Error::Card { id: given.clone(), source };
    let entry = catalog::resolve(&wanted.source).map_err(card_fault)?;
    let model_fault = |source| Error::Model { id: entry.id.clone(), source };
    let bytes = std::fs::metadata(&entry.model_path).map_or(0, |m| m.len());
    let worker = Worker::load(inference::Config {
        model_path: entry.model_path.clone(),
        context_tokens: entry.max_context,
        slots: wanted.slots,
        queue: wanted.queue,
        threads: wanted.threads_for(bytes),
        gpu_layers: wanted.gpu_layers,
        tokens_per_second: wanted.tokens_per_second,
        ..inference::Config::default()
    })
    .await
    .map_err(model_fault)?;
    entry.check_model(worker.facts().sha256).map_err(card_fault)?;
    let texts = std::iter::once(&entry.description).chain(&entry.exemplars).cloned().collect();
    let embeddings = encoder.embed(texts).await?.iter().map(|e| e.quantise()).collect();
    let card = entry.card(worker.facts().clone(), encoder.space(), embeddings);
    Ok(Loaded { card, worker, price_micro: wanted.price_micro })
}

/// Announces an expert and keeps its slots' use flowing from the worker to the network.
async fn announce(
    loaded: Loaded,
    network: &Network,
    host: &Host,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let Loaded { card, worker, price_micro } = loaded;
    let mut used = worker.slots();
    let (slots, announced) = watch::channel(slot_use(&used.borrow_and_update()));
    let id = card.id.clone();
    let measured = worker.clone();
    let hash = network.announce(card, price_micro, announced, move || measured.tokens_per_second()).await?;
    host.insert(hash, Hosted { id, worker, price_micro });
    let (stop, network, host) = (stop.clone(), network.clone(), host.clone());
    tracker.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = used.changed() => match changed {
                    Ok(()) => _ = slots.send(slot_use(&used.borrow_and_update())),
                    Err(_) => {
                        tracing::error!("a model has ended; its expert is withdrawn");
                        host.remove(hash);
                        network.withdraw(hash).await;
                        break;
                    }
                },
            }
        }
    });
    Ok(())
}

fn slot_use(used: &inference::SlotUse) -> network::SlotUse {
    network::SlotUse { slots: used.slots, free: used.free, queued: used.queued }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
