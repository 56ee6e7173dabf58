//! Stub: NET-A's.
use polymath_swarm::identity::PeerKey;
use std::path::Path;
/// Stub.
pub struct Identity;
impl Identity {
    /// Stub.
    pub fn load_or_create(_: &Path) -> std::io::Result<Self> {
        Err(std::io::Error::other("this build has no network"))
    }
    /// Stub.
    pub fn peer(&self) -> PeerKey {
        PeerKey([0; 32])
    }
    /// Stub.
    pub fn peer_id(&self) -> String {
        String::new()
    }
}
/// Stub.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Config {
    /// Stub.
    pub listen: Vec<String>,
    /// Stub.
    pub bootstrap: Vec<String>,
    /// Stub.
    pub mdns: bool,
    /// Stub.
    pub namespace: String,
    /// Stub.
    pub agent: String,
    /// Stub.
    pub peers_max: usize,
}
