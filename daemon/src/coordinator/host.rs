//! The experts hosted here: hands offers from the network (or from this node itself) to their workers, and answers for them
//! when they are audited.

mod openings;

use super::{Ledger, audits};
use crate::inference::{self, Backend, Worker};
use crate::network::task::{Delivery, Job, Loading, Service};
use crate::network::{audit, receipts};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use openings::Openings;
use polymath_swarm::audit::{Computed, Evidence, Replay};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::{Priority, Settlement, Version};
use polymath_swarm::task::{Commitment, Offer, TaskError, TaskEvent};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;

/// When to come back if this node cannot answer for more than it has answered: evidence is forgotten all the time.
const OPENINGS_RETRY_MS: u32 = 1_000;
/// Answers that are computed again for auditors at a time: a favour that must not cost those who want answers.
const REPLAYS_MAX: usize = 1;
/// How long one may take.
const REPLAY_TIME_MAX: Duration = Duration::from_secs(30);
/// When to come back if every slot of a model is taken by those who want answers, or another auditor is served.
const REPLAY_RETRY_MS: u32 = 2_000;

/// An expert that runs here.
#[derive(Clone)]
pub struct Hosted {
    /// The card's short name.
    pub id: String,
    /// What answers.
    pub backend: Backend,
    /// What a generated token costs, millionths of a credit.
    pub price_micro: u64,
}

/// For whom a task is done, and whether it may be audited.
struct How {
    nonce: Option<[u8; 16]>,
    priority: Priority,
    asker: Option<PeerKey>,
}

/// The experts hosted here, by the hash of their card; cheap to clone.
#[derive(Clone)]
pub struct Host {
    // Written when an expert is loaded or unloaded, read once a task.
    experts: Arc<RwLock<HashMap<Sha256Hash, Hosted>>>,
    openings: Arc<Openings>,
    replays: Arc<Semaphore>,
    /// Who works for nothing keeps none.
    ledger: Option<Ledger>,
}

impl Default for Host {
    fn default() -> Self {
        let replays = Arc::new(Semaphore::new(REPLAYS_MAX));
        Self { experts: Arc::default(), openings: Arc::default(), replays, ledger: None }
    }
}

impl Host {
    /// A host that keeps account of what it does for others.
    pub fn keeping(ledger: Ledger) -> Self {
        Self { ledger: Some(ledger), ..Self::default() }
    }

    /// Adds or replaces an expert.
    pub fn insert(&self, card: Sha256Hash, hosted: Hosted) {
        self.experts.write().unwrap_or_else(PoisonError::into_inner).insert(card, hosted);
    }

    /// Forgets an expert.
    pub fn remove(&self, card: Sha256Hash) {
        self.experts.write().unwrap_or_else(PoisonError::into_inner).remove(&card);
    }

    /// How many experts are hosted.
    pub fn len(&self) -> usize {
        self.experts.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every expert that is hosted, by id.
    pub fn all(&self) -> Vec<Hosted> {
        let experts = self.experts.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Hosted> = experts.values().cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// Waits until no expert here has anything to do.
    pub async fn idle(&self) {
        for expert in self.all() {
            let mut slots = expert.backend.slots();
            // A model that has ended has nothing to do.
            let _ = slots.wait_for(|used| used.free == used.slots && used.queued == 0).await;
        }
    }

    /// The expert with this card.
    pub fn get(&self, card: Sha256Hash) -> Option<Hosted> {
        self.experts.read().unwrap_or_else(PoisonError::into_inner).get(&card).cloned()
    }
}

impl Host {
    /// A worker that runs this model file, if it is in memory: nothing is loaded for an audit.
    pub(super) fn worker_of(&self, model: Sha256Hash) -> Option<Worker> {
        let experts = self.experts.read().unwrap_or_else(PoisonError::into_inner);
        let of_model = |hosted: &&Hosted| hosted.backend.facts().sha256 == model;
        experts.values().filter(of_model).find_map(|hosted| hosted.backend.loaded())
    }

    /// Takes on a task of this node itself, which nobody will audit; tells `loading` how far its model is loaded.
    pub(super) async fn accept_own(&self, offer: Offer, loading: &Loading) -> Result<Job, TaskError> {
        let progress = self.get(offer.card).and_then(|hosted| hosted.backend.loading());
        let job = self.take_on(offer, How { nonce: None, priority: Priority::Owner, asker: None });
        let Some(mut progress) = progress else { return job.await };
        let mut job = std::pin::pin!(job);
        loop {
            tokio::select! {
                biased;
                job = &mut job => return job,
                Ok(()) = progress.changed() => {
                    let percent = *progress.borrow_and_update();
                    loading.send_replace(percent);
                }
            }
        }
    }

    async fn take_on(&self, offer: Offer, how: How) -> Result<Job, TaskError> {
        let hosted = self.get(offer.card).ok_or_else(|| TaskError::Refused {
            code: "unknown_expert".to_owned(),
            message: "no expert with this card runs here".to_owned(),
        })?;
        if hosted.price_micro > offer.price_micro_max {
            return Err(TaskError::Refused {
                code: "price".to_owned(),
                message: format!("a token costs {} millionths of a credit", hosted.price_micro),
            });
        }
        let model = hosted.backend.facts().sha256;
        let request = request_of(&hosted.backend, offer, how).await.map_err(to_task_error)?;
        let generation = hosted.backend.generate(request).await.map_err(to_task_error)?;
        Ok(Job { model, price_micro: hosted.price_micro, events: events_of(generation) })
    }
}

impl Service for Host {
    fn accept(&self, peer: PeerKey, offer: Offer) -> BoxFuture<'_, Result<Job, TaskError>> {
        Box::pin(async move {
            if !self.openings.has_room() {
                return Err(TaskError::Busy { retry_after_ms: OPENINGS_RETRY_MS });
            }
            let (mut priority, mut reservation) = (Priority::default(), None);
            if let Some(ledger) = &self.ledger {
                let price_micro = self.get(offer.card).map_or(0, |hosted| hosted.price_micro);
                let cost_micro = price_micro.saturating_mul(offer.max_tokens.into());
                reservation = ledger.admit(peer, offer.task_id, cost_micro).await?;
                priority = ledger.priority_of(peer);
            }
            // What another began is nobody's to answer for.
            let nonce = offer.continues.is_empty().then_some(offer.task_id);
            let job = self.take_on(offer, How { nonce, priority, asker: Some(peer) }).await?;
            // Reserved for as long as the work goes on.
            let events = job.events.inspect(move |event| {
                if let (Ok(TaskEvent::Done { .. }), Some(reservation)) = (event, &mut reservation) {
                    reservation.done();
                }
            });
            let events = events.boxed();
            Ok(Job { events, ..job })
        })
    }

    fn loading(&self, card: Sha256Hash) -> Option<u8> {
        let progress = self.get(card)?.backend.loading()?;
        *progress.borrow()
    }

    fn committed(&self, peer: PeerKey, commitment: Commitment, evidence: Evidence) {
        self.openings.keep(peer, commitment, evidence);
    }

    fn delivered(&self, peer: PeerKey, delivery: Delivery) {
        if let Some(ledger) = &self.ledger {
            ledger.gave(peer, delivery);
        }
    }
}

impl receipts::Service for Host {
    fn settle(
        &self,
        peer: PeerKey,
        versions: Vec<Version>,
    ) -> BoxFuture<'_, Result<Vec<Settlement>, TaskError>> {
        match &self.ledger {
            Some(ledger) => ledger.settle(peer, versions),
            None => {
                let none = Settlement::Refused("this node keeps no ledger".to_owned());
                Box::pin(async move { Ok(vec![none; versions.len()]) })
            }
        }
    }
}

