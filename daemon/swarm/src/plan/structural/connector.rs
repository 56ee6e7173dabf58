//! Words that join what was asked: "Also,", "Next question:", "and then". They say that a new part begins (or
//! may begin), whether it follows from the one before, and they are no part of it.

use super::kind::{is_imperative, opens_question, request};
use super::words::{PREPOSITIONS, Word, words};

/// How surely a new part begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Strength {
    /// No connector.
    #[default]
    None,
    /// It may also join two sentences of one question ("Also, he has two pears.").
    Weak,
    /// Nobody writes it inside one question.
    Strong,
}

/// What a piece of text opens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Connector {
    /// How surely it cuts.
    pub(super) strength: Strength,
    /// Bytes of it, with the punctuation and blanks after it.
    pub(super) bytes: usize,
}

/// Never inside one question.
const STRONG: &[&str] = &[
    "next question",
    "another question",
    "first question",
    "second question",
    "third question",
    "fourth question",
    "last question",
    "final question",
    "new question",
    "other question",
    "different question",
    "one more question",
    "one more thing",
    "another thing",
    "then separately",
    "and separately",
    "also separately",
    "separately",
    "unrelated",
    "unrelatedly",
    "on an unrelated note",
    "on another note",
    "on a different note",
    "on a separate note",
    "on a different topic",
    "different topic",
    "new topic",
    "changing topic",
    "moving on",
    "next one",
    "next up",
    "next task",
    "second task",
    "another task",
    "as a separate question",
    "a separate question",
    "separate question",
    "as a second question",
    "as another question",
    "and my second question",
    "my second question",
    "my next question",
    "and another question",
    "and one more thing",
    "and one more question",
    "completely unrelated",
];

/// May stand inside one question; cut only where both sides ask.
const WEAK: &[&str] = &[
    "and also",
    "and then",
    "and finally",
    "and lastly",
    "and next",
    "and after that",
    "and",
    "also",
    "plus",
    "then",
    "next",
    "after that",
    "afterwards",
    "finally",
    "lastly",
    "in addition",
    "in addition to that",
    "additionally",
    "besides",
    "besides that",
    "furthermore",
    "moreover",
    "by the way",
    "btw",
    "oh and",
    "oh and also",
    "oh also",
    "while you're at it",
    "and while you're at it",
    "while you are at it",
    "as well as",
    "followed by",
    "on top of that",
    "apart from that",
    "when done",
    "once done",
    "for starters",
    "to begin with",
    "to start with",
    "to finish",
    "first",
    "firstly",
    "first of all",
    "second",
    "secondly",
    "third",
    "thirdly",
    "fourth",
    "fourthly",
    "fifth",
    "last",
    "now",
    "or",
    "but also",
    "but",
    "once you have that",
    "once you've done that",
    "when you're done",
    "when that's done",
    "with that",
    "from there",
    "to start",
    "to begin",
    "likewise",
    "similarly",
    "meanwhile",
    "alternatively",
    "last but not least",
    "and now",
];

/// Of the weak ones, those that need no punctuation after them.
const BARE: &[&str] = &[
    "and also",
    "and then",
    "and finally",
    "and lastly",
    "and next",
    "and after that",
    "and",
    "also",
    "plus",
    "then",
    "after that",
    "finally",
    "lastly",
    "as well as",
    "oh and",
    "oh and also",
    "oh also",
    "now",
    "and now",
    "afterwards",
    "btw",
    "by the way",
    "but also",
    "while you're at it",
    "and while you're at it",
    "while you are at it",
    "next",
    "followed by",
    "but",
];

/// Labels that number a part, before a number and a sign ("Question 2:", "Q2.").
const LABELS: &[&str] = &["question", "q", "part", "task", "problem", "item", "number", "no"];

/// Other numbers of parts, before a colon ("Question two:", "Part B:").
const ORDINALS: &[&str] =
    &["one", "two", "three", "four", "five", "six", "a", "b", "c", "d", "e", "i", "ii", "iii", "iv"];

/// Connectors in a row that are looked at ("And also, finally,").
const ROW_MAX: usize = 3;
/// Words of the longest connector.
const WORDS_MAX: usize = 6;

