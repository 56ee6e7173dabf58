//! Sentences that are no task of their own: greetings, announcements, and what only follows on.

use super::super::words::{AUXILIARIES, DETERMINERS, INTERROGATIVES, PREPOSITIONS, VERBS, Word, is_content};
use super::skip_polite;

pub(super) fn is_preamble(text: &str, found: &[Word]) -> bool {
    const CORE: &[&str] = &[
        "questions",
        "question",
        "tasks",
        "things",
        "these",
        "following",
        "hi",
        "hello",
        "hey",
        "thanks",
        "thank",
        "morning",
        "evening",
        "afternoon",
        "greetings",
        "ones",
        "cheers",
    ];
    const FILL: &[&str] = &[
        "i",
        "have",
        "got",
        "a",
        "few",
        "couple",
        "of",
        "some",
        "two",
        "three",
        "four",
        "five",
        "several",
        "please",
        "answer",
        "the",
        "each",
        "all",
        "here",
        "are",
        "is",
        "my",
        "for",
        "you",
        "me",
        "help",
        "with",
        "can",
        "could",
        "there",
        "in",
        "advance",
        "good",
        "day",
        "dear",
        "both",
        "quick",
        "and",
        "need",
        "to",
        "know",
        "solve",
        "do",
        "would",
        "like",
        "ask",
        "below",
        "list",
        "i'd",
        "i've",
        "today",
        "now",
        "separately",
        "one",
        "by",
        "assistant",
        "so",
        "ok",
        "okay",
        "well",
        "more",
        "other",
        "different",
        "unrelated",
        "short",
        "simple",
        "just",
        "your",
        "very",
        "much",
        "again",
        "everyone",
        "multiple",
        "part",
        "parts",
        "order",
        "that",
        "numbered",
        "want",
        "about",
        "us",
        "i'm",
        "need",
        "answers",
        "problems",
        "items",
        "it's",
        "shortly",
        "briefly",
        "really",
        "small",
        "six",
        "every",
        "what",
        "as",
        "follows",
        "below",
        "got",
        "lots",
        "many",
        "last",
    ];
    found.len() <= PREAMBLE_WORDS_MAX
        && (text.ends_with(':') || found.iter().any(|w| w.is_in(CORE)))
        && found.iter().all(|w| w.is_in(CORE) || w.is_in(FILL) || (w.is_number() && w.lower.len() == 1))
}

