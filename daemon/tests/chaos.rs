//! A seeded monkey kills, freezes and stops experts and starts them again while askers stream: every question ends in the right answer or in a
//! clear error before its deadline. A minute in the ordinary run; `scripts/test --soak` takes ten (`POLYMATH_SOAK_SECONDS`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/process.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod process;

use futures::StreamExt as _;
use polymath_sdk::wire;
use process::{Process, Start};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::chat_event::Body;

const SEED: u64 = 20_261_126;
const SECONDS: u64 = 60;
const DEADLINE_MS: u32 = 15_000;
/// A deadline is looked at when something happens, and this machine is busy.
const LENIENCE: Duration = Duration::from_secs(3);
/// Two of each, so that somebody is there most of the time.
const EXPERTS: [&str; 6] = ["arithmetic", "arithmetic", "chemistry", "chemistry", "geography", "geography"];
const QUESTIONS: [&str; 6] = [
    "What is 48 times 37?",
    "What is the chemical symbol for gold?",
    "What is 23 times 19?",
    "What is the capital of France?",
    "What is the chemical symbol for iron?",
    "What is 17 times 4?",
];
/// What may be said where no answer comes.
const CLEAR: [&str; 5] = ["no_expert", "busy", "unavailable", "deadline", "failed"];

/// What a question came to.
enum End {
    Answered { text: String, kept: Option<u32>, silence: Duration },
    Refused { code: String },
}

async fn ask(asker: &Process, prompt: &str) -> End {
    let request = wire::ChatRequest {
        prompt: prompt.to_owned(),
        seed: Some(7),
        deadline_ms: DEADLINE_MS,
        ..Default::default()
    };
    let mut events = match asker.connection().chat(request).await {
        Ok(events) => events,
        Err(error) => return End::Refused { code: error.code().to_owned() },
    };
    let (mut kept, mut silence, mut last) = (None, Duration::ZERO, None::<Instant>);
    while let Some(event) = events.next().await {
        match event {
            Ok(Body::Started(started)) => kept = kept.max(started.kept_tokens),
            Ok(Body::Text(_)) => {
                if let Some(last) = last.replace(Instant::now()) {
                    silence = silence.max(last.elapsed());
                }
            }
            Ok(Body::Answer(answer)) => return End::Answered { text: answer.text, kept, silence },
            Ok(Body::Error(error)) => return End::Refused { code: error.code },
            Ok(_) => {}
            Err(error) => return End::Refused { code: error.code().to_owned() },
        }
    }
    panic!("the stream ended without an end");
}

#[derive(Default)]
struct Tally {
    right: usize,
    went_on: usize,
    refused: BTreeMap<String, usize>,
    silences: Vec<Duration>,
    wrong: Vec<(String, String)>,
    late: Vec<(String, Duration)>,
}

impl Tally {
    fn add(&mut self, question: &str, right: &str, end: End, took: Duration) {
        if took > Duration::from_millis(DEADLINE_MS.into()) + LENIENCE {
            self.late.push((question.to_owned(), took));
        }
        match end {
            End::Answered { text, kept, silence } if text == right => {
                self.right += 1;
                if kept.is_some() {
                    self.went_on += 1;
                    self.silences.push(silence);
                }
            }
            // Begun anew in its midst, perhaps after another had gone on with it, it says so, and the answer comes after that.
            End::Answered { text, kept: Some(_), .. } if text.ends_with(right.trim()) => self.right += 1,
            End::Answered { text, .. } => self.wrong.push((question.to_owned(), text)),
            End::Refused { code } => *self.refused.entry(code).or_default() += 1,
        }
    }

    fn merge(&mut self, other: Self) {
        self.right += other.right;
        self.went_on += other.went_on;
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        self.silences.extend(other.silences);
        self.wrong.extend(other.wrong);
        self.late.extend(other.late);
    }
}

