//! What a piece of text does: asks, completes, follows on, introduces, or states.

mod aside;
pub(super) mod fragment;
pub(super) mod request;

use super::mask;
use super::words::{
    AMBIGUOUS_VERBS, AUXILIARIES, CONTRACTED, DETERMINERS, INTERROGATIVES, POLITE, PREPOSITIONS, VERBS, Word,
    words,
};
use aside::{is_follow_on, is_preamble};

/// What a piece does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A question or order that can stand alone.
    Ask,
    /// Ends in a question mark, or in a gap to be filled, but leans on what is before it.
    WeakAsk,
    /// "Why?", "Explain your answer.": belongs to the question before it.
    FollowOn,
    /// "I have two questions:": belongs to none.
    Preamble,
    /// Anything else.
    Statement,
}

impl Kind {
    /// Whether an answer is expected.
    pub(super) fn asks(self) -> bool {
        matches!(self, Self::Ask | Self::WeakAsk)
    }
}

/// Words looked at: the verb of a question stands among the first.
const WORDS_MAX: usize = 48;
/// Words between an interrogative and its verb ("how many of the old churches are").
const INVERSION_REACH: usize = 7;
/// Words before an interrogative that does not open its sentence ("in American football how many").
const LATE_INTERROGATIVE: usize = 10;
/// Says what `text` (without connector) does.
pub(super) fn kind(text: &str) -> Kind {
    let found = words(text, WORDS_MAX);
    // What a comment in code asks, nobody asks here.
    if found.is_empty() || mask::is_block(text) {
        return Kind::Statement;
    }
    if is_preamble(text.trim_end(), &found) {
        return Kind::Preamble;
    }
    let question = is_question_mark_last(text);
    if is_follow_on(text, &found, question) {
        return Kind::FollowOn;
    }
    let head = skip_polite(&found);
    // "I want to know who it was": an embedded question asks without inversion.
    let embedded = head.len() + 1 < found.len() && head.len() > 1 && head[0].is_in(INTERROGATIVES);
    if embedded || is_imperative(text, head) || is_question(head, question) {
        return Kind::Ask;
    }
    if orders_late(text, &found) || requests(text, &found, question) {
        return Kind::Ask;
    }
    if question || ends_in_gap(text) { Kind::WeakAsk } else { Kind::Statement }
}

/// Whether it asks in another form than that of a question or an order.
fn requests(text: &str, found: &[Word], question: bool) -> bool {
    orders(found)
        || request::asks_at_end(text, found, question)
        || request::asks_in_tail(text, found)
        || request::asks_for_subject(found)
        || request::asks_inverted(skip_polite(found))
        || request::reports_task(found)
        || fragment::is_fragment(text, found)
}

/// Whether these words ask by an order or a wish, which end in a full stop.
pub(super) fn orders(found: &[Word]) -> bool {
    request::is_polite_order(found) || request::is_wish(found) || says_which(found)
}

/// "Say which month follows June."
pub(super) fn says_which(found: &[Word]) -> bool {
    matches!(skip_polite(found), [say, word, _, ..] if say.lower == "say" && word.is_in(INTERROGATIVES))
}

/// Whether the last sign is a question mark, quotes and brackets aside.
pub(super) fn is_question_mark_last(text: &str) -> bool {
    let closing =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | ']' | '\u{201d}' | '\u{2019}' | '!');
    text.trim_end_matches(closing).ends_with(['?', '\u{ff1f}', '\u{61f}'])
}

/// "The name of the black hole is ...", "The market demand curve shifts as the result of".
fn ends_in_gap(text: &str) -> bool {
    let text = text.trim_end();
    let last = text.rsplit(char::is_whitespace).next().unwrap_or("").to_lowercase();
    let open = ["the", "a", "an", "that", "because", "called", "than", "and"];
    text.contains("__")
        || ["...", "\u{2026}"].iter().any(|gap| text.ends_with(gap))
        || [PREPOSITIONS, AUXILIARIES, &open].iter().any(|list| list.contains(&last.as_str()))
}

