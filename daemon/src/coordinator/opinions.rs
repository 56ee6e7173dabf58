//! Second opinions: which tasks of a question get them, who gives them, and what they come to.
//!
//! ```text
//! budget ─ held tasks ─ first answers ─ who is least sure ─ second opinions ─ vote, centroid or synthesis
//! ```
//!
//! Only a question that names a number of experts pays for second opinions, and only with what its tasks leave of it.
//! They come from experts that fit nearly as well as the best. A task that may get
//! some is held: its text is told once it stands. Where the budget serves all, opinions are asked for at the same
//! time as the first answer; else the first answers come first, and the least sure are served
//! (`swarm::aggregate::budget`). How several answers become one is `swarm::aggregate`'s.

mod decide;
mod dissent;

pub(super) use dissent::{dissent, without_dissent};

use super::run::{Chosen, Run, Show, peers_of_the_best};
use super::{Candidate, TaskResult, TaskStatus};
use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use polymath_swarm::aggregate::budget::{self, Need};
use polymath_swarm::plan::Task;
use polymath_swarm::task::TokenLogprobs;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::{Duration, Instant};

/// How long opinions may take after a first answer that came faster than that: a second expert of the same speed needs
/// no longer, and people wonder after two seconds.
const PATIENCE_MIN: Duration = Duration::from_secs(2);

/// How long it takes at the most to decide among opinions and to tell the answer.
const TELLING: Duration = Duration::from_millis(500);

/// The tasks' share in what the question may spend on second opinions.
pub(super) struct Opinions {
    /// Tasks that may get some, with those asked for at once.
    held: BTreeMap<u32, usize>,
    /// Opinions that may still be asked for.
    spare: usize,
    /// First answers that wait until all of them are in.
    waiting: Vec<Draft>,
}

/// What is to be done next for a task.
pub(super) enum Step<'t> {
    /// The first answer, and so many opinions beside it; `None` if the task is not held.
    First(&'t Task, Result<String, String>, Option<usize>),
    /// So many opinions more.
    Second(Box<Draft>, usize),
}

/// A task's answers so far.
pub(super) struct Draft {
    /// The first answer; once decided, what stands.
    result: TaskResult,
    /// The second opinions.
    opinions: Vec<TaskResult>,
    /// Who else could be asked, the best first.
    others: Vec<Candidate>,
    /// How far ahead of the other cards the best is.
    margin: f32,
    started: Instant,
    decided: bool,
}

impl Opinions {
    /// Chooses the tasks to be held, as they are planned.
    pub(super) fn of(run: &Run<'_>, chosen: &Chosen) -> Self {
        let mut spare = chosen.left();
        let mut held = BTreeMap::new();
        // A text that is wanted as it stands, or from one expert, is nobody else's to judge.
        if run.limits.second_opinions && spare > 0 && !run.question.is_verbatim() {
            for planned in &run.planned.tasks {
                let others = others_of(&planned.candidates).len();
                if others > 0 {
                    held.insert(planned.task.id, others);
                }
            }
        }
        if run.question.high_priority {
            let wanted = |others: usize| if run.question.experts.is_some() { others } else { others.min(1) };
            held.values_mut().for_each(|others| *others = wanted(*others));
        }
        let all_served = held.values().sum::<usize>() <= spare || held.len() == 1;
        for wanted in held.values_mut() {
            *wanted = if all_served || run.question.high_priority { spare.min(*wanted) } else { 0 };
            spare -= *wanted;
        }
        Self { held, spare, waiting: Vec::new() }
    }

    /// The task's first step.
    pub(super) fn first<'t>(&self, task: &'t Task, text: Result<String, String>) -> Step<'t> {
        Step::First(task, text, self.held.get(&task.id).copied())
    }

    /// Takes what a step came to; the task's result, unless it waits for second opinions.
    pub(super) fn ended(&mut self, draft: Draft) -> Option<TaskResult> {
        if draft.decided {
            return Some(draft.result);
        }
        self.waiting.push(draft);
        None
    }

    /// The steps of those who wait, once no first answer is missing: everyone's, some with no opinion to ask for.
    pub(super) fn second<'t>(&mut self) -> Vec<Step<'t>> {
        let needs: Vec<Need> = self.waiting.iter().map(Draft::need).collect();
        let given = budget::allot(&needs, self.spare);
        self.spare -= given.iter().sum::<usize>();
        std::mem::take(&mut self.waiting)
            .into_iter()
            .zip(given)
            .map(|(draft, more)| Step::Second(Box::new(draft), more))
            .collect()
    }
}

