//! What goes wrong, and how it is told: each code, its status, the field.

use crate::client::{chat, client, client_of, cut_short, long, start, start_with};
use serde_json::{Value, json};

const PATH: &str = "/v1/chat/completions";
const GOLD: &str = "What is the chemical symbol for gold?";

#[tokio::test(flavor = "multi_thread")]
async fn the_field_at_fault_is_named() {
    let client = client();
    let part = json!([{"type": "image_url", "image_url": {"url": "data:,"}}]);
    let cases = [
        (json!({"model": "swarm"}), "messages"),
        (json!({"messages": []}), "model"),
        (json!({"model": "swarm", "messages": []}), "messages"),
        (json!({"model": "swarm", "messages": [{"role": "wizard", "content": "x"}]}), "messages[0].role"),
        (
            json!({"model": "swarm", "messages": [{"role": "user", "content": part}]}),
            "messages[0].content[0].type",
        ),
        (json!({"model": "swarm", "messages": [{"role": "assistant", "content": "x"}]}), "messages"),
        (chat("swarm", "", json!({})), "messages"),
        (chat("swarm", &"why ".repeat(20_000), json!({})), "messages"),
        (chat("swarm:17", GOLD, json!({})), "model"),
        (chat("swarm", GOLD, json!({"temperature": 3})), "temperature"),
        (chat("swarm", GOLD, json!({"temperature": "hot"})), "temperature"),
        (chat("swarm", GOLD, json!({"top_p": 0})), "top_p"),
        (chat("swarm", GOLD, json!({"max_tokens": 0})), "max_tokens"),
        (chat("swarm", GOLD, json!({"max_tokens": -1})), "max_tokens"),
        (chat("swarm", GOLD, json!({"max_completion_tokens": 0})), "max_completion_tokens"),
        (chat("swarm", GOLD, json!({"frequency_penalty": 9})), "frequency_penalty"),
        (chat("swarm", GOLD, json!({"n": 100})), "n"),
        (chat("swarm", GOLD, json!({"stop": vec!["x"; 17]})), "stop"),
        (chat("swarm", GOLD, json!({"logprobs": true, "top_logprobs": 21})), "top_logprobs"),
        (chat("swarm", GOLD, json!({"logit_bias": {"1": 5}})), "logit_bias"),
        (chat("swarm", GOLD, json!({"tools": [{"type": "retrieval"}]})), "tools[0]"),
    ];
    for (body, field) in cases {
        for stream in [false, true] {
            let mut body = body.clone();
            body["stream"] = json!(stream);
            let (status, error) = client.fail(PATH, &body).await;
            let known = (status, error["type"].as_str().unwrap(), error["param"].as_str());
            assert_eq!(known, (400, "invalid_request_error", Some(field)), "{error}");
            assert!(!error["message"].as_str().unwrap().is_empty() && error["code"].is_string());
        }
    }
    let (_, error) = client.fail(PATH, &chat("swarm", &"x".repeat(70_000), json!({}))).await;
    assert!(error["message"].as_str().unwrap().contains("70000"), "the sizes are named: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_code_has_its_status() {
    let client = client();
    let fail = async |body: Value| {
        let (status, error) = client.fail(PATH, &body).await;
        (status, error["code"].as_str().unwrap().to_owned(), error["param"].clone())
    };
    let known = |status: u16, code: &str, param: Value| (status, code.to_owned(), param);
    let unknown = fail(chat("gpt-4o", GOLD, json!({}))).await;
    assert_eq!(unknown, known(404, "unknown_expert", json!("model")));
    let unfit =
        fail(chat("swarm", "Write a SQL query that joins two tables and groups by month", json!({}))).await;
    assert_eq!(unfit, known(503, "no_expert", Value::Null));
    let unfit =
        chat("swarm", "Write a SQL query that joins two tables and groups by month", json!({"stream": true}));
    assert_eq!(fail(unfit).await, known(503, "no_expert", Value::Null));
    let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 7}}});
    let refused = fail(chat("chemistry", GOLD, json!({"response_format": schema}))).await;
    assert_eq!(refused, known(422, "refused", json!("response_format")));
    let too_long = fail(chat("chemistry", &"gold and silver ".repeat(1_000), json!({}))).await;
    assert_eq!(too_long, known(400, "too_long", json!("messages")));

    let (status, body) = client.get("/v1/nothing").await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!("not_found")));
    let (status, body) = client.get(PATH).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (405, &json!("method_not_allowed")));
    let (status, body) = client.get("/v1/models/nothing").await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!("unknown_expert")));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_are_refused() {
    let client = client();
    let send = async |kind: &str, body: String| {
        let request = client.request("POST", PATH).header("content-type", kind).body(body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let error: Value = response.json().await.unwrap();
        (status, error["error"]["code"].as_str().unwrap().to_owned())
    };
    let json = "application/json";
    assert_eq!(send("text/plain", "{}".to_owned()).await, (415, "unsupported_media_type".to_owned()));
    for bad in ["", "{", "[]", "null", "{} x", "\u{0}", "{\"model\": \"\\ud800\"}"] {
        assert_eq!(send(json, bad.to_owned()).await, (400, "invalid".to_owned()), "{bad:?}");
    }
    let deep = format!("{{\"model\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(send(json, deep).await.0, 400);
    let huge = format!("{{\"model\": \"{}\"}}", "x".repeat(4 * 1024 * 1024));
    assert_eq!(send(json, huge).await, (413, "too_large".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_an_id() {
    let client = client();
    for path in ["/health", "/v1/nothing"] {
        let response = client.request("GET", path).send().await.unwrap();
        assert!(response.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    }
    let send = async |id: &str| {
        let response = client.request("GET", "/health").header("x-request-id", id).send().await.unwrap();
        response.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(send("mine-1.2:3_4").await, "mine-1.2:3_4");
    for odd in ["two words", &"x".repeat(200), "<script>"] {
        assert!(send(odd).await.starts_with("req_"), "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_runs_out_as_a_504() {
    let node = start_with(&["chemistry"], &[], |config| config.ask.deadline_ms = 1).await;
    let (status, error) = client_of(&node).fail(PATH, &chat("swarm", GOLD, json!({}))).await;
    assert_eq!((status, &error["code"]), (504, &json!("deadline")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_questions_are_told_when_to_come_back() {
    let node = start(&["chemistry"], &[]).await;
    let client = client_of(&node);
    let all = (0..100).map(|_| {
        let client = client.clone();
        async move {
            let response = client.send(PATH, &long("chemistry")).await;
            let after = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
            (response.status().as_u16(), after, response.json::<Value>().await.unwrap())
        }
    });
    let answers = futures::future::join_all(all).await;
    let busy: Vec<_> = answers.iter().filter(|(status, ..)| *status == 503).collect();
    assert!(!busy.is_empty(), "a hundred at once are too many");
    for (_, after, body) in busy {
        assert_eq!((after.as_deref(), &body["error"]["code"]), (Some("1"), &json!("busy")));
    }
    assert!(answers.iter().any(|(status, ..)| *status == 200), "the others are answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_experts_is_not_ready() {
    let node = start(&[], &[]).await;
    let client = client_of(&node);
    assert_eq!(client.get("/health").await.0.as_u16(), 200);
    let (status, body) = client.get("/ready").await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (503, &json!("no_expert")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_mid_stream_is_an_error_event_and_no_text() {
    let texts = json!({"model": "chemistry", "prompt": vec![GOLD; 16], "temperature": 2, "max_tokens": 400});
    let mut answers = long("chemistry");
    answers["n"] = json!(8);
    for (path, body) in [(PATH, answers), ("/v1/completions", texts)] {
        let events = cut_short(path, body).await;
        let last = events.last().unwrap();
        assert_eq!((&last["error"]["code"], &last["error"]["param"]), (&json!("unavailable"), &Value::Null));
        assert!(!events.contains(&json!("[DONE]")), "a failed stream does not say that it is done");
        assert!(last["choices"].is_null());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_that_does_not_exist_is_not_asked_for_again() {
    let client = client();
    let send = async |body: Value| client.send(PATH, &body).await;
    let unfit =
        send(chat("swarm", "Write a SQL query that joins two tables and groups by month", json!({}))).await;
    assert_eq!(unfit.headers()["x-should-retry"], "false");
}
