//! Cuts a prompt at every place where a part could begin: sentences, lines, list items, paragraphs,
//! semicolons. Deciding which of those cuts count is `join`'s work.

use super::connector::{Connector, Strength, connector};
use super::kind::fragment;
use super::kind::{Kind, is_imperative, kind, opens_question, request, skip_polite};
use super::words::words;
use std::collections::BTreeMap;

/// Bytes of a follow-on ("And Why is that?") that a capital after a connector does not make a question.
const FOLLOW_ON_BYTES_MAX: usize = 24;

/// Bytes of an introduction ("I have two questions:") at most.
const OPENING_BYTES_MAX: usize = 80;

/// What stands before a piece, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Boundary {
    /// "…, and what is …" inside a sentence.
    Clause,
    /// `;`
    Semicolon,
    /// End of a sentence.
    Sentence,
    /// A line end.
    Line,
    /// A blank line.
    Paragraph,
    /// A list marker.
    Item(Marker),
    /// The beginning.
    Start,
}

/// What marks a list item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Marker {
    /// `-`, `*`, `•`
    Bullet,
    /// `1.`, `(2)`
    Number,
    /// `a)`, `(b)`
    Letter,
}

/// A stretch of the prompt between two possible cuts.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// What stands before it.
    pub(super) boundary: Boundary,
    /// Byte offset of its text, marker and connector skipped.
    pub(super) start: usize,
    /// Byte offset of its end, blanks excluded.
    pub(super) end: usize,
    /// The connector skipped.
    pub(super) connector: Connector,
    /// Whether its text begins with a capital.
    pub(super) capital: bool,
    /// What it does.
    pub(super) kind: Kind,
    /// Its text, where words that it left out were written in.
    pub(super) rewrite: Option<String>,
}

impl Piece {
    /// A piece of `text` after `boundary`; None if nothing is left of it but a connector that cuts nothing.
    pub(super) fn new(text: &str, boundary: Boundary, start: usize, end: usize) -> Option<Self> {
        let raw = &text[start..end];
        let start = start + raw.len() - raw.trim_start().len();
        let end = start + text[start..end].trim_end().len();
        if start >= end {
            return None;
        }
        let found = connector(&text[start..end]);
        let body = text[start + found.bytes..end].trim_start();
        let capital = body.chars().next().is_some_and(char::is_uppercase);
        let kind = match kind(body) {
            _ if body.is_empty() => Kind::Preamble,
            // "Also, Which of the following is correct?" was joined on, whatever little it says.
            Kind::FollowOn
                if found.strength > Strength::None && capital && body.len() > FOLLOW_ON_BYTES_MAX =>
            {
                Kind::WeakAsk
            }
            kind => kind,
        };
        Some(Self { boundary, start: end - body.len(), end, connector: found, capital, kind, rewrite: None })
    }

    /// Its text.
    pub(super) fn body<'a>(&'a self, text: &'a str) -> &'a str {
        self.rewrite.as_deref().unwrap_or(&text[self.start..self.end])
    }
}

/// All pieces of `text` in order.
pub(super) fn pieces(text: &str, mask: &[bool]) -> Vec<Piece> {
    let mut cuts: BTreeMap<usize, (Boundary, usize)> = BTreeMap::from([(0, (Boundary::Start, 0))]);
    let mut add = |at: usize, boundary: Boundary, skip: usize| {
        let held = cuts.entry(at).or_insert((boundary, skip));
        if boundary > held.0 && held.0 != Boundary::Start {
            *held = (boundary, skip);
        }
    };
    lines(text, mask, &mut add);
    sentences(text, mask, &mut add);
    announcements(text, mask, &mut add);
    opening(text, mask, &mut add);
    dashes(text, mask, &mut add);
    for (at, marker, skip) in inline_markers(text, mask) {
        add(at, Boundary::Item(marker), skip);
    }
    if let Some((marker, skip)) = line_marker(text) {
        cuts.insert(0, (Boundary::Item(marker), skip));
    }
    let mut starts: Vec<(usize, (Boundary, usize))> = cuts.into_iter().collect();
    // The full stop of "1." ends no sentence: a cut right behind a marker is the marker's.
    starts
        .dedup_by(|later, kept| text.get(kept.0 + kept.1.1..later.0).is_none_or(|gap| gap.trim().is_empty()));
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain(std::iter::once(text.len()));
    starts
        .iter()
        .zip(ends)
        .filter_map(|((at, (boundary, skip)), end)| Piece::new(text, *boundary, (at + skip).min(end), end))
        .collect()
}

