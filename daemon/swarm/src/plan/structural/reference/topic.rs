//! Pronouns that mean what an earlier question was about, not its answer: "When was Ada Lovelace born? What is she known
//! for?" The name is written in, so that the part can stand alone; where there is no one name, it cannot.

use super::super::words::{AUXILIARIES, INTERROGATIVES, Word, words};
use super::{WORDS_MAX, reference};
use std::ops::Range;

/// Small words inside a name ("Lord of the Rings", "Taj Mahal").
const INSIDE: &[&str] = &["of", "the", "de", "la", "von", "van", "da"];

/// Prepositions of circumstance.
const PLACES: &[&str] = &["in", "into", "to", "from", "at", "on", "near", "before", "after"];

/// `text` with the one thing that `previous` names in place of its pronouns; None if there is not exactly one, or no pronoun
/// means it.
pub(in super::super) fn with_topic(text: &str, previous: &str) -> Option<String> {
    let name = topic(previous)?;
    let mut out = text.to_owned();
    for _ in 0..2 {
        let found = words(&out, WORDS_MAX);
        let Some(pronoun) = reference(&out, &found, 1, &[]).filter(super::Reference::is_pronoun) else {
            break;
        };
        let Range { start, end } = pronoun.span;
        let tail = if pronoun.is_possessive() { "'s" } else { "" };
        out = format!("{}{name}{tail}{}", &out[..start], &out[end..]);
    }
    (out != text).then_some(out)
}

/// The one name in a question: a run of capitalised words that does not open its sentence.
fn topic(previous: &str) -> Option<&str> {
    let found = words(previous, WORDS_MAX);
    // "I know that Lima is a capital, but of which country?": what "it" means is asked for.
    let open = found.first().is_some_and(|w| w.is_in(INTERROGATIVES) || w.is_in(AUXILIARIES));
    let chooses = found.iter().skip(1).any(|w| w.is_in(&["which", "what", "whose"]));
    if !open || chooses {
        return None;
    }
    let is_name = |at: usize| {
        let word = &found[at];
        let opens = at == 0 || previous[found[at - 1].end..word.start].contains(['.', '?', '!', ':', '\n']);
        word.capital && word.lower.len() > 1 && word.lower != "i" && !opens
    };
    let mut names: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < found.len() {
        if !is_name(at) {
            at += 1;
            continue;
        }
        let first = at;
        let mut last = at;
        while let Some(next) = next_of_name(previous, &found, last, &is_name) {
            last = next;
        }
        at = last + 1;
        // "in German", "to Rome" say where and how, not what.
        if first > 0 && found[first - 1].is_in(PLACES) {
            continue;
        }
        // "the Taj Mahal"
        let first = if first > 0 && found[first - 1].lower == "the" { first - 1 } else { first };
        names.push(found[first].start..found[last].end);
    }
    match names.as_slice() {
        [only] => previous.get(only.clone()).map(|name| name.strip_suffix("'s").unwrap_or(name)),
        _ => None,
    }
}

fn next_of_name(text: &str, found: &[Word], last: usize, is_name: &impl Fn(usize) -> bool) -> Option<usize> {
    let adjoins = |a: usize, b: usize| {
        text[found[a].end..found[b].start].chars().all(|c| c == ' ' || c == '-' || c == '.')
    };
    (last + 1..found.len().min(last + 4)).find(|next| {
        let joined = (last..*next).all(|at| adjoins(at, at + 1));
        joined && (last + 1..*next).all(|at| found[at].is_in(INSIDE)) && is_name(*next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_name_is_written_in() {
        for (text, previous, expected) in [
            (
                "What is she known for?",
                "When was Ada Lovelace born?",
                Some("What is Ada Lovelace known for?"),
            ),
            ("In which city is it?", "Who built the Taj Mahal?", Some("In which city is the Taj Mahal?")),
            ("What is its height?", "Where is the Eiffel Tower?", Some("What is the Eiffel Tower's height?")),
            ("Where is he buried?", "Did Isaac Newton ever marry?", Some("Where is Isaac Newton buried?")),
            ("Which letter does it start with?", "What's bread if you say it in German?", None),
            ("What is its language?", "I know Lima is a capital, but of which country?", None),
            ("Is it far?", "How do I get from Rome to Milan?", None),
            ("How does it work?", "What is photosynthesis?", None),
            ("How tall is he?", "Is it true that Rome was founded by Romulus?", None),
            ("Who wrote Hamlet?", "When was Ada Lovelace born?", None),
        ] {
            assert_eq!(with_topic(text, previous).as_deref(), expected, "{text}");
        }
    }
}
