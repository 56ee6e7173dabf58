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
use polymath::api::access::{keys, store};
use polymath_sdk::{
    Ask, ChatCompletionRequest, ChatMessage, Error, Event, Message, Model, PolymathClient, TaskStatus,
};
use sandbox::{Running, served, served_with, start, until};

const TWO_PARTS: &str = "What is the chemical symbol for gold? What is 17 plus 25?";

fn unix(running: &Running) -> PolymathClient {
    PolymathClient::builder().unix(running.node.socket()).build().unwrap()
}

/// A client for each of a node's ways in that all calls go over.
fn every_way(running: &Running) -> [(&'static str, PolymathClient); 3] {
    let (rest, grpc) = (format!("http://{}/v1", running.rest()), format!("http://{}", running.grpc()));
    let build = |builder: polymath_sdk::Builder| builder.build().unwrap();
    [
        ("unix", unix(running)),
        ("rest", build(PolymathClient::builder().rest(rest))),
        ("grpc", build(PolymathClient::builder().grpc(grpc))),
    ]
}

fn web_socket(running: &Running) -> PolymathClient {
    PolymathClient::builder().web_socket(format!("ws://{}", running.ws())).build().unwrap()
}

async fn examples(client: PolymathClient) {
    questions(client.clone()).await;
    let (plan, experts) = plan_and_peers::run(client.clone(), TWO_PARTS).await.unwrap();
    assert_eq!(plan.tasks.len(), 2);
    assert_eq!(plan.tasks[0].candidates[0].expert, "chemistry");
    let mut ids: Vec<_> = experts.iter().map(|e| e.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["arithmetic", "chemistry"]);
    let answer = client.ask("What is the chemical symbol for gold?").await.unwrap();
    let task = &answer.tasks[0].finished.task_id;
    let standing = client.feedback(task, true).await.unwrap();
    assert!(standing.expert == "chemistry" && standing.good >= 1.0 && standing.bad == 0.0, "{standing:?}");
    assert_eq!(client.feedback(task, false).await.unwrap().bad, 1.0, "a later verdict takes its place");
    client.feedback(task, true).await.unwrap();
    assert_eq!(client.feedback("no id", true).await.unwrap_err().code(), "invalid");
}

async fn questions(client: PolymathClient) {
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

    let (whole, pieces) = openai_style::run(client).await.unwrap();
    assert_eq!((whole.text().as_str(), pieces.as_str()), ("Au", "Au"));
    assert_eq!(whole.choices[0].finish_reason.as_deref(), Some("stop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_run_over_every_transport() {
    let node = served(&["chemistry", "arithmetic"]).await;
    for (way, client) in every_way(&node) {
        println!("over {way}");
        examples(client).await;
    }
    println!("over WebSocket");
    questions(web_socket(&node)).await;
    let error = web_socket(&node).peers().await.unwrap_err();
    assert!(error.code() == "unsupported" && error.to_string().contains("REST"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_for_privacy_and_priority_go_every_way() {
    let node = served(&["chemistry"]).await;
    let mut ways = every_way(&node).to_vec();
    ways.push(("ws", web_socket(&node)));
    for (way, client) in ways {
        let ask = Ask {
            local: true,
            private: true,
            high_priority: true,
            ..Ask::new("What is the chemical symbol for iron?")
        };
        assert_eq!(client.ask_with(ask).await.unwrap().tasks[0].result(), "Fe", "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_the_same_over_every_transport() {
    let node = served(&["chemistry"]).await;
    let mut ways = every_way(&node).to_vec();
    ways.push(("ws", web_socket(&node)));
    let iron = || Ask::new("What is the chemical symbol for iron?");
    for (way, client) in ways {
        let code = async |ask: Ask| client.ask_with(ask).await.unwrap_err().code().to_owned();
        assert_eq!(code(Ask::new("")).await, "invalid", "{way}");
        assert_eq!(code(Ask { temperature: Some(-1.0), ..iron() }).await, "invalid", "{way}");
        assert_eq!(
            code(Ask { model: Model::Expert("nobody".into()), ..iron() }).await,
            "unknown_expert",
            "{way}"
        );
        assert_eq!(code(Ask::new("Write a SQL query that joins two tables")).await, "no_expert", "{way}");
        let answer = client.ask_with(Ask { model: Model::Expert("chemistry".into()), ..iron() }).await;
        assert!(answer.unwrap().text.contains("Fe"), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_along_where_one_is_wanted() {
    let mut key = String::new();
    let node = served_with(&["chemistry"], |config| {
        let scopes = [keys::Scope::Chat, keys::Scope::Read].into_iter().collect();
        let wish = keys::Wish { name: "test".to_owned(), scopes, rate_per_minute: None };
        key = store::create(&config.api.access.keys, wish).unwrap().1;
    })
    .await;
    let (rest, grpc) = (format!("http://{}", node.rest()), format!("http://{}", node.grpc()));
    let ways = [
        PolymathClient::builder().rest(rest),
        PolymathClient::builder().grpc(grpc),
        PolymathClient::builder().web_socket(format!("ws://{}", node.ws())),
    ];
    for way in ways {
        let without = way.clone().build().unwrap().ask("What is the chemical symbol for iron?").await;
        assert!(matches!(&without, Err(Error::Unauthorized { .. })), "{way:?}: {without:?}");
        let with =
            way.clone().api_key(&key).build().unwrap().ask("What is the chemical symbol for iron?").await;
        assert_eq!(with.unwrap().text, "Fe", "{way:?}");
    }
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
    let node = served(&["chemistry"]).await;
    let client = unix(&node);
    let mut ways = every_way(&node).to_vec();
    ways.push(("ws", web_socket(&node)));
    for (way, client) in ways {
        for _ in 0..20 {
            let mut events = client.ask_stream("What is the chemical symbol for iron?");
            let first = events.next().await.unwrap().unwrap();
            assert!(matches!(first, Event::Planned(_)), "{way}: {first:?}");
        }
    }
    let expert = || async { client.experts().await.unwrap().remove(0) };
    until("every slot is free again", async || {
        let expert = expert().await;
        expert.free_slots == expert.slots
    })
    .await;
    assert_eq!(client.ask("What is the chemical symbol for iron?").await.unwrap().text, "Fe");
}
