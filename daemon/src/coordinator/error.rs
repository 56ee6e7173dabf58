//! Why a question got no answer.

use crate::embedding;
use polymath_swarm::sanitise;

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The prompt itself is at fault.
    #[error("the prompt cannot be used")]
    Prompt(#[from] sanitise::SanitiseError),
    /// A wish is out of range.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which wish.
        field: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The expert that was named is not known.
    #[error("no expert is called {name:?}; {known}")]
    UnknownExpert {
        /// The name.
        name: String,
        /// Which there are, for people.
        known: String,
    },
    /// No answer with this id is remembered.
    #[error(
        "no answered task has this id: a running node remembers the last 4,096, until it stops; `ask --json` shows the ids"
    )]
    UnknownTask,
    /// What must be remembered could not be stored.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The last turn alone does not fit the expert's context.
    #[error("too long for the expert: {0}")]
    TooLong(String),
    /// The expert would not take what was asked of it.
    #[error("the expert refused: {0}")]
    Refused(String),
    /// No expert fits any task.
    #[error("no expert fits this question; {nearest}")]
    NoExpert {
        /// The nearest cards, for people.
        nearest: String,
    },
    /// Too many questions at once, or every fitting expert is busy.
    #[error("busy; try again in {retry_after_ms} ms")]
    Busy {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// Time ran out.
    #[error("the question did not finish within {deadline_ms} ms")]
    Deadline {
        /// The limit that applied.
        deadline_ms: u32,
    },
    /// Every task failed.
    #[error("no task could be answered: {0}")]
    Failed(String),
    /// The encoder failed.
    #[error("the question cannot be embedded")]
    Embedding(#[from] embedding::Error),
}
