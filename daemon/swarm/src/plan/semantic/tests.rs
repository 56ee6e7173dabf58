use super::*;
use crate::plan::structural;
use proptest::prelude::*;

/// Fits by the words a text holds: a fake router with three experts.
fn fake_fits(text: &str) -> Vec<Fit<&'static str>> {
    let text = text.to_lowercase();
    let share = |words: &[&str]| if words.iter().any(|w| text.contains(w)) { 0.8f32 } else { 0.1 };
    let mut fits = vec![
        ("geography", share(&["capital", "peru", "chad", "city"])),
        ("units", share(&["gallons", "pints", "km"])),
        ("words", share(&["letter", "spell"])),
    ];
    fits.sort_by(|a, b| b.1.total_cmp(&a.1));
    fits
}

fn tasks(prompt: &str) -> Vec<String> {
    let plan = structural(prompt);
    let doubts = Doubts::of(&plan);
    let fits: Vec<_> = doubts.spans().into_iter().map(fake_fits).collect();
    let demands = Demands::default();
    doubts.settle(&plan, &fits, demands).tasks().map(|t| t.text.clone()).collect()
}

#[test]
fn what_different_experts_do_is_cut() {
    for (prompt, expected) in [
        (
            "96 pints, gallons. Peru, capital city? What is its first letter?",
            vec!["96 pints, gallons.", "Peru, capital city?", "What is {{2}}'s first letter?"],
        ),
        ("96 pints to gallons and Peru, capital city", vec!["96 pints to gallons", "Peru, capital city"]),
        // One expert for all, or none for a part: whole.
        (
            "The city of Lima, Peru. The capital of Chad.",
            vec!["The city of Lima, Peru. The capital of Chad."],
        ),
        ("96 pints, gallons. He said nothing.", vec!["96 pints, gallons. He said nothing."]),
        // Choices, not tasks.
        (
            "Which of these is true?\n- The capital of Peru is Lima.\n- A gallon is 8 pints.",
            vec!["Which of these is true?\n- The capital of Peru is Lima.\n- A gallon is 8 pints."],
        ),
        ("Hello there! 96 pints, gallons. Thanks!", vec!["Hello there! 96 pints, gallons. Thanks!"]),
    ] {
        assert_eq!(tasks(prompt), expected, "{prompt}");
    }
}

#[test]
fn later_tasks_keep_what_they_refer_to() {
    let task = |id, text: &str, depends_on: &[u32]| Task {
        id,
        text: text.to_owned(),
        depends_on: depends_on.to_vec(),
    };
    let plan = Plan::from_tasks(vec![
        task(1, "96 pints, gallons. Peru, capital city", &[]),
        task(2, "Spell {{1}} backwards.", &[1]),
    ])
    .unwrap();
    let doubts = Doubts::of(&plan);
    let fits: Vec<_> = doubts.spans().into_iter().map(fake_fits).collect();
    let settled = doubts.settle(&plan, &fits, Demands::default());
    let last = settled.task(3).unwrap();
    assert_eq!((last.text.as_str(), last.depends_on.as_slice()), ("Spell {{2}} backwards.", [2].as_slice()));
}

#[test]
fn without_fits_nothing_is_cut() {
    let plan = structural("96 pints, gallons. Peru, capital city.");
    let settled = Doubts::of(&plan).settle::<u8>(&plan, &[], Demands::default());
    assert_eq!(settled.len(), plan.len());
}

proptest! {
    #[test]
    fn any_fits_leave_a_plan_whose_words_are_the_prompts(
        prompt in "([a-z]{1,6}[ ,.;?]{1,2}){1,14}",
        values in prop::collection::vec(prop::collection::vec((0u8..4, 0.0f32..1.0), 0..4), 0..64),
    ) {
        let plan = structural(&prompt);
        let settled = Doubts::of(&plan).settle(&plan, &values, Demands::default());
        prop_assert!(settled.len() >= plan.len() && settled.len() <= TASKS_MAX);
        let known = prompt.to_lowercase();
        for task in settled.tasks() {
            for word in task.text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
                prop_assert!(known.contains(&word.to_lowercase()) || word.bytes().all(|b| b.is_ascii_digit()) || word == "s" || word == "in");
            }
        }
    }
}
