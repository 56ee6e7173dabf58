//! What can be wrong with the settings; every message names the place and the fix.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why there is no configuration.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why (shared, so that the error can be kept and reported).
        #[source]
        source: Arc<io::Error>,
    },
    /// The file is no configuration.
    #[error("{}: the file is larger than {bytes_max} bytes, so it is no configuration", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// Not TOML, or a value of the wrong type.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key that means nothing.
    #[error("{}:{line}: unknown key `{key}`{hint}", path.display())]
    UnknownKey {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As written.
        key: String,
        /// A near match, or the keys there are.
        hint: String,
    },
    /// A value that cannot be.
    #[error("{setting}: {reason}")]
    Invalid {
        /// Flag, variable, or key and file.
        setting: String,
        /// What is wrong and what to write.
        reason: String,
    },
    /// The state folder cannot be used.
    #[error(
        "cannot write to the state folder {}: choose another with --state-dir or POLYMATH_STATE_DIR",
        path.display()
    )]
    StateDir {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// A private swarm cannot be used.
    #[error("private swarm {name}: {reason}")]
    Swarm {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Neither HOME nor XDG_STATE_HOME is set.
    #[error("no place for state: HOME is not set; say where with --state-dir or POLYMATH_STATE_DIR")]
    NoHome,
    /// The socket's path does not fit the kernel's address structure.
    #[error(
        "the socket path {} has more than {bytes_max} bytes: set a shorter one ([api] socket, POLYMATH_SOCKET)",
        path.display()
    )]
    SocketPath {
        /// Which.
        path: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// No folder with encoder and bundled experts.
    #[error(
        "the bundled models were not found ({tried}): say where their `models` folder is with --assets or POLYMATH_ASSETS"
    )]
    NoAssets {
        /// Where was looked.
        tried: String,
    },
}
