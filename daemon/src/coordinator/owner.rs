//! What a node's owner tells it: for whom he vouches, with whom it is to have nothing to do, which models are to be in memory.

use super::{Coordinator, Error};
use crate::inference;
use polymath_swarm::identity::PeerKey;

impl Coordinator {
    /// Vouches for a node, or no more; says whether that changed anything. Stored when it returns.
    pub async fn endorse(&self, peer: PeerKey, vouched: bool) -> Result<bool, Error> {
        let reputations = self.inner.reputations.clone();
        let writing = tokio::task::spawn_blocking(move || reputations.endorse(peer, vouched));
        let has_changed = writing.await.map_err(|error| Error::Failed(error.to_string()))??;
        self.inner.reputations.announce().await;
        Ok(has_changed)
    }

    /// Loads a hosted expert's model, or gives its memory back until it is wanted again.
    ///
    /// # Errors
    /// [`Error::UnknownExpert`] if this node hosts none of that id, [`Error::Busy`] if there is no room for it or it is in use.
    pub async fn set_loaded(&self, id: &str, loaded: bool) -> Result<(), Error> {
        let all = self.inner.host.all();
        let known = || {
            let ids: Vec<&str> = all.iter().map(|hosted| hosted.id.as_str()).collect();
            let ids = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
            Error::UnknownExpert { name: id.to_owned(), known: format!("this node hosts {ids}") }
        };
        let backend = all.iter().find(|hosted| hosted.id == id).ok_or_else(known)?.backend.clone();
        let done = if loaded { backend.revive().await } else { backend.unload().await };
        done.map_err(|error| match error {
            inference::Error::Busy { retry_after_ms } => Error::Busy { retry_after_ms },
            inference::Error::Invalid(reason) => Error::Refused(reason),
            error => Error::Failed(error.to_string()),
        })
    }

    /// Has nothing to do with a node any more, or again; says whether that changed anything. Stored when it returns.
    pub async fn block(&self, peer: PeerKey, blocked: bool) -> Result<bool, Error> {
        let reputations = self.inner.reputations.clone();
        let writing = tokio::task::spawn_blocking(move || reputations.block(peer, blocked));
        let has_changed = writing.await.map_err(|error| Error::Failed(error.to_string()))??;
        self.inner.reputations.announce().await;
        Ok(has_changed)
    }
}
