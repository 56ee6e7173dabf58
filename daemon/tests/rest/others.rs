//! The older completions, embeddings, models, the swarm's own pages, metrics, and the OpenAPI document.

use crate::client::{EXPERTS, client, client_of, start};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::path::Path;

const GOLD: &str = "What is the chemical symbol for gold?";
const PERU: &str = "What is the capital of Peru?";

#[tokio::test(flavor = "multi_thread")]
async fn completions_answer_each_prompt() {
    let client = client();
    let path = "/v1/completions";
    let body = json!({"model": "swarm", "prompt": [GOLD, PERU], "logprobs": 2, "seed": 1});
    let whole = client.post(path, &body).await;
    assert_eq!(whole["object"], "text_completion");
    let texts: Vec<&str> =
        whole["choices"].as_array().unwrap().iter().map(|c| c["text"].as_str().unwrap()).collect();
    assert!(texts[0].contains("Au") && texts[1].contains("Lima"), "{texts:?}");
    let logprobs = &whole["choices"][0]["logprobs"];
    let tokens: String = logprobs["tokens"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(tokens, texts[0]);
    let count = |field: &str| logprobs[field].as_array().unwrap().len();
    assert!(["token_logprobs", "top_logprobs", "text_offset"].iter().all(|f| count(f) == count("tokens")));
    assert_eq!(logprobs["text_offset"][0], 0);

    let chunks = client.stream(path, &body).await;
    assert_eq!(chunks.last().unwrap(), "[DONE]");
    for (index, text) in texts.iter().enumerate() {
        let choices = chunks.iter().flat_map(|c| c["choices"].as_array().into_iter().flatten());
        let own = choices.filter(|c| c["index"] == index);
        assert_eq!(own.filter_map(|c| c["text"].as_str()).collect::<String>(), *text);
    }
    let single = client.post(path, &json!({"model": "chemistry", "prompt": GOLD, "max_tokens": 1})).await;
    assert_eq!(single["choices"][0]["finish_reason"], "length");
    for (body, field) in [
        (json!({"model": "swarm", "prompt": GOLD, "echo": true}), "echo"),
        (json!({"model": "swarm", "prompt": GOLD, "suffix": "x"}), "suffix"),
        (json!({"model": "swarm", "prompt": []}), "prompt"),
        (json!({"model": "swarm", "prompt": vec!["x"; 17]}), "prompt"),
        (json!({"model": "swarm", "prompt": [1, 2, 3]}), "prompt"),
        (json!({"model": "swarm", "prompt": ""}), "prompt"),
        (json!({"model": "swarm", "prompt": GOLD, "best_of": 3}), "best_of"),
    ] {
        let (status, error) = client.fail(path, &body).await;
        assert_eq!((status, error["param"].as_str()), (400, Some(field)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_are_unit_vectors_in_either_form() {
    let client = client();
    let path = "/v1/embeddings";
    let (_, models) = client.get("/v1/models").await;
    let model = models["data"][1]["id"].clone();
    let texts = json!(["The capital of France", "Paris, France's capital city", "seventeen plus four"]);
    let reply = client.post(path, &json!({"model": model, "input": texts})).await;
    let vectors: Vec<Vec<f32>> = reply["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["embedding"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect())
        .collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    assert!(vectors.iter().all(|v| v.len() == 384 && (dot(v, v) - 1.0).abs() < 1e-4));
    assert!(dot(&vectors[0], &vectors[1]) > dot(&vectors[0], &vectors[2]));
    assert!(reply["usage"]["prompt_tokens"].as_u64().unwrap() >= 12);
    assert_eq!(reply["data"][2]["index"], 2);

    let encoded = json!({"model": model, "input": texts[0], "encoding_format": "base64", "dimensions": 384});
    let encoded = client.post(path, &encoded).await;
    let text = encoded["data"][0]["embedding"].as_str().unwrap();
    assert_eq!(text, base64_of(&vectors[0]));

    let many = client.post(path, &json!({"model": model, "input": vec!["x"; 256]})).await;
    assert_eq!(many["data"].as_array().unwrap().len(), 256);
    for (body, status, field) in [
        (json!({"model": model, "input": vec!["x"; 257]}), 400, "input"),
        (json!({"model": model, "input": []}), 400, "input"),
        (json!({"model": model, "input": ["x", ""]}), 400, "input"),
        (json!({"model": model, "input": [1, 2]}), 400, "input"),
        (json!({"model": model, "input": "x", "dimensions": 12}), 400, "dimensions"),
        (json!({"model": model, "input": "x", "encoding_format": "hex"}), 400, "encoding_format"),
        (json!({"model": "swarm", "input": "x"}), 404, "model"),
    ] {
        let (found, error) = client.fail(path, &body).await;
        assert_eq!((found, error["param"].as_str()), (status, Some(field)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embeddings_do_not_pile_up() {
    // A node of its own, for nobody else's must be turned away.
    let node = start(&[], &[]).await;
    let client = client_of(&node);
    let (_, models) = client.get("/v1/models").await;
    // Texts of their own, for the encoder remembers what it has seen.
    let texts = |n: u32| (0..32).map(move |i| format!("How far is it from {n} to {i}?")).collect::<Vec<_>>();
    let bodies = (0..60).map(|n| json!({"model": models["data"][1]["id"], "input": texts(n)}));
    let all = bodies.map(|body| {
        let client = client.clone();
        async move { client.send("/v1/embeddings", &body).await }
    });
    let replies = futures::future::join_all(all).await;
    let busy: Vec<_> = replies.iter().filter(|reply| reply.status() == 503).collect();
    assert!(!busy.is_empty() && busy.iter().all(|reply| reply.headers().contains_key("retry-after")));
    assert!(replies.iter().filter(|reply| reply.status() == 200).count() >= 16);
}

/// Base64 of the vector's bytes, written out plainly.
fn base64_of(vector: &[f32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(bytes.len() % 3, 0, "no padding is needed");
    let three = |c: &[u8]| u32::from_be_bytes([0, c[0], c[1], c[2]]);
    let digits = |n: u32| [18, 12, 6, 0].map(|shift| char::from(DIGITS[(n >> shift) as usize & 63]));
    bytes.chunks(3).flat_map(|c| digits(three(c))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_listed_and_found() {
    let client = client();
    let (_, list) = client.get("/v1/models").await;
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids[0], "swarm");
    assert!(EXPERTS.iter().all(|e| ids.contains(&format!("expert:{e}").as_str())), "{ids:?}");
    for name in ["swarm", "swarm:3", "chemistry", "expert:chemistry"] {
        let (status, model) = client.get(&format!("/v1/models/{name}")).await;
        assert_eq!((status.as_u16(), model["id"].as_str()), (200, Some(name)));
        assert_eq!(model["object"], "model");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_swarm_can_be_looked_at() {
    let client = client();
    let (_, experts) = client.get("/v1/swarm/experts").await;
    let ids: Vec<&str> =
        experts["data"].as_array().unwrap().iter().filter_map(|e| e["id"].as_str()).collect();
    assert_eq!(ids, EXPERTS);
    assert_eq!(client.get("/v1/swarm/peers").await.1["data"], json!([]));
    let prompt = "What is the capital of Peru? Spell it backwards.";
    let plan = client.post("/v1/swarm/plan", &json!({"prompt": prompt})).await;
    let tasks = plan["plan"]["tasks"].as_array().unwrap();
    assert_eq!((tasks.len(), &tasks[1]["depends_on"]), (2, &json!([1])));
    assert_eq!((&tasks[0]["status"], &tasks[0]["expert"]["id"]), (&json!("planned"), &json!("geography")));
    let (status, error) = client.fail("/v1/swarm/plan", &json!({"prompt": " "})).await;
    assert_eq!((status, error["param"].as_str()), (400, Some("prompt")));
}

#[tokio::test(flavor = "multi_thread")]
async fn experts_that_come_and_go_are_told() {
    let first = start(&["chemistry"], &[]).await;
    let response = client_of(&first).request("GET", "/v1/swarm/events").send().await.unwrap();
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    let mut read_until = async |mark: &str| {
        let reading = async {
            while !text.contains(mark) {
                text.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
            }
        };
        tokio::time::timeout(crate::sandbox::PATIENCE, reading).await.expect(mark);
    };
    read_until("\"type\":\"appeared\",\"expert\":{\"id\":\"chemistry\"").await;
    let second = start(&["arithmetic"], &first.addresses()).await;
    read_until("\"type\":\"appeared\",\"expert\":{\"id\":\"arithmetic\"").await;
    let (_, peers) = client_of(&first).get("/v1/swarm/peers").await;
    assert_eq!(peers["data"][0]["experts"], json!(["arithmetic"]));
    second.node.shutdown().await;
    read_until("\"type\":\"left\",\"id\":\"arithmetic\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_there() {
    let client = client();
    let (_, health) = client.get("/health").await;
    assert_eq!((&health["status"], &health["experts"]), (&json!("ok"), &json!(3)));
    assert_eq!(client.get("/ready").await.0.as_u16(), 200);
    client.post("/v1/completions", &json!({"model": "chemistry", "prompt": GOLD})).await;
    let response = client.request("GET", "/metrics").send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for line in [
        "polymath_http_requests_total{route=\"/v1/completions\",status=\"200\"}",
        "polymath_questions_total{outcome=\"answered\"}",
        "polymath_question_seconds_count",
        "polymath_tokens_total{kind=\"completion\"}",
        "polymath_experts 3",
        "polymath_peers 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_changes_only_on_purpose() {
    let (_, document) = client().get("/openapi.json").await;
    let found = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(golden == found, "tests/openapi.json is not what the types say; write it with UPDATE_GOLDEN=1");
}
