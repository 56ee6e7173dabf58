//! The line that says who answered otherwise.

use crate::coordinator::TaskResult;

/// Between who and what.
const OTHERWISE: &str = " answered otherwise: ";
/// Characters of another's answer that are shown; all of it is in the task's opinions.
const SHOWN_CHARS_MAX: usize = 80;

/// What follows a result that others contradict: a line of its own, empty if nobody does.
pub(in crate::coordinator) fn dissent(result: &TaskResult) -> String {
    let Some(consensus) = &result.consensus else { return String::new() };
    let others: Vec<String> = consensus
        .opinions
        .iter()
        .filter(|opinion| !opinion.agrees)
        .map(|opinion| format!("{}{OTHERWISE}{}", opinion.expert.advert.card.id, shown(&opinion.answer)))
        .collect();
    if others.is_empty() { String::new() } else { format!("\n({})", others.join("; ")) }
}

fn shown(answer: &str) -> String {
    let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// An answer as it was before such lines were added: what the next question of a conversation refers to.
pub(in crate::coordinator) fn without_dissent(text: &str) -> String {
    let is_dissent = |line: &str| line.starts_with('(') && line.ends_with(')') && line.contains(OTHERWISE);
    text.lines().filter(|line| !is_dissent(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn such_lines_are_told_from_the_answer() {
        let text = "1. 85 (a)\n(b answered otherwise: 86; c answered otherwise: 87)\n2. Paris (geography)";
        assert_eq!(without_dissent(text), "1. 85 (a)\n2. Paris (geography)");
        assert_eq!(without_dissent("(as you asked)"), "(as you asked)");
    }

    #[test]
    fn long_answers_are_cut_and_put_on_one_line() {
        assert_eq!(shown("a\n\n b"), "a b");
        assert_eq!(shown(&"é".repeat(200)).chars().count(), SHOWN_CHARS_MAX + 1);
    }
}
