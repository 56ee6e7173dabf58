//! Reputation between real nodes: in a swarm of twelve, four of which are bad, the bad ones lose the work.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/fakes.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod fakes;
#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use fakes::{Fake, Kind};
use polymath::coordinator::{Question, Verdict};
use polymath::node::Node;
use polymath_swarm::trust::Tier;
use sandbox::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_friends_friend_is_recommended_and_strangers_words_count_for_nothing() {
    let friend = sandbox::start(&[], &[]).await;
    let theirs = sandbox::start(&["chemistry"], &friend.addresses()).await;
    let (stranger, sybil) = (
        sandbox::start(&[], &friend.addresses()).await,
        sandbox::start(&["geography"], &friend.addresses()).await,
    );
    let me = sandbox::start(&[], &friend.addresses()).await;
    me.knows(&["chemistry", "geography"]).await;
    let peer = |running: &Running| running.node.coordinator().network().peer();
    stranger.node.coordinator().endorse(peer(&sybil), true).await.unwrap();
    friend.node.coordinator().endorse(peer(&theirs), true).await.unwrap();
    assert!(me.node.coordinator().endorse(peer(&friend), true).await.unwrap());
    let reputation = |of: &Running| {
        let all = me.node.coordinator().reputations();
        all.into_iter().map(|known| known.reputation).find(|r| r.expert.0 == peer(of)).unwrap()
    };
    sandbox::until("the friend's word is heard", async || reputation(&theirs).recommended > 0.0).await;
    assert_eq!(reputation(&theirs).tier, Tier::Known);
    let unknown = reputation(&sybil);
    assert_eq!((unknown.tier, unknown.recommended), (Tier::Unknown, 0.0));
}

/// Questions in all, and those at the end that count.
const QUESTIONS: (u32, u32) = (500, 100);
/// Of so many answers one is judged.
const JUDGED: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_third_of_bad_experts_gets_next_to_nothing_after_some_hundred_questions() {
    let seed = sandbox::start(&[], &[]).await;
    let encoder = fakes::encoder().await;
    let kinds = [Kind::Wrong, Kind::Slow, Kind::Boaster, Kind::OtherModel];
    let mut experts: Vec<Fake> = Vec::new();
    for kind in kinds.into_iter().chain([Kind::Honest; 8]) {
        experts.push(fakes::start(kind, &encoder, &seed.addresses()).await);
    }
    let state = tempfile::tempdir().unwrap();
    let config = sandbox::config(&[], &seed.addresses(), state.path());
    let node = Running { node: Node::start(config).await.unwrap(), state };
    let coordinator = node.node.coordinator();
    sandbox::until("all twelve are known", async || coordinator.experts().len() == 12).await;

    let mut to_bad = Vec::new();
    for number in 0..QUESTIONS.0 {
        let (a, b) = (2 + number % 40, 3 + number % 37);
        let question =
            Question { seed: Some(number.into()), ..Question::new(format!("What is {a} plus {b}?")) };
        let asked = node.ask_with(question).await;
        let Ok(asked) = asked else { continue };
        let result = &asked.results[0];
        let chosen = result.expert.as_ref().unwrap().advert.peer;
        let kind = experts.iter().find(|expert| expert.network.peer() == chosen).unwrap().kind;
        if kind != Kind::Honest {
            to_bad.push((number, kind));
        }
        if number % JUDGED == 0 {
            let is_good = result.result == (a + b).to_string();
            let verdict = if is_good { Verdict::Good } else { Verdict::Bad };
            coordinator.feedback(result.task_id.unwrap(), verdict).await.unwrap();
        }
    }
    let late = to_bad.iter().filter(|(number, _)| *number >= QUESTIONS.0 - QUESTIONS.1).count();
    println!(
        "{} of {} tasks went to bad experts, {late} of the last {}",
        to_bad.len(),
        QUESTIONS.0,
        QUESTIONS.1
    );
    assert!(late <= 3, "more than three in a hundred: {to_bad:?}");
    let reputations = coordinator.reputations();
    let tier = |kind: Kind| {
        let of_kind = experts.iter().filter(|expert| expert.kind == kind).map(|expert| expert.network.peer());
        let tiers = of_kind.filter_map(|peer| reputations.iter().find(|r| r.reputation.expert.0 == peer));
        tiers.map(|known| known.reputation.tier).collect::<Vec<_>>()
    };
    assert!(tier(Kind::Honest).iter().any(|tier| *tier >= Tier::Verified), "{:?}", tier(Kind::Honest));
    assert_eq!(tier(Kind::OtherModel), [Tier::Unknown]);
}
