//! Fetches of a running node: they go on while nobody looks, and are remembered until they are forgotten or the node stops.

use super::super::Error;
use super::{Pulled, REVISION, Told, Wanted, bring};
use crate::catalog::Known;
use crate::config::Assets;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Fetches at once: more would only share the same line.
const RUNNING_MAX: usize = 4;
/// Fetches that are remembered.
const KEPT_MAX: usize = 64;
/// Characters of a source.
const SOURCE_CHARS_MAX: usize = 1_024;

/// How far a fetch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It comes.
    Running,
    /// It is there.
    Done,
    /// It did not come.
    Failed,
    /// Its owner ended it.
    Cancelled,
}

impl State {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A fetch.
#[derive(Clone, Debug)]
pub struct Pull {
    /// Its number, from 1.
    pub id: u64,
    /// What was asked for.
    pub source: String,
    /// How far it is.
    pub state: State,
    /// Bytes that are there.
    pub bytes: u64,
    /// Of so many; 0 while nobody knows.
    pub bytes_total: u64,
    /// As it is stated.
    pub licence: Option<String>,
    /// What came.
    pub pulled: Option<Pulled>,
    /// Why it did not.
    pub error: Option<String>,
    cancel: CancellationToken,
}

/// The fetches of a node; cheap to clone.
#[derive(Clone)]
pub struct Pulls {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    assets: Option<Assets>,
    tracker: TaskTracker,
    stop: CancellationToken,
    jobs: Mutex<Jobs>,
}

#[derive(Default)]
struct Jobs {
    last: u64,
    by_id: BTreeMap<u64, Pull>,
}

impl Pulls {
    /// None yet; models go into `folder`.
    pub fn new(
        folder: PathBuf,
        assets: Option<Assets>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { inner: Arc::new(Inner { folder, assets, tracker, stop, jobs: Mutex::default() }) }
    }

    /// What there is to fetch.
    ///
    /// # Errors
    /// [`Error::Catalog`] if the list cannot be read.
    pub fn catalogue(&self) -> Result<Vec<Known>, Error> {
        let listed = self.inner.assets.as_ref().map(|assets| Known::all(&assets.catalog()));
        Ok(listed.transpose()?.unwrap_or_default())
    }

    /// All of them, the latest first.
    pub fn all(&self) -> Vec<Pull> {
        self.jobs().by_id.values().rev().cloned().collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn of(&self, id: u64) -> Result<Pull, Error> {
        self.jobs().by_id.get(&id).cloned().ok_or_else(|| unknown(id))
    }

    /// Begins one.
    ///
    /// # Errors
    /// [`Error::Busy`] if as many run as may; [`Error::Invalid`], [`Error::Pull`] for what is no source.
    pub fn begin(&self, source: &str) -> Result<Pull, Error> {
        let catalogue = self.catalogue()?;
        if source.chars().count() > SOURCE_CHARS_MAX || source.trim().is_empty() {
            let reason = format!("1 to {SOURCE_CHARS_MAX} characters");
            return Err(Error::Invalid { field: "source", reason });
        }
        let source = source.trim();
        if catalogue.iter().all(|known| known.id != source) {
            source.parse::<crate::catalog::pull::Source>()?;
        }
        let pull = self.enter(source)?;
        let wanted = Wanted {
            source: source.to_owned(),
            revision: REVISION.to_owned(),
            mirror: None,
            sha256: None,
            folder: self.inner.folder.clone(),
        };
        let (this, id, cancel) = (self.clone(), pull.id, pull.cancel.clone());
        self.inner.tracker.spawn(async move {
            let telling = this.clone();
            let told = move |told| telling.change(id, |pull| pull.take(told));
            let bringing = bring(&wanted, &catalogue, Arc::new(told));
            // What is there stays for the next time.
            let ended = cancel.run_until_cancelled(bringing).await;
            this.change(id, |pull| pull.end(ended));
        });
        Ok(pull)
    }

    /// Ends one that runs; forgets one that has ended.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn end(&self, id: u64) -> Result<Pull, Error> {
        let mut jobs = self.jobs();
        let pull = jobs.by_id.get_mut(&id).ok_or_else(|| unknown(id))?;
        if pull.state == State::Running {
            pull.cancel.cancel();
            pull.state = State::Cancelled;
            return Ok(pull.clone());
        }
        jobs.by_id.remove(&id).ok_or_else(|| unknown(id))
    }