fn lines(text: &str, mask: &[bool], add: &mut impl FnMut(usize, Boundary, usize)) {
    let mut at = 0;
    while let Some(offset) = text[at..].find('\n') {
        let line_end = at + offset;
        let rest = &text[line_end..];
        let content = rest.trim_start();
        let next = text.len() - content.len();
        at = next.max(line_end + 1);
        if mask[line_end] || content.is_empty() {
            continue;
        }
        let before = text[..line_end].trim_end();
        if let Some((marker, skip)) = line_marker(content) {
            add(next, Boundary::Item(marker), skip);
        } else if rest[..rest.len() - content.len()].matches('\n').count() > 1 {
            add(next, Boundary::Paragraph, 0);
        } else if before.ends_with(['.', '?', '!', ':', ';', '\u{2026}']) || opens_part(content) {
            add(next, Boundary::Line, 0);
        }
    }
}

/// Whether a line that the one before did not end begins something of its own.
fn opens_part(content: &str) -> bool {
    let found = words(content, 24);
    let head = skip_polite(&found);
    opens_question(head) || is_imperative(content, head) || {
        let found = connector(content);
        found.strength > Strength::Weak
            || found.bytes > 0 && asks_at_once(&content[found.bytes..])
            || asks_at_once(content)
    }
}

/// Whether the line or the part up to the next sign asks by itself.
fn asks_at_once(content: &str) -> bool {
    let found = words(content, 24);
    let head = skip_polite(&found);
    let reach = found.last().map_or(0, |w| w.end);
    let part = &content[..reach];
    let part = &part[..part.find(['\n', '?', ';', '|', '\u{2014}']).unwrap_or(reach)];
    let part = &part[..part.find(" / ").unwrap_or(part.len())];
    opens_question(head)
        || is_imperative(content, head)
        || request::asks_inverted(head)
        || request::is_polite_order(&found)
        || request::is_wish(&found)
        || request::reports_task(&found)
        || fragment::is_fragment(part, &words(part, 24))
}

/// A list marker at the start of a line, and its bytes.
fn line_marker(line: &str) -> Option<(Marker, usize)> {
    let after = |skip: usize| line[skip..].starts_with(char::is_whitespace).then_some(skip);
    let first = line.chars().next()?;
    if matches!(
        first,
        '-' | '*' | '+' | '\u{2022}' | '\u{2013}' | '\u{2014}' | '\u{25cf}' | '\u{25e6}' | '\u{b7}'
    ) {
        return after(first.len_utf8()).map(|skip| (Marker::Bullet, skip));
    }
    if let Some(numbered) = line.strip_prefix('#') {
        let digits = numbered.find(|c: char| !c.is_ascii_digit()).filter(|count| (1..=2).contains(count))?;
        let skip = 1 + digits + usize::from(numbered[digits..].starts_with([':', '.', ')']));
        return after(skip).map(|skip| (Marker::Number, skip));
    }
    // "A. What is"; "A. Smith" is a name.
    if first.is_ascii_alphabetic() && line[1..].starts_with(". ") && asks_at_once(&line[3..]) {
        return Some((Marker::Letter, 2));
    }
    inline_marker(line).map(|(marker, _, skip)| (marker, skip))
}

/// Roman numerals that mark items; the longer ones have more signs than a marker.
const ROMAN: &[&str] = &["i", "ii", "iii", "iv"];

/// `1.`, `2)`, `(3)`, `a)`, `(b)`: the marker, its ordinal and its bytes.
fn inline_marker(text: &str) -> Option<(Marker, u32, usize)> {
    let open = usize::from(text.starts_with(['(', '[']));
    let label =
        text[open..].find(|c: char| !c.is_ascii_alphanumeric()).filter(|length| (1..=3).contains(length))?;
    let name = &text[open..open + label];
    let sign = text[open + label..].chars().next()?;
    let skip = open + label + sign.len_utf8();
    if !text[skip..].starts_with(char::is_whitespace) {
        return None;
    }
    if let Ok(number) = name.parse::<u32>() {
        return (matches!(sign, ')' | ']') || (open == 0 && matches!(sign, '.' | ':' | '-' | '/')))
            .then_some((Marker::Number, number, skip));
    }
    // "i) … ii) …"
    if let Some(place) = ROMAN.iter().position(|roman| *roman == name).filter(|_| sign == ')') {
        return Some((Marker::Letter, place as u32 + 1, skip));
    }
    let letter = name.bytes().next().filter(|b| name.len() == 1 && b.is_ascii_alphabetic())?;
    let ordinal = u32::from(letter.to_ascii_lowercase() - b'a') + 1;
    (sign == ')').then_some((Marker::Letter, ordinal, skip))
}

