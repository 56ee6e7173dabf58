//! One expert at one task, and who goes on where it breaks off.
//!
//! A node that dies, hangs or leaves is noticed within a second of its last sign of life (`network::task`). What it has said so far
//! stays: another node with the same model file gets the tokens drawn so far and draws on, by the same seed. Where there is none, the task
//! begins anew with another expert, and the reader is told.

use super::discretion::withheld;
use super::hedge::Race;
use super::run::{CUT_OFF, Run, Show, TOO_LONG, failed, note_failure};
use super::{Candidate, Event, TaskResult, TaskStatus, Usage, compose, conversation, dispatch, opinions};
use crate::network::task::Loading;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use polymath_swarm::sampling::Settings;
use polymath_swarm::sanitise::Cleaner;
use polymath_swarm::task::{
    CONTINUES_MAX, FinishReason, Message, Offer, TaskError, TaskEvent, TokenLogprobs,
};
use std::time::Instant;

/// Others that are asked to go on: whoever has waited for two dead ones does not wait for a third.
const TWINS_ASKED_MAX: usize = 3;

/// Whoever has begun may not say that it is busy, or that it would not: then the next would seem to go on where it stopped.
fn in_the_midst(error: TaskError, result: &TaskResult) -> TaskError {
    let has_begun = !result.ids.is_empty() || !result.answer.is_empty();
    match error {
        TaskError::Busy { .. } | TaskError::Refused { .. } if has_begun => {
            TaskError::Protocol("it refused what it had begun".to_owned())
        }
        error => error,
    }
}

/// Which of two experts at one task this is.
#[derive(Clone, Copy)]
pub(super) struct Lane<'r> {
    pub(super) race: &'r Race,
    /// 0 for the first, 1 for its backup.
    pub(super) place: usize,
}

impl TaskResult {
    /// Forgets what an expert has said before it broke off.
    pub(super) fn begin_anew(&mut self) {
        self.answer.clear();
        self.ids.clear();
        *self.cleaner = Cleaner::default();
    }
}

