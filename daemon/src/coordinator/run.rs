//! Runs a plan: every task whose inputs are there, in parallel, each on the best expert that will take it.
//!
//! Tasks that may get second opinions (`opinions`) are held until these are in; all others stream.
//!
//! A busy or unreachable expert is passed over for the next one that fits, as long as no text of the task has
//! been seen yet. (Going on elsewhere in mid-stream is a later step; until then a task that breaks in the
//! middle is reported as failed, never passed off as an answer.)

use super::discretion::{Discretion, WITHHELD};
use super::{
    Candidate, Config, Error, Event, Fault, Inner, Planned, Question, TaskResult, TaskStatus, Usage, compose,
    conversation, dispatch, opinions,
};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use polymath_swarm::plan::{Plan, Task};
use polymath_swarm::sampling::Settings;
use polymath_swarm::sanitise;
use polymath_swarm::score::{self, Filter, Query};
use polymath_swarm::task::{
    FinishReason, GRAMMAR_BYTES_MAX, Message, Offer, STOP_BYTES_MAX, STOP_MAX, TOP_LOGPROBS_MAX, TaskError,
    TaskEvent,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Experts one question may use at the most: a plan has at most 16 tasks.
const EXPERTS_MAX: u32 = 16;
/// Tokens a task may be asked to generate.
const TOKENS_MAX: u32 = 32_768;
/// Time a question may take: what the task protocol allows a task, half an hour.
const DEADLINE_MS_MAX: u32 = polymath_swarm::task::DEADLINE_MS_MAX;
/// The code of an offer that does not fit the expert's context.
const TOO_LONG: &str = "too_long";
/// Times all fitting experts may be found busy before the task gives up.
const BUSY_ROUNDS_MAX: u32 = 20;
/// Longest pause between such rounds, whatever the experts say.
const BUSY_PAUSE_MS_MAX: u32 = 1_000;

/// A question's limits, checked.
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) experts: usize,
    /// Whether what is left of them may be spent on second opinions: only a question that names a number wants to
    /// pay for that.
    pub(super) second_opinions: bool,
    pub(super) max_tokens: u32,
    pub(super) seed: u64,
    pub(super) deadline_ms: u32,
    pub(super) filter: Filter,
}

impl Limits {
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_millis(u64::from(self.deadline_ms))
    }

    pub(super) fn of(question: &Question, config: &Config) -> Result<Self, Error> {
        let invalid = |field, reason| Err(Error::Invalid { field, reason });
        let experts = question.experts.unwrap_or(config.experts);
        if !(1..=EXPERTS_MAX).contains(&experts) {
            return invalid("experts", "1 to 16");
        }
        let max_tokens = question.max_tokens.unwrap_or(config.max_tokens);
        if !(1..=TOKENS_MAX).contains(&max_tokens) {
            return invalid("max_tokens", "1 to 32,768");
        }
        if question.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return invalid("temperature", "0 to 2");
        }
        let deadline_ms = question.deadline_ms.unwrap_or(config.deadline_ms);
        if !(1..=DEADLINE_MS_MAX).contains(&deadline_ms) {
            return invalid("deadline_ms", "1 to 1,800,000");
        }
        if question.top_p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return invalid("top_p", "above 0 and at most 1");
        }
        let penalty = |p: Option<f32>| p.is_none_or(|p| (-2.0..=2.0).contains(&p));
        if !penalty(question.frequency_penalty) {
            return invalid("frequency_penalty", "-2 to 2");
        }
        if !penalty(question.presence_penalty) {
            return invalid("presence_penalty", "-2 to 2");
        }
        if question.top_logprobs > TOP_LOGPROBS_MAX {
            return invalid("top_logprobs", "0 to 20");
        }
        if question.stop.len() > STOP_MAX
            || !question.stop.iter().all(|s| (1..=STOP_BYTES_MAX).contains(&s.len()))
        {
            return invalid("stop", "at most 16 strings of 1 to 256 bytes");
        }
        if question.grammar.as_ref().is_some_and(|g| g.is_empty() || g.len() > GRAMMAR_BYTES_MAX) {
            return invalid("grammar", "1 to 65,536 bytes");
        }
        question.filter.check().map_err(|(field, reason)| Error::Invalid { field, reason })?;
        let filter = question.filter.clone().and(&config.filter);
        let filter = filter.map_err(|(field, reason)| Error::Invalid { field, reason })?;
        let seed = question.seed.unwrap_or_else(rand::random);
        let second_opinions = question.experts.is_some();
        Ok(Self { experts: experts as usize, second_opinions, max_tokens, seed, deadline_ms, filter })
    }
}

