//! Official clients against a real node: the OpenAI libraries for Python and Node.js, grpcio with reflection,
//! `websockets`, schemathesis over the OpenAPI document, the MCP client. `scripts/setup tests` installs them; the
//! programs are in `scripts/clients`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

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

#[tokio::test(flavor = "multi_thread")]
async fn the_mcp_client() {
    let node = sandbox::served(&["chemistry", "arithmetic"]).await;
    let assets = sandbox::assets().root.display().to_string();
    let state = node.state.path().display().to_string();
    let daemon = env!("CARGO_BIN_EXE_daemon").to_owned();
    run(script("mcp_client.py", &[daemon, "--state-dir".into(), state, "--assets".into(), assets])).await;
}

/// The shell examples of a page.
fn examples(page: &str) -> Vec<String> {
    let path = folder().join("../../docs").join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<String> = text
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```"))
        .map(|(block, _)| block.to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{page} has no examples");
    blocks
}

/// Runs a page's examples against `node`, in an empty folder.
async fn run_examples(page: &str, node: &sandbox::Running) {
    for block in examples(page) {
        let block = block.replace("127.0.0.1:8080", &node.rest().to_string());
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("bash");
        // What answers with an error makes the example fail; `daemon` is the one that was built.
        let functions = "curl() { command curl --silent --show-error --fail-with-body --max-time 60 \"$@\"; }\n\
                         daemon() { \"$DAEMON\" --state-dir \"$STATE\" \"$@\"; }\ncd \"$PLACE\"\n";
        command.args(["-euo", "pipefail", "-c", &format!("{functions}{block}")]);
        command.env("DAEMON", env!("CARGO_BIN_EXE_daemon")).env("STATE", node.state.path());
        command.env("PLACE", place.path());
        run(command).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_rest_page_run() {
    let node = sandbox::served(&["chemistry", "geography"]).await;
    run_examples("api/rest.md", &node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_access_page_run() {
    let node = sandbox::served(&["chemistry"]).await;
    run_examples("api/access.md", &node).await;
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
