//! The memory that models may take together, and who has to give his up: whoever was asked longest ago and is not in use.

use super::Error;
use super::hot::{Hot, Shared};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// When to come back if every model that is loaded is in use: about the time of a short answer.
const RETRY_MS: u32 = 1_000;

/// Memory for models, shared by all of a node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Bytes in all; 0 for no bound but the machine's.
    bytes_max: u64,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    /// Those that are loaded; they are not kept by this.
    models: Vec<Weak<Shared>>,
}

/// A share of the memory; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held().bytes -= self.bytes;
    }
}

impl Budget {
    /// So many bytes; 0 for no bound but the machine's.
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, held: Arc::default() }
    }

    /// Whether models may have to give way.
    pub fn is_bounded(&self) -> bool {
        self.bytes_max > 0
    }

    /// Takes a share for a model, from others if need be.
    ///
    /// # Errors
    /// [`Error::OverBudget`] if it is more than there is in all, [`Error::Busy`] if those who have it are all in use.
    pub(super) async fn take(&self, path: &Path, bytes: u64) -> Result<Share, Error> {
        if self.is_bounded() && bytes > self.bytes_max {
            return Err(Error::OverBudget { path: path.to_owned(), needed: bytes, budget: self.bytes_max });
        }
        loop {
            // Looked at when the lock is free again: the last handle of a model gives its share back.
            let models: Vec<Hot> = {
                let mut held = self.held();
                if !self.is_bounded() || held.bytes + bytes <= self.bytes_max {
                    held.bytes += bytes;
                    return Ok(Share { budget: self.clone(), bytes });
                }
                held.models.retain(|model| model.strong_count() > 0);
                held.models.iter().filter_map(Hot::of).collect()
            };
            let oldest = models.into_iter().filter(Hot::is_idle).min_by_key(Hot::used_at);
            // Where somebody comes in between, it is as good as new.
            let is_unloaded = match &oldest {
                Some(oldest) => oldest.unload().await,
                None => false,
            };
            if !is_unloaded {
                return Err(Error::Busy { retry_after_ms: RETRY_MS });
            }
        }
    }

    /// A model is loaded, and may have to give way from now on.
    pub(super) fn enter(&self, model: &Hot) {
        let mut held = self.held();
        if !held.models.iter().any(|entered| model.is(entered)) {
            held.models.push(model.downgrade());
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
