//! Where a text could come apart though its form does not say so: every sentence, line, item, comma and "and" that
//! leaves language on both sides.

use super::clause;
use super::connector::connector;
use super::join;
use super::kind::request::PRONOUNS;
use super::kind::{Kind, is_question_mark_last, kind, skip_polite};
use super::mask::{self, protected};
use super::reference::{Link, link, link_to_answer};
use super::segment::{Boundary, Piece, pieces};
use super::words::{INTERROGATIVES, PREPOSITIONS, VERBS, is_content, words};
use std::ops::Range;

/// Words on either side: "spell cat" is the shortest thing people ask.
const WORDS_MIN: usize = 2;

/// Words looked at to see whether a text can stand alone.
const STANDING_WORDS_MAX: usize = 32;
/// Words or numbers that say something, in a text that neither asks nor orders: "slow to French".
const CONTENT_MIN: usize = 2;
/// The same where it opens like something told: "I am trying to say apple in German".
const CONTENT_TOLD_MIN: usize = 3;

/// What stands between two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Seam {
    /// The end of a sentence or a line, a semicolon, a free-standing dash: nobody needs it inside one task.
    Between,
    /// The same, and what follows opens with "Also,", "Then" and the like.
    Joined,
    /// A comma or an "and".
    Inside,
}

/// The texts that `text` could come apart into, and what stands between them; more than `most` are joined again at
/// their weakest seams, and the whole is one text if the others are still too many.
pub(in crate::plan) fn atoms(text: &str, most: usize) -> (Vec<Range<usize>>, Vec<Seam>) {
    // A text with gaps to fill in is one task, however many sentences they stand in.
    if text.contains("__") {
        return whole(text);
    }
    let mask = protected(text);
    if lists_material(text, &mask) {
        return whole(text);
    }
    let mut found = split(text, &mask, true);
    if found.0.len() > most {
        found = split(text, &mask, false);
    }
    if found.0.len() > most { whole(text) } else { found }
}

/// Whether a list follows on what asks ("Which of these is true? a) …"): its items are choices or material, or form
/// would have cut them.
fn lists_material(text: &str, mask: &[bool]) -> bool {
    let pieces = pieces(text, mask);
    let Some(first) = pieces.iter().position(|p| matches!(p.boundary, Boundary::Item(_))) else {
        return false;
    };
    let asks = |piece: &Piece| {
        piece.kind.asks()
            || piece.kind == Kind::FollowOn
            || piece.kind != Kind::Preamble && piece.body(text).ends_with(':')
    };
    pieces[..first].iter().any(asks)
}

fn whole(text: &str) -> (Vec<Range<usize>>, Vec<Seam>) {
    (std::iter::once(0..text.len()).collect(), Vec::new())
}

fn split(text: &str, mask: &[bool], inside: bool) -> (Vec<Range<usize>>, Vec<Seam>) {
    let places = places(text, mask);
    // The strong seams first, so that a comma near one does not leave it a single word.
    let mut cuts: Vec<(usize, usize, Seam)> = Vec::new();
    for wanted in [Seam::Between, Seam::Inside] {
        if wanted == Seam::Inside && !inside {
            continue;
        }
        for place in places.iter().filter(|place| place.2 == wanted) {
            let at = cuts.partition_point(|cut| cut.0 < place.0);
            let from = at.checked_sub(1).map_or(0, |before| cuts[before].0 + cuts[before].1);
            let until = cuts.get(at).map_or(text.len(), |after| after.0);
            let right = place.0 + place.1;
            if from <= place.0
                && right <= until
                && language(&text[from..place.0])
                && language(&text[right..until])
            {
                cuts.insert(at, *place);
            }
        }
    }
    let starts = std::iter::once(0).chain(cuts.iter().map(|cut| cut.0 + cut.1));
    let ends = cuts.iter().map(|cut| cut.0).chain(std::iter::once(text.len()));
    let mut atoms: Vec<Range<usize>> = starts.zip(ends).map(|(start, end)| start..end).collect();
    let joined = |cut: &(usize, usize, Seam)| match cut.2 {
        Seam::Between if connector(&text[cut.0 + cut.1..]).bytes > 0 => Seam::Joined,
        seam => seam,
    };
    let mut seams: Vec<Seam> = cuts.iter().map(joined).collect();
    // Greetings and thanks are no part of what they surround.
    let idle = |range: &Range<usize>| kind(&text[range.clone()]) == Kind::Preamble;
    while atoms.len() > 1 && idle(&atoms[0]) {
        atoms.remove(0);
        seams.remove(0);
    }
    while atoms.len() > 1 && idle(&atoms[atoms.len() - 1]) {
        atoms.pop();
        seams.pop();
    }
    (atoms, seams)
}

/// Whether a text says enough to be asked.
fn language(text: &str) -> bool {
    words(text, WORDS_MIN).len() >= WORDS_MIN
}

