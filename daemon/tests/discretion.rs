//! Private questions: what an expert elsewhere hears of them.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/fakes.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod fakes;
#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use fakes::{Fake, Kind};
use polymath::coordinator::{Question, Target, TaskStatus};
use polymath::node::Node;
use polymath_swarm::score::Filter;
use sandbox::Running;

fn private(prompt: &str) -> Question {
    Question { filter: Filter { private: true, ..Filter::default() }, ..Question::new(prompt) }
}

/// What the expert has been asked since the last time.
fn heard(fake: &Fake) -> Vec<String> {
    let offers = std::mem::take(&mut *fake.heard.lock().unwrap());
    assert!(offers.iter().all(|offer| offer.private), "lengths are padded");
    offers.into_iter().map(|offer| offer.messages.last().unwrap().content.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_expert_elsewhere_sees_the_whole_or_who_asks() {
    let encoder = fakes::encoder().await;
    let others = sandbox::start(&["geography", "planner"], &[]).await;
    let fake = fakes::start(Kind::Honest, &encoder, &others.addresses()).await;
    let state = tempfile::tempdir().unwrap();
    let mut config = sandbox::config(&[], &others.addresses(), state.path());
    config.ask.audit.rate = 0.0;
    let asker = Running { node: Node::start(config).await.unwrap(), state };
    asker.knows(&["geography", "arithmetic", "planner"]).await;

    let asked = asker.ask_with(private("What is 12 plus 30? What is the capital of Peru?")).await.unwrap();
    let results: Vec<&str> = asked.results.iter().map(|result| result.result.as_str()).collect();
    assert!(results.contains(&"42") && results.contains(&"Lima"), "{results:?}");
    assert_eq!(heard(&fake), ["What is 12 plus 30?"]);
    assert!(asked.answer.text.contains("Lima") && asked.streamed.contains("Lima"));

    // One node fits for both parts: it gets one of them, and the other is refused rather than shown.
    let asked = asker.ask_with(private("What is 12 plus 30? What is 44 plus 5?")).await.unwrap();
    assert_eq!(heard(&fake).len(), 1);
    let refused: Vec<_> = asked.results.iter().filter(|result| result.status != TaskStatus::Done).collect();
    assert!(refused.len() == 1 && refused[0].detail.contains("every other part"), "{refused:?}");

    // What shows who asks is replaced, and put back in the answer.
    let mail = "What is 12 plus 30? Send it to ada.b@firm.example";
    let question = Question { target: Target::Expert("arithmetic".into()), ..private(mail) };
    let planned = asker.node.coordinator().plan(&question).await.unwrap();
    let shown = planned.tasks[0].shown.clone().unwrap();
    assert!(!shown.contains("ada.b") && shown.starts_with("What is 12 plus 30?"), "{shown}");
    let _ = asker.ask_with(question).await;
    assert_eq!(heard(&fake), [shown], "what `plan` shows is what is sent");

    // Without the wish nothing of all this happens.
    let asked = asker.ask("What is 12 plus 30? What is 44 plus 5?").await.unwrap();
    assert!(asked.results.iter().all(|result| result.status == TaskStatus::Done));
    let offers = std::mem::take(&mut *fake.heard.lock().unwrap());
    assert!(offers.len() == 2 && offers.iter().all(|offer| !offer.private));
}