pub(super) fn is_follow_on(text: &str, found: &[Word], question: bool) -> bool {
    let head = skip_polite(found);
    let Some(first) = head.first() else {
        return true;
    };
    if first.is_in(&["explain", "justify", "elaborate", "discuss"]) {
        return head.len() <= 2 || head[1].is_in(&["your", "why", "how"]) && head.len() <= 4;
    }
    if first.is_in(&["make", "keep"]) && head.get(1).is_some_and(|w| w.is_in(&["it", "sure", "them", "your"]))
    {
        return true;
    }
    // "…, and check that it scans."
    if first.is_in(&["check", "ensure", "verify"])
        && head.get(1).is_some_and(|w| w.is_in(&["that", "it", "your"]))
    {
        return true;
    }
    // "If so, which one?"
    if let [first, second, ..] = found
        && first.lower == "if"
        && second.is_in(&["so", "not", "yes", "no"])
    {
        return true;
    }
    // "What do you get?", "What is left?"
    let outcome =
        |w: &Word| !is_content(w) || w.is_in(&["get", "left", "remain", "remains", "result", "have", "now"]);
    if first.is_in(INTERROGATIVES)
        && head.len() <= 5
        && head.iter().all(outcome)
        && head.iter().any(|w| w.is_in(&["get", "left", "remain", "remains", "result"]))
        && !head.iter().any(Word::is_number)
        && !text.contains(['"', '+', '*', '='])
    {
        return true;
    }
    // "Just give the number.": how to answer, not what.
    let bare_answer = found[0].is_in(&["just", "only", "simply"]) || head.iter().any(|w| w.lower == "only");
    if bare_answer && first.is_in(&["give", "tell", "show", "answer", "write"]) && head.len() <= 5 {
        return !head.iter().any(|w| w.is_number() || w.lower == "of");
    }
    if !question && is_manner(head) {
        return true;
    }
    // "Give an example.", "Tell me the answer."
    let last = head.last().unwrap_or(first);
    if first.is_in(&["give", "tell", "show"])
        && head.len() <= 4
        && last.is_in(&["example", "examples", "answer", "result", "outcome"])
    {
        return true;
    }
    let format = first.is_in(&[
        "give", "express", "write", "show", "state", "report", "provide", "present", "leave", "round",
    ]);
    if format && head.len() > 2 && head[1].is_in(&["your", "reasons", "the", "all", "a"]) {
        let own = head[1].is_in(&["your"]);
        let noun = head[1..]
            .iter()
            .take(3)
            .any(|w| w.is_in(&["reasons", "reason", "work", "working", "steps", "reasoning"]));
        let short = found.len() <= 12;
        return (own || noun) && short;
    }
    // A question with nothing in it but grammar: "Which would you do?", "Why not?", "What is it?".
    let bare = !text.contains(['"', '\u{201c}', '`', '$', '+', '*', '=']);
    let empty =
        |w: &Word| !is_content(w) && w.lower.len() > 1 && !w.is_number() || w.lower == "i" || w.lower == "a";
    question
        && bare
        && head.len() <= 4
        && head.iter().all(empty)
        && !head.iter().any(|w| w.is_in(VERBS))
        && !head.iter().skip(1).any(|w| w.capital && w.lower != "i")
        && !is_definition(head)
}

/// "Round to one decimal.", "Use British spelling.", "Answer in one word.", "Be brief.": how to answer, not what.
fn is_manner(head: &[Word]) -> bool {
    const MANNER_WORDS_MAX: usize = 8;
    let [first, second, ..] = head else { return false };
    let last = &head[head.len() - 1];
    // "Round 3.14159 to two decimals" has its own number, "round it to tens" needs a result; "round to 2 decimals" says neither.
    let bare = head.iter().all(|w| !w.is_number() || w.lower.len() == 1);
    let manner = match first.lower.as_str() {
        "round" => bare && second.is_in(&["to", "up", "down", "off"]),
        "use" => {
            bare && last.is_in(&[
                "spelling",
                "units",
                "notation",
                "format",
                "english",
                "words",
                "digits",
                "numerals",
                "symbols",
                "style",
                "tone",
                "letters",
                "capitals",
                "bullets",
                "abbreviations",
                "sentences",
            ])
        }
        "answer" | "reply" | "respond" => {
            let with = second.lower == "with"
                && head.get(2).is_some_and(|w| w.is_in(&["a", "one", "just", "only", "yes"]));
            bare && (with || second.is_in(&["in", "briefly", "shortly", "only"]))
        }
        "be" => {
            second.is_in(&["brief", "concise", "short", "precise", "exact", "specific", "clear", "quick"])
        }
        _ => false,
    };
    manner && head.len() <= MANNER_WORDS_MAX
}

/// "What is pi?": short words that are nouns all the same.
fn is_definition(head: &[Word]) -> bool {
    head.len() > 2
        && head[0].is_in(&["what", "who"])
        && head[1].is_in(AUXILIARIES)
        && head.last().is_some_and(|w| {
            ![DETERMINERS, AUXILIARIES, PREPOSITIONS].iter().any(|list| w.is_in(list))
                && !w.is_in(&[
                    "he", "she", "they", "you", "i", "we", "him", "there", "be", "correct", "true", "best",
                ])
        })
}

/// Words of a preamble at most.
const PREAMBLE_WORDS_MAX: usize = 14;
