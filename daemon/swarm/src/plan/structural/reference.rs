//! References back: "it", "that number", "the result", "both". Where one means an earlier answer, the words
//! give way to a placeholder; where it means an earlier topic, the two belong into one task.

mod antecedent;
mod echo;
mod lists;
mod pronoun;
mod topic;

pub(super) use antecedent::yields_thing;
pub(super) use topic::with_topic;

use super::kind::skip_polite;
use super::words::{
    AMBIGUOUS_VERBS, AUXILIARIES, DETERMINERS, INTERROGATIVES, PREPOSITIONS, VERBS, Word, words,
};
use antecedent::yields_person;
use echo::echoes;
pub(super) use echo::outcome;
use lists::{ANSWER_NOUNS, MADE, RESULTS, TRANSFORMS};
use pronoun::{PRONOUN_REACH, compares, early, is_expletive, is_generic, is_plural_noun, stands_alone};
use std::ops::Range;

/// Words looked at: a reference stands near the beginning, later ones have their noun in their own sentence.
const WORDS_MAX: usize = 24;
/// A reference found in a piece.
#[derive(Clone, Debug, PartialEq)]
struct Reference {
    span: Range<usize>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It can only mean the answer.
    Answer,
    /// The answer of the n-th task.
    Ordinal(u32),
    /// All answers so far.
    All,
    /// A thing: the answer or the topic. `possessive` for "its".
    Thing { possessive: bool },
    /// A person: likewise.
    Person { possessive: bool },
    /// Several, or a person or body of any kind: likewise.
    They { possessive: bool },
    /// "That lake", for any noun: the answer, if there is one; else nothing before.
    Noun { possessive: bool },
    /// "… there?": the answer is a place.
    Place,
}

/// What a piece makes of what was before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Link {
    /// Nothing: it can stand alone.
    Free,
    /// It means the topic: it cannot stand alone, nor wait for an answer.
    Topic,
    /// It needs answers: its text with placeholders, and the tasks it needs.
    Needs(String, Vec<u32>),
}

/// How `text` refers to what was before: to `previous`, the last task's text, or to one of those `earlier`, in order.
pub(super) fn link(text: &str, previous: &str, earlier: &[&str]) -> Link {
    let found = words(text, WORDS_MAX);
    let asked = echo::asked(previous);
    let done = earlier.len() as u32 + 1;
    let Some(reference) = reference(text, &found, done, &asked) else {
        return Link::Free;
    };
    if shown(text, &reference, previous) {
        return Link::Topic;
    }
    if let Some(id) = called_for(text, &reference, &asked, earlier) {
        return reference.needs_only(text, id);
    }
    let yields = match reference.form {
        Form::Answer | Form::Ordinal(_) | Form::All => true,
        Form::Thing { possessive } => {
            let direct =
                skip_polite(&found).first().is_some_and(|verb| verb.is_in(TRANSFORMS)) && !possessive;
            direct || yields_thing(previous)
        }
        Form::Person { .. } => yields_person(previous),
        Form::They { .. } => yields_person(previous) || yields_thing(previous),
        Form::Noun { .. } => {
            if !yields_person(previous) && !yields_thing(previous) {
                return Link::Free;
            }
            true
        }
        Form::Place => yields_thing(previous),
    };
    if yields { reference.needs(text, done) } else { Link::Topic }
}

/// Whether `found` calls what `left` asks for by its noun.
pub(super) fn names_result(found: &[Word], left: &str) -> bool {
    let asked = echo::asked(left);
    (1..found.len()).any(|at| found[at].lower == "the" && echoes(found, at, &asked).is_some())
}

/// How `text` refers to what was before where the two are known to be tasks of their own: what "it" means must
/// then be an answer.
pub(super) fn link_to_answer(text: &str, done: u32) -> Link {
    let found = words(text, WORDS_MAX);
    reference(text, &found, done, &[]).map_or(Link::Free, |reference| reference.needs(text, done))
}

/// Whether the reference calls by its noun what the task before shows ("the letters in the word 'cat' … what that word means").
fn shown(text: &str, reference: &Reference, previous: &str) -> bool {
    let Some(noun) = words(&text[reference.span.clone()], WORDS_MAX).pop() else { return false };
    matches!(reference.form, Form::Noun { .. } | Form::Answer)
        && words(previous, WORDS_MAX).iter().any(|w| {
            w.lower == noun.lower
                && previous[w.end..].trim_start().starts_with(['\'', '"', '\u{2018}', '\u{201c}'])
        })
}

