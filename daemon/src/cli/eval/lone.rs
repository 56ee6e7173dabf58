//! One expert asked directly, through the same llama.cpp worker that serves it in a node.

use anyhow::Context as _;
use futures::StreamExt as _;
use polymath_swarm::evaluation::exact_match;
use polymath_swarm::plan::proposal;
use polymath_swarm::task::TaskEvent;

use super::cases::AnswerCase;
use crate::catalog::Entry;
use crate::inference::{self, Request, Worker};

/// Questions at once: what batching gains on a CPU is had by then.
const SLOTS: u32 = 8;
/// Tokens of an answer: the longest scratchpads of the bundled experts have about 250.
const TOKENS_MAX: u32 = 384;

/// An expert with its model loaded.
pub(super) struct Lone {
    worker: Worker,
    scratchpad: bool,
}

impl Lone {
    /// Loads the expert's model.
    pub(super) async fn load(entry: &Entry) -> anyhow::Result<Self> {
        let config = inference::Config {
            model_path: entry.model_path.clone(),
            context_tokens: entry.max_context,
            slots: SLOTS,
            ..inference::Config::default()
        };
        let worker = Worker::load(config).await.with_context(|| format!("expert {}", entry.id))?;
        Ok(Self { worker, scratchpad: entry.abilities.iter().any(|a| a == "scratchpad") })
    }

    /// How many of the cases it answers exactly, greedily; `done` is called after each.
    pub(super) async fn hits(&self, cases: &[AnswerCase], done: impl Fn()) -> anyhow::Result<usize> {
        Ok(self.right(cases, done).await?.into_iter().filter(|right| *right).count())
    }

    /// Whether it answers each case exactly, greedily; `done` is called after each.
    pub(super) async fn right(&self, cases: &[AnswerCase], done: impl Fn()) -> anyhow::Result<Vec<bool>> {
        let mut answers = futures::stream::iter(cases)
            .map(|case| async {
                match self.answer(&case.prompt).await {
                    Ok(answer) => Ok(exact_match(&case.expect, &answer)),
                    // An expert that cannot take the question has not answered it.
                    Err(inference::Error::TooLong { .. }) => Ok(false),
                    Err(error) => Err(anyhow::Error::from(error)),
                }
            })
            .buffered(SLOTS as usize);
        let mut right = Vec::with_capacity(cases.len());
        while let Some(hit) = answers.next().await {
            right.push(hit?);
            done();
        }
        Ok(right)
    }

    /// How many of a planner's cases it cuts in the right places.
    pub(super) async fn cuts(&self, cases: &[AnswerCase]) -> anyhow::Result<usize> {
        let mut answers = futures::stream::iter(cases)
            .map(|case| async {
                let answer = self.answer(&case.prompt).await?;
                let wanted = case.expect.first().and_then(|told| proposal::places(&case.prompt, told));
                Ok::<_, inference::Error>(
                    wanted.is_some() && wanted == proposal::places(&case.prompt, &answer),
                )
            })
            .buffered(SLOTS as usize);
        let mut right = 0;
        while let Some(cut) = answers.next().await {
            right += usize::from(cut?);
        }
        Ok(right)
    }

    async fn answer(&self, prompt: &str) -> Result<String, inference::Error> {
        let mut generation = self.worker.generate(Request::question(prompt, TOKENS_MAX))?;
        let mut answer = String::new();
        while let Some(event) = generation.next().await {
            if let TaskEvent::Tokens { text, .. } = event? {
                answer.push_str(&text);
            }
        }
        // As the coordinator reads it: a scratchpad's result is its last line.
        let last = answer.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
        Ok(if self.scratchpad { last.to_owned() } else { answer })
    }
}
