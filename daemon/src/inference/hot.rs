//! A model that is in memory when it is wanted: loaded on demand, unloaded when another one needs its room.
//!
//! The first loading tells what the model is; later ones must find the same file. Whoever asks while it is being loaded waits
//! for it. It never gives way while anybody holds its worker: an answer, a prompt, an audit.

use super::budget::{Budget, Share};
use super::{Config, Error, Generation, Grammar, Request, SlotUse, Worker, check};
use polymath_swarm::capability::ModelFacts;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, watch};

/// How often a change of the slots' use is looked for in a worker that another one has taken the place of.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// A model, in memory or not. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hot {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    config: Config,
    budget: Budget,
    bytes: u64,
    facts: ModelFacts,
    /// Held while loading, so that it is done once.
    place: Mutex<Option<Place>>,
    is_loaded: AtomicBool,
    slot_use: watch::Sender<SlotUse>,
    fault: watch::Sender<Option<String>>,
    speed: AtomicU32,
    load_ms: AtomicU32,
    used: SyncMutex<Instant>,
    /// So that the count of those who use it can be read without waiting.
    worker: SyncMutex<Option<Worker>>,
}

/// A loaded model with its share of the memory.
#[derive(Debug)]
struct Place {
    worker: Worker,
    _share: Share,
}

impl PartialEq for Hot {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Hot {
    /// Checks and loads the model for the first time, and sees that it answers.
    ///
    /// # Errors
    /// As [`Worker::load`], and [`Error::OverBudget`], [`Error::Busy`] of the budget.
    pub async fn load(config: Config, budget: Budget) -> Result<Self, Error> {
        let bytes = check::needed(&config)?;
        let share = budget.take(&config.model_path, bytes).await?;
        let began = Instant::now();
        let worker = Worker::load(config.clone()).await?;
        let slots = *worker.slots().borrow();
        let shared = Shared {
            budget: budget.clone(),
            bytes,
            facts: worker.facts().clone(),
            place: Mutex::new(None),
            is_loaded: AtomicBool::new(false),
            slot_use: watch::Sender::new(slots),
            fault: watch::Sender::new(None),
            speed: AtomicU32::new(worker.tokens_per_second().to_bits()),
            load_ms: AtomicU32::new(ms(began.elapsed())),
            used: SyncMutex::new(began),
            worker: SyncMutex::new(None),
            config,
        };
        let hot = Self { shared: Arc::new(shared) };
        let mut place = hot.shared.place.lock().await;
        hot.put(&mut place, worker, share);
        drop(place);
        Ok(hot)
    }

    /// What the file says of the model, and how it is run.
    pub fn facts(&self) -> &ModelFacts {
        &self.shared.facts
    }

    /// Whether it is in memory.
    pub fn is_loaded(&self) -> bool {
        self.shared.is_loaded.load(Ordering::Relaxed)
    }

    /// Bytes that it takes in memory, estimated.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes
    }

    /// How long the last loading took.
    pub fn load_ms(&self) -> u32 {
        self.shared.load_ms.load(Ordering::Relaxed)
    }

    /// How busy it is, live; as good as free while it is not in memory.
    pub fn slots(&self) -> watch::Receiver<SlotUse> {
        self.shared.slot_use.subscribe()
    }

    /// Why it can no longer be loaded; `None` while it can.
    pub fn fault(&self) -> watch::Receiver<Option<String>> {
        self.shared.fault.subscribe()
    }

    /// Generated tokens a second of one answer, as measured last.
    pub fn tokens_per_second(&self) -> f32 {
        match self.loaded() {
            Some(worker) => worker.tokens_per_second(),
            None => f32::from_bits(self.shared.speed.load(Ordering::Relaxed)),
        }
    }

    /// Its worker, if it is in memory. Whoever holds it keeps it there.
    pub fn loaded(&self) -> Option<Worker> {
        self.worker_seen().clone()
    }

    /// Its worker, loaded if need be.
    ///
    /// # Errors
    /// [`Error::Busy`] if there is no room now; any other is one of loading, and remembered as its fault.
    pub async fn worker(&self) -> Result<Worker, Error> {
        *self.shared.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let mut place = self.shared.place.lock().await;
        if let Some(place) = place.as_ref().filter(|place| !place.worker.has_ended()) {
            return Ok(place.worker.clone());
        }
        // What is there has broken off by itself.
        *self.worker_seen() = None;
        drop(self.take_out(&mut place));
        let loaded = self.load_again().await;
        match loaded {
            Ok((worker, share)) => {
                self.put(&mut place, worker.clone(), share);
                self.shared.fault.send_if_modified(|fault| fault.take().is_some());
                Ok(worker)
            }
            Err(error @ Error::Busy { .. }) => Err(error),
            Err(error) => {
                tracing::error!(%error, "a model can no longer be loaded");
                self.shared.fault.send_replace(Some(error.to_string()));
                Err(error)
            }
        }
    }