/// What is left after "please", "can you", "I would like to know".
pub(super) fn skip_polite(found: &[Word]) -> &[Word] {
    const OPENINGS: &[&[&str]] = &[
        &["can", "you"],
        &["could", "you"],
        &["would", "you"],
        &["will", "you"],
        &["i", "want", "to", "know"],
        &["i", "need", "to", "know"],
        &["i", "would", "like", "to", "know"],
        &["i'd", "like", "to", "know"],
        &["i", "want", "you", "to"],
        &["i", "need", "you", "to"],
        &["i", "wonder"],
        &["do", "you", "know"],
        &["i'd", "like", "you", "to"],
        &["i", "also", "want", "to", "know"],
        &["i", "also", "need", "to", "know"],
        &["i'd", "also", "like", "to", "know"],
        &["let", "me", "know"],
        &["i'd", "love", "to", "know"],
        &["i", "forgot"],
        &["i", "forget"],
        &["i've", "forgotten"],
        &["i", "can't", "remember"],
        &["i", "can't", "recall"],
        &["i", "don't", "remember"],
        &["i", "don't", "know"],
        &["i'm", "trying", "to", "remember"],
        &["would", "you", "mind", "telling", "me"],
        &["i'm", "curious"],
        &["i'm", "also", "curious"],
        &["i'm", "wondering"],
        &["i'm", "also", "wondering"],
        &["i", "was", "wondering"],
        &["i", "also", "wonder"],
        &["do", "you", "happen", "to", "know"],
    ];
    let mut rest = found;
    loop {
        if rest.len() > 1 && rest[0].is_in(POLITE) {
            rest = &rest[1..];
            continue;
        }
        let opening =
            OPENINGS.iter().find(|o| rest.len() > o.len() && o.iter().zip(rest).all(|(o, w)| *o == w.lower));
        match opening {
            Some(o) => rest = &rest[o.len()..],
            None => return rest,
        }
    }
}

/// Whether these words open with an order that has its object.
pub(super) fn is_imperative(text: &str, head: &[Word]) -> bool {
    let [verb, next, ..] = head else {
        return false;
    };
    let gap = &text[verb.end..next.start];
    let quoted = gap.contains(['"', '\'', '\u{201c}', '`', '$', ':']);
    if gap.contains([',', '.', '=']) || next.is_in(&["sure"]) {
        return false;
    }
    // "Say 'good evening' in that language."; "say that a train …" supposes.
    if verb.lower == "say" {
        return quoted || next.is_in(&["it", "that", "this"]) && head.len() > 2;
    }
    let bound = next.is_in(DETERMINERS) || next.is_number() || quoted;
    if verb.is_in(VERBS) {
        let particle = verb.is_in(&["work", "figure", "find", "write", "help"])
            && next.is_in(&["out", "down", "with"])
            || verb.is_in(&["add", "look", "sum", "make"]) && next.lower == "up";
        return particle
            || !(next.is_in(PREPOSITIONS) || next.is_in(AUXILIARIES) || next.is_in(&["and", "or"]));
    }
    // "Use compatible numbers to estimate the quotient."
    let means = verb.lower == "use"
        && head
            .windows(2)
            .take(8)
            .any(|pair| pair[0].lower == "to" && (pair[1].is_in(VERBS) || pair[1].is_in(AMBIGUOUS_VERBS)));
    // "Take the train to Rome" is a step of a story, "take the root of 81" is asked.
    let told = |w: &Word| {
        w.is_number()
            || w.is_in(&["it", "that", "this", "them", "result", "answer", "root", "number", "word", "name"])
    };
    let travels = verb.lower == "take" && !head.iter().any(told);
    // "Think of a number", "come up with a name", "look up the boiling point"
    let finds = verb.lower == "think" && next.lower == "of"
        || verb.is_in(&["come", "look"]) && next.lower == "up" && head.len() > 2;
    finds || verb.is_in(AMBIGUOUS_VERBS) && !verb.is_in(&["think", "come"]) && !travels && (bound || means)
}

