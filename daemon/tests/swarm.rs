//! Whole nodes on loopback: found over libp2p, asked, answered by llama.cpp.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use polymath::coordinator::{Error, Question, TaskStatus};
use polymath::node::Node;
use sandbox::{config, start, until};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_experts_gets_an_answer_from_two_others_in_order() {
    let chemistry = start(&["chemistry"], &[]).await;
    let arithmetic = start(&["arithmetic"], &chemistry.addresses()).await;
    let client = start(&[], &chemistry.addresses()).await;
    client.knows(&["chemistry", "arithmetic"]).await;

    let asked = client.ask("What is the atomic number of neon? Multiply it by 4.").await.unwrap();
    assert_eq!(asked.planned.tasks.len(), 2);
    assert_eq!(asked.planned.tasks[1].task.depends_on, [1]);
    assert!(asked.answer.text.contains("40"), "{}", asked.answer.text);
    assert!(asked.answer.text.contains("(chemistry)") && asked.answer.text.contains("(arithmetic)"));
    assert!(asked.streamed.contains("10"));
    let peers: Vec<_> = asked.results.iter().map(|r| r.expert.as_ref().unwrap().advert.peer).collect();
    assert_ne!(peers[0], peers[1], "two nodes did the work");
    assert!(asked.answer.usage.completion_tokens > 0);

    for running in [client, arithmetic, chemistry] {
        let socket = running.node.socket().to_owned();
        running.node.shutdown().await;
        assert!(!socket.exists(), "a stopped node leaves no socket");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_is_forgotten_and_one_that_returns_is_found() {
    let first = start(&["chemistry"], &[]).await;
    let arithmetic = start(&["arithmetic"], &first.addresses()).await;
    first.knows(&["arithmetic"]).await;
    let (state, peer_id) = (arithmetic.state, arithmetic.node.summary().peer_id.clone());
    arithmetic.node.shutdown().await;
    until("the goodbye is heard", async || {
        !first.node.coordinator().experts().iter().any(|e| e.card.id == "arithmetic")
    })
    .await;

    let again = Node::start(config(&["arithmetic"], &first.addresses(), state.path())).await.unwrap();
    assert_eq!(again.summary().peer_id, peer_id, "the identity is kept");
    first.knows(&["arithmetic"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_with_several_experts_answers_alone_and_bounds_how_many() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    let question = Question {
        experts: Some(1),
        ..Question::new(
            "What is the chemical symbol for gold? What is 17 plus 25? Which element has the symbol K?",
        )
    };
    let asked = node.ask_with(question.clone()).await.unwrap();
    let done = asked.results.iter().filter(|r| r.status == TaskStatus::Done).count();
    let unasked = asked.results.iter().filter(|r| r.status == TaskStatus::NoExpert).count();
    assert_eq!((done, unasked), (2, 1), "{}", asked.answer.text);

    let asked = node.ask_with(Question { experts: Some(3), ..question }).await.unwrap();
    let text = asked.answer.text.to_lowercase();
    assert!(["au", "42", "potassium"].iter().all(|t| text.contains(t)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_get_clear_errors_and_the_node_lives_on() {
    let node = start(&["chemistry"], &[]).await;
    for prompt in ["", "  \n", "\u{7}\u{1b}"] {
        assert!(matches!(node.ask(prompt).await, Err(Error::Prompt(_))), "{prompt:?}");
    }
    let long = "why ".repeat(2_500_000);
    assert!(matches!(node.ask(&long).await, Err(Error::Prompt(_))));
    let invalid = Question { experts: Some(1_000), ..Question::new("x") };
    assert!(matches!(node.ask_with(invalid).await, Err(Error::Invalid { field: "experts", .. })));
    let asked = node.ask("What is the chemical symbol for iron?").await.unwrap();
    assert!(asked.answer.text.contains("Fe"), "{}", asked.answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_do_is_said_so() {
    let node = start(&["chemistry"], &[]).await;
    let asked = node.ask("Write a SQL query that joins two tables and groups by month").await;
    let Err(Error::NoExpert { nearest }) = asked.map(|a| a.answer) else {
        panic!("an unfit expert answered")
    };
    assert!(nearest.contains("chemistry"), "{nearest}");

    let nobody = start(&[], &[]).await;
    assert!(matches!(nobody.ask("What is the chemical symbol for iron?").await, Err(Error::NoExpert { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_form_does_not_show_are_cut_by_fit_and_by_a_planner() {
    let node = start(&["geography", "units", "arithmetic"], &[]).await;
    let texts = async |prompt: &str| -> Vec<String> {
        let planned = node.node.coordinator().plan(&Question::new(prompt)).await.unwrap();
        planned.tasks.into_iter().map(|t| t.task.text).collect()
    };
    // No question mark, no verb; but one is for units and one for geography.
    assert_eq!(texts("96 pints to gallons. Madagascar, capital city.").await.len(), 2);
    // Both for arithmetic, and the first is no order that form knows: only a planner can tell.
    let both = "Start with 97 and subtract 61. Add 46 to it.";
    assert_eq!(texts(both).await, [both]);
    let planner = start(&["planner"], &node.addresses()).await;
    node.knows(&["planner"]).await;
    assert_eq!(texts(both).await, ["Start with 97 and subtract 61.", "Add 46 to {{1}}."]);
    let single = "A train leaves Lima and reaches Quito; which city is the capital of Peru?";
    assert_eq!(texts(single).await, [single]);
    drop(planner);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_dropped_is_cancelled() {
    let node = start(&["chemistry"], &[]).await;
    let coordinator = node.node.coordinator().clone();
    let prompt = "What is the chemical symbol for iron?".to_owned();
    drop(coordinator.ask(Question::new(prompt)));
    let started = Instant::now();
    node.node.shutdown().await;
    // What does not end by itself is given up after ten.
    assert!(started.elapsed() < Duration::from_secs(9), "nothing held the node up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_model_is_left_out_and_the_others_serve() {
    let state = tempfile::tempdir().unwrap();
    let mut settings = config(&["chemistry", "arithmetic"], &[], state.path());
    let truncated = state.path().join("truncated.gguf");
    let whole = std::fs::read(sandbox::assets().experts_dir().join("arithmetic/arithmetic.gguf")).unwrap();
    std::fs::write(&truncated, &whole[..whole.len() / 2]).unwrap();
    settings.experts[1].source = polymath::catalog::Config {
        model_path: Some(truncated),
        description: Some("A file that was cut short".to_owned()),
        ..Default::default()
    };
    let node = Node::start(settings.clone()).await.unwrap();
    assert_eq!(node.summary().experts, ["chemistry"]);
    assert!(node.summary().left_out[0].contains("truncated.gguf"), "{:?}", node.summary().left_out);
    node.shutdown().await;

    settings.experts.remove(0);
    let error = Node::start(settings).await.err().expect("the only expert is bad");
    assert!(matches!(error, polymath::node::Error::Owner(polymath::owner::Error::Model { .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_serves_one_node() {
    let node = start(&[], &[]).await;
    let second = Node::start(config(&[], &[], node.state.path())).await;
    assert!(matches!(second, Err(polymath::node::Error::Lock(_))));
}
