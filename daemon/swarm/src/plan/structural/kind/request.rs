//! Requests that do not open like a question or an order: wishes ("I need the sum of …"), polite orders with
//! any verb, statements with a question for a tail, and questions with their interrogative at the end.

use super::super::words::{AUXILIARIES, DETERMINERS, INTERROGATIVES, PREPOSITIONS, Word};
use super::opens_question;

/// Words after an interrogative that ends its sentence ("… is what in base ten").
const TAIL_WORDS_MAX: usize = 3;
/// Words of a circumstance before its question ("in the periodic table, what …").
const CIRCUMSTANCE_WORDS_MAX: usize = 7;

/// What one can be told in a word, as an object of "I need the …".
pub(super) const TELLABLE: &[&str] = &[
    "name",
    "word",
    "number",
    "symbol",
    "formula",
    "capital",
    "currency",
    "language",
    "continent",
    "country",
    "translation",
    "meaning",
    "definition",
    "opposite",
    "plural",
    "synonym",
    "antonym",
    "spelling",
    "sum",
    "product",
    "difference",
    "quotient",
    "total",
    "result",
    "value",
    "square",
    "cube",
    "root",
    "average",
    "date",
    "day",
    "month",
    "year",
    "weekday",
    "letter",
    "numeral",
    "abbreviation",
    "answer",
];

/// What follows a figure that is to be worked on.
const CONVERSIONS: &[&str] = &[
    "as",
    "into",
    "expressed",
    "converted",
    "written",
    "divided",
    "times",
    "plus",
    "minus",
    "multiplied",
    "squared",
    "cubed",
    "percent",
];

pub(in super::super) const PRONOUNS: &[&str] =
    &["i", "you", "he", "she", "it", "we", "they", "one", "there", "him", "them", "us"];

/// Orders on how to answer, and calls for attention: "please use simple words".
const MANNERS: &[&str] = &[
    "note",
    "round",
    "be",
    "i",
    "remember",
    "see",
    "use",
    "keep",
    "make",
    "answer",
    "respond",
    "reply",
    "do",
    "don't",
    "avoid",
    "include",
    "show",
    "ensure",
    "no",
    "not",
    "only",
    "assume",
    "read",
    "consider",
    "bear",
    "refer",
    "ignore",
    "justify",
    "elaborate",
    "limit",
    "stick",
    "try",
    "let",
    "provide",
    "format",
    "return",
    "wait",
    "excuse",
    "forgive",
    "feel",
];

/// "Please repeat that word twice", "could you help me …": an order whatever its verb.
pub(in super::super) fn is_polite_order(found: &[Word]) -> bool {
    match found {
        [please, verb, object, ..] if please.is_in(&["please", "kindly"]) => {
            // "Please check my code. It …" goes on about what is given.
            let given = object.is_in(&["my", "our", "this", "these"]);
            let order = !(verb.is_in(MANNERS) || verb.is_in(PREPOSITIONS) || verb.is_in(DETERMINERS));
            order && !given
        }
        [can, you, _, _, ..] => {
            can.is_in(&["can", "could", "would", "will"])
                && you.lower == "you"
                && !found[2].is_in(&["be", "have", "rather"])
        }
        _ => false,
    }
}

