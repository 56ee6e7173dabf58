//! `kill -9` at any instant of starting, loading, serving and writing leaves a state folder from which the node starts; `SIGTERM` lets what has begun
//! end. `scripts/test --soak` kills two hundred times (`POLYMATH_SOAK_KILLS`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "sandbox/process.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod process;

use futures::StreamExt as _;
use polymath_sdk::wire;
use process::{Process, Start};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::time::{Duration, Instant};
use wire::chat_event::Body;

const SEED: u64 = 20_261_126;
const KILLS: usize = 30;
/// A node that was started is asked something after so many kills.
const CHECK_EVERY: usize = 5;

/// One after the other: a machine that starts nodes all the time answers slowly.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn kills() -> usize {
    std::env::var("POLYMATH_SOAK_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

async fn answer(node: &Process, prompt: &str) -> Result<String, String> {
    let request = wire::ChatRequest { prompt: prompt.to_owned(), ..Default::default() };
    let mut events = node.connection().chat(request).await.map_err(|error| error.to_string())?;
    while let Some(event) = events.next().await {
        match event.map_err(|error| error.to_string())? {
            Body::Answer(answer) => return Ok(answer.text),
            Body::Error(error) => return Err(error.message),
            _ => {}
        }
    }
    Err("no end".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_instant_it_starts_again() {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let start = Start { expert: Some("chemistry"), ..Start::default() };
    let mut draw = StdRng::seed_from_u64(SEED);
    let mut identity = None;
    let mut when = [0; 3];
    for kill in 0..kills() {
        let mut node = Process::start(folder.path(), "node", &start);
        let after = Duration::from_millis(draw.random_range(0..700));
        if kill % CHECK_EVERY == 0 {
            let health = node.health().await;
            assert_eq!(*identity.get_or_insert(health.peer_id.clone()), health.peer_id, "after {kill} kills");
            assert_eq!(health.experts_local, 1, "after {kill} kills");
            let said = answer(&node, "What is the chemical symbol for gold?").await;
            assert_eq!(said.as_deref().map(str::trim), Ok("Au"), "after {kill} kills");
            // In the midst of an answer and of what is written after it.
            let asking = answer(&node, "What is the chemical symbol for iron?");
            let _ = tokio::time::timeout(after / 10, asking).await;
            when[2] += 1;
        } else {
            tokio::time::sleep(after).await;
            // Not a moment longer, or it would only be killed once it has started.
            let health =
                tokio::time::timeout(Duration::from_millis(5), async { node.connection().health().await });
            when[usize::from(health.await.is_ok_and(|health| health.is_ok()))] += 1;
        }
        node.signal("KILL");
        node.wait();
    }
    println!(
        "{} kills, {} before it answered, {} after, {} in the midst of a question: it started again every time",
        kills(),
        when[0],
        when[1],
        when[2]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_to_stop_finishes_what_has_begun_and_takes_nothing_more() {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let plain = Start { settings: "[audit]\nrate = 0.0\n", ..Start::default() };
    let asker = Process::start(folder.path(), "asker", &plain);
    let address = asker.health().await.listen_addresses.remove(0);
    let mut expert = Process::start(
        folder.path(),
        "expert",
        &Start { expert: Some("arithmetic"), bootstrap: Some(&address), ..plain },
    );
    let id = expert.health().await.peer_id;
    while !asker.lists(&id).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let request = wire::ChatRequest {
        prompt: "What is 48 times 37?".to_owned(),
        deadline_ms: 30_000,
        ..Default::default()
    };
    let mut events = asker.connection().chat(request).await.unwrap();
    let (mut told, mut kept, mut text) = (None, None, String::new());
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Body::Started(started) => kept = kept.max(started.kept_tokens),
            Body::Text(_) if told.is_none() => {
                expert.signal("TERM");
                told = Some(Instant::now());
            }
            Body::Answer(answer) => text = answer.text,
            Body::Error(error) => panic!("{}", error.message),
            _ => {}
        }
    }
    assert!(text.contains("1776"), "{text}");
    assert_eq!(kept, None, "it was done by whoever began it");
    let status = expert.wait();
    println!(
        "told to stop, it finished its answer and ended {:.2} s after",
        told.unwrap().elapsed().as_secs_f32()
    );
    assert!(status.success(), "{status}");
    assert!(!asker.lists(&id).await, "it has said goodbye");
}
