//! What happens to a question, from its plan to its answer.

use super::Candidate;
use super::experience::TaskId;
use polymath_swarm::aggregate::Method;
use polymath_swarm::plan;
use polymath_swarm::plan::intent::Reading;
use polymath_swarm::sanitise::Cleaner;
use polymath_swarm::task::{FinishReason, TokenLogprobs};
use polymath_swarm::veil::Veil;
use std::time::Duration;

/// A task of the plan with the experts that could do it, best first.
#[derive(Clone, Debug)]
pub struct PlannedTask {
    /// The task.
    pub task: plan::Task,
    /// What kind of work it is; None where an expert was named, since nothing is embedded then.
    pub reading: Option<Reading>,
    /// The nearest experts, best first, whether they fit or not.
    pub candidates: Vec<Candidate>,
    /// What experts of other nodes get to see of it, if the question is private.
    pub shown: Option<String>,
}

/// A plan, and what it took to make it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The tasks in the order asked.
    pub tasks: Vec<PlannedTask>,
    /// Time to embed the tasks.
    pub embed: Duration,
    /// Time to cut the question.
    pub plan: Duration,
    /// Time to find and rank the experts.
    pub route: Duration,
    /// What stands for what in the texts shown, if the question is private.
    pub veil: Option<Veil>,
    /// Why nobody could answer any of them, for people.
    pub no_expert: Option<String>,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// Answered.
    Done,
    /// Every expert tried has failed.
    Failed,
    /// Nothing known fits.
    NoExpert,
    /// A task it depends on did not come to an answer.
    Skipped,
}

/// Why a task failed, where that decides what the asker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every expert that fits is busy.
    Busy,
    /// The last turn does not fit the expert's context.
    TooLong,
    /// The expert would not take what was asked of it (a grammar, say).
    Refused,
    /// The expert saw its time run out before the asker did.
    Deadline,
}

/// Tokens read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of templated prompts.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
}

impl Usage {
    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
        }
    }
}

/// One task's end.
#[derive(Clone, Debug)]
pub struct TaskResult {
    /// The task's id.
    pub id: u32,
    /// Names it beyond this question, once it was answered: feedback goes by it.
    pub task_id: Option<TaskId>,
    /// The text it was asked with, results of others put in.
    pub text: String,
    /// Who answered.
    pub expert: Option<Candidate>,
    /// The whole text of the answer.
    pub answer: String,
    /// The part of it that stands for the result (a scratchpad's last line, else all).
    pub result: String,
    /// How it ended.
    pub status: TaskStatus,
    /// Why the text ended, if it came to an end.
    pub finish_reason: Option<FinishReason>,
    /// Oldest turns of the conversation left out, because it was longer than the expert's context.
    pub dropped_messages: u32,
    /// Why it failed, where that decides what the asker is told.
    pub fault: Option<Fault>,
    /// Why it did not end well; empty if it did.
    pub detail: String,
    /// Tokens, those of second opinions included.
    pub usage: Usage,
    /// Mean natural log-probability of the answer's tokens, where it was asked for.
    pub logprob_mean: Option<f32>,
    /// What the second opinions came to, if there were any.
    pub consensus: Option<Consensus>,
    /// From the question's arrival to this task's first token.
    pub first_token: Option<Duration>,
    /// The answer's tokens so far.
    pub(super) ids: Vec<u32>,
    /// Where its text is, between two pieces.
    pub(super) cleaner: Box<Cleaner>,
    /// Whether an expert has broken off in the midst of it.
    pub(super) broke_off: bool,
    /// From the task's start to its end.
    pub total: Duration,
}

impl TaskResult {
    /// Of a task that nobody has been asked yet.
    pub(super) fn unasked(id: u32, text: String) -> Self {
        Self {
            id,
            task_id: None,
            text,
            expert: None,
            answer: String::new(),
            result: String::new(),
            status: TaskStatus::Skipped,
            finish_reason: None,
            dropped_messages: 0,
            fault: None,
            detail: String::new(),
            usage: Usage::default(),
            logprob_mean: None,
            consensus: None,
            first_token: None,
            ids: Vec::new(),
            cleaner: Box::default(),
            broke_off: false,
            total: Duration::ZERO,
        }
    }
}

/// What several experts' answers to one task came to.
#[derive(Clone, Debug)]
pub struct Consensus {
    /// How it was decided.
    pub method: Method,
    /// Share of the opinions' weight that stands behind the result, in [0, 1].
    pub agreement: f32,
    /// Everybody's answer, in the order asked: the best by routing first.
    pub opinions: Vec<Opinion>,
}

/// One expert's answer among several.
#[derive(Clone, Debug)]
pub struct Opinion {
    /// Whose.
    pub expert: Candidate,
    /// The answer, without the working.
    pub answer: String,
    /// Whether it says what the task's result says.
    pub agrees: bool,
    /// Mean natural log-probability of its tokens, if reported.
    pub logprob_mean: Option<f32>,
    /// What it weighed: trust, fit and confidence, in [0, 1].
    pub weight: f32,
}

/// The end of a question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The composed text: results in the order asked, each with its expert.
    pub text: String,
    /// Tokens of all tasks.
    pub usage: Usage,
    /// From arrival to the first token of any task.
    pub first_token: Option<Duration>,
    /// From arrival to the end.
    pub total: Duration,
    /// Why the text ended: at a limit if any task's did.
    pub finish_reason: FinishReason,
}

/// What happens to a question, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// The plan stands.
    Planned(Planned),
    /// The expert chosen for a task loads its model before it begins.
    Loading {
        /// The task's id.
        id: u32,
        /// Who.
        expert: Candidate,
        /// How far it is, from 0 to 100.
        percent: u8,
    },
    /// An expert took a task.
    Started {
        /// The task's id.
        id: u32,
        /// Its text, results of others put in.
        text: String,
        /// Who does it.
        expert: Candidate,
        /// If another has begun and broken off: how many of its tokens stand. Of none, the task begins anew.
        kept_tokens: Option<u32>,
    },
    /// More of a task's answer.
    Text {
        /// The task's id.
        id: u32,
        /// The next characters.
        text: String,
        /// One for each token, if asked for.
        logprobs: Vec<TokenLogprobs>,
    },
    /// More of the composed answer: all of these together are [`Answer::text`].
    Answering {
        /// The next characters.
        text: String,
    },
    /// A task ended.
    Finished(TaskResult),
    /// The question is answered: the last event.
    Answer(Answer),
}
