//! A Polymath node as a library: everything the `daemon` program does except parsing its command line.
//!
//! Imports go one way: `main → cli → node → api → owner → coordinator → {network, inference, embedding, catalog} →
//! polymath_swarm`. The capabilities in braces never import each other; `coordinator` joins them and `node`
//! composes them. `docs/architecture.md` has the map and the invariants; `tests/tidy.rs` holds them.

pub mod api;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod coordinator;
pub mod embedding;
pub mod inference;
pub mod node;
pub mod owner;
pub mod program;
pub mod store;
pub mod telemetry;

pub use polymath_network as network;
