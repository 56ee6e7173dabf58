//! One task to one expert: over the network, or straight to the host of this node.

use super::audits::{Audits, Finished};
use super::{Candidate, Inner};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use polymath_swarm::capability::Advert;
use polymath_swarm::task::{Backing, Offer, TaskError, TaskEvent};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Offers the task and returns what the expert reports. When another node's expert is done, an audit may follow.
pub(super) async fn open(
    inner: &Inner,
    candidate: &Candidate,
    offer: Offer,
) -> Result<BoxStream<'static, Result<TaskEvent, TaskError>>, TaskError> {
    let peer = candidate.advert.peer;
    if peer == inner.network.peer() {
        return Ok(inner.host.accept_own(offer).await?.events);
    }
    let remote = inner.network.open_task(peer, offer.clone()).await?;
    let watched = (remote, Vec::new(), Auditing::of(inner, candidate, offer));
    Ok(futures::stream::unfold(watched, |(mut remote, mut ids, auditing)| async move {
        let event = remote.next().await?;
        match &event {
            Ok(TaskEvent::Tokens { ids: more, .. }) => ids.extend(more),
            Ok(done @ TaskEvent::Done { .. }) => auditing.after(done, &ids),
            Ok(TaskEvent::Accepted { .. }) | Err(_) => {}
        }
        Some((event, (remote, ids, auditing)))
    })
    .boxed())
}

/// What an audit of a task needs once it is done.
struct Auditing {
    audits: Arc<Audits>,
    tracker: TaskTracker,
    stop: CancellationToken,
    advert: Arc<Advert>,
    offer: Offer,
}

impl Auditing {
    fn of(inner: &Inner, candidate: &Candidate, offer: Offer) -> Self {
        Self {
            audits: inner.audits.clone(),
            tracker: inner.tracker.clone(),
            stop: inner.stop.clone(),
            advert: candidate.advert.clone(),
            offer,
        }
    }

    /// Audits the finished task if it is due, off the answer's path.
    fn after(&self, done: &TaskEvent, ids: &[u32]) {
        let TaskEvent::Done { finish_reason, prompt_tokens, backing, .. } = done else { return };
        if !self.audits.is_due(&self.advert) {
            return;
        }
        let finished = Finished {
            offer: self.offer.clone(),
            advert: self.advert.clone(),
            ids: ids.to_vec(),
            finish_reason: *finish_reason,
            prompt_tokens: *prompt_tokens,
            commitment: match backing {
                Backing::Signed(commitment) => Some(**commitment),
                Backing::None | Backing::Noted(_) => None,
            },
        };
        let (audits, stop) = (self.audits.clone(), self.stop.clone());
        self.tracker.spawn(async move { stop.run_until_cancelled(audits.audit(finished)).await });
    }
}
