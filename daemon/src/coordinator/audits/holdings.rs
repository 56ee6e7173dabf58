//! The models that this node can audit with: those that it serves, and those whose files lie on this machine.

use crate::catalog::{self, Entry};
use crate::coordinator::Host;
use crate::inference::{self, Worker};
use lru::LruCache;
use polymath_swarm::audit::Null;
use polymath_swarm::identity::Sha256Hash;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;

/// Models that are kept loaded to audit with.
const LOADED_MAX: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// Bytes of a model file that is loaded only to audit with: a small model's. Whoever serves a larger one audits with that.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of a file of null distributions.
const NULLS_BYTES_MAX: u64 = 1024 * 1024;
/// Audits that may wait for a model.
const QUEUE: u32 = 8;

/// Null distributions of one model, as `daemon audit calibrate` writes them beside its card.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NullFile {
    /// The model that they are of.
    pub model_sha256: String,
    /// One for each setting that honest experts run in.
    pub settings: Vec<Setting>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// For people.
    pub name: String,
    /// What was measured.
    pub null: Null,
}

impl NullFile {
    /// Its name, beside the card.
    pub const NAME: &str = "audit.json";

    /// Reads those beside a card; `None` if there are none. A file that cannot be read, or is of another model, is none.
    pub fn beside(entry: &Entry) -> Option<Vec<Null>> {
        let path = entry.model_path.with_file_name(Self::NAME);
        let size = std::fs::metadata(&path).ok()?.len();
        let read = || -> Result<Self, Box<dyn std::error::Error>> {
            if size > NULLS_BYTES_MAX {
                return Err("it is too large".into());
            }
            let file: Self = serde_json::from_slice(&std::fs::read(&path)?)?;
            let is_of_model = entry.sha256.is_some_and(|hash| hash.to_string() == file.model_sha256);
            if is_of_model { Ok(file) } else { Err("it is of another model file".into()) }
        };
        match read() {
            Ok(file) => Some(file.settings.into_iter().map(|setting| setting.null).collect()),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "no null distributions; calibrate again");
                None
            }
        }
    }
}

pub(super) struct Holdings {
    host: Host,
    files: HashMap<Sha256Hash, Entry>,
    nulls: HashMap<Sha256Hash, Vec<Null>>,
    loaded: Mutex<LruCache<Sha256Hash, Worker>>,
}

impl Holdings {
    /// What `host` serves, and the cards in a folder like that of the bundled experts.
    pub(super) fn new(cards: Option<&Path>, host: Host) -> Self {
        let (mut files, mut nulls) = (HashMap::new(), HashMap::new());
        for card in cards.map(catalog::bundled).and_then(Result::ok).unwrap_or_default() {
            let Some((hash, entry)) = held(card) else { continue };
            if let Some(measured) = NullFile::beside(&entry) {
                nulls.insert(hash, measured);
            }
            files.insert(hash, entry);
        }
        Self { host, files, nulls, loaded: Mutex::new(LruCache::new(LOADED_MAX)) }
    }

    /// What honest audits of this model look like; nothing where that was not measured.
    pub(super) fn nulls(&self, model: Sha256Hash) -> Vec<Null> {
        self.nulls.get(&model).cloned().unwrap_or_default()
    }

    /// A worker that runs this model file, if it is at hand.
    pub(super) async fn worker(&self, model: Sha256Hash) -> Option<Worker> {
        if let Some(serving) = self.host.worker_of(model) {
            return Some(serving);
        }
        let entry = self.files.get(&model)?;
        // Held while loading: the next audit of the same model waits instead of loading it again.
        let mut loaded = self.loaded.lock().await;
        if let Some(worker) = loaded.get(&model) {
            return Some(worker.clone());
        }
        let config = inference::Config {
            model_path: entry.model_path.clone(),
            context_tokens: entry.max_context,
            slots: 1,
            queue: QUEUE,
            threads: 1,
            ..inference::Config::default()
        };
        let worker = Worker::load(config).await.inspect_err(
            |error| tracing::warn!(%error, expert = %entry.id, "a model could not be loaded to audit with"),
        );
        let worker = worker.ok().filter(|worker| worker.facts().sha256 == model)?;
        loaded.put(model, worker.clone());
        Some(worker)
    }
}

/// A card whose model may be loaded to audit with.
fn held(card: PathBuf) -> Option<(Sha256Hash, Entry)> {
    let config = catalog::Config { card: Some(card), ..catalog::Config::default() };
    let entry = catalog::resolve(&config).ok()?;
    let size = std::fs::metadata(&entry.model_path).ok()?.len();
    Some((entry.sha256?, entry)).filter(|_| size <= FILE_BYTES_MAX)
}
