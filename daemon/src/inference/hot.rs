//! A model that is in memory when it is wanted: loaded on demand, unloaded when another one needs its room.
//!
//! The first loading tells what the model is; later ones must find the same file. Whoever asks while it is being loaded waits
//! for it. It never gives way while anybody holds its worker: an answer, a prompt, an audit.

use super::budget::{Budget, Share};
use super::{Config, Error, Generation, Grammar, Loading, Request, SlotUse, Worker, check};
use polymath_swarm::capability::ModelFacts;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, watch};

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
    /// Held while loading or unloading, so that it is done once.
    turn: Mutex<()>,
    /// What is in memory.
    place: SyncMutex<Option<Place>>,
    slot_use: watch::Sender<SlotUse>,
    fault: watch::Sender<Option<String>>,
    speed: AtomicU32,
    load_ms: AtomicU32,
    loading: Loading,
    used: SyncMutex<Instant>,
}

/// A loaded model with its share of the memory.
#[derive(Debug)]
struct Place {
    worker: Worker,
    _share: Share,
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
            turn: Mutex::new(()),
            place: SyncMutex::new(None),
            slot_use: watch::Sender::new(slots),
            fault: watch::Sender::new(None),
            speed: AtomicU32::new(worker.tokens_per_second().to_bits()),
            load_ms: AtomicU32::new(ms(began.elapsed())),
            loading: Loading::default(),
            used: SyncMutex::new(began),
            config,
        };
        let hot = Self { shared: Arc::new(shared) };
        hot.put(Place { worker, _share: share });
        Ok(hot)
    }

    /// What the file says of the model, and how it is run.
    pub fn facts(&self) -> &ModelFacts {
        &self.shared.facts
    }

    /// Whether it is in memory.
    pub fn is_loaded(&self) -> bool {
        self.running().is_some()
    }

    /// Bytes that it takes in memory, estimated.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes
    }

    /// How long the last loading took.
    pub fn load_ms(&self) -> u32 {
        self.shared.load_ms.load(Ordering::Relaxed)
    }

    /// How far it is, in per cent, while it is being loaded; live.
    pub fn loading(&self) -> watch::Receiver<Option<u8>> {
        self.shared.loading.subscribe()
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
        self.place().as_ref().map(|place| place.worker.clone())
    }

    /// Its worker, loaded if need be. Loading goes on if whoever asked gives up: the next one finds it done, and dropping a model that is
    /// being loaded would wait for its thread.
    ///
    /// # Errors
    /// [`Error::Busy`] if there is no room now; any other is one of loading, and remembered as its fault.
    pub async fn worker(&self) -> Result<Worker, Error> {
        *self.shared.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let hot = self.clone();
        match self.running() {
            Some(worker) => Ok(worker),
            None => {
                tokio::spawn(async move { hot.load_in_turn().await }).await.unwrap_or(Err(Error::Stopped))
            }
        }
    }

    async fn load_in_turn(self) -> Result<Worker, Error> {
        let _turn = self.shared.turn.lock().await;
        if let Some(worker) = self.running() {
            return Ok(worker);
        }
        // What is there has broken off by itself.
        drop(self.take_out());
        let loaded = self.load_again().await;
        self.shared.loading.send_replace(None);
        match loaded {
            Ok((worker, share)) => {
                self.put(Place { worker: worker.clone(), _share: share });
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

    fn running(&self) -> Option<Worker> {
        self.loaded().filter(|worker| !worker.has_ended())
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
        let Ok(_turn) = self.shared.turn.try_lock() else { return false };
        let taken = {
            let mut place = self.place();
            if place.as_ref().is_some_and(is_used) {
                return false;
            }
            // From here on nobody can get hold of it.
            place.take()
        };
        if let Some(Place { worker, _share }) = taken {
            self.keep_speed(&worker);
            worker.stop().await;
            self.told();
        }
        true
    }

    /// Whether it is in memory and nobody uses it, as far as can be seen from outside.
    pub(super) fn is_idle(&self) -> bool {
        self.place().as_ref().is_some_and(|place| !is_used(place))
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
        let worker = Worker::load_watched(config.clone(), self.shared.loading.clone()).await?;
        if worker.facts().sha256 != facts.sha256 {
            worker.stop().await;
            return Err(Error::Changed { path: config.model_path.clone() });
        }
        self.shared.load_ms.store(ms(began.elapsed()), Ordering::Relaxed);
        Ok((worker, share))
    }

    fn put(&self, place: Place) {
        let slots = place.worker.slots();
        *self.place() = Some(place);
        self.shared.budget.enter(self);
        self.told();
        tokio::spawn(follow(Arc::downgrade(&self.shared), slots));
    }

    fn take_out(&self) -> Option<Place> {
        let taken = self.place().take()?;
        self.keep_speed(&taken.worker);
        Some(taken)
    }

    /// What was measured is what is said until it is loaded again.
    fn keep_speed(&self, worker: &Worker) {
        self.shared.speed.store(worker.tokens_per_second().to_bits(), Ordering::Relaxed);
    }

    /// Whoever announces the expert tells whether it is in memory.
    fn told(&self) {
        self.shared.slot_use.send_modify(|_| {});
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.shared.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether anybody holds it beside its own place.
fn is_used(place: &Place) -> bool {
    place.worker.holders() > 1
}

/// Passes on how busy one loaded worker is, until it ends.
async fn follow(shared: Weak<Shared>, mut slots: watch::Receiver<SlotUse>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let now = *slots.borrow_and_update();
        shared.slot_use.send_if_modified(|shown| std::mem::replace(shown, now) != now);
        drop(shared);
        // The thread drops its sender when it ends.
        if slots.changed().await.is_err() {
            break;
        }
    }
    let Some(shared) = shared.upgrade() else { return };
    let all = SlotUse { slots: shared.config.slots, free: shared.config.slots, queued: 0 };
    // Another one may be there already.
    if !(Hot { shared: shared.clone() }).is_loaded() {
        shared.slot_use.send_if_modified(|shown| std::mem::replace(shown, all) != all);
    }
}

fn ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
