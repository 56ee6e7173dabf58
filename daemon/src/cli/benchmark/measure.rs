//! The measurements themselves: the same work through a bare worker and through the swarm, in turns.

use std::time::Instant;

use serde_json::json;

use super::super::ask::ask;
use super::super::session::{Session, wire};
use crate::inference::{Request, Worker};
use polymath_swarm::sampling::Settings;
use polymath_swarm::task::TaskEvent;
use wire::chat_event::Body;

/// Tokens of a long answer: long enough for a rate, short enough for a context of 512.
const LONG_TOKENS: u32 = 300;
/// Warm enough that the same question gives answers of several lengths.
const LONG_TEMPERATURE: f32 = 1.0;
/// Tokens of a short answer.
const SHORT_TOKENS: u32 = 256;
/// Shorter ones say nothing of a rate: some answers end at once even so.
const RATED_TOKENS_MIN: u32 = 20;

/// Median, 95th and 99th percentile of a set of measurements.
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
}

impl Spread {
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = ((values.len().saturating_sub(1)) as f64 * share).round();
            // An index within a slice that fits memory: the cast cannot truncate.
            values.get(index as usize).copied().unwrap_or(f64::NAN)
        };
        Self { median: at(0.5), p95: at(0.95), p99: at(0.99) }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({ "median": self.median, "p95": self.p95, "p99": self.p99 })
    }
}

/// Milliseconds of short questions.
pub(super) struct Times {
    pub(super) embed: Spread,
    pub(super) plan: Spread,
    pub(super) route: Spread,
    pub(super) worker_first: Spread,
    pub(super) swarm_first: Spread,
    pub(super) worker_total: Spread,
    pub(super) swarm_total: Spread,
}

/// Tokens a second of long answers.
pub(super) struct Speeds {
    pub(super) worker: Spread,
    pub(super) swarm: Spread,
    /// Tokens over time of all answers, swarm over worker.
    pub(super) ratio: f64,
}

