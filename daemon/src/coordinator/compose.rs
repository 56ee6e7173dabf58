//! Many results, one answer: in the order asked, each with the expert who gave it, written as it comes about.
//!
//! [`Composer`] is fed every task's text and end. What is next in order flows at once; what comes early waits for
//! its turn. A scratchpad flows when its result is known. Nothing is rewritten: a result is quoted as its expert gave it. The questions are not repeated, so that an
//! answer never scores by echoing what was asked.

use super::{Answer, Error, Fault, Planned, TaskResult, TaskStatus, Usage, opinions};
use polymath_swarm::plan::Plan;
use polymath_swarm::task::FinishReason;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The ability of experts that work on a scratchpad and put the answer alone on the last line.
pub(super) const SCRATCHPAD: &str = "scratchpad";

/// The part of an expert's text that stands for its result: the last line of a scratchpad, else all of it.
pub(super) fn result_of(text: &str, scratchpad: bool) -> String {
    let text = text.trim();
    let result =
        if scratchpad { text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or(text) } else { text };
    result.trim().to_owned()
}

/// Writes the answer while the tasks run.
pub(super) struct Composer {
    verbatim: bool,
    several: bool,
    // Tasks run side by side; each holds this for a few string operations.
    state: Mutex<State>,
}

struct State {
    /// Tasks not yet written to their end, in the order asked.
    order: Vec<u32>,
    parts: BTreeMap<u32, Part>,
    /// All that has been written.
    said: String,
}

#[derive(Default)]
struct Part {
    /// Text that waits: for its turn, or, if blank, for what comes after it.
    waiting: String,
    /// Whether any of it has been written.
    begun: bool,
    /// Whether it has begun anew and nothing of it has come since.
    anew: bool,
    /// What is written after its text, once it has ended.
    end: Option<String>,
}

impl Composer {
    /// For the tasks of `plan`. `verbatim` keeps blanks around the text, which is then a single task's.
    pub(super) fn new(plan: &Plan, verbatim: bool) -> Self {
        let order: Vec<u32> = plan.tasks().map(|t| t.id).collect();
        let state = State { order, parts: BTreeMap::new(), said: String::new() };
        Self { verbatim, several: plan.len() > 1, state: Mutex::new(state) }
    }

    /// Takes more of a task's text; returns what the answer grows by.
    pub(super) fn text(&self, id: u32, text: &str) -> String {
        self.with(|state| {
            let part = state.parts.entry(id).or_default();
            part.anew &= text.is_empty();
            part.waiting.push_str(text);
        })
    }

    /// A task begins anew, by another expert than the one that broke off; returns what the answer grows by: what was written cannot be
    /// taken back.
    pub(super) fn again(&self, id: u32, expert: &str) -> String {
        self.with(|state| {
            let part = state.parts.entry(id).or_default();
            part.waiting.clear();
            part.anew = true;
            if part.begun {
                part.waiting = format!(" … [broke off; {expert} answers anew] ");
            }
        })
    }

    /// Takes a task's end; returns what the answer grows by.
    pub(super) fn ended(&self, result: &TaskResult) -> String {
        let several = self.several;
        self.with(|state| {
            let part = state.parts.entry(result.id).or_default();
            // A scratchpad's result, that is.
            let is_missing = part.anew || !part.begun && part.waiting.is_empty();
            if result.status == TaskStatus::Done && is_missing {
                part.waiting.push_str(&result.result);
            }
            part.end = Some(if several { closing(result) } else { opinions::dissent(result) });
        })
    }

    /// All that has been written, and what was written last.
    pub(super) fn finish(&self) -> (String, String) {
        let last = self.with(|_| {});
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.said.clone(), last)
    }

    fn with(&self, change: impl FnOnce(&mut State)) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let grown = state.advance(self.several, self.verbatim);
        state.said.push_str(&grown);
        grown
    }
}

impl State {
    /// Writes what is next in order.
    fn advance(&mut self, several: bool, verbatim: bool) -> String {
        let mut out = String::new();
        while let Some(&id) = self.order.first() {
            let Some(part) = self.parts.get_mut(&id) else { break };
            let ready = part.take(verbatim);
            if !part.begun && (!ready.is_empty() || part.end.is_some()) {
                part.begun = true;
                if several {
                    if !self.said.is_empty() || !out.is_empty() {
                        out.push('\n');
                    }
                    out.push_str(&format!("{id}. "));
                }
            }
            out.push_str(&ready);
            let Some(end) = part.end.take() else { break };
            out.push_str(if ready.is_empty() && out.ends_with(". ") { end.trim_start() } else { &end });
            self.order.remove(0);
        }
        out
    }
}

impl Part {
    /// The text that may be written: blanks at its edges stay back, for they are not part of a result.
    fn take(&mut self, verbatim: bool) -> String {
        if verbatim {
            return std::mem::take(&mut self.waiting);
        }
        if !self.begun {
            let blank = self.waiting.len() - self.waiting.trim_start().len();
            self.waiting.drain(..blank);
        }
        let solid = self.waiting.trim_end().len();
        self.waiting.drain(..solid).collect()
    }
}

