//! The commands' way to a running node on this machine.

/// The generated types, for commands.
pub use polymath_proto::v1 as wire;

use hyper_util::rt::TokioIo;
use polymath_proto::v1::control_client::ControlClient;
use polymath_proto::v1::node_client::NodeClient;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

/// Why a node cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing listens on the socket.
    #[error("no node is running here ({} does not answer); start one with `daemon run`", socket.display())]
    NotRunning {
        /// The socket that was tried.
        socket: PathBuf,
    },
}

/// A connection to a node.
#[derive(Clone)]
pub struct Client {
    node: NodeClient<Channel>,
    control: ControlClient<Channel>,
}

impl Client {
    /// Connects to the node that listens on `socket`.
    pub async fn connect(socket: &Path) -> Result<Self, Error> {
        let not_running = || Error::NotRunning { socket: socket.to_owned() };
        let path = socket.to_owned();
        // The URI is a placeholder that tonic wants; the connector below decides where to go.
        let channel = Endpoint::from_static("http://localhost")
            .connect_with_connector(tower::service_fn(move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            }))
            .await
            .map_err(|_| not_running())?;
        Ok(Self { node: NodeClient::new(channel.clone()), control: ControlClient::new(channel) })
    }

    /// The generated client.
    pub fn node(&mut self) -> &mut NodeClient<Channel> {
        &mut self.node
    }

    /// The owner's part.
    pub fn control(&mut self) -> &mut ControlClient<Channel> {
        &mut self.control
    }
}