/// The earlier task that asked for what the reference calls by its noun ("that author"), where the last one did not.
fn called_for(text: &str, reference: &Reference, asked: &[String], earlier: &[&str]) -> Option<u32> {
    if !matches!(reference.form, Form::Noun { .. } | Form::Answer) {
        return None;
    }
    let noun = words(&text[reference.span.clone()], WORDS_MAX).pop()?.lower;
    let noun = noun.trim_end_matches("'s");
    if asked.iter().any(|own| own == noun) {
        return None;
    }
    let place = earlier.iter().rposition(|task| echo::asked(task).iter().any(|own| own == noun))?;
    Some(place as u32 + 1)
}

impl Reference {
    fn is_pronoun(&self) -> bool {
        matches!(self.form, Form::Thing { .. } | Form::Person { .. } | Form::They { .. })
    }

    fn is_possessive(&self) -> bool {
        matches!(
            self.form,
            Form::Thing { possessive: true }
                | Form::Person { possessive: true }
                | Form::They { possessive: true }
                | Form::Noun { possessive: true }
        )
    }

    fn needs_only(self, text: &str, id: u32) -> Link {
        let tail = if self.is_possessive() { "'s" } else { "" };
        let Range { start, end } = self.span;
        Link::Needs(format!("{}{{{{{id}}}}}{tail}{}", &text[..start], &text[end..]), vec![id])
    }

    fn needs(self, text: &str, done: u32) -> Link {
        let other = bare_ordinal(&text[self.span.end..], done);
        if let (Form::Ordinal(id), Some((place, other))) = (self.form, other) {
            // "Subtract the second from the first."
            let rest = &text[self.span.end..];
            let text = format!(
                "{}{{{{{id}}}}}{}{{{{{other}}}}}{}",
                &text[..self.span.start],
                &rest[..place.start],
                &rest[place.end..]
            );
            let mut needs = vec![id, other];
            needs.sort_unstable();
            needs.dedup();
            return Link::Needs(text, needs);
        }
        let needs: Vec<u32> = match self.form {
            Form::All => (1..=done).collect(),
            Form::Ordinal(id) => vec![id],
            _ => vec![done],
        };
        let names: Vec<String> = needs.iter().map(|id| format!("{{{{{id}}}}}")).collect();
        let name = match names.as_slice() {
            [head @ .., last] if !head.is_empty() => format!("{} and {last}", head.join(", ")),
            _ => names.concat(),
        };
        let (before, after) = match self.form {
            Form::Place => ("in ", ""),
            _ if self.is_possessive() => ("", "'s"),
            _ => ("", ""),
        };
        let Range { start, end } = self.span;
        Link::Needs(format!("{}{before}{name}{after}{}", &text[..start], &text[end..]), needs)
    }
}

fn reference(text: &str, found: &[Word], done: u32, asked: &[String]) -> Option<Reference> {
    if let Some(span) = place(found) {
        return Some(Reference { span, form: Form::Place });
    }
    let transforms = transforms(found);
    let orders =
        skip_polite(found).first().is_some_and(|verb| verb.is_in(VERBS) || verb.is_in(AMBIGUOUS_VERBS));
    (0..found.len()).find_map(|at| {
        let (word, next) = (&found[at], found.get(at + 1));
        let span = |last: usize| word.start..found[last].end;
        let answer = |last: usize| Some(Reference { span: span(last), form: Form::Answer });
        if let Some(last) = echoes(found, at, asked).or_else(|| outcome(found, at)) {
            return answer(last);
        }
        match word.lower.as_str() {
            "it" if early(found, at) && !is_expletive(found, at) => thing(span(at), false),
            "it's" if early(found, at) => None,
            "its" if early(found, at) => match next {
                Some(noun) if noun.is_in(&["name", "spelling"]) => thing(span(at + 1), false),
                Some(_) => thing(span(at), true),
                None => None,
            },
            "he" | "she" | "him" if early(found, at) => person(span(at), false),
            "his" if early(found, at) => person(span(at), true),
            "her" if early(found, at) => person(span(at), next.is_some_and(|n| !n.is_in(PREPOSITIONS))),
            "they" if early(found, at) && !is_generic(found, at) => they(span(at), false),
            "their" if early(found, at) => they(span(at), true),
            "them" if at > 1 && found[at - 1].lower == "of" && found[at - 2].lower == "which" => {
                plural(found, at, done)
            }
            "them" | "both" if early(found, at) && (orders || compares(found)) => plural(found, at, done),
            "these" | "those"
                if early(found, at) && next.is_some_and(|n| is_plural_noun(n) || done > 1 && is_many(n)) =>
            {
                plural(found, at, done)
            }
            "this" | "that" if next.is_some_and(|n| n.is_in(ANSWER_NOUNS)) => answer(at + 1),
            "that"
                if at + 1 == found.len()
                    && at > 1
                    && found[at - 1].is_in(&["after", "before", "than", "by", "from"]) =>
            {
                answer(at)
            }
            "this" | "that"
                if at > 0
                    && (transforms || early(found, at) || is_last_subject(found, at))
                    && stands_alone(text, found, at) =>
            {
                answer(at)
            }
            "this" | "that" if at == 1 && judges(found) => thing(span(at), false),
            "this" | "that" if early(found, at) => {
                let possessive = points_at_noun(text, found, at)?;
                Some(Reference { span: span(at + 1), form: Form::Noun { possessive } })
            }
            "the" => definite(found, at, transforms, done),
            _ => None,
        }
    })
}