/// What follows a task's text where there are several.
fn closing(result: &TaskResult) -> String {
    let who = result.expert.as_ref().map_or("nobody", |e| e.advert.card.id.as_str());
    match result.status {
        TaskStatus::Done => format!(" ({who}){}", opinions::dissent(result)),
        TaskStatus::NoExpert => format!(" No expert fits: {}", result.detail),
        TaskStatus::Skipped => format!(" Not asked: {}", result.detail),
        TaskStatus::Failed => format!(" Failed ({who}): {}", result.detail),
    }
}

/// The end of the question. Errors if not a single task was answered.
pub(super) fn answer(
    results: &[TaskResult],
    planned: &Planned,
    text: String,
    arrived: Instant,
    deadline_ms: u32,
) -> Result<Answer, Error> {
    if !results.iter().any(|r| r.status == TaskStatus::Done) {
        return Err(nothing_answered(results, planned, deadline_ms));
    }
    let usage = results.iter().fold(Usage::default(), |sum, r| sum.plus(r.usage));
    let first_token = results.iter().filter_map(|r| r.first_token).min();
    let cut = results.iter().any(|r| r.finish_reason == Some(FinishReason::Length));
    let finish_reason = if cut { FinishReason::Length } else { FinishReason::Stop };
    Ok(Answer { text, usage, first_token, total: arrived.elapsed(), finish_reason })
}

fn nothing_answered(results: &[TaskResult], planned: &Planned, deadline_ms: u32) -> Error {
    let failed: Vec<&TaskResult> = results.iter().filter(|r| r.status == TaskStatus::Failed).collect();
    if failed.is_empty() {
        let refused = results.iter().find(|r| r.status == TaskStatus::NoExpert && !r.detail.is_empty());
        let nearest = match refused {
            Some(refused) => refused.detail.clone(),
            None => {
                planned.tasks.first().map(|t| super::route::nearest_cards(&t.candidates)).unwrap_or_default()
            }
        };
        return Error::NoExpert { nearest };
    }
    let details = || failed.iter().map(|r| r.detail.as_str()).collect::<Vec<_>>().join("; ");
    let all = |fault| failed.iter().all(|r| r.fault == Some(fault));
    if all(Fault::Busy) {
        Error::Busy { retry_after_ms: super::BUSY_RETRY_MS }
    } else if all(Fault::TooLong) {
        Error::TooLong(details())
    } else if all(Fault::Refused) {
        Error::Refused(details())
    } else if all(Fault::Deadline) {
        Error::Deadline { deadline_ms }
    } else {
        Error::Failed(details())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratchpad_ends_in_its_result() {
        assert_eq!(result_of("7+8=15 c1\n3+4+1=8\n85\n", true), "85");
        assert_eq!(result_of("first\nsecond\n", false), "first\nsecond");
        assert_eq!(result_of("  \n", true), "");
    }

    fn ended(id: u32, result: &str, status: TaskStatus) -> TaskResult {
        TaskResult {
            result: result.to_owned(),
            status,
            detail: "why".to_owned(),
            ..TaskResult::unasked(id, String::new())
        }
    }

    fn composer(tasks: u32, verbatim: bool) -> Composer {
        use polymath_swarm::plan::Task;
        let task = |id| Task { id, text: "x".to_owned(), depends_on: Vec::new() };
        Composer::new(&Plan::from_tasks((1..=tasks).map(task).collect()).unwrap(), verbatim)
    }

    #[test]
    fn a_single_answer_flows_without_the_blanks_around_it() {
        let composer = composer(1, false);
        let flow = [" ", "One", " ", "two", " \n"].map(|text| composer.text(1, text));
        assert_eq!(flow, ["", "One", "", " two", ""]);
        assert_eq!(composer.ended(&ended(1, "One two", TaskStatus::Done)), "");
        assert_eq!(composer.finish(), ("One two".to_owned(), String::new()));
    }

    #[test]
    fn verbatim_text_keeps_them() {
        let composer = composer(1, true);
        assert_eq!([" a", " \n"].map(|text| composer.text(1, text)), [" a", " \n"]);
        assert_eq!(composer.ended(&ended(1, " a \n", TaskStatus::Done)), "");
        assert_eq!(composer.finish().0, " a \n");
    }

    #[test]
    fn what_comes_early_waits_for_its_turn() {
        let composer = composer(3, false);
        assert_eq!(composer.text(2, "two"), "");
        assert_eq!(composer.ended(&ended(2, "two", TaskStatus::Done)), "");
        assert_eq!(composer.text(1, "o"), "1. o");
        assert_eq!(composer.ended(&ended(1, "o", TaskStatus::Done)), " (nobody)\n2. two (nobody)");
        assert_eq!(composer.ended(&ended(3, "", TaskStatus::Skipped)), "\n3. Not asked: why");
        assert_eq!(composer.finish().0, "1. o (nobody)\n2. two (nobody)\n3. Not asked: why");
    }

    #[test]
    fn a_scratchpad_flows_when_its_result_is_known() {
        let composer = composer(2, false);
        assert_eq!(composer.ended(&ended(1, "85", TaskStatus::Done)), "1. 85 (nobody)");
        assert_eq!(composer.text(2, "half"), "\n2. half");
        assert_eq!(composer.ended(&ended(2, "", TaskStatus::Failed)), " Failed (nobody): why");
    }
}
