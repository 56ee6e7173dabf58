//! Official clients against a real node: the OpenAI libraries for Python and Node.js, grpcio with reflection,
//! `websockets`, all of them over TLS, schemathesis over the OpenAPI document, the MCP client. `scripts/setup tests` installs them; the
//! programs are in `scripts/clients`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use polymath::api::access::{keys, store};
use polymath::api::server::tls;
use std::path::PathBuf;
use std::process::Command;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/clients").canonicalize().unwrap()
}

fn python() -> PathBuf {
    let python = folder().join(".venv/bin/python");
    assert!(python.exists(), "the clients are not installed; run `scripts/setup tests`");
    python
}

/// Runs a client to its end; what it printed if it failed.
async fn run(mut command: Command) {
    let shown = format!("{command:?}");
    command.current_dir(folder()).env("NO_PROXY", "*").env_remove("OPENAI_API_KEY");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{shown}\n{}\n{}", text(&output.stdout), text(&output.stderr));
}

fn script(name: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(python());
    command.arg(name).args(arguments);
    command
}

/// A node whose second expert takes its time, so that a client's time-out is over before the answer.
async fn served_with_a_slow_one() -> sandbox::Running {
    sandbox::served_with(&["chemistry", "arithmetic"], |config| config.experts[1].tokens_per_second = 5).await
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_python() {
    let node = served_with_a_slow_one().await;
    run(script("openai_python.py", &[format!("http://{}/v1", node.rest())])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_with_keys() {
    let mut made = Vec::new();
    let node = sandbox::served_with(&["chemistry"], |config| {
        for (scope, rate_per_minute) in [(keys::Scope::Chat, Some(2)), (keys::Scope::Read, None)] {
            let wish = keys::Wish { name: "test".to_owned(), scopes: vec![scope], rate_per_minute };
            made.push(store::create(&config.api.access.keys, wish).unwrap().1);
        }
    })
    .await;
    let base = format!("http://{}/v1", node.rest());
    run(script("openai_keys.py", &[base, made[0].clone(), made[1].clone()])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_node() {
    let node = served_with_a_slow_one().await;
    let mut command = Command::new("node");
    command.arg("openai_node.mjs").arg(format!("http://{}/v1", node.rest()));
    run(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcio_by_reflection() {
    let node = sandbox::served(&["chemistry"]).await;
    run(script("grpc_client.py", &[node.grpc().to_string()])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_for_python() {
    let node = sandbox::served(&["chemistry", "arithmetic"]).await;
    run(script("ws_client.py", &[format!("ws://{}/ws/chat", node.ws())])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_port_speaks_tls_with_them() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = tls::Files { certificate: data.join("certificate.pem"), key: data.join("key.pem") };
    let certificate = files.certificate.display().to_string();
    let node = sandbox::served_with(&["chemistry"], |config| config.api.tls = Some(files)).await;
    let ports = [node.rest(), node.grpc(), node.ws()].map(|address| address.port().to_string());
    run(script("tls_client.py", &[&[certificate][..], &ports].concat())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mcp_client() {
    let node = sandbox::served(&["chemistry", "arithmetic"]).await;
    let assets = sandbox::assets().root.display().to_string();
    let state = node.state.path().display().to_string();
    let daemon = env!("CARGO_BIN_EXE_daemon").to_owned();
    run(script("mcp_client.py", &[daemon, "--state-dir".into(), state, "--assets".into(), assets])).await;
}

/// The examples of a page in one language, by the word after the fence.
fn examples(page: &str, language: &str) -> Vec<String> {
    let path = folder().join("../..").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<String> = text
        .split(&format!("```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```"))
        .map(|(block, _)| block.to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{page} has no examples in {language}");
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_page_says_of_every_field_what_becomes_of_it() {
    let page = folder().join("../../docs/api/rest.md").display().to_string();
    run(script("openai_fields.py", &[page])).await;
}

/// The SDK's page shows a part of an example program, which `tests/sdk.rs` runs.
#[test]
fn the_sdk_page_shows_what_is_run() {
    let program = std::fs::read_to_string(folder().join("../../sdk/examples/ask.rs")).unwrap();
    let lines: Vec<&str> = program.lines().map(str::trim).collect();
    for block in examples("docs/sdk.md", "rust") {
        for line in block.lines().map(str::trim) {
            assert!(lines.contains(&line), "`{line}` is not in sdk/examples/ask.rs");
        }
    }
}

/// What a page says whose own server, which is its origin, is at this port.
async fn page(port: u16, node: &sandbox::Running) -> String {
    let mut command = script("browser.py", &[port.to_string(), format!("ws://{}/ws/chat", node.ws())]);
    command.current_dir(folder());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_is_let_in_only_where_its_origin_is_allowed() {
    let port = sandbox::free_port();
    let closed = sandbox::served(&["chemistry"]).await;
    assert_eq!(page(port, &closed).await.trim(), "refused");
    let port = sandbox::free_port();
    let origin = format!("http://127.0.0.1:{port}");
    let open =
        sandbox::served_with(&["chemistry"], |config| config.api.access.allowed_origins = vec![origin]).await;
    let said = page(port, &open).await;
    assert!(said.starts_with("answer") && said.contains("Au"), "{said}");
}

/// Answers with this status, by the node's own count.
async fn counted(node: &sandbox::Running, route: &str, status: u16) -> u32 {
    let text = reqwest::get(format!("http://{}/metrics", node.rest())).await.unwrap().text().await.unwrap();
    let mark = format!("polymath_http_requests_total{{route=\"{route}\",status=\"{status}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(mark.as_str())).map_or(0, |n| n.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_server_error_and_no_undocumented_answer() {
    let node = sandbox::served(&["chemistry"]).await;
    let run_with = async |checks: &str, more: &[(&str, &str)]| {
        let mut command = Command::new(folder().join(".venv/bin/schemathesis"));
        command.arg("run").arg(format!("http://{}/openapi.json", node.rest()));
        command.env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("PYTHONPATH", folder());
        command.envs(more.iter().copied());
        // An endless stream would never give its answer.
        command.args(["--exclude-path", "/v1/swarm/events", "--exclude-path", "/v1/node/logs"]);
        command.args(["--max-examples", "25", "--seed", "1"]);
        command.args(["--no-color", "--checks", checks, "--request-timeout", "60"]);
        command.args(["--phases", "examples,coverage,fuzzing"]);
        run(command).await;
    };
    run_with("not_a_server_error,status_code_conformance,content_type_conformance", &[]).await;
    run_with("not_a_server_error,status_code_conformance,response_schema_conformance", &[("WHOLE", "1")])
        .await;
    // Else it would have seen nothing but refusals.
    for route in ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings"] {
        let answered = counted(&node, route, 200).await;
        assert!(answered >= 10, "{answered} of the requests to {route} were answered");
    }
}
