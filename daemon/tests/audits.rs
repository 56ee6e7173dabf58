//! Audits between real nodes: honest experts pass, those that run something else than they claim are found and asked no more.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/fakes.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod fakes;
#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use fakes::{Fake, Kind};
use polymath::coordinator::{Error, Question, Target};
use polymath::node::Node;
use polymath_swarm::audit::Finding;
use polymath_swarm::identity::PeerKey;
use sandbox::Running;

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
    let encoder = fakes::encoder().await;
    for (kind, most) in [
        (Kind::OtherModel, 3),
        (Kind::CutsOff, 1),
        (Kind::OtherText, 1),
        (Kind::TextAlone, 1),
        (Kind::Contradicts, 1),
        // Fifteen in a row: a dead or overloaded node opens nothing either.
        (Kind::Withholds, 16),
    ] {
        let seed = sandbox::start(&[], &[]).await;
        let Fake { network, .. } = &fakes::start(kind, &encoder, &seed.addresses()).await;
        let node = asker(&seed.addresses(), true).await;
        let bystander = asker(&seed.addresses(), true).await;
        node.knows(&["arithmetic"]).await;
        let audits = audited_until(&node, network.peer(), Finding::Fail).await;
        // Some may have been under way already.
        assert!(audits <= most + 4, "{kind:?} took {audits}");
        let refused = node.ask("What is 40 plus 2?").await.err();
        assert!(matches!(refused, Some(Error::NoExpert { .. })), "{kind:?}: {refused:?}");
        let target = Target::Expert("arithmetic".to_owned());
        let named = node.ask_with(Question { target, ..Question::new("What is 40 plus 2?") }).await;
        let error = named.err().expect("not by name either").to_string();
        assert!(error.contains("convicted by audits"), "{error}");
        if kind == Kind::Contradicts {
            // Proven by its own signatures: nobody has to take another's word for it.
            let knows = || {
                let all = bystander.node.coordinator().reputations().into_iter();
                all.map(|known| known.reputation).any(|r| r.expert.0 == network.peer() && r.is_proven)
            };
            sandbox::until("the proof has reached a bystander", async || knows()).await;
        }
        network.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_node_audits_for_those_without_the_model_but_convicts_nobody_alone() {
    let honest = sandbox::start(&["arithmetic"], &[]).await;
    let encoder = fakes::encoder().await;
    let Fake { network, .. } = &fakes::start(Kind::OtherModel, &encoder, &honest.addresses()).await;
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
