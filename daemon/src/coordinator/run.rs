//! Runs a plan: every task whose inputs are there, in parallel, each on the best expert that will take it.
//!
//! Tasks that may get second opinions (`opinions`) are held until these are in; all others stream.
//!
//! A busy or unreachable expert is passed over for the next one that fits, a late one gets a backup (`hedge`), and where one breaks off in
//! the midst of its answer another goes on (`attempt`).

use super::discretion::{Discretion, WITHHELD};
use super::{
    Candidate, Config, Error, Event, Fault, Inner, Planned, Question, TaskResult, TaskStatus, compose,
    opinions,
};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use polymath_swarm::plan::{Plan, Task};
use polymath_swarm::score::{self, Filter, Query};
use polymath_swarm::task::{GRAMMAR_BYTES_MAX, STOP_BYTES_MAX, STOP_MAX, TOP_LOGPROBS_MAX, TaskError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Experts one question may use at the most.
const EXPERTS_MAX: u32 = 16;
/// Tasks that run at once: what one asker gets of one expert's node.
pub(super) const TOGETHER_MAX: usize = 16;
/// Tokens a task may be asked to generate.
const TOKENS_MAX: u32 = 32_768;
/// Time a question may take: what the task protocol allows a task, half an hour.
const DEADLINE_MS_MAX: u32 = polymath_swarm::task::DEADLINE_MS_MAX;
/// The code of an offer that does not fit the expert's context.
pub(super) const TOO_LONG: &str = "too_long";
/// Why an answer that has used up its tokens before its result is none.
pub(super) const CUT_OFF: &str = "length";
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
        let second_opinions = question.experts.is_some() || question.high_priority;
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
    /// Attempts that may still follow one that failed.
    retries: AtomicU32,
}

/// Retries that a question has, and for each of its tasks: where more fails than that, the swarm is ill and more questions make it worse.
const RETRIES: (u32, u32) = (4, 2);

impl Chosen {
    pub(super) fn new(most: usize, retries: u32) -> Self {
        Self { ids: Mutex::default(), most, retries: AtomicU32::new(retries) }
    }

    /// Takes the expert if the question may still use it.
    pub(super) fn take(&self, id: &str) -> bool {
        self.take_if(id, || true).is_some()
    }

