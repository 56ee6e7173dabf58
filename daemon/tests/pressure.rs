//! Ten times as much as a node can do: it says `busy` at once, does what it has accepted, shares its places out, and does not grow.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/fakes.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod fakes;
#[path = "sandbox/process.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod process;
#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use futures::stream::{FuturesUnordered, StreamExt as _};
use polymath::coordinator::{Host, ReEmbedding};
use polymath::network::{Identity, Network};
use polymath_swarm::capability::Advert;
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::{Message, Offer, TaskError, TaskEvent};
use process::{Process, Start};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A node does four tasks at once and lets sixteen wait.
const CAPACITY: usize = 20;
const ASKERS: usize = 14;
/// As many as one asker may have open.
const EACH: usize = 16;
const ROUNDS: usize = 3;

async fn asker(encoder: &polymath::embedding::Encoder, seed: &str) -> Network {
    let state = tempfile::tempdir().unwrap();
    let mut config = sandbox::config(&[], &[seed.to_owned()], state.path()).network;
    config.namespace = "processes".to_owned();
    Network::start(
        config,
        Identity::ephemeral(),
        encoder.space(),
        encoder.codebook(),
        Arc::new(ReEmbedding::new(encoder.clone())),
        Arc::new(Host::default()),
    )
    .await
    .unwrap()
}

fn offer(advert: &Advert, number: usize) -> Offer {
    Offer {
        task_id: rand_id(number),
        card: advert.card_hash,
        messages: vec![Message {
            role: "user".to_owned(),
            content: format!("What is {} times {}?", 13 + number % 80, 17 + number % 70),
        }],
        sampling: Settings::default(),
        seed: number as u64,
        max_tokens: 24,
        deadline_ms: 120_000,
        price_micro_max: 0,
        stop: Vec::new(),
        top_logprobs: 0,
        grammar: None,
        private: false,
        continues: Vec::new(),
    }
}

fn rand_id(number: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(number as u64).to_le_bytes());
    id
}

/// What became of an offer.
enum End {
    Done,
    /// The expert could not be reached, or not any more.
    Lost,
    Busy {
        after: Duration,
        retry_ms: u32,
    },
}

async fn offered(network: &Network, advert: &Advert, number: usize) -> End {
    let began = Instant::now();
    let mut task = match network.open_task(advert.peer, offer(advert, number)).await {
        Ok(task) => task,
        Err(TaskError::Busy { retry_after_ms }) => {
            return End::Busy { after: began.elapsed(), retry_ms: retry_after_ms };
        }
        Err(TaskError::Unreachable(_)) => return End::Lost,
        Err(error) => panic!("neither taken nor turned away: {error}"),
    };
    loop {
        match task.next().await {
            Some(Ok(TaskEvent::Done { .. })) => return End::Done,
            Some(Ok(_)) => {}
            Some(Err(TaskError::Unreachable(_))) => return End::Lost,
            Some(Err(error)) => panic!("accepted, and not done: {error}"),
            None => panic!("accepted, and nothing more was heard"),
        }
    }
}

fn resident_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_its_capacity_is_turned_away_at_once_and_shared_out() {
    let folder = tempfile::tempdir().unwrap();
    let start = Start { expert: Some("arithmetic"), settings: "[audit]\nrate = 0.0\n", ..Start::default() };
    let expert = Process::start(folder.path(), "expert", &start);
    let seed = expert.health().await.listen_addresses.remove(0);
    let encoder = fakes::encoder().await;
    let mut askers = Vec::new();
    for _ in 0..ASKERS {
        askers.push(asker(&encoder, &seed).await);
    }
    let mut adverts = Vec::new();
    for network in &askers {
        let directory = network.directory();
        sandbox::until("the expert is known", async || !directory.is_empty()).await;
        adverts.push(directory.adverts().remove(0));
    }
    let (mut waits, mut resident, mut done, mut lost, mut least) = (Vec::new(), Vec::new(), 0, 0, usize::MAX);
    for round in 0..ROUNDS {
        let mut ends = FuturesUnordered::new();
        for each in 0..EACH {
            for (at, (network, advert)) in askers.iter().zip(&adverts).enumerate() {
                let number = (round * EACH + each) * ASKERS + at;
                ends.push(async move { (at, offered(network, advert, number).await) });
            }
        }
        let mut served = vec![0; ASKERS];
        while let Some((at, end)) = ends.next().await {
            match end {
                End::Done => served[at] += 1,
                End::Lost => lost += 1,
                End::Busy { after, retry_ms } => {
                    assert!(retry_ms > 0);
                    waits.push(after);
                }
            }
        }
        let all: usize = served.iter().sum();
        assert!(all >= CAPACITY / 4, "{served:?}");
        assert!(all < ASKERS * EACH / 2, "it was not asked for more than it can do: {served:?}");
        done += all;
        least = least.min(served.iter().filter(|served| **served > 0).count());
        resident.push(resident_kib(&expert));
    }
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{} offers: {done} accepted and done, {lost} lost, {} told busy after {:.1} ms (p50), {:.1} ms (p99); of {ASKERS} askers {least} were served in the worst round; \
         memory after each round {resident:?} KiB",
        ASKERS * EACH * ROUNDS,
        waits.len(),
        at(0.5),
        at(0.99),
    );
    // On a machine that stands still for a second a task is taken for lost, but no more than a few.
    assert!(lost * 20 <= ASKERS * EACH * ROUNDS, "{lost} were lost");
    assert!(least >= 5, "a few askers took all the places");
    let (first, last) = (resident[0], resident[ROUNDS - 1]);
    assert!(last < first + 32 * 1024, "it grows: {resident:?}");
}
