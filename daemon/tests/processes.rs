//! Real processes, as people run them: two `daemon run`, asked by `daemon ask`, one of them killed and restarted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take here: far beyond what it takes, so that only a hang fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A node process; killed when dropped.
struct NodeProcess {
    child: Child,
    state: PathBuf,
    /// What it printed.
    said: PathBuf,
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Already gone if the test killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn daemon() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POLYMATH_")) {
        command.env_remove(name);
    }
    command.arg("--assets").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models"));
    command
}

fn start(folder: &Path, expert: Option<&str>, bootstrap: Option<&str>) -> NodeProcess {
    let state = folder.join(expert.unwrap_or("client"));
    let settings = folder.join("empty.toml");
    std::fs::write(&settings, "").unwrap();
    let mut command = daemon();
    command.arg("run").arg("--config").arg(settings).arg("--state-dir").arg(&state);
    command.args(["--no-mdns", "--namespace", "test", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
    command.args(["--rest", "off", "--grpc", "off", "--ws", "off"]);
    if let Some(expert) = expert {
        let experts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/experts");
        command.arg("--expert").arg(experts.join(expert));
    }
    command.args(bootstrap.iter().flat_map(|address| ["--bootstrap", address]));
    let said = state.with_extension("out");
    let file = std::fs::File::create(&said).unwrap();
    command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
    NodeProcess { child: command.spawn().unwrap(), state, said }
}

impl NodeProcess {
    fn command(&self, arguments: &[&str]) -> Output {
        daemon().arg("--state-dir").arg(&self.state).args(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Option<Value> {
        serde_json::from_slice(&self.command(arguments).stdout).ok()
    }

    /// An address that others can bootstrap from, as the node prints it.
    fn address(&self) -> Option<String> {
        let said = std::fs::read_to_string(&self.said).unwrap();
        said.lines().find_map(|l| l.trim().strip_prefix("listening on ").map(str::to_owned))
    }

    fn knows(&self, id: &str) -> bool {
        let experts = self.json(&["experts", "list", "--json"]);
        experts.is_some_and(|e| e.to_string().contains(&format!("\"id\":\"{id}\"")))
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn ask_over_the_socket_kill_and_restart() {
    let folder = tempfile::tempdir().unwrap();
    let client = start(folder.path(), None, None);
    until("the client listens", || client.address().is_some());
    let address = client.address().unwrap();
    let identity = |node: &NodeProcess| node.json(&["identity", "show", "--json"]).unwrap().to_string();
    let mut expert = start(folder.path(), Some("chemistry"), Some(&address));
    until("the expert is known", || client.knows("chemistry"));

    let answer =
        client.json(&["ask", "What is the chemical symbol for gold?", "--experts", "3", "--json"]).unwrap();
    assert_eq!(answer["answer"], "Au");
    let task = &answer["plan"]["tasks"][0];
    assert_eq!((&task["expert"]["id"], &task["status"]), (&"chemistry".into(), &"done".into()));
    assert_eq!(task["expert"]["model_sha256"].as_str().unwrap().len(), 64);
    for key in ["embed", "plan", "route", "first_token", "total"] {
        assert!(answer["timings_ms"][key].is_number(), "{key} in {answer}");
    }
    let plan = client.json(&["plan", "What is the chemical symbol for gold?", "--json"]).unwrap();
    assert_eq!(plan["tasks"][0]["candidates"][0]["expert"], "chemistry");

    // SIGKILL: no goodbye. Asking must end with an answer or a clear refusal, never a hang.
    let before = identity(&expert);
    expert.child.kill().unwrap();
    expert.child.wait().unwrap();
    let asked = client.command(&["ask", "What is the chemical symbol for gold?", "--json"]);
    assert!(!asked.status.success());
    until("the dead expert is forgotten", || !client.knows("chemistry"));
    let refused = client.command(&["ask", "What is the chemical symbol for gold?", "--json"]);
    assert_eq!(refused.status.code(), Some(4), "no_expert: {}", String::from_utf8_lossy(&refused.stderr));

    let again = start(folder.path(), Some("chemistry"), Some(&address));
    until("the restarted expert is known", || client.knows("chemistry"));
    assert_eq!(identity(&again), before, "kill -9 loses no identity");
    assert!(client.command(&["stop"]).status.success());
    until("the stopped node is gone", || !client.state.join("api.sock").exists());
}

/// State of each check, by its name, in order.
fn states(output: &Output) -> Vec<(String, String)> {
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = told["findings"].as_array().unwrap();
    for finding in findings {
        let is_ok = finding["state"] == "ok";
        assert_eq!(finding["fix"].is_null(), is_ok, "whatever is not as it should be has a fix: {finding}");
    }
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    findings.iter().map(|finding| (text(finding, "check"), text(finding, "state"))).collect()
}

#[test]
fn the_doctor_finds_what_is_wrong_and_says_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("identity.key"), [7; 32]).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = folder.path().join("settings.toml");
    let listen = format!("[node]\nlisten_address = \"/ip4/127.0.0.1/tcp/{port}\"\n");
    std::fs::write(&settings, format!("{listen}[[expert]]\ncard = \"/nonexistent/card.toml\"\n")).unwrap();
    let doctor = |state: &Path| {
        daemon()
            .arg("--config")
            .arg(&settings)
            .arg("--state-dir")
            .arg(state)
            .args(["doctor", "--json"])
            .output()
    };
    let output = doctor(&state).unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let states = states(&output);
    let of = |check: &str| states.iter().find(|(name, _)| name == check).map(|(_, state)| state.as_str());
    for (check, state) in [
        ("settings", "ok"),
        ("state", "fail"),
        ("models", "fail"),
        ("memory", "ok"),
        ("ports", "fail"),
        ("nat", "unknown"),
    ] {
        assert_eq!(of(check), Some(state), "{check}: {}", String::from_utf8_lossy(&output.stdout));
    }
    // Whether a time server keeps the clock, how full the disk is and how fast the encoder are the machine's affair.
    for check in ["clock", "disk", "encoder"] {
        let state = of(check);
        assert!(matches!(state, Some("ok" | "warn")), "{check}: {}", String::from_utf8_lossy(&output.stdout));
    }
    std::fs::write(&settings, "[node]\nlisen = []\n").unwrap();
    let output = doctor(&state).unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("lisen"), "the line that is wrong is named");
}

#[test]
fn of_a_running_node_the_doctor_and_health_tell_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let client = start(folder.path(), None, None);
    until("the client listens", || client.address().is_some());
    let expert = start(folder.path(), Some("units"), Some(&client.address().unwrap()));
    until("the expert is known", || client.knows("units"));
    let health = client.json(&["health", "--json"]).unwrap();
    assert_eq!((&health["peers"], &health["experts_known"]), (&1.into(), &1.into()));
    let output = expert.command(&["doctor", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let states = states(&output);
    for check in ["ports", "swarm"] {
        assert!(states.contains(&(check.to_owned(), "ok".to_owned())), "{check}: {states:?}");
    }
    let nobody = daemon().arg("--state-dir").arg(folder.path()).arg("health").output().unwrap();
    assert_eq!(nobody.status.code(), Some(3), "none runs there");
}

#[test]
fn models_are_fetched_from_files_and_from_ollama() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/experts/units/units.gguf");
    let models = |arguments: &[&str]| {
        daemon().env("HOME", home).env_remove("XDG_DATA_HOME").arg("models").args(arguments).output().unwrap()
    };
    let told = |output: &Output| -> Value {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let pulled = told(&models(&["pull", units.to_str().unwrap(), "--json"]));
    let path = home.join(".local/share/polymath/models/units/units.gguf");
    assert_eq!(pulled["path"].as_str(), path.to_str());
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&units).unwrap());
    let sha256 = pulled["sha256"].as_str().unwrap();

    let store = home.join(".ollama/models");
    let manifests = store.join("manifests/registry.ollama.ai/library/units");
    std::fs::create_dir_all(&manifests).unwrap();
    std::fs::create_dir_all(store.join("blobs")).unwrap();
    std::fs::copy(&units, store.join(format!("blobs/sha256-{sha256}"))).unwrap();
    let kind = "application/vnd.ollama.image.model";
    let manifest =
        format!("{{\"layers\": [{{\"mediaType\": \"{kind}\", \"digest\": \"sha256:{sha256}\"}}]}}");
    std::fs::write(manifests.join("latest"), manifest).unwrap();
    let pulled = told(&models(&["pull", "ollama:units", "--json"]));
    assert_eq!((&pulled["sha256"], &pulled["was_there"]), (&sha256.into(), &false.into()));
    assert_eq!(told(&models(&["pull", "ollama:units", "--json"]))["was_there"], true);

    let other = "0".repeat(64);
    let refused = models(&["pull", units.to_str().unwrap(), "--sha256", &other]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("it was not kept"));
    let nobody = models(&["pull", "owner/name", "--mirror", "http://127.0.0.1:9"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("127.0.0.1:9"), "{nobody:?}");
    let all = told(&models(&["recommend", "--all", "--json"]));
    assert!(all["models"].as_array().unwrap().iter().any(|model| model["id"] == "coder"));
}
