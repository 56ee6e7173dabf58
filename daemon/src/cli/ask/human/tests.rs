//! What a question looks like on a terminal, event by event.

use super::*;

fn candidate(expert: &str) -> wire::Candidate {
    wire::Candidate {
        expert: expert.into(),
        peer_id: "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp".into(),
        score: 0.9,
        competence: 0.9,
        trust: 1.0,
        availability: 1.0,
        ..wire::Candidate::default()
    }
}

fn planned(id: u32, text: &str, depends_on: &[u32], expert: &str) -> wire::PlannedTask {
    wire::PlannedTask {
        id,
        text: text.into(),
        depends_on: depends_on.to_vec(),
        candidates: vec![candidate(expert)],
        ..wire::PlannedTask::default()
    }
}

fn started(id: u32, text: &str, expert: &str) -> Body {
    Body::Started(wire::TaskStarted {
        id,
        text: text.into(),
        expert: Some(candidate(expert)),
        kept_tokens: None,
    })
}

fn text(id: u32, text: &str) -> Body {
    Body::Text(wire::TaskText { id, text: text.into(), ..Default::default() })
}

fn finished(id: u32, answer: &str) -> Body {
    Body::Finished(wire::TaskFinished {
        id,
        answer: answer.into(),
        status: "done".into(),
        ..Default::default()
    })
}

/// Everything that would be printed for these events.
fn printed(events: &[Body], stream: bool, explain: bool) -> String {
    let mut human = Human::new(Style::plain(), stream, explain);
    let mut transcript = Transcript::default();
    let mut out = String::new();
    for event in events {
        transcript.note(event);
        out.push_str(&match event {
            Body::Planned(plan) if explain => human.plan(plan, &transcript),
            Body::Started(s) if stream => human.started(s, &transcript),
            Body::Text(t) if stream => human.text(t, &transcript),
            Body::Finished(f) => human.finished(f, &transcript),
            _ => String::new(),
        });
    }
    out + &human.closing(&transcript)
}

fn plan(tasks: Vec<wire::PlannedTask>) -> Body {
    Body::Planned(wire::PlanReply { tasks, ..Default::default() })
}

fn answer(text: &str) -> Body {
    Body::Answer(wire::Answer { text: text.into(), ..Default::default() })
}

#[test]
fn a_lone_answer_is_printed_once_with_its_author() {
    let events = [
        plan(vec![planned(1, "Capital of France?", &[], "geography")]),
        started(1, "Capital of France?", "geography"),
        text(1, "Par"),
        text(1, "is"),
        finished(1, "Paris"),
        answer("Paris"),
    ];
    assert_eq!(printed(&events, false, false), "Paris\n— geography (…vnc6iDEp, score 0.90)\n");
    assert_eq!(printed(&events, true, false), "Paris\n\n— geography (…vnc6iDEp, score 0.90)\n");
}

#[test]
fn several_experts_keep_their_lines_apart() {
    let events = [
        plan(vec![
            planned(1, "Capital of France?", &[], "geography"),
            planned(2, "17 + 25?", &[], "arithmetic"),
        ]),
        started(1, "Capital of France?", "geography"),
        started(2, "17 + 25?", "arithmetic"),
        text(1, "Par"),
        text(2, "7+5=12\n4"),
        text(1, "is"),
        text(2, "2"),
        finished(1, "Paris"),
        finished(2, "42"),
        answer("1. Paris (geography)\n2. 42 (arithmetic)"),
    ];
    let out = printed(&events, true, false);
    assert!(out.contains("[2 arithmetic] 7+5=12\n[1 geography] Paris\n[2 arithmetic] 42\n"), "{out}");
    assert!(
        out.contains("Who said what:\n  1  geography (…vnc6iDEp, score 0.90)  Capital of France?\n"),
        "{out}"
    );
}

#[test]
fn explaining_shows_order_candidates_and_factors() {
    let events = [
        plan(vec![planned(1, "a", &[], "geography"), planned(2, "spell {{1}}", &[1], "words")]),
        answer("x"),
    ];
    let out = printed(&events, false, true);
    assert!(out.contains("  1. a\n"), "{out}");
    assert!(out.contains("     └ 2. spell {{1}}\n"), "{out}");
    assert!(out.contains("words          0.90 = competence 0.90 × trust 1.00 × availability 1.00"), "{out}");
}

#[test]
fn what_strangers_write_cannot_steer_the_terminal() {
    let events = [
        plan(vec![planned(1, "a", &[], "geography")]),
        started(1, "a", "geography"),
        text(1, "\u{1b}[2Jgone\u{202e}"),
        finished(1, "x"),
        answer("\u{1b}]0;title\u{7}x"),
    ];
    let out = printed(&events, true, true);
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}') && !out.contains('\u{7}'), "{out:?}");
}