/// The connector that `text` opens with. One that is followed by nothing is none, unless it is strong (a
/// heading of its own line).
pub(super) fn connector(text: &str) -> Connector {
    let mut all = Connector::default();
    for _ in 0..ROW_MAX {
        let one = single(&text[all.bytes..]);
        if one.strength == Strength::None {
            break;
        }
        if text[all.bytes + one.bytes..].trim().is_empty() && one.strength == Strength::Weak {
            break;
        }
        all = Connector { strength: all.strength.max(one.strength), bytes: all.bytes + one.bytes };
    }
    all
}

fn single(text: &str) -> Connector {
    let found = words(text, WORDS_MAX);
    let Some(first) = found.first() else {
        return Connector::default();
    };
    if first.start > 0 && text[..first.start].chars().any(|c| !c.is_whitespace()) {
        return Connector::default();
    }
    if let Some(label) = label(text, &found) {
        return label;
    }
    for count in (1..=found.len()).rev() {
        let Some(phrase) = phrase(text, &found[..count]) else {
            continue;
        };
        let end = found[count - 1].end;
        if let Some(strength) = pattern(&found[..count]).filter(|_| text[end..].starts_with([',', ':'])) {
            return Connector { strength, bytes: punctuation(text, end).0 };
        }
        let (bytes, sign) = punctuation(text, end);
        let followed_by_word = text[end..].starts_with(char::is_whitespace);
        let strength = if STRONG.contains(&phrase.as_str()) && (sign.is_some() || count > 1) {
            Strength::Strong
        } else if !WEAK.contains(&phrase.as_str()) {
            continue;
        } else if sign == Some(':') {
            Strength::Strong
        } else if sign.is_some()
            || (followed_by_word && (BARE.contains(&phrase.as_str()) || begins_ask(&text[end..])))
        {
            Strength::Weak
        } else {
            continue;
        };
        return Connector { strength, bytes };
    }
    Connector::default()
}

/// Connectors of a general form, before a comma or a colon: "apart from that,", "once you have it,", "another
/// small one:", "to begin with,".
fn pattern(found: &[Word]) -> Option<Strength> {
    let skip = found
        .iter()
        .take_while(|w| w.is_in(&["and", "oh", "ok", "okay", "so", "but", "then", "now"]))
        .count();
    let rest = found.get(skip..)?;
    let (first, last) = (rest.first()?, rest.last()?);
    let points = |w: &Word| w.is_in(&["that", "this", "it", "these", "those", "which", "everything"]);
    let leads = first.is_in(PREPOSITIONS)
        || first.is_in(&[
            "besides",
            "beside",
            "apart",
            "aside",
            "other",
            "next",
            "along",
            "following",
            "further",
            "beyond",
        ]);
    let aside = rest.len() > 1 && rest.len() <= 4 && leads && points(last);
    let done = |w: &Word| {
        w.is_in(&["done", "finished", "ready", "over", "through", "complete", "settled", "sorted"])
    };
    let after = rest.len() > 1
        && first.is_in(&["once", "when", "while", "after", "since", "as"])
        && rest.iter().any(|w| points(w) || w.is_in(&["you", "you're", "you've", "that's"]))
        && (points(last) || done(last) || last.is_in(&["here", "way"]))
        || rest.len() > 1 && first.is_in(&["once", "when"]) && done(last);
    let edge = matches!(rest, [to, verb, ..] if to.is_in(&["to", "for"])
        && verb.is_in(&["begin", "start", "starters", "finish", "end", "close", "conclude", "wrap", "top"])
        && rest.len() <= 4);
    let fresh = |w: &Word| {
        w.is_in(&[
            "another",
            "next",
            "last",
            "final",
            "other",
            "second",
            "third",
            "more",
            "further",
            "different",
            "separate",
            "new",
            "bonus",
            "extra",
            "additional",
        ])
    };
    let thing = |w: &Word| {
        w.is_in(&[
            "one", "ones", "question", "thing", "task", "request", "item", "point", "query", "problem",
            "more",
        ])
    };
    let fill = |w: &Word| {
        w.is_in(&[
            "a", "an", "my", "the", "one", "as", "for", "just", "quick", "small", "short", "little", "very",
            "here's", "here", "is",
        ])
    };
    let another = rest.len() > 1
        && rest.iter().any(fresh)
        && thing(last)
        && rest[..rest.len() - 1].iter().all(|w| fresh(w) || fill(w));
    if another { Some(Strength::Strong) } else { (aside || after || edge).then_some(Strength::Weak) }
}

