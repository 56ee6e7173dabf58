//! Whether an earlier question has an answer that "it" or "he" could mean.

use super::super::kind::{request, skip_polite};
use super::super::words::{AUXILIARIES, INTERROGATIVES, PREPOSITIONS, Word, words};
use super::{TRANSFORMS, WORDS_MAX};

/// Whether the answer to `previous` is a thing that "it" may mean.
pub(in super::super) fn yields_thing(previous: &str) -> bool {
    let found = words(previous, WORDS_MAX);
    let head = skip_polite(&found);
    if let Some(told) = told(head) {
        return yields_thing(&previous[told..]);
    }
    let Some(first) = head.first() else {
        return false;
    };
    let computes = found.iter().any(Word::is_number);
    // "Speaking of Peru, what is …", "For Chad, name …": what is asked comes after its circumstances.
    if !first.is_in(INTERROGATIVES) && !first.is_in(TRANSFORMS) && !first.is_in(YIELDS) {
        let late = (1..found.len()).find(|at| {
            let word = &found[*at];
            let begins = previous[..word.start].trim_end().ends_with(',')
                && (word.is_in(INTERROGATIVES) || word.is_in(YIELDS));
            begins && !word.is_in(&["who", "when", "where", "why"])
        });
        if let Some(at) = late {
            return yields_thing(&previous[found[at].start..]);
        }
    }
    match first.lower.as_str() {
        // "Whose capital is Athens?", "In which country is Tokyo?"
        "whose" => true,
        _ if first.is_in(PREPOSITIONS) && head.get(1).is_some_and(|w| w.is_in(&["which", "what"])) => true,
        "which" | "what" if !head.get(1).is_some_and(|w| w.is_in(AUXILIARIES)) => {
            !head.get(1).is_some_and(|w| w.is_in(&["of"]))
        }
        "what" | "what's" | "whats" | "which" => {
            let noun = usize::from(first.is_in(&["what", "which"])) + 1;
            let the = head.get(noun).is_some_and(|w| w.lower == "the");
            let links = ["of", "for", "in", "on", "with", "first", "last", "most", "least"];
            let singled_out = |w: &Word| w.is_in(&links) || (w.lower.ends_with("est") && w.lower.len() > 4);
            // "…, what is that in English"
            let there = head.get(noun).is_some_and(|w| w.is_in(&["that", "it"]))
                && head.get(noun + 1).is_some_and(|w| w.lower == "in");
            computes || there || (the && found.iter().any(singled_out))
        }
        "how" => {
            computes || found.iter().any(says) || head.get(1).is_some_and(|w| w.is_in(&["many", "much"]))
        }
        "help" => found.iter().any(says),
        _ => {
            first.is_in(TRANSFORMS)
                || first.is_in(YIELDS)
                || request::asks_at_end(previous, &found, true)
                || request::is_wish(&found) && computes
        }
    }
}

/// Where the question begins in "tell me who …", "find out which …".
fn told(head: &[Word]) -> Option<usize> {
    let verb = head.first().filter(|verb| verb.is_in(TELLS))?;
    let rest = head.iter().skip(1).skip_while(|w| w.is_in(&["me", "us", "out", "up"]));
    rest.take(1).find(|w| w.is_in(INTERROGATIVES) && w.start > verb.end).map(|w| w.start)
}

/// "How would one say …": the answer is a word.
fn says(word: &Word) -> bool {
    word.is_in(&["say", "write", "spell", "called", "translate"])
}

/// Whether the answer to `previous` is a person.
pub(super) fn yields_person(previous: &str) -> bool {
    const PEOPLE: &[&str] = &[
        "author",
        "president",
        "king",
        "queen",
        "scientist",
        "person",
        "man",
        "woman",
        "actor",
        "actress",
        "singer",
        "inventor",
        "artist",
        "painter",
        "composer",
        "player",
        "writer",
        "founder",
        "emperor",
        "philosopher",
        "leader",
        "minister",
        "director",
        "physicist",
        "chemist",
        "mathematician",
        "poet",
        "astronaut",
        "explorer",
        "mother",
        "father",
        "wife",
        "husband",
        "son",
        "daughter",
        "brother",
        "sister",
        "mayor",
        "pope",
        "architect",
        "coach",
        "captain",
        "saint",
    ];
    let found = words(previous, WORDS_MAX);
    let head = skip_polite(&found);
    if let Some(told) = told(head) {
        return yields_person(&previous[told..]);
    }
    head.first().is_some_and(|first| first.is_in(&["who", "who's", "whose", "whom"]) && !is_named(head))
        || head.first().is_some_and(|first| first.is_in(INTERROGATIVES) || first.is_in(YIELDS))
            && head.iter().take(5).any(|w| w.is_in(PEOPLE))
}

/// "Who is Ada Lovelace": the person is the topic already.
fn is_named(head: &[Word]) -> bool {
    head.get(1).is_some_and(|w| w.is_in(AUXILIARIES)) && head.get(2).is_some_and(|w| w.capital)
}

/// Verbs that pass a question on.
const TELLS: &[&str] =
    &["tell", "say", "find", "state", "determine", "work", "figure", "check", "remind", "look", "name"];

/// Verbs besides those whose result is an answer of its own: something found or made, not an account of the topic.
const YIELDS: &[&str] = &[
    "give",
    "draft",
    "compose",
    "create",
    "design",
    "look",
    "identify",
    "determine",
    "figure",
    "propose",
    "come",
    "select",
    "get",
    "list",
    "state",
    "calculate",
    "compute",
    "name",
    "find",
    "solve",
    "evaluate",
    "sum",
    "work",
    "simplify",
    "tell",
    "make",
    "pick",
    "choose",
    "suggest",
    "recommend",
    "invent",
    "generate",
    "think",
    "guess",
];
