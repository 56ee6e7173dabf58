//! Nodes on hosts of their own: network namespaces behind a switch that delays, jitters and loses frames, two of them behind routers
//! that translate addresses. Needs root, iproute2, nftables, ethtool and python3, which `scripts/setup tests` installs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/process.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod process;

use futures::StreamExt as _;
use polymath_sdk::wire;
use process::{Process, Start};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use wire::chat_event::Body;

/// Far beyond what anything takes here, so that only a hang fails; what it takes is printed.
const PATIENCE: Duration = Duration::from_secs(90);
/// Half a round trip, milliseconds; frames go through the switch once each way.
const DELAY_MS: &str = "25";
const JITTER_MS: &str = "3";
const LOSS: &str = "0.01";

/// Hosts in the open: their names, and the ends of their addresses.
const OPEN: [(&str, u8); 4] = [("relay", 10), ("asker", 11), ("north", 12), ("south", 13)];
/// Hosts behind a router each: their names, the ends of the routers' addresses, the networks behind.
const HIDDEN: [(&str, u8, u8); 2] = [("east", 21, 1), ("west", 22, 2)];

fn sh(line: &str) {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{line}: {error}; run scripts/setup tests"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{line}: {said}\nThis suite needs network namespaces: run it as root, on a kernel with NET_NS, veth and nf_nat."
    );
}

/// The hosts; taken down when dropped.
struct Net {
    prefix: String,
    switch: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = self.switch.kill();
        let _ = self.switch.wait();
        for name in self.namespaces() {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
    }
}

impl Net {
    fn start() -> Self {
        let prefix = format!("pm{}", std::process::id());
        let sw = format!("{prefix}-switch");
        sh(&format!("ip netns add {sw}"));
        let mut ports = Vec::new();
        for (name, end) in OPEN {
            let host = format!("{prefix}-{name}");
            sh(&format!("ip netns add {host}"));
            ports.push(wire_up(&host, &sw, name, &format!("198.18.0.{end}/24")));
        }
        for (name, end, net) in HIDDEN {
            let (host, router) = (format!("{prefix}-{name}"), format!("{prefix}-r{name}"));
            sh(&format!("ip netns add {host}"));
            sh(&format!("ip netns add {router}"));
            ports.push(wire_up(&router, &sw, name, &format!("198.18.0.{end}/24")));
            sh(&format!("ip link add in netns {router} type veth peer name eth0 netns {host}"));
            for (of, device, address) in [(&router, "in", 1), (&host, "eth0", 2)] {
                sh(&format!("ip -n {of} addr add 192.168.{net}.{address}/24 dev {device}"));
                sh(&format!("ip -n {of} link set {device} up"));
                sh(&format!("ip netns exec {of} ethtool -K {device} tx off"));
            }
            sh(&format!("ip -n {host} link set lo up"));
            sh(&format!("ip -n {host} route add default via 192.168.{net}.1"));
            sh(&format!("ip netns exec {router} sysctl -qw net.ipv4.ip_forward=1"));
            // What was not begun from inside does not come in: the router of most homes.
            let rules = "table ip home {\n\
                chain out { type nat hook postrouting priority 100; oifname \"eth0\" masquerade; }\n\
                chain through { type filter hook forward priority 0; policy drop;\n\
                    iifname \"in\" accept; ct state established,related accept; }\n}\n";
            let file = std::env::temp_dir().join(format!("{router}.nft"));
            std::fs::write(&file, rules).unwrap();
            sh(&format!("ip netns exec {router} nft -f {}", file.display()));
            std::fs::remove_file(file).unwrap();
        }
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/switch.py");
        let mut switch = Command::new("ip")
            .args(["netns", "exec", &sw, "python3"])
            .arg(program)
            .args(["--delay-ms", DELAY_MS, "--jitter-ms", JITTER_MS, "--loss", LOSS, "--seed", "7"])
            .args(&ports)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = switch.stdin.take().unwrap();
        let answers = BufReader::new(switch.stdout.take().unwrap());
        let mut net = Self { prefix, switch, orders, answers };
        net.answer("ready");
        net
    }

    fn namespaces(&self) -> Vec<String> {
        let open = OPEN.iter().map(|(name, _)| (*name).to_owned());
        let hidden = HIDDEN.iter().flat_map(|(name, ..)| [(*name).to_owned(), format!("r{name}")]);
        let all = open.chain(hidden).chain(["switch".to_owned()]);
        all.map(|name| format!("{}-{name}", self.prefix)).collect()
    }

    fn of(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn answer(&mut self, expected: &str) {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), expected, "the switch");
    }

    /// Takes a host off the net, or puts it back.
    fn order(&mut self, what: &str, host: &str) {
        writeln!(self.orders, "{what} p{host}").unwrap();
        self.answer("done");
    }
}

