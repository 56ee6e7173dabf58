//! The command line as its users meet it: every help text, and every complaint that needs no running node.
//!
//! The texts are golden files in `tests/cli`; `TRYCMD=overwrite cargo test -p polymath-daemon --test cli` writes
//! them anew. What a golden file cannot hold (large input, closed pipes) is checked below.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// The program, away from whoever runs the tests.
fn daemon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
    command
        .args(arguments)
        .env("HOME", "/nonexistent")
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it with `input` on standard input.
fn fed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = daemon(arguments).spawn().unwrap();
    // The program may stop reading once it has seen too much.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn golden_texts() {
    let cases = trycmd::TestCases::new();
    cases
        .env("HOME", "/nonexistent")
        .env("XDG_STATE_HOME", "")
        .env("XDG_CONFIG_HOME", "")
        .env("COLUMNS", "100");
    cases.case("tests/cli/*.trycmd");
}

#[test]
fn prompts_of_megabytes_are_refused_by_size() {
    let ten = fed(&["ask", "-"], &vec![b'x'; 10 * 1024 * 1024]);
    assert_eq!(ten.status.code(), Some(2));
    assert_eq!(complaint(&ten), "error: the prompt has 10485760 bytes; at most 65536 are accepted\n");
    let endless = fed(&["ask", "-"], &vec![b'x'; 17 * 1024 * 1024]);
    assert!(complaint(&endless).contains("more than 16777216 bytes"), "{}", complaint(&endless));
}

#[test]
fn prompts_without_text_are_refused() {
    for input in [&b""[..], b" \n\t\n", b"\x00\x01\x1b\x7f"] {
        let output = fed(&["plan"], input);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(complaint(&output), "error: the prompt is empty\n");
    }
    let binary = fed(&["ask"], b"\xff\xfe\x00");
    assert!(complaint(&binary).contains("not UTF-8"), "{}", complaint(&binary));
}

#[test]
fn closed_pipes_end_a_command_quietly() {
    for arguments in [&["completions", "bash"][..], &["config", "show"], &["--help"]] {
        let mut child = daemon(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(!complaint(&output).contains("panicked"), "{arguments:?}: {}", complaint(&output));
        assert_eq!(complaint(&output), "", "{arguments:?}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(fed(&["completions", shell], b"").stdout).unwrap();
        assert!(
            script.contains("identity") && script.contains("until") == script.contains("until-stdin-closes")
        );
    }
}