impl audit::Service for Host {
    fn opened(&self, peer: PeerKey, task_id: [u8; 16]) -> Result<(Commitment, Evidence), TaskError> {
        self.openings.of(peer, task_id).ok_or_else(|| TaskError::Refused {
            code: "unknown_task".to_owned(),
            message: "no evidence is kept of such a task of yours".to_owned(),
        })
    }

    fn replay(&self, _: PeerKey, replay: Replay) -> BoxFuture<'_, Result<Option<Computed>, TaskError>> {
        Box::pin(async move {
            let worker = self.worker_of(replay.model).ok_or_else(|| TaskError::Refused {
                code: "unknown_model".to_owned(),
                message: "no expert with this model runs here".to_owned(),
            })?;
            // Those who want answers come first.
            let has_slot = worker.slots().borrow().free > 0;
            let Some(_turn) = self.replays.try_acquire().ok().filter(|_| has_slot) else {
                return Err(TaskError::Busy { retry_after_ms: REPLAY_RETRY_MS });
            };
            // Whoever asked has given up by then.
            let computing = tokio::time::timeout(REPLAY_TIME_MAX, audits::computed(&worker, &replay));
            computing.await.unwrap_or(Err(inference::Error::Deadline)).map_err(to_task_error)
        })
    }
}

async fn request_of(
    backend: &Backend,
    offer: Offer,
    How { nonce, priority, asker }: How,
) -> Result<inference::Request, inference::Error> {
    let deadline = tokio::time::Instant::now() + Duration::from_millis(u64::from(offer.deadline_ms));
    let grammar = match offer.grammar {
        Some(text) => Some(Box::new(backend.grammar(text).await?)),
        None => None,
    };
    Ok(inference::Request {
        messages: offer.messages,
        sampling: offer.sampling,
        seed: offer.seed,
        max_tokens: offer.max_tokens,
        deadline: Some(deadline),
        stop: offer.stop,
        top_logprobs: offer.top_logprobs,
        grammar,
        nonce,
        priority,
        asker,
        continues: offer.continues,
    })
}

fn events_of(generation: inference::Generation) -> BoxStream<'static, Result<TaskEvent, TaskError>> {
    futures::stream::unfold(generation, |mut generation| async move {
        let event = generation.next().await?;
        Some((event.map_err(to_task_error), generation))
    })
    .boxed()
}

fn to_task_error(error: inference::Error) -> TaskError {
    match error {
        inference::Error::Busy { retry_after_ms } => TaskError::Busy { retry_after_ms },
        error @ inference::Error::TooLong { .. } => {
            TaskError::Refused { code: "too_long".to_owned(), message: error.to_string() }
        }
        // A template refuses conversations that it does not know: no fault of the expert's.
        error @ (inference::Error::Invalid(_) | inference::Error::Template(_)) => {
            TaskError::Refused { code: "invalid".to_owned(), message: error.to_string() }
        }
        inference::Error::Deadline => {
            TaskError::Failed { code: "deadline".to_owned(), message: "time ran out".to_owned() }
        }
        error => {
            // What went wrong inside stays inside; the asker learns only that it did.
            tracing::warn!(%error, "a task failed");
            TaskError::Failed {
                code: "internal".to_owned(),
                message: "the expert could not finish".to_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_that_the_template_refuses_is_no_failure_of_the_expert() {
        let refused = to_task_error(inference::Error::Template("turns must alternate".to_owned()));
        let TaskError::Refused { code, message } = refused else { panic!("{refused:?}") };
        assert_eq!(code, "invalid");
        assert!(message.contains("turns must alternate"), "{message}");
    }
}
