//! `benchmark parallel`: four independent tasks asked as one question, against the same four asked one after another.
//!
//! One node in this process hosts four bundled experts, each held to so many tokens a second, as models are whose
//! weights are larger than these. Each round takes one question of each expert from its unseen cases; the four are
//! asked in turn, then together as one numbered list, or the other way round.
//!
//! Four tasks are done when the longest is. So the questions are those whose answers come nearest to one length, as
//! a worker without a limit writes them; with `--unmatched` they are the first ones, however long their answers.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::super::{Context, session, terminal};
use super::Report;
use super::measure::Spread;
use super::measure::through_worker;
use super::questions;
use crate::catalog;
use crate::config::Config;
use crate::config::file::File;
use crate::coordinator::{Coordinator, Event, Question, TaskStatus};
use crate::inference::{self, Request, TOKENS_PER_SECOND_MAX, Worker};
use crate::node::Node;

/// Whose questions are asked: the four that write the most, so that what is measured is work and not overhead.
const EXPERTS: [&str; 4] = ["arithmetic", "numerals", "words", "units"];
/// Tokens that matched answers come near to: what all four experts write at times.
const MATCHED_TOKENS: u32 = 30;
/// Questions of each expert that are looked through for it.
const LOOKED_THROUGH: u32 = 200;
/// Tokens of an answer at most, here as in the questions.
const TOKENS_MAX: u32 = 256;
/// Milliseconds a question may take: at one token a second too.
const DEADLINE_MS: u32 = 600_000;

/// What `benchmark parallel` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// Tokens a second that each expert is held to
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=i64::from(TOKENS_PER_SECOND_MAX)))]
    speed: u32,
    /// Take questions as they come, however unequal their answers
    #[arg(long)]
    unmatched: bool,
    /// Questions of four tasks
    #[arg(long, alias = "rounds", value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(5..=200))]
    pub(super) iterations: u32,
}

/// Milliseconds of each round, and the tokens of its tasks.
#[derive(Default)]
struct Rounds {
    apart: Vec<f64>,
    together: Vec<f64>,
    /// How many times faster, round by round.
    speedup: Vec<f64>,
    tokens: Vec<f64>,
    /// Tokens of the longest of the four.
    longest: Vec<f64>,
    /// Rounds whose question was not cut into four answered tasks.
    left_out: usize,
}

pub(super) async fn run(arguments: Arguments, context: &Context) -> anyhow::Result<Report> {
    let loaded = context.load(File::default())?;
    let assets = session::assets(context, &loaded)?;
    let cards = EXPERTS.map(|id| assets.experts_dir().join(id).join(catalog::CARD_NAME));
    let mut lists = Vec::new();
    for card in &cards {
        let cases = card.with_file_name("cases_unseen.jsonl");
        lists.push(if arguments.unmatched {
            questions(&cases, arguments.iterations)?
        } else {
            let all = questions(&cases, LOOKED_THROUGH)?;
            context.unless_cancelled(matched(card, all, arguments.iterations as usize)).await??
        });
    }
    let folder = tempfile::Builder::new().prefix("polymath-").tempdir().context("no temporary folder")?;
    let mut config = Config::embedded(&assets, cards.to_vec(), folder.path());
    config.ask.deadline_ms = DEADLINE_MS;
    config.experts.iter_mut().for_each(|expert| expert.tokens_per_second = arguments.speed);
    let node = Node::start(config).await?;
    let measured = context.unless_cancelled(measure(node.coordinator(), &lists)).await;
    node.shutdown().await;
    let rounds = measured??;
    anyhow::ensure!(!rounds.speedup.is_empty(), "no question was cut into four answered tasks");
    let counted = rounds.speedup.len();
    let (apart, together) = (Spread::of(rounds.apart), Spread::of(rounds.together));
    let (tokens, longest) = (Spread::of(rounds.tokens), Spread::of(rounds.longest));
    let each = Spread::of(rounds.speedup);
    let speedup = apart.median / together.median;

    let json = json!({
        "experts": EXPERTS,
        "tokens_per_second": arguments.speed,
        "rounds": counted,
        "left_out": rounds.left_out,
        "one_after_another_ms": apart.json(),
        "together_ms": together.json(),
        "matched": !arguments.unmatched,
        "tokens": tokens.json(),
        "tokens_of_the_longest": longest.json(),
        "speedup": speedup,
        "speedup_each": each.json(),
    });
    let rows = [
        super::row("one after another", &apart, "ms"),
        super::row("together", &together, "ms"),
        super::row("tokens of the four", &tokens, ""),
        super::row("tokens of the longest", &longest, ""),
    ];
    let table =
        terminal::table(terminal::Style::detect(), &["FOUR TASKS", "P50", "P95", "P99", "UNIT"], &rows);
    let text = format!(
        "{counted} questions of four tasks to four experts of {} tokens/s each ({} left out)\n{table}\
         together is faster by a factor of {speedup:.2} (median of the rounds {:.2})\n",
        arguments.speed, rounds.left_out, each.median,
    );
    Ok(Report { text, json })
}

