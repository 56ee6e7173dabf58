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

mod attempt;
mod audits;
mod breakers;
mod claims;
mod compose;
mod conversation;
mod discretion;
mod dispatch;
mod error;
mod event;
mod experience;
mod hedge;
mod host;
mod intents;
mod ledger;
mod named;
mod opinions;
mod owner;
mod planner;
mod question;
mod reputation;
mod route;
mod run;

pub use audits::{Audited, Config as AuditConfig, NullFile, Setting as NullSetting, computed};
pub use claims::ReEmbedding;
pub use error::Error;
pub use event::{
    Answer, Consensus, Event, Fault, Opinion, Planned, PlannedTask, TaskResult, TaskStatus, Usage,
};
pub use experience::{Judged, TaskId, Verdict};
pub use host::{Host, Hosted};
pub use intents::prototypes;
pub use ledger::{Config as LedgerConfig, KnownAccount, Ledger};
pub use question::{Question, Target};
pub use reputation::{KnownReputation, Reputation};
pub use route::Candidate;

use crate::embedding::Encoder;
use crate::network::{Network, PeerInfo};
use crate::store::{AuditRecord, Store};
use futures::StreamExt as _;
use polymath_swarm::aggregate;
use polymath_swarm::capability::{Advert, Card};
use polymath_swarm::plan::Plan;
use polymath_swarm::sanitise;
use polymath_swarm::score::{Filter, Query};
use polymath_swarm::trust::Tier;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events a slow reader may leave unread before the question waits for it.
const EVENTS_QUEUED_MAX: usize = 256;
/// How long the last event waits for a reader that has let the others pile up.
const LAST_EVENT_MAX: Duration = Duration::from_secs(60);
/// Questions in flight at once, unless set otherwise: each holds a few tasks and small buffers only.
const QUESTIONS: u32 = 64;
/// The most that may be set: at some tens of kilobytes each, a few hundred megabytes.
pub const QUESTIONS_MAX: u32 = 8_192;
/// When to come back after `busy`: about the time a short question takes.
const BUSY_RETRY_MS: u32 = 500;
/// Cross-checks that may wait to be counted at a time; those beyond are not counted.
const CROSS_CHECKS_MAX: usize = 64;

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
    /// What every expert must be, whatever a question says.
    pub filter: Filter,
    /// How the experts are audited.
    #[serde(skip)]
    pub audit: AuditConfig,
}

