//! Parts that leave out what they share: "What is the capital of France and the symbol for gold?" asks two
//! things with one head, and "…, spelled backwards" asks for a second step with none. What was left out is
//! written in again, so that each task can stand alone.

use super::kind::fragment::is_fragment;
use super::kind::is_imperative;
use super::words::{PREPOSITIONS, Word, words};

/// Words of one noun phrase at most: beyond it the sentence is more than a list.
const PHRASE_WORDS_MAX: usize = 9;
/// Phrases under one head at most.
const PHRASES_MAX: usize = 8;

/// Heads under which noun phrases are listed, longest first.
const HEADS: &[&str] = &[
    "could you please tell me ",
    "can you please tell me ",
    "would you mind telling me ",
    "could you tell me ",
    "can you tell me ",
    "please tell me ",
    "i would like to know ",
    "i'd like to know ",
    "i need to know ",
    "i want to know ",
    "please give me ",
    "tell me ",
    "give me ",
    "what is ",
    "what are ",
    "what's ",
    "whats ",
    "name ",
    "find ",
    "i need ",
];

/// Nouns that relate two things: what follows them is one phrase, "and" included.
const RELATIONS: &[&str] = &[
    "difference",
    "differences",
    "sum",
    "product",
    "ratio",
    "relationship",
    "relation",
    "distance",
    "connection",
    "comparison",
    "similarity",
    "similarities",
    "intersection",
    "union",
    "link",
    "correlation",
    "gap",
    "combination",
    "total",
    "average",
    "mean",
    "between",
    "common",
    "both",
    "overlap",
    "quotient",
    "multiple",
    "factor",
    "role",
    "effect",
    "effects",
    "impact",
    "purpose",
    "significance",
    "cause",
    "causes",
    "result",
    "case",
    "context",
    "view",
];

/// A sentence taken apart: its head, and the byte ranges of the phrases under it.
pub(super) struct Shared<'a> {
    /// "What is ", as written; for "I need to know", the question that it stands for.
    pub(super) head: &'a str,
    /// Each phrase, without joints and closing signs.
    pub(super) phrases: Vec<std::ops::Range<usize>>,
}

