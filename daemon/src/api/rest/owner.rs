//! What is the owner's alone: private swarms, keys, models that are fetched and served, cards. A key with the scope `admin` opens it,
//! or the owner's own, even where the node is open to its machine otherwise.

pub(super) mod cards;
pub(super) mod keys;
pub(super) mod pulls;
pub(super) mod settings;
pub(super) mod swarms;

use crate::api::access::store;
use crate::api::table::Fault;
use crate::owner::Error;

/// Does what waits for the disk apart from those that serve everybody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Fault> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| Error::Broken)??)
}

/// How the owner is told what was not done: everything, for it is his machine.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let message = error.chain();
        match error {
            Error::Conflict(_) => Self::new("conflict", message),
            Error::Unknown(_) => Self::new("not_found", message),
            Error::Invalid { field, .. } => Self::field(field, message),
            Error::Busy(_) => Self::new("busy", message),
            // Names that nothing can have or that are taken, sources and cards that are none.
            Error::Config(_) | Error::Catalog(_) | Error::Pull(_) => Self::new("invalid", message),
            Error::Card { .. } | Error::Model { .. } | Error::Unservable { .. } => {
                Self::new("refused", message)
            }
            Error::Embedding(_) | Error::Network(_) | Error::Io { .. } | Error::Broken => {
                tracing::error!(%message, "what the owner wanted was not done");
                Self::new("failed", message)
            }
        }
    }
}

impl From<store::Error> for Fault {
    fn from(error: store::Error) -> Self {
        let message = error.to_string();
        match error {
            store::Error::Wish(_) => Self::new("invalid", message),
            store::Error::Unknown(_) => Self::new("not_found", message),
            store::Error::Io { .. } | store::Error::Damaged { .. } => Self::new("failed", message),
        }
    }
}