/// Whether "that" points at the noun after it ("that lake", "that country's currency"), rather than opening a clause
/// ("check that numbers add up"); true if the noun is a possessor. What is shown in the same text ("this sentence: …") is no
/// earlier answer.
fn points_at_noun(text: &str, found: &[Word], at: usize) -> Option<bool> {
    const NO_NOUNS: &[&str] = &[
        "much",
        "many",
        "way",
        "time",
        "case",
        "kind",
        "sort",
        "type",
        "said",
        "one",
        "ones",
        "not",
        "also",
        "there",
        "then",
        "than",
        "same",
        "even",
        "all",
        "any",
        "each",
        "every",
        "point",
        "reason",
        "mean",
        "means",
        "question",
        "sentence",
        "passage",
        "text",
        "code",
        "paragraph",
        "following",
        "i",
        "you",
        "we",
        "he",
        "she",
        "it",
        "they",
        "the",
    ];
    let noun = found.get(at + 1)?;
    let possessive = noun.lower.ends_with("'s");
    let closed = [INTERROGATIVES, AUXILIARIES, PREPOSITIONS, VERBS, DETERMINERS, NO_NOUNS];
    let is_noun = !noun.capital
        && !noun.is_number()
        && noun.lower.len() > 2
        && !closed.iter().any(|list| noun.is_in(list));
    let goes_on = found.get(at + 2).is_none_or(|w| {
        w.is_in(PREPOSITIONS) && w.lower != "of"
            || w.is_in(AUXILIARIES)
            || w.is_in(&["and", "lie", "lies", "backwards", "aloud", "then", "produce", "belong", "belongs"])
            || text[noun.end..w.start].contains([',', '.', '?', ';', '!'])
    });
    // "When did that author die?"
    let goes_on = goes_on || at > 0 && found[at - 1].is_in(AUXILIARIES) && found.len() <= at + 4;
    let shows = text.contains(": ") || text.contains(['"', '\u{201c}', '`']);
    (is_noun && (goes_on || possessive) && !shows).then_some(possessive)
}

/// "What currency is used there?": a question that ends in "there" and names no place itself.
fn place(found: &[Word]) -> Option<Range<usize>> {
    let [head @ .., before, last] = found else {
        return None;
    };
    let asks = skip_polite(found).first().is_some_and(|w| w.is_in(INTERROGATIVES) || w.is_in(VERBS));
    let exists = before.is_in(AUXILIARIES) || before.is_in(&["over", "up", "down", "out", "in", "from"]);
    let own = head.iter().skip(1).any(|w| w.capital);
    (last.lower == "there" && asks && !exists && !own && found.len() < WORDS_MAX)
        .then_some(last.start..last.end)
}

/// "Is this above the boiling point?", "Is that a prime?"
fn judges(found: &[Word]) -> bool {
    found[0].is_in(AUXILIARIES)
        && found.get(2).is_some_and(|w| {
            w.is_in(PREPOSITIONS)
                || w.is_in(&[
                    "a",
                    "an",
                    "more",
                    "less",
                    "larger",
                    "smaller",
                    "even",
                    "odd",
                    "prime",
                    "greater",
                    "divisible",
                    "above",
                    "below",
                    "enough",
                ])
        })
}

