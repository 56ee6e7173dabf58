//! The SDK against real nodes: its example programs as they stand, over each transport that the node serves, and
//! what happens when a caller leaves.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../sdk/examples/ask.rs"]
#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
mod ask;
#[path = "../../sdk/examples/openai_style.rs"]
#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
mod openai_style;
#[path = "../../sdk/examples/plan_and_peers.rs"]
#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
mod plan_and_peers;
#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;
#[path = "../../sdk/examples/stream.rs"]
#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
mod stream;

use futures::StreamExt as _;
use polymath_sdk::{
    Ask, ChatCompletionRequest, ChatMessage, Error, Event, Message, Model, PolymathClient, TaskStatus,
};
use sandbox::{Running, start, until};

const TWO_PARTS: &str = "What is the chemical symbol for gold? What is 17 plus 25?";

fn unix(running: &Running) -> PolymathClient {
    PolymathClient::builder().unix(running.node.socket()).build().unwrap()
}

async fn examples(client: PolymathClient) {
    let answer = ask::run(client.clone(), TWO_PARTS).await.unwrap();
    assert!(answer.text.contains("Au") && answer.text.contains("42"), "{}", answer.text);
    let experts: Vec<_> = answer.tasks.iter().map(|t| t.expert.as_ref().unwrap().expert.as_str()).collect();
    assert_eq!(experts, ["chemistry", "arithmetic"]);
    assert!(
        answer.tasks.iter().all(|t| t.status() == TaskStatus::Done && t.expert.as_ref().unwrap().score > 0.0)
    );
    assert_eq!(answer.tasks[0].result(), "Au");
    assert!(answer.usage.completion_tokens > 0 && answer.timings.total_ms > 0.0);

    let streamed = stream::run(client.clone(), TWO_PARTS).await.unwrap();
    assert_eq!(streamed, answer.text, "the deltas are the answer");

    let (whole, pieces) = openai_style::run(client.clone()).await.unwrap();
    assert_eq!((whole.text().as_str(), pieces.as_str()), ("Au", "Au"));
    assert_eq!(whole.choices[0].finish_reason.as_deref(), Some("stop"));

    let (plan, experts) = plan_and_peers::run(client, TWO_PARTS).await.unwrap();
    assert_eq!(plan.tasks.len(), 2);
    assert_eq!(plan.tasks[0].candidates[0].expert, "chemistry");
    let ids: Vec<_> = experts.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids, ["arithmetic", "chemistry"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_run_over_the_unix_socket() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    examples(unix(&node)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_typed() {
    let node = start(&["chemistry"], &[]).await;
    let client = unix(&node);
    let empty = client.ask("").await.unwrap_err();
    assert!(matches!(&empty, Error::Invalid { field: Some(f), .. } if f == "messages"), "{empty:?}");
    let unfit = client.ask("Write a SQL query that joins two tables and groups by month").await.unwrap_err();
    assert!(matches!(unfit, Error::NoExpert { .. }), "{unfit:?}");
    let unknown = Ask { model: Model::Expert("nobody".into()), ..Ask::new("hello") };
    let unknown = client.ask_with(unknown).await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownModel { .. }), "{unknown:?}");
    let hot = Ask { temperature: Some(-1.0), ..Ask::new("What is the chemical symbol for iron?") };
    let hot = client.ask_with(hot).await.unwrap_err();
    assert!(matches!(&hot, Error::Invalid { field: Some(f), .. } if f == "temperature"), "{hot:?}");
    let model = ChatCompletionRequest::new("gpt-5", [ChatMessage::user("hello")]);
    assert_eq!(client.chat_completion(model).await.unwrap_err().code(), "invalid");
    node.node.shutdown().await;
    let gone = PolymathClient::builder().unix(node.state.path().join("api.sock"));
    let gone =
        gone.retries(polymath_sdk::RetryBudget::none()).build().unwrap().ask("hello").await.unwrap_err();
    assert!(matches!(gone, Error::NotRunning { .. }), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_expert_and_a_conversation_can_be_asked() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    let client = unix(&node);
    let expert =
        Ask { model: Model::Expert("chemistry".into()), ..Ask::new("What is the chemical symbol for iron?") };
    let answer = client.ask_with(expert).await.unwrap();
    assert_eq!(answer.tasks.len(), 1);
    assert!(answer.text.contains("Fe"), "{}", answer.text);
    let messages = vec![
        Message::user("What is the chemical symbol for gold?"),
        Message::assistant("Au"),
        Message::user("What is 17 plus 25?"),
    ];
    let answer = client.ask_with(Ask { messages, ..Ask::default() }).await.unwrap();
    assert!(answer.text.contains("42"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_cancels_the_question() {
    let node = start(&["chemistry"], &[]).await;
    let client = unix(&node);
    for _ in 0..20 {
        let mut events = client.ask_stream("What is the chemical symbol for iron?");
        let first = events.next().await.expect("an event").unwrap();
        assert!(matches!(first, Event::Planned(_)), "{first:?}");
    }
    let expert = || async { client.experts().await.unwrap().remove(0) };
    until("every slot is free again", async || {
        let expert = expert().await;
        expert.free_slots == expert.slots
    })
    .await;
    assert_eq!(client.ask("What is the chemical symbol for iron?").await.unwrap().text, "Fe");
}