impl Draft {
    /// Whether a second opinion could make a difference: there is somebody to ask, and something to ask.
    fn could_change(&self) -> bool {
        !self.others.is_empty() && matches!(self.result.status, TaskStatus::Done | TaskStatus::Failed)
    }

    fn need(&self) -> Need {
        let sureness = match self.result.status {
            TaskStatus::Done => budget::sureness(self.result.logprob_mean, self.margin),
            _ => 0.0,
        };
        Need { sureness, others: self.others.len() }
    }
}

impl Run<'_> {
    /// Takes a step.
    pub(super) fn step<'s>(&'s self, step: Step<'s>, chosen: &'s Chosen) -> impl Future<Output = Draft> + 's {
        use tracing::Instrument as _;
        use tracing::field::Empty;
        let span = match &step {
            Step::First(task, ..) => tracing::info_span!("task", number = task.id, expert = Empty),
            Step::Second(draft, _) => {
                tracing::info_span!("opinions", number = draft.result.id, expert = Empty)
            }
        };
        self.stepped(step, chosen).instrument(span)
    }

    async fn stepped(&self, step: Step<'_>, chosen: &Chosen) -> Draft {
        match step {
            Step::First(task, text, held) => self.first(task, text, held, chosen).await,
            Step::Second(mut draft, more) => {
                let mut given = Vec::new();
                let asking = self.ask(&draft.result, &mut draft.others, more, chosen, &mut given);
                let _ = tokio::time::timeout(self.patience(draft.result.total), asking).await;
                draft.opinions.extend(in_order(given));
                self.decide(*draft).await
            }
        }
    }

    async fn first(
        &self,
        task: &Task,
        text: Result<String, String>,
        held: Option<usize>,
        chosen: &Chosen,
    ) -> Draft {
        let started = Instant::now();
        let mut result = TaskResult::unasked(task.id, task.text.clone());
        let candidates = self.routed(&mut result, task, text).await;
        let (mut opinions, mut others, mut margin) = (Vec::new(), Vec::new(), 0.0);
        match (candidates, held) {
            (None, _) => {}
            (Some(candidates), None) => self.try_each(&mut result, &candidates, Show::All, chosen).await,
            (Some(candidates), Some(beside)) => {
                others = others_of(&candidates);
                margin = margin_of(&candidates);
                let asked = TaskResult::unasked(task.id, result.text.clone());
                let mut given = Vec::new();
                {
                    let asking = pin!(self.ask(&asked, &mut others, beside, chosen, &mut given));
                    let first = pin!(self.try_each(&mut result, &candidates, Show::Beginning, chosen));
                    match select(first, asking).await {
                        // What has come by then is in `given`.
                        Either::Left(((), asking)) => {
                            let _ = tokio::time::timeout(self.patience(started.elapsed()), asking).await;
                        }
                        Either::Right(((), first)) => first.await,
                    }
                }
                opinions = in_order(given);
            }
        }
        result.total = started.elapsed();
        let draft = Draft { result, opinions, others, margin, started, decided: held.is_none() };
        if held.is_some_and(|beside| beside > 0 || !draft.could_change()) {
            return self.decide(draft).await;
        }
        draft
    }

    /// So many opinions on the task, from the first of `others` that will give one; those asked leave the list. What
    /// has come is in `given`, with its place in the order asked, even if this is dropped half-way.
    async fn ask(
        &self,
        task: &TaskResult,
        others: &mut Vec<Candidate>,
        wanted: usize,
        chosen: &Chosen,
        given: &mut Vec<(usize, TaskResult)>,
    ) {
        let mut asked = FuturesUnordered::new();
        let mut places = 0..;
        loop {
            while given.len() + asked.len() < wanted && !others.is_empty() {
                let candidate = others.remove(0);
                if chosen.take(&candidate.advert.card.id) {
                    let place = places.next().unwrap_or(usize::MAX);
                    asked.push(async move { (place, self.opinion(task, &candidate).await) });
                }
            }
            match asked.next().await {
                Some((place, Some(opinion))) => given.push((place, opinion)),
                Some((_, None)) => {}
                None => return,
            }
        }
    }

    /// How long opinions may take once the first answer is there, which took `first`.
    fn patience(&self, first: Duration) -> Duration {
        first.max(PATIENCE_MIN).min(self.time_to_improve())
    }

    /// How long what is there already may still be improved, so that it is told before the question's time is over.
    pub(super) fn time_to_improve(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).saturating_sub(TELLING)
    }

    /// One expert's opinion; `None` if it has none to give. It is not asked again.
    async fn opinion(&self, task: &TaskResult, candidate: &Candidate) -> Option<TaskResult> {
        let mut result = TaskResult::unasked(task.id, task.text.clone());
        match self.with_history(&mut result, candidate, (Show::Nothing, None)).await {
            Ok(()) => Some(result),
            Err(error) => {
                tracing::info!(task = task.id, expert = %candidate.advert.card.id, %error, "no second opinion");
                None
            }
        }
    }
}

