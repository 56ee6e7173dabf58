//! What can go wrong with a network as a whole; tasks have errors of their own.

use super::{LISTENERS_MAX, WireError};
use std::path::PathBuf;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The identity file.
    #[error("identity file {}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        #[source]
        cause: std::io::Error,
    },
    /// An address cannot be listened on: the port is in use, or the address is not of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// An address does not parse.
    #[error("the {what} address {address:?} is not a multiaddress such as /ip4/192.0.2.1/udp/4001/quic-v1")]
    Address {
        /// Which setting it is from.
        what: &'static str,
        /// The address.
        address: String,
        /// What the parser says.
        #[source]
        cause: libp2p::multiaddr::Error,
    },
    /// A relay's address without its peer id.
    #[error(
        "the relay address {0:?} must end in /p2p/<peer id>, as the relay's `daemon network info` shows it"
    )]
    Relay(String),
    /// More relays than anybody needs.
    #[error("{0} relays are set, 8 are allowed")]
    TooManyRelays(usize),
    /// More addresses than anybody needs.
    #[error("{0} listen addresses are set, {LISTENERS_MAX} are allowed")]
    TooManyListeners(usize),
    /// The namespace.
    #[error("the namespace {0:?} must be 1 to 64 letters, digits, '-', '_' or '.'")]
    Namespace(String),
    /// libp2p could not be set up.
    #[error("the network could not be set up")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A card that no other node would accept.
    #[error("the capability card is not fit to be announced")]
    Card(#[source] WireError),
    /// One node announces 64 experts at most.
    #[error("this node announces too many experts already")]
    TooManyExperts,
    /// Too many lookups at once.
    #[error("too many lookups are under way; try again")]
    Busy,
    /// The network has been shut down.
    #[error("the network has stopped")]
    Stopped,
}