/// Gives a host its wire to the switch; returns the switch's port.
fn wire_up(host: &str, switch: &str, name: &str, address: &str) -> String {
    let port = format!("p{name}");
    sh(&format!("ip link add eth0 netns {host} type veth peer name {port} netns {switch}"));
    sh(&format!("ip -n {host} addr add {address} dev eth0"));
    sh(&format!("ip -n {host} link set eth0 up"));
    sh(&format!("ip -n {host} link set lo up"));
    sh(&format!("ip -n {switch} link set {port} up"));
    // Frames must be whole when the switch takes them.
    sh(&format!("ip netns exec {host} ethtool -K eth0 tx off"));
    sh(&format!("ip netns exec {switch} ethtool -K {port} tx off"));
    port
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "gave up waiting until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    started.elapsed()
}

/// What a question came to.
struct Asked {
    text: String,
    kept: Option<u32>,
    /// Whether it was begun anew where an expert had broken off.
    anew: bool,
    silence: Duration,
    first: Duration,
}

async fn ask(asker: &Process, prompt: &str, mut on_text: impl FnMut(&str, &str)) -> Result<Asked, String> {
    let request = wire::ChatRequest { prompt: prompt.to_owned(), seed: Some(7), ..Default::default() };
    let began = Instant::now();
    let mut events = asker.connection().chat(request).await.map_err(|e| e.to_string())?;
    let mut asked = Asked {
        text: String::new(),
        kept: None,
        anew: false,
        silence: Duration::ZERO,
        first: Duration::ZERO,
    };
    let (mut last, mut peer, mut seen): (Option<Instant>, String, String) = Default::default();
    while let Some(event) = events.next().await {
        match event.map_err(|e| e.to_string())? {
            Body::Started(started) => {
                asked.kept = asked.kept.max(started.kept_tokens);
                asked.anew |= started.kept_tokens == Some(0);
                peer = started.expert.map(|expert| expert.peer_id).unwrap_or_default();
            }
            Body::Text(text) => {
                if let Some(last) = last.replace(Instant::now()) {
                    asked.silence = asked.silence.max(last.elapsed());
                } else {
                    asked.first = began.elapsed();
                }
                seen.push_str(&text.text);
                on_text(&peer, &seen);
            }
            Body::Answer(answer) => asked.text = answer.text.trim().to_owned(),
            Body::Error(error) => return Err(error.message),
            _ => {}
        }
    }
    Ok(asked)
}

/// Asks until one expert has answered without a break; how often it had to be asked again. Frames may be lost so close together that an expert
/// seems silent.
async fn undisturbed(asker: &Process, prompt: &str) -> (Asked, usize) {
    let began = Instant::now();
    let mut again = 0;
    loop {
        match ask(asker, prompt, |_, _| {}).await {
            Ok(asked) if asked.kept.is_none() => return (asked, again),
            other => assert!(began.elapsed() < PATIENCE, "{prompt}: {:?}", other.map(|asked| asked.text)),
        }
        again += 1;
    }
}

fn node(
    net: &Net,
    folder: &Path,
    name: &str,
    expert: Option<&str>,
    settings: &str,
    seed: Option<&str>,
) -> Process {
    let namespace = net.of(name);
    Process::start(
        folder,
        name,
        &Start {
            expert,
            // Slow enough that an answer is far from its end when its beginning has been read.
            pace: 20,
            bootstrap: seed,
            listen: "/ip4/0.0.0.0/udp/4820/quic-v1,/ip4/0.0.0.0/tcp/4820",
            settings,
            namespace: Some(&namespace),
        },
    )
}