/// "I need the product of 4 and 5", "I'd like 31 as a Roman numeral", "I need to know 6 times 7".
pub(in super::super) fn is_wish(found: &[Word]) -> bool {
    const OPENINGS: &[&[&str]] = &[
        &["i", "need"],
        &["i", "also", "need"],
        &["i", "forgot"],
        &["i've", "forgotten"],
        &["i", "can't", "remember"],
        &["i", "can't", "recall"],
        &["i", "don't", "remember"],
        &["i'm", "trying", "to", "remember"],
        &["remind", "me", "of"],
        &["i", "want"],
        &["i", "also", "want"],
        &["i'd", "like"],
        &["i'd", "also", "like"],
        &["i'd", "love"],
        &["i", "would", "like"],
        &["i", "would", "also", "like"],
    ];
    let Some(rest) = OPENINGS.iter().find_map(|opening| {
        let opens = found.len() > opening.len() && opening.iter().zip(found).all(|(o, w)| *o == w.lower);
        opens.then(|| &found[opening.len()..])
    }) else {
        return false;
    };
    match rest {
        [to, know, next, ..] if to.lower == "to" => {
            know.is_in(&["know", "find", "learn"]) && !next.is_in(&["whether", "if"])
        }
        // "48 pints as quarts" is asked for, "48 eggs" are not.
        [first, after @ ..] if first.is_number() => after.iter().take(4).enumerate().any(|(at, w)| {
            w.is_in(CONVERSIONS)
                || w.lower == "in" && after.get(at + 1).is_some_and(|w| !w.is_in(DETERMINERS))
        }),
        // "The name of your plumber" is told, "the help of a plumber" is not.
        [the, after @ ..] if the.lower == "the" => {
            let linked = after
                .iter()
                .skip(1)
                .take(3)
                .any(|w| w.is_in(&["of", "for", "between", "that", "which", "in"]));
            linked && after.iter().take(3).any(|w| w.is_in(TELLABLE))
        }
        _ => false,
    }
}

/// "my homework asks for 12 times 7", "the form wants to know how many feet are in a mile"
pub(in super::super) fn reports_task(found: &[Word]) -> bool {
    let Some(at) =
        found.iter().take(4).position(|w| w.is_in(&["asks", "asked", "wants"])).filter(|at| *at > 0)
    else {
        return false;
    };
    let goal = found.get(at + 1).is_some_and(|w| w.is_in(&["for", "what", "which", "how", "whether", "to"]));
    let rest = &found[at + 1..];
    let told = |w: &Word| w.is_in(TELLABLE) || w.is_in(CONVERSIONS) || w.is_in(INTERROGATIVES);
    found[0].is_in(&["my", "our", "the"]) && goal && rest.len() > 2 && rest.iter().take(5).any(told)
}

/// Whether a sentence says itself what it is about, rather than "the product" or "it".
fn is_anchored(found: &[Word]) -> bool {
    found.first().is_some_and(|first| {
        !(first.is_in(DETERMINERS) && first.lower != "a" && first.lower != "an"
            || first.is_in(PRONOUNS)
            || first.is_in(&["if", "when", "while", "since", "because", "although", "as"]))
            || first.lower == "the" && found.iter().skip(1).any(|w| w.capital || w.is_number())
    })
}

/// "Bolivia sits on which continent?", "15 bucks amount to how many cents". Without a question mark only where
/// the interrogative ends the sentence.
pub(in super::super) fn asks_at_end(text: &str, found: &[Word], question: bool) -> bool {
    if !is_anchored(found) || found.first().is_some_and(|w| w.is_in(INTERROGATIVES)) {
        return false;
    }
    let Some(at) = found.iter().position(|w| w.is_in(&["what", "which", "how"])).filter(|at| *at > 1) else {
        return false;
    };
    let (word, before, after) = (&found[at], &found[at - 1], &found[at + 1..]);
    if text[..word.start].contains([',', ';', '?', ':']) {
        return false;
    }
    let joined = before.is_in(PREPOSITIONS)
        || before.is_in(AUXILIARIES)
        || before.is_in(&["gives", "makes", "equals", "means", "give", "make", "mean", "has"]);
    let short = after.len() <= TAIL_WORDS_MAX
        && !after.iter().any(|w| w.is_in(PRONOUNS) || w.is_in(AUXILIARIES))
        && !found[..at].iter().any(|w| w.is_in(&["depends", "depending", "know", "knows", "about"]));
    let many = after.first().is_some_and(|w| w.is_in(&["many", "much"]));
    match word.lower.as_str() {
        "how" => many && joined && (question || short),
        _ if question => joined,
        "which" => joined && short && after.len() == 1,
        _ => {
            joined
                && short
                && (after.first().is_none_or(|w| w.is_in(PREPOSITIONS))
                    || before.is_in(PREPOSITIONS) && after.len() == 1)
        }
    }
}

