//! A node that all tests of this file share, and what they ask it with.

use crate::sandbox;
use futures::StreamExt as _;
use polymath::node::Node;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::{OnceLock, mpsc};

/// Of the shared node.
pub(crate) const EXPERTS: [&str; 3] = ["arithmetic", "chemistry", "geography"];

/// Where a node is served.
#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
}

/// A client of the shared node. It runs on a runtime of its own, for each test's ends with the test.
pub(crate) fn client() -> Client {
    static BASE: OnceLock<String> = OnceLock::new();
    let base = BASE.get_or_init(|| {
        let (address, started) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let node = start(&EXPERTS, &[]).await;
                address.send(base_of(&node.node)).unwrap();
                std::future::pending::<()>().await;
            });
        });
        started.recv().unwrap()
    });
    Client { base: base.clone(), http: reqwest::Client::new() }
}

/// Starts a node with REST on a port of the system's choice.
pub(crate) async fn start(experts: &[&str], bootstrap: &[String]) -> sandbox::Running {
    start_with(experts, bootstrap, |_| {}).await
}

/// The same with other settings.
pub(crate) async fn start_with(
    experts: &[&str],
    bootstrap: &[String],
    change: impl FnOnce(&mut polymath::config::Config),
) -> sandbox::Running {
    let state = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut config = sandbox::config(experts, bootstrap, state.path());
    config.api.rest = Some("127.0.0.1:0".parse().unwrap());
    change(&mut config);
    sandbox::Running { node: Node::start(config).await.unwrap(), state }
}

/// A client of a node of the test's own.
pub(crate) fn client_of(running: &sandbox::Running) -> Client {
    Client { base: base_of(&running.node), http: reqwest::Client::new() }
}

fn base_of(node: &Node) -> String {
    format!("http://{}", node.summary().rest.unwrap())
}

impl Client {
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.request("GET", path).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    pub(crate) async fn send(&self, path: &str, body: &Value) -> Response {
        self.request("POST", path).json(body).send().await.unwrap()
    }

    /// Posts what must succeed.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.send(path, body).await;
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Posts what must fail: status and error.
    pub(crate) async fn fail(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self.send(path, body).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["error"].clone())
    }

    /// The data of a stream's events; the last may be `[DONE]`, which comes as that string.
    pub(crate) async fn stream(&self, path: &str, body: &Value) -> Vec<Value> {
        let mut body = body.clone();
        body["stream"] = json!(true);
        let response = self.send(path, &body).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = response.text().await.unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|d| serde_json::from_str(d).unwrap_or_else(|_| json!(d))).collect()
    }

    /// A chat's whole reply.
    pub(crate) async fn chat(&self, body: &Value) -> Value {
        self.post("/v1/chat/completions", body).await
    }
}

/// A chat of one turn with more fields.
pub(crate) fn chat(model: &str, prompt: &str, more: Value) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": prompt}]});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// A question whose answer is long: a string under a grammar that does not let it end soon.
pub(crate) fn long(model: &str) -> Value {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 120, "maxLength": 140}},
        "required": ["a"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "long", "schema": schema}});
    chat(model, "What is the chemical symbol for gold?", json!({"response_format": format}))
}

/// The data of a stream's events when the node stops in the middle of it: text has come, and the one slot has much
/// to do before this answer could be complete.
pub(crate) async fn cut_short(path: &str, mut body: Value) -> Vec<Value> {
    let node = start_with(&["chemistry"], &[], |config| config.experts[0].slots = 1).await;
    let client = client_of(&node);
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut other = long("chemistry");
        (other["n"], other["stream"]) = (json!(8), json!(true));
        others.push(client.send("/v1/chat/completions", &other).await);
    }
    body["stream"] = json!(true);
    let response = client.send(path, &body).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut bytes = response.bytes_stream();
    let first = bytes.next().await.unwrap().unwrap();
    let rest = tokio::spawn(async move {
        let mut text = first.to_vec();
        while let Some(Ok(more)) = bytes.next().await {
            text.extend_from_slice(&more);
        }
        String::from_utf8(text).unwrap()
    });
    node.node.shutdown().await;
    drop(others);
    let text = rest.await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|d| serde_json::from_str(d).unwrap_or_else(|_| json!(d))).collect()
}
