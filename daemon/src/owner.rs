//! What the owner of a machine does with it: private swarms that are made, joined and left, models that are fetched and served, cards
//! that are edited. The commands do it where no node runs, the console by way of one that does; both come here.
//!
//! What is done holds after a restart: a swarm is a file in the state folder ([`swarms`]), a model a file beside its card
//! ([`pulls`]), an expert that was added a line in a list ([`experts`]).
//!
//! Not here: who may do it, which is `api::access`'s business, and what the settings say, which only their file says.

pub mod console;
pub mod experts;
mod hosting;
pub mod pulls;
pub mod swarms;

pub use experts::{Added, Experts, Served};
pub use hosting::{Loaded, load};
pub use pulls::{Pull, Pulls};
pub use swarms::{Membership, Swarms};

use crate::{catalog, config, embedding, inference, network};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All of it, of one running node; cheap to clone.
#[derive(Clone)]
pub struct Owner {
    /// Private swarms.
    pub swarms: Swarms,
    /// Models that are fetched.
    pub pulls: Pulls,
    /// Experts that are served.
    pub experts: Experts,
    /// What the node was started with.
    pub settings: Arc<Settings>,
}

/// The settings that a node was started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// All that is in force, under the keys of that file; no secret is in it.
    pub values: serde_json::Value,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Things are not so that it could be.
    #[error("{0}")]
    Conflict(String),
    /// There is no such thing.
    #[error("{0}")]
    Unknown(String),
    /// It was asked for in a wrong way.
    #[error("{field}: {reason}")]
    Invalid {
        /// What is at fault.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Too much at once.
    #[error("{0}")]
    Busy(String),
    /// The state folder or a swarm in it.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A card or a model file.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// A model did not come.
    #[error(transparent)]
    Pull(#[from] catalog::pull::Error),
    /// The card or the model file of an expert is at fault.
    #[error("expert {id}")]
    Card {
        /// Which expert.
        id: String,
        /// What is wrong.
        #[source]
        source: catalog::Error,
    },
    /// The model of an expert does not load.
    #[error("expert {id}")]
    Model {
        /// Which expert.
        id: String,
        /// What is wrong.
        #[source]
        source: inference::Error,
    },
    /// What came is no model that could be served.
    #[error("{} came as it should, and cannot be served", path.display())]
    Unservable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: inference::Error,
    },
    /// A card's texts could not be embedded.
    #[error(transparent)]
    Embedding(#[from] embedding::Error),
    /// It cannot be announced.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The work behind it ended without a word.
    #[error("it was broken off")]
    Broken,
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// With its causes, for people.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        // Some say of themselves what they come from.
        if !text.ends_with(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}

/// Writes a file of the owner's own.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    config::paths::write_private(path, bytes).map_err(Error::io(path))
}

/// The end of a log, of so many bytes at the most.
pub fn end_of_log(path: &Path, bytes_max: u64) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(bytes_max);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        file.take(bytes_max).read_to_end(&mut end)?;
        Ok(end)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).trim().to_owned()
}
