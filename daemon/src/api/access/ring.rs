//! The keys as the running node sees them: read again when their file has changed, each with its rate limit.

use super::keys::{self, Record};
use super::store::{self, Error};
use crate::api::table::Fault;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often the file is looked at, at the most: a revoked key works no longer than this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A key that opens something.
pub(super) struct Entry {
    pub(super) record: Record,
    limiter: Option<DefaultDirectRateLimiter>,
}

/// As many as there are keys, which the file bounds.
type Entries = Arc<HashMap<String, Arc<Entry>>>;

/// What tells one state of the file from another. Every change is a new file, so the inode alone would do
/// wherever inodes are not used again at once.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

/// The keys.
pub(super) struct Ring {
    path: PathBuf,
    owner: Arc<Entry>,
    state: Mutex<State>,
}

struct State {
    entries: Entries,
    stamp: Option<Stamp>,
    looked: Instant,
}

impl Ring {
    /// Reads the file, which need not exist. The owner's key is one beside those of the file.
    pub(super) fn open(path: PathBuf, owner: Record) -> Result<Self, Error> {
        let stamp = stamp(&path);
        let entries = entries(store::read(&path)?, &HashMap::new());
        let owner = Arc::new(Entry { record: owner, limiter: None });
        Ok(Self { path, owner, state: Mutex::new(State { entries, stamp, looked: Instant::now() }) })
    }

    /// Whether there is a key in the file.
    pub(super) fn any(&self) -> bool {
        !self.entries().is_empty()
    }

    /// The entry of a key's id.
    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Entry>> {
        if id == self.owner.record.id {
            return Some(self.owner.clone());
        }
        self.entries().get(id).cloned()
    }

    /// The entry that `key` opens.
    pub(super) fn by_key(&self, key: &str) -> Option<Arc<Entry>> {
        let (id, secret) = keys::parse(key)?;
        self.by_id(id).filter(|entry| entry.record.opens(secret))
    }

    fn entries(&self) -> Entries {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            state.look(&self.path);
        }
        Arc::clone(&state.entries)
    }
}

impl State {
    fn look(&mut self, path: &Path) {
        // Taken before reading: a change while reading is seen the next time.
        let stamp = stamp(path);
        if stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        match store::read(path) {
            Ok(records) => {
                tracing::info!(keys = records.len(), "the API keys have changed");
                self.entries = entries(records, &self.entries);
            }
            Err(error) => tracing::error!(%error, "the API keys stay as they were"),
        }
    }
}

impl Entry {
    /// Counts a request.
    pub(super) fn count(&self) -> Result<(), Fault> {
        let Some(Err(not_until)) = self.limiter.as_ref().map(|limiter| limiter.check()) else {
            return Ok(());
        };
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        let ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1);
        let rate = self.record.rate_per_minute.unwrap_or_default();
        let message = format!("the API key {} may ask {rate} times a minute", self.record.id);
        Err(Fault { retry_after_ms: Some(ms), ..Fault::new("rate_limited", message) })
    }
}

/// The records as entries; one that has not changed keeps what was counted.
fn entries(records: Vec<Record>, known: &HashMap<String, Arc<Entry>>) -> Entries {
    let entry = |record: Record| match known.get(&record.id) {
        Some(entry) if entry.record == record => Arc::clone(entry),
        _ => {
            let rate = record.rate_per_minute.and_then(NonZeroU32::new);
            let limiter = rate.map(|rate| RateLimiter::direct(Quota::per_minute(rate)));
            Arc::new(Entry { record, limiter })
        }
    };
    Arc::new(records.into_iter().map(|record| (record.id.clone(), entry(record))).collect())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp { inode: metadata.ino(), bytes: metadata.len(), modified: metadata.modified().ok() })
}

#[cfg(test)]
mod tests {
    use super::super::keys::{Scope, Wish};
    use super::*;

    fn wish(rate_per_minute: Option<u32>) -> Wish {
        Wish { name: "x".into(), scopes: vec![Scope::Chat], rate_per_minute }
    }

    fn opened(path: PathBuf) -> Result<Ring, Error> {
        Ring::open(path, Record::of_owner().0)
    }

    #[test]
    fn the_owners_key_opens_and_is_none_of_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let (record, key) = Record::of_owner();
        let ring = Ring::open(folder.path().join("keys.json"), record).unwrap();
        assert_eq!(ring.by_key(&key).unwrap().record.scopes, [Scope::Admin]);
        assert!(!ring.any() && ring.by_id("owner").is_some());
        assert!(ring.by_key(&Record::of_owner().1).is_none(), "of another run");
    }

    /// Looks now, as if a second had gone by.
    fn look(ring: &Ring) {
        ring.state.lock().unwrap().look(&ring.path);
    }

    #[test]
    fn changes_of_the_file_are_seen_and_damage_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let ring = opened(path.clone()).unwrap();
        assert!(!ring.any());
        let (record, key) = store::create(&path, wish(None)).unwrap();
        look(&ring);
        assert_eq!(ring.by_key(&key).unwrap().record, record);
        assert!(ring.by_key(&format!("{key}x")).is_none() && ring.by_key("").is_none());
        std::fs::write(&path, "{").unwrap();
        look(&ring);
        assert!(ring.by_key(&key).is_some(), "the last good keys hold");
        assert!(opened(path.clone()).is_err(), "a node does not start with damaged keys");
        std::fs::remove_file(&path).unwrap();
        look(&ring);
        assert!(!ring.any());
    }

    #[test]
    fn a_rate_is_held_and_survives_changes_to_other_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let (_, key) = store::create(&path, wish(Some(2))).unwrap();
        let (_, free) = store::create(&path, wish(None)).unwrap();
        let ring = opened(path.clone()).unwrap();
        for _ in 0..2 {
            ring.by_key(&key).unwrap().count().unwrap();
        }
        let fault = ring.by_key(&key).unwrap().count().unwrap_err();
        assert_eq!((fault.row.code, fault.row.http), ("rate_limited", 429));
        assert!(fault.retry_after_ms.unwrap() <= 60_000);
        store::create(&path, wish(None)).unwrap();
        look(&ring);
        ring.by_key(&key).unwrap().count().unwrap_err();
        for _ in 0..100 {
            ring.by_key(&free).unwrap().count().unwrap();
        }
    }
}
