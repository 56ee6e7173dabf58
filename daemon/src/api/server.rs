//! Serving over TCP: one kind of server for REST, WebSocket (both HTTP/1.1) and gRPC (HTTP/2).
//!
//! `Server::bind` takes the port, so that a fault shows before the node says that it is ready;
//! `Server::serve` accepts until the node stops. Each connection is a task that holds a permit: the number of
//! connections is bounded, and what comes beyond is told 503 and closed. HTTP/1.1 has one request at a time on a
//! connection, so that the requests in flight are bounded with them; HTTP/2 has a bound of its own. Headers must
//! arrive in time, TLS must be agreed on in time, a silent HTTP/2 peer is pinged, and one that takes nothing of what
//! is written to it is given up. When the node stops, every
//! connection is told to end and is cut off if it has not within `DRAIN_MAX`.
//!
//! Not here: who may come in ([`super::access`]), and what is answered.

pub mod body;
mod stall;
pub mod tls;

use super::{Error, request_id};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use stall::{Patience, Stalling};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections of one port at once: a thousand streams, most of them waiting, and as many short requests beside.
const CONNECTIONS_MAX: usize = 2_048;
/// Connections beyond those that are still told why; the rest is closed without a word.
const TURNED_AWAY_MAX: usize = 64;
/// Time to tell one that it is turned away.
const TURN_AWAY_MAX: Duration = Duration::from_secs(1);
/// Time for a request's headers to arrive, and for an idle connection to be used again: longer than the clients
/// in use keep one (5 s), short enough that a slow sender cannot hold a connection for long.
const HEADER_READ_MAX: Duration = Duration::from_secs(30);
/// Bytes of a request's headers: browsers and proxies stay below 32 KiB.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Time for a TLS handshake: several round trips around the world.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Time in which a peer must take something of what waits for it, as on a WebSocket.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// What every HTTP/2 connection begins with (RFC 9113, 3.4); once it is there, pings show whether the peer lives.
const HTTP2_PREFACE_BYTES: usize = 24;
/// Requests at once on one HTTP/2 connection: what clients assume without being told.
const STREAMS_MAX: u32 = 100;
/// A silent HTTP/2 peer is pinged this often, and given up after as long again: NATs forget after a minute.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long connections may take to end once the node stops; less than the node itself waits for its tasks.
const DRAIN_MAX: Duration = Duration::from_secs(3);
/// Pause after a failed accept: most often there are no file descriptors, and some will be free soon.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the body says to one that is turned away.
const FULL: &str = "{\"error\":{\"message\":\"this node has all the connections that it takes; try again soon\",\
\"type\":\"overloaded_error\",\"param\":null,\"code\":\"busy\"}}";

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// REST and WebSocket.
    Http1,
    /// gRPC.
    Http2,
}

/// A port, bound but not yet served.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    protocol: Protocol,
    tls: Option<TlsAcceptor>,
    patience: Patience,
}

impl Server {
    /// Binds `address`; port 0 lets the system choose. `interface` is `rest`, `grpc` or `ws`, for the error.
    pub(super) async fn bind(
        interface: &'static str,
        address: SocketAddr,
        protocol: Protocol,
        tls: Option<&tls::Files>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Bind { interface, address, source };
        let tls = tls.map(|files| files.acceptor(protocol)).transpose()?;
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let first_bytes = match protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 => HTTP2_PREFACE_BYTES,
        };
        let patience = Patience { first_bytes, first_max: HEADER_READ_MAX, write_max: WRITE_MAX };
        Ok(Self { listener, address, protocol, tls, patience })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets what is in flight end, for a while.
    pub(super) async fn serve(self, router: Router, stop: CancellationToken) {
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let turning_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
        let (tracker, cut_off) = (TaskTracker::new(), CancellationToken::new());
        while let Some(stream) = self.accept(&stop).await {
            let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
                let plain = self.protocol == Protocol::Http1 && self.tls.is_none();
                if let (true, Ok(permit)) = (plain, Arc::clone(&turning_away).try_acquire_owned()) {
                    tracker.spawn(async move {
                        let _ = tokio::time::timeout(TURN_AWAY_MAX, turn_away(stream)).await;
                        drop(permit);
                    });
                }
                continue;
            };
            let connection = Connection {
                router: router.clone(),
                protocol: self.protocol,
                tls: self.tls.clone(),
                stop: stop.clone(),
                patience: self.patience,
            };
            let cut_off = cut_off.clone();
            tracker.spawn(async move {
                tokio::select! {
                    () = connection.serve(stream) => {}
                    () = cut_off.cancelled() => tracing::debug!("a connection was cut off"),
                }
                drop(permit);
            });
        }
        // Nobody new from here on.
        drop(self.listener);
        tracker.close();
        if tokio::time::timeout(DRAIN_MAX, tracker.wait()).await.is_err() {
            cut_off.cancel();
            tracker.wait().await;
        }
    }

    /// The next connection; `None` once the node stops.
    async fn accept(&self, stop: &CancellationToken) -> Option<TcpStream> {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return None,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    // Tokens are small and must not wait for each other.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection left at once");
                        continue;
                    }
                    return Some(stream);
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Says that the node is full, and waits until that was read: closing at once would reset the connection and
/// take the message along.
async fn turn_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(full().as_bytes()).await?;
        stream.shutdown().await?;
        let mut ignored = [0; 1024];
        while stream.read(&mut ignored).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    if let Err(error) = told.await {
        tracing::debug!(%error, "one that was turned away left early");
    }
}

