//! What answers for an expert: models that are loaded when they are wanted, and servers that the owner runs.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use futures::StreamExt as _;
use polymath::config::{Config, ServiceAddress};
use polymath::coordinator::{Error, Question, Target};
use polymath::node::Node;
use sandbox::Running;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const QUESTIONS: [(&str, &str, &str); 3] = [
    ("chemistry", "What is the chemical symbol for gold?", "Au"),
    ("geography", "What is the capital of France?", "Paris"),
    ("arithmetic", "What is 17 times 4?", "68"),
];

/// A node that hosts these, with room for one of their models.
async fn cramped(experts: &[&str], models: &Path) -> Running {
    let state = tempfile::tempdir().unwrap();
    let mut config = sandbox::config(experts, &[], state.path());
    // Files of their own, which the test may replace.
    for expert in &mut config.experts {
        let card = expert.source.card.clone().unwrap();
        let folder = models.join(card.parent().unwrap().file_name().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        for file in std::fs::read_dir(card.parent().unwrap()).unwrap() {
            let file = file.unwrap();
            if file.path().extension().is_some_and(|e| e == "gguf" || e == "toml") {
                std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
            }
        }
        expert.source.card = Some(folder.join("card.toml"));
        expert.slots = 2;
        expert.source.max_context = Some(256);
    }
    config.node.model_memory_mb = 64;
    Running { node: Node::start(config).await.unwrap(), state }
}

fn loaded(node: &Running) -> Vec<String> {
    let coordinator = node.node.coordinator();
    let mut loaded: Vec<String> = coordinator
        .experts()
        .into_iter()
        .filter(|e| coordinator.host().get(e.card_hash).is_some_and(|hosted| hosted.backend.is_loaded()))
        .map(|e| e.card.id.clone())
        .collect();
    loaded.sort();
    loaded
}

/// The experts whose status says that they must be loaded first.
fn cold(node: &Running) -> Vec<String> {
    let experts = node.node.coordinator().experts();
    let mut cold: Vec<String> = experts.iter().filter(|e| e.status.cold).map(|e| e.card.id.clone()).collect();
    cold.sort();
    cold
}

fn to(expert: &str, prompt: &str) -> Question {
    Question { target: Target::Expert(expert.to_owned()), ..Question::new(prompt) }
}

#[tokio::test(flavor = "multi_thread")]
async fn models_come_and_go_as_they_are_wanted() {
    let models = tempfile::tempdir().unwrap();
    let node = cramped(&["chemistry", "geography", "arithmetic"], models.path()).await;
    let mut told = 0;
    for round in 0..3 {
        for (expert, question, answer) in QUESTIONS {
            let asked = node.ask(question).await.unwrap();
            assert_eq!(asked.answer.text.trim(), answer, "round {round}");
            assert_eq!(loaded(&node), [expert], "room for one");
            // The first question of all finds the model that was loaded last.
            told += usize::from(round > 0 && !asked.loading.is_empty());
            assert!(asked.loading.iter().all(|(who, percent)| who == expert && *percent <= 100));
            sandbox::until("the statuses follow", async || {
                let cold = cold(&node);
                cold.len() == 2 && !cold.contains(&expert.to_owned())
            })
            .await;
        }
    }
    // On a busy machine a model may be there before it could be told.
    assert!(told >= 3, "of six who waited {told} were told how far it is");
    // All at once: each waits for its model, or for a model that is in use to be free, and nobody is turned away for good.
    let asked = QUESTIONS.map(|(_, question, _)| node.ask(question));
    let [first, second, third] = asked;
    let (first, second, third) = tokio::join!(first, second, third);
    for (asked, (_, _, answer)) in [first, second, third].into_iter().zip(QUESTIONS) {
        assert_eq!(asked.unwrap().answer.text.trim(), answer);
    }
    assert_eq!(loaded(&node).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_another_one_is_said_to_be_and_the_node_lives() {
    let models = tempfile::tempdir().unwrap();
    let node = cramped(&["chemistry", "geography"], models.path()).await;
    let [(_, gold, au), (_, france, paris), _] = QUESTIONS;
    assert_eq!(node.ask(france).await.unwrap().answer.text.trim(), paris);
    assert_eq!(loaded(&node), ["geography"], "the other one is to be loaded again");
    let file = models.path().join("chemistry/chemistry.gguf");
    let other = models.path().join("geography/geography.gguf");
    let kept = models.path().join("kept");
    std::fs::rename(&file, &kept).unwrap();
    std::fs::copy(other, &file).unwrap();
    let refused = node.ask_with(to("chemistry", gold)).await;
    assert!(refused.is_err(), "{:?}", refused.map(|asked| asked.answer.text));
    sandbox::until("it is withdrawn", async || {
        node.node.coordinator().experts().iter().all(|expert| expert.card.id != "chemistry")
    })
    .await;
    assert_eq!(node.ask(france).await.unwrap().answer.text.trim(), paris);
    // It was a mistake, and is mended.
    std::fs::rename(&kept, &file).unwrap();
    node.knows(&["chemistry"]).await;
    assert_eq!(node.ask(gold).await.unwrap().answer.text.trim(), au);
}

/// A node whose expert is a server.
async fn fronting(rest: SocketAddr, model: &str) -> Result<Running, polymath::node::Error> {
    let state = tempfile::tempdir().unwrap();
    let mut config = sandbox::config(&["arithmetic"], &[], state.path());
    let expert = &mut config.experts[0];
    let card = polymath::catalog::resolve(&expert.source).unwrap();
    expert.service = Some(ServiceAddress { url: format!("http://{rest}/v1"), api_key_file: None });
    expert.source = polymath::catalog::Config {
        id: Some("sums".to_owned()),
        description: Some(card.description),
        exemplars: Some(card.exemplars),
        abilities: Some(card.abilities),
        served: Some(model.to_owned()),
        max_context: Some(256),
        ..polymath::catalog::Config::default()
    };
    Ok(Running { node: Node::start(config).await?, state })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_owners_is_an_expert() {
    // Where it will come back.
    let at = SocketAddr::from(([127, 0, 0, 1], sandbox::free_port()));
    let serve_there = |config: &mut Config| config.api.rest = Some(at);
    let server = sandbox::served_with(&["arithmetic"], serve_there).await;
    let node = fronting(at, "expert:arithmetic").await.unwrap();
    let asked = node.ask("What is 17 times 4?").await.unwrap();
    assert_eq!(asked.answer.text.trim(), "68");
    let expert = asked.results[0].expert.as_ref().unwrap();
    assert_eq!(expert.advert.card.id, "sums");
    assert!(!expert.advert.card.kind.is_verifiable());
    assert!(expert.factors.trust < 1.0, "trusted less than what can be verified");

    // The same draws, and log-probabilities.
    let question = |prompt: &str| Question {
        verbatim: true,
        seed: Some(3),
        temperature: Some(0.5),
        top_logprobs: 3,
        ..Question::new(prompt)
    };
    let through = node.ask_with(question("What is 23 times 19?")).await.unwrap();
    let direct = server.ask_with(question("What is 23 times 19?")).await.unwrap();
    assert_eq!(through.answer.text, direct.answer.text);
    let mean = |asked: &sandbox::Asked| asked.results[0].logprob_mean.unwrap();
    assert!((mean(&through) - mean(&direct)).abs() < 1e-3, "{} {}", mean(&through), mean(&direct));

    // Whoever leaves frees the server's slot.
    let long = Question { max_tokens: Some(200), ..to("sums", "What is 99 times 98?") };
    let mut events = node.node.coordinator().ask(long);
    while let Some(event) = events.recv().await {
        if matches!(event.unwrap(), polymath::coordinator::Event::Text { .. }) {
            break;
        }
    }
    drop(events);
    sandbox::until("the server has nothing to do", async || server.is_idle()).await;
    sandbox::until("and neither has this node", async || node.is_idle()).await;

    // A server that goes is not asked, and one that comes back is.
    server.node.shutdown().await;
    let failed = node.ask("What is 17 times 4?").await;
    assert!(failed.is_err());
    sandbox::until("it is withdrawn", async || node.node.coordinator().experts().is_empty()).await;
    assert!(matches!(node.ask("What is 17 times 4?").await, Err(Error::NoExpert { .. })));
    let again = sandbox::served_with(&["arithmetic"], serve_there).await;
    node.knows(&["sums"]).await;
    assert_eq!(node.ask("What is 17 times 4?").await.unwrap().answer.text.trim(), "68");
    drop(again);
}

/// A server that says the same to everybody, in these pieces, and gives no log-probabilities.
async fn fake_server(pieces: &'static [&'static str]) -> SocketAddr {
    use axum::response::IntoResponse as _;
    use axum::response::sse::{Event, Sse};
    use serde_json::{Value, json};
    let usage =
        json!({"prompt_tokens": 3, "completion_tokens": pieces.len(), "total_tokens": 3 + pieces.len()});
    let chat = move |axum::Json(request): axum::Json<Value>| async move {
        let known = |kind: &str| json!({"id": "x", "object": kind, "created": 1, "model": "m"});
        let with = |mut reply: Value, choice: Value| {
            (reply["choices"], reply["usage"]) = (json!([choice]), usage);
            reply
        };
        if request["stream"] != json!(true) {
            let message = json!({"role": "assistant", "content": pieces.concat()});
            let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
            return axum::Json(with(known("chat.completion"), choice)).into_response();
        }
        let chunk = |choice: Value| {
            let mut chunk = known("chat.completion.chunk");
            chunk["choices"] = json!([choice]);
            chunk
        };
        let said = pieces
            .iter()
            .map(|text| chunk(json!({"index": 0, "delta": {"content": text}, "finish_reason": null})));
        let end = chunk(json!({"index": 0, "delta": {}, "finish_reason": "stop"}));
        let lines: Vec<String> =
            said.chain([end]).map(|chunk| chunk.to_string()).chain(["[DONE]".to_owned()]).collect();
        // Each piece on its own, as a slow model sends them.
        let events = futures::stream::iter(lines).then(async |line| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, std::convert::Infallible>(Event::default().data(line))
        });
        Sse::new(events).into_response()
    };
    let routes = axum::Router::new().route("/v1/chat/completions", axum::routing::post(chat));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_log_probabilities_gives_opinions_and_its_words_stay_whole() {
    let server = fake_server(&["می", "\u{200c}", "خواهم 👩", "\u{200d}", "💻\r", "\nو"]).await;
    let node = fronting(server, "m").await.unwrap();
    let said = "می\u{200c}خواهم 👩\u{200d}💻\nو";
    let asked = node.ask_with(to("sums", "What is 17 times 4?")).await.unwrap();
    assert_eq!((asked.answer.text.as_str(), asked.streamed.as_str()), (said, said));
    let several = Question { experts: Some(2), ..Question::new("What is 17 times 4?") };
    let asked = node.ask_with(several).await.unwrap();
    // Its card says that it works on paper first: the last line is the result.
    assert_eq!((asked.results[0].answer.as_str(), asked.answer.text.as_str()), (said, "و"));
    assert_eq!(asked.results[0].logprob_mean, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_at_the_start_is_named() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let error = fronting(nowhere, "m").await.err().unwrap();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("http://127.0.0.1:9/v1") && source.contains("nobody listens"), "{source}");
    tokio::time::sleep(Duration::ZERO).await;
}
