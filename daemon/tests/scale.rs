//! Many real nodes on one machine, half of them experts: how long they take to join, to be found and to be forgotten, and what each costs.
//! Two dozen in the ordinary run; `scripts/test --soak` takes a hundred (`POLYMATH_SOAK_NODES`).

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

use polymath::coordinator::{Host, ReEmbedding};
use polymath::embedding::Encoder;
use polymath::network::{Identity, Network};
use polymath_sdk::wire;
use polymath_swarm::cells::{LOOKUPS_FURTHER, LOOKUPS_MAX};
use process::{Process, Start};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NODES: usize = 24;
const SETTINGS: &str = "[audit]\nrate = 0.0\n";
/// Nodes that start at once: this machine has few cores.
const WAVE: usize = 8;
/// Far beyond what anything takes here, so that only a hang fails; what it takes is printed.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long nobody asks anything before it is measured what it costs to be there, and meanwhile.
const QUIET: Duration = Duration::from_secs(10);
const NEWCOMERS: usize = 12;
/// Lookups of one newcomer: each is over after three seconds, which a busy machine may take for other things.
const LOOKUPS: usize = 3;
/// Of each, the expert, a question that it answers, and the answer.
const QUESTIONS: [(&str, &str, &str); 4] = [
    ("arithmetic", "What is 17 times 4?", "68"),
    ("chemistry", "What is the chemical symbol for gold?", "Au"),
    ("geography", "What is the capital of France?", "Paris"),
    ("numerals", "Write 14 in Roman numerals.", "XIV"),
];

fn nodes() -> usize {
    std::env::var("POLYMATH_SOAK_NODES").ok().and_then(|text| text.parse().ok()).unwrap_or(NODES)
}

/// Sorted times, told as people read them.
struct Times(Vec<Duration>);

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut times = self.0.clone();
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64();
        write!(f, "{:.2} s (p50), {:.2} s (p90), {:.2} s (worst)", at(0.5), at(0.9), at(1.0))
    }
}