    /// Takes the expert if the question may still use it and `lets` does: that may use up something, so it is asked only then, and an expert
    /// that is not asked is not used up. `None` if the question may not, else whether `lets` did.
    pub(super) fn take_if(&self, id: &str, lets: impl FnOnce() -> bool) -> Option<bool> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if !ids.contains(id) && ids.len() >= self.most {
            return None;
        }
        let is_taken = lets();
        if is_taken {
            ids.insert(id.to_owned());
        }
        Some(is_taken)
    }

    /// Takes one of the question's retries, if there is one left.
    fn may_retry(&self) -> bool {
        self.retries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
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
        // One more for each task, if it matters much.
        let twice = if self.question.high_priority { self.plan.len() } else { 0 };
        let retries = RETRIES.0 + RETRIES.1 * u32::try_from(self.plan.len()).unwrap_or_default();
        let chosen = Chosen::new(self.limits.experts + twice, retries);
        self.choose_ahead(&chosen);
        let mut opinions = opinions::Opinions::of(self, &chosen);
        let mut results: BTreeMap<u32, TaskResult> = BTreeMap::new();
        let mut started: BTreeSet<u32> = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        loop {
            for task in self.plan.tasks() {
                let ready = task.depends_on.iter().all(|d| results.contains_key(d));
                if ready && running.len() < TOGETHER_MAX && started.insert(task.id) {
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

    pub(super) async fn answering(&self, text: String) {
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
            result.detail = self.inner.router.why_nobody(candidates, &self.limits.filter);
            return;
        }
        // Where the right expert's node may not see this part, another one's may, but no other kind of expert guesses.
        let mut withheld_from: Option<&str> = None;
        let mut has_failed = false;
        for _ in 0..BUSY_ROUNDS_MAX {
            let (mut pause_ms, mut asked) = (None, false);
            let mut waiting: VecDeque<&Candidate> = fitting.iter().copied().collect();
            let mut left_alone = None;
            loop {
                // Where everybody is left alone, the best is tried all the same.
                let is_last = waiting.is_empty() && !asked;
                let Some(candidate) = waiting.pop_front().or_else(|| left_alone.take().filter(|_| is_last))
                else {
                    break;
                };
                let lets = || is_last || self.inner.breakers.lets(candidate.advert.peer);
                match chosen.take_if(&candidate.advert.card.id, lets) {
                    None => continue,
                    Some(false) => {
                        left_alone.get_or_insert(candidate);
                        continue;
                    }
                    Some(true) => asked = true,
                }
                if withheld_from.is_some_and(|id| id != candidate.advert.card.id) {
                    continue;
                }
                if has_failed && !chosen.may_retry() {
                    return;
                }
                tracing::Span::current().record("expert", candidate.advert.card.id.as_str());
                let backups: Vec<&Candidate> = waiting.iter().copied().collect();
                let (candidate, outcome) = self.hedged(result, candidate, &backups, (show, chosen)).await;
                self.inner.breakers.heard(candidate.advert.peer, &outcome);
                match outcome {
                    Ok(()) => return,
                    Err(TaskError::Busy { retry_after_ms }) => {
                        pause_ms = Some(pause_ms.map_or(retry_after_ms, |p: u32| p.min(retry_after_ms)));
                    }
                    Err(error) => {
                        has_failed = true;
                        note_failure(result, candidate, &error);
                        let is_withheld =
                            matches!(&error, TaskError::Refused { code, .. } if code == WITHHELD);
                        if is_withheld && self.discretion.is_some() {
                            withheld_from = Some(&candidate.advert.card.id);
                        }
                        // What came to its end, or too late, is no better elsewhere.
                        let is_over = matches!(&error, TaskError::Failed { code, .. } if code == CUT_OFF);
                        if Instant::now() >= self.deadline || is_over && !result.answer.is_empty() {
                            return;
                        }
                        if self.goes_on(result, candidate, show).await {
                            return;
                        }
                        // Text that must stand as it is cannot begin anew in its midst.
                        if result.broke_off && show == Show::All && self.question.is_verbatim() {
                            return;
                        }
                        result.begin_anew();
                    }
                }
            }
            if !asked {
                result.status = TaskStatus::NoExpert;
                let most = self.limits.experts;
                let experts = if most == 1 { "expert" } else { "experts" };
                result.detail = format!(
                    "this question may use {most} {experts}; allow more (--experts N, the model swarm:N)"
                );
                return;
            }
            let Some(pause_ms) = pause_ms else { return };
            result.status = TaskStatus::Failed;
            result.fault = Some(Fault::Busy);
            result.detail = "every expert that fits is busy".to_owned();
            tokio::time::sleep(Duration::from_millis(u64::from(pause_ms.min(BUSY_PAUSE_MS_MAX)))).await;
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

pub(super) fn failed(code: &str, message: &str) -> TaskError {
    TaskError::Failed { code: code.to_owned(), message: message.to_owned() }
}

pub(super) fn note_failure(result: &mut TaskResult, candidate: &Candidate, error: &TaskError) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_to_let_an_expert_that_the_question_may_not_use() {
        let chosen = Chosen::new(1, 0);
        assert_eq!((chosen.take_if("a", || false), chosen.left()), (Some(false), 1));
        assert_eq!((chosen.take_if("a", || true), chosen.left()), (Some(true), 0));
        // A node that is left alone would have had its one try.
        let mut is_tried = false;
        assert_eq!(chosen.take_if("b", || std::mem::replace(&mut is_tried, true)), None);
        assert!(!is_tried && chosen.take("a") && !chosen.take("b"));
    }
}
