//! How a client is described, and where the node on this machine is.

use crate::client::PolymathClient;
use crate::connection::Connection;
use crate::error::Error;
use crate::retry::RetryBudget;
use crate::transport::Transport;
use crate::transport::rest::Rest;
use crate::transport::web_socket::WebSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// A question's own limit at the node is two minutes; this leaves room for the retries before it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(150);
/// A node that is there answers at once, even across an ocean.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Where a node serves REST unless it is told otherwise.
const REST_URL: &str = "http://127.0.0.1:8080";

/// Describes a client.
///
/// ```
/// use polymath_sdk::{PolymathClient, RetryBudget};
/// use std::time::Duration;
///
/// let client = PolymathClient::builder()
///     .rest("https://swarm.example.org")
///     .api_key("pmk_0123456789abcdef")
///     .timeout(Duration::from_secs(30))
///     .retries(RetryBudget::none())
///     .build();
/// let error = PolymathClient::builder().grpc("localhost").build().unwrap_err();
/// assert_eq!(error.code(), "invalid");
/// ```
#[derive(Clone, Default)]
pub struct Builder {
    place: Option<Place>,
    api_key: Option<String>,
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    retries: RetryBudget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Rest(String),
    Grpc(String),
    Unix(PathBuf),
    WebSocket(String),
    Bad(String),
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Builder {
    /// REST: `http://` or `https://`; every call of the client works. This is the default, on this machine.
    #[must_use]
    pub fn rest(self, url: impl Into<String>) -> Self {
        Self { place: Some(Place::Rest(url.into())), ..self }
    }

    /// gRPC over TCP: `http://ADDRESS:PORT`.
    #[must_use]
    pub fn grpc(self, url: impl Into<String>) -> Self {
        Self { place: Some(Place::Grpc(url.into())), ..self }
    }

    /// gRPC over a node's Unix socket. No key is needed: the socket is its owner's.
    #[must_use]
    pub fn unix(self, path: impl AsRef<Path>) -> Self {
        Self { place: Some(Place::Unix(path.as_ref().to_owned())), ..self }
    }

    /// WebSocket: `ws://ADDRESS:PORT`. For questions; dropped connections are resumed.
    #[must_use]
    pub fn web_socket(self, url: impl Into<String>) -> Self {
        Self { place: Some(Place::WebSocket(url.into())), ..self }
    }

    /// The transport by the URL's scheme: `http` and `https` (REST), `grpc`, `ws`, `unix`.
    #[must_use]
    pub fn url(self, url: &str) -> Self {
        let place = match url.split_once(':') {
            Some(("http" | "https", _)) => Place::Rest(url.to_owned()),
            Some(("grpc", rest)) => Place::Grpc(format!("http:{rest}")),
            Some(("ws" | "wss", _)) => Place::WebSocket(url.to_owned()),
            Some(("unix", path)) => Place::Unix(path.strip_prefix("//").unwrap_or(path).into()),
            _ => Place::Bad(url.to_owned()),
        };
        Self { place: Some(place), ..self }
    }

    /// The key that the node wants (`daemon keys create`). It goes with every call, in clear unless by `https`.
    #[must_use]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        Self { api_key: Some(key.into()), ..self }
    }

    /// How long a call may take in all, retries included; 150 s unless said.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        Self { timeout: Some(limit), ..self }
    }

    /// How long connecting may take; 5 s unless said.
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        Self { connect_timeout: Some(limit), ..self }
    }

    /// How many of the requests may be retries; a fifth unless said.
    #[must_use]
    pub fn retries(self, budget: RetryBudget) -> Self {
        Self { retries: budget, ..self }
    }

    /// The client. Nothing is sent yet, so a node need not be there.
    pub fn build(self) -> Result<PolymathClient, Error> {
        let connect_timeout = self.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let key = self.api_key.as_deref();
        let transport = match self.place.unwrap_or_else(|| Place::Rest(REST_URL.to_owned())) {
            Place::Rest(url) => Transport::Rest(Rest::new(&url, key, connect_timeout)?),
            Place::Grpc(url) => {
                let connection = Connection::tcp(&url, key)?.with_connect_timeout(connect_timeout);
                Transport::Grpc(Box::new(connection))
            }
            Place::Unix(path) => Transport::Grpc(Box::new(Connection::unix(&path)?)),
            Place::WebSocket(url) => Transport::WebSocket(WebSocket::new(&url, key, connect_timeout)?),
            Place::Bad(url) => {
                let forms = "http://…, https://…, grpc://…, ws://… or unix:PATH";
                return Err(Error::invalid("url", format!("{url:?}: write {forms}")));
            }
        };
        Ok(PolymathClient { transport, timeout: self.timeout.unwrap_or(TIMEOUT), budget: self.retries })
    }
}

