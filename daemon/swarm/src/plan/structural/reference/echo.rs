//! References by name: "write a poem … how long is the poem", "add 3 and 4 … is the sum even". What a task asks for is
//! called again by its own noun.

use super::super::kind::skip_polite;
use super::super::words::{AUXILIARIES, INTERROGATIVES, PREPOSITIONS, Word, words};
use super::{ANSWER_NOUNS, WORDS_MAX};

/// Words of what is asked for, up to its preposition ("a two-line birthday rhyme").
const PHRASE_WORDS_MAX: usize = 5;

/// What the result of a verb is called.
const OUTCOMES: &[(&str, &[&str])] = &[
    ("add", &["sum", "total"]),
    ("sum", &["sum", "total"]),
    ("subtract", &["difference"]),
    ("multiply", &["product"]),
    ("divide", &["quotient"]),
    ("translate", &["translation"]),
    ("summarise", &["summary"]),
    ("summarize", &["summary"]),
    ("explain", &["explanation"]),
    ("describe", &["description"]),
    ("count", &["count"]),
    ("solve", &["solution", "value", "root"]),
    ("convert", &["conversion"]),
    ("compare", &["comparison"]),
    ("plan", &["plan"]),
    ("define", &["definition"]),
    ("suggest", &["suggestion"]),
    ("recommend", &["recommendation"]),
    ("estimate", &["estimate"]),
    ("draft", &["draft"]),
    ("answer", &["answer"]),
];

/// Verbs whose object is what comes out.
const MAKES: &[&str] = &[
    "name",
    "find",
    "give",
    "calculate",
    "compute",
    "write",
    "compose",
    "draft",
    "tell",
    "generate",
    "recommend",
    "pick",
    "choose",
    "look",
    "work",
    "determine",
    "make",
    "create",
    "design",
    "invent",
    "think",
    "suggest",
    "propose",
    "evaluate",
    "what",
    "what's",
    "whats",
    "list",
    "get",
    "show",
];

/// The nouns that name what `previous` asks for.
pub(super) fn asked(previous: &str) -> Vec<String> {
    let found = words(previous, WORDS_MAX);
    let mut head = skip_polite(&found);
    // "In which year did …"
    if head.len() > 1 && head[0].is_in(PREPOSITIONS) && head[1].is_in(&["which", "what"]) {
        head = &head[1..];
    }
    let Some((first, rest)) = head.split_first() else {
        return Vec::new();
    };
    let outcomes = OUTCOMES.iter().filter(|(verb, _)| first.lower == *verb).flat_map(|(_, nouns)| *nouns);
    let mut nouns: Vec<String> = outcomes.map(|noun| (*noun).to_owned()).collect();
    // "Make this expression match dates": it is shown, not asked for.
    if first.lower == "make" && rest.first().is_some_and(|w| w.is_in(&["this", "that", "it", "the", "these"]))
    {
        return nouns;
    }
    let names = first.lower == "which"
        || first.lower == "what" && !rest.first().is_some_and(|w| w.is_in(AUXILIARIES));
    // "Which of the following is …" asks for none of them by name.
    let chooses = rest.iter().take(4).any(|w| w.is_in(&["following", "these", "those"]));
    if (names || first.is_in(MAKES)) && !chooses {
        let light = |w: &&Word| {
            w.is_in(AUXILIARIES) || w.is_in(&["me", "up", "out", "of", "us", "a", "an", "the", "one", "some"])
        };
        let skip = rest.iter().take_while(light).count();
        let ends = |w: &&Word| {
            !(w.is_in(PREPOSITIONS)
                || w.is_in(AUXILIARIES)
                || w.is_in(INTERROGATIVES)
                || w.is_in(&["that", "of", "for", "and"])
                || w.is_number())
        };
        nouns.extend(rest[skip..].iter().take_while(ends).take(PHRASE_WORDS_MAX).map(|w| w.lower.clone()));
    }
    nouns
}