/// One plan under way.
pub(super) struct Run<'a> {
    pub(super) inner: &'a Inner,
    pub(super) question: &'a Question,
    pub(super) composer: compose::Composer,
    pub(super) plan: &'a Plan,
    pub(super) planned: &'a Planned,
    pub(super) limits: Limits,
    /// If the question is private.
    pub(super) discretion: Option<Discretion>,
    pub(super) events: &'a mpsc::Sender<Result<Event, Error>>,
    pub(super) arrived: Instant,
    pub(super) deadline: Instant,
}

/// Which experts (by card id, wherever they run) a question has used so far.
pub(super) struct Chosen {
    ids: Mutex<BTreeSet<String>>,
    most: usize,
}

impl Chosen {
    /// Takes the expert if the question may still use it.
    pub(super) fn take(&self, id: &str) -> bool {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.contains(id) {
            return true;
        }
        ids.len() < self.most && ids.insert(id.to_owned())
    }

    /// How many more the question may use.
    pub(super) fn left(&self) -> usize {
        self.most.saturating_sub(self.ids.lock().unwrap_or_else(PoisonError::into_inner).len())
    }
}

/// What of an attempt is told while it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// Its beginning and its text.
    All,
    /// Its beginning: the text may not stand.
    Beginning,
    /// Nothing: somebody else has begun the task.
    Nothing,
}

