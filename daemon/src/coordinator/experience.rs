//! What this node has seen of each expert: outcomes of its answers, and how soon it begins.
//!
//! An answer's task is remembered for a while so that whoever got it can say whether it was good. Verdicts are stored
//! before they are acknowledged; the rest lives in memory. A task's id is 128 random bits that only the asker is told (the offer
//! to the expert has another), so that nobody can judge another's answers.

use super::{Candidate, Error};
use crate::store::{ExpertKey, Store};
use lru::LruCache;
use polymath_swarm::aggregate::CROSS_CHECK_WEIGHT;
use polymath_swarm::capability::Advert;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::score::{self, Firsts, Outcomes, Record};
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Answers that can still be judged: some days of a household, 4 MB of texts.
const TASKS_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
/// Bytes of a task's text that are kept: what the encoder reads of it.
const TEXT_BYTES_MAX: usize = 1_024;
/// Experts whose first tokens are remembered.
const LATENCIES_MAX: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// Names an answered task to whoever asked: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(u128);

impl TaskId {
    /// As sixteen bytes, as protobuf carries it.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From those bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for TaskId {
    /// What to write instead.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Of itself, Rust would take a sign and fewer digits.
        let is_id = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let id = u128::from_str_radix(text, 16).ok().filter(|_| is_id);
        id.map(Self).ok_or("write 32 hexadecimal digits")
    }
}

/// What somebody thinks of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was good.
    Good,
    /// It was not.
    Bad,
}

/// What a verdict was about, and where the expert stands after it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The card's id.
    pub expert: String,
    /// Its node.
    pub peer: PeerKey,
    /// All its outcomes.
    pub outcomes: Outcomes,
}

/// A task that was answered.
#[derive(Clone, Debug)]
struct Answered {
    advert: Arc<Advert>,
    text: String,
    /// The outcome that counts, and the cell it was counted in.
    judged: Option<(Outcomes, u32)>,
}

/// Everything seen. The locks that routing and answering take are held for look-ups alone, never while the disk is
/// waited for.
pub(super) struct Experience {
    store: Store,
    records: RwLock<HashMap<ExpertKey, Record>>,
    tasks: Mutex<LruCache<TaskId, Answered>>,
    /// One verdict at a time: each builds on what the one before it stored.
    judging: Mutex<()>,
    latencies: Mutex<LruCache<(PeerKey, Sha256Hash), Firsts>>,
    routed: AtomicU64,
    strangers: AtomicU64,
}

impl Experience {
    /// What the store holds.
    pub(super) fn load(store: Store) -> Result<Self, crate::store::Error> {
        let mut cells: HashMap<ExpertKey, Vec<(u32, Outcomes)>> = HashMap::new();
        for (expert, cell, outcomes) in store.outcomes()? {
            cells.entry(expert).or_default().push((cell, outcomes));
        }
        let records = cells.into_iter().map(|(expert, cells)| (expert, Record::of(cells))).collect();
        Ok(Self {
            store,
            records: RwLock::new(records),
            tasks: Mutex::new(LruCache::new(TASKS_MAX)),
            judging: Mutex::new(()),
            latencies: Mutex::new(LruCache::new(LATENCIES_MAX)),
            routed: AtomicU64::new(0),
            strangers: AtomicU64::new(0),
        })
    }