/// Markers inside a line, if they count up from the first: offset, marker, bytes.
fn inline_markers(text: &str, mask: &[bool]) -> Vec<(usize, Marker, usize)> {
    let mut chain: Vec<(usize, Marker, usize)> = Vec::new();
    let mut previous = ' ';
    let mut sign = ':';
    for (at, c) in text.char_indices() {
        let begins = previous.is_whitespace() && !c.is_whitespace();
        let stop =
            matches!(sign, '.' | '?' | '!' | ':' | ';' | ',') || text[..at].trim_end().ends_with(" and");
        let possible = begins && (matches!(c, '(' | '[') || (!mask[at] && c.is_ascii_alphanumeric()));
        if let Some((marker, ordinal, skip)) = possible.then(|| inline_marker(&text[at..])).flatten() {
            let follows = chain.first().is_none_or(|first| first.1 == marker);
            // "2." may end a sentence, so it must not stand inside one; "2)" and "b)" cannot.
            let listed = !chain.is_empty() && asks_at_once(&text[at + skip..]);
            let apart = stop || listed || text[at..at + skip].ends_with([')', ']', '/']);
            if follows && apart && ordinal as usize == chain.len() + 1 {
                chain.push((at, marker, skip));
            }
        }
        if !c.is_whitespace() {
            sign = c;
        }
        previous = c;
    }
    if chain.len() > 1 { chain } else { Vec::new() }
}

fn sentences(text: &str, mask: &[bool], add: &mut impl FnMut(usize, Boundary, usize)) {
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let closes = mask[at] && matches!(c, '"' | '\u{201d}' | ')' | '\'');
        let quoted_end =
            closes && matches!(previous, '.' | '?' | '!') && !mask.get(at + c.len_utf8()).is_some_and(|m| *m);
        let before = std::mem::replace(&mut previous, c);
        let ends = !mask[at] && matches!(c, '.' | '?' | '!' | ';' | '\u{2026}');
        if !ends && !quoted_end {
            continue;
        }
        // Several signs ("?!", "...") and closing quotes end a sentence once.
        let rest = &text[at + c.len_utf8()..];
        let tail = rest.trim_start_matches(['"', '\'', ')', '\u{201d}', '\u{2019}']);
        // "8*7?what's", "backwards.Then": the blank was forgotten.
        let forgotten = ends
            && before.is_alphanumeric()
            && (c == '?' || c == '.' && rest.starts_with(char::is_uppercase))
            && (asks_at_once(rest) || joins_on(rest));
        if !(tail.starts_with(char::is_whitespace) || forgotten) {
            continue;
        }
        let content = tail.trim_start();
        let next = text.len() - content.len();
        if content.is_empty() || mask[next - 1] {
            continue;
        }
        if c == ';' && !matches!(before, '.' | '?' | '!') {
            add(next, Boundary::Semicolon, 0);
        } else if ends_sentence(text, at, c, before, content, quoted_end) {
            add(next, Boundary::Sentence, 0);
        }
    }
}

/// "what is 3 + 4 / what is 5 + 6", "… — tell me …": a free-standing dash or slash before what asks by itself.
fn dashes(text: &str, mask: &[bool], add: &mut impl FnMut(usize, Boundary, usize)) {
    let mut blank = false;
    for (at, c) in text.char_indices() {
        let apart = std::mem::replace(&mut blank, c == ' ');
        if !apart || mask[at] || !matches!(c, '-' | '/' | '|' | '\u{2013}' | '\u{2014}') {
            continue;
        }
        let rest = &text[at + c.len_utf8()..];
        let content = rest.trim_start_matches(' ');
        let relative =
            words(content, 1).first().is_some_and(|w| w.is_in(&["which", "who", "whose", "where", "when"]));
        let sign = matches!(c, '/' | '|');
        // "12 / 4 - 2"
        let digit = |c: char| c.is_ascii_digit();
        if text[..at].trim_end_matches(' ').ends_with(digit) && content.starts_with(digit) {
            continue;
        }
        if rest.len() > content.len() && (sign || !relative) && (asks_at_once(content) || joins_on(content)) {
            add(text.len() - content.len(), Boundary::Semicolon, 0);
        }
    }
}

/// "and also what is", "then spell it"
fn joins_on(content: &str) -> bool {
    let found = connector(content);
    found.bytes > 0 && asks_at_once(&content[found.bytes..])
}