/// KiB that a process does not share with others, and its part of what it shares.
fn proportional_kib(process: &Process) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", process.id())).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Processor time that a process has taken, in clock ticks of which a second has a hundred (`getconf CLK_TCK`).
fn ticks(process: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // User and system time are the 14th and 15th field, the name being the second (proc_pid_stat(5)).
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// What a node takes of a core while nobody asks anything, in per cent (median).
async fn quiet(members: &[Member]) -> f64 {
    tokio::time::sleep(QUIET).await;
    let before: Vec<u64> = members.iter().map(|member| ticks(&member.process)).collect();
    let began = Instant::now();
    tokio::time::sleep(QUIET).await;
    let taken = members.iter().zip(before).map(|(member, before)| ticks(&member.process) - before).collect();
    // A tick is a hundredth of a second.
    median(taken) as f64 / began.elapsed().as_secs_f64()
}

struct Member {
    process: Process,
    id: String,
    expert: Option<&'static str>,
}

/// How many nodes with experts this one knows.
async fn known(process: &Process) -> usize {
    let experts = process.connection().experts().await.unwrap_or_default();
    experts.iter().map(|expert| expert.peer_id.as_str()).collect::<BTreeSet<_>>().len()
}

/// Starts nodes in waves; returns them with the times until each knew all experts that ran before its wave.
async fn grow(folder: &Path, hub: &str, nodes: usize) -> (Vec<Member>, Vec<Duration>) {
    let (mut members, mut joined) = (Vec::<Member>::new(), Vec::new());
    while members.len() < nodes {
        let before = members.iter().filter(|member| member.expert.is_some()).count();
        let wave = WAVE.min(nodes - members.len());
        let began = Instant::now();
        let started: Vec<_> = (members.len()..members.len() + wave)
            .map(|number| {
                let expert = (number % 2 == 0).then(|| QUESTIONS[number / 2 % QUESTIONS.len()].0);
                let start = Start { expert, bootstrap: Some(hub), settings: SETTINGS, ..Start::default() };
                (Process::start(folder, &format!("node-{number}"), &start), expert)
            })
            .collect();
        for (process, expert) in started {
            let id = process.health().await.peer_id;
            while known(&process).await < before {
                assert!(began.elapsed() < PATIENCE, "{} does not join", process.state.display());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            joined.push(began.elapsed());
            members.push(Member { process, id, expert });
        }
    }
    (members, joined)
}

/// A node that has just come, how long it takes to find who answers this, and how often it had to look; `None` if it finds nobody.
async fn newcomer(
    encoder: &Encoder,
    hub: &str,
    (expert, question, _): (&str, &str, &str),
) -> Option<(Duration, usize)> {
    let state = tempfile::tempdir().unwrap();
    let mut config = sandbox::config(&[], &[hub.to_owned()], state.path()).network;
    config.namespace = "processes".to_owned();
    let network = Network::start(
        config,
        Identity::ephemeral(),
        encoder.space(),
        encoder.codebook(),
        Arc::new(ReEmbedding::new(encoder.clone())),
        Arc::new(Host::default()),
    )
    .await
    .unwrap();
    let query = encoder.embed(vec![question.to_owned()]).await.unwrap().remove(0);
    sandbox::until("it is connected", async || network.info().await.is_ok_and(|info| info.direct > 0)).await;
    let began = Instant::now();
    let codebook = encoder.codebook();
    let cells = codebook.lookups(&query, LOOKUPS_MAX + LOOKUPS_FURTHER);
    let is_found = || network.directory().adverts().iter().any(|advert| advert.card.id == expert);
    let found = async {
        let mut changed = network.directory().changed();
        while !is_found() && changed.changed().await.is_ok() {}
        began.elapsed()
    };
    // As a question does: the nearest cells, and if that finds nobody, further ones.
    let looks = Cell::new(0);
    let looking = async {
        while looks.get() < LOOKUPS && !is_found() {
            looks.set(looks.get() + 1);
            network.find(cells[..LOOKUPS_MAX].to_vec()).await.unwrap();
            let further = cells[LOOKUPS_MAX..].chunks(LOOKUPS_MAX).map(|cells| network.find(cells.to_vec()));
            futures::future::join_all(further).await;
        }
    };
    let took = tokio::select! {
        took = found => Some(took),
        () = looking => is_found().then(|| began.elapsed()),
    };
    network.shutdown().await;
    took.map(|took| (took, looks.get()))
}

async fn ask(asker: &Process, question: &str) -> String {
    let request = wire::ChatRequest { prompt: question.to_owned(), ..Default::default() };
    let mut events = asker.connection().chat(request).await.unwrap();
    while let Some(event) = futures::StreamExt::next(&mut events).await {
        match event.unwrap() {
            wire::chat_event::Body::Answer(answer) => return answer.text,
            wire::chat_event::Body::Error(error) => panic!("{question}: {}", error.message),
            _ => {}
        }
    }
    panic!("the stream ended without an end");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_join_find_answer_and_forget() {
    let nodes = nodes();
    let folder = tempfile::tempdir().unwrap();
    let hub = Process::start(folder.path(), "hub", &Start::default());
    let address = hub.health().await.listen_addresses.remove(0);
    let began = Instant::now();
    let (mut members, joined) = grow(folder.path(), &address, nodes).await;
    let started = began.elapsed();
    let experts = members.iter().filter(|member| member.expert.is_some()).count();
    let began = Instant::now();
    for member in &members {
        while known(&member.process).await < experts {
            assert!(began.elapsed() < PATIENCE, "{} does not know all", member.process.state.display());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let all_known = began.elapsed();
    println!(
        "{nodes} nodes and a hub, {experts} with an expert, started in {:.1} s, {WAVE} at a time",
        started.as_secs_f32()
    );
    println!("joined, from its start until it knew all experts before its wave: {}", Times(joined));
    println!("all know all: {:.2} s after the last", all_known.as_secs_f32());

    let memory = |with: bool| {
        let of = members.iter().filter(|member| member.expert.is_some() == with);
        median(of.map(|member| proportional_kib(&member.process)).collect())
    };
    println!(
        "memory of a node (PSS, median): {} KiB with an expert, {} KiB without",
        memory(true),
        memory(false)
    );

    if std::env::var_os("POLYMATH_SOAK_NODES").is_some() {
        println!("a node that nobody asks: {:.2}% of a core (median)", quiet(&members).await);
    }
    let encoder = fakes::encoder().await;
    let (mut lookups, mut again) = (Vec::new(), 0);
    for number in 0..NEWCOMERS {
        let found = newcomer(&encoder, &address, QUESTIONS[number % QUESTIONS.len()]).await;
        let (took, looks) = found.expect("a newcomer found nobody");
        lookups.push(took);
        again += usize::from(looks > 1);
    }
    println!(
        "lookups of {NEWCOMERS} newcomers, all found their expert, {again} by more than one: {}",
        Times(lookups)
    );

    let mut answers = Vec::new();
    for (number, asker) in members.iter().filter(|member| member.expert.is_none()).enumerate() {
        let (_, question, answer) = QUESTIONS[number % QUESTIONS.len()];
        let began = Instant::now();
        assert_eq!(ask(&asker.process, question).await.trim(), answer, "{question}");
        answers.push(began.elapsed());
    }
    println!("one question of each node without an expert, all answered rightly: {}", Times(answers));

    // Half of the experts at once, without a word.
    let (gone, left): (Vec<Member>, Vec<Member>) = {
        let mut number = 0;
        members.drain(..).partition(|member| {
            number += usize::from(member.expert.is_some());
            member.expert.is_some() && number % 2 == 0
        })
    };
    for member in &gone {
        member.process.signal("KILL");
    }
    let began = Instant::now();
    for member in left.iter().map(|member| &member.process).chain([&hub]) {
        for dead in &gone {
            while member.lists(&dead.id).await {
                assert!(began.elapsed() < PATIENCE, "{} lists a dead one", member.state.display());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    println!(
        "{} killed at once: no other node lists any of them after {:.2} s",
        gone.len(),
        began.elapsed().as_secs_f32()
    );
}
