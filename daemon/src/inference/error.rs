//! What can go wrong with a model or a request.

use super::gguf::Fault;
use std::path::{Path, PathBuf};

/// Why a model was not loaded, or a request not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("{}: there is no such model file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{}: the model file cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{}: this is no GGUF file (it does not start with the GGUF signature)", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// The file ends too early: an interrupted download, say.
    #[error("{}: the file is truncated: it has {actual} bytes and its header asks for {needed}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the header asks for, at least.
        needed: u64,
        /// Bytes that there are.
        actual: u64,
    },
    /// The header contradicts itself, the format or our limits.
    #[error("{}: the file is malformed: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// llama.cpp does not know the architecture.
    #[error("{}: the model's architecture {name:?} is unknown to this version of llama.cpp", path.display())]
    UnknownArchitecture {
        /// The file.
        path: PathBuf,
        /// The architecture.
        name: String,
    },
    /// Weights, caches and buffers do not fit.
    #[error(
        "{}: the model needs about {} MiB of memory and {} MiB are available \
         (fewer slots or context tokens need less)",
        path.display(), needed >> 20, available >> 20
    )]
    TooLargeForMemory {
        /// The file.
        path: PathBuf,
        /// Bytes needed, estimated.
        needed: u64,
        /// Bytes available.
        available: u64,
    },
    /// More than all models together may take.
    #[error(
        "{}: the model needs about {} MiB of memory and {} MiB are set for all models (node.model_memory_mb)",
        path.display(), needed >> 20, budget >> 20
    )]
    OverBudget {
        /// The file.
        path: PathBuf,
        /// Bytes needed, estimated.
        needed: u64,
        /// Bytes set.
        budget: u64,
    },
    /// It is not the file that was loaded before.
    #[error("{}: the file is another one than when the node was started; restart the node to announce it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A server that answers for the model does not.
    #[error("{url}: {reason}")]
    Service {
        /// Its address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// llama.cpp would not load it.
    #[error("{}: llama.cpp cannot load the model: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The model's chat template does not work, or not with these messages.
    #[error("the chat template failed: {0}")]
    Template(String),
    /// A setting or a request is out of bounds.
    #[error("{0}")]
    Invalid(String),
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {prompt_tokens} tokens and the context {context}")]
    TooLong {
        /// Tokens of the templated prompt (and of the tokens to score).
        prompt_tokens: u32,
        /// Tokens of a slot's context.
        context: u32,
    },
    /// All slots are taken and the queue is full.
    #[error("busy; try again in {retry_after_ms} ms")]
    Busy {
        /// When a place is likely to be free.
        retry_after_ms: u32,
    },
    /// The request's deadline passed.
    #[error("the deadline has passed")]
    Deadline,
    /// llama.cpp failed while running.
    #[error("the model failed: {0}")]
    Failed(String),
    /// The worker is gone.
    #[error("the model has been unloaded")]
    Stopped,
}

impl Error {
    pub(super) fn from_fault(path: &Path, fault: Fault) -> Self {
        let path = path.to_path_buf();
        match fault {
            Fault::Signature => Self::NotGguf { path },
            Fault::Short { needed, actual } => Self::Truncated { path, needed, actual },
            Fault::Malformed(reason) => Self::Malformed { path, reason },
            Fault::Unreadable(reason) => Self::Unreadable { path, source: std::io::Error::other(reason) },
        }
    }

    pub(super) fn from_io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Unreadable { path, source },
        }
    }
}