/// "First find 8 * 7": the ordinal is a connector only before an order or a question.
fn begins_ask(rest: &str) -> bool {
    let found = words(rest, WORDS_MAX);
    opens_question(&found) || is_imperative(rest, &found) || request::asks_inverted(&found)
}

/// "Question 2:" or "Q2)".
fn label(text: &str, found: &[Word]) -> Option<Connector> {
    let first = found.first()?;
    // "Step 1: find …"; told steps ("Step 1: the solvent …") are a story.
    let step = first.lower == "step"
        && found.get(1).is_some_and(|n| {
            n.is_number() && text[n.end..].starts_with(':') && begins_ask(&text[n.end + 1..])
        });
    let last = if first.is_in(LABELS) || step {
        match found.get(1) {
            Some(word) if word.is_number() && word.lower.len() <= 2 => word,
            // "Question two:", "Part B:"
            Some(word) if word.is_in(ORDINALS) && text[word.end..].starts_with(':') => word,
            // "Question: what is"
            _ if first.is_in(&["question", "task"]) && text[first.end..].starts_with(':') => first,
            // "Q. What is"
            _ if first.lower == "q" && text[first.end..].starts_with([':', '.']) => first,
            _ => return None,
        }
    } else {
        let digits = first.lower.strip_prefix('q')?;
        (digits.len() <= 2 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .then_some(first)?
    };
    phrase(text, &found[..if last.start > first.start { 2 } else { 1 }])?;
    let rest = &text[last.end..];
    // "Q1 what is"
    if first.lower.starts_with('q') && rest.starts_with(' ') {
        let tail = rest.trim_start();
        return Some(Connector { strength: Strength::Strong, bytes: text.len() - tail.len() });
    }
    rest.starts_with([':', '.', ')', '-']).then_some(())?;
    let tail = rest[1..].trim_start();
    Some(Connector { strength: Strength::Strong, bytes: text.len() - tail.len() })
}

/// The words joined by one blank, if only commas and blanks stand between them.
fn phrase(text: &str, found: &[Word]) -> Option<String> {
    let apart = found.windows(2).any(|pair| {
        let between = &text[pair[0].end..pair[1].start];
        !between.chars().all(|c| c.is_whitespace() || c == ',') || between.contains('\n')
    });
    (!apart).then(|| found.iter().map(|w| w.lower.as_str()).collect::<Vec<_>>().join(" "))
}

/// Bytes up to what follows the connector, and the sign that ends it.
fn punctuation(text: &str, end: usize) -> (usize, Option<char>) {
    let rest = &text[end..];
    let signs = |c: char| {
        matches!(c, ',' | ':' | ';' | '-' | '\u{2013}' | '\u{2014}' | '.' | '!') || c.is_whitespace()
    };
    let tail = rest.trim_start_matches(signs);
    let gap = &rest[..rest.len() - tail.len()];
    // "then -3" keeps its sign.
    let minus = gap.ends_with('-') && gap.len() > 1 && tail.starts_with(|c: char| c.is_ascii_digit());
    let bytes = text.len() - tail.len() - usize::from(minus);
    (bytes, gap.chars().find(|c| !c.is_whitespace()).filter(|_| !minus || gap.trim().len() > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_are_told_from_text() {
        for (text, strength, rest) in [
            ("Also, what is it?", Strength::Weak, "what is it?"),
            ("Also: what is it?", Strength::Strong, "what is it?"),
            ("And The name", Strength::Weak, "The name"),
            ("Next question: Why?", Strength::Strong, "Why?"),
            ("Then, separately: Two species", Strength::Strong, "Two species"),
            ("Second, What", Strength::Weak, "What"),
            ("Second thoughts are", Strength::None, "Second thoughts are"),
            ("Q2: Name", Strength::Strong, "Name"),
            ("Question 2. Name", Strength::Strong, "Name"),
            ("Part 2 of the film", Strength::None, "Part 2 of the film"),
            ("and also, finally, tell", Strength::Weak, "tell"),
            ("Android is", Strength::None, "Android is"),
            ("Next question:", Strength::Strong, ""),
            ("then -3", Strength::Weak, "-3"),
            ("and", Strength::None, "and"),
        ] {
            let found = connector(text);
            assert_eq!((found.strength, &text[found.bytes..]), (strength, rest), "{text}");
        }
    }
}
