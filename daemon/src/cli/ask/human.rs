//! An answer as people read it: texts while they come, then the answer and who said what.
//!
//! Several experts write at once. Their lines are not mixed: each task's text is held until a line of it is
//! whole (or long), and every line carries its task's label.

mod consensus;
mod tree;

use std::collections::BTreeMap;

use polymath_swarm::sanitise;
use wire::chat_event::Body;

use super::super::program;
use super::super::session::wire;
use super::super::terminal::{self, Style, shortened};
use super::json::hex;
use super::transcript::{Task, Transcript};

/// Characters held back before a line is printed though it has not ended.
const HELD_CHARACTERS_MAX: usize = 160;
/// Candidates that `--explain` shows for a task.
const CANDIDATES_SHOWN_MAX: usize = 3;

/// Prints a question's events.
pub(in crate::cli) struct Human {
    style: Style,
    stream: bool,
    explain: bool,
    /// Streamed text not yet printed, by task.
    held: BTreeMap<u32, Held>,
    /// What a lone task has written to the terminal already.
    streamed: String,
}

/// A task's text that comes in pieces.
#[derive(Default)]
struct Held {
    cleaner: sanitise::Cleaner,
    text: String,
}

impl Human {
    /// A printer; `stream` and `explain` as on the command line.
    pub(in crate::cli) fn new(style: Style, stream: bool, explain: bool) -> Self {
        Self { style, stream, explain, held: BTreeMap::new(), streamed: String::new() }
    }

    /// Prints what an event brings; the transcript has taken it already.
    pub(in crate::cli) fn event(&mut self, body: &Body, transcript: &Transcript) -> anyhow::Result<()> {
        let text = match body {
            Body::Planned(plan) if self.explain => self.plan(plan, transcript),
            Body::Started(started) if self.stream || started.kept_tokens.is_some() => {
                self.started(started, transcript)
            }
            Body::Text(text) if self.stream => self.text(text, transcript),
            Body::Finished(finished) => self.finished(finished, transcript),
            _ => return Ok(()),
        };
        Ok(terminal::say(&text)?)
    }

    /// Prints the answer, or returns why there is none.
    pub(in crate::cli) fn end(&self, transcript: &Transcript) -> anyhow::Result<()> {
        transcript.outcome()?;
        Ok(terminal::say(&self.closing(transcript))?)
    }

    fn closing(&self, transcript: &Transcript) -> String {
        let answer = transcript.answer.clone().unwrap_or_default();
        let text = sanitise::output(&answer.text);
        let mut out = String::new();
        if self.stream || self.explain {
            out.push('\n');
        }
        match transcript.tasks.as_slice() {
            [only] => {
                // A scratchpad ends in its answer; anything else was streamed as it is, but for what others said.
                let left = consensus::unsaid(text.trim(), self.streamed.trim());
                if !left.is_empty() {
                    out.push_str(&format!("{}\n", self.style.bold(left)));
                }
                out.push_str(&format!("{}\n", self.style.dim(&format!("— {}", self.who(only)))));
            }
            tasks => {
                out.push_str(&format!(
                    "{}\n\n{}\n",
                    self.style.bold(text.trim()),
                    self.style.dim("Who said what:")
                ));
                for line in tree::lines(tasks) {
                    out.push_str(&format!("{}{}\n", line.indent(), self.said(line.task)));
                    if self.explain {
                        out.push_str(&self.took(&line));
                    }
                }
            }
        }
        if self.explain {
            transcript.tasks.iter().for_each(|task| out.push_str(&consensus::told(self.style, task)));
            transcript.tasks.iter().for_each(|task| out.push_str(&self.judged_by(task)));
            let usage = format!("{} tokens read, {} written", answer.prompt_tokens, answer.completion_tokens);
            let times = format!(
                "first token after {:.0} ms, all after {:.0} ms",
                answer.first_token_ms, answer.total_ms
            );
            out.push_str(&self.style.dim(&format!("{usage}; {times}\n")));
        }
        out
    }

    /// What a task cost: when its text began, how long it ran, what was read and written.
    fn took(&self, line: &tree::Line<'_>) -> String {
        let Some(end) = &line.task.finished else { return String::new() };
        let times = format!(
            "took {:.0} ms, its first token {:.0} ms after the question",
            end.total_ms, end.first_token_ms
        );
        let tokens = format!("{} tokens read, {} written", end.prompt_tokens, end.completion_tokens);
        format!("{}{}\n", line.below(), self.style.dim(&format!("{times}; {tokens}")))
    }

    /// How to say whether the task's answer was good.
    fn judged_by(&self, task: &Task) -> String {
        let id = task.finished.as_ref().map(|f| hex(&f.task_id)).filter(|id| !id.is_empty());
        let line = |id| {
            let line = format!("task {}: daemon feedback {id} good|bad\n", task.id);
            self.style.dim(&program::named(&line))
        };
        id.map(line).unwrap_or_default()
    }

    fn plan(&self, plan: &wire::PlanReply, transcript: &Transcript) -> String {
        let mut out = plan_text(self.style, &transcript.tasks);
        let times = format!(
            "planned in {:.1} ms, embedded in {:.1} ms, routed in {:.1} ms",
            plan.plan_ms, plan.embed_ms, plan.route_ms
        );
        out.push_str(&format!("{}\n", self.style.dim(&times)));
        if self.stream {
            out.push('\n');
        }
        out
    }

    fn started(&self, started: &wire::TaskStarted, transcript: &Transcript) -> String {
        let Some(kept) = started.kept_tokens else { return self.asked(started.id, transcript) };
        let expert = started.expert.as_ref();
        let who = expert.map(|e| format!("{} ({})", one_line(&e.expert), terminal::short_peer(&e.peer_id)));
        let said = match kept {
            0 => "an expert broke off; asked anew:".to_owned(),
            kept => format!("an expert broke off after {kept} tokens; going on:"),
        };
        format!("\n{}\n", self.style.dim(&format!("[{said} {}]", who.unwrap_or_default())))
    }

