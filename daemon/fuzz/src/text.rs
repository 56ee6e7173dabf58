//! Text of people, planners and experts.

use polymath_swarm::plan::intent::Intent;
use polymath_swarm::plan::{Plan, TASKS_MAX, follow_up, proposal, structural as cut};
use polymath_swarm::sanitise;
use polymath_swarm::veil::Veil;
use std::collections::{BTreeMap, BTreeSet};

/// What one text is divided at into several.
const DIVIDER: char = '\u{1}';

/// Up to three texts out of one.
fn texts(data: &[u8]) -> Option<[&str; 3]> {
    let mut all = str::from_utf8(data).ok()?.splitn(3, DIVIDER);
    Some([all.next()?, all.next().unwrap_or_default(), all.next().unwrap_or_default()])
}

/// A plan that can be run to its end, each task once, whatever the answers are.
fn runs(plan: &Plan) {
    assert!((1..=TASKS_MAX).contains(&plan.len()));
    assert!(Plan::from_tasks(plan.tasks().cloned().collect()).is_ok());
    let (mut done, mut answers) = (BTreeSet::new(), BTreeMap::new());
    while let Some(&id) = plan.ready(&done).first() {
        let text = plan.text_of(id, &answers);
        assert!(!text.trim().is_empty());
        answers.insert(id, "{{1}} forty-two".to_owned());
        assert!(done.insert(id));
    }
    assert_eq!(done.len(), plan.len());
}

/// Any prompt, alone and as a turn after another, becomes a plan that can be run.
pub fn structural(data: &[u8]) {
    let Some([turn, asked, answered]) = texts(data) else { return };
    let Ok(turn) = sanitise::prompt(turn) else { return };
    runs(&cut(&turn));
    if let Ok(asked) = sanitise::prompt(asked) {
        runs(&follow_up(&asked, answered, &turn));
    }
}

/// Whatever a planner says of a task, its parts are pieces of the task, in order, and the plan can be run.
pub fn proposal(data: &[u8]) {
    let Some([task, answer, _]) = texts(data) else { return };
    if task.len() > proposal::PROPOSED_BYTES_MAX {
        return;
    }
    let Ok(task) = sanitise::prompt(task) else { return };
    for range in proposal::places(&task, answer).unwrap_or_default() {
        assert!(task.get(range).is_some());
    }
    let Some(parts) = proposal::parts(&task, answer) else { return };
    assert!((2..=TASKS_MAX).contains(&parts.len()));
    let mut from = 0;
    for part in &parts {
        from += task[from..].find(part).expect("a piece of the task, after the one before it") + part.len();
    }
    let _ = proposal::is_evident(&parts);
    if let Some(plan) = proposal::apply(&Plan::whole(&task), 1, &parts) {
        runs(&plan);
    }
}

/// Whatever an expert says, what is shown of it commands no terminal, and is not longer than it may be.
pub fn output(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let clean = sanitise::output(&text);
    assert!(clean.len() <= sanitise::OUTPUT_BYTES_MAX.min(text.len()));
    let reorders =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    assert!(!clean.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || reorders(c)));
    if let Ok(prompt) = sanitise::prompt(&text) {
        assert_eq!(sanitise::prompt(&prompt), Ok(prompt));
    }
}

/// What is covered can be lifted, and is covered the same way again.
pub fn veil(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    for intent in [Intent::Writing, Intent::Facts, Intent::Maths] {
        let mut veil = Veil::over(text);
        let shown = veil.cover(text, intent);
        assert_eq!(veil.lift(&shown, &shown), text);
        assert_eq!(veil.cover(text, intent), shown);
    }
}