/// See [`PolymathClient::local`].
pub(crate) async fn local(variable: impl Fn(&str) -> Option<String>) -> Result<PolymathClient, Error> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let builder = Builder { api_key: variable("POLYMATH_API_KEY"), ..Builder::default() };
    if let Some(url) = variable("POLYMATH_URL") {
        return builder.url(&url).build();
    }
    if let Some(socket) = socket(variable) {
        let answers = tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(&socket)).await;
        if matches!(answers, Ok(Ok(_))) {
            return builder.unix(socket).build();
        }
    }
    builder.build()
}

/// Where the daemon puts its socket (`daemon/src/config/paths.rs` has the same rules).
fn socket(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(socket) = variable("POLYMATH_SOCKET") {
        return Some(socket.into());
    }
    let usual = || {
        // The XDG base directory specification: relative values are to be ignored.
        let set = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let base = set.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")));
        base.map(|base| base.join("polymath"))
    };
    Some(variable("POLYMATH_STATE_DIR").map(PathBuf::from).or_else(usual)?.join("api.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Option<Place> {
        Builder::default().url(url).place
    }

    #[test]
    fn a_url_says_the_transport() {
        assert_eq!(place("https://x/v1"), Some(Place::Rest("https://x/v1".into())));
        assert_eq!(place("grpc://h:1"), Some(Place::Grpc("http://h:1".into())));
        assert_eq!(place("ws://h:1"), Some(Place::WebSocket("ws://h:1".into())));
        assert_eq!(place("unix:///run/api.sock"), Some(Place::Unix("/run/api.sock".into())));
        assert_eq!(place("unix:api.sock"), Some(Place::Unix("api.sock".into())));
        for bad in ["127.0.0.1:8080", "localhost", "", "ftp://x"] {
            assert!(matches!(Builder::default().url(bad).build(), Err(Error::Invalid { .. })), "{bad}");
        }
    }

    #[test]
    fn the_socket_is_where_the_daemon_puts_it() {
        let given = |pairs: &'static [(&str, &str)]| {
            socket(move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let cases: [(&'static [(&str, &str)], &str); 5] = [
            (&[("HOME", "/h")], "/h/.local/state/polymath/api.sock"),
            (&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")], "/s/polymath/api.sock"),
            (&[("HOME", "/h"), ("XDG_STATE_HOME", "s")], "/h/.local/state/polymath/api.sock"),
            (&[("HOME", "/h"), ("POLYMATH_STATE_DIR", "/d")], "/d/api.sock"),
            (&[("POLYMATH_SOCKET", "/x.sock"), ("POLYMATH_STATE_DIR", "/d")], "/x.sock"),
        ];
        for (pairs, expected) in cases {
            assert_eq!(given(pairs), Some(PathBuf::from(expected)));
        }
        assert_eq!(given(&[]), None);
    }

    #[tokio::test]
    async fn where_no_socket_answers_rest_is_taken() {
        let client = local(|name| (name == "HOME").then(|| "/nonexistent".to_owned())).await.unwrap();
        assert!(matches!(client.transport, Transport::Rest(_)));
        let client = local(|name| (name == "POLYMATH_URL").then(|| "grpc://h:1".to_owned())).await.unwrap();
        assert!(client.connection().is_some());
    }
}
