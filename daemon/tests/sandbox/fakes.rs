//! Experts that are not what they should be, in this process, on real networks.

use super::sandbox::{self, assets};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use polymath::catalog::{self, Entry};
use polymath::coordinator::{Host, Hosted, ReEmbedding};
use polymath::embedding::Encoder;
use polymath::inference::{self, Backend, Budget, Hot};
use polymath::network::task::{Delivery, Job, Service};
use polymath::network::{ExpertState, Identity, Network, SlotUse, audit, card_hash, receipts};
use polymath_swarm::audit::{Computed, Evidence, Replay, Reported};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::{Settlement, Version};
use polymath_swarm::task::{Backing, Commitment, FinishReason, Offer, TaskError, TaskEvent};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

/// How an expert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it should be.
    Honest,
    /// It has an arithmetic card and knows geography; its model is the one that it claims.
    Wrong,
    /// It begins late.
    Slow,
    /// It is much slower than it says.
    Boaster,
    /// It runs another training of the claimed model.
    OtherModel,
    /// It runs the claimed model and stops after one token, as if that were all.
    CutsOff,
    /// It runs the claimed model and writes something else beside its tokens.
    OtherText,
    /// It sends a text and no tokens at all.
    TextAlone,
    /// It runs the claimed model and opens nothing.
    Withholds,
    /// It runs the claimed model and opens something else than it committed to.
    Contradicts,
    /// It says these things, in turn.
    Says(&'static [String]),
    /// It begins at once ten times, and half a minute late from then on.
    Tires,
    /// It breaks off what it begins, after few tokens or many, and finishes what others have begun.
    BreaksOff,
}

/// How late the slow begin.
const SLOW: Duration = Duration::from_secs(2);
/// How fast the boasting are; they say a thousand.
const BOASTER_TOKENS_PER_SECOND: u32 = 15;

/// A node whose one expert claims the bundled arithmetic model.
struct FakeExpert {
    host: Host,
    claimed: Sha256Hash,
    kind: Kind,
    answers: AtomicUsize,
    heard: Heard,
    given_up: Arc<AtomicUsize>,
}

/// Counts if it is dropped before its time.
struct GivenUp<'a>(&'a AtomicUsize);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Every offer that came.
pub(crate) type Heard = Arc<Mutex<Vec<Offer>>>;

impl Service for FakeExpert {
    fn accept(&self, peer: PeerKey, offer: Offer) -> BoxFuture<'_, Result<Job, TaskError>> {
        async move {
            self.heard.lock().unwrap().push(offer.clone());
            if self.kind == Kind::Tires && self.heard.lock().unwrap().len() > 10 {
                let given_up = GivenUp(&self.given_up);
                tokio::time::sleep(Duration::from_secs(30)).await;
                std::mem::forget(given_up);
            }
            if self.kind == Kind::Slow {
                tokio::time::sleep(SLOW).await;
            }
            let is_fresh = offer.continues.is_empty();
            let job = self.host.accept(peer, offer).await?;
            let (kind, mut said) = (self.kind, 0);
            let breaks_off = kind == Kind::BreaksOff && is_fresh;
            let most =
                if breaks_off { 1 + self.answers.fetch_add(1, Ordering::Relaxed) % 40 } else { usize::MAX };
            let mut words = match kind {
                Kind::Says(all) => Some(&all[self.answers.fetch_add(1, Ordering::Relaxed) % all.len()]),
                _ => None,
            };
            let events = job.events.filter_map(move |event| {
                let event = match event {
                    Ok(TaskEvent::Tokens { .. } | TaskEvent::Done { .. }) if said >= most => {
                        Some(Err(TaskError::Failed { code: "internal".into(), message: "it broke".into() }))
                    }
                    Ok(TaskEvent::Tokens { .. }) if kind == Kind::CutsOff && said > 0 => None,
                    Ok(TaskEvent::Tokens { text, .. }) if kind == Kind::TextAlone && text.is_empty() => None,
                    Ok(TaskEvent::Tokens { sequence, ids, logprobs, .. })
                        if matches!(kind, Kind::Says(_)) =>
                    {
                        let text = words.take().cloned().unwrap_or_default();
                        Some(Ok(TaskEvent::Tokens { sequence, ids, text, logprobs }))
                    }
                    Ok(TaskEvent::Tokens { sequence, ids, text, logprobs }) => {
                        said += ids.len();
                        let one = kind == Kind::CutsOff;
                        let ids = if one { ids[..1].to_vec() } else { ids };
                        let text = if kind == Kind::OtherText { text.replace('1', "7") } else { text };
                        let (ids, sequence) =
                            if kind == Kind::TextAlone { (vec![], 0) } else { (ids, sequence) };
                        Some(Ok(TaskEvent::Tokens { sequence, ids, text, logprobs }))
                    }
                    Ok(TaskEvent::Done { prompt_tokens, backing: Backing::Noted(mut evidence), .. })
                        if kind == Kind::CutsOff =>
                    {
                        evidence.answer.truncate(1);
                        evidence.end = None;
                        let (finish_reason, backing) = (FinishReason::Stop, Backing::Noted(evidence));
                        Some(Ok(TaskEvent::Done {
                            finish_reason,
                            prompt_tokens,
                            completion_tokens: 1,
                            backing,
                        }))
                    }
                    event => Some(event),
                };
                async move { event }
            });
            Ok(Job { model: self.claimed, events: events.boxed(), ..job })
        }
        .boxed()
    }

    fn committed(&self, peer: PeerKey, commitment: Commitment, evidence: Evidence) {
        self.host.committed(peer, commitment, evidence);
    }

    fn delivered(&self, peer: PeerKey, delivery: Delivery) {
        self.host.delivered(peer, delivery);
    }
}