    /// Starts an answer, as [`Worker::generate`] does.
    ///
    /// # Errors
    /// Likewise, and as [`Self::worker`].
    pub async fn generate(&self, request: Request) -> Result<Generation, Error> {
        self.worker().await?.generate(request)
    }

    /// Compiles a grammar, as [`Worker::grammar`] does.
    ///
    /// # Errors
    /// Likewise, and as [`Self::worker`].
    pub async fn grammar(&self, text: String) -> Result<Grammar, Error> {
        self.worker().await?.grammar(text).await
    }

    /// Gives its memory back, unless it is in use or being loaded; says whether it did.
    pub async fn unload(&self) -> bool {
        let Ok(mut place) = self.shared.place.try_lock() else { return false };
        let taken = {
            let mut seen = self.worker_seen();
            if seen.as_ref().is_some_and(is_used) {
                return false;
            }
            // From here on nobody can get hold of it.
            *seen = None;
            self.take_out(&mut place)
        };
        if let Some(Place { worker, _share }) = taken {
            worker.stop().await;
            self.told();
        }
        true
    }

    /// Whether nobody uses it, as far as can be seen from outside.
    pub(super) fn is_idle(&self) -> bool {
        !self.worker_seen().as_ref().is_some_and(is_used)
    }

    /// When it was asked last.
    pub(super) fn used_at(&self) -> Instant {
        *self.shared.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.shared)
    }

    pub(super) fn of(shared: &Weak<Shared>) -> Option<Self> {
        shared.upgrade().map(|shared| Self { shared })
    }

    pub(super) fn is(&self, shared: &Weak<Shared>) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.shared), shared.as_ptr())
    }

    async fn load_again(&self) -> Result<(Worker, Share), Error> {
        let Shared { config, budget, bytes, facts, .. } = &*self.shared;
        let share = budget.take(&config.model_path, *bytes).await?;
        let began = Instant::now();
        let worker = Worker::load(config.clone()).await?;
        if worker.facts().sha256 != facts.sha256 {
            worker.stop().await;
            return Err(Error::Changed { path: config.model_path.clone() });
        }
        self.shared.load_ms.store(ms(began.elapsed()), Ordering::Relaxed);
        Ok((worker, share))
    }

    fn put(&self, place: &mut Option<Place>, worker: Worker, share: Share) {
        let slots = worker.slots();
        *self.worker_seen() = Some(worker.clone());
        *place = Some(Place { worker, _share: share });
        self.shared.is_loaded.store(true, Ordering::Relaxed);
        self.shared.budget.enter(self);
        self.told();
        tokio::spawn(follow(Arc::downgrade(&self.shared), slots));
    }

    fn take_out(&self, place: &mut Option<Place>) -> Option<Place> {
        let taken = place.take()?;
        self.shared.speed.store(taken.worker.tokens_per_second().to_bits(), Ordering::Relaxed);
        self.shared.is_loaded.store(false, Ordering::Relaxed);
        Some(taken)
    }

    /// Whoever announces the expert tells whether it is in memory.
    fn told(&self) {
        self.shared.slot_use.send_modify(|_| {});
    }

    fn worker_seen(&self) -> MutexGuard<'_, Option<Worker>> {
        self.shared.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether anybody holds it beside its own place.
fn is_used(worker: &Worker) -> bool {
    worker.holders() > 2
}

/// Passes on how busy one loaded worker is, until it ends.
async fn follow(shared: Weak<Shared>, mut slots: watch::Receiver<SlotUse>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let now = *slots.borrow_and_update();
        shared.slot_use.send_if_modified(|shown| std::mem::replace(shown, now) != now);
        drop(shared);
        if let Ok(Err(_)) = tokio::time::timeout(FOLLOW_EVERY, slots.changed()).await {
            break;
        }
    }
    let Some(shared) = shared.upgrade() else { return };
    let all = SlotUse { slots: shared.config.slots, free: shared.config.slots, queued: 0 };
    let another = shared.worker.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    if !another {
        shared.slot_use.send_if_modified(|shown| std::mem::replace(shown, all) != all);
    }
}

fn ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