/// "How many years before 1969 was that?"
fn is_last_subject(found: &[Word], at: usize) -> bool {
    at + 2 >= found.len()
        && (found[0].is_in(INTERROGATIVES)
            || found[0].is_in(PREPOSITIONS) && found[..at].iter().any(|w| w.is_in(INTERROGATIVES)))
        && found[at - 1].is_in(AUXILIARIES)
}

/// "the first", "the second" without a noun, in what is left of an order: where, and which.
fn bare_ordinal(text: &str, done: u32) -> Option<(Range<usize>, u32)> {
    let found = words(text, WORDS_MAX);
    (0..found.len()).find_map(|at| {
        let id = bare_nth(&found, at).filter(|id| *id <= done)?;
        Some((found[at].start..found[at + 1].end, id))
    })
}

/// The n of "the n-th", if no noun comes after it.
fn bare_nth(found: &[Word], at: usize) -> Option<u32> {
    let next = found.get(at + 1).filter(|_| found[at].lower == "the")?;
    let place = ["first", "second", "third", "fourth"].iter().position(|o| next.lower == *o)?;
    let bare = found.get(at + 2).is_none_or(|w| w.is_in(&["from", "to", "by", "and", "with"]));
    bare.then_some(place as u32 + 1)
}

fn transforms(found: &[Word]) -> bool {
    skip_polite(found).first().is_some_and(|verb| verb.is_in(TRANSFORMS))
}

fn thing(span: Range<usize>, possessive: bool) -> Option<Reference> {
    Some(Reference { span, form: Form::Thing { possessive } })
}

fn they(span: Range<usize>, possessive: bool) -> Option<Reference> {
    Some(Reference { span, form: Form::They { possessive } })
}

fn person(span: Range<usize>, possessive: bool) -> Option<Reference> {
    Some(Reference { span, form: Form::Person { possessive } })
}

/// "them", "both numbers", "these two results".
fn plural(found: &[Word], at: usize, done: u32) -> Option<Reference> {
    let nouns =
        found[at + 1..].iter().take_while(|w| is_plural_noun(w) || w.is_in(&["of", "them", "the"])).count();
    // "the two areas", "those dates"
    let nouns = nouns
        + usize::from(
            found.get(at + 1 + nouns).is_some_and(is_many) && nouns < 2 && found[at].lower != "them",
        );
    let form = if done > 1 { Form::All } else { Form::Answer };
    Some(Reference { span: found[at].start..found[at + nouns].end, form })
}

/// A noun in the plural, by its form.
fn is_many(word: &Word) -> bool {
    word.lower.len() > 3
        && word.lower.ends_with('s')
        && !word.lower.ends_with("ss")
        && !word.capital
        && ![VERBS, AUXILIARIES, PREPOSITIONS, INTERROGATIVES].iter().any(|list| word.is_in(list))
}

