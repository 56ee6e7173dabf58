//! One task to one expert: over the network, or straight to the host of this node.

use super::audits::Finished;
use super::reputation::{Reputations, Speed};
use super::{Candidate, Inner, Ledger};
use crate::network::task::{Delivery, Loading};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use polymath_swarm::capability::Advert;
use polymath_swarm::task::{Backing, Offer, TaskError, TaskEvent};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How much earlier than this node's own clock says an expert may find the deadline passed.
const CLOCKS_APART: Duration = Duration::from_millis(500);

/// Offers the task and returns what the expert reports; if its model has to be loaded first, `loading` is told how far that is. What another node's expert does is remembered, and when it is done, an
/// audit may follow.
pub(super) async fn open(
    inner: &Inner,
    candidate: &Candidate,
    offer: Offer,
    loading: Loading,
) -> Result<BoxStream<'static, Result<TaskEvent, TaskError>>, TaskError> {
    let peer = candidate.advert.peer;
    if peer == inner.network.peer() {
        return Ok(inner.host.accept_own(offer, &loading).await?.events);
    }
    let mut watch = Watch::of(inner, candidate, offer.clone());
    let opened = inner.network.open_task_watched(peer, offer, loading).await;
    let remote = opened.inspect_err(|error| watch.failed(error))?;
    watch.price_micro = remote.price_micro();
    Ok(futures::stream::unfold((remote, watch), |(mut remote, mut watch)| async move {
        let event = remote.next().await?;
        watch.saw(&event);
        Some((event, (remote, watch)))
    })
    .boxed())
}

/// What is seen of a task that another node's expert does.
struct Watch {
    reputations: Arc<Reputations>,
    ledger: Ledger,
    tracker: TaskTracker,
    stop: CancellationToken,
    advert: Arc<Advert>,
    offer: Offer,
    offered: Instant,
    accepted: bool,
    price_micro: u64,
    ids: Vec<u32>,
    text: String,
    speed: Speed,
}

impl Watch {
    fn of(inner: &Inner, candidate: &Candidate, offer: Offer) -> Self {
        Self {
            reputations: inner.reputations.clone(),
            ledger: inner.ledger.clone(),
            tracker: inner.tracker.clone(),
            stop: inner.stop.clone(),
            advert: candidate.advert.clone(),
            offer,
            offered: Instant::now(),
            accepted: false,
            price_micro: 0,
            ids: Vec::new(),
            text: String::new(),
            speed: Speed::default(),
        }
    }

    fn saw(&mut self, event: &Result<TaskEvent, TaskError>) {
        match event {
            Ok(TaskEvent::Accepted { .. }) => self.accepted = true,
            Ok(TaskEvent::Tokens { ids, text, .. }) => {
                self.speed.came(ids.len());
                self.ids.extend(ids);
                self.text.push_str(text);
            }
            Ok(done @ TaskEvent::Done { completion_tokens, .. }) => {
                self.ledger.owe(
                    self.advert.peer,
                    Delivery {
                        task_id: self.offer.task_id,
                        card: self.offer.card,
                        tokens: *completion_tokens,
                        price_micro: self.price_micro,
                        price_micro_max: self.offer.price_micro_max,
                    },
                );
                let (tokens, seconds) = self.speed.of_rest();
                self.reputations.finished(&self.advert, tokens, seconds);
                self.audit(done);
            }
            Err(error) => self.failed(error),
        }
    }

    /// What fails because this node stops is not the expert's fault.
    fn failed(&self, error: &TaskError) {
        if !self.stop.is_cancelled() {
            let left =
                Duration::from_millis(self.offer.deadline_ms.into()).saturating_sub(self.offered.elapsed());
            self.reputations.failed(&self.advert, error, (self.accepted, left < CLOCKS_APART));
        }
    }

    /// Audits the finished task if it is due, off the answer's path.
    fn audit(&self, done: &TaskEvent) {
        let TaskEvent::Done { finish_reason, prompt_tokens, backing, .. } = done else { return };
        let audits = self.reputations.audits.clone();
        // The tokens before are another's.
        if !self.offer.continues.is_empty() || !audits.is_due(&self.advert) {
            return;
        }
        let finished = Finished {
            offer: self.offer.clone(),
            advert: self.advert.clone(),
            ids: self.ids.clone(),
            text: self.text.clone(),
            finish_reason: *finish_reason,
            prompt_tokens: *prompt_tokens,
            commitment: match backing {
                Backing::Signed(commitment) => Some(**commitment),
                Backing::None | Backing::Noted(_) => None,
            },
        };
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled(audits.audit(finished)).await });
    }
}