/// What one is told that is turned away: it never gets as far as the router.
fn full() -> String {
    let (id, bytes) = (request_id::fresh(), FULL.len());
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         retry-after-ms: 1000\r\nx-request-id: {id}\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n{FULL}"
    )
}

/// What a connection's task needs.
struct Connection {
    router: Router,
    protocol: Protocol,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
    patience: Patience,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let Some(acceptor) = self.tls.clone() else { return self.speak(stream).await };
        match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "no TLS was agreed on"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn speak<I>(self, stream: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = Stalling::new(stream, self.patience);
        let builder = self.builder();
        let service = TowerToHyperService::new(self.router);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended badly");
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let builder = auto::Builder::new(TokioExecutor::new());
        match self.protocol {
            Protocol::Http1 => {
                let mut builder = builder.http1_only();
                builder
                    .http1()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_READ_MAX)
                    .max_buf_size(HEADER_BYTES_MAX);
                builder
            }
            Protocol::Http2 => {
                let mut builder = builder.http2_only();
                builder
                    .http2()
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(STREAMS_MAX)
                    .keep_alive_interval(PING_EVERY)
                    .keep_alive_timeout(PING_EVERY)
                    .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX));
                builder
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;

    /// Far longer than anything takes here, and shorter than anything else that ends a connection.
    const PATIENCE: Duration = Duration::from_secs(15);

    async fn served(router: Router, stop: &CancellationToken) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind("rest", address, Protocol::Http1, None).await.unwrap();
        (server.address(), tokio::spawn(server.serve(router, stop.clone())))
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_way_out() {
        let stop = CancellationToken::new();
        let (address, serving) = served(Router::new(), &stop).await;
        let Err(error) = Server::bind("rest", address, Protocol::Http1, None).await else { panic!("bound") };
        let text = error.to_string();
        assert!(text.contains(&address.to_string()) && text.contains("[api] rest_address"), "{text}");
        stop.cancel();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn stopping_ends_an_idle_connection_and_cuts_off_one_that_does_not_end() {
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(async || std::future::pending::<()>().await));
        let (address, serving) = served(router, &stop).await;
        let _idle = TcpStream::connect(address).await.unwrap();
        let mut busy = TcpStream::connect(address).await.unwrap();
        busy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stop.cancel();
        serving.await.unwrap();
        assert_eq!(busy.read(&mut [0; 8]).await.unwrap_or(0), 0, "closed without an answer");
    }

    #[tokio::test]
    async fn one_that_says_nothing_is_given_up() {
        for (protocol, begun) in
            [(Protocol::Http1, ""), (Protocol::Http2, ""), (Protocol::Http2, "PRI * HTTP/2.0")]
        {
            let address = SocketAddr::from(([127, 0, 0, 1], 0));
            let mut server = Server::bind("rest", address, protocol, None).await.unwrap();
            server.patience.first_max = Duration::from_millis(100);
            let (stop, address) = (CancellationToken::new(), server.address());
            let serving = tokio::spawn(server.serve(Router::new(), stop.clone()));
            let mut silent = TcpStream::connect(address).await.unwrap();
            silent.write_all(begun.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            let closed = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut said)).await;
            assert!(closed.is_ok(), "{protocol:?} {begun:?} is still open");
            stop.cancel();
            serving.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_stream_that_nobody_reads_is_given_up() {
        let gone = CancellationToken::new();
        let stream_ends = gone.clone();
        let router = Router::new().route(
            "/",
            get(async move || {
                let held = stream_ends.drop_guard();
                let endless = futures::stream::repeat_with(move || {
                    let _held = &held;
                    Ok::<_, std::convert::Infallible>(vec![0_u8; 64 * 1024])
                });
                axum::body::Body::from_stream(endless)
            }),
        );
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server::bind("rest", address, Protocol::Http1, None).await.unwrap();
        server.patience.write_max = Duration::from_millis(100);
        let (stop, address) = (CancellationToken::new(), server.address());
        let mut client = TcpStream::connect(address).await.unwrap();
        let serving = tokio::spawn(server.serve(router, stop.clone()));
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        client.read_exact(&mut [0; 16]).await.unwrap();
        // While the server runs, nothing else ends it.
        tokio::time::timeout(PATIENCE, gone.cancelled()).await.expect("it has been given up");
        stop.cancel();
        serving.await.unwrap();
    }

    #[test]
    fn the_message_of_a_full_node_is_whole() {
        let message = full();
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
        assert!(head.contains("x-request-id: req_"), "{head}");
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["error"]["code"], "busy");
    }

    #[tokio::test]
    async fn one_that_is_turned_away_hears_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let telling = tokio::spawn(turn_away(stream));
        let mut told = vec![0; full().len()];
        client.read_exact(&mut told).await.unwrap();
        assert!(told.ends_with(FULL.as_bytes()));
        drop(client);
        telling.await.unwrap();
    }
}