impl receipts::Service for FakeExpert {
    fn settle(
        &self,
        peer: PeerKey,
        versions: Vec<Version>,
    ) -> BoxFuture<'_, Result<Vec<Settlement>, TaskError>> {
        self.host.settle(peer, versions)
    }
}

impl audit::Service for FakeExpert {
    fn opened(&self, peer: PeerKey, task_id: [u8; 16]) -> Result<(Commitment, Evidence), TaskError> {
        let (commitment, evidence) = self.host.opened(peer, task_id)?;
        match self.kind {
            Kind::Withholds => Err(TaskError::Failed { code: "internal".into(), message: "lost".into() }),
            Kind::Contradicts => {
                let end = Some(Reported { id: 1, steps: 0, top: Vec::new() });
                Ok((commitment, Evidence { end, ..evidence }))
            }
            _ => Ok((commitment, evidence)),
        }
    }

    fn replay(&self, peer: PeerKey, replay: Replay) -> BoxFuture<'_, Result<Option<Computed>, TaskError>> {
        self.host.replay(peer, replay)
    }
}

fn entry(card: PathBuf) -> Entry {
    catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() }).unwrap()
}

async fn worker(model: &Path, tokens_per_second: u32) -> Hot {
    let config = inference::Config {
        model_path: model.to_owned(),
        context_tokens: 256,
        slots: 4,
        queue: 8,
        tokens_per_second,
        ..inference::Config::default()
    };
    Hot::load(config, Budget::new(0)).await.unwrap()
}

/// A fake expert's network, and the folder of its identity; it is there as long as this is.
pub(crate) struct Fake {
    pub(crate) network: Network,
    pub(crate) kind: Kind,
    pub(crate) heard: Heard,
    /// How many tasks their askers gave up while it was late.
    pub(crate) given_up: Arc<AtomicUsize>,
    _state: TempDir,
    _slots: watch::Sender<SlotUse>,
}

/// The encoder that all of them share.
pub(crate) async fn encoder() -> Encoder {
    let state = tempfile::tempdir().unwrap();
    Encoder::open(sandbox::config(&[], &[], state.path()).embedding).await.unwrap()
}

/// Starts an expert with the bundled arithmetic card in this process.
pub(crate) async fn start(kind: Kind, encoder: &Encoder, bootstrap: &[String]) -> Fake {
    let state = tempfile::tempdir().unwrap();
    let arithmetic = entry(assets().experts_dir().join("arithmetic").join(catalog::CARD_NAME));
    let geography = assets().experts_dir().join("geography").join("geography.gguf");
    let twin = assets().ensembles_dir().join("arithmetic_a").join("arithmetic_a.gguf");
    let model = match kind {
        Kind::Wrong => &geography,
        Kind::OtherModel => &twin,
        _ => &arithmetic.model_path,
    };
    let running = worker(model, if kind == Kind::Boaster { BOASTER_TOKENS_PER_SECOND } else { 0 }).await;
    let claimed = match kind {
        Kind::OtherModel => worker(&arithmetic.model_path, 0).await.facts().clone(),
        _ => running.facts().clone(),
    };
    let texts = std::iter::once(&arithmetic.description).chain(&arithmetic.exemplars).cloned().collect();
    let embeddings = encoder.embed(texts).await.unwrap().iter().map(|e| e.quantise()).collect();
    let (host, heard, given_up) = (Host::default(), Heard::default(), Arc::default());
    let service = Arc::new(FakeExpert {
        host: host.clone(),
        claimed: claimed.sha256,
        kind,
        answers: AtomicUsize::new(0),
        heard: heard.clone(),
        given_up: Arc::clone(&given_up),
    });
    let network = Network::start(
        sandbox::config(&[], bootstrap, state.path()).network,
        Identity::load_or_create(state.path()).unwrap(),
        encoder.space(),
        encoder.codebook(),
        Arc::new(ReEmbedding::new(encoder.clone())),
        service,
    )
    .await
    .unwrap();
    let card = arithmetic.card(claimed, encoder.space(), embeddings);
    let (slots, announced) = watch::channel(SlotUse { slots: 4, free: 4, queued: 0 });
    let hosted = Hosted { id: "arithmetic".into(), backend: Backend::Model(running), price_micro: 0 };
    host.insert(card_hash(&card).unwrap(), hosted);
    network
        .announce(card, 0, announced, || ExpertState { tokens_per_second: 1_000.0, is_loaded: true })
        .await
        .unwrap();
    Fake { network, kind, heard, given_up, _state: state, _slots: slots }
}
