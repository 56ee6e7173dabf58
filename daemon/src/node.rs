//! Stub: the lead's.
use crate::config::Config;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;
/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("this build has no node")]
pub struct Error;
/// Stub.
pub struct Summary {
    /// Stub.
    pub peer_id: String,
    /// Stub.
    pub listen_addresses: Vec<String>,
    /// Stub.
    pub experts: Vec<String>,
    /// Stub.
    pub left_out: Vec<String>,
}
/// Stub.
pub struct Node(PathBuf, Summary);
impl Node {
    /// Stub.
    pub async fn start(_: Config) -> Result<Self, Error> {
        Err(Error)
    }
    /// Stub.
    pub fn socket(&self) -> &Path {
        &self.0
    }
    /// Stub.
    pub fn summary(&self) -> &Summary {
        &self.1
    }
    /// Stub.
    pub async fn run_until(self, _: CancellationToken) {}
}
