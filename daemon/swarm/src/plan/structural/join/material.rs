//! Tells what a task works on from what else is asked: passages, sentences to translate, lists to sort.

use super::super::kind::is_question_mark_last;
use super::super::segment::Piece;
use super::super::words::{Word, words};
use super::{Group, TOPIC_WORDS_MAX};

/// Whether what asks in the group wants the text after it ("Translate the following:", "… this sentence.").
pub(super) fn takes_material(text: &str, pieces: &[Piece], group: &Group) -> bool {
    if group.text(text, pieces).trim_end().ends_with(':') {
        return true;
    }
    group
        .members
        .iter()
        .map(|at| &pieces[*at])
        .any(|p| announces_passage(p.body(text)) || p.kind.asks() && wants_material(p.body(text)))
}

/// "This question refers to the following information.": what comes is a passage, questions in it included.
fn announces_passage(sentence: &str) -> bool {
    const PASSAGES: &[&str] = &[
        "information",
        "passage",
        "quotation",
        "quote",
        "excerpt",
        "text",
        "paragraph",
        "story",
        "article",
        "dialogue",
        "conversation",
        "email",
        "letter",
        "poem",
        "speech",
    ];
    let found = words(sentence, ANNOUNCEMENT_WORDS_MAX + 1);
    let points = |w: &Word| w.is_in(&["following", "below", "this"]);
    found.len() <= ANNOUNCEMENT_WORDS_MAX
        && found.iter().any(points)
        && found.iter().any(|w| w.is_in(PASSAGES))
        && !is_question_mark_last(sentence)
}

fn wants_material(asked: &str) -> bool {
    let found = words(asked, TOPIC_WORDS_MAX);
    let points = found.iter().enumerate().any(|(at, w)| {
        // "the largest prime below 100" points at nothing
        (w.lower == "below" && !found.get(at + 1).is_some_and(Word::is_number))
            || (w.lower == "following" && !(at > 1 && found[at - 2].lower == "of"))
    });
    let names = |w: &Word| w.is_in(&["sentence", "text", "passage", "code", "paragraph"]);
    points && (!is_question_mark_last(asked) || found.iter().any(names))
}

/// Words of a sentence that announces a passage at most.
const ANNOUNCEMENT_WORDS_MAX: usize = 14;
