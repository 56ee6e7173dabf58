//! Whether what a peer says of its experts is true: signatures, bounds, space, and embeddings against text.
//!
//! This is the slow part (a signature takes tens of microseconds, embedding a card tens of milliseconds), so
//! it runs in tasks of its own, a few at a time, and its verdicts on cards are remembered.

use super::{ClaimCheck, clock};
use lru::LruCache;
use polymath_swarm::capability::{Card, Refusal, Status};
use polymath_swarm::embedding::SpaceId;
use polymath_swarm::identity::{Domain, PeerKey, Sha256Hash};
use polymath_wire::advert::{AdvertResponse, SignedAdvert, WireError, decode_card, decode_status};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Cards embedded again at once: the encoder batches what is queued, more would only wait there.
const CLAIM_CHECKS_MAX: usize = 4;
/// How long embedding one card may take on a machine that answers questions meanwhile.
const CLAIM_CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Verdicts remembered: every card of a full directory and some more.
const VERDICTS: NonZeroUsize = NonZeroUsize::new(32_768).expect("not zero");
/// How long a card stays refused: the fault may have been this node's own encoder.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Checks adverts. Clones share the verdicts.
#[derive(Clone)]
pub(super) struct Checker {
    space: SpaceId,
    dimension: usize,
    claims: Arc<dyn ClaimCheck>,
    turns: Arc<Semaphore>,
    verdicts: Arc<Mutex<LruCache<Sha256Hash, Verdict>>>,
}

#[derive(Clone, Copy)]
struct Verdict {
    honest: bool,
    given: Instant,
}

/// What was found of one peer's response.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Believed, but for sequence and expiry, which the directory judges.
    pub(super) adverts: Vec<(Arc<Card>, Status)>,
    /// How many were refused.
    pub(super) refused: usize,
    /// Of these, those that nobody says by mistake or because his clock is wrong.
    pub(super) lies: usize,
}

impl Checker {
    pub(super) fn new(space: SpaceId, dimension: usize, claims: Arc<dyn ClaimCheck>) -> Self {
        let verdicts = Arc::new(Mutex::new(LruCache::new(VERDICTS)));
        Self { space, dimension, claims, turns: Arc::new(Semaphore::new(CLAIM_CHECKS_MAX)), verdicts }
    }

    /// Checks all that `peer` told of itself.
    pub(super) async fn check(self, peer: PeerKey, response: AdvertResponse) -> Checked {
        let mut checked = Checked::default();
        for advert in response.adverts {
            match self.check_one(peer, &advert).await {
                Ok(believed) => checked.adverts.push(believed),
                Err(error) => {
                    tracing::debug!(?peer, %error, "an advert is refused");
                    checked.refused += 1;
                    checked.lies += usize::from(is_lie(&error));
                }
            }
            // Signatures are plain work: let others run between two adverts.
            tokio::task::yield_now().await;
        }
        checked
    }

    async fn check_one(
        &self,
        peer: PeerKey,
        advert: &SignedAdvert,
    ) -> Result<(Arc<Card>, Status), WireError> {
        if advert.card.signer != peer || advert.status.signer != peer {
            return Err(WireError::OtherSigner);
        }
        advert.status.verify(Domain::Status)?;
        advert.card.verify(Domain::Card)?;
        let hash = advert.card.payload_hash();
        let status = decode_status(&advert.status.payload)?;
        status.check(hash, None, clock::unix_ms())?;
        let card = Arc::new(decode_card(&advert.card.payload)?);
        if card.space != self.space || card.embeddings.iter().any(|e| e.values.len() != self.dimension) {
            return Err(Refusal::OtherSpace.into());
        }
        if !self.is_honest(hash, card.clone()).await {
            return Err(Refusal::FalseClaim.into());
        }
        Ok((card, status))
    }

    async fn is_honest(&self, hash: Sha256Hash, card: Arc<Card>) -> bool {
        if let Some(honest) = self.verdict(hash) {
            return honest;
        }
        // The semaphore is never closed.
        let Ok(_turn) = self.turns.acquire().await else { return false };
        if let Some(honest) = self.verdict(hash) {
            return honest;
        }
        // No answer is no verdict: the encoder may only be busy, and the card is asked for again.
        let Ok(honest) = timeout(CLAIM_CHECK_TIMEOUT, self.claims.check(card)).await else { return false };
        self.verdicts().put(hash, Verdict { honest, given: Instant::now() });
        honest
    }

    fn verdict(&self, hash: Sha256Hash) -> Option<bool> {
        let verdict = *self.verdicts().get(&hash)?;
        (verdict.honest || verdict.given.elapsed() < REFUSAL_LIFETIME).then_some(verdict.honest)
    }

    fn verdicts(&self) -> MutexGuard<'_, LruCache<Sha256Hash, Verdict>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an honest node never says such a thing: it checks its own cards, and signs what it says. Another space is another encoder's, and
/// times depend on clocks; whether embeddings are those of their text was found out by computing, which may fail here.
fn is_lie(error: &WireError) -> bool {
    !matches!(
        error,
        WireError::Refused(
            Refusal::OtherSpace
                | Refusal::FalseClaim
                | Refusal::Expired
                | Refusal::TooFarAhead
                | Refusal::OutOfSequence
        )
    )
}