fn in_order(mut given: Vec<(usize, TaskResult)>) -> Vec<TaskResult> {
    given.sort_by_key(|(place, _)| *place);
    given.into_iter().map(|(_, opinion)| opinion).collect()
}

/// Who else may be asked: those nearly as competent as the best, every model once before any twice.
fn others_of(candidates: &[Candidate]) -> Vec<Candidate> {
    let Some(first) = peers_of_the_best(candidates).into_iter().next() else { return Vec::new() };
    let best = candidates.iter().map(|c| c.factors.competence).fold(0.0, f32::max);
    let expert = |c: &Candidate| (c.advert.peer, c.advert.card_hash);
    let mut voices = BTreeSet::from([first.advert.card.model.sha256]);
    let (mut others, mut echoes) = (Vec::new(), Vec::new());
    for candidate in candidates.iter().filter(|c| expert(c) != expert(first)) {
        if !candidate.fits() || !budget::may_opine(candidate.factors.competence, best) {
            continue;
        }
        match voices.insert(candidate.advert.card.model.sha256) {
            true => others.push(candidate.clone()),
            false => echoes.push(candidate.clone()),
        }
    }
    others.append(&mut echoes);
    others
}

fn margin_of(candidates: &[Candidate]) -> f32 {
    let mut best: BTreeMap<&str, f32> = BTreeMap::new();
    for candidate in candidates {
        let held = best.entry(candidate.advert.card.id.as_str()).or_default();
        *held = held.max(candidate.factors.competence);
    }
    let mut competences: Vec<f32> = best.into_values().collect();
    competences.sort_by(|a, b| b.total_cmp(a));
    budget::routing_margin(&competences)
}

/// The mean of the log-probabilities that an expert reports token by token.
#[derive(Default)]
pub(super) struct MeanLogprob {
    sum: f64,
    tokens: u32,
}

impl MeanLogprob {
    /// Takes the next tokens'.
    pub(super) fn take(&mut self, tokens: &[TokenLogprobs]) {
        for token in tokens {
            self.sum += f64::from(token.logprob);
            self.tokens += 1;
        }
    }

    /// The mean so far; none without tokens, or if any was no log-probability.
    pub(super) fn mean(&self) -> Option<f32> {
        let mean = self.sum / f64::from(self.tokens);
        (self.tokens > 0 && mean.is_finite() && mean <= 0.0).then_some(mean as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_all_tokens() {
        let token = |logprob| TokenLogprobs { logprob, ..TokenLogprobs::default() };
        let mut mean = MeanLogprob::default();
        assert_eq!(mean.mean(), None);
        mean.take(&[token(-1.0), token(-0.5)]);
        mean.take(&[token(0.0)]);
        assert_eq!(mean.mean(), Some(-0.5));
        mean.take(&[token(f32::NAN)]);
        assert_eq!(mean.mean(), None);
    }
}
