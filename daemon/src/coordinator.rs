//! The use-case: a question becomes a plan, each task goes to the expert that fits, their answers become one.
//!
//! ```text
//! ask ─ sanitise ─ embed ─ plan ─ route ──┬─ run task 1 ─┐
//!                                         ├─ run task 2 ─┼─ compose ─ answer
//!                                         └─ run task 3 ─┘   (3 may wait for 1)
//! ```
//!
//! [`Coordinator::ask`] returns at once with a bounded stream of [`Event`]s; dropping that stream cancels
//! whatever is still running, on every expert. The decisions (how to cut, who fits) are `polymath_swarm`'s;
//! this module gives them their inputs and carries them out. It knows no HTTP, no gRPC and no terminal.

mod claims;
mod compose;
mod conversation;
mod host;
mod route;
mod run;

pub use claims::ReEmbedding;
pub use host::{Host, Hosted};
pub use route::Candidate;

use crate::embedding::{self, Encoder};
use crate::network::{Network, PeerInfo};
use polymath_swarm::capability::Advert;
use polymath_swarm::plan::{self, Plan};
use polymath_swarm::sanitise;
use polymath_swarm::task::{FinishReason, Message, TokenLogprobs};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events a slow reader may leave unread before the question waits for it.
const EVENTS_QUEUED_MAX: usize = 256;
/// Questions in flight at once, unless set otherwise: each holds a few tasks and small buffers only.
const QUESTIONS: u32 = 64;
/// The most that may be set: at some tens of kilobytes each, a few hundred megabytes.
pub const QUESTIONS_MAX: u32 = 8_192;
/// When to come back after `busy`: about the time a short question takes.
const BUSY_RETRY_MS: u32 = 500;

/// How questions are answered unless they say otherwise.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Different experts one question may use.
    pub experts: u32,
    /// Tokens a task may generate.
    pub max_tokens: u32,
    /// Milliseconds a question may take.
    pub deadline_ms: u32,
    /// Questions in flight at once; more are told `busy`.
    pub questions: u32,
}

impl Default for Config {
    fn default() -> Self {
        // Eight experts cover any question people ask in one breath; two minutes let a slow machine finish a long
        // answer.
        Self { experts: 8, max_tokens: 1_024, deadline_ms: 120_000, questions: QUESTIONS }
    }
}

/// Whom a question is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Whoever fits: planned and routed.
    #[default]
    Swarm,
    /// The expert with this card id, wherever it runs: one task, the conversation as it stands, the text as the
    /// model gives it.
    Expert(String),
}

/// A question and its wishes; `None` takes the node's default.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The conversation; the last turn, the user's, is what is asked.
    pub messages: Vec<Message>,
    /// Whom it is for.
    pub target: Target,
    /// What it is routed by where it stays whole, if that is not the last turn: the user's own words, when the
    /// last turn is what a function gave.
    pub topic: Option<String>,
    /// Whether it must stay one task.
    pub whole: bool,
    /// Whether the answer is the expert's text as it stands: a scratchpad is not reduced to its last line. Wanted
    /// where the text must match its log-probabilities or a grammar. Implies `whole`.
    pub verbatim: bool,
    /// Different experts it may use.
    pub experts: Option<u32>,
    /// Tokens a task may generate.
    pub max_tokens: Option<u32>,
    /// Sampling temperature; the expert's own recommendation if absent.
    pub temperature: Option<f32>,
    /// Nucleus sampling: the share of the probability that is drawn from.
    pub top_p: Option<f32>,
    /// Logits taken from a token for each time it has come already.
    pub frequency_penalty: Option<f32>,
    /// Logits taken from a token that has come already.
    pub presence_penalty: Option<f32>,
    /// Seed of the replayable sampler; random if absent.
    pub seed: Option<u64>,
    /// Milliseconds it may take.
    pub deadline_ms: Option<u32>,
    /// The answer ends before any of these.
    pub stop: Vec<String>,
    /// Alternatives reported for each token, 0 for no log-probabilities at all.
    pub top_logprobs: u32,
    /// What the answer must match, in llguidance's Lark dialect.
    pub grammar: Option<String>,
}

impl Question {
    /// One question, with the node's defaults.
    pub fn new(prompt: impl Into<String>) -> Self {
        let message = Message { role: "user".to_owned(), content: prompt.into() };
        Self { messages: vec![message], ..Self::default() }
    }

