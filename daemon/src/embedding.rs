//! Stub: EMB's.
use polymath_swarm::embedding::Embedding;
use std::path::PathBuf;
/// Stub.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Stub.
    pub encoder_dir: PathBuf,
    /// Stub.
    pub runtime_library: PathBuf,
    /// Stub.
    pub codebook: PathBuf,
    /// Stub.
    pub threads: u32,
    /// Stub.
    pub cache_entries: usize,
}
/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("this build has no encoder")]
pub struct Error;
/// Stub.
#[derive(Clone)]
pub struct Encoder;
impl Encoder {
    /// Stub.
    pub async fn open(_: Config) -> Result<Self, Error> {
        Err(Error)
    }
    /// Stub.
    pub async fn embed(&self, _: Vec<String>) -> Result<Vec<Embedding>, Error> {
        Err(Error)
    }
}
