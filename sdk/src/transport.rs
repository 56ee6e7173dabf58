//! The ways to a node. Each gives the same events and results; what a transport does not have is a typed error.

pub(crate) mod grpc;
pub(crate) mod json;
pub(crate) mod rest;
pub(crate) mod web_socket;

use crate::connection::Connection;

/// A way to a node; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Rest(rest::Rest),
    Grpc(Box<Connection>),
    WebSocket(web_socket::WebSocket),
}