    fn asked(&self, id: u32, transcript: &Transcript) -> String {
        match transcript.task(id) {
            Some(task) if transcript.tasks.len() > 1 => {
                let text = shortened(&one_line(&task.text), 100);
                format!("{} {}\n", self.label(task), self.style.dim(&format!("asked: {text}")))
            }
            _ => String::new(),
        }
    }

    fn text(&mut self, text: &wire::TaskText, transcript: &Transcript) -> String {
        let Held { cleaner, text: held } = self.held.entry(text.id).or_default();
        let clean = cleaner.push(&text.text);
        if transcript.tasks.len() == 1 {
            self.streamed.push_str(&clean);
            return clean;
        }
        held.push_str(&clean);
        let whole = match held.rfind('\n') {
            Some(end) => held.drain(..=end).collect::<String>(),
            None if held.chars().count() > HELD_CHARACTERS_MAX => std::mem::take(held),
            None => return String::new(),
        };
        transcript.task(text.id).map(|task| self.labelled(task, &whole)).unwrap_or_default()
    }

    fn finished(&mut self, finished: &wire::TaskFinished, transcript: &Transcript) -> String {
        let Some(task) = transcript.task(finished.id) else { return String::new() };
        let Held { mut cleaner, text: mut held } = self.held.remove(&finished.id).unwrap_or_default();
        let rest = cleaner.finish();
        // Of one task alone what was not streamed is printed at the end.
        if transcript.tasks.len() > 1 {
            held.push_str(&rest);
        }
        let mut out = self.labelled(task, &held);
        if finished.status != "done" && (self.stream || self.explain) {
            let why = sanitise::output(&finished.detail);
            out.push_str(&format!("{} {}: {why}\n", self.label(task), self.style.bad(&finished.status)));
        } else if self.stream && !self.streamed.is_empty() {
            out.push('\n');
        }
        out
    }

    fn labelled(&self, task: &Task, text: &str) -> String {
        text.lines().filter(|l| !l.trim().is_empty()).map(|l| format!("{} {l}\n", self.label(task))).collect()
    }

    fn label(&self, task: &Task) -> String {
        self.style.label(task.id, &format!("[{} {}]", task.id, task.expert_id()))
    }

    fn said(&self, task: &Task) -> String {
        let text = shortened(&one_line(&task.text), 70);
        format!("{}  {}  {}", task.id, self.style.label(task.id, &self.who(task)), self.style.dim(&text))
    }

    fn who(&self, task: &Task) -> String {
        match (&task.expert, task.status()) {
            (Some(expert), "done") => {
                let agreed = consensus::agreed(task);
                let peer = terminal::short_peer(&expert.peer_id);
                let is_cut = task.finished.as_ref().is_some_and(|end| end.finish_reason == "length");
                let cut = if is_cut { ", cut off: allow more --max-tokens" } else { "" };
                format!("{} ({peer}, score {:.2}{agreed}{cut})", expert.expert, expert.score)
            }
            (Some(expert), status) => format!("{} ({status})", expert.expert),
            (None, status) => format!("nobody ({status})"),
        }
    }
}

/// The plan as a tree, with each task's candidates and the factors of their scores.
pub(in crate::cli) fn plan_text(style: Style, tasks: &[Task]) -> String {
    let mut out = format!("{}\n", style.bold("Plan"));
    for line in tree::lines(tasks) {
        let (task, also) = (line.task, also(style, &line.also));
        let text = shortened(&one_line(&task.text), 200);
        let kind = kind(style, task);
        let label = style.label(task.id, &format!("{}.", task.id));
        out.push_str(&format!("{}{label} {text}{kind}{also}\n", line.indent()));
        if !task.shown.is_empty() {
            let shown = shortened(&one_line(&task.shown), 200);
            out.push_str(&format!("{}{}\n", line.below(), style.dim(&format!("others see: {shown}"))));
        }
        for candidate in task.candidates.iter().take(CANDIDATES_SHOWN_MAX) {
            out.push_str(&format!("{}{}\n", line.below(), factors(style, candidate)));
        }
        if task.candidates.is_empty() {
            out.push_str(&format!("{}{}\n", line.below(), style.bad("nobody to ask")));
        }
    }
    out
}

/// What a task waits for besides the one above it.
fn also(style: Style, ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    if ids.is_empty() { String::new() } else { style.dim(&format!("  (and after {})", ids.join(", "))) }
}

/// What kind of work a task is, where that is known.
fn kind(style: Style, task: &Task) -> String {
    match task.complexity {
        Some(complexity) if !task.intent.is_empty() => {
            style.dim(&format!("  [{}, complexity {complexity:.2}]", one_line(&task.intent)))
        }
        _ => String::new(),
    }
}

fn factors(style: Style, candidate: &wire::Candidate) -> String {
    let seen = if candidate.good + candidate.bad > 0.0 {
        format!(" (claimed {:.2}; {:.1} good, {:.1} bad)", candidate.claim, candidate.good, candidate.bad)
    } else {
        String::new()
    };
    let sum = format!(
        "= competence {:.2}{seen} × trust {:.2} × availability {:.2}  {}",
        candidate.competence,
        candidate.trust,
        candidate.availability,
        terminal::short_peer(&candidate.peer_id)
    );
    format!("{:<14} {:.2} {}", candidate.expert, candidate.score, style.dim(&sum))
}

fn one_line(text: &str) -> String {
    sanitise::output(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
