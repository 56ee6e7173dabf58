//! Stub: INFER's.
use polymath_swarm::task::TaskEvent;
use std::path::PathBuf;
/// Stub.
pub const SLOTS_MAX: u32 = 64;
/// Stub.
pub const THREADS_MAX: u32 = 256;
/// Stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Stub.
    pub model_path: PathBuf,
    /// Stub.
    pub context_tokens: u32,
    /// Stub.
    pub slots: u32,
    /// Stub.
    pub queue: u32,
    /// Stub.
    pub threads: u32,
    /// Stub.
    pub gpu_layers: u32,
    /// Stub.
    pub flash_attention: bool,
}
impl Default for Config {
    fn default() -> Self {
        Self {
            model_path: PathBuf::new(),
            context_tokens: 0,
            slots: 4,
            queue: 16,
            threads: 1,
            gpu_layers: 0,
            flash_attention: true,
        }
    }
}
/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("this build has no inference")]
pub struct Error;
/// Stub.
pub struct Request;
impl Request {
    /// Stub.
    pub fn question(_: impl Into<String>, _: u32) -> Self {
        Self
    }
}
/// Stub.
#[derive(Clone)]
pub struct Worker;
/// Stub.
pub struct Generation;
impl Generation {
    /// Stub.
    pub async fn next(&mut self) -> Option<Result<TaskEvent, Error>> {
        None
    }
}
impl Worker {
    /// Stub.
    pub async fn load(_: Config) -> Result<Self, Error> {
        Err(Error)
    }
    /// Stub.
    pub fn generate(&self, _: Request) -> Result<Generation, Error> {
        Err(Error)
    }
}
