//! Settings: where they come from, which wins, and the form the node starts from.
//!
//! Every source (command line, `POLYMATH_*` environment, TOML file) is first read into the same *file form*
//! ([`file::File`]: everything optional) together with its [`layer::Origin`]. Each layer is checked on its own,
//! so that a complaint can name the flag, the variable or the file and key that holds the bad value; then they
//! are merged (flag > environment > file > default) and resolved once into [`Config`], where nothing is
//! optional any more. Only the resolved form leaves this module.
//!
//! Not here: opening models, encoders or sockets. A path that does not exist is the business of the capability
//! that opens it; this module answers only for the state folder, which everything needs.

pub mod address;
mod default;
pub mod environment;
mod error;
pub mod file;
pub mod layer;
pub mod lock;
mod nearest;
pub mod paths;
mod shown;
pub mod swarms;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::{api, catalog, coordinator, embedding, network};

pub use environment::{Environment, ProcessEnvironment};
pub use error::Error;
pub use paths::{Assets, data_dir};

/// Everything a node needs to know to start. Built by [`load`] or [`Config::embedded`], never by hand.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who this node is.
    pub node: NodeConfig,
    /// The experts it hosts; may be empty (a node that only asks).
    pub experts: Vec<ExpertConfig>,
    /// Where it listens, and the swarm it joins.
    pub network: network::Config,
    /// Its sentence encoder.
    pub embedding: embedding::Config,
    /// Defaults of a question.
    pub ask: coordinator::Config,
    /// What others may owe it.
    pub ledger: coordinator::LedgerConfig,
    /// Where commands reach it.
    pub api: ApiConfig,
}

/// Who a node is.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    /// Shown to people; no identity.
    pub name: String,
    /// Holds the identity and the socket; made with mode 0700.
    pub state_dir: PathBuf,
    /// MiB that all models together may take; 0 for no bound but the machine's.
    pub model_memory_mb: u64,
    /// Where things are on this machine beside it.
    pub places: NodePlaces,
}

/// Where a node's surroundings are, for what its owner does by way of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePlaces {
    /// The state folder of the public node: private swarms are below it.
    pub home: PathBuf,
    /// The settings file that was read.
    pub settings: Option<PathBuf>,
    /// The folder with encoder, runtime and bundled experts.
    pub assets: Option<Assets>,
    /// Where models go that are fetched.
    pub models: PathBuf,
}

/// Where a server is that answers for an expert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAddress {
    /// Its address, with or without `/v1`.
    pub url: String,
    /// A file that holds the key that it wants.
    pub api_key_file: Option<PathBuf>,
}

/// One expert to host: what it is (the catalog's business) and how its worker runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpertConfig {
    /// Card, model file and what overrides the card.
    pub source: catalog::Config,
    /// The server that answers for it, if no model in this process does.
    pub service: Option<ServiceAddress>,
    /// Tasks at once.
    pub slots: u32,
    /// Tasks that may wait for a slot.
    pub queue: u32,
    /// CPU threads; 0 chooses by the size of the model, see [`ExpertConfig::threads_for`].
    pub threads: u32,
    /// Layers offloaded to an accelerator.
    pub gpu_layers: u32,
    /// Tokens a second that each answer may have at the most; 0 for no limit.
    pub tokens_per_second: u32,
    /// What others owe for a generated token, in millionths of a credit.
    pub price_micro: u64,
}

impl ExpertConfig {
    /// The expert of a card, as it is served where nothing else is said.
    pub fn of_card(card: PathBuf) -> Self {
        Self {
            source: catalog::Config { card: Some(card), ..catalog::Config::default() },
            service: None,
            slots: default::SLOTS,
            queue: default::QUEUE,
            threads: 0,
            gpu_layers: 0,
            tokens_per_second: 0,
            price_micro: 0,
        }
    }

    /// CPU threads for a model file of `bytes`: what is set, else one for a small model (its matrices are too
    /// small to share, and on a busy machine the threads only wait for each other), else half the cores.
    pub fn threads_for(&self, bytes: u64) -> u32 {
        const SMALL_MODEL_BYTES_MAX: u64 = 64 * 1024 * 1024;
        if self.threads > 0 {
            return self.threads;
        }
        if bytes <= SMALL_MODEL_BYTES_MAX {
            return 1;
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        u32::try_from(cores / 2).unwrap_or(1).max(1)
    }
}

/// Where commands reach a node.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiConfig {
    /// The Unix socket.
    pub socket: PathBuf,
    /// REST; `None` serves none.
    pub rest: Option<SocketAddr>,
    /// gRPC over TCP.
    pub grpc: Option<SocketAddr>,
    /// WebSocket.
    pub ws: Option<SocketAddr>,
    /// Who may use them.
    pub access: api::access::Config,
    /// TLS on all three.
    pub tls: Option<api::server::tls::Files>,
}