/// "A deal starts in May and runs two months, in which month is it over.", "It is Monday, tell me …".
pub(in super::super) fn asks_in_tail(text: &str, found: &[Word]) -> bool {
    (1..found.len()).any(|at| {
        if !text[..found[at].start].trim_end().ends_with(',') {
            return false;
        }
        let tail = &found[at..];
        let tail = if tail[0].lower == "so" { &tail[1..] } else { tail };
        let skip = usize::from(tail.first().is_some_and(|w| w.is_in(PREPOSITIONS)));
        let relative = match &tail[skip.min(tail.len())..] {
            [word, next, ..] => {
                word.is_in(&["who", "whose", "whom", "when", "where", "why"])
                    || word.is_in(&["which", "what"]) && (next.is_in(PRONOUNS) || next.is_in(DETERMINERS))
                    || word.lower == "which" && next.is_in(AUXILIARIES)
            }
            _ => true,
        };
        let orders = matches!(tail, [tell, me, _, ..] if tell.is_in(&["tell", "give"]) && me.lower == "me");
        orders || !relative && opens_question(tail)
    })
}

/// "if I shop in Seoul what currency do I pay in", "in French, what would leaf be": a question after its
/// circumstances, beside another one.
pub(in super::super) fn asks_after_circumstance(text: &str, found: &[Word]) -> bool {
    let Some(first) = found.first() else {
        return false;
    };
    let condition = first.lower == "if";
    if !condition && !first.is_in(PREPOSITIONS) {
        return false;
    }
    let at = found.iter().position(|w| w.is_in(INTERROGATIVES)).filter(|at| *at > 1);
    at.is_some_and(|at| {
        let before = text[..found[at].start].trim_end();
        let near = condition || at <= CIRCUMSTANCE_WORDS_MAX && before.ends_with(',');
        near && !before.contains([';', '?']) && opens_question(&found[at..])
    })
}

/// "Which letters stand for iron", "what comes after May": a question about its subject, which inverts nothing.
pub(in super::super) fn asks_for_subject(found: &[Word]) -> bool {
    match found {
        [which, noun, _, _, ..] => {
            which.is_in(&["which", "what"])
                && found.len() <= 14
                && ![PRONOUNS, DETERMINERS, AUXILIARIES, PREPOSITIONS].iter().any(|list| noun.is_in(list))
                && !found.iter().any(|w| w.is_in(&["that", "following", "these"]))
        }
        _ => false,
    }
}

/// "is 2084 a leap year", "are there 30 days in June", "does tin rust" without a question mark: no statement
/// opens like this.
pub(in super::super) fn asks_inverted(head: &[Word]) -> bool {
    let [verb, subject, third, rest @ ..] = head else {
        return false;
    };
    if subject.is_in(PRONOUNS) && subject.lower != "there"
        || subject.is_in(PREPOSITIONS)
        || subject.lower == "not"
    {
        return false;
    }
    if rest.is_empty() && !(subject.capital || subject.is_number()) {
        return false;
    }
    let named = subject.capital || subject.is_number() || subject.lower == "there";
    match verb.lower.as_str() {
        "is" | "are" | "was" | "were" => {
            named || third.is_in(&["a", "an"]) && !subject.is_in(&["such", "only", "also"])
        }
        "does" | "did" => named || third.is_in(&["have", "contain", "come", "end", "start", "begin", "mean"]),
        _ => false,
    }
}

/// "was 2084 a leap year", "is Oslo in Sweden", "is the word level …" beside another question.
pub(in super::super) fn asks_whether(found: &[Word]) -> bool {
    match found {
        [verb, next, rest @ ..] => {
            verb.is_in(&["is", "are", "was", "were", "does", "do", "did", "can"])
                && (next.capital
                    || next.is_number()
                    || next.lower == "the"
                        && rest.first().is_some_and(|w| w.is_in(&["word", "number", "year"])))
                && !rest.is_empty()
        }
        _ => false,
    }
}
