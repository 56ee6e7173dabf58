//! Prompts that nobody would write, or write so long: a plan all the same, made of the prompt, in bounded time.

use super::*;
use proptest::prelude::*;

#[test]
fn too_many_parts_stay_whole() {
    let prompt: String = (1..=TASKS_MAX + 1).map(|n| format!("{n}. What is {n} + {n}?\n")).collect();
    assert_eq!(structural(&prompt).len(), 1);
    assert!(structural(" \n").is_empty());
}

#[test]
fn hostile_prompts_take_bounded_time() {
    for unit in [
        "(",
        "\"a ",
        "$a",
        "`",
        "- ",
        "1. ",
        "and what is ",
        "? ",
        "; ",
        " - what is ",
        " / ",
        ", secondly ",
        "12 in binary, ",
        "?what is ",
        "\n\n",
        "“",
        "What is a? ",
        "a) ",
        "a",
        " ",
    ] {
        let prompt = unit.repeat(crate::sanitise::PROMPT_BYTES_MAX / unit.len());
        let start = std::time::Instant::now();
        let plan = structural(&prompt);
        assert!(start.elapsed().as_secs() < 5, "{unit:?} took {:?}", start.elapsed());
        assert!(plan.len() <= TASKS_MAX);
    }
}

/// Prompts made of the pieces that the planner looks at.
fn promptlike() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "What is the capital of France?",
        "Spell it backwards.",
        "and",
        "Also, ",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "2. ",
        "a) ",
        "Next question: ",
        "; ",
        ", ",
        "then ",
        "double that",
        "the two results",
        "add 3 and 4",
        "how many",
        "A ball falls.",
        "(",
        ")",
        "\"",
        "```",
        "{{1}}",
        "$x$",
        "é",
        "it",
        "?",
        ".",
        "Explain.",
        "Hello!",
        "them",
    ]);
    prop::collection::vec(parts, 0..14).prop_map(|parts| parts.join(" "))
}

/// Words of `text`, placeholders aside.
fn bag(text: &str) -> Vec<String> {
    let mut plain = text.to_lowercase();
    for id in 1..=TASKS_MAX {
        plain = plain.replace(&format!("{{{{{id}}}}}'s"), " ").replace(&format!("{{{{{id}}}}}"), " ");
    }
    plain.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(String::from).collect()
}

fn check(prompt: &str) -> Result<(), TestCaseError> {
    let plan = structural(prompt);
    prop_assert_eq!(plan.is_empty(), prompt.trim().is_empty());
    prop_assert_eq!(plan.order().len(), plan.len());
    let words = bag(prompt);
    for task in plan.tasks() {
        prop_assert!(!task.text.trim().is_empty());
        prop_assert!(task.depends_on.iter().all(|needed| *needed < task.id), "only earlier tasks are needed");
        for word in bag(&task.text) {
            // "and" between placeholders is the planner's.
            prop_assert!(
                words.contains(&word) || word == "and",
                "{word:?} of {:?} is not in {prompt:?}",
                task.text
            );
        }
    }
    if plan.len() == 1 {
        let whole = tasks(prompt);
        prop_assert_eq!(whole[0].as_str(), prompt.trim());
        prop_assert_eq!(tasks(&whole[0]), whole);
    }
    Ok(())
}

#[test]
fn a_sentence_without_end_is_not_looked_into() {
    let with = |items: usize| {
        structural(&format!(
            "What is the capital of Peru{}, and what is the capital of Chad?",
            ", a".repeat(items)
        ))
    };
    assert_eq!(with(10).len(), 2);
    assert_eq!(with(1_000).len(), 1);
}

proptest! {
    #[test]
    fn any_text_gives_a_plan_made_of_it(prompt in "(\\PC|[ .?!;:,\\n()\"'`$-]){0,80}") {
        check(&prompt)?;
    }

    #[test]
    fn anything_promptlike_gives_a_plan_made_of_it(prompt in promptlike()) {
        check(&prompt)?;
    }
}