/// Whether these words are a question of their own.
fn is_question(head: &[Word], question: bool) -> bool {
    let Some(first) = head.first() else {
        return false;
    };
    if opens_question(head) {
        return true;
    }
    if question {
        if first.is_in(INTERROGATIVES) || first.is_in(AUXILIARIES) {
            return true;
        }
        // "In American football how many points is …", "Of the following ions, which has …", "If …, is …".
        let late = |at: usize| head[at].is_in(INTERROGATIVES) && at + 1 < head.len();
        let opener = first.is_in(PREPOSITIONS)
            || first.is_in(&["if", "when", "given", "approximately", "about", "roughly"]);
        let reach = if first.is_in(&["if", "when", "given"]) {
            head.len()
        } else {
            LATE_INTERROGATIVE.min(head.len())
        };
        return opener && (1..reach).any(late);
    }
    first.is_in(&["who", "whose"]) && head.len() <= 12
        || first.is_in(&["how"]) && head.get(1).is_some_and(|w| w.is_in(&["many", "much"]))
}

/// Whether these words open with an interrogative followed by its inverted verb ("what is", "in which year
/// did"): a question whatever ends it.
pub(super) fn opens_question(head: &[Word]) -> bool {
    let skip = usize::from(
        head.first().is_some_and(|w| w.is_in(PREPOSITIONS) || w.is_in(&["approximately", "roughly"])),
    );
    let Some(first) = head.get(skip) else {
        return false;
    };
    if !first.is_in(INTERROGATIVES) {
        return false;
    }
    let after = &head[skip + 1..];
    if first.is_in(CONTRACTED) {
        return !after.is_empty();
    }
    let reach = match first.lower.as_str() {
        "what" | "which" | "whose" | "how" => INVERSION_REACH,
        _ => 1,
    };
    after.iter().take(reach).position(|w| w.is_in(AUXILIARIES)).is_some_and(|at| at + 1 < after.len())
}

/// "Ignoring friction, calculate the speed.": an order after its circumstances.
fn orders_late(text: &str, found: &[Word]) -> bool {
    let Some(first) = found.first() else {
        return false;
    };
    let circumstance = first.is_in(PREPOSITIONS)
        || first.is_in(&["if", "given", "when", "based"])
        || first.lower.ends_with("ing");
    let orders =
        |at: usize| text[..found[at].start].trim_end().ends_with(',') && is_imperative(text, &found[at..]);
    circumstance && (1..found.len()).any(orders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (text, expected) in [
            ("What is the capital of France?", Kind::Ask),
            ("what is the capital of france", Kind::Ask),
            ("who wrote hamlet", Kind::Ask),
            ("In American football how many points is a touchdown worth?", Kind::Ask),
            ("Of the following ions, which has the smallest radius?", Kind::Ask),
            ("Convert 45 to Roman numerals.", Kind::Ask),
            ("could you please translate dog into French?", Kind::Ask),
            ("Tell me what 3 + 4 is.", Kind::Ask),
            ("Count the letters in banana", Kind::Ask),
            ("what is pi?", Kind::Ask),
            ("The product is between what numbers?", Kind::WeakAsk),
            ("The name of the black hole is ...", Kind::WeakAsk),
            ("Which would you do?", Kind::FollowOn),
            ("Why?", Kind::FollowOn),
            ("Explain your answer.", Kind::FollowOn),
            ("I have two questions:", Kind::Preamble),
            ("Please answer the following questions.", Kind::Preamble),
            ("Hi there!", Kind::Preamble),
            ("Estimate cost is a noun here.", Kind::Statement),
            ("State laws differ.", Kind::Statement),
            ("Let x = 8.", Kind::Statement),
            ("Arrests may be made without a warrant.", Kind::Statement),
            ("", Kind::Statement),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
