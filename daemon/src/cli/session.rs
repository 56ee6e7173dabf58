//! A way to a node: the one that runs on this machine, or one inside this process for a question.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Context, terminal};
use crate::api::client::{self, Client};
use crate::catalog;
use crate::config::{Assets, Config, Loaded, ProcessEnvironment};
use crate::node::Node;

pub(super) use crate::api::client::wire;

/// A connected node.
pub(super) struct Session {
    client: Client,
    embedded: Option<Embedded>,
}

/// A node in this process, its folder removed with it.
struct Embedded {
    stop: CancellationToken,
    running: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Session {
    /// The running node; an error that says so if there is none.
    pub(super) async fn running(config: &Config) -> Result<Self, client::Error> {
        Self::at(&config.api.socket).await
    }

    /// The node that listens on `socket`.
    pub(super) async fn at(socket: &Path) -> Result<Self, client::Error> {
        Ok(Self { client: Client::connect(socket).await?, embedded: None })
    }

    /// The running node, else an embedded one with the bundled experts; says so on standard error.
    pub(super) async fn open(context: &Context, loaded: &Loaded) -> anyhow::Result<Self> {
        match Self::running(&loaded.config).await {
            Ok(session) => Ok(session),
            // A private question is not for others.
            Err(error) if loaded.config.network.private.is_some() => {
                let name = context.globals.swarm.as_deref().unwrap_or("NAME");
                Err(anyhow::Error::from(error).context(format!(
                    "your node in this private swarm does not run: daemon --swarm {name} run"
                )))
            }
            Err(client::Error::NotRunning { .. }) => {
                terminal::note(
                    "no node is running here: answering from an embedded swarm of the bundled experts",
                );
                context.unless_cancelled(Self::embedded(context, loaded)).await?
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn embedded(context: &Context, loaded: &Loaded) -> anyhow::Result<Self> {
        let assets = assets(context, loaded)?;
        let cards = catalog::bundled(&assets.experts_dir())?;
        anyhow::ensure!(!cards.is_empty(), "no bundled experts in {}", assets.experts_dir().display());
        Self::hosting(loaded, &assets, cards).await
    }

    /// An embedded node with these experts, whether or not a node runs here.
    pub(super) async fn hosting(
        loaded: &Loaded,
        assets: &Assets,
        cards: Vec<PathBuf>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("polymath-").tempdir().context("no temporary folder")?;
        let mut config = Config::embedded(assets, cards, folder.path());
        // What the settings say of the encoder and of questions holds here too.
        config.embedding = loaded.config.embedding.clone();
        config.ask = loaded.config.ask.clone();
        let node = Node::start(config).await.context("the embedded swarm did not start")?;
        let socket: PathBuf = node.socket().to_owned();
        let stop = CancellationToken::new();
        let running = tokio::spawn(node.run_until(stop.clone()));
        let client = Client::connect(&socket).await?;
        Ok(Self { client, embedded: Some(Embedded { stop, running, _folder: folder }) })
    }

    /// The node's service as it stands on the wire.
    pub(super) fn node(&self) -> &client::Connection {
        self.client.connection()
    }

    /// The same node by the SDK's typed calls.
    pub(super) fn sdk(&self) -> &client::PolymathClient {
        self.client.sdk()
    }

    /// Ends the embedded node, if it is one.
    pub(super) async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop.cancel();
            if let Err(error) = embedded.running.await {
                tracing::warn!(%error, "the embedded node did not end cleanly");
            }
        }
    }
}

/// The bundled models' folder, or an error that says how to name it.
pub(super) fn assets(context: &Context, loaded: &Loaded) -> Result<Assets, crate::config::Error> {
    match &loaded.assets {
        Some(assets) => Ok(assets.clone()),
        None => Assets::find(context.globals.assets.as_deref(), &ProcessEnvironment),
    }
}