/// The last word of "the poem", "that sum", "your explanation", "the sorted word", if one begins at `at` and means
/// what was asked.
pub(super) fn echoes(found: &[Word], at: usize, asked: &[String]) -> Option<usize> {
    if !found[at].is_in(&["the", "that", "this", "your", "these", "those"]) || asked.is_empty() {
        return None;
    }
    let next = found.get(at + 1)?;
    // "Using the value of x, …"
    if next.lower == "value"
        && asked.iter().any(|noun| noun == "value")
        && found.get(at + 2).is_some_and(|w| w.lower == "of")
        && found.get(at + 3).is_some_and(|w| w.lower.len() == 1)
    {
        return Some(at + 3);
    }
    let changed = next.is_in(&["new", "resulting", "whole", "finished"]) || next.lower.ends_with("ed");
    let last = at + 1 + usize::from(changed);
    let noun = found.get(last)?;
    let known = asked.contains(&noun.lower) || changed && noun.is_in(ANSWER_NOUNS);
    let free = found.get(last + 1).is_none_or(|w| {
        let leads = w.is_in(PREPOSITIONS) && !w.is_in(&["of", "between", "for"])
            || w.is_in(AUXILIARIES)
            || w.is_in(&["and", "backwards", "again", "as", "aloud", "tell"])
            || w.start > noun.end + 1;
        leads && !found.get(last + 2).is_some_and(|w| w.capital && found[last + 1].is_in(&["in", "on", "at"]))
    });
    // "Is the sum a prime number?"
    let subject = at == 1
        && found[0].is_in(AUXILIARIES)
        && !found.get(last + 1).is_some_and(|w| w.is_in(&["of", "for", "in"]));
    (known && (free || subject)).then_some(last)
}

/// The last word of "what you get", "what comes out", if it begins at `at` inside an order.
pub(in super::super) fn outcome(found: &[Word], at: usize) -> Option<usize> {
    // "the number you got"
    if let Some([the, _, subject, verb]) = found.get(at..at + 4)
        && the.lower == "the"
        && subject.is_in(&["you", "we", "i"])
        && verb.is_in(&["get", "got", "found", "obtained", "calculated", "computed"])
    {
        return Some(at + 3);
    }
    let [what, subject, verb] = found.get(at..at + 3)? else {
        return None;
    };
    let remains = subject.is_in(&["remains"]) || subject.lower == "is" && verb.lower == "left";
    if at > 0 && what.lower == "what" && remains {
        return Some(at + 1 + usize::from(subject.lower == "is"));
    }
    let gets = subject.is_in(&["you", "we", "i"])
        && verb.is_in(&["get", "got", "have", "found", "obtain", "obtained"])
        || subject.lower == "comes" && verb.lower == "out";
    let ends = found.get(at + 3).is_none_or(|w| w.is_in(&["by", "and", "to", "in", "from", "with"]));
    (at > 0 && what.lower == "what" && gets && ends).then_some(at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(previous: &str, text: &str) -> Option<String> {
        let (asked, found) = (asked(previous), words(text, WORDS_MAX));
        let (at, last) = (0..found.len()).find_map(|at| Some((at, echoes(&found, at, &asked)?)))?;
        Some(text[found[at].start..found[last].end].to_owned())
    }

    #[test]
    fn what_was_asked_for_is_known_by_its_noun() {
        for (previous, text, expected) in [
            ("Write a slogan for a bicycle shop.", "Turn the slogan into Italian.", Some("the slogan")),
            ("Name a synonym of 'brave'.", "What is the opposite of that synonym?", Some("that synonym")),
            ("Add up 14 and 25.", "Is the sum a prime number?", Some("the sum")),
            ("Add up 14 and 25.", "Is the sum even?", Some("the sum")),
            ("Add up 14 and 25.", "Write the sum in words.", Some("the sum")),
            ("Explain tides.", "Building on your explanation, tell me more.", Some("your explanation")),
            ("Solve 4x - 7 = 21.", "Using the value of x, compute x + 1.", Some("the value of x")),
            // Another thing of the same kind, and a topic that is no answer.
            ("Name the capital of Peru.", "What is the capital of Chad?", None),
            ("How tall is the tower?", "Who built the tower?", None),
            ("What is the highest mountain in Africa?", "Name the mountain in Asia.", None),
        ] {
            assert_eq!(echo(previous, text).as_deref(), expected, "{previous} {text}");
        }
    }

    #[test]
    fn what_one_gets_is_the_answer() {
        let last = |text: &str| {
            let found = words(text, WORDS_MAX);
            (0..found.len()).find_map(|at| outcome(&found, at))
        };
        assert_eq!(last("Subtract 11 from what you get."), Some(5));
        assert_eq!(last("What you get depends on the weather."), None);
    }
}