/// "the result", "the first answer", "the two numbers", and after a verb that transforms "the word".
fn definite(found: &[Word], at: usize, transforms: bool, done: u32) -> Option<Reference> {
    let next = found.get(at + 1)?;
    let after = found.get(at + 2);
    let span = |last: usize| found[at].start..found[last].end;
    let ends = |word: Option<&Word>| {
        word.is_none_or(|w| {
            w.is_in(&[
                "backwards",
                "backward",
                "aloud",
                "in",
                "to",
                "into",
                "by",
                "from",
                "and",
                "with",
                "as",
                "times",
            ])
        })
    };
    if next.lower == "two"
        && done > 1
        && after.is_some_and(is_many)
        && found.get(at + 3).is_none_or(|w| w.lower != "of")
    {
        return plural(found, at, done);
    }
    if is_plural_noun(next) && at <= PRONOUN_REACH && !after.is_some_and(|w| w.is_in(&["of", "that"])) {
        let bare = next.is_in(&["two", "three"]);
        if !bare || after.is_some_and(is_plural_noun) || ends(after) || compares(found) && done > 1 {
            return (done > 1 || next.is_in(&["results", "answers"]))
                .then(|| plural(found, at, done))
                .flatten();
        }
    }
    // "The second month in a year" is not the second answer.
    let own = found.get(at + 3).is_some_and(|w| {
        w.lower == "of" || w.lower == "in" && found.get(at + 4).is_some_and(|w| w.is_in(DETERMINERS))
    });
    let ordinal = ["first", "second", "third", "fourth"].iter().position(|o| next.lower == *o);
    if let (Some(place), Some(noun)) = (ordinal, after) {
        let id = place as u32 + 1;
        if noun.is_in(ANSWER_NOUNS) && id <= done && !own && ends(found.get(at + 3)) {
            return Some(Reference { span: span(at + 2), form: Form::Ordinal(id) });
        }
    }
    if let Some(id) = bare_nth(found, at).filter(|id| transforms && done > 1 && *id <= done) {
        return Some(Reference { span: span(at + 1), form: Form::Ordinal(id) });
    }
    let form = Form::Answer;
    let made = next.is_in(MADE);
    let older = next.lower.len() > 4 && next.lower.ends_with("ed")
        || next.is_in(&["previous", "last", "final", "new", "latter"]);
    if (made && after.is_some_and(|n| !n.capital) || older && after.is_some_and(|n| n.is_in(ANSWER_NOUNS)))
        && !own
    {
        return Some(Reference { span: span(at + 2), form });
    }
    let of = after.is_some_and(|w| w.is_in(&["of", "that", "which", "is"]));
    let to_question = after.is_some_and(|w| w.lower == "to")
        && found.get(at + 3).is_some_and(|w| w.is_in(&["the", "this"]));
    if next.is_in(RESULTS) && !of && !to_question {
        return Some(Reference { span: span(at + 1), form });
    }
    let named = transforms && next.is_in(ANSWER_NOUNS) && ends(after) && at <= PRONOUN_REACH;
    // "Multiply the product by 3" does, "add the number 5" does not.
    named.then(|| Reference { span: span(at + 1), form })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(text: &str, previous: &str, done: u32) -> Option<String> {
        match link(text, previous, &vec![""; done as usize - 1]) {
            Link::Needs(text, _) => Some(text),
            Link::Free => None,
            Link::Topic => Some("topic".into()),
        }
    }

    #[test]
    fn references_become_placeholders_where_they_mean_the_answer() {
        let capital = "What is the capital of France?";
        for (text, previous, expected) in [
            ("Spell it backwards.", capital, Some("Spell {{1}} backwards.")),
            ("What is its population?", capital, Some("What is {{1}}'s population?")),
            ("Spell its name backwards.", capital, Some("Spell {{1}} backwards.")),
            ("How many letters does that word have?", capital, Some("How many letters does {{1}} have?")),
            ("Translate the word into Spanish.", capital, Some("Translate {{1}} into Spanish.")),
            ("Multiply the result by 3.", "What is 3 + 4?", Some("Multiply {{1}} by 3.")),
            ("What's that in Roman numerals?", "What is 3 + 4?", Some("What's {{1}} in Roman numerals?")),
            ("Double that.", "What is 3 + 4?", Some("Double {{1}}.")),
            ("When was he born?", "Who wrote Hamlet?", Some("When was {{1}} born?")),
            ("When was it published?", "Who wrote Hamlet?", Some("topic")),
            ("When was it built?", "How tall is the Eiffel Tower?", Some("topic")),
            ("How does it work?", "What is photosynthesis?", Some("topic")),
            ("When an attitude is communicated, what does it become?", capital, None),
            ("What time is it in Tokyo?", capital, None),
            ("How long does it take to boil an egg?", capital, None),
            ("Use the equation to answer the question.", capital, None),
            ("What is the sum of 3 and 4?", capital, None),
            ("Which of these organs comes in pairs?", capital, None),
        ] {
            assert_eq!(needs(text, previous, 1).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn several_answers_are_named_together() {
        assert_eq!(
            link("Add the two results.", "What is 2+2?", &["What is 1+1?"]),
            Link::Needs("Add {{1}} and {{2}}.".into(), vec![1, 2])
        );
        assert_eq!(
            link("Double the first result.", "What is 2+2?", &["What is 1+1?"]),
            Link::Needs("Double {{1}}.".into(), vec![1])
        );
        assert_eq!(
            link("List them in order.", "What is 2+2?", &["What is 1+1?"; 2]),
            Link::Needs("List {{1}}, {{2}} and {{3}} in order.".into(), vec![1, 2, 3])
        );
    }
}
