//! How programs reach a node: thin adapters over the coordinator.
//!
//! For now one: the gRPC service of `proto/polymath/v1/node.proto` on a Unix socket in the state folder, which
//! only this user can open. The adapters translate; they decide nothing. Generated protobuf types stop here.

pub mod client;
mod convert;
mod grpc;
mod http;
mod rest;
pub mod table;

use crate::coordinator::Coordinator;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;

/// Bytes of a Unix socket's path that the kernel takes (`sun_path` less its final zero, Linux).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path does not fit a socket address.
    #[error("the socket path {} is longer than {SOCKET_PATH_BYTES_MAX} bytes; set [api] socket or use a shorter state folder", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// Another node answers there.
    #[error("another node already serves {}; stop it or use another --state-dir", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("cannot listen on {}", path.display())]
    Listen {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A TCP port cannot be had.
    #[error(
        "cannot serve {interface} on {address}; give another address, or off ([api] {interface}_address)"
    )]
    Bind {
        /// `rest`, `grpc` or `ws`.
        interface: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// What the adapters need to know of the node they speak for.
#[derive(Clone)]
pub struct App {
    /// The use-case.
    pub coordinator: Coordinator,
    /// The node's name, for people.
    pub name: String,
    /// Since when it runs.
    pub started: Instant,
    /// Stops the node.
    pub stop: CancellationToken,
}

pub use http::Rest;

/// The socket, bound but not yet served: a fault shows before the node says that it is ready.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds `path`, replacing a socket that nobody serves any more; only this user may connect.
    pub async fn bind(path: &Path) -> Result<Self, Error> {
        if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(Error::PathTooLong { path: path.to_owned() });
        }
        if UnixStream::connect(path).await.is_ok() {
            return Err(Error::InUse { path: path.to_owned() });
        }
        let failed = |source| Error::Listen { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            // What a node that died left behind.
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path).map_err(failed)?,
            Ok(_) => return Err(failed(io::Error::other("a file that is no socket is in the way"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves until `app.stop`, lets calls in flight end, and removes the socket.
    pub async fn serve(self, app: App) {
        let stop = app.stop.clone();
        let served = tonic::transport::Server::builder()
            .add_service(grpc::service(app.clone()))
            .add_service(grpc::control(app))
            .serve_with_incoming_shutdown(UnixListenerStream::new(self.listener), stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the local API stopped");
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the socket was gone already");
        }
    }
}
