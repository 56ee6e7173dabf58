//! One audit, from the challenge to what came of it.

use super::{Audits, Finished, Outcome};
use crate::inference::{self, ScoreRequest, Worker};
use polymath_swarm::audit::{Claim, Computed, Evidence, Examination, REPLAY_TOP, Replay, Scores};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::task::{Commitment, TaskError};
use rand::seq::IndexedRandom as _;
use std::time::Duration;

/// Times a busy node is asked.
const ATTEMPTS: u32 = 8;
/// Longest pause between such attempts, whatever the node says: all of them must fit in the minute that evidence is kept.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long this node's own computation may take.
const OWN_TIME_MAX: Duration = Duration::from_secs(120);

/// The opened evidence's hash and the signature under it.
type Opened = (Sha256Hash, [u8; 64]);

impl Audits {
    /// What comes of auditing this task; why nothing, if nobody can compute it again.
    pub(super) async fn outcome_of(
        &self,
        finished: &Finished,
    ) -> Result<(Outcome, Option<Opened>), &'static str> {
        let Some(commitment) = finished.commitment else { return Ok((Outcome::Withheld, None)) };
        let Some((evidence, signature)) = self.opening(finished, &commitment).await else {
            return Ok((Outcome::Withheld, None));
        };
        let opened = (evidence.hash(), signature);
        if opened.0 != commitment.evidence {
            return Ok((Outcome::Contradiction, Some(opened)));
        }
        let (offer, model) = (&finished.offer, finished.advert.card.model.sha256);
        let end = evidence.end.as_ref().map(|end| end.id);
        let replay = Replay::of(offer, model, &finished.ids, end);
        if replay.ids.is_empty() && finished.text.is_empty() {
            return Err("nothing was said");
        }
        let (auditor, computed) = match replay.ids.is_empty() {
            // A text of no tokens: nothing can have drawn it.
            true => (self.network.peer(), None),
            false if replay.check().is_err() => return Err("the answer is too long to be computed again"),
            false => self.replay(finished, replay).await?,
        };
        let claim = Claim {
            offer,
            answer: &finished.ids,
            text: Sha256Hash::of(finished.text.as_bytes()),
            finish_reason: finished.finish_reason,
            prompt_tokens: finished.prompt_tokens,
            context_tokens: finished.advert.card.model.context_tokens,
            evidence: &evidence,
        };
        let examination = Examination::of(claim, computed.as_ref());
        let p = examination.p(&self.holdings.nulls(model));
        Ok((Outcome::Examined { auditor, examination, p }, Some(opened)))
    }

    /// What the expert opens, if it does and signs it.
    async fn opening(&self, finished: &Finished, commitment: &Commitment) -> Option<(Evidence, [u8; 64])> {
        let expert = finished.advert.peer;
        let opening = patiently(|| self.network.challenge(expert, commitment.task_id)).await;
        let (evidence, signature) = opening
            .inspect_err(|error| tracing::debug!(%error, "an expert did not open what it committed to"))
            .ok()?;
        commitment.verify_opening(expert, evidence.hash(), signature).ok()?;
        Some((evidence, signature))
    }

    /// The answer computed again: here if the model is at hand, else by a random other node that serves it.
    async fn replay(
        &self,
        finished: &Finished,
        replay: Replay,
    ) -> Result<(PeerKey, Option<Computed>), &'static str> {
        let own = self.network.peer();
        if let Some(worker) = self.holdings.worker(replay.model).await {
            let computing = patiently(|| async {
                match computed(&worker, &replay).await {
                    Err(inference::Error::Busy { retry_after_ms }) => Err(TaskError::Busy { retry_after_ms }),
                    Err(error) => Err(TaskError::Unreachable(error.to_string())),
                    Ok(computed) => Ok(computed),
                }
            });
            let computed = tokio::time::timeout(OWN_TIME_MAX, computing).await;
            let computed = computed.map_err(|_| "computing it again took too long")?;
            return computed
                .map(|computed| (own, computed))
                .map_err(|_| "it could not be computed again here");
        }
        if !self.config.others || finished.offer.private {
            return Err("this node does not have the model, and others are not to be asked");
        }
        let mut holders = self.network.directory().adverts();
        let audited = finished.advert.peer;
        let is_other = |peer| peer != audited && peer != own;
        holders.retain(|a| {
            a.card.model.sha256 == replay.model && is_other(a.peer) && !self.is_convicted(a.peer)
        });
        let auditor = holders.choose(&mut rand::rng()).ok_or("nobody else serves the model")?;
        let computed = patiently(|| self.network.replay(auditor, replay.clone())).await;
        computed.map(|computed| (auditor.peer, computed)).map_err(|_| "the auditor did not compute it again")
    }
}

/// What a holder of the model computes; `None` if its vocabulary has no such tokens.
pub async fn computed(worker: &Worker, replay: &Replay) -> Result<Option<Computed>, inference::Error> {
    if !worker.clockwork().is_steady() {
        // Neither side is at fault if the day has changed since.
        return Err(inference::Error::Failed("the model's prompts tell the time".to_owned()));
    }
    let prompt_tokens = u32::try_from(worker.prompt(replay.messages.clone()).await?.ids.len());
    let prompt_tokens = prompt_tokens.unwrap_or(u32::MAX);
    let request = ScoreRequest {
        messages: replay.messages.clone(),
        ids: replay.ids.clone(),
        prompt_places: replay.prompt_places(prompt_tokens),
        top_logprobs: REPLAY_TOP,
        sampler: (!replay.restricted).then(|| replay.sampler.clone()),
        stop: replay.stop.clone(),
        deadline: Some(tokio::time::Instant::now() + OWN_TIME_MAX),
    };
    match worker.score(request).await {
        Ok(scored) => Ok(Some(replay.computed(Scores {
            prompt_tokens: scored.prompt_tokens,
            prompt: &scored.prompt,
            ids: &scored.answer,
            misfits: &scored.misfits,
            ends_turn: scored.ends_turn,
            text: &scored.text,
            stopped: scored.stopped,
        }))),
        // Tokens that the vocabulary does not have.
        Err(inference::Error::Invalid(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks again while the other is busy.
async fn patiently<T, F: Future<Output = Result<T, TaskError>>>(ask: impl Fn() -> F) -> Result<T, TaskError> {
    for _ in 1..ATTEMPTS {
        match ask().await {
            Err(TaskError::Busy { retry_after_ms }) => {
                tokio::time::sleep(Duration::from_millis(retry_after_ms.into()).min(PAUSE_MAX)).await;
            }
            answer => return answer,
        }
    }
    ask().await
}