/// The phrases listed under one head in `text`, if there are several and each can stand alone.
pub(super) fn shared<'a>(text: &'a str, mask: &[bool]) -> Option<Shared<'a>> {
    let found = head(text);
    let head = found.unwrap_or("");
    let end = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '?' | '.' | '!')).len();
    let mut phrases = Vec::new();
    let mut from = head.len();
    let mut at = from;
    while at < end {
        match joint(&text[at..end]).filter(|_| !mask[at]) {
            Some(bytes) => {
                phrases.push(from..at);
                from = at + bytes;
                at = from;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    phrases.push(from.min(end)..end);
    let several = (2..=PHRASES_MAX).contains(&phrases.len());
    let head = if head.starts_with(['i', 'I']) { "what is " } else { head };
    // Without a head, each must be a request of its own: "capital of Norway, symbol for tin, 8 * 9".
    let asks = |phrase: &str| match found {
        Some(_) => is_nominal(phrase),
        None => is_fragment(phrase, &words(phrase, PHRASE_WORDS_MAX + 1)),
    };
    (several && phrases.iter().all(|range| asks(&text[range.clone()]))).then_some(Shared { head, phrases })
}

/// The head that `text` begins with, as written there.
pub(super) fn head(text: &str) -> Option<&str> {
    HEADS.iter().find_map(|head| text.get(..head.len()).filter(|found| found.eq_ignore_ascii_case(head)))
}

fn joint(text: &str) -> Option<usize> {
    const JOINTS: &[&str] = &[
        ", and also ",
        ", as well as ",
        ", and ",
        " and also ",
        " as well as ",
        " and ",
        ", plus ",
        ", then ",
        " then ",
        ", also ",
        ", ",
    ];
    JOINTS.iter().find(|joint| text.starts_with(*joint)).map(|joint| joint.len())
}

/// Whether `phrase` names one thing to be told: "the capital of France", "symbol for gold", "7 times 8".
pub(super) fn is_nominal(phrase: &str) -> bool {
    let found = words(phrase, PHRASE_WORDS_MAX + 1);
    if found.is_empty() || found.len() > PHRASE_WORDS_MAX || found.iter().any(|w| w.is_in(RELATIONS)) {
        return false;
    }
    // "use the result as the radius of a circle" orders
    if is_imperative(phrase, &found) {
        return false;
    }
    is_arithmetic(phrase, &found) || is_of_phrase(&found)
}

/// "the chemical symbol for gold": a noun of at most four words, one of/for/in, and what it is of.
fn is_of_phrase(found: &[Word]) -> bool {
    if found[0].is_in(PREPOSITIONS) || found[0].lower.ends_with("ing") {
        return false;
    }
    let skip = usize::from(found[0].lower == "the");
    let Some(of) = found.iter().position(|w| w.is_in(&["of", "for"])) else {
        return false;
    };
    (skip + 1..=skip + 4).contains(&of)
        && of + 1 < found.len()
        && !found[skip..of]
            .iter()
            .any(|w| w.is_in(&["a", "an", "that", "which", "is", "are", "to", "my", "your"]) || w.is_number())
}

fn is_arithmetic(phrase: &str, found: &[Word]) -> bool {
    let numbers = found.iter().filter(|w| w.is_number()).count();
    let operator = phrase.contains(['+', '*', '/', '\u{d7}', '\u{f7}', '^'])
        || phrase.contains(" - ")
        || found.iter().any(|w| {
            w.is_in(&[
                "times",
                "plus",
                "minus",
                "divided",
                "multiplied",
                "squared",
                "cubed",
                "x",
                "percent",
                "mod",
            ])
        });
    let starts = found[0].is_number() || phrase.starts_with(['(', '-']);
    starts && operator && numbers > 0
}

/// "…, spelled backwards?": where the tail begins, and the step it stands for.
pub(super) fn tail(text: &str) -> Option<(usize, &'static str)> {
    const TAILS: &[(&str, &str)] = &[
        (", spelled backwards", "Spell it backwards."),
        (", spelt backwards", "Spell it backwards."),
        (", and spelled backwards", "Spell it backwards."),
        (" and spelled backwards", "Spell it backwards."),
        (", but spelled backwards", "Spell it backwards."),
        (", spelled in reverse", "Spell it backwards."),
        (", written backwards", "Spell it backwards."),
        (", backwards", "Spell it backwards."),
        (", reversed", "Reverse it."),
        (", in roman numerals", "Write it in Roman numerals."),
        (", written in roman numerals", "Write it in Roman numerals."),
        (", expressed in roman numerals", "Write it in Roman numerals."),
        (", in binary", "Convert it to binary."),
        (", written in binary", "Convert it to binary."),
        (", converted to binary", "Convert it to binary."),
        (", in hexadecimal", "Convert it to hexadecimal."),
        (", doubled", "Double it."),
        (", squared", "Square it."),
    ];
    let end = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '?' | '.' | '!')).len();
    let lower = text[..end].to_ascii_lowercase();
    TAILS
        .iter()
        .filter(|(tail, _)| lower.ends_with(tail))
        .max_by_key(|(tail, _)| tail.len())
        .map(|(tail, step)| (end - tail.len(), *step))
}

#[cfg(test)]
mod tests {
    use super::super::mask::protected;
    use super::*;

    #[test]
    fn phrases_are_told_apart_only_where_each_stands_alone() {
        for (text, expected) in [
            (
                "What is the capital of Peru and the symbol for gold?",
                vec!["the capital of Peru", "the symbol for gold"],
            ),
            (
                "tell me the capital of kenya, 7 times 8, and the symbol for sodium",
                vec!["the capital of kenya", "7 times 8", "the symbol for sodium"],
            ),
            ("What is the capital of France and Italy?", vec![]),
            ("What is the sum of 4 and 5?", vec![]),
            ("What is the ratio of the mass of A and the mass of B?", vec![]),
            ("What is the formula of water and table salt?", vec![]),
            ("Name the capital of Peru.", vec![]),
        ] {
            let found = shared(text, &protected(text)).map(|s| s.phrases).unwrap_or_default();
            let found: Vec<&str> = found.into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
