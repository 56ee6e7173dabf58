//! Plans as they are run, by real experts: what waits for what, what a failure takes with it, and the page that
//! explains planning.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use polymath::coordinator::{Event, Question, TaskStatus};
use polymath::node::Node;
use polymath_swarm::plan::intent::Intent;
use polymath_swarm::score::Filter;
use sandbox::{Running, config, start};
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_dependant_runs_as_soon_as_its_input_is_there() {
    let state = tempfile::tempdir().unwrap();
    let mut settings = config(&["arithmetic", "chemistry", "words"], &[], state.path());
    // Some thirty tokens at five a second: the first task outlasts the other two by far.
    settings.experts[0].tokens_per_second = 5;
    let node = Node::start(settings).await.unwrap();
    let question = "What is 417 plus 2,568? What is the chemical symbol for gold? Spell it backwards.";
    let mut events = node.coordinator().ask(Question::new(question));
    let (mut course, mut text) = (Vec::new(), String::new());
    while let Some(event) = events.recv().await {
        match event.unwrap() {
            Event::Started { id, .. } => course.push(("started", id)),
            Event::Finished(result) => {
                assert_eq!(result.status, TaskStatus::Done, "{result:?}");
                course.push(("finished", result.id));
            }
            Event::Answer(answer) => text = answer.text,
            _ => {}
        }
    }
    let place = |what| course.iter().position(|event| *event == what).unwrap();
    assert!(place(("finished", 2)) < place(("started", 3)), "it waits for its input: {course:?}");
    assert!(place(("finished", 3)) < place(("finished", 1)), "and for nothing else: {course:?}");
    assert!(text.contains("2985") || text.contains("2,985"), "{text}");
    assert!(text.to_lowercase().contains("ua"), "{text}");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_why_nobody_could_answer_and_the_answer_the_same() {
    let node = start(&["chemistry"], &[]).await;
    let plan = async |question: &Question| node.node.coordinator().plan(question).await.unwrap().no_expert;
    let gold = Question::new("What is the chemical symbol for gold?");
    assert_eq!(plan(&gold).await, None);
    let nobodys = Question::new("Write a SQL query that joins two tables");
    let local = Filter { languages: vec!["fr".to_owned()], ..Filter::default() };
    let none_speaks = Question { filter: local, ..gold };
    for (question, expected) in [(nobodys, "the nearest are chemistry"), (none_speaks, "(languages)")] {
        let planned = plan(&question).await.unwrap();
        assert!(planned.contains(expected), "{planned}");
        let asked = node.ask_with(question).await.err().unwrap().to_string();
        assert!(asked.contains(expected), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_holds_without_other_conditions_and_a_refusal_reserves_nothing() {
    let state = tempfile::tempdir().unwrap();
    let mut settings = config(&["chemistry"], &[], state.path());
    settings.experts[0].price_micro = 5;
    let priced = Running { node: Node::start(settings).await.unwrap(), state };
    let asker = start(&[], &priced.addresses()).await;
    asker.knows(&["chemistry"]).await;
    let gold = || Question::new("What is the chemical symbol for gold?");
    let unmet = asker.ask_with(gold()).await.err().unwrap().to_string();
    assert!(unmet.contains("(price_micro)"), "{unmet}");
    // Its own costs nothing.
    assert!(priced.ask_with(gold()).await.unwrap().answer.text.contains("Au"));
    let willing = Filter { price_micro: Some(5), ..Filter::default() };
    for _ in 0..3 {
        let question = Question { filter: willing.clone(), ..gold() };
        let refused = asker.ask_with(question).await.err().unwrap().to_string();
        assert!(refused.contains("no_credit") && refused.contains("you owe 0 "), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_input_fails_its_dependants_and_nothing_else() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    let question = "Write a poem about the sea. Translate the poem into French. Then translate that into Dutch. \
        What is the chemical symbol for gold?";
    let asked = node.ask(question).await.unwrap();
    let status: Vec<TaskStatus> = asked.results.iter().map(|r| r.status).collect();
    let found = |id: u32| asked.results.iter().find(|r| r.id == id).unwrap();
    assert_eq!(asked.planned.tasks.len(), 4, "{status:?}");
    assert_eq!(found(1).status, TaskStatus::NoExpert);
    assert_eq!((found(2).status, found(3).status), (TaskStatus::Skipped, TaskStatus::Skipped));
    assert_eq!(found(2).detail, "it needs the result of task 1, which has none");
    assert_eq!(found(3).detail, "it needs the result of task 2, which has none");
    assert_eq!(found(4).status, TaskStatus::Done);
    let text = &asked.answer.text;
    assert!(text.contains("Au") && text.contains("it needs the result of task 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_say_what_kind_of_work_each_task_is() {
    let node = start(&["chemistry", "arithmetic"], &[]).await;
    let question = Question::new("What is the chemical symbol for gold? What is 17 plus 25?");
    let planned = node.node.coordinator().plan(&question).await.unwrap();
    let kinds: Vec<Intent> = planned.tasks.iter().map(|t| t.reading.unwrap().intent).collect();
    assert_eq!(kinds, [Intent::Science, Intent::Maths]);
    assert!(planned.tasks.iter().all(|t| t.reading.unwrap().complexity < 0.5));
    let named = Question { target: polymath::coordinator::Target::Expert("chemistry".into()), ..question };
    let planned = node.node.coordinator().plan(&named).await.unwrap();
    assert!(planned.tasks.iter().all(|t| t.reading.is_none()), "nothing is embedded for a named expert");
}

/// The tasks of a plan as `daemon plan` prints it: each line with its number, and the first expert below it. Figures
/// are left out: another processor's differ in the second place, and the router's are not this page's matter.
fn outline(text: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|line| line.trim() != "Plan").skip(1).peekable();
    let mut outline = Vec::new();
    while let Some(line) = lines.next() {
        // A task that waits stands below the other, behind a corner.
        let task = line.trim().trim_start_matches("└ ");
        if !task.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let (before, after) = task.split_once(", complexity ").unwrap();
        let after = after.split_once(']').unwrap().1;
        let expert = lines.peek().and_then(|l| l.split_whitespace().next()).unwrap_or_default();
        outline.push(format!("{before}]{after} {expert}"));
    }
    outline
}

#[test]
fn the_pages_show_what_the_command_prints() {
    for page in ["planning.md", "routing.md"] {
        check_page(page);
    }
}

fn check_page(name: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let page = std::fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> =
        page.split("```console\n$ daemon plan \"").skip(1).filter_map(|b| b.split("\n```").next()).collect();
    assert!(!blocks.is_empty(), "the page has no example");
    for block in blocks {
        let (prompt, shown) = block.split_once("\"\n").unwrap();
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_daemon"));
        command.args(["--assets", "../models", "plan", prompt]).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("HOME", home.path()).env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(outline(shown), outline(&printed), "docs/{name} is out of date; it prints:\n{printed}");
    }
}