    /// What counts of an expert for a prompt whose nearest cells these are.
    pub(super) fn near(&self, expert: ExpertKey, nearest: &[u32]) -> Outcomes {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&expert).map_or_else(Outcomes::default, |record| record.near(nearest))
    }

    /// All outcomes of an expert.
    pub(super) fn all(&self, expert: ExpertKey) -> Outcomes {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&expert).map_or_else(Outcomes::default, Record::all)
    }

    /// Remembers who answered a task, under the id that is returned.
    pub(super) fn answered(&self, candidate: &Candidate, text: &str) -> TaskId {
        let task = TaskId(rand::random());
        let end = text.floor_char_boundary(TEXT_BYTES_MAX);
        let answered =
            Answered { advert: candidate.advert.clone(), text: text[..end].to_owned(), judged: None };
        self.tasks().put(task, answered);
        task
    }

    /// The text of a task that was answered, and by whom.
    pub(super) fn task(&self, task: TaskId) -> Result<(String, Arc<Advert>), Error> {
        let mut tasks = self.tasks();
        let answered = tasks.get(&task).ok_or(Error::UnknownTask)?;
        Ok((answered.text.clone(), answered.advert.clone()))
    }

    /// Counts a verdict for a task whose text lies in `cell` and for which its expert claimed `claim`; it takes the place of
    /// an earlier one.
    pub(super) fn judge(
        &self,
        task: TaskId,
        verdict: Verdict,
        (cell, claim): (u32, f32),
    ) -> Result<Judged, Error> {
        let _one_at_a_time = self.judging.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = self.tasks().get(&task).cloned().ok_or(Error::UnknownTask)?;
        let expert = (answered.advert.peer, answered.advert.card.model.sha256);
        let outcome = Outcomes::one(verdict == Verdict::Good, claim);
        let before = answered.judged.map(|(before, cell)| (cell, before, -1.0));
        let outcomes = self.note(expert, before.into_iter().chain([(cell, outcome, 1.0)]))?;
        // It may have been forgotten meanwhile; the verdict counts all the same.
        if let Some(answered) = self.tasks().get_mut(&task) {
            answered.judged = Some((outcome, cell));
        }
        Ok(Judged { expert: answered.advert.card.id.clone(), peer: expert.0, outcomes })
    }

    /// Counts what agreement with others says of an expert's answer to a task in `cell`, for which it claimed `claim`.
    pub(super) fn cross_checked(
        &self,
        expert: ExpertKey,
        agrees: bool,
        (cell, claim): (u32, f32),
    ) -> Result<(), Error> {
        let _one_at_a_time = self.judging.lock().unwrap_or_else(PoisonError::into_inner);
        self.note(expert, [(cell, Outcomes::one(agrees, claim), CROSS_CHECK_WEIGHT)])?;
        Ok(())
    }

    /// Adds outcomes by cell, each with its weight; all of the expert's outcomes after that.
    fn note(
        &self,
        expert: ExpertKey,
        changes: impl IntoIterator<Item = (u32, Outcomes, f32)>,
    ) -> Result<Outcomes, Error> {
        let mut record = self.record(expert);
        changes.into_iter().for_each(|(cell, outcome, weight)| record.note(cell, outcome, weight));
        let cells: Vec<_> = record.cells().collect();
        // On disk first: what fails there has not happened.
        self.store.set_outcomes(expert, &cells)?;
        let outcomes = record.all();
        self.records.write().unwrap_or_else(PoisonError::into_inner).insert(expert, record);
        Ok(outcomes)
    }

    fn record(&self, expert: ExpertKey) -> Record {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&expert).cloned().unwrap_or_default()
    }

    fn tasks(&self) -> MutexGuard<'_, LruCache<TaskId, Answered>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the time from an offer to its first token.
    pub(super) fn began(&self, candidate: &Candidate, after: Duration) {
        let key = (candidate.advert.peer, candidate.advert.card_hash);
        let ms = after.as_secs_f32() * 1e3;
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        latencies.get_or_insert_mut(key, Firsts::default).note(ms);
    }

    /// After how long without a first token this expert is late.
    pub(super) fn late_after(&self, candidate: &Candidate) -> Duration {
        let key = (candidate.advert.peer, candidate.advert.card_hash);
        let latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let ms =
            latencies.peek(&key).map_or_else(|| Firsts::default().late_after_ms(), Firsts::late_after_ms);
        Duration::from_secs_f32(ms / 1_000.0)
    }

    /// Milliseconds to the expert's first token, a moving average.
    pub(super) fn latency_ms(&self, peer: PeerKey, card: Sha256Hash) -> Option<f32> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).peek(&(peer, card))?.mean_ms()
    }

    /// Whether a question may try an expert without a record.
    pub(super) fn may_try_strangers(&self) -> bool {
        let routed = self.routed.fetch_add(1, Ordering::Relaxed) + 1;
        let tried = self.strangers.load(Ordering::Relaxed);
        (tried + 1) as f64 <= score::STRANGERS_SHARE * routed as f64
    }

    /// One was tried.
    pub(super) fn tried_stranger(&self) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits() {
        let id = TaskId::from_bytes(std::array::from_fn(|i| i as u8));
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        let sign = "+f00112233445566778899aabbccddee";
        for bad in ["", "00", sign, "zz112233445566778899aabbccddeeff", "éé112233445566778899aabbccddee"] {
            assert!(bad.parse::<TaskId>().is_err(), "{bad}");
        }
    }
}
