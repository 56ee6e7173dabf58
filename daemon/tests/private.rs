//! Private swarms as people use them: real processes, the invitation in a file, an outsider with every address, a new key, and what
//! tshark makes of the wire (which wants root, and is installed by `scripts/setup tests`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use polymath_swarm::private::Invitation;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take here: far beyond what it takes, so that only a hang fails.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long an outsider tries in vain: more than the gate's five seconds, and several attempts.
const IN_VAIN: Duration = Duration::from_secs(8);

/// A user's machine: one state folder.
struct Machine {
    state: PathBuf,
}

/// A node process; killed when dropped.
struct Running {
    child: Child,
    said: PathBuf,
    logged: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone if the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Machine {
    fn new(folder: &Path, name: &str) -> Self {
        let state = folder.join(name);
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("empty.toml"), "").unwrap();
        Self { state }
    }

    fn daemon(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POLYMATH_"));
        ours.for_each(|(name, _)| _ = command.env_remove(name));
        command.arg("--assets").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models"));
        command.arg("--config").arg(self.state.join("empty.toml")).arg("--state-dir").arg(&self.state);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.daemon(arguments).output().unwrap()
    }

    /// What a command prints, which must go well.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn run(&self, name: &str, before: &[&str], after: &[&str]) -> Running {
        let (said, logged) = (self.state.join(format!("{name}.out")), self.state.join(format!("{name}.err")));
        let mut command = self.daemon(before);
        command.args(["run", "-vv", "--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
        command.args(["--listen", "/ip4/127.0.0.1/tcp/0", "--rest", "off", "--grpc", "off", "--ws", "off"]);
        command.args(after);
        command.stdout(std::fs::File::create(&said).unwrap());
        command.stderr(std::fs::File::create(&logged).unwrap());
        let running = Running { child: command.spawn().unwrap(), said, logged };
        until("the node listens", || !running.addresses().is_empty());
        running
    }

    fn knows(&self, before: &[&str], id: &str) -> bool {
        let output = self.output(&[before, &["experts", "list", "--json"]].concat());
        let experts: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        experts.is_some_and(|e| e.to_string().contains(&format!("\"id\":\"{id}\"")))
    }
}

impl Running {
    fn addresses(&self) -> Vec<String> {
        let said = std::fs::read_to_string(&self.said).unwrap();
        said.lines().filter_map(|l| l.trim().strip_prefix("listening on ").map(str::to_owned)).collect()
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Every file below a folder; sockets are none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false if path.is_file() => vec![path],
            false => vec![],
        })
        .collect()
}

fn expert(id: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/experts").join(id).to_str().unwrap().to_owned()
}

/// Everything that passes between processes of this machine from or to some ports, as tshark records it.
struct Capture {
    tshark: Child,
    file: PathBuf,
    port: String,
}

/// What is sent after all the rest: packets are written in order, some of them a second late.
const LAST: &[u8] = b"here the capture ends";

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tshark.kill();
        let _ = self.tshark.wait();
    }
}

