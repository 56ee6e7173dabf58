//! Many results, one answer: in the order asked, each with the expert who gave it.
//!
//! Nothing is rewritten: a result is quoted as its expert gave it. The questions are not repeated, so that an
//! answer never scores by echoing what was asked.

use super::{Answer, Error, Planned, TaskResult, TaskStatus, Usage};
use std::time::Instant;

/// The ability of experts that work on a scratchpad and put the answer alone on the last line.
pub(super) const SCRATCHPAD: &str = "scratchpad";

/// Bytes of a result that may be put into a dependent task: a long paragraph, far from any context's end.
const RESULT_BYTES_MAX: usize = 4_096;

/// The part of an expert's text that stands for its result: the last line of a scratchpad, else all of it.
pub(super) fn result_of(text: &str, scratchpad: bool) -> String {
    let text = text.trim();
    let result =
        if scratchpad { text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or(text) } else { text };
    let end = result.floor_char_boundary(RESULT_BYTES_MAX);
    result.get(..end).unwrap_or(result).trim().to_owned()
}

/// How a result reads inside another task's text: a one-line answer loses its full stop.
pub(super) fn as_input(result: &str) -> String {
    let one_line = !result.contains('\n');
    let bare = result.strip_suffix('.').filter(|rest| one_line && !rest.ends_with('.'));
    bare.unwrap_or(result).to_owned()
}

/// Composes the answer. Errors if not a single task was answered.
pub(super) fn answer(results: &[TaskResult], planned: &Planned, arrived: Instant) -> Result<Answer, Error> {
    if !results.iter().any(|r| r.status == TaskStatus::Done) {
        return Err(nothing_answered(results, planned));
    }
    let text = match results {
        [only] => only.result.clone(),
        several => several.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    let usage = results.iter().fold(Usage::default(), |sum, r| Usage {
        prompt_tokens: sum.prompt_tokens.saturating_add(r.usage.prompt_tokens),
        completion_tokens: sum.completion_tokens.saturating_add(r.usage.completion_tokens),
    });
    let first_token = results.iter().filter_map(|r| r.first_token).min();
    Ok(Answer { text, usage, first_token, total: arrived.elapsed() })
}

fn line(result: &TaskResult) -> String {
    let who = result.expert.as_ref().map_or("nobody", |e| e.advert.card.id.as_str());
    match result.status {
        TaskStatus::Done if result.result.contains('\n') => {
            format!("{}. ({who})\n{}", result.id, result.result)
        }
        TaskStatus::Done => format!("{}. {} ({who})", result.id, result.result),
        TaskStatus::NoExpert => format!("{}. No expert fits: {}", result.id, result.detail),
        TaskStatus::Skipped => format!("{}. Not asked: {}", result.id, result.detail),
        TaskStatus::Failed => format!("{}. Failed ({who}): {}", result.id, result.detail),
    }
}

fn nothing_answered(results: &[TaskResult], planned: &Planned) -> Error {
    let mut failed = results.iter().filter(|r| r.status == TaskStatus::Failed).peekable();
    if failed.peek().is_some() && failed.all(|r| r.busy) {
        return Error::Busy { retry_after_ms: super::BUSY_RETRY_MS };
    }
    if results.iter().any(|r| r.status == TaskStatus::Failed) {
        let details: Vec<&str> =
            results.iter().filter(|r| r.status == TaskStatus::Failed).map(|r| r.detail.as_str()).collect();
        return Error::Failed(details.join("; "));
    }
    let nearest =
        planned.tasks.first().map(|t| super::route::nearest_cards(&t.candidates)).unwrap_or_default();
    Error::NoExpert { nearest }
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

    #[test]
    fn one_line_results_lose_their_full_stop_as_inputs() {
        assert_eq!(as_input("Paris."), "Paris");
        assert_eq!(as_input("and so on..."), "and so on...");
        assert_eq!(as_input("One.\nTwo."), "One.\nTwo.");
    }
}
