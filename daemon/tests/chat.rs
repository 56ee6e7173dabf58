//! `daemon chat` with its turns from a pipe, as a real process with a real node behind it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use polymath::coordinator::{Question, Target};
use sandbox::{PATIENCE, assets, served_with, start};
use std::path::Path;
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

fn chat(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("POLYMATH_")) {
        command.env_remove(name);
    }
    let settings = state.join("empty.toml");
    std::fs::write(&settings, "").unwrap();
    command.arg("--config").arg(settings).arg("--state-dir").arg(state);
    command.arg("--assets").arg(assets().root).arg("chat").args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn said(state: &Path, arguments: &[&str], turns: &str) -> Output {
    let mut child = chat(state, arguments).spawn().unwrap();
    // It may stop reading once it has seen too much.
    let _ = child.stdin.take().unwrap().write_all(turns.as_bytes()).await;
    tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_from_a_pipe_get_plain_answers_in_one_conversation() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    let saved = node.state.path().join("chat.md");
    let turns = format!(
        "What is the chemical symbol for gold?\n\nWhat is 17 plus 25? \\\nWhat is 2 plus 2?\n/save {}\n/model expert:chemistry\n\
         /model\nWhat is the chemical symbol for iron?\n/quit\nWhat is 1 plus 1?\n",
        saved.display()
    );
    let output = said(node.state.path(), &[], &turns).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "Au\n1. 42 (arithmetic)\n2. 4 (arithmetic)\nexpert:chemistry\nFe\n",
        "{}",
        text(&output.stderr)
    );
    let saved = std::fs::read_to_string(saved).unwrap();
    assert!(
        saved.starts_with("**user**\n\nWhat is the chemical symbol for gold?\n\n**assistant**\n\nAu"),
        "{saved}"
    );
    assert!(!node.state.path().join("chat_history").exists(), "a pipe leaves no history");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_show_plans_and_experts() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    let turns = "/plan What is the chemical symbol for gold? What is 17 plus 25?\n/experts\n/help\n";
    let output = said(node.state.path(), &["--experts", "2"], turns).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for part in ["Plan\n", "chemistry", "arithmetic", "EXPERT", "/save FILE"] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_without_an_answer_is_told_and_the_next_one_is_asked() {
    let node = start(&["chemistry"], &[]).await;
    let turns = "/nonsense\nWrite a SQL query that joins two tables\nWhat is the chemical symbol for iron?\n";
    let output = said(node.state.path(), &[], turns).await;
    assert_eq!(text(&output.stdout), "Fe\n");
    let complaints = text(&output.stderr);
    assert!(complaints.contains("/nonsense is no command"), "{complaints}");
    assert!(complaints.contains("no expert fits"), "{complaints}");
    assert!(complaints.contains("1 of 2 turns got no answer; 1 command failed"), "{complaints}");
    assert_eq!(output.status.code(), Some(1));

    let output = said(node.state.path(), &[], &"x".repeat(200_000)).await;
    assert!(text(&output.stderr).contains("more than 65536 bytes"), "{}", text(&output.stderr));
    let output = said(node.state.path(), &["--model", "gpt-5"], "").await;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_node_the_bundled_experts_answer() {
    let state = tempfile::tempdir().unwrap();
    let output = said(state.path(), &[], "What is the chemical symbol for iron?\n").await;
    assert_eq!(text(&output.stdout), "Fe\n", "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("embedded swarm"));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_ctrl_c_stops_the_answer_and_not_the_program() {
    let node = served_with(&["chemistry"], |config| config.experts[0].slots = 1).await;
    node.knows(&["chemistry"]).await;
    // Answers that end when the expert's context is full, so that whoever asks has to wait for a while.
    let long = || Question {
        target: Target::Expert("chemistry".to_owned()),
        grammar: Some("start: /[a-z ]+[0-9]/".to_owned()),
        max_tokens: Some(10_000),
        ..Question::new("What is gold?")
    };
    let busy = futures::future::join_all((0..12).map(|_| async {
        loop {
            // It may be turned away, or stopped together with the node.
            let mut events = node.node.coordinator().ask(long());
            while events.recv().await.is_some() {}
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }));
    let settings = node.state.path().join("empty.toml");
    std::fs::write(&settings, "").unwrap();
    let mut person = Command::new("python3");
    person.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/clients/chat_terminal.py"));
    person.arg(env!("CARGO_BIN_EXE_daemon")).arg("--config").arg(settings);
    person.arg("--state-dir").arg(node.state.path()).arg("--assets").arg(assets().root);
    let output = tokio::select! {
        output = person.kill_on_drop(true).output() => output.unwrap(),
        _ = busy => unreachable!("it never ends"),
    };
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(node.state.path().join("chat_history").exists(), "a person's history is kept");
}
