//! Requests without a verb: "the plural of goose", "seven in binary", "452 + 89". Where they stand as a
//! sentence, a line or an item of their own, they ask for what they name.

use super::super::words::{AUXILIARIES, DETERMINERS, INTERROGATIVES, PREPOSITIONS, VERBS, Word};
use super::request::{PRONOUNS, TELLABLE};

/// Words of a fragment at most.
const FRAGMENT_WORDS_MAX: usize = 9;
/// Words after "of" at most: with more of them there is a verb among them.
const OBJECT_WORDS_MAX: usize = 4;
/// Words on each side of "in" ("2000 ml in liters", "64 as a Roman numeral").
const SIDE_WORDS_MAX: usize = 3;

/// Words that say how a figure is written.
const NOTATIONS: &[&str] = &[
    "binary",
    "hex",
    "hexadecimal",
    "octal",
    "decimal",
    "words",
    "digits",
    "numerals",
    "numeral",
    "figures",
    "letters",
];

/// Figures in words, as far as people write them so.
const FIGURES: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "twenty", "thirty", "forty", "fifty", "hundred", "thousand", "half", "dozen",
];

/// Whether `text`, whose words are `found`, names one thing to be told, and does nothing else.
pub(in super::super) fn is_fragment(text: &str, found: &[Word]) -> bool {
    let found = match found {
        [rest @ .., last] if last.is_in(&["please", "pls"]) => rest,
        all => all,
    };
    let (Some(first), Some(last)) = (found.first(), found.last()) else {
        return false;
    };
    let inner = &text[first.start..last.end];
    let verbal =
        |w: &Word| w.is_in(AUXILIARIES) || w.is_in(INTERROGATIVES) || w.is_in(&["that", "if", "than"]);
    if found.len() > FRAGMENT_WORDS_MAX
        || inner.contains([',', ';', '.', ':', '?', '!', '\n'])
        || found.iter().any(verbal)
        || first.is_in(PREPOSITIONS)
        || first.is_in(VERBS)
        || first.is_in(PRONOUNS)
        || first.lower.contains('\'')
    {
        return false;
    }
    names(found) || converts(found) || calculates(inner, found)
}

/// "the chemical symbol for gold", "capital of Peru"
fn names(found: &[Word]) -> bool {
    let Some(of) = found.iter().position(|w| w.is_in(&["of", "for"])).filter(|at| *at > 0) else {
        return false;
    };
    let relates = found[of - 1].is_in(&["sum", "product", "difference", "quotient", "total", "average"]);
    let object = &found[of + 1..];
    let verb = |w: &Word| w.lower.ends_with("ed") && !w.is_number() && w.lower.len() > 4;
    let figures = object.iter().any(Word::is_number);
    (!relates || figures)
        && found[..of].iter().any(|w| w.is_in(TELLABLE))
        && (1..=OBJECT_WORDS_MAX).contains(&object.len())
        && !found[..of].iter().any(|w| w.is_in(&["my", "your", "his", "her", "our", "their", "a", "an"]))
        && !object.iter().any(verb)
}

/// "seven in binary", "bread in French", "2000 ml in liters", "64 as a Roman numeral"
fn converts(found: &[Word]) -> bool {
    let Some(at) = found.iter().position(|w| w.is_in(&["in", "as", "into", "to"])).filter(|at| *at > 0)
    else {
        return false;
    };
    let (left, right) = (&found[..at], &found[at + 1..]);
    let short = |side: &[Word]| (1..=SIDE_WORDS_MAX).contains(&side.len());
    if !short(left) || !short(right) || left[0].is_in(DETERMINERS) && !left[0].is_in(FIGURES) {
        return false;
    }
    let figure = left[0].is_number() || left[0].is_in(FIGURES);
    let notation = right.iter().any(|w| w.is_in(NOTATIONS));
    // "2 cups in the bowl", "3 men in Rome" state; "bread in French" is told by its language.
    let language = left.len() == 1
        && right.len() == 1
        && right[0].capital
        && ["an", "ch", "sh", "se", "ic", "in", "ek"].iter().any(|end| right[0].lower.ends_with(end));
    let unit = figure
        && left.len() > 1
        && right.len() == 1
        && !right[0].capital
        && !right[0].is_in(&["total", "all", "each"]);
    notation || language || unit
}

/// "452 + 89", "12 times 7"
fn calculates(inner: &str, found: &[Word]) -> bool {
    let operator = inner.contains(['+', '*', '/', '\u{d7}', '\u{f7}', '^']) || inner.contains(" - ");
    let words = [
        "times",
        "plus",
        "minus",
        "divided",
        "multiplied",
        "by",
        "squared",
        "cubed",
        "percent",
        "of",
        "mod",
        "x",
    ];
    let named = found.iter().any(|w| w.is_in(&words));
    (operator || named)
        && found[0].is_number()
        && found.iter().filter(|w| w.is_number()).count()
            + usize::from(found.iter().any(|w| w.is_in(&["squared", "cubed"])))
            > 1
        && found.iter().all(|w| w.is_number() || w.is_in(&words))
}