impl Run<'_> {
    /// Runs every task; results in the order asked.
    pub(super) async fn all(&self) -> Vec<TaskResult> {
        let chosen = Chosen { ids: Mutex::default(), most: self.limits.experts };
        self.choose_ahead(&chosen);
        let mut opinions = opinions::Opinions::of(self, &chosen);
        let mut results: BTreeMap<u32, TaskResult> = BTreeMap::new();
        let mut started: BTreeSet<u32> = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        loop {
            for task in self.plan.tasks() {
                let ready = task.depends_on.iter().all(|d| results.contains_key(d));
                if ready && started.insert(task.id) {
                    let text = self.text_of(task, &results);
                    running.push(self.step(opinions.first(task, text), &chosen));
                }
            }
            let Some(draft) = running.next().await else {
                // The first answers are in: those who wait learn what they get.
                let next = opinions.second();
                if next.is_empty() {
                    break;
                }
                next.into_iter().for_each(|step| running.push(self.step(step, &chosen)));
                continue;
            };
            let Some(result) = opinions.ended(draft) else { continue };
            // A reader that left is noticed by `ask`.
            let _ = self.events.send(Ok(Event::Finished(result.clone()))).await;
            self.answering(self.composer.ended(&result)).await;
            results.insert(result.id, result);
        }
        results.into_values().collect()
    }

    async fn answering(&self, text: String) {
        if !text.is_empty() {
            // As above.
            let _ = self.events.send(Ok(Event::Answering { text })).await;
        }
    }

    /// Independent tasks choose in the order asked, so that who answers does not depend on timing.
    fn choose_ahead(&self, chosen: &Chosen) {
        for planned in &self.planned.tasks {
            if let Some(best) = planned.candidates.first().filter(|c| c.fits()) {
                chosen.take(&best.advert.card.id);
            }
        }
    }

    fn text_of(&self, task: &Task, results: &BTreeMap<u32, TaskResult>) -> Result<String, String> {
        let mut inputs = BTreeMap::new();
        for id in &task.depends_on {
            match results.get(id) {
                Some(r) if r.status == TaskStatus::Done => {
                    inputs.insert(*id, r.result.clone());
                }
                _ => return Err(format!("it needs the result of task {id}, which has none")),
            }
        }
        Ok(self.plan.text_of(task.id, &inputs))
    }

    /// The experts for a task; `None` where its inputs or the encoder fail it, which the result then tells.
    pub(super) async fn routed(
        &self,
        result: &mut TaskResult,
        task: &Task,
        text: Result<String, String>,
    ) -> Option<Vec<Candidate>> {
        match text {
            Ok(text) => result.text = text,
            Err(missing) => {
                result.detail = missing;
                return None;
            }
        }
        match self.candidates_for(task, &result.text).await {
            Ok(candidates) => Some(candidates),
            Err(error) => {
                result.status = TaskStatus::Failed;
                result.detail = error.to_string();
                None
            }
        }
    }

    /// A task without inputs was routed with the plan; one with inputs is routed again by its full text.
    async fn candidates_for(&self, task: &Task, text: &str) -> Result<Vec<Candidate>, Error> {
        if task.depends_on.is_empty()
            && let Some(planned) = self.planned.tasks.iter().find(|p| p.task.id == task.id)
        {
            return Ok(planned.candidates.clone());
        }
        match self.inner.encoder.embed(vec![text.to_owned()]).await?.pop() {
            Some(embedding) => Ok(self
                .inner
                .router
                .rank(&Query::new(text, embedding), &self.limits.filter, self.limits.seed)
                .await),
            None => Ok(Vec::new()),
        }
    }

    pub(super) async fn try_each(
        &self,
        result: &mut TaskResult,
        candidates: &[Candidate],
        show: Show,
        chosen: &Chosen,
    ) {
        let fitting = peers_of_the_best(candidates);
        if fitting.is_empty() {
            result.status = TaskStatus::NoExpert;
            let unmet =
                candidates.is_empty().then(|| self.inner.router.conditions_unmet(&self.limits.filter));
            result.detail = unmet.flatten().unwrap_or_else(|| super::route::nearest_cards(candidates));
            return;
        }
        // Where the right expert's node may not see this part, another one's may, but no other kind of expert guesses.
        let mut withheld_from: Option<&str> = None;
        for _ in 0..BUSY_ROUNDS_MAX {
            let (mut pause_ms, mut asked) = (None, false);
            for candidate in fitting.iter().filter(|c| chosen.take(&c.advert.card.id)) {
                asked = true;
                if withheld_from.is_some_and(|id| id != candidate.advert.card.id) {
                    continue;
                }
                match self.with_history(result, candidate, show).await {
                    Ok(()) => return,
                    Err(TaskError::Busy { retry_after_ms }) => {
                        pause_ms = Some(pause_ms.map_or(retry_after_ms, |p: u32| p.min(retry_after_ms)));
                    }
                    Err(error) => {
                        note_failure(result, candidate, &error);
                        if matches!(&error, TaskError::Refused { code, .. } if code == WITHHELD) {
                            withheld_from = Some(&candidate.advert.card.id);
                        }
                        if !result.answer.is_empty() && show == Show::All {
                            return;
                        }
                        result.answer.clear();
                    }
                }
            }
            if !asked {
                result.status = TaskStatus::NoExpert;
                let most = self.limits.experts;
                result.detail = format!("this question may use {most} experts; ask with a higher --experts");
                return;
            }
            let Some(pause_ms) = pause_ms else { return };
            result.status = TaskStatus::Failed;
            result.fault = Some(Fault::Busy);
            result.detail = "every expert that fits is busy".to_owned();
            tokio::time::sleep(Duration::from_millis(u64::from(pause_ms.min(BUSY_PAUSE_MS_MAX)))).await;
        }
    }

    /// Asks with as much of the conversation as the expert's context holds.
    pub(super) async fn with_history(
        &self,
        result: &mut TaskResult,
        candidate: &Candidate,
        show: Show,
    ) -> Result<(), TaskError> {
        let reads = candidate.advert.card.has_ability(conversation::CONVERSATION);
        let mut messages = conversation::messages(self.question, &result.text, self.plan.len() == 1, reads);
        result.dropped_messages = 0;
        loop {
            match self.attempt(result, candidate, messages.clone(), show).await {
                Err(TaskError::Refused { code, .. })
                    if code == TOO_LONG
                        && !self.question.complete
                        && conversation::drop_oldest(&mut messages) =>
                {
                    result.dropped_messages += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt(
        &self,
        result: &mut TaskResult,
        candidate: &Candidate,
        messages: Vec<Message>,
        show: Show,
    ) -> Result<(), TaskError> {
        let peer = candidate.advert.peer;
        let messages = match &self.discretion {
            Some(discretion) => discretion.shown(peer, result.id, messages)?,
            None => messages,
        };
        let offer = self.offer(messages, candidate, show);
        // What was hidden is put back once all of the answer is there.
        let discretion = self.discretion.as_ref().filter(|_| peer != self.inner.network.peer());
        let offered = Instant::now();
        let mut stream = dispatch::open(self.inner, candidate, offer).await?;
        let scratchpad =
            candidate.advert.card.has_ability(compose::SCRATCHPAD) && !self.question.is_verbatim();
        if show != Show::Nothing {
            let started =
                Event::Started { id: result.id, text: result.text.clone(), expert: candidate.clone() };
            let _ = self.events.send(Ok(started)).await;
        }
        let mut sureness = opinions::MeanLogprob::default();
        while let Some(event) = stream.next().await {
            match event? {
                TaskEvent::Accepted { .. } => {}
                TaskEvent::Tokens { text, logprobs, .. } => {
                    if result.answer.is_empty() {
                        self.inner.experience.began(candidate, offered.elapsed());
                    }
                    result.first_token.get_or_insert_with(|| self.arrived.elapsed());
                    let text = sanitise::output(&text);
                    result.answer.push_str(&text);
                    sureness.take(&logprobs);
                    if show != Show::All || discretion.is_some() {
                        continue;
                    }
                    let more = if scratchpad { String::new() } else { self.composer.text(result.id, &text) };
                    let _ = self.events.send(Ok(Event::Text { id: result.id, text, logprobs })).await;
                    self.answering(more).await;
                }
                TaskEvent::Done { finish_reason, prompt_tokens, completion_tokens, .. } => {
                    result.usage = Usage { prompt_tokens, completion_tokens };
                    if scratchpad && finish_reason == FinishReason::Length {
                        // Its last line is some step of the working, not a result.
                        return Err(failed("length", "the answer was cut off before its result"));
                    }
                    if let Some(discretion) = discretion {
                        result.answer = discretion.lifted(peer, &result.answer);
                        if show == Show::All {
                            self.tell(result, scratchpad).await;
                        }
                    }
                    result.finish_reason = Some(finish_reason);
                    result.result = if self.question.is_verbatim() {
                        result.answer.clone()
                    } else {
                        compose::result_of(&result.answer, scratchpad)
                    };
                    // A stop string, a grammar or a limit may leave nothing, rightly.
                    if result.result.is_empty() && !self.question.is_whole() {
                        return Err(failed("empty", "the expert said nothing"));
                    }
                    result.task_id = Some(self.inner.experience.answered(candidate, &result.text));
                    result.expert = Some(candidate.clone());
                    result.logprob_mean = sureness.mean();
                    result.status = TaskStatus::Done;
                    result.detail.clear();
                    result.fault = None;
                    return Ok(());
                }
            }
        }
        Err(TaskError::Unreachable("the stream ended before the task did".to_owned()))
    }

    /// Tells a whole answer at once.
    async fn tell(&self, result: &TaskResult, scratchpad: bool) {
        let text = result.answer.clone();
        let more = if scratchpad { String::new() } else { self.composer.text(result.id, &text) };
        // A reader that left is noticed by `ask`.
        let _ = self.events.send(Ok(Event::Text { id: result.id, text, logprobs: Vec::new() })).await;
        self.answering(more).await;
    }

    fn offer(&self, messages: Vec<Message>, candidate: &Candidate, show: Show) -> Offer {
        let wishes = self.question;
        let defaults = Settings::default();
        let left = self.deadline.saturating_duration_since(Instant::now());
        Offer {
            task_id: rand::random(),
            card: candidate.advert.card_hash,
            messages,
            sampling: Settings {
                temperature: wishes.temperature.unwrap_or(candidate.advert.card.temperature),
                top_p: wishes.top_p.unwrap_or(defaults.top_p),
                frequency_penalty: wishes.frequency_penalty.unwrap_or(defaults.frequency_penalty),
                presence_penalty: wishes.presence_penalty.unwrap_or(defaults.presence_penalty),
                ..defaults
            },
            seed: self.limits.seed,
            max_tokens: self.limits.max_tokens,
            deadline_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1),
            price_micro_max: candidate.advert.status.price_micro,
            stop: wishes.stop.clone(),
            // An opinion is weighed by how sure its model was.
            top_logprobs: if show == Show::All { wishes.top_logprobs } else { wishes.top_logprobs.max(1) },
            grammar: wishes.grammar.clone(),
            private: self.discretion.is_some(),
        }
    }
}

/// The experts that may stand in for the best: those that fit and are nearly as competent. Were the bar lower, a
/// busy mathematician's question would go to a poet.
pub(super) fn peers_of_the_best(candidates: &[Candidate]) -> Vec<&Candidate> {
    let best = candidates.iter().map(|c| c.factors.competence).fold(0.0, f32::max);
    let bar = best * score::STAND_IN_SHARE;
    candidates.iter().filter(|c| c.fits() && c.factors.competence >= bar).collect()
}

fn failed(code: &str, message: &str) -> TaskError {
    TaskError::Failed { code: code.to_owned(), message: message.to_owned() }
}

fn note_failure(result: &mut TaskResult, candidate: &Candidate, error: &TaskError) {
    tracing::info!(task = result.id, expert = %candidate.advert.card.id, %error, "attempt failed");
    result.status = TaskStatus::Failed;
    result.fault = match error {
        TaskError::Refused { code, .. } if code == TOO_LONG => Some(Fault::TooLong),
        TaskError::Refused { code, .. } if code == "invalid" => Some(Fault::Refused),
        TaskError::Failed { code, .. } if code == "deadline" => Some(Fault::Deadline),
        _ => None,
    };
    result.detail = error.to_string();
    result.expert = Some(candidate.clone());
}
