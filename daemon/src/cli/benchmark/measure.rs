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

/// Median and 99th percentile of a set of measurements.
pub(super) struct Spread {
    pub(super) median: f64,
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
        Self { median: at(0.5), p99: at(0.99) }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({ "median": self.median, "p99": self.p99 })
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

/// Has long answers written by both, with the same seeds and so the same tokens.
pub(super) async fn speeds(
    worker: &Worker,
    session: &Session,
    questions: &[String],
) -> anyhow::Result<Speeds> {
    let (mut bare, mut swarm) = (Rate::default(), Rate::default());
    for (seed, question) in (0..).zip(questions) {
        let long = Request {
            sampling: Settings { temperature: LONG_TEMPERATURE, ..Settings::default() },
            seed,
            ..Request::question(question, LONG_TOKENS)
        };
        let (tokens, clock) = through_worker(worker, long).await?;
        bare.note(tokens, clock.last - clock.first);

        let asked = Instant::now();
        let mut first = None;
        let request = request(question, LONG_TOKENS, LONG_TEMPERATURE, seed);
        let (mut tokens, mut last) = (0, 0.0);
        ask(session, request, |event, _| {
            match event {
                Body::Text(_) => _ = first.get_or_insert_with(|| asked.elapsed().as_secs_f64()),
                Body::Finished(finished) => {
                    tokens = finished.completion_tokens;
                    last = asked.elapsed().as_secs_f64();
                }
                _ => {}
            }
            Ok(())
        })
        .await?;
        if let Some(first) = first {
            swarm.note(tokens, last - first);
        }
    }
    let ratio = swarm.overall() / bare.overall();
    anyhow::ensure!(!swarm.each.is_empty(), "no long answer came: ask for more --rounds");
    Ok(Speeds { worker: Spread::of(bare.each), swarm: Spread::of(swarm.each), ratio })
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
    session: &Session,
    questions: &[String],
    streams: usize,
) -> anyhow::Result<Together> {
    // Tokens and seconds of each.
    let (mut bare, mut swarm) = ((0.0, 0.0), (0.0, 0.0));
    for (round, questions) in questions.chunks_exact(streams).enumerate() {
        let seeded = || questions.iter().zip((round * streams) as u64..);
        let began = Instant::now();
        let answers = seeded().map(|(question, seed)| {
            let long = Request {
                sampling: Settings { temperature: LONG_TEMPERATURE, ..Settings::default() },
                seed,
                ..Request::question(question, LONG_TOKENS)
            };
            through_worker(worker, long)
        });
        let answers = futures::future::try_join_all(answers).await?;
        bare.0 += answers.iter().map(|(tokens, _)| f64::from(*tokens)).sum::<f64>();
        bare.1 += began.elapsed().as_secs_f64();

        let began = Instant::now();
        let answers = seeded().map(|(question, seed)| async move {
            let request = request(question, LONG_TOKENS, LONG_TEMPERATURE, seed);
            let answer = ask(session, request, |_, _| Ok(())).await?.answer;
            anyhow::Ok(answer.map_or(0, |answer| answer.completion_tokens))
        });
        let answers = futures::future::try_join_all(answers).await?;
        swarm.0 += answers.into_iter().map(f64::from).sum::<f64>();
        swarm.1 += began.elapsed().as_secs_f64();
    }
    anyhow::ensure!(bare.0 > 0.0 && swarm.0 > 0.0, "nothing was answered: ask for more --rounds");
    Ok(Together { worker: bare.0 / bare.1, swarm: swarm.0 / swarm.1 })
}

/// Seconds after the start.
pub(super) struct Clock {
    first: f64,
    last: f64,
}

/// Has the worker answer; tokens of the answer, and when its first and last came.
pub(super) async fn through_worker(worker: &Worker, request: Request) -> anyhow::Result<(u32, Clock)> {
    let started = Instant::now();
    let (mut first, mut tokens) = (None, 0);
    let mut generation = worker.generate(request)?;
    while let Some(event) = generation.next().await {
        match event? {
            TaskEvent::Accepted { .. } => {}
            TaskEvent::Tokens { .. } => _ = first.get_or_insert_with(|| started.elapsed().as_secs_f64()),
            TaskEvent::Done { completion_tokens, .. } => tokens = completion_tokens,
        }
    }
    let last = started.elapsed().as_secs_f64();
    Ok((tokens, Clock { first: first.unwrap_or(last), last }))
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

    fn overall(&self) -> f64 {
        self.tokens / self.seconds
    }
}
