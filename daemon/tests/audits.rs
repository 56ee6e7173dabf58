//! Audits between real nodes: honest experts pass, those that run something else than they claim are found and asked no more.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use polymath::catalog::{self, Entry};
use polymath::coordinator::{Error, Host, Hosted, Question, ReEmbedding, Target};
use polymath::embedding::Encoder;
use polymath::inference::{self, Worker};
use polymath::network::task::{Job, Service};
use polymath::network::{Identity, Network, SlotUse, audit};
use polymath::node::Node;
use polymath_swarm::audit::{Computed, Evidence, Finding, Replay, Reported};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::task::{Backing, Commitment, FinishReason, Offer, TaskError, TaskEvent};
use sandbox::{Running, assets};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;

/// How an expert cheats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cheat {
    /// It runs another training of the claimed model.
    OtherModel,
    /// It runs the claimed model and stops after one token, as if that were all.
    CutsOff,
    /// It runs the claimed model and opens nothing.
    Withholds,
    /// It runs the claimed model and opens something else than it committed to.
    Contradicts,
}

/// A node whose one expert claims the bundled arithmetic model.
struct FakeExpert {
    host: Host,
    claimed: Sha256Hash,
    cheat: Cheat,
}

impl Service for FakeExpert {
    fn accept(&self, peer: PeerKey, offer: Offer) -> BoxFuture<'_, Result<Job, TaskError>> {
        async move {
            let job = self.host.accept(peer, offer).await?;
            let (cheat, mut said) = (self.cheat, 0);
            let events = job.events.filter_map(move |event| {
                let event = match event {
                    Ok(TaskEvent::Tokens { .. }) if cheat == Cheat::CutsOff && said > 0 => None,
                    Ok(TaskEvent::Tokens { sequence, ids, text, logprobs }) => {
                        said += ids.len();
                        let one = cheat == Cheat::CutsOff;
                        let ids = if one { ids[..1].to_vec() } else { ids };
                        Some(Ok(TaskEvent::Tokens { sequence, ids, text, logprobs }))
                    }
                    Ok(TaskEvent::Done { prompt_tokens, backing: Backing::Noted(mut evidence), .. })
                        if cheat == Cheat::CutsOff =>
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
}

impl audit::Service for FakeExpert {
    fn opened(&self, peer: PeerKey, task_id: [u8; 16]) -> Result<(Commitment, Evidence), TaskError> {
        let (commitment, evidence) = self.host.opened(peer, task_id)?;
        match self.cheat {
            Cheat::Withholds => Err(TaskError::Failed { code: "internal".into(), message: "lost".into() }),
            Cheat::Contradicts => {
                let end = Some(Reported { id: 1, steps: 0, top: Vec::new() });
                Ok((commitment, Evidence { end, ..evidence }))
            }
            Cheat::OtherModel | Cheat::CutsOff => Ok((commitment, evidence)),
        }
    }

    fn replay(&self, peer: PeerKey, replay: Replay) -> BoxFuture<'_, Result<Option<Computed>, TaskError>> {
        self.host.replay(peer, replay)
    }
}

fn entry(card: PathBuf) -> Entry {
    catalog::resolve(&catalog::Config { card: Some(card), ..catalog::Config::default() }).unwrap()
}

async fn worker(model: &Path) -> Worker {
    let config = inference::Config {
        model_path: model.to_owned(),
        context_tokens: 256,
        slots: 4,
        queue: 8,
        ..inference::Config::default()
    };
    Worker::load(config).await.unwrap()
}

/// Starts a cheat in this process; it lives as long as what is returned.
async fn cheating(cheat: Cheat, bootstrap: &[String]) -> (Network, TempDir) {
    let state = tempfile::tempdir().unwrap();
    let arithmetic = entry(assets().experts_dir().join("arithmetic").join(catalog::CARD_NAME));
    let honest = worker(&arithmetic.model_path).await;
    let claimed = honest.facts().clone();
    let twin = assets().ensembles_dir().join("arithmetic_a").join("arithmetic_a.gguf");
    let running = if cheat == Cheat::OtherModel { worker(&twin).await } else { honest };
    let mut config = sandbox::config(&[], bootstrap, state.path());
    config.network.bootstrap = bootstrap.to_vec();
    let encoder = Encoder::open(config.embedding.clone()).await.unwrap();
    let texts = std::iter::once(&arithmetic.description).chain(&arithmetic.exemplars).cloned().collect();
    let embeddings = encoder.embed(texts).await.unwrap().iter().map(|e| e.quantise()).collect();
    let host = Host::default();
    let service = Arc::new(FakeExpert { host: host.clone(), claimed: claimed.sha256, cheat });
    let network = Network::start(
        config.network,
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
    let hash = network.announce(card, announced, || 1_000.0).await.unwrap();
    host.insert(hash, Hosted { id: "arithmetic".into(), worker: running, price_micro: 0 });
    // The status goes on as it is for as long as the network lives.
    std::mem::forget(slots);
    (network, state)
}

/// A node that audits everything it asks of others.
async fn asker(bootstrap: &[String], has_models: bool) -> Running {
    let state = tempfile::tempdir().unwrap();
    let mut config = sandbox::config(&["geography"], bootstrap, state.path());
    config.ask.audit.rate = 1.0;
    if !has_models {
        config.ask.audit.cards = None;
    }
    Running { node: Node::start(config).await.unwrap(), state }
}

fn standing_of(node: &Running, peer: PeerKey) -> Option<polymath_swarm::audit::Standing> {
    let all = node.node.coordinator().audited();
    all.into_iter().find(|audited| audited.expert.0 == peer).map(|audited| audited.standing)
}

/// Asks until the audits of `peer` have come to `finding`; how many there were then.
async fn audited_until(node: &Running, peer: PeerKey, finding: Finding) -> u32 {
    let mut asked = 0;
    sandbox::until(&format!("the audits come to {finding:?}"), async || {
        asked += 1;
        // From its conviction on nobody is left to answer.
        let _ = node.ask(&format!("What is {} plus {}?", 20 + asked, 31 + 2 * asked)).await;
        let standing = standing_of(node, peer);
        standing.is_some_and(|standing| standing.finding() == finding)
    })
    .await;
    standing_of(node, peer).unwrap().audits()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_expert_passes() {
    let expert = sandbox::start(&["arithmetic"], &[]).await;
    let node = asker(&expert.addresses(), true).await;
    node.knows(&["arithmetic"]).await;
    let peer = expert.node.coordinator().network().peer();
    audited_until(&node, peer, Finding::Pass).await;
    let log = node.node.coordinator().audit_log(10).await.unwrap();
    let own = node.node.coordinator().network().peer().to_did();
    for (_, record) in &log {
        assert_eq!((record.outcome.as_str(), record.auditor.as_ref()), ("honest", Some(&own)), "{record:?}");
        assert!(record.divergence.unwrap() < 1e-5 && record.positions > 10, "{record:?}");
    }
    let asked = node.ask("What is 40 plus 2?").await.unwrap();
    assert_eq!(asked.results[0].expert.as_ref().unwrap().factors.trust, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_runs_something_else_is_convicted_and_asked_no_more() {
    for (cheat, most) in [
        (Cheat::OtherModel, 3),
        (Cheat::CutsOff, 1),
        (Cheat::Contradicts, 1),
        // Fifteen in a row: a dead or overloaded node opens nothing either.
        (Cheat::Withholds, 16),
    ] {
        let seed = sandbox::start(&[], &[]).await;
        let (network, _state) = cheating(cheat, &seed.addresses()).await;
        let node = asker(&seed.addresses(), true).await;
        node.knows(&["arithmetic"]).await;
        let audits = audited_until(&node, network.peer(), Finding::Fail).await;
        // Some may have been under way already.
        assert!(audits <= most + 4, "{cheat:?} took {audits}");
        let refused = node.ask("What is 40 plus 2?").await.err();
        assert!(matches!(refused, Some(Error::NoExpert { .. })), "{cheat:?}: {refused:?}");
        let target = Target::Expert("arithmetic".to_owned());
        let named = node.ask_with(Question { target, ..Question::new("What is 40 plus 2?") }).await;
        let error = named.err().expect("not by name either").to_string();
        assert!(error.contains("convicted by audits"), "{error}");
        network.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_node_audits_for_those_without_the_model_but_convicts_nobody_alone() {
    let honest = sandbox::start(&["arithmetic"], &[]).await;
    let (network, _state) = cheating(Cheat::OtherModel, &honest.addresses()).await;
    let node = asker(&honest.addresses(), false).await;
    sandbox::until("both experts are known", async || node.node.coordinator().experts().len() == 3).await;
    let mut asked = 0;
    sandbox::until("the cheat is suspected", async || {
        asked += 1;
        node.ask(&format!("What is {} plus {}?", 20 + asked, 31 + 2 * asked)).await.unwrap();
        standing_of(&node, network.peer()).is_some_and(|standing| standing.is_suspected())
    })
    .await;
    let standing = standing_of(&node, network.peer()).unwrap();
    assert_ne!(standing.finding(), Finding::Fail, "one auditor alone may lie");
    let log = node.node.coordinator().audit_log(100).await.unwrap();
    let honest_did = honest.node.coordinator().network().peer().to_did();
    let alarm = log.iter().find(|(_, r)| r.outcome == "alarm").expect("an alarm");
    assert_eq!(alarm.1.auditor.as_ref(), Some(&honest_did));
    // What is suspected is not asked while somebody else can do as well.
    let asked = node.ask("What is 40 plus 2?").await.unwrap();
    let chosen = asked.results[0].expert.as_ref().unwrap().advert.peer;
    assert_eq!(chosen, honest.node.coordinator().network().peer());
    network.shutdown().await;
}