/// Asks one question after another until the end.
async fn stream(asker: Arc<Process>, calm: Arc<Vec<String>>, from: usize, end: Instant) -> Tally {
    let mut tally = Tally::default();
    for number in from.. {
        if Instant::now() >= end {
            break;
        }
        let which = number % QUESTIONS.len();
        let began = Instant::now();
        let ended = ask(&asker, QUESTIONS[which]).await;
        tally.add(QUESTIONS[which], &calm[which], ended, began.elapsed());
    }
    tally
}

fn seconds() -> u64 {
    std::env::var("POLYMATH_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_monkey_does_every_question_comes_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Start { settings: "[audit]\nrate = 0.0\n", ..Start::default() };
    let hub = Process::start(folder.path(), "hub", &plain);
    let address = hub.health().await.listen_addresses.remove(0);
    let joining = Start { bootstrap: Some(&address), ..plain };
    let start = |at: usize| {
        Process::start(
            folder.path(),
            &format!("expert-{at}"),
            &Start { expert: Some(EXPERTS[at]), ..joining },
        )
    };
    let mut experts: Vec<Process> = (0..EXPERTS.len()).map(start).collect();
    let askers: Vec<Arc<Process>> =
        (0..2).map(|at| Arc::new(Process::start(folder.path(), &format!("asker-{at}"), &joining))).collect();
    for (expert, asker) in experts.iter().flat_map(|expert| askers.iter().map(move |asker| (expert, asker))) {
        let id = expert.health().await.peer_id;
        let began = Instant::now();
        while !asker.lists(&id).await {
            assert!(began.elapsed() < Duration::from_secs(60), "an expert is not found");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let mut calm = Vec::new();
    for question in QUESTIONS {
        match ask(&askers[0], question).await {
            End::Answered { text, .. } => calm.push(text),
            End::Refused { code } => panic!("{question}: {code} before anything was done"),
        }
    }
    let calm = Arc::new(calm);
    let end = Instant::now() + Duration::from_secs(seconds());
    let streams: Vec<_> = (0..4)
        .map(|at| tokio::spawn(stream(askers[at % askers.len()].clone(), calm.clone(), at, end)))
        .collect();

    let mut draw = StdRng::seed_from_u64(SEED);
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(draw.random_range(500..3_000))).await;
        let at = draw.random_range(0..experts.len());
        let action = ["KILL", "STOP", "TERM"][draw.random_range(0..3)];
        *done.entry(action).or_default() += 1;
        experts[at].signal(action);
        tokio::time::sleep(Duration::from_millis(draw.random_range(500..4_000))).await;
        if action == "STOP" {
            experts[at].signal("CONT");
        } else {
            experts[at].signal("KILL");
            experts[at].wait();
            experts[at] = start(at);
        }
    }
    let mut tally = Tally::default();
    for stream in streams {
        tally.merge(stream.await.unwrap());
    }
    tally.silences.sort();
    let at = |share: f64| {
        let last = tally.silences.len().saturating_sub(1);
        tally.silences.get((last as f64 * share) as usize).map_or(0.0, Duration::as_secs_f64)
    };
    println!(
        "{} s, the monkey did {done:?}: {} right answers, {} of them gone on elsewhere in their midst after {:.2} s (p50), {:.2} s (p99) \
         without a word; {:?} instead of an answer; {} wrong, {} late",
        seconds(),
        tally.right,
        tally.went_on,
        at(0.5),
        at(0.99),
        tally.refused,
        tally.wrong.len(),
        tally.late.len()
    );
    assert!(tally.wrong.is_empty(), "{:?}", tally.wrong);
    assert!(tally.late.is_empty(), "{:?}", tally.late);
    let unclear = tally.refused.keys().find(|code| !CLEAR.contains(&code.as_str()));
    assert_eq!(unclear, None);
    let refused: usize = tally.refused.values().sum();
    assert!(tally.right > refused, "hardly anything was answered");
    assert!(done.values().sum::<usize>() > 3, "the monkey did nothing");
}
