//! Which pronouns refer back at all: not those with a noun in their own sentence, nor those that mean nothing.

use super::super::words::{AUXILIARIES, PREPOSITIONS, Word};
use super::{TRANSFORMS, transforms};

/// Whether nothing before the pronoun could be its noun.
pub(super) fn early(found: &[Word], at: usize) -> bool {
    at <= PRONOUN_REACH
        && !found[..at].iter().enumerate().any(|(place, w)| {
            let light = found.get(place + 1).is_some_and(|noun| noun.is_in(ASPECTS));
            let number = w.is_number() && !transforms(found);
            let determiner = w.is_in(&["a", "an", "the", "some", "any", "each", "every", "if"]) && !light;
            // "a sentence with it", "a list of her novels": what the preposition follows is not what it means.
            let inside = at > place + 1
                && found[at - 1].is_in(PREPOSITIONS)
                && at - place <= PHRASE_REACH
                && !found[place + 1..at].iter().any(|w| w.is_in(AUXILIARIES));
            determiner && !inside || number || (place > 0 && w.capital)
        })
}

/// "What do they speak in Brazil?": whoever is there.
pub(super) fn is_generic(found: &[Word], at: usize) -> bool {
    found[at..].windows(2).any(|pair| pair[0].is_in(&["in", "at"]) && pair[1].capital)
}

/// "What time is it in Tokyo?", "how long does it take": stands for nothing.
pub(super) fn is_expletive(found: &[Word], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|place| &found[place]);
    let clock =
        before(2).is_some_and(|w| w.is_in(&["time", "day", "month", "year", "season", "date", "weather"]));
    let empty_verb = found.get(at + 1).is_some_and(|w| {
        w.is_in(&[
            "take",
            "takes",
            "rain",
            "rains",
            "snow",
            "snows",
            "true",
            "possible",
            "safe",
            "legal",
            "better",
            "ok",
            "okay",
            "necessary",
            "cost",
        ])
    });
    // "It is Monday", "it was May"
    let calendar = found.get(at + 1).is_some_and(|w| w.is_in(&["is", "was"]))
        && found.get(at + 2).is_some_and(|w| w.capital);
    // "Which metal is it if …"
    let defined = found.get(at + 1).is_some_and(|w| w.lower == "if");
    let takes_place = found.get(at + 1).is_some_and(|w| w.lower == "take")
        && found.get(at + 2).is_some_and(|w| w.lower == "place");
    let empty_verb = empty_verb && !takes_place;
    clock || calendar || defined || (empty_verb && before(1).is_some_and(|w| w.is_in(AUXILIARIES)))
}

/// Whether "that" stands for a thing rather than opening a clause or pointing at the next noun.
pub(super) fn stands_alone(text: &str, found: &[Word], at: usize) -> bool {
    let before = &found[at - 1];
    let after_verb = before.is_in(TRANSFORMS)
        || before.is_in(PREPOSITIONS)
        || before.is_in(AUXILIARIES)
        || before.is_in(&["what's", "how's", "times", "plus", "minus", "and", "whats"]);
    let alone = found.get(at + 1).is_none_or(|w| {
        w.is_in(PREPOSITIONS)
            || w.is_in(&[
                "backwards",
                "backward",
                "times",
                "plus",
                "minus",
                "divided",
                "squared",
                "multiplied",
                "spelled",
                "written",
                "have",
                "and",
                "number",
                "contain",
                "please",
                "too",
                "again",
                "out",
            ])
            || before.is_in(AUXILIARIES) && w.is_in(&["take", "be", "cost", "make", "equal"])
    });
    let sign = text[found[at].end..].trim_start().starts_with(['+', '*', '/', '-', '\u{d7}', '^']);
    after_verb && (alone || sign)
}

/// "Which of them is larger?"; "which among them" alone more likely means choices that are not shown.
pub(super) fn compares(found: &[Word]) -> bool {
    found.iter().any(|w| {
        w.is_in(&[
            "more",
            "less",
            "longer",
            "larger",
            "bigger",
            "smaller",
            "shorter",
            "older",
            "higher",
            "greater",
            "heavier",
            "closer",
            "equal",
            "same",
            "sum",
            "total",
            "product",
            "difference",
        ])
    })
}

pub(super) fn is_plural_noun(word: &Word) -> bool {
    word.is_in(&[
        "two", "three", "numbers", "results", "answers", "values", "words", "figures", "amounts", "totals",
    ])
}

/// Words from a determiner to a pronoun that may all be one phrase ("a short sentence with it").
const PHRASE_REACH: usize = 4;
/// Words that may precede a pronoun that refers back.
pub(super) const PRONOUN_REACH: usize = 8;

/// What one asks of an answer ("the letters in it"): no noun that "it" could stand for.
const ASPECTS: &[&str] = &[
    "letters",
    "letter",
    "vowels",
    "consonants",
    "characters",
    "digits",
    "number",
    "sum",
    "name",
    "spelling",
    "length",
    "plural",
    "opposite",
    "first",
    "last",
    "square",
    "root",
    "half",
    "double",
    "reverse",
    "meaning",
    "nouns",
    "verbs",
    "adjectives",
    "words",
    "syllables",
    "lines",
];
