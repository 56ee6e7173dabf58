//! The thread against a program of ours that behaves like the daemon, or does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

/// Time enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stand-in that knows the two calls that are made of it; `run` is what a node does.
fn daemon(folder: &Path, run: &str) -> Places {
    let path = folder.join("stand-in");
    let state = folder.display();
    let script = format!(
        r#"#!/bin/sh
if [ "$1" = config ]; then
  echo '{{"node": {{"state_dir": "{state}", "listen_address": []}}, "api": {{"socket": "{state}/api.sock", "rest_address": "127.0.0.1:0",
    "grpc_address": "off", "ws_address": "off"}}}}'
  exit
fi
cd '{state}' || exit 9
echo "$$" >>pids
{run}
"#
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Places { own: None, said: Some(path), folders: vec![], models: None }
}

/// What a node does that is well: says where its console is, and lives as long as its standard input.
const WELL: &str =
    r#"echo "up, as $*"; echo 'http://127.0.0.1:4321/#key=k' >console.url; exec cat >/dev/null"#;

/// More changes than any of these stories has.
const CHANGES_MAX: usize = 256;

fn started(places: Places) -> (Node, Receiver<Change>) {
    let (sender, changes) = sync_channel(CHANGES_MAX);
    (Node::start(places, move |change| drop(sender.send(change))), changes)
}

/// Waits for a state, and returns what the user was told until then.
fn until(changes: &Receiver<Change>, is_it: impl Fn(&State) -> bool) -> Vec<Notice> {
    let mut told = Vec::new();
    loop {
        match changes.recv_timeout(PATIENCE).expect("the state never comes") {
            Change::State(state) if is_it(&state) => return told,
            Change::State(_) => {}
            Change::Tell(notice) => told.push(notice),
        }
    }
}

fn is_up(state: &State) -> bool {
    matches!(state, State::Up { own: true, .. })
}

fn pids(folder: &Path) -> Vec<i32> {
    let text = fs::read_to_string(folder.join("pids")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn lives(pid: i32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

#[test]
fn a_node_is_started_and_ends_with_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let (node, changes) = started(daemon(folder.path(), WELL));
    until(&changes, is_up);
    let State::Up { console, .. } = node.state() else { panic!("{:?}", node.state()) };
    assert_eq!(console.place(), "http://127.0.0.1:4321");
    let pid = pids(folder.path())[0];
    assert!(lives(pid));
    node.stop();
    assert!(!lives(pid));
    assert_eq!(node.state(), State::Over);
    assert_eq!(node.lines(), ["up, as run --until-stdin-closes"]);
}

#[test]
fn a_node_that_is_killed_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (node, changes) = started(daemon(folder.path(), WELL));
    until(&changes, is_up);
    let first = pids(folder.path())[0];
    let pid = rustix::process::Pid::from_raw(first).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let told =
        until(&changes, |state| matches!(state, State::Waiting { reason, .. } if reason.contains("killed")));
    assert!(told.is_empty());
    let told = until(&changes, is_up);
    assert_eq!(told, [Notice::Died]);
    assert!(matches!(changes.recv_timeout(PATIENCE), Ok(Change::Tell(Notice::Back))));
    let second = pids(folder.path())[1];
    assert!(first != second && lives(second) && !lives(first));
    node.stop();
    assert!(!lives(second));
}

#[test]
fn one_that_cannot_start_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let run = "echo 'error: another node uses the state folder' >&2; exit 4";
    let (node, changes) = started(daemon(folder.path(), run));
    until(&changes, |state| matches!(state, State::Waiting { reason, .. } if reason.contains("exit code 4")));
    assert!(node.lines().iter().any(|line| line.contains("another node")), "{:?}", node.lines());
    node.retry();
    until(&changes, |state| matches!(state, State::Starting { .. }));
    until(&changes, |state| matches!(state, State::Waiting { .. }));
    node.stop();
    assert_eq!(pids(folder.path()).len(), 2);
}

#[test]
fn a_node_of_the_users_own_is_used_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("api.sock")).unwrap();
    fs::write(folder.path().join("console.url"), "http://127.0.0.1:4322/\n").unwrap();
    let (node, changes) = started(daemon(folder.path(), WELL));
    until(&changes, |state| matches!(state, State::Up { own: false, .. }));
    assert!(pids(folder.path()).is_empty());
    // It goes; what it left behind leads nobody astray, and ours takes its place.
    drop(socket);
    until(
        &changes,
        |state| matches!(state, State::Up { own: true, console, .. } if console.place().ends_with("4321")),
    );
    node.stop();
    assert!(pids(folder.path()).iter().all(|pid| !lives(*pid)));
}

#[test]
fn without_a_program_it_says_what_to_do() {
    let (node, changes) = started(Places { own: None, said: None, folders: vec![], models: None });
    until(&changes, |state| matches!(state, State::Failed { reason } if reason.contains("POLYMATH_DAEMON")));
    node.stop();
}
