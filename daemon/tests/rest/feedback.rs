//! Verdicts on answers, and conditions on experts.

use crate::client::{client, client_of, start};
use crate::sandbox;
use polymath::node::Node;
use serde_json::{Value, json};

const GOLD: &str = "What is the chemical symbol for gold?";

/// The task of a question that is one.
fn task(answer: &Value) -> &Value {
    &answer["polymath"]["plan"]["tasks"][0]
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_move_an_expert_where_prompts_are_alike_and_outlive_the_node() {
    let running = start(&["chemistry", "geography"], &[]).await;
    let client = client_of(&running);
    let body = json!({"model": "swarm", "messages": [{"role": "user", "content": GOLD}]});
    let answer = client.post("/v1/chat/completions", &body).await;
    let id = task(&answer)["task_id"].clone();
    // Most of the way to certainty is in the last digits.
    let log_odds = |planned: &Value| {
        let competence = planned["plan"]["tasks"][0]["factors"]["competence"].as_f64().unwrap();
        (competence / (1.0 - competence)).ln()
    };
    let plan = json!({"prompt": GOLD});
    let before = log_odds(&client.post("/v1/swarm/plan", &plan).await);

    let bad = json!({"task_id": id, "verdict": "bad"});
    let standing = client.post("/v1/feedback", &bad).await;
    assert_eq!((&standing["expert"], &standing["bad"]), (&json!("chemistry"), &json!(1.0)));
    // Said twice is said once.
    client.post("/v1/feedback", &bad).await;
    let planned = client.post("/v1/swarm/plan", &plan).await;
    let after = log_odds(&planned);
    assert!(after < before - 0.5, "{before} to {after}");
    assert_eq!(planned["plan"]["tasks"][0]["factors"]["bad"], 1.0);
    let elsewhere = client.post("/v1/swarm/plan", &json!({"prompt": "What is the capital of Peru?"})).await;
    assert_eq!(elsewhere["plan"]["tasks"][0]["factors"]["bad"], 0.0);

    for (body, status, field) in [
        (json!({"task_id": "0".repeat(32), "verdict": "good"}), 404, "task_id"),
        (json!({"task_id": "xyz", "verdict": "good"}), 400, "task_id"),
        (json!({"task_id": id, "verdict": "so-so"}), 400, "verdict"),
    ] {
        let (code, error) = client.fail("/v1/feedback", &body).await;
        assert_eq!((code, error["param"].as_str()), (status, Some(field)), "{error}");
    }

    let sandbox::Running { node, state } = running;
    node.shutdown().await;
    let mut config = sandbox::config(&["chemistry", "geography"], &[], state.path());
    config.api.rest = Some("127.0.0.1:0".parse().unwrap());
    let again = sandbox::Running { node: Node::start(config).await.unwrap(), state };
    let kept = log_odds(&client_of(&again).post("/v1/swarm/plan", &plan).await);
    assert!((kept - after).abs() < 0.05, "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_leave_experts_out_and_say_so() {
    let client = client();
    let ask = |filter: Value| {
        json!({
            "model": "swarm", "messages": [{"role": "user", "content": GOLD}], "polymath": {"filter": filter},
        })
    };
    let path = "/v1/chat/completions";
    let local =
        client.post(path, &ask(json!({"local": true, "languages": ["en"], "latency_ms": 60000}))).await;
    assert_eq!(task(&local)["expert"]["id"], "chemistry");
    let (status, error) = client.fail(path, &ask(json!({"languages": ["fr"]}))).await;
    assert_eq!((status, error["code"].as_str()), (503, Some("no_expert")));
    assert!(error["message"].as_str().unwrap().contains("languages"), "{error}");
    let (status, error) = client.fail(path, &ask(json!({"model": "geography"}))).await;
    assert_eq!(
        (status, error["code"].as_str()),
        (503, Some("no_expert")),
        "geography is no chemist: {error}"
    );
    let (status, _) = client.fail(path, &ask(json!({"trust": 2}))).await;
    assert_eq!(status, 400);
    let (status, _) = client.fail(path, &ask(json!({"colour": "red"}))).await;
    assert_eq!(status, 400);
    let mut named = ask(json!({"languages": ["fr"]}));
    named["model"] = json!("expert:chemistry");
    let (status, error) = client.fail(path, &named).await;
    assert_eq!((status, error["code"].as_str()), (404, Some("unknown_expert")));
    assert!(error["message"].as_str().unwrap().contains("conditions"), "{error}");
}