impl ApiConfig {
    /// What is served over TCP.
    pub fn ports(&self) -> api::Config {
        let (access, tls) = (self.access.clone(), self.tls.clone());
        api::Config { rest: self.rest, grpc: self.grpc, ws: self.ws, access, tls }
    }
}

/// A resolved configuration with what there is to say about how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The folder with encoder, runtime and bundled experts, if it was found.
    pub assets: Option<Assets>,
    /// `POLYMATH_*` variables that mean nothing, each with a hint.
    pub warnings: Vec<String>,
}

/// Where to look before the layers are read: what the command line says of places.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--assets`.
    pub assets: Option<PathBuf>,
}

/// Reads every layer and resolves them. `flags` is what the command line said.
pub fn load(places: &Places, flags: file::File, environment: &dyn Environment) -> Result<Loaded, Error> {
    let flags = layer::Layer { origin: layer::Origin::Flags, file: flags };
    let variables = layer::from_environment(environment)?;
    let path = paths::config_file(places.config.as_deref(), environment)?;
    let mut layers = vec![flags, variables];
    if let Some(path) = &path {
        layers.push(layer::Layer { file: file::read(path)?, origin: layer::Origin::File(path.clone()) });
    }
    for layer in &layers {
        layer.check()?;
    }
    if layers.iter().any(|layer| layer.file.node.swarm.is_some()) {
        // What the public node is told is not for the private one: only what is said with the command itself counts.
        let others = layers.iter_mut().filter(|layer| layer.origin != layer::Origin::Flags);
        others.for_each(|layer| layer.file.forget_public());
    }
    let merged = layers.into_iter().map(|l| l.file).reduce(file::File::over).unwrap_or_default();
    let assets = Assets::find(places.assets.as_deref(), environment);
    if let (Err(error), true) = (&assets, places.assets.is_some()) {
        return Err(error.clone());
    }
    let assets = assets.ok();
    let mut config = default::resolve(merged, assets.as_ref(), environment)?;
    config.node.places.settings.clone_from(&path);
    let warnings = layer::unknown_variables(environment);
    Ok(Loaded { config, file: path, assets, warnings })
}

impl Config {
    /// The node inside a command: hosts the experts of `cards`, talks to nobody but itself (loopback, a port of
    /// the system's choosing, no mDNS), and keeps everything below `state_dir`, which the caller removes.
    pub fn embedded(assets: &Assets, cards: Vec<PathBuf>, state_dir: &Path) -> Self {
        Self {
            node: NodeConfig {
                name: "embedded".into(),
                state_dir: state_dir.to_owned(),
                model_memory_mb: 0,
                places: NodePlaces {
                    home: state_dir.to_owned(),
                    settings: None,
                    assets: Some(assets.clone()),
                    models: state_dir.join(paths::MODELS),
                },
            },
            experts: cards.into_iter().map(ExpertConfig::of_card).collect(),
            network: network::Config {
                listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()],
                mdns: false,
                ..default::network()
            },
            embedding: default::embedding(assets),
            ask: coordinator::Config {
                audit: coordinator::AuditConfig {
                    cards: Some(assets.experts_dir()),
                    ..coordinator::AuditConfig::default()
                },
                ..coordinator::Config::default()
            },
            ledger: coordinator::LedgerConfig::default(),
            api: ApiConfig {
                socket: state_dir.join(paths::SOCKET_NAME),
                rest: None,
                grpc: None,
                ws: None,
                access: api::access::Config {
                    keys: state_dir.join(api::access::KEYS_FILE),
                    ..api::access::Config::default()
                },
                tls: None,
            },
        }
    }

    /// Makes the state folder (mode 0700) and proves that it can be written.
    pub fn prepare_state_dir(&self) -> Result<(), Error> {
        paths::prepare_state_dir(&self.node.state_dir)
    }
}

#[cfg(test)]
mod tests;
