//! Who may talk to this node over TCP. (The Unix socket is guarded by the file system.)
//!
//! ```text
//! request ─ Door (one an interface) ─ what does it want? ─ who knocks? ─ rules::decide ─ rate ─ Caller
//!             routes of the interface    [`Need`]           headers, keys   pure, a table       in the extensions
//! ```
//!
//! A loopback port without keys is open to programs of this machine, and to nobody's website: `Host` must name
//! this machine (no DNS rebinding), `Origin`, which browsers send, must be the node's own. As soon as one key
//! exists, everything but health wants a key. What is its owner's alone (private swarms, keys, models that are fetched) wants
//! a key that may everything even where there are no keys: other users of the machine reach a loopback port too. The owner has one
//! in a file that nobody else can read. A port that others can reach does not open without a key, unless
//! `insecure` is spelt out.
//!
//! Not here: what is answered, and limits of size and time ([`super::server`]).

mod cors;
mod door;
pub mod keys;
mod ring;
mod rules;
pub mod store;

pub(super) use door::{Caller, Door, guarded, guarded_grpc, need_grpc, need_rest, need_ws};
pub use rules::{Need, check_host, check_origin};

use keys::Record;
use ring::Ring;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// Name of the keys' file in the state folder.
pub const KEYS_FILE: &str = "keys.json";

/// Who may talk to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The keys' file; it need not exist.
    pub keys: PathBuf,
    /// Whether a port that others can reach may open without a key.
    pub insecure: bool,
    /// Names that `Host` may have besides this machine's, with or without port.
    pub allowed_hosts: Vec<String>,
    /// Websites that may use the node from a browser: `https://example.org`.
    pub allowed_origins: Vec<String>,
}

/// Why the node does not open its ports.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] store::Error),
    /// Others could reach the port, and there is no key.
    #[error(
        "{interface} would be open to everyone who can reach {address}: make a key first \
         (`daemon keys create NAME`), serve a loopback address, or spell out --insecure"
    )]
    Unguarded {
        /// `rest`, `grpc` or `ws`.
        interface: &'static str,
        /// The address.
        address: SocketAddr,
    },
}

/// The rules and the keys of a node; cheap to clone.
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    ring: Ring,
    /// The owner's key of this run of the node.
    owners_key: Zeroizing<String>,
    /// Ports of this node that a page may have come from.
    own_ports: OnceLock<Vec<u16>>,
}

impl Guard {
    /// Reads the keys.
    pub fn open(config: Config) -> Result<Self, Error> {
        let (owner, key) = Record::of_owner();
        let ring = Ring::open(config.keys.clone(), owner)?;
        let owners_key = Zeroizing::new(key);
        Ok(Self { inner: Arc::new(Inner { config, ring, owners_key, own_ports: OnceLock::new() }) })
    }

    /// The key that opens everything, until the node stops. It is no key of the file's: a port without keys stays open to its machine.
    pub(super) fn owners_key(&self) -> &str {
        &self.inner.owners_key
    }

    /// Whether `interface` may open on `address`.
    pub fn check_bind(&self, interface: &'static str, address: SocketAddr) -> Result<(), Error> {
        if is_loopback(address) || self.inner.config.insecure || self.inner.ring.any() {
            return Ok(());
        }
        Err(Error::Unguarded { interface, address })
    }

    /// Says, once all ports are bound, which of them pages may come from.
    pub(super) fn own_ports(&self, ports: Vec<u16>) {
        // Said once; a second time changes nothing.
        let _ = self.inner.own_ports.set(ports);
    }

    /// The door of an interface that listens on `address`.
    pub(super) fn door(&self, address: SocketAddr, need: fn(&axum::http::Method, &str) -> Need) -> Door {
        Door::new(self.clone(), is_loopback(address), need)
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(insecure: bool, keys: PathBuf) -> Guard {
        Guard::open(Config { keys, insecure, ..Config::default() }).unwrap()
    }

    #[test]
    fn a_port_that_others_can_reach_needs_a_key_or_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(KEYS_FILE);
        for near in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            opened(false, file.clone()).check_bind("rest", near.parse().unwrap()).unwrap();
        }
        for far in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80", "[::ffff:10.0.0.1]:80"] {
            let far = far.parse().unwrap();
            let error = opened(false, file.clone()).check_bind("ws", far).unwrap_err().to_string();
            assert!(error.contains("daemon keys create") && error.contains("--insecure"), "{error}");
            opened(true, file.clone()).check_bind("ws", far).unwrap();
        }
        let wish =
            keys::Wish { name: "phone".into(), scopes: vec![keys::Scope::Chat], rate_per_minute: None };
        store::create(&file, wish).unwrap();
        opened(false, file).check_bind("rest", "0.0.0.0:80".parse().unwrap()).unwrap();
    }
}