const QUESTIONS: [(&str, &str); 4] = [
    ("What is the chemical symbol for gold?", "Au"),
    ("What is the capital of France?", "Paris"),
    ("What is the chemical symbol for iron?", "Fe"),
    ("What is the capital of Italy?", "Rome"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_swarm_on_hosts_of_its_own_with_delay_loss_routers_and_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let mut net = Net::start();
    let plain = "[audit]\nrate = 0.0\n[network]\nupnp = false\n";
    let relay = node(&net, folder.path(), "relay", None, &format!("{plain}relay = true\n"), None);
    let addresses = relay.health().await.listen_addresses;
    let seed = addresses.iter().find(|a| a.contains("198.18.0.10") && a.contains("quic")).unwrap().clone();
    let asker = node(&net, folder.path(), "asker", None, plain, Some(&seed));
    let north = node(&net, folder.path(), "north", Some("arithmetic"), plain, Some(&seed));
    let south = node(&net, folder.path(), "south", Some("arithmetic"), plain, Some(&seed));
    let behind = format!("{plain}relays = [{seed:?}]\n");
    let east = node(&net, folder.path(), "east", Some("chemistry"), &behind, Some(&seed));
    let west = node(&net, folder.path(), "west", Some("geography"), &behind, Some(&seed));
    let mut ids = Vec::new();
    for node in [&north, &south, &east, &west] {
        ids.push(node.health().await.peer_id);
    }
    let joined = until("the asker knows all four experts", async || {
        let known = asker.connection().experts().await.unwrap_or_default();
        ids.iter().all(|id| known.iter().any(|expert| expert.peer_id == *id))
    })
    .await;
    println!("joined: four experts known after {:.2} s", joined.as_secs_f32());

    // Behind routers: the node finds out, its relay holds a place, and whoever asks gets through, then past the relay.
    for (name, hidden) in [("east", &east), ("west", &west)] {
        let mut last = None;
        let took = until("the relay holds a place", async || {
            last = hidden.connection().network().await.ok();
            last.as_ref()
                .is_some_and(|info| info.relays.iter().any(|relay| relay.holds) && !info.circuits.is_empty())
        })
        .await;
        println!(
            "{name}: a place at the relay {:.2} s later: {:?}",
            took.as_secs_f32(),
            last.unwrap().circuits
        );
    }
    let mut repeated = 0;
    for round in 0..10 {
        for (question, answer) in QUESTIONS {
            let (asked, again) = undisturbed(&asker, question).await;
            assert_eq!(asked.text, answer, "round {round}: {question}");
            repeated += again;
        }
    }
    println!(
        "40 questions answered rightly with {DELAY_MS} ms each way and {LOSS} lost; {repeated} had to be asked again"
    );
    assert!(repeated <= 2, "{repeated} of 40 questions had to be asked again");
    until("they know each other", async || west.lists(&ids[2]).await).await;
    let (asked, _) = undisturbed(&west, QUESTIONS[0].0).await;
    assert_eq!(asked.text, QUESTIONS[0].1, "from behind one router to behind another");
    println!(
        "from behind one router to behind another: first word after {:.0} ms",
        asked.first.as_secs_f32() * 1e3
    );
    let direct = until("the relayed connections are direct ones", async || {
        let peers = west.connection().peers().await.unwrap_or_default();
        peers.iter().any(|peer| peer.peer_id == ids[2] && !peer.relayed)
    })
    .await;
    let info = west.connection().network().await.unwrap();
    println!(
        "a hole punched {:.2} s later: {} direct, {} not; verdict {}",
        direct.as_secs_f32(),
        info.punched,
        info.not_punched,
        info.verdict
    );
    let verdict = until("a node behind a router knows that it is", async || {
        east.connection().network().await.is_ok_and(|info| info.verdict == "unreachable")
    })
    .await;
    let open = until("a node in the open knows that it is", async || {
        north.connection().network().await.is_ok_and(|info| info.verdict == "reachable")
    })
    .await;
    println!("verdicts: {:.2} s and {:.2} s later", verdict.as_secs_f32(), open.as_secs_f32());

    // A partition in the midst of an answer: the other expert with the same model goes on.
    let sum = "What is 48 times 37?";
    let (calm, _) = undisturbed(&asker, sum).await;
    let mut tries = 0;
    let (disturbed, name, at) = loop {
        tries += 1;
        let mut cut = None;
        let asked = ask(&asker, sum, |peer, text| {
            if cut.is_none() && text.len() > 30 {
                let name = if peer == ids[0] { "north" } else { "south" };
                net.order("cut", name);
                cut = Some((name, Instant::now()));
            }
        })
        .await;
        let why = match (asked, cut) {
            (Ok(asked), Some((name, at))) if !asked.anew && asked.kept.is_some_and(|kept| kept > 0) => {
                break (asked, name, at);
            }
            (Ok(asked), _) => format!("kept {:?}, anew {}", asked.kept, asked.anew),
            (Err(error), _) => error,
        };
        // Lost frames have made an expert seem silent before it was cut off, or the one that went on.
        assert!(tries < 3, "whoever is cut off is not gone on for: {why}");
        if let Some((name, _)) = cut {
            net.order("join", name);
            let id = if name == "north" { &ids[0] } else { &ids[1] };
            until("whoever was cut off is back", async || asker.lists(id).await).await;
        }
    };
    assert_eq!(disturbed.text, calm.text);
    println!("cut off in mid-answer: {:.2} s without a word", disturbed.silence.as_secs_f32());
    let id = if name == "north" { &ids[0] } else { &ids[1] };
    until("whoever is cut off is gone", async || !asker.lists(id).await).await;
    println!("cut off: not listed any more {:.2} s after", at.elapsed().as_secs_f32());
    net.order("join", name);
    let back = until("it is back", async || asker.lists(id).await).await;
    println!("healed: listed again {:.2} s later", back.as_secs_f32());
    let back = until("the answer comes", async || ask(&asker, sum, |_, _| {}).await.is_ok()).await;
    assert!(back < PATIENCE);
    let logs: Vec<PathBuf> =
        [&relay, &asker, &north, &south, &east, &west].map(|n| n.state.join("log")).into();
    for log in logs {
        let said = std::fs::read_to_string(&log).unwrap();
        assert!(!said.contains("panicked"), "{}: {said}", log.display());
    }
}