    /// Whether it may not be cut into tasks.
    fn is_whole(&self) -> bool {
        let bound = self.grammar.is_some() || self.top_logprobs > 0 || !self.stop.is_empty();
        self.whole || bound || self.is_verbatim()
    }

    fn is_verbatim(&self) -> bool {
        self.verbatim || self.grammar.is_some() || self.top_logprobs > 0 || self.target != Target::Swarm
    }
}

/// A task of the plan with the experts that could do it, best first.
#[derive(Clone, Debug)]
pub struct PlannedTask {
    /// The task.
    pub task: plan::Task,
    /// The nearest experts, best first, whether they fit or not.
    pub candidates: Vec<Candidate>,
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

/// One task's end.
#[derive(Clone, Debug)]
pub struct TaskResult {
    /// The task's id.
    pub id: u32,
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
    /// Tokens.
    pub usage: Usage,
    /// From the question's arrival to this task's first token.
    pub first_token: Option<Duration>,
    /// From the task's start to its end.
    pub total: Duration,
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
    /// An expert took a task.
    Started {
        /// The task's id.
        id: u32,
        /// Its text, results of others put in.
        text: String,
        /// Who does it.
        expert: Candidate,
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

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The prompt itself is at fault.
    #[error("the prompt cannot be used")]
    Prompt(#[from] sanitise::SanitiseError),
    /// A wish is out of range.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which wish.
        field: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The expert that was named is not known.
    #[error("no expert is called {name:?}; {known}")]
    UnknownExpert {
        /// The name.
        name: String,
        /// Which there are, for people.
        known: String,
    },
    /// The last turn alone does not fit the expert's context.
    #[error("too long for the expert: {0}")]
    TooLong(String),
    /// The expert would not take what was asked of it.
    #[error("the expert refused: {0}")]
    Refused(String),
    /// No expert fits any task.
    #[error("no expert fits this question; {nearest}")]
    NoExpert {
        /// The nearest cards, for people.
        nearest: String,
    },
    /// Too many questions at once, or every fitting expert is busy.
    #[error("busy; try again in {retry_after_ms} ms")]
    Busy {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// Time ran out.
    #[error("the question did not finish within {deadline_ms} ms")]
    Deadline {
        /// The limit that applied.
        deadline_ms: u32,
    },
    /// Every task failed.
    #[error("no task could be answered: {0}")]
    Failed(String),
    /// The encoder failed.
    #[error("the question cannot be embedded")]
    Embedding(#[from] embedding::Error),
}

/// Handle to the use-case; cheap to clone.
#[derive(Clone)]
pub struct Coordinator {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    encoder: Encoder,
    network: Network,
    host: Host,
    router: route::Router,
    questions: Arc<tokio::sync::Semaphore>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Coordinator {
    /// Joins the capabilities. `stop` ends every question in flight.
    pub fn new(
        config: Config,
        encoder: Encoder,
        network: Network,
        host: Host,
        stop: CancellationToken,
    ) -> Self {
        let router = route::Router::new(encoder.clone(), network.clone());
        let questions = Arc::new(tokio::sync::Semaphore::new(config.questions as usize));
        let tracker = TaskTracker::new();
        Self { inner: Arc::new(Inner { config, encoder, network, host, router, questions, tracker, stop }) }
    }

    /// Cuts the question and ranks the experts for each task, without asking anyone.
    pub async fn plan(&self, question: &Question) -> Result<Planned, Error> {
        let limits = run::Limits::of(question, &self.inner.config)?;
        let question = conversation::checked(question)?;
        let _permit = self.permit()?;
        let planning = tokio::time::timeout(limits.deadline(), self.prepare(&question));
        let late = |_| Error::Deadline { deadline_ms: limits.deadline_ms };
        Ok(planning.await.map_err(late)??.1)
    }

    /// Answers a question. Dropping the receiver cancels it everywhere.
    pub fn ask(&self, question: Question) -> mpsc::Receiver<Result<Event, Error>> {
        let (events, receiver) = mpsc::channel(EVENTS_QUEUED_MAX);
        let this = self.clone();
        let answering = async move {
            let arrived = Instant::now();
            tokio::select! {
                // The reader is gone or the node stops: dropping `answer` drops every task's stream, and
                // dropping those cancels the work on the experts.
                () = events.closed() => {}
                () = this.inner.stop.cancelled() => {}
                outcome = this.answer(question, &events, arrived) => {
                    let last = outcome.map(Event::Answer);
                    // A reader that left needs no last event.
                    let _ = events.send(last).await;
                }
            }
        };
        self.inner.tracker.spawn(tracing::Instrument::instrument(answering, tracing::info_span!("question")));
        receiver
    }

    /// The sentence encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.inner.encoder
    }

    /// Every verified expert this node knows, its own included.
    pub fn experts(&self) -> Vec<Arc<Advert>> {
        self.inner.network.directory().adverts()
    }

    /// Connected peers.
    pub async fn peers(&self) -> Vec<PeerInfo> {
        self.inner.network.peers().await
    }

    /// The experts hosted here.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    /// The network this coordinator dispatches over.
    pub fn network(&self) -> &Network {
        &self.inner.network
    }

    /// Waits until no question is in flight. New ones are not refused: cancel `stop` first.
    pub async fn drained(&self) {
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
    }

    fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Error> {
        self.inner.questions.try_acquire().map_err(|_| Error::Busy { retry_after_ms: BUSY_RETRY_MS })
    }

    async fn prepare(&self, question: &Question) -> Result<(Plan, Planned), Error> {
        let started = Instant::now();
        let plan = conversation::plan(question);
        let plan_time = started.elapsed();
        if let Target::Expert(name) = &question.target {
            return self.named(name, plan, plan_time);
        }
        let texts: Vec<String> = match &question.topic {
            Some(topic) if question.is_whole() => vec![topic.clone()],
            _ => plan.tasks().map(|t| route::without_placeholders(&t.text)).collect(),
        };
        let embedding_started = Instant::now();
        let queries = self.inner.encoder.embed(texts).await?;
        let embed = embedding_started.elapsed();
        let routing_started = Instant::now();
        let mut tasks = Vec::with_capacity(queries.len());
        // All at once: each may have to ask the DHT.
        let ranked = futures::future::join_all(queries.iter().map(|q| self.inner.router.rank(q))).await;
        for (task, candidates) in plan.tasks().zip(ranked) {
            tasks.push(PlannedTask { task: task.clone(), candidates });
        }
        let route = routing_started.elapsed();
        Ok((plan, Planned { tasks, embed, plan: plan_time, route }))
    }

    fn named(&self, name: &str, plan: Plan, plan_time: Duration) -> Result<(Plan, Planned), Error> {
        let started = Instant::now();
        let candidates = self.inner.router.named(name);
        if candidates.is_empty() {
            let mut ids: Vec<String> = self.experts().iter().map(|e| e.card.id.clone()).collect();
            ids.sort();
            ids.dedup();
            let known = if ids.is_empty() {
                "no expert is known at all".to_owned()
            } else {
                format!("there are {}", ids.join(", "))
            };
            return Err(Error::UnknownExpert { name: name.to_owned(), known });
        }
        let tasks = plan
            .tasks()
            .map(|task| PlannedTask { task: task.clone(), candidates: candidates.clone() })
            .collect();
        let planned = Planned { tasks, embed: Duration::ZERO, plan: plan_time, route: started.elapsed() };
        Ok((plan, planned))
    }

    async fn answer(
        &self,
        question: Question,
        events: &mpsc::Sender<Result<Event, Error>>,
        arrived: Instant,
    ) -> Result<Answer, Error> {
        let limits = run::Limits::of(&question, &self.inner.config)?;
        let question = conversation::checked(&question)?;
        let _permit = self.permit()?;
        let deadline = arrived + limits.deadline();
        let answering = async {
            let (plan, planned) = self.prepare(&question).await?;
            // A closed channel is noticed by `ask`, which drops this future.
            let _ = events.send(Ok(Event::Planned(planned.clone()))).await;
            let run = run::Run {
                inner: &self.inner,
                question: &question,
                composer: compose::Composer::new(&plan, question.is_verbatim()),
                plan: &plan,
                planned: &planned,
                limits,
                events,
                arrived,
                deadline,
            };
            let results = run.all().await;
            // An expert whose time runs out says so a moment before the time-out below.
            if results.iter().any(|r| r.fault == Some(Fault::Deadline))
                && results.iter().all(|r| r.status != TaskStatus::Done)
            {
                return Err(Error::Deadline { deadline_ms: limits.deadline_ms });
            }
            let (text, events_left) = run.composer.finish();
            if !events_left.is_empty() {
                let _ = events.send(Ok(Event::Answering { text: events_left })).await;
            }
            compose::answer(&results, &planned, text, arrived, limits.deadline_ms)
        };
        tokio::time::timeout_at(deadline.into(), answering)
            .await
            .map_err(|_| Error::Deadline { deadline_ms: limits.deadline_ms })?
    }
}
