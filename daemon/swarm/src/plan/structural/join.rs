//! Puts pieces together into tasks: which of the possible cuts count.

mod list;
mod material;

use super::connector::Strength;
use super::kind::Kind;
use super::kind::fragment::is_fragment;
use super::reference::{Link, link, with_topic};
use super::segment::{Boundary, Piece};
use super::words::{is_content, is_small_word, words};
use list::TaskLists;
use material::takes_material;
use std::collections::BTreeSet;

/// Pieces looked ahead for one that asks: statements before a question are a paragraph, not a book.
const LOOK_AHEAD: usize = 24;
/// Words that make a line language: "what is 12" is the shortest question people write.
const PROSE_WORDS_MIN: usize = 2;
/// Words compared when looking for a shared topic.
const TOPIC_WORDS_MAX: usize = 80;

/// A task before it has a number.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// With placeholders.
    pub(super) text: String,
    /// Numbers of earlier drafts, from 1.
    pub(super) depends_on: Vec<u32>,
}

/// Joins `pieces` of `text` into tasks, in the order asked.
pub(super) fn drafts(text: &str, pieces: &[Piece]) -> Vec<Draft> {
    let capitals = text.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_uppercase);
    let lists = TaskLists::of(text, pieces);
    let mut done: Vec<Draft> = Vec::new();
    let mut group = Group::default();
    for at in 0..pieces.len() {
        let heading = pieces[at].connector.strength == Strength::Strong;
        let thanks = !heading && pieces[at..].iter().all(|p| p.kind == Kind::Preamble);
        if pieces[at].kind == Kind::Preamble && (group.is_empty() || thanks) {
            continue;
        }
        // "… thanks! what is …"
        if pieces[at].kind == Kind::Preamble && !heading && group.asks && is_thanks(pieces[at].body(text)) {
            continue;
        }
        match verdict(text, pieces, at, &group, &lists, &done) {
            Verdict::Join => group.add(at, pieces),
            Verdict::Cut(link) => {
                done.extend(group.draft(text, pieces, capitals));
                group = Group { link, ..Group::default() };
                group.add(at, pieces);
            }
        }
    }
    done.extend(group.draft(text, pieces, capitals));
    done
}

fn is_thanks(body: &str) -> bool {
    words(body, 6).iter().any(|w| w.is_in(&["thanks", "thank", "cheers"]))
}

enum Verdict {
    Join,
    Cut(Option<(String, Vec<u32>)>),
}

/// Pieces that are becoming one task.
#[derive(Default)]
struct Group {
    members: Vec<usize>,
    /// Whether one of them asks.
    asks: bool,
    /// Whether a statement came before what asks.
    has_context: bool,
    /// The first piece's text with placeholders, and what it needs.
    link: Option<(String, Vec<u32>)>,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn add(&mut self, at: usize, pieces: &[Piece]) {
        let kind = pieces[at].kind;
        self.has_context |= !self.asks && kind == Kind::Statement;
        // "Your boss asks you to lie. What would you do?" asks with what else only follows on.
        self.asks |= kind.asks() || (kind == Kind::FollowOn && self.has_context);
        self.members.push(at);
    }

    fn text<'a>(&self, text: &'a str, pieces: &'a [Piece]) -> &'a str {
        match (self.members.first(), self.members.last()) {
            (Some(first), Some(last)) if first == last => pieces[*first].body(text),
            (Some(first), Some(last)) => &text[pieces[*first].start..pieces[*last].end],
            _ => "",
        }
    }

    fn draft(self, text: &str, pieces: &[Piece], capitals: bool) -> Option<Draft> {
        let (first, last) = (&pieces[*self.members.first()?], &pieces[*self.members.last()?]);
        let rest = &text[first.end.min(last.end)..last.end];
        let (body, depends_on) = self.link.unwrap_or_else(|| (first.body(text).to_owned(), Vec::new()));
        let mut body = if self.members.len() > 1 { format!("{body}{rest}") } else { body };
        body.truncate(without_joint(&body).len());
        if body.is_empty() {
            return None;
        }
        let named = first.boundary != Boundary::Clause && is_fragment(&body, &words(&body, 16));
        if !named && body.ends_with(|c: char| c.is_alphanumeric() || c == '}') && first.kind == Kind::Ask {
            body.push(if is_order(&body) { '.' } else { '?' });
        }
        if capitals && (first.boundary == Boundary::Clause || first.connector.strength > Strength::None) {
            body = capitalised(&body);
        }
        Some(Draft { text: body, depends_on })
    }
}