/// Every place, with the bytes that lie between both sides. The sign that ends a sentence stays with it.
fn places(text: &str, mask: &[bool]) -> Vec<(usize, usize, Seam)> {
    let mut found: Vec<(usize, usize, Seam)> = Vec::new();
    let mut until = 0;
    for (at, c) in text.char_indices() {
        if at < until || mask[at] {
            continue;
        }
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start().len();
        let ended = text[..at].ends_with(['.', '?', '!', ';', '\u{2026}']);
        let place = if c.is_whitespace() && (ended || rest[..blank].contains('\n')) {
            Some((blank, Seam::Between))
        } else if c == ' ' && is_dash(rest) {
            Some((
                rest.len()
                    - rest[1..]
                        .trim_start_matches(['-', '/', '|', '\u{2013}', '\u{2014}'])
                        .trim_start()
                        .len(),
                Seam::Between,
            ))
        } else {
            // "9, 4 and 1" is a list.
            let digit = |c: char| c.is_ascii_digit();
            clause::joint(rest)
                .filter(|bytes| !(text[..at].ends_with(digit) && rest[*bytes..].starts_with(digit)))
                .map(|bytes| (bytes, if c == ';' { Seam::Between } else { Seam::Inside }))
        };
        if let Some((bytes, seam)) = place {
            found.push((at, bytes, seam));
            until = at + bytes;
        }
    }
    found
}

fn is_dash(rest: &str) -> bool {
    let mut signs = rest.chars().skip(1);
    let sign = signs.next().is_some_and(|c| matches!(c, '-' | '/' | '|' | '\u{2013}' | '\u{2014}'));
    // "12 / 4 - 2"
    let next = signs.find(|c| *c != ' ');
    sign && rest[1..].contains(' ') && !next.is_some_and(|c| c.is_ascii_digit())
}

/// `text` without "and", "Also," and the like in front.
pub(in crate::plan) fn without_connector(text: &str) -> &str {
    text[connector(text).bytes..].trim()
}

/// Whether `text` can be a task: not "in German" or "if today is Monday", which say where another task plays, nor
/// "please tell me", which only asks for another's answer, nor "I need it for school".
pub(in crate::plan) fn stands_alone(text: &str) -> bool {
    let text = without_connector(text);
    let found = words(text, STANDING_WORDS_MAX);
    let Some(first) = found.first().filter(|_| !mask::is_block(text)) else {
        return false;
    };
    let kind = kind(text);
    let condition = first.is_in(&["if", "when", "while", "since", "because", "given", "as"]);
    let specific = text.contains(|c: char| c.is_ascii_digit() || matches!(c, '"' | '\''));
    let content = found.iter().filter(|w| is_content(w)).count();
    match kind {
        Kind::FollowOn | Kind::Preamble => false,
        _ if condition && !is_question_mark_last(text) => false,
        Kind::Ask | Kind::WeakAsk => true,
        Kind::Statement if first.is_in(PREPOSITIONS) => content >= CONTENT_TOLD_MIN,
        Kind::Statement if first.is_in(PRONOUNS) => {
            specific || content >= CONTENT_TOLD_MIN || found.iter().any(|w| w.is_in(INTERROGATIVES))
        }
        Kind::Statement => specific || content >= CONTENT_MIN,
    }
}

/// Whether `text` asks or orders by its form.
pub(in crate::plan) fn asks(text: &str) -> bool {
    kind(without_connector(text)).asks()
}

/// Whether `text` speaks of an answer before it.
pub(in crate::plan) fn refers(text: &str) -> bool {
    link_to_answer(without_connector(text), 1) != Link::Free
}

/// Whether `right` can follow as a task of its own: where it speaks of "it", `left` must ask for something, or
/// `right` order what to do with it ("Berg in German means. Spell it backwards.").
pub(in crate::plan) fn follows(left: &str, right: &str) -> bool {
    let (left, right) = (without_connector(left), without_connector(right));
    let found = words(right, STANDING_WORDS_MAX);
    let head = skip_polite(&found);
    // "Begin with 559 and subtract 8."
    if clause::works_on(head) {
        return false;
    }
    link(right, left, &[]) == Link::Free
        || kind(left).asks()
        || head.first().is_some_and(|verb| verb.is_in(VERBS))
}

/// Words of `text` that say something; connectors, numbering, greetings and introductions say nothing.
pub(in crate::plan) fn content_words(text: &str) -> usize {
    if kind(text) == Kind::Preamble {
        return 0;
    }
    words(without_connector(text), STANDING_WORDS_MAX).iter().filter(|w| is_content(w)).count()
}

/// A task's text and needs where a cut was decided by what the parts mean.
pub(in crate::plan) struct Part {
    pub(in crate::plan) text: String,
    pub(in crate::plan) depends_on: Vec<u32>,
}

/// The part `text`, which follows on the task `before`.
pub(in crate::plan) fn part(text: &str, before: Option<u32>) -> Part {
    let (body, depends_on) = match before.map(|id| link_to_answer(text, id)) {
        Some(Link::Needs(body, needs)) => (body, needs),
        _ => (text.to_owned(), Vec::new()),
    };
    Part { text: join::capitalised(join::without_joint(&body)), depends_on }
}
