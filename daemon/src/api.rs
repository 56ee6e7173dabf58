//! How programs reach a node: thin adapters over the coordinator.
//!
//! The commands of this machine use gRPC on a Unix socket in the state folder, which only this user can open
//! ([`Listener`]). Everyone else comes over TCP ([`Ports`]): REST, which also serves people their page (`console`), gRPC and WebSocket, each a `server::Server`
//! behind a door that knows who may come in ([`access`]). The adapters translate; they decide nothing. Generated
//! protobuf types stop here.

pub mod access;
pub mod client;
mod console;
mod convert;
mod grpc;
mod request_id;
mod rest;
pub mod server;
pub mod table;
mod ws;

use crate::coordinator::Coordinator;
use crate::owner::Owner;
use crate::telemetry::Tail;
use access::Guard;
use axum::middleware::{from_fn, from_fn_with_state};
use server::{Protocol, Server};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    /// A TCP port may not open.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// TLS cannot be offered.
    #[error(transparent)]
    Tls(#[from] server::tls::Error),
}

/// What is served over TCP, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// REST; `None` serves none.
    pub rest: Option<SocketAddr>,
    /// gRPC.
    pub grpc: Option<SocketAddr>,
    /// WebSocket.
    pub ws: Option<SocketAddr>,
    /// Who may come in.
    pub access: access::Config,
    /// TLS on every port, if it is wanted.
    pub tls: Option<server::tls::Files>,
}

impl Config {
    fn addresses(&self) -> [(&'static str, Option<SocketAddr>); 3] {
        [("rest", self.rest), ("grpc", self.grpc), ("ws", self.ws)]
    }

    /// Finds what would keep the ports from opening, without opening any.
    pub fn check(&self) -> Result<(), Error> {
        self.guard()?;
        self.tls.as_ref().map_or(Ok(()), |files| files.check().map_err(Error::Tls))
    }

    fn guard(&self) -> Result<Guard, Error> {
        let guard = Guard::open(self.access.clone())?;
        for (interface, address) in self.addresses() {
            if let Some(address) = address {
                guard.check_bind(interface, address)?;
            }
        }
        Ok(guard)
    }
}

/// What the adapters need to know of the node they speak for.
#[derive(Clone)]
pub struct App {
    /// The use-case.
    pub coordinator: Coordinator,
    /// What its owner does by way of it.
    pub owner: Owner,
    /// The file of its API keys.
    pub keys: PathBuf,
    /// The node's name, for people.
    pub name: String,
    /// Since when it runs.
    pub started: Instant,
    /// Stops the node.
    pub stop: CancellationToken,
    /// The end of its log.
    pub log: Tail,
}

/// The TCP ports, bound but not yet served: a fault shows before the node says that it is ready.
pub struct Ports {
    guard: Guard,
    rest: Option<Server>,
    grpc: Option<Server>,
    ws: Option<Server>,
    is_tls: bool,
}

impl Ports {
    /// Reads keys and certificate, and binds.
    pub async fn bind(config: &Config) -> Result<Self, Error> {
        let guard = config.guard()?;
        let bind = async |interface, address: Option<SocketAddr>, protocol| match address {
            Some(address) => Server::bind(interface, address, protocol, config.tls.as_ref()).await.map(Some),
            None => Ok(None),
        };
        let rest = bind("rest", config.rest, Protocol::Http1).await?;
        let grpc = bind("grpc", config.grpc, Protocol::Http2).await?;
        let ws = bind("ws", config.ws, Protocol::Http1).await?;
        guard.own_ports([&rest, &ws].into_iter().flatten().map(|server| server.address().port()).collect());
        Ok(Self { guard, rest, grpc, ws, is_tls: config.tls.is_some() })
    }

    /// Where REST, gRPC and WebSocket are served.
    pub fn addresses(&self) -> [Option<SocketAddr>; 3] {
        [&self.rest, &self.grpc, &self.ws].map(|server| server.as_ref().map(Server::address))
    }

    /// The console's address with the owner's key, which opens what is his alone; none where no page is served. For his eyes only.
    pub fn owners_page(&self) -> Option<String> {
        let address = self.rest.as_ref()?.address();
        let scheme = if self.is_tls { "https" } else { "http" };
        // Where it listens everywhere, it listens here.
        let host = match address.ip() {
            ip if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        let place = SocketAddr::new(host, address.port());
        Some(format!("{scheme}://{place}/#key={}", self.guard.owners_key()))
    }

    /// Serves until `app.stop`, every port as a task of `tracker`.
    pub fn serve(self, app: &App, tracker: &TaskTracker) {
        if let Some(server) = self.rest {
            let door = self.guard.door(server.address(), access::need_rest);
            let router = rest::router(app.clone())
                .layer(from_fn_with_state(server::body::Room::default(), server::body::read))
                .layer(from_fn_with_state(door, access::guarded))
                .layer(from_fn(request_id::identify));
            tracker.spawn(server.serve(router, app.stop.clone()));
        }
        if let Some(server) = self.ws {
            let door = self.guard.door(server.address(), access::need_ws);
            let hub = ws::Hub::new(app.clone(), door.clone(), tracker.clone());
            let router = ws::router(hub)
                .layer(from_fn_with_state(door, access::guarded))
                .layer(from_fn(request_id::identify));
            tracker.spawn(server.serve(router, app.stop.clone()));
        }
        if let Some(server) = self.grpc {
            let door = self.guard.door(server.address(), access::need_grpc);
            let (app, stop) = (app.clone(), app.stop.clone());
            tracker.spawn(async move {
                let router = match grpc::router(app).await {
                    Ok(router) => router
                        .layer(from_fn_with_state(door, access::guarded_grpc))
                        .layer(from_fn(request_id::identify)),
                    Err(error) => return tracing::error!(%error, "gRPC cannot be served"),
                };
                server.serve(router, stop).await;
            });
        }
    }
}

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
            .add_service(grpc::service(app.clone(), grpc::Errors::AsEvents))
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