/// Without the comma, semicolon or free-standing dash that led to the next part.
pub(super) fn without_joint(body: &str) -> &str {
    let plain = body.trim_end().trim_end_matches([',', ';']).trim_end();
    let bare = plain.trim_end_matches(['-', '/', '|', '\u{2013}', '\u{2014}']);
    if bare.ends_with(' ') { bare.trim_end() } else { plain }
}

fn is_order(body: &str) -> bool {
    let found = words(body, 8);
    let head = super::kind::skip_polite(&found);
    super::kind::is_imperative(body, head) || super::kind::orders(&found)
}

pub(super) fn capitalised(body: &str) -> String {
    let mut characters = body.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

fn verdict(
    text: &str,
    pieces: &[Piece],
    at: usize,
    group: &Group,
    lists: &TaskLists,
    done: &[Draft],
) -> Verdict {
    let piece = &pieces[at];
    if group.is_empty() {
        return Verdict::Join;
    }
    if pieces[at - 1].kind == Kind::Preamble && group.members.last() == Some(&(at - 1)) {
        // A heading of its own line ("Next question:") went with the group before; it is none of it.
        return if pieces[at - 1].connector.strength == Strength::Strong {
            Verdict::Cut(None)
        } else {
            Verdict::Join
        };
    }
    let strong = piece.connector.strength == Strength::Strong || lists.items.contains(&at);
    let right = Segment::of(pieces, at, lists);
    let wanted = strong
        || match piece.boundary {
            Boundary::Start | Boundary::Item(_) => false,
            Boundary::Clause => group.asks && piece.kind == Kind::Ask,
            Boundary::Semicolon => group.asks && (piece.kind.asks() || piece.capital && right.asks),
            Boundary::Paragraph => group.asks && right.asks && !takes_material(text, pieces, group),
            Boundary::Sentence | Boundary::Line => between_sentences(text, pieces, at, group, &right),
        };
    // "Then make it more formal." is the next step; "Make it rhyme." is a wish for this one.
    let step = piece.kind == Kind::FollowOn && group.asks && is_sequel(text, pieces, at);
    if !(wanted || step) || piece.kind == Kind::FollowOn && !strong && !step {
        return Verdict::Join;
    }
    let earlier: Vec<&str> = done.iter().map(|draft| draft.text.as_str()).collect();
    let (body, previous) = (piece.body(text), group.text(text, pieces));
    match link(body, previous, &earlier) {
        Link::Needs(body, needs) if piece.kind.asks() || step => {
            let (body, needs) = as_sibling(body, needs, group);
            Verdict::Cut(Some((body, needs)))
        }
        Link::Free => Verdict::Cut(None),
        // What "it" means is the topic: named, it makes a task of its own where both ask in full.
        Link::Topic if piece.kind == Kind::Ask && !group.has_context => match with_topic(body, previous) {
            Some(named) => Verdict::Cut(Some((named, Vec::new()))),
            None if strong => Verdict::Cut(None),
            None => Verdict::Join,
        },
        _ if strong => Verdict::Cut(None),
        _ => Verdict::Join,
    }
}

/// Whether the piece opens with a word that says when: "then", "after that", "once done".
fn is_sequel(text: &str, pieces: &[Piece], at: usize) -> bool {
    let before = at.checked_sub(1).map_or(0, |before| pieces[before].end);
    let gap = words(text.get(before..pieces[at].start).unwrap_or_default(), 8);
    gap.iter().any(|w| w.is_in(&["then", "next", "after", "afterwards", "once", "finally", "done"]))
}

/// "Convert it to hexadecimal as well." works on what the task before works on, not on its result.
fn as_sibling(body: String, needs: Vec<u32>, group: &Group) -> (String, Vec<u32>) {
    let bare = body.trim_end_matches(['.', '?', '!']);
    let also = [" as well", " too", " also"].iter().find_map(|tail| bare.strip_suffix(tail));
    match (also, group.link.as_ref().map(|(_, needs)| needs.as_slice()), needs.as_slice()) {
        (Some(rest), Some(&[shared]), &[own]) => {
            let sign = &body[bare.len()..];
            (
                format!("{}{sign}", rest.replace(&format!("{{{{{own}}}}}"), &format!("{{{{{shared}}}}}"))),
                vec![shared],
            )
        }
        _ => (body, needs),
    }
}

/// Whether a new task begins with the sentence or line `at`.
fn between_sentences(text: &str, pieces: &[Piece], at: usize, group: &Group, right: &Segment) -> bool {
    let piece = &pieces[at];
    if piece.connector.strength == Strength::Weak {
        let joined_on = piece.capital && words(piece.body(text), 1).first().is_some_and(is_small_word);
        return (group.asks && right.asks) || (joined_on && (group.asks || piece.kind == Kind::Ask));
    }
    if !group.asks || takes_material(text, pieces, group) {
        return false;
    }
    match piece.kind {
        // Questions on lines of their own are separate on purpose.
        _ if piece.boundary == Boundary::Line
            && is_prose(piece.body(text))
            && right.asks
            && piece.kind != Kind::FollowOn =>
        {
            true
        }
        Kind::Ask => {
            !(group.has_context || starts_with_condition(text, pieces, group))
                || !shares_topic(text, pieces, group, at, at + 1)
        }
        Kind::Statement => right.asks && right.plain && !shares_topic(text, pieces, group, at, right.end),
        _ => false,
    }
}

/// Whether a line is language rather than a formula or a table row with gaps.
fn is_prose(line: &str) -> bool {
    words(line, TOPIC_WORDS_MAX).iter().filter(|w| w.lower.len() > 1 && !w.is_number()).count()
        >= PROSE_WORDS_MIN
}

fn starts_with_condition(text: &str, pieces: &[Piece], group: &Group) -> bool {
    words(group.text(text, pieces), 1).first().is_some_and(|w| {
        w.is_in(&["if", "suppose", "assume", "given", "let", "consider", "imagine", "assuming"])
    })
}

/// Whether the pieces `from..to` speak of what the group speaks of.
fn shares_topic(text: &str, pieces: &[Piece], group: &Group, from: usize, to: usize) -> bool {
    let topic = |text: &str| -> BTreeSet<String> {
        words(text, TOPIC_WORDS_MAX).into_iter().filter(is_content).map(|w| stem(&w.lower)).collect()
    };
    let right = &text[pieces[from].start..pieces[to - 1].end];
    !topic(group.text(text, pieces)).is_disjoint(&topic(right))
}

/// Enough of a stem to know "miles" from "mile".
fn stem(word: &str) -> String {
    word.strip_suffix("'s").unwrap_or(word).trim_end_matches(['s', 'e']).to_owned()
}

/// The pieces from one up to the next that begins a part for other reasons.
struct Segment {
    end: usize,
    /// Whether one of them asks.
    asks: bool,
    /// Whether the first that asks comes without a connector in between.
    plain: bool,
}

impl Segment {
    fn of(pieces: &[Piece], at: usize, lists: &TaskLists) -> Self {
        let mut end = at;
        let mut asks = false;
        for (index, piece) in pieces.iter().enumerate().skip(at).take(LOOK_AHEAD) {
            let parts =
                matches!(piece.boundary, Boundary::Paragraph | Boundary::Clause | Boundary::Semicolon)
                    || piece.connector.strength > Strength::None
                    || lists.items.contains(&index);
            if index > at && (parts || asks) {
                break;
            }
            // A bare question asks if its own statements precede it.
            asks |= piece.kind.asks() || (piece.kind == Kind::FollowOn && index > at);
            end = index + 1;
        }
        Self { end, asks, plain: asks }
    }
}