    /// A place for one more; the oldest that has ended makes way.
    fn enter(&self, source: &str) -> Result<Pull, Error> {
        let mut jobs = self.jobs();
        let running = |pull: &&Pull| pull.state == State::Running;
        if let Some(same) = jobs.by_id.values().find(|pull| running(pull) && pull.source == source) {
            return Err(Error::Conflict(format!("{} is being fetched already", same.source)));
        }
        if jobs.by_id.values().filter(running).count() >= RUNNING_MAX {
            return Err(Error::Busy(format!(
                "{RUNNING_MAX} models are being fetched; wait for one, or end one"
            )));
        }
        if jobs.by_id.len() >= KEPT_MAX {
            let oldest = jobs.by_id.values().find(|pull| !running(pull)).map(|pull| pull.id);
            oldest.map(|id| jobs.by_id.remove(&id));
        }
        jobs.last += 1;
        let pull = Pull {
            id: jobs.last,
            source: source.to_owned(),
            state: State::Running,
            bytes: 0,
            bytes_total: 0,
            licence: None,
            pulled: None,
            error: None,
            cancel: self.inner.stop.child_token(),
        };
        jobs.by_id.insert(pull.id, pull.clone());
        Ok(pull)
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Pull)) {
        if let Some(pull) = self.jobs().by_id.get_mut(&id) {
            change(pull);
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pull {
    fn take(&mut self, told: Told) {
        match told {
            Told::Found { licence, .. } => self.licence = licence,
            Told::Progress(there, all) => (self.bytes, self.bytes_total) = (there, all),
        }
    }

    fn end(&mut self, ended: Option<Result<Pulled, Error>>) {
        match ended {
            Some(Ok(pulled)) => {
                self.state = State::Done;
                (self.bytes, self.bytes_total) = (pulled.fetched.bytes, pulled.fetched.bytes);
                self.pulled = Some(pulled);
            }
            Some(Err(error)) => {
                self.state = State::Failed;
                self.error = Some(error.chain());
            }
            None => self.state = State::Cancelled,
        }
    }
}

fn unknown(id: u64) -> Error {
    Error::Unknown(format!("no fetch has the number {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulls(folder: &std::path::Path) -> Pulls {
        Pulls::new(folder.join("models"), None, TaskTracker::new(), CancellationToken::new())
    }

    async fn ended(pulls: &Pulls, id: u64) -> Pull {
        loop {
            let pull = pulls.of(id).unwrap();
            if pull.state != State::Running {
                return pull;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn what_is_no_model_fails_with_a_reason_and_can_be_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.gguf");
        std::fs::write(&file, "no model").unwrap();
        let pulls = pulls(folder.path());
        let begun = pulls.begin(file.to_str().unwrap()).unwrap();
        let pull = ended(&pulls, begun.id).await;
        assert_eq!(pull.state, State::Failed);
        assert!(pull.error.as_ref().unwrap().contains("notes.gguf"), "{:?}", pull.error);
        pulls.end(begun.id).unwrap();
        assert!(pulls.all().is_empty());
        assert!(matches!(pulls.end(begun.id), Err(Error::Unknown(_))));
    }

    #[tokio::test]
    async fn sources_are_checked_before_anything_begins() {
        let folder = tempfile::tempdir().unwrap();
        let pulls = pulls(folder.path());
        assert!(matches!(pulls.begin(" "), Err(Error::Invalid { field: "source", .. })));
        assert!(matches!(pulls.begin("../../etc/passwd"), Err(Error::Pull(_))));
        assert!(matches!(pulls.begin(&"x".repeat(2_000)), Err(Error::Invalid { .. })));
        assert!(pulls.all().is_empty());
    }
}
