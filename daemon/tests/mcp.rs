//! `daemon mcp` as a real process, spoken to in JSON-RPC lines, with a real node behind it. The official Python
//! client does the same in `scripts/clients/mcp_client.py`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use sandbox::{PATIENCE, assets, start};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A client of the process.
struct Client {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    next: u64,
}

impl Client {
    fn start(state: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("POLYMATH_")) {
            command.env_remove(name);
        }
        let settings = state.join("empty.toml");
        std::fs::write(&settings, "").unwrap();
        command.arg("--config").arg(settings).arg("--state-dir").arg(state);
        command.arg("--assets").arg(assets().root).arg("mcp").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { input: child.stdin.take().unwrap(), output, child, next: 0 }
    }

    async fn send(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    /// The next line, which must be JSON-RPC.
    async fn receive(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await.expect("an answer in time");
        let line = line.unwrap().expect("the server is there");
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    async fn request(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        loop {
            let message = self.receive().await;
            if message["id"] == id {
                return message;
            }
        }
    }

    async fn hello(&mut self) -> Value {
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        let hello = self.request("initialize", params).await;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        hello["result"].clone()
    }

    async fn call(&mut self, name: &str, arguments: Value) -> Value {
        let reply = self.request("tools/call", json!({ "name": name, "arguments": arguments })).await;
        assert!(reply["error"].is_null(), "{reply}");
        reply["result"].clone()
    }

    /// Closes the input, and expects a clean end with nothing more said.
    async fn end(mut self) {
        drop(self.input);
        assert_eq!(self.output.next_line().await.unwrap(), None);
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).await.unwrap();
        assert!(status.success(), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_finds_the_tools_and_uses_them() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    let mut client = Client::start(node.state.path());
    let hello = client.hello().await;
    assert_eq!(hello["serverInfo"]["name"], "polymath");
    assert!(hello["capabilities"]["tools"].is_object(), "{hello}");

    let tools = client.request("tools/list", json!({})).await["result"]["tools"].clone();
    let names: Vec<_> = tools.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ask_swarm", "plan_question", "list_experts"]);
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["question"]));

    let question = "What is the chemical symbol for gold? What is 17 plus 25?";
    let asked = client.call("ask_swarm", json!({ "question": question, "experts": 2 })).await;
    let answer = &asked["structuredContent"];
    assert_eq!(answer["tasks"][0]["expert"], "chemistry", "{asked}");
    assert_eq!((&answer["tasks"][0]["answer"], &answer["tasks"][1]["answer"]), (&json!("Au"), &json!("42")));
    assert_eq!(asked["content"][0]["text"], answer["answer"]);

    let plan = client.call("plan_question", json!({ "question": question })).await;
    assert_eq!(plan["structuredContent"]["tasks"][1]["candidates"][0]["expert"], "arithmetic", "{plan}");
    let experts = client.call("list_experts", json!({})).await;
    assert_eq!(experts["structuredContent"]["experts"].as_array().unwrap().len(), 2);
    let expert = client
        .call("ask_swarm", json!({ "question": "What is 2 plus 2?", "model": "expert:arithmetic" }))
        .await;
    assert_eq!(expert["isError"], false, "{expert}");
    client.end().await;
    node.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_told_and_the_server_lives_on() {
    let node = start(&["chemistry"], &[]).await;
    let mut client = Client::start(node.state.path());
    client.hello().await;
    let cases = [
        (json!({}), "invalid"),
        (json!({ "question": "" }), "invalid"),
        (json!({ "question": "hello", "model": "gpt-5" }), "invalid"),
        (json!({ "question": "hello", "model": "expert:nobody" }), "unknown_expert"),
        (json!({ "question": "Write a SQL query that joins two tables and groups by month" }), "no_expert"),
    ];
    for (arguments, code) in cases {
        let failed = client.call("ask_swarm", arguments).await;
        assert_eq!(
            (&failed["isError"], &failed["structuredContent"]["error"]["code"]),
            (&json!(true), &json!(code))
        );
        assert!(failed["content"][0]["text"].as_str().unwrap().starts_with(code), "{failed}");
    }
    let unknown = client.request("tools/call", json!({ "name": "rm", "arguments": {} })).await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    client.input.write_all(b"this is no JSON\n").await.unwrap();
    let asked =
        client.call("ask_swarm", json!({ "question": "What is the chemical symbol for iron?" })).await;
    assert_eq!(asked["structuredContent"]["answer"], "Fe");

    node.node.shutdown().await;
    let gone = client.call("ask_swarm", json!({ "question": "What is the chemical symbol for iron?" })).await;
    assert_eq!(gone["isError"], true, "{gone}");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_node_the_bundled_experts_answer() {
    let state = tempfile::tempdir().unwrap();
    let mut client = Client::start(state.path());
    client.hello().await;
    let asked =
        client.call("ask_swarm", json!({ "question": "What is the chemical symbol for iron?" })).await;
    assert_eq!(asked["structuredContent"]["answer"], "Fe", "{asked}");
    client.end().await;
}