impl Capture {
    fn of(ports: &[String], file: PathBuf) -> Self {
        let filter = ports.iter().map(|port| format!("port {port}")).collect::<Vec<_>>().join(" or ");
        // One line for each packet, said at once: from the first on it is known that it records.
        let mut tshark = tshark(&["-i", "lo", "-f", &filter, "-P", "-l", "-w", file.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("tshark: {error}; run scripts/setup tests"));
        let mut said = BufReader::new(tshark.stderr.take().unwrap()).lines();
        let begun = said.by_ref().map_while(Result::ok).any(|line| line.contains("Capture started"));
        assert!(begun, "tshark does not record; this suite needs root, or a user whom dumpcap lets capture");
        std::thread::spawn(move || said.for_each(drop));
        let packets = BufReader::new(tshark.stdout.take().unwrap()).lines();
        std::thread::spawn(move || packets.for_each(drop));
        Self { tshark, file, port: ports[0].clone() }
    }

    /// Ends it: all bytes, and all that tshark makes of them.
    fn end(mut self) -> (Vec<u8>, String) {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        until("all is recorded", || {
            sender.send_to(LAST, format!("127.0.0.1:{}", self.port)).unwrap();
            let recorded = std::fs::read(&self.file).unwrap_or_default();
            recorded.windows(LAST.len()).any(|window| window == LAST)
        });
        let id = self.tshark.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.tshark.wait().unwrap();
        let read = tshark(&["-r", self.file.to_str().unwrap(), "-V"]).output().unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        (std::fs::read(&self.file).unwrap(), String::from_utf8_lossy(&read.stdout).into_owned())
    }
}

fn tshark(arguments: &[&str]) -> Command {
    let mut command = Command::new("tshark");
    // No names are asked for of anybody.
    command.arg("-n").args(arguments).stdin(Stdio::null());
    command
}

const IN: [&str; 2] = ["--swarm", "family"];
const QUESTION: &str = "What is the chemical symbol for gold?";

#[test]
fn members_share_what_nobody_else_sees() {
    let folder = tempfile::tempdir().unwrap();
    let (anna, ben, eve) = (
        Machine::new(folder.path(), "anna"),
        Machine::new(folder.path(), "ben"),
        Machine::new(folder.path(), "eve"),
    );
    anna.says(&["swarm", "create", "family"]);
    assert!(anna.fails(&["swarm", "create", "family"]).contains("already"));
    let hers = anna.run("family", &IN, &["--expert", &expert("chemistry")]);
    let invitation = anna.says(&["swarm", "invite", "family"]);
    let file = ben.state.join("family.txt");
    std::fs::write(&file, &invitation).unwrap();
    assert!(!ben.output(&["swarm", "join", invitation.trim()]).status.success(), "never on the command line");
    ben.says(&["swarm", "join", "--file", file.to_str().unwrap()]);
    assert_eq!(
        ben.says(&["swarm", "list", "--json"]).split_whitespace().collect::<String>(),
        r#"{"swarms":[{"name":"family","running":false}]}"#
    );

    // Ben is in the public swarm and in this one at once, with two identities.
    let public = ben.run("public", &[], &["--namespace", "test"]);
    let his = ben.run("family", &IN, &[]);
    until("ben knows anna's expert", || ben.knows(&IN, "chemistry"));
    assert_eq!(
        ben.says(&[&IN[..], &["ask", QUESTION, "--only", "chemistry"]].concat()).lines().next(),
        Some("Au")
    );
    let identity = |before: &[&str]| ben.says(&[before, &["identity", "show", "--json"]].concat());
    assert_ne!(identity(&IN), identity(&[]));
    assert!(!ben.knows(&[], "chemistry"), "the public node knows nothing of it");
    // Without a node in the swarm a question is not answered by anybody else.
    assert!(eve.fails(&[&IN[..], &["ask", QUESTION]].concat()).contains("in no private swarm"));

    // Eve has every address, and a swarm of her own.
    eve.says(&["swarm", "create", "family"]);
    let seeds: Vec<String> = hers.addresses();
    let seeds: Vec<&str> = seeds.iter().flat_map(|address| ["--bootstrap", address]).collect();
    let outside = eve.run("public", &[], &[&seeds[..], &["--namespace", "test"]].concat());
    let other = eve.run("family", &IN, &seeds);
    std::thread::sleep(IN_VAIN);
    assert!(!eve.knows(&[], "chemistry") && !eve.knows(&IN, "chemistry"));
    let peers: Value =
        serde_json::from_str(&eve.says(&[&IN[..], &["peers", "list", "--json"]].concat())).unwrap();
    assert_eq!(peers["peers"].as_array().map(Vec::len), Some(0), "{peers}");
    drop((outside, other, public));

    // A new key: who has the old one is out, until he is invited again.
    assert!(anna.fails(&["swarm", "rotate", "family"]).contains("stop"));
    anna.says(&[&IN[..], &["stop"]].concat());
    anna.says(&["swarm", "rotate", "family"]);
    let again = anna.run("family", &IN, &["--expert", &expert("chemistry")]);
    until("anna's old node is forgotten", || !ben.knows(&IN, "chemistry"));
    ben.says(&[&IN[..], &["stop"]].concat());
    let seeds = again.addresses();
    let seeds: Vec<&str> = seeds.iter().flat_map(|address| ["--bootstrap", address]).collect();
    let old = ben.run("old", &IN, &seeds);
    std::thread::sleep(IN_VAIN);
    assert!(!ben.knows(&IN, "chemistry"), "the old key is of no use");
    ben.says(&[&IN[..], &["stop"]].concat());
    ben.says(&["swarm", "leave", "family"]);
    let renewed = anna.says(&["swarm", "invite", "family"]);
    assert_ne!(renewed, invitation);
    std::fs::write(&file, &renewed).unwrap();
    ben.says(&["swarm", "join", "--file", file.to_str().unwrap()]);
    let back = ben.run("back", &IN, &[]);
    until("ben is in again", || ben.knows(&IN, "chemistry"));

    // No secret is in what nodes print and log, nor in what they show of their settings.
    let key = Invitation::decode(&renewed).unwrap().secret.keys();
    let shown = anna.says(&[&IN[..], &["config", "show"]].concat());
    let logs = [&hers, &his, &old, &again, &back]
        .map(|r| std::fs::read_to_string(&r.said).unwrap() + &std::fs::read_to_string(&r.logged).unwrap());
    for text in logs.iter().chain([&shown]) {
        assert!(!text.contains("polymath1:") && !text.contains(&key.namespace), "{text}");
    }
    assert!(logs.iter().any(|log| log.len() > 1_000), "something was logged");

    // Nor is what was asked: not in logs that say all they can, not in the stores of either side.
    let written: Vec<PathBuf> = [&anna, &ben].iter().flat_map(|machine| files(&machine.state)).collect();
    assert!(written.iter().any(|path| path.ends_with("node.redb")) && written.len() > 10);
    for path in written {
        let bytes = std::fs::read(&path).unwrap();
        let found = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found(QUESTION) && !found("symbol for gold"), "{}", path.display());
    }
}