impl Default for Config {
    fn default() -> Self {
        // Eight experts cover any question people ask in one breath; two minutes let a slow machine finish a long
        // answer.
        Self {
            experts: 8,
            max_tokens: 1_024,
            deadline_ms: 120_000,
            questions: QUESTIONS,
            filter: Filter::default(),
            audit: AuditConfig::default(),
        }
    }
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
    router: Arc<route::Router>,
    experience: Arc<experience::Experience>,
    audits: Arc<audits::Audits>,
    reputations: Arc<reputation::Reputations>,
    ledger: Ledger,
    hedges: hedge::Hedges,
    breakers: breakers::Breakers,
    intents: intents::Intents,
    questions: Arc<tokio::sync::Semaphore>,
    /// Cross-checks that wait to be counted.
    cross_checks: Arc<tokio::sync::Semaphore>,
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
        (store, ledger): (Store, Ledger),
        stop: CancellationToken,
    ) -> Result<Self, crate::store::Error> {
        let experience = Arc::new(experience::Experience::load(store.clone())?);
        let audits = Arc::new(audits::Audits::load(
            config.audit.clone(),
            store.clone(),
            network.clone(),
            host.clone(),
        )?);
        let reputations = Arc::new(reputation::Reputations::load(store, audits.clone(), network.clone())?);
        let seen = (experience.clone(), reputations.clone());
        ledger.judge_by(&reputations);
        let router = Arc::new(route::Router::new(encoder.clone(), network.clone(), seen));
        let intents = intents::Intents::new(encoder.clone());
        let questions = Arc::new(tokio::sync::Semaphore::new(config.questions as usize));
        let cross_checks = Arc::new(tokio::sync::Semaphore::new(CROSS_CHECKS_MAX));
        let tracker = TaskTracker::new();
        let sorting = router.clone().keep_sorted();
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(sorting).await });
        tracker.spawn(reputations.clone().keep_written(stop.clone()));
        tracker.spawn(ledger.clone().settle_up(network.clone(), stop.clone()));
        let announcing = reputations.clone();
        tracker.spawn(async move { announcing.announce().await });
        let inner = Inner {
            config,
            encoder,
            network,
            host,
            router,
            experience,
            audits,
            reputations,
            ledger,
            hedges: hedge::Hedges::default(),
            breakers: breakers::Breakers::default(),
            intents,
            questions,
            cross_checks,
            tracker,
            stop,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Cuts the question and ranks the experts for each task. Nobody is asked to answer; a planner may be asked to cut.
    pub async fn plan(&self, question: &Question) -> Result<Planned, Error> {
        let limits = run::Limits::of(question, &self.inner.config)?;
        let question = conversation::checked(question.clone())?;
        let _permit = self.permit()?;
        let planning = tokio::time::timeout(limits.deadline(), self.prepare(&question, &limits));
        let late = |_| Error::Deadline { deadline_ms: limits.deadline_ms };
        Ok(planning.await.map_err(late)??.1)
    }

    /// Who would be asked each of these texts if this node's expert of that id had this card, best first; whether each is that one.
    pub async fn preview(
        &self,
        card: Card,
        prompts: Vec<String>,
    ) -> Result<Vec<Vec<(Candidate, bool)>>, Error> {
        let prompts = prompts.iter().map(|prompt| sanitise::prompt(prompt)).collect::<Result<Vec<_>, _>>()?;
        let card = Arc::new(card);
        let queries = self.queries(prompts).await?;
        Ok(queries.iter().map(|query| self.inner.router.ranked_with(query, &card)).collect())
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
                    // A reader that left needs no last event, and one that has stopped reading gets none.
                    let _ = events.send_timeout(last, LAST_EVENT_MAX).await;
                }
            }
        };
        self.inner.tracker.spawn(tracing::Instrument::instrument(answering, tracing::info_span!("question")));
        receiver
    }

    /// Takes a verdict on the answer to a task that was asked of this node. It is stored when this returns, and a later
    /// one takes its place.
    pub async fn feedback(&self, task: TaskId, verdict: Verdict) -> Result<Judged, Error> {
        let (text, advert) = self.inner.experience.task(task)?;
        let mut queries = self.queries(vec![text]).await?;
        let query = queries.pop().ok_or(Error::UnknownTask)?;
        let cell = self.cell_of(&query).ok_or(Error::UnknownTask)?;
        let claim = self.inner.router.claim(&query, &advert);
        let inner = self.inner.clone();
        let judging =
            tokio::task::spawn_blocking(move || inner.experience.judge(task, verdict, (cell, claim)));
        judging.await.map_err(|error| Error::Failed(error.to_string()))?
    }

    /// Counts what second opinions say of each other, off the answer's path.
    fn learn(&self, results: &[TaskResult]) {
        for result in results {
            let Some(consensus) = &result.consensus else { continue };
            let voices: Vec<_> =
                consensus.opinions.iter().map(|o| (o.expert.advert.card.model.sha256, o.agrees)).collect();
            if !aggregate::is_evidence(consensus.method, &voices) {
                continue;
            }
            // Weak evidence: a busy node's disk can do without some of it.
            let Ok(place) = self.inner.cross_checks.clone().try_acquire_owned() else { continue };
            let said: Vec<_> =
                consensus.opinions.iter().map(|o| (o.expert.advert.clone(), o.agrees)).collect();
            let (this, text) = (self.clone(), result.text.clone());
            self.inner.tracker.spawn(async move {
                if let Err(error) = this.cross_check(text, said).await {
                    tracing::warn!(%error, "a cross-check was not counted");
                }
                drop(place);
            });
        }
    }

    async fn cross_check(&self, text: String, said: Vec<(Arc<Advert>, bool)>) -> Result<(), Error> {
        let mut queries = self.queries(vec![text]).await?;
        let Some(query) = queries.pop() else { return Ok(()) };
        let Some(cell) = self.cell_of(&query) else { return Ok(()) };
        let inner = self.inner.clone();
        let counting = move || {
            said.iter().try_for_each(|(advert, agrees)| {
                let claim = inner.router.claim(&query, advert);
                let expert = (advert.peer, advert.card.model.sha256);
                inner.experience.cross_checked(expert, *agrees, (cell, claim))
            })
        };
        tokio::task::spawn_blocking(counting).await.map_err(|error| Error::Failed(error.to_string()))?
    }

    /// The latest audits, latest first, with their numbers.
    pub async fn audit_log(&self, most: usize) -> Result<Vec<(u64, AuditRecord)>, Error> {
        let audits = self.inner.audits.clone();
        let reading = tokio::task::spawn_blocking(move || audits.log(most));
        Ok(reading.await.map_err(|error| Error::Failed(error.to_string()))??)
    }

    /// What audits say of every expert that was audited.
    pub fn audited(&self) -> Vec<Audited> {
        self.inner.audits.all()
    }

    /// What this node thinks of every other node's expert that it knows or has had to do with.
    pub fn reputations(&self) -> Vec<KnownReputation> {
        let own = self.inner.network.peer();
        let adverts = self.experts();
        let known = adverts.iter().filter(|a| a.peer != own).map(|a| (a.peer, a.card.model.sha256));
        let all = self.inner.reputations.all(known).into_iter();
        all.map(|reputation| {
            let expert = reputation.expert;
            let advert = adverts.iter().find(|a| (a.peer, a.card.model.sha256) == expert);
            let outcomes = self.inner.experience.all(expert);
            KnownReputation { expert: advert.map(|a| a.card.id.clone()), reputation, outcomes }
        })
        .collect()
    }

    /// How well an expert is known; `None` for this node's own.
    pub fn tier_of(&self, advert: &Advert) -> Option<Tier> {
        let is_own = advert.peer == self.inner.network.peer();
        (!is_own).then(|| self.inner.reputations.of((advert.peer, advert.card.model.sha256)).tier)
    }

    /// What this node and others have delivered to each other.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The cell that outcomes of this query count in.
    fn cell_of(&self, query: &Query) -> Option<u32> {
        self.inner.encoder.codebook().nearest(&query.embedding, 1).first().map(|cell| cell.index)
    }

    /// Makes ready what the first question would otherwise wait for.
    pub async fn warm_up(&self) {
        if let Err(error) = self.inner.intents.prototypes().await {
            tracing::warn!(%error, "the prototypes of intents could not be embedded");
        }
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

    async fn prepare(&self, question: &Question, limits: &run::Limits) -> Result<(Plan, Planned), Error> {
        let started = Instant::now();
        let plan = conversation::plan(question);
        if let Target::Expert(name) = &question.target {
            let (plan, mut planned) = self.named(name, plan, &limits.filter, started.elapsed())?;
            if limits.filter.private {
                planned.veil = Some(covered(question, &plan, &mut planned.tasks));
            }
            return Ok((plan, planned));
        }
        let plan = if question.is_whole() { plan } else { self.inner.settled(plan, &limits.filter).await? };
        let plan_time = started.elapsed();
        let texts: Vec<String> = match &question.topic {
            Some(topic) if question.is_whole() => vec![topic.clone()],
            _ => plan.tasks().map(|t| route::without_placeholders(&t.text)).collect(),
        };
        let embedding_started = Instant::now();
        let queries = self.queries(texts).await?;
        let embed = embedding_started.elapsed();
        let routing_started = Instant::now();
        let mut tasks = Vec::with_capacity(queries.len());
        // Many at once: each may have to ask the DHT.
        let ranks: Vec<_> =
            queries.iter().map(|q| self.inner.router.rank(q, &limits.filter, limits.seed)).collect();
        let ranked: Vec<_> = futures::stream::iter(ranks).buffered(run::TOGETHER_MAX).collect().await;
        let route = routing_started.elapsed();
        for ((task, candidates), query) in plan.tasks().zip(ranked).zip(&queries) {
            let reading = self.inner.intents.read(&query.embedding).await;
            tasks.push(PlannedTask { task: task.clone(), reading, candidates, shown: None });
        }
        let veil = limits.filter.private.then(|| covered(question, &plan, &mut tasks));
        let fitting = tasks.iter().any(|task| task.candidates.iter().any(Candidate::fits));
        let first = tasks.first().filter(|_| !fitting).map(|task| &task.candidates[..]);
        let no_expert = first.map(|nearest| self.inner.router.why_nobody(nearest, &limits.filter));
        Ok((plan, Planned { tasks, embed, plan: plan_time, route, veil, no_expert }))
    }

    /// What these texts are routed by.
    async fn queries(&self, texts: Vec<String>) -> Result<Vec<Query>, Error> {
        let embeddings = self.inner.encoder.embed(texts.clone()).await?;
        Ok(texts.iter().zip(embeddings).map(|(text, embedding)| Query::new(text, embedding)).collect())
    }

    async fn answer(
        &self,
        question: Question,
        events: &mpsc::Sender<Result<Event, Error>>,
        arrived: Instant,
    ) -> Result<Answer, Error> {
        let limits = run::Limits::of(&question, &self.inner.config)?;
        let question = conversation::checked(question)?;
        let _permit = self.permit()?;
        let deadline = arrived + limits.deadline();
        let answering = async {
            let (plan, planned) = self.prepare(&question, &limits).await?;
            // A closed channel is noticed by `ask`, which drops this future.
            let _ = events.send(Ok(Event::Planned(planned.clone()))).await;
            let run = run::Run {
                inner: &self.inner,
                question: &question,
                composer: compose::Composer::new(&plan, question.is_verbatim()),
                plan: &plan,
                planned: &planned,
                limits: limits.clone(),
                discretion: planned
                    .veil
                    .clone()
                    .map(|veil| discretion::Discretion::new(self.inner.network.peer(), &planned.tasks, veil)),
                events,
                arrived,
                deadline,
            };
            let results = run.all().await;
            let (text, events_left) = run.composer.finish();
            if !events_left.is_empty() {
                let _ = events.send(Ok(Event::Answering { text: events_left })).await;
            }
            self.learn(&results);
            compose::answer(&results, &planned, text, arrived, limits.deadline_ms)
        };
        tokio::time::timeout_at(deadline.into(), answering)
            .await
            .map_err(|_| Error::Deadline { deadline_ms: limits.deadline_ms })?
    }
}

/// Covers what others would see of the question.
fn covered(question: &Question, plan: &Plan, tasks: &mut [PlannedTask]) -> polymath_swarm::veil::Veil {
    let all: Vec<&str> = question.messages.iter().map(|message| message.content.as_str()).collect();
    discretion::cover(&all.join("\n"), plan, tasks)
}
