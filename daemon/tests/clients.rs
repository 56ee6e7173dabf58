//! Official clients against a real node: the OpenAI libraries for Python and Node.js, grpcio with reflection,
//! `websockets`, schemathesis over the OpenAPI document, the MCP client. `scripts/setup tests` installs them; the
//! programs are in `scripts/clients`.

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

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

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_python() {
    let node = sandbox::served(&["chemistry", "arithmetic"]).await;
    run(script("openai_python.py", &[format!("http://{}/v1", node.rest())])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_node() {
    let node = sandbox::served(&["chemistry", "arithmetic"]).await;
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

/// A port for the page's own server, which is its origin.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn page(port: u16, node: &sandbox::Running) -> String {
    let mut command = script("browser.py", &[port.to_string(), format!("ws://{}/ws/chat", node.ws())]);
    command.current_dir(folder());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_is_let_in_only_where_its_origin_is_allowed() {
    let port = free_port();
    let closed = sandbox::served(&["chemistry"]).await;
    assert_eq!(page(port, &closed).await.trim(), "refused");
    let port = free_port();
    let origin = format!("http://127.0.0.1:{port}");
    let open =
        sandbox::served_with(&["chemistry"], |config| config.api.access.allowed_origins = vec![origin]).await;
    let said = page(port, &open).await;
    assert!(said.starts_with("answer") && said.contains("Au"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_server_error_and_no_undocumented_answer() {
    let node = sandbox::served(&["chemistry"]).await;
    let mut command = Command::new(folder().join(".venv/bin/schemathesis"));
    command.arg("run").arg(format!("http://{}/openapi.json", node.rest()));
    // An endless stream would never give its answer.
    command.args(["--exclude-path", "/v1/swarm/events", "--max-examples", "25", "--seed", "1", "--no-color"]);
    command.args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--request-timeout", "60"]);
    run(command).await;
}
