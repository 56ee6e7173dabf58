//! No ghosts: a node that has died is gone from all the others soon, and back as soon when it is started again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "sandbox/process.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod process;

use process::{Process, Start};
use std::path::Path;
use std::time::{Duration, Instant};

/// Far beyond what anything takes here, so that only a hang fails; what it takes is printed.
const PATIENCE: Duration = Duration::from_secs(60);

const EXPERTS: [&str; 4] = ["chemistry", "geography", "calendar", "units"];

struct Swarm {
    nodes: Vec<Process>,
    ids: Vec<String>,
}

impl Swarm {
    async fn start(folder: &Path, start: &Start<'_>) -> (Self, String) {
        let hub = Process::start(folder, "hub", start);
        let address = hub.health().await.listen_addresses.remove(0);
        let mut nodes = vec![hub];
        let start = Start { bootstrap: Some(&address), ..*start };
        for expert in EXPERTS {
            nodes.push(Process::start(folder, expert, &Start { expert: Some(expert), ..start }));
        }
        let mut ids = Vec::new();
        for node in &nodes {
            ids.push(node.health().await.peer_id);
        }
        let swarm = Self { nodes, ids };
        for at in 1..swarm.ids.len() {
            swarm.until_others_list(at, true).await;
        }
        (swarm, address)
    }

    /// How long it takes until every other node lists an expert of this one, or none does.
    async fn until_others_list(&self, at: usize, listed: bool) -> Duration {
        let started = Instant::now();
        for (_, node) in self.nodes.iter().enumerate().filter(|(other, _)| *other != at) {
            while node.lists(&self.ids[at]).await != listed {
                assert!(started.elapsed() < PATIENCE, "{} does not see it: {listed}", node.state.display());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        started.elapsed()
    }
}

async fn come_and_go(transport: &str, listen: &str) {
    let folder = tempfile::tempdir().unwrap();
    let start = Start { listen, ..Start::default() };
    let (mut swarm, address) = Swarm::start(folder.path(), &start).await;
    for (round, signal) in ["KILL", "STOP", "TERM", "KILL"].into_iter().enumerate() {
        let at = 1 + round % EXPERTS.len();
        swarm.nodes[at].signal(signal);
        let gone = swarm.until_others_list(at, false).await;
        if signal == "STOP" {
            swarm.nodes[at].signal("KILL");
        }
        swarm.nodes[at].wait();
        let expert = EXPERTS[at - 1];
        let began = Instant::now();
        let start = Start { expert: Some(expert), bootstrap: Some(&address), ..start };
        swarm.nodes[at] = Process::start(folder.path(), expert, &start);
        assert_eq!(swarm.nodes[at].health().await.peer_id, swarm.ids[at], "its identity");
        let loaded = began.elapsed();
        let back = swarm.until_others_list(at, true).await;
        println!(
            "{transport} {signal}: gone everywhere after {:.2} s; started again in {:.2} s, back everywhere {:.2} s later",
            gone.as_secs_f32(),
            loaded.as_secs_f32(),
            back.as_secs_f32(),
        );
    }
    // At once, before anybody has noticed: who still holds connections to the dead process gets through to the new one.
    swarm.nodes[1].signal("KILL");
    swarm.nodes[1].wait();
    let began = Instant::now();
    let start = Start { expert: Some(EXPERTS[0]), bootstrap: Some(&address), ..start };
    swarm.nodes[1] = Process::start(folder.path(), EXPERTS[0], &start);
    swarm.nodes[1].health().await;
    for node in swarm.nodes.iter().skip(2) {
        let started = Instant::now();
        while node.connection().probe(&swarm.ids[1]).await.is_err() {
            assert!(started.elapsed() < PATIENCE, "it is not reached");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    println!(
        "{transport}: killed and started at once, reached by all after {:.2} s",
        began.elapsed().as_secs_f32()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn over_quic_the_dead_are_gone_and_the_restarted_are_back() {
    come_and_go("QUIC", "/ip4/127.0.0.1/udp/0/quic-v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_the_dead_are_gone_and_the_restarted_are_back() {
    come_and_go("TCP", "/ip4/127.0.0.1/tcp/0").await;
}