/// Asks each question of the bare worker and of the swarm.
pub(super) async fn times(worker: &Worker, session: &Session, questions: &[String]) -> anyhow::Result<Times> {
    let mut columns: [Vec<f64>; 7] = Default::default();
    for question in questions {
        let (_, bare) = through_worker(worker, Request::question(question, SHORT_TOKENS)).await?;
        let request = request(question, SHORT_TOKENS, 0.0, 0);
        let asked = Instant::now();
        let mut first = None;
        let transcript = ask(session, request, |event, _| {
            if matches!(event, Body::Text(_)) {
                first.get_or_insert_with(|| asked.elapsed().as_secs_f64());
            }
            Ok(())
        })
        .await?;
        let total = asked.elapsed().as_secs_f64();
        // A question that found no expert has no times worth counting.
        let (Some(answer), Some(first)) = (transcript.answer, first) else { continue };
        let row = [
            f64::from(answer.embed_ms),
            f64::from(answer.plan_ms),
            f64::from(answer.route_ms),
            bare.first * 1e3,
            first * 1e3,
            bare.last * 1e3,
            total * 1e3,
        ];
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    anyhow::ensure!(!columns[0].is_empty(), "no question was answered");
    let [embed, plan, route, worker_first, swarm_first, worker_total, swarm_total] = columns.map(Spread::of);
    Ok(Times { embed, plan, route, worker_first, swarm_first, worker_total, swarm_total })
}

/// Has long answers written by both, with the same seeds and so the same tokens; the expert is asked by name, so that nothing is planned.
pub(super) async fn speeds(
    worker: &Worker,
    (session, expert): (&Session, &str),
    questions: &[String],
) -> anyhow::Result<Speeds> {
    let (mut bare, mut swarm) = (Rate::default(), Rate::default());
    for (seed, question) in (0..).zip(questions) {
        let (tokens, clock) = through_worker(worker, long(question, seed)).await?;
        bare.note(tokens, clock.last_token - clock.first);
        let (tokens, clock) = through_swarm(session, expert, question, seed).await?;
        swarm.note(tokens, clock.last_token - clock.first);
    }
    let ratio = swarm.overall() / bare.overall();
    anyhow::ensure!(!swarm.each.is_empty(), "no long answer came: ask for more --rounds");
    Ok(Speeds { worker: Spread::of(bare.each), swarm: Spread::of(swarm.each), ratio })
}

fn long(question: &str, seed: u64) -> Request {
    Request {
        sampling: Settings { temperature: LONG_TEMPERATURE, ..Settings::default() },
        seed,
        ..Request::question(question, LONG_TOKENS)
    }
}

/// Tokens of a long answer, and when they came.
async fn through_swarm(
    session: &Session,
    expert: &str,
    question: &str,
    seed: u64,
) -> anyhow::Result<(u32, Clock)> {
    let request = wire::ChatRequest {
        expert: expert.to_owned(),
        experts: 0,
        ..request(question, LONG_TOKENS, LONG_TEMPERATURE, seed)
    };
    let asked = Instant::now();
    let (mut first, mut last_token, mut tokens) = (None, 0.0, 0);
    ask(session, request, |event, _| {
        match event {
            Body::Text(_) => {
                last_token = asked.elapsed().as_secs_f64();
                first.get_or_insert(last_token);
            }
            Body::Finished(finished) => tokens = finished.completion_tokens,
            _ => {}
        }
        Ok(())
    })
    .await?;
    let last = asked.elapsed().as_secs_f64();
    Ok((tokens, Clock { first: first.unwrap_or(last), last_token, last }))
}

/// Tokens a second of several long answers at once, all of them together.
pub(super) struct Together {
    pub(super) worker: f64,
    pub(super) swarm: f64,
}

impl Together {
    /// Through the swarm over the bare worker.
    pub(super) fn ratio(&self) -> f64 {
        self.swarm / self.worker
    }
}

/// Has so many long answers at once written by both, in turns, with the same seeds and so the same tokens.
pub(super) async fn together(
    worker: &Worker,
    (session, expert): (&Session, &str),
    questions: &[String],
    streams: usize,
) -> anyhow::Result<Together> {
    let (mut bare, mut swarm) = (Rate::default(), Rate::default());
    for (round, questions) in questions.chunks_exact(streams).enumerate() {
        let seeded = || questions.iter().zip((round * streams) as u64..);
        let answers = seeded().map(|(question, seed)| through_worker(worker, long(question, seed)));
        bare.note_all(&futures::future::try_join_all(answers).await?);
        let answers = seeded().map(|(question, seed)| through_swarm(session, expert, question, seed));
        swarm.note_all(&futures::future::try_join_all(answers).await?);
    }
    anyhow::ensure!(bare.tokens > 0.0 && swarm.tokens > 0.0, "nothing was answered: ask for more --rounds");
    Ok(Together { worker: bare.overall(), swarm: swarm.overall() })
}

/// Seconds after the start.
pub(super) struct Clock {
    first: f64,
    last_token: f64,
    last: f64,
}

/// Has the worker answer; tokens of the answer, and when its first and last came.
pub(super) async fn through_worker(worker: &Worker, request: Request) -> anyhow::Result<(u32, Clock)> {
    let started = Instant::now();
    let (mut first, mut last_token, mut tokens) = (None, 0.0, 0);
    let mut generation = worker.generate(request)?;
    while let Some(event) = generation.next().await {
        match event? {
            TaskEvent::Accepted { .. } => {}
            TaskEvent::Tokens { .. } => {
                last_token = started.elapsed().as_secs_f64();
                first.get_or_insert(last_token);
            }
            TaskEvent::Done { completion_tokens, .. } => tokens = completion_tokens,
        }
    }
    let last = started.elapsed().as_secs_f64();
    Ok((tokens, Clock { first: first.unwrap_or(last), last_token, last }))
}

fn request(prompt: &str, max_tokens: u32, temperature: f32, seed: u64) -> wire::ChatRequest {
    wire::ChatRequest {
        prompt: prompt.to_owned(),
        experts: 1,
        max_tokens,
        temperature: Some(temperature),
        seed: Some(seed),
        ..Default::default()
    }
}

#[derive(Default)]
struct Rate {
    each: Vec<f64>,
    tokens: f64,
    seconds: f64,
}

impl Rate {
    /// The first token is the prompt's cost, so it does not count.
    fn note(&mut self, tokens: u32, seconds: f64) {
        if tokens < RATED_TOKENS_MIN || seconds <= 0.0 {
            return;
        }
        let after_first = f64::from(tokens - 1);
        self.each.push(after_first / seconds);
        self.tokens += after_first;
        self.seconds += seconds;
    }

    /// Answers at once: all their tokens, from the first of any to the last of any.
    fn note_all(&mut self, answers: &[(u32, Clock)]) {
        let first = answers.iter().map(|(_, clock)| clock.first).fold(f64::INFINITY, f64::min);
        let last = answers.iter().map(|(_, clock)| clock.last_token).fold(0.0, f64::max);
        self.tokens += answers.iter().map(|(tokens, _)| f64::from(*tokens)).sum::<f64>();
        self.seconds += last - first;
    }

    fn overall(&self) -> f64 {
        self.tokens / self.seconds
    }
}
