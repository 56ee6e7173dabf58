//! What people are told of second opinions.

use polymath_swarm::sanitise;

use super::super::super::session::wire;
use super::super::super::terminal::{Style, shortened};
use super::super::transcript::Task;

/// Characters of an opinion that are shown.
const SHOWN_CHARS_MAX: usize = 80;

/// What of `text` has not been `streamed`: a held answer's dissent comes after it.
pub(super) fn unsaid<'a>(text: &'a str, streamed: &str) -> &'a str {
    match text.strip_prefix(streamed) {
        Some(rest) if rest.is_empty() || (!streamed.is_empty() && rest.starts_with('\n')) => rest.trim(),
        _ => text,
    }
}

/// How many agree, where several were asked.
pub(super) fn agreed(task: &Task) -> String {
    match of(task) {
        Some(consensus) => {
            let agree = consensus.opinions.iter().filter(|o| o.agrees).count();
            format!(", {agree} of {} agree", consensus.opinions.len())
        }
        None => String::new(),
    }
}

/// Everybody's answer and what it weighed.
pub(super) fn told(style: Style, task: &Task) -> String {
    let Some(consensus) = of(task) else { return String::new() };
    let head =
        format!("Opinions on task {} ({}, agreement {:.2})", task.id, consensus.method, consensus.agreement);
    let mut out = format!("{}\n", style.bold(&head));
    for opinion in &consensus.opinions {
        let id = opinion.expert.as_ref().map_or("nobody", |e| e.expert.as_str());
        let line = sanitise::output(&opinion.answer).split_whitespace().collect::<Vec<_>>().join(" ");
        let weight = style.dim(&format!("weight {:.2}", opinion.weight));
        let sign = if opinion.agrees { "=" } else { "≠" };
        out.push_str(&format!("  {sign} {id:<14} {weight}  {}\n", shortened(&line, SHOWN_CHARS_MAX)));
    }
    out
}

fn of(task: &Task) -> Option<&wire::Consensus> {
    task.finished.as_ref()?.consensus.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        let opinion = |expert: &str, answer: &str, agrees| wire::Opinion {
            expert: Some(wire::Candidate { expert: expert.into(), ..Default::default() }),
            answer: answer.into(),
            agrees,
            weight: 0.5,
            ..Default::default()
        };
        let opinions = vec![opinion("a", "85", true), opinion("b", "8\u{1b}[2J6\nx", false)];
        let consensus = wire::Consensus { method: "vote".into(), agreement: 0.5, opinions };
        let finished = wire::TaskFinished { consensus: Some(consensus), ..Default::default() };
        Task { id: 1, finished: Some(finished), ..Default::default() }
    }

    #[test]
    fn everybody_is_listed_without_their_escapes() {
        assert_eq!(agreed(&task()), ", 1 of 2 agree");
        assert_eq!(agreed(&Task::default()), "");
        let told = told(Style::plain(), &task());
        assert!(told.starts_with("Opinions on task 1 (vote, agreement 0.50)\n  = a"), "{told}");
        assert!(told.contains("≠ b") && !told.contains('\u{1b}') && told.lines().count() == 3, "{told}");
    }

    #[test]
    fn what_was_streamed_is_not_said_again() {
        assert_eq!(unsaid("Paris\n(b answered otherwise: Lyon)", "Paris"), "(b answered otherwise: Lyon)");
        assert_eq!(unsaid("Paris", "Paris"), "");
        assert_eq!(unsaid("Paris", ""), "Paris");
        assert_eq!(unsaid("85", "8"), "85");
    }
}
