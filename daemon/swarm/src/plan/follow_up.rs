//! A turn that refers to the one before it: "And how many letters does it have?"
//!
//! The turn before and this one are planned as one prompt; where a part of this one then waits for a part of that
//! one, the answer that was given takes the placeholder's place. What does not come apart cleanly is planned as if
//! nothing had been said before.

use super::{Plan, Task, structural};
use std::collections::BTreeMap;

/// Bytes of an earlier question that is looked back to: a paragraph.
const ASKED_BYTES_MAX: usize = 2 * 1024;
/// Bytes of an earlier answer that can stand for "it": a name, a number, a short sentence.
const ANSWER_BYTES_MAX: usize = 256;

/// Plans `turn`, which follows the question `asked` and its answer `answered`.
pub fn follow_up(asked: &str, answered: &str, turn: &str) -> Plan {
    let alone = structural(turn);
    resolved(asked, answered, turn, &alone).unwrap_or(alone)
}

fn resolved(asked: &str, answered: &str, turn: &str, alone: &Plan) -> Option<Plan> {
    if asked.len() > ASKED_BYTES_MAX {
        return None;
    }
    let before = structural(asked).len();
    let both = structural(&format!("{}\n{}", ended(asked), turn.trim()));
    if both.len() != before + alone.len() {
        return None;
    }
    let before = u32::try_from(before).ok()?;
    let answers = answers(answered, before)?;
    let mut tasks = Vec::with_capacity(alone.len());
    for task in both.tasks().filter(|t| t.id > before) {
        // First the answers given; then the tasks of this turn, renumbered from 1.
        let (early, own): (Vec<u32>, Vec<u32>) = task.depends_on.iter().partition(|id| **id <= before);
        if early.iter().any(|id| !task.text.contains(&placeholder(*id))) {
            return None;
        }
        let mut text = task.text.clone();
        for id in early {
            text = text.replace(&placeholder(id), answers.get(&id)?);
        }
        for id in &own {
            text = text.replace(&placeholder(*id), &placeholder(id - before));
        }
        let depends_on = own.into_iter().map(|id| id - before).collect();
        tasks.push(Task { id: task.id - before, text, depends_on });
    }
    Plan::from_tasks(tasks).ok()
}

fn placeholder(id: u32) -> String {
    format!("{{{{{id}}}}}")
}

fn ended(asked: &str) -> String {
    let asked = asked.trim();
    if asked.ends_with(['?', '.', '!']) { asked.to_owned() } else { format!("{asked}.") }
}

/// The answers by task: the only one, or those of a composed answer (`1. Paris (geography)`).
fn answers(answered: &str, count: u32) -> Option<BTreeMap<u32, String>> {
    let answered = answered.trim();
    let mut found = BTreeMap::new();
    if count == 1 {
        found.insert(1, answered);
    } else {
        for (id, line) in (1..=count).zip(answered.lines()) {
            let text = line.strip_prefix(&format!("{id}. "))?;
            found.insert(
                id,
                text.rsplit_once(" (").filter(|(_, who)| who.ends_with(')')).map_or(text, |(t, _)| t),
            );
        }
    }
    let short =
        |text: &str| !text.is_empty() && text.len() <= ANSWER_BYTES_MAX && !text.contains(['\n', '{', '}']);
    let complete = found.len() == count as usize && found.values().all(|text| short(text));
    complete.then(|| found.into_iter().map(|(id, text)| (id, bare(text).to_owned())).collect())
}

/// A one-line answer that goes into a sentence loses its full stop.
fn bare(text: &str) -> &str {
    text.strip_suffix('.').filter(|rest| !rest.ends_with('.')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(asked: &str, answered: &str, turn: &str) -> Vec<String> {
        follow_up(asked, answered, turn).tasks().map(|t| t.text.clone()).collect()
    }

    #[test]
    fn a_reference_takes_the_answer_given() {
        let capital = "What is the capital of France?";
        assert_eq!(texts(capital, "Paris", "Spell it backwards."), ["Spell Paris backwards."]);
        assert_eq!(
            texts(capital, "Paris.", "How many letters does it have?"),
            ["How many letters does Paris have?"]
        );
        let both = "What is the capital of Peru? What is 3 plus 4?";
        let answer = "1. Lima (geography)\n2. 7 (arithmetic)";
        assert_eq!(texts(both, answer, "Multiply the result by 6."), ["Multiply 7 by 6."]);
    }

    #[test]
    fn a_turn_that_stands_alone_stays_as_it_is() {
        for turn in ["What is 9 times 6?", "Thanks!", "Convert 3 km to m. What day comes after Monday?"] {
            let alone: Vec<String> = structural(turn).tasks().map(|t| t.text.clone()).collect();
            assert_eq!(texts("What is the capital of France?", "Paris", turn), alone, "{turn}");
        }
    }

    #[test]
    fn long_or_strange_answers_are_not_put_in() {
        let long = "x".repeat(300);
        for answer in ["", long.as_str(), "two\nlines", "{{1}}"] {
            assert_eq!(texts("Name a city.", answer, "Spell it backwards."), ["Spell it backwards."]);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_is_never_cyclic(asked in ".{0,60}", answered in ".{0,60}", turn in ".{0,60}") {
            let plan = follow_up(&asked, &answered, &turn);
            prop_assert_eq!(plan.is_empty(), turn.trim().is_empty());
        }
    }
}