impl Run<'_> {
    /// Asks with as much of the conversation as the expert's context holds.
    pub(super) async fn with_history(
        &self,
        result: &mut TaskResult,
        candidate: &Candidate,
        how: (Show, Option<Lane<'_>>),
    ) -> Result<(), TaskError> {
        let reads = candidate.advert.card.has_ability(conversation::CONVERSATION);
        let mut messages = conversation::messages(self.question, &result.text, self.plan.len() == 1, reads);
        result.dropped_messages = 0;
        loop {
            match self.attempt(result, candidate, messages.clone(), how).await {
                Err(refused @ TaskError::Refused { .. })
                    if matches!(&refused, TaskError::Refused { code, .. } if code == TOO_LONG)
                        && result.ids.is_empty()
                        && !self.question.complete =>
                {
                    match conversation::drop_oldest(&mut messages) {
                        0 => return Err(refused),
                        dropped => result.dropped_messages += dropped,
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether somebody else with the same model finished what `broken` broke off: with the same seed the tokens are those that it would have
    /// drawn, so that the reader sees one answer.
    pub(super) async fn goes_on(&self, result: &mut TaskResult, broken: &Candidate, show: Show) -> bool {
        if result.ids.is_empty() && result.answer.is_empty() {
            return false;
        }
        result.broke_off = true;
        // Stand-ins are another's: a private answer begins anew, which nobody sees. And what was left out of the conversation may not be
        // left out elsewhere.
        let kept = 1..=CONTINUES_MAX;
        if self.discretion.is_some() || !kept.contains(&result.ids.len()) || result.dropped_messages > 0 {
            return false;
        }
        for twin in self.inner.router.twins(broken, &self.limits.filter).iter().take(TWINS_ASKED_MAX) {
            match self.with_history(result, twin, (show, None)).await {
                Ok(()) => return true,
                Err(error) => note_failure(result, twin, &error),
            }
        }
        false
    }

    async fn attempt(
        &self,
        result: &mut TaskResult,
        candidate: &Candidate,
        messages: Vec<Message>,
        (show, lane): (Show, Option<Lane<'_>>),
    ) -> Result<(), TaskError> {
        let peer = candidate.advert.peer;
        let messages = match &self.discretion {
            // Neither can be covered without meaning something else.
            Some(_) if peer != self.inner.network.peer() && self.is_bound() => {
                return Err(withheld("grammars, schemas and stop strings of private questions stay here"));
            }
            Some(discretion) => discretion.shown(peer, result.id, messages)?,
            None => messages,
        };
        let offer = Offer { continues: result.ids.clone(), ..self.offer(messages, candidate, show) };
        // What was hidden is put back once all of the answer is there.
        let discretion = self.discretion.as_ref().filter(|_| peer != self.inner.network.peer());
        let offered = Instant::now();
        let mut stream = self.opened(result, candidate, offer, (show, lane)).await?;
        let scratchpad =
            candidate.advert.card.has_ability(compose::SCRATCHPAD) && !self.question.is_verbatim();
        // A backup is told of once it is heard.
        let is_backup = lane.is_some_and(|lane| lane.place > 0);
        if !is_backup {
            self.tell_start(result, candidate, show).await;
        }
        let mut sureness = opinions::MeanLogprob::default();
        let mut has_begun = false;
        while let Some(event) = stream.next().await {
            match event.map_err(|error| in_the_midst(error, result))? {
                TaskEvent::Accepted { .. } => {}
                TaskEvent::Tokens { text, logprobs, ids, .. } => {
                    let is_first = !std::mem::replace(&mut has_begun, true);
                    if is_first {
                        self.inner.experience.began(candidate, offered.elapsed());
                    }
                    if !self.is_heard(lane) {
                        return Err(failed("late", "another has begun before it"));
                    }
                    if is_first && is_backup {
                        self.tell_start(result, candidate, show).await;
                    }
                    result.ids.extend(ids);
                    result.first_token.get_or_insert_with(|| self.arrived.elapsed());
                    let text = result.cleaner.push(&text);
                    result.answer.push_str(&text);
                    sureness.take(&logprobs);
                    if show == Show::All && discretion.is_none() {
                        self.tell(result.id, text, logprobs, scratchpad).await;
                    }
                }
                TaskEvent::Done { finish_reason, prompt_tokens, .. } => {
                    let completion_tokens = result.ids.len() as u32;
                    result.usage = Usage { prompt_tokens, completion_tokens };
                    let text = result.cleaner.finish();
                    result.answer.push_str(&text);
                    if show == Show::All && discretion.is_none() && !text.is_empty() {
                        self.tell(result.id, text, Vec::new(), scratchpad).await;
                    }
                    if scratchpad && finish_reason == FinishReason::Length {
                        // Its last line is some step of the working, not a result.
                        return Err(failed(
                            CUT_OFF,
                            "the answer was cut off before its result: allow it more tokens (--max-tokens, max_tokens)",
                        ));
                    }
                    if let Some(discretion) = discretion {
                        result.answer = discretion.lifted(peer, result.id, &result.answer);
                        if show == Show::All {
                            self.tell(result.id, result.answer.clone(), Vec::new(), scratchpad).await;
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
                        // Nobody else would go on from there.
                        result.ids.clear();
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

    /// Offers the task, and tells the reader how far a model is that has to be loaded first.
    async fn opened(
        &self,
        result: &TaskResult,
        candidate: &Candidate,
        offer: Offer,
        (show, lane): (Show, Option<Lane<'_>>),
    ) -> Result<BoxStream<'static, Result<TaskEvent, TaskError>>, TaskError> {
        let loading = Loading::default();
        let mut progress = loading.subscribe();
        let mut opening = std::pin::pin!(dispatch::open(self.inner, candidate, offer, loading));
        // Of a backup nothing is told before it is heard.
        let is_told = show != Show::Nothing && lane.is_none_or(|lane| lane.place == 0);
        loop {
            tokio::select! {
                biased;
                opened = &mut opening => return opened,
                Ok(()) = progress.changed(), if is_told => {
                    let percent = *progress.borrow_and_update();
                    if let Some(percent) = percent {
                        let event = Event::Loading { id: result.id, expert: candidate.clone(), percent };
                        // A reader that left is noticed by `ask`.
                        let _ = self.events.send(Ok(event)).await;
                    }
                }
            }
        }
    }

    fn is_bound(&self) -> bool {
        self.question.grammar.is_some() || !self.question.stop.is_empty()
    }

    fn is_heard(&self, lane: Option<Lane<'_>>) -> bool {
        lane.is_none_or(|lane| lane.race.takes(lane.place))
    }

    async fn tell_start(&self, result: &TaskResult, candidate: &Candidate, show: Show) {
        if show == Show::Nothing {
            return;
        }
        let kept_tokens = result.broke_off.then_some(result.ids.len() as u32);
        let (text, expert) = (result.text.clone(), candidate.clone());
        // A reader that left is noticed by `ask`.
        let _ = self.events.send(Ok(Event::Started { id: result.id, text, expert, kept_tokens })).await;
        if kept_tokens == Some(0) && show == Show::All {
            self.answering(self.composer.again(result.id, &candidate.advert.card.id)).await;
        }
    }

    /// Tells more of an answer.
    async fn tell(&self, id: u32, text: String, logprobs: Vec<TokenLogprobs>, scratchpad: bool) {
        let more = if scratchpad { String::new() } else { self.composer.text(id, &text) };
        // A reader that left is noticed by `ask`.
        let _ = self.events.send(Ok(Event::Text { id, text, logprobs })).await;
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
            // An opinion is weighed by how sure its model was. Of somebody's server that is asked only where the question asks for it: not all tell.
            top_logprobs: if show == Show::All || !candidate.advert.card.kind.is_verifiable() {
                wishes.top_logprobs
            } else {
                wishes.top_logprobs.max(1)
            },
            grammar: wishes.grammar.clone(),
            private: self.discretion.is_some(),
            continues: Vec::new(),
        }
    }
}