/// "… is equal to Next question: Which …": a strong connector ends what did not end itself.
fn announcements(text: &str, mask: &[bool], add: &mut impl FnMut(usize, Boundary, usize)) {
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let begins = previous.is_whitespace() && !mask[at] && c.is_uppercase();
        previous = c;
        if !begins {
            continue;
        }
        let found = connector(&text[at..]);
        let announced = text[at..at + found.bytes].trim_end().ends_with(':');
        if announced && found.strength == Strength::Strong {
            add(at, Boundary::Sentence, 0);
        }
    }
}

/// "Two questions: what is …": what introduces is cut off from what it introduces.
fn opening(text: &str, mask: &[bool], add: &mut impl FnMut(usize, Boundary, usize)) {
    let Some(colon) = text.find(':').filter(|at| *at < OPENING_BYTES_MAX && !mask[*at]) else {
        return;
    };
    let content = text[colon + 1..].trim_start();
    let apart = text[colon + 1..].starts_with(char::is_whitespace) && !content.is_empty();
    if apart && connector(text).bytes == 0 && kind(&text[..=colon]) == Kind::Preamble {
        add(text.len() - content.len(), Boundary::Sentence, 0);
    }
}

fn ends_sentence(text: &str, at: usize, c: char, before: char, content: &str, quoted: bool) -> bool {
    let Some(next) = content.chars().next() else {
        return false;
    };
    let found = words(content, 24);
    let head = skip_polite(&found);
    let opens = opens_question(head) || is_imperative(content, head) || connector(content).bytes > 0;
    if quoted {
        return next.is_uppercase() && opens;
    }
    match c {
        ';' => true,
        // A gap ("14 over ? true") is no end.
        '?' => !before.is_whitespace() || next.is_uppercase(),
        '!' => before.is_alphanumeric() && (next.is_uppercase() || opens),
        '\u{2026}' => next.is_uppercase(),
        _ => {
            if is_abbreviation(&text[..at]) {
                return false;
            }
            next.is_uppercase() || opens || (!next.is_alphabetic() && !matches!(next, ',' | ';' | ')'))
        }
    }
}

/// Whether the full stop after `before` belongs to an abbreviation or an initial.
fn is_abbreviation(before: &str) -> bool {
    const TITLES: &[&str] = &[
        "mr", "mrs", "ms", "dr", "prof", "st", "mt", "gen", "col", "lt", "capt", "rev", "gov", "sen", "rep",
    ];
    const ABBREVIATIONS: &[&str] = &[
        "vs", "etc", "e.g", "i.e", "eg", "ie", "fig", "no", "vol", "approx", "co", "inc", "ltd", "jr", "sr",
        "hon", "cf", "al", "ca", "u.s", "u.k", "p.m", "a.m", "eq", "sec", "ch", "pp", "ed", "dept",
    ];
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"')).next().unwrap_or("");
    let lower = word.to_lowercase();
    let initial = word.chars().count() == 1 && word.chars().all(|c| c.is_uppercase() && c != 'I');
    // "no." is "number" only before a figure, which does not start a sentence either way; alone it is "no".
    // "Ms. Perez", but "15 ms."
    let title = TITLES.contains(&lower.as_str()) && word != lower;
    initial || title || ABBREVIATIONS.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::mask::protected;
    use super::*;

    fn bodies(text: &str) -> Vec<String> {
        pieces(text, &protected(text)).iter().map(|p| p.body(text).to_owned()).collect()
    }

    #[test]
    fn pieces_begin_where_parts_could() {
        for (text, expected) in [
            ("A is b. What is c?", vec!["A is b.", "What is c?"]),
            ("Ms. Perez drove 4.5 miles. How far?", vec!["Ms. Perez drove 4.5 miles.", "How far?"]),
            ("Make 14 over ? true.", vec!["Make 14 over ? true."]),
            ("1. What is a? 2. What is b?", vec!["What is a?", "What is b?"]),
            ("a) spell cat b) spell dog", vec!["spell cat", "spell dog"]),
            ("Do: (a) spell cat, (b) spell dog", vec!["Do:", "spell cat,", "spell dog"]),
            ("x\n- y\n* z", vec!["x", "y", "z"]),
            ("soft\nwrap", vec!["soft\nwrap"]),
            ("one\n\ntwo", vec!["one", "two"]),
            ("what is a\nwhat is b", vec!["what is a", "what is b"]),
            ("Who said \"Why me?\" What is b?", vec!["Who said \"Why me?\"", "What is b?"]),
            ("spell cat; spell dog", vec!["spell cat;", "spell dog"]),
            ("wait... what", vec!["wait... what"]),
        ] {
            assert_eq!(bodies(text), expected, "{text}");
        }
    }
}
