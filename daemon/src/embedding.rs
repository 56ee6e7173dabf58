//! Sentences to vectors: the ONNX encoder, its tokeniser, and the space that both span together with the codebook.
//!
//! [`Encoder`] is a clonable handle; the work happens on one thread of its own (`worker`), because a run of the
//! model takes milliseconds and would stall a runtime worker. Requests wait in a bounded queue; the thread drains
//! what has gathered, answers what it remembers from a cache, runs the rest (short texts together), and replies.
//! Dropping the last handle ends the thread.
//!
//! Vectors compare only within one embedding space. [`Encoder::space`] is its name: a hash over encoder,
//! tokeniser, pooling and codebook, so that another encoder, or the same with another pooling, is another space.
//! Nodes check each other's claims by embedding again, so a text's vector must not depend on what else was in the
//! queue; `models/encoder/export.py` says how the shipped encoder sees to that.
//!
//! ONNX Runtime is a shared library that `scripts/setup` fetches; it is loaded once in a process, when the first
//! encoder opens. What the vectors mean (cells, scores) is the policy crate's business.

mod kept;
mod manifest;
mod model;
mod worker;

use polymath_swarm::cells::{Codebook, CodebookError};
use polymath_swarm::embedding::{Embedding, SpaceId};
use serde::{Deserialize, Serialize};
use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Texts that one request may hold: three cards of the largest size. What asks for more asks in pieces.
pub const TEXTS_MAX: usize = 64;

/// Requests that may wait; the next caller waits to get in. Each is at most [`TEXTS_MAX`] texts of a few ms.
const QUEUE_REQUESTS_MAX: usize = 64;

/// Bytes of a text that are looked at. 256 tokens of English are about 1 KB; the tokeniser cuts last, so more
/// would only cost time and memory.
const TEXT_BYTES_MAX: usize = 16 * 1_024;

/// Where encoder, runtime and codebook are, and how much they may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder with `encoder.toml` and the files that it names.
    pub encoder_dir: PathBuf,
    /// ONNX Runtime's shared library, version 1.24 or newer. One library a process: the first one opened stays.
    pub runtime_library: PathBuf,
    /// The codebook file of this encoder's space.
    pub codebook: PathBuf,
    /// Threads of one run of the model. One is best for short texts and polite to a busy machine.
    pub threads: u32,
    /// Vectors remembered, at about 1.6 KB each plus the text; 0 remembers none.
    pub cache_entries: usize,
}

impl Config {
    /// The layout that `scripts/setup` leaves: `assets` is `models/.build`, `codebook` is
    /// `models/encoder/codebook.bin`; one thread, 4,096 remembered vectors (some 8 MB).
    pub fn from_assets(assets: &Path, codebook: &Path) -> Self {
        Self {
            encoder_dir: assets.join("encoder"),
            runtime_library: assets.join("onnxruntime").join("libonnxruntime.so.1.24.4"),
            codebook: codebook.to_path_buf(),
            threads: 1,
            cache_entries: 4_096,
        }
    }
}

/// Why there is no vector.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the set-up is not there.
    #[error("{} is missing: run scripts/setup, which fetches and makes it", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is there but cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `encoder.toml` is malformed or out of bounds.
    #[error("{} does not describe an encoder: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not the one that `encoder.toml` pins.
    #[error("{} is not the file that encoder.toml pins by SHA-256: run scripts/setup again", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
    },
    /// ONNX Runtime, the model or the tokeniser does not load.
    #[error("cannot load {}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The codebook is malformed.
    #[error("cannot use {}", path.display())]
    Codebook {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CodebookError,
    },
    /// The codebook belongs to another encoder.
    #[error("the codebook has {codebook} dimensions and the encoder {encoder}: they do not belong together")]
    OtherDimension {
        /// Of the codebook.
        codebook: usize,
        /// Of the encoder.
        encoder: usize,
    },
    /// More than [`TEXTS_MAX`] texts at once.
    #[error("{0} texts in one request, at most 64 are embedded at once")]
    TooMany(usize),
    /// The model failed on these texts.
    #[error("the encoder failed: {0}")]
    Run(Arc<str>),
    /// The thread is gone, or could not be started.
    #[error("the encoder has stopped")]
    Stopped,
}

/// Handle on the encoder's thread; cheap to clone. Dropping the last one ends the thread.
#[derive(Clone, Debug)]
pub struct Encoder {
    requests: mpsc::Sender<worker::Request>,
    facts: worker::Facts,
}

impl Encoder {
    /// Loads runtime, model, tokeniser and codebook, all on the encoder's own thread; says which file is at fault.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let (requests, inbox) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let (ready, opened) = oneshot::channel();
        std::thread::Builder::new()
            .name("embedding".to_owned())
            .spawn(move || worker::run(&config, ready, inbox))
            .map_err(|_| Error::Stopped)?;
        let facts = opened.await.map_err(|_| Error::Stopped)??;
        Ok(Self { requests, facts })
    }

    /// The unit vectors of `texts`, in their order. What lies beyond the encoder's token limit is not seen.
    /// Waits its turn; dropping the future withdraws the request.
    pub async fn embed(&self, mut texts: Vec<String>) -> Result<Vec<Embedding>, Error> {
        if texts.len() > TEXTS_MAX {
            return Err(Error::TooMany(texts.len()));
        }
        for text in &mut texts {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        }
        let (reply, vectors) = oneshot::channel();
        self.requests.send(worker::Request { texts, reply }).await.map_err(|_| Error::Stopped)?;
        vectors.await.map_err(|_| Error::Stopped)?
    }

    /// The space that the vectors belong to.
    pub fn space(&self) -> SpaceId {
        self.facts.space
    }

    /// The encoder's name.
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// Tokens of `text` that the encoder sees, marks included.
    pub fn count_tokens(&self, text: &str) -> u32 {
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        let encoding = self.facts.tokenizer.encode_fast(text, true);
        encoding.map_or(0, |e| u32::try_from(e.len()).unwrap_or(u32::MAX))
    }

    /// The cells of that space.
    pub fn codebook(&self) -> Arc<Codebook> {
        Arc::clone(&self.facts.codebook)
    }

    /// Components of a vector.
    pub fn dimension(&self) -> usize {
        self.facts.codebook.dimension()
    }
}

#[cfg(test)]
mod tests;