#[test]
fn the_wire_shows_neither_what_is_asked_nor_in_which_swarm() {
    let folder = tempfile::tempdir().unwrap();
    let anna = Machine::new(folder.path(), "anna");
    anna.says(&["swarm", "create", "family"]);
    let hers = anna.run("family", &IN, &["--expert", &expert("chemistry")]);
    let ports: Vec<String> =
        hers.addresses().iter().map(|address| address.split('/').nth(4).unwrap().to_owned()).collect();
    let capture = Capture::of(&ports, folder.path().join("wire.pcapng"));
    let invitation = Invitation::decode(&anna.says(&["swarm", "invite", "family"])).unwrap();
    // One member over QUIC, one over TCP.
    let mut members = Vec::new();
    for (name, transport) in [("ben", "/quic-v1"), ("carl", "/tcp/")] {
        let member = Machine::new(folder.path(), name);
        let mut invitation = invitation.clone();
        invitation.addresses.retain(|address| address.contains(transport));
        let file = member.state.join("family.txt");
        std::fs::write(&file, &*invitation.encode()).unwrap();
        member.says(&["swarm", "join", "--file", file.to_str().unwrap()]);
        let node = member.run("family", &IN, &[]);
        until("the member knows anna's expert", || member.knows(&IN, "chemistry"));
        let answer = member.says(&[&IN[..], &["ask", QUESTION, "--only", "chemistry"]].concat());
        assert_eq!(answer.lines().next(), Some("Au"));
        members.push((member, node));
    }
    let (bytes, said) = capture.end();
    // It was there, and tshark took QUIC's first packets, which anybody can, apart.
    let packets = |of: &str| said.lines().filter(|line| line.starts_with(of)).count();
    let (quic, tcp) = (packets("QUIC IETF"), packets("Transmission Control Protocol"));
    println!("{quic} packets of QUIC, {tcp} of TCP, {} bytes", bytes.len());
    assert!(quic > 20 && tcp > 20 && bytes.len() > 20_000);
    assert!(said.contains("Handshake Protocol: Client Hello"), "{said}");
    let namespace = invitation.secret.keys().namespace.clone();
    for secret in
        [QUESTION, "symbol for gold", "chemistry", "/polymath/", "/noise", "multistream", &namespace]
    {
        let in_bytes = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!in_bytes && !said.contains(secret), "{secret}");
    }
}