/// Those of an expert's questions whose answers come nearest to [`MATCHED_TOKENS`].
async fn matched(card: &Path, all: Vec<String>, count: usize) -> anyhow::Result<Vec<String>> {
    let source = catalog::Config { card: Some(card.to_owned()), ..catalog::Config::default() };
    let entry = catalog::resolve(&source)?;
    let worker = Worker::load(inference::Config {
        model_path: entry.model_path,
        context_tokens: entry.max_context,
        ..inference::Config::default()
    })
    .await?;
    let mut found = Vec::with_capacity(all.len());
    for question in all {
        let (tokens, _) = through_worker(&worker, Request::question(&question, TOKENS_MAX)).await?;
        found.push((tokens.abs_diff(MATCHED_TOKENS), question));
    }
    worker.stop().await;
    found.sort();
    Ok(found.into_iter().map(|(_, question)| question).take(count).collect())
}

async fn measure(coordinator: &Coordinator, lists: &[Vec<String>]) -> anyhow::Result<Rounds> {
    let mut rounds = Rounds::default();
    let count = lists.iter().map(Vec::len).min().unwrap_or_default();
    coordinator.warm_up().await;
    for round in 0..count {
        let parts: Vec<&str> = lists.iter().map(|list| list[round].as_str()).collect();
        let list: String =
            (1..).zip(&parts).map(|(number, part): (u32, _)| format!("{number}. {part}\n")).collect();
        // Each first every other time: whatever else the machine does falls on both.
        let (apart, together) = if round % 2 == 0 {
            let apart = one_after_another(coordinator, &parts).await?;
            (apart, ask(coordinator, list).await?)
        } else {
            let together = ask(coordinator, list).await?;
            (one_after_another(coordinator, &parts).await?, together)
        };
        // What the planner or the router does with odd phrasings is measured elsewhere.
        if apart.done != parts.len() || together.done != parts.len() || apart.tokens != together.tokens {
            rounds.left_out += 1;
            continue;
        }
        let (a, b) = (apart.took.as_secs_f64() * 1e3, together.took.as_secs_f64() * 1e3);
        rounds.apart.push(a);
        rounds.together.push(b);
        rounds.speedup.push(a / b);
        rounds.tokens.push(f64::from(apart.tokens));
        rounds.longest.push(f64::from(apart.longest));
    }
    Ok(rounds)
}

/// What came of one question or of several.
#[derive(Default)]
struct Outcome {
    took: Duration,
    done: usize,
    tokens: u32,
    longest: u32,
}

async fn one_after_another(coordinator: &Coordinator, parts: &[&str]) -> anyhow::Result<Outcome> {
    let mut all = Outcome::default();
    for part in parts {
        let one = ask(coordinator, (*part).to_owned()).await?;
        all.took += one.took;
        // A part that is itself cut is no task of its own.
        all.done += usize::from(one.done == 1);
        all.tokens += one.tokens;
        all.longest = all.longest.max(one.tokens);
    }
    Ok(all)
}

async fn ask(coordinator: &Coordinator, prompt: String) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let question = Question {
        temperature: Some(0.0),
        seed: Some(0),
        max_tokens: Some(TOKENS_MAX),
        ..Question::new(prompt)
    };
    let mut events = coordinator.ask(question);
    let mut outcome = Outcome::default();
    while let Some(event) = events.recv().await {
        match event {
            Ok(Event::Finished(result)) if result.status == TaskStatus::Done => {
                outcome.done += 1;
                outcome.tokens += result.usage.completion_tokens;
            }
            Ok(_) => {}
            // No expert, say: the round does not count.
            Err(error) => tracing::info!(%error, "a question failed"),
        }
    }
    outcome.took = started.elapsed();
    Ok(outcome)
}
