//! The planner that needs no model: cuts a prompt where its own form says that several things are asked.
//!
//! Text flows through four steps. `mask` marks what is never cut (code, quotations, brackets, formulas);
//! `segment` cuts at every place where a part could begin (sentences, lines, items, free-standing dashes); `kind` says of each piece whether it asks, follows
//! on, introduces or states; `join` puts pieces together again unless both sides clearly ask on their own, and
//! `reference` turns "it" and "the result" into dependencies. In doubt a prompt stays whole: cutting up one
//! question makes its answer worse, and leaving two together merely sends them to one expert.
//!
//! English only, on purpose: in other languages the lists of words find nothing, so a prompt is cut at its own
//! numbering or not at all.

mod clause;
mod connector;
mod ellipsis;
mod join;
mod kind;
mod mask;
mod reference;
mod seam;
mod segment;
mod words;

pub(in crate::plan) use seam::{
    Seam, asks, atoms, content_words, follows, part, refers, stands_alone, without_connector,
};

use super::{Plan, TASKS_MAX, Task};
use connector::Strength;
use kind::Kind;
use segment::{Boundary, Piece};

/// Pieces of a prompt that is still looked into: with more it is a document, whose sentences are material.
const PIECES_MAX: usize = 256;
/// Bytes of a sentence whose clauses are looked for: a long paragraph. Every joint is held against all before it, so the
/// work grows with the square of this.
const SENTENCE_BYTES_MAX: usize = 2 * 1024;

/// Cuts `prompt` into tasks. Never fails: what cannot be cut is one task, and a blank prompt is none. Texts
/// come from the prompt, but for `{{n}}` placeholders, closing punctuation, a capital at the start, and the
/// step that a tail like "…, spelled backwards" stands for.
pub fn structural(prompt: &str) -> Plan {
    let text = prompt.trim();
    if text.is_empty() {
        return Plan::whole(prompt);
    }
    let mask = mask::protected(text);
    let pieces = segment::pieces(text, &mask);
    if pieces.len() > PIECES_MAX {
        return Plan::whole(prompt);
    }
    let pieces = with_clauses(text, &mask, pieces);
    let drafts = join::drafts(text, &pieces);
    if drafts.len() < 2 || drafts.len() > TASKS_MAX {
        return Plan::whole(prompt);
    }
    let tasks = (1u32..)
        .zip(drafts)
        .map(|(id, draft)| Task { id, text: draft.text, depends_on: draft.depends_on })
        .collect();
    Plan::from_tasks(tasks).unwrap_or_else(|_| Plan::whole(prompt))
}

/// Cuts those pieces that ask into their clauses, and writes in what the parts left out.
fn with_clauses(text: &str, mask: &[bool], pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        if piece.end - piece.start > SENTENCE_BYTES_MAX {
            all.push(piece);
            continue;
        }
        for clause in clauses(text, mask, piece) {
            match complete(text, mask, &clause, all.last()) {
                Some(parts) => all.extend(parts),
                None => all.push(clause),
            }
        }
    }
    all
}

fn clauses(text: &str, mask: &[bool], piece: Piece) -> Vec<Piece> {
    let (start, end) = (piece.start, piece.end);
    let cuts = clause::cuts(&text[start..end], &mask[start..end]);
    let Some(first) = cuts.first() else {
        return vec![piece];
    };
    let head = start + first;
    let mut all = vec![Piece { end: head, kind: Kind::Ask, ..piece }];
    let ends = cuts.iter().skip(1).map(|at| start + at).chain(std::iter::once(end));
    for (at, until) in cuts.iter().zip(ends) {
        // The joint's comma is skipped here; its word is a connector.
        let from = start + at;
        let skip =
            text[from..until].len() - text[from..until].trim_start_matches([',', ';', ' ', '\n', '&']).len();
        // "…, was 1996 a leap year and …": that it asks was seen from its place beside another question.
        all.extend(Piece::new(text, Boundary::Clause, from + skip, until).map(|clause| match clause.kind {
            Kind::Statement | Kind::WeakAsk => Piece { kind: Kind::Ask, ..clause },
            _ => clause,
        }));
    }
    all
}

/// The parts of a piece that leaves words out, if it does: several phrases under one head, a phrase whose head
/// is in the piece before, or a step in a tail.
fn complete(text: &str, mask: &[bool], piece: &Piece, before: Option<&Piece>) -> Option<Vec<Piece>> {
    let (start, end) = (piece.start, piece.end);
    let body = &text[start..end];
    let part = |range: std::ops::Range<usize>, rewrite: String| Piece {
        boundary: Boundary::Clause,
        start: start + range.start,
        end: start + range.end,
        kind: Kind::Ask,
        rewrite: Some(rewrite),
        ..piece.clone()
    };
    if let Some(shared) = ellipsis::shared(body, &mask[start..end]) {
        let mut parts: Vec<Piece> = shared
            .phrases
            .into_iter()
            .map(|range| part(range.clone(), format!("{}{}", shared.head, &body[range])))
            .collect();
        parts[0] = Piece { boundary: piece.boundary, ..parts[0].clone() };
        return Some(parts);
    }
    let joined = piece.connector.strength > Strength::None || piece.boundary == Boundary::Semicolon;
    let bare = body.trim_end_matches(['?', '.', '!', ' ', ';', ',']);
    let fragment = kind::fragment::is_fragment(bare, &words::words(bare, 16));
    if joined && (fragment || piece.kind != Kind::Ask && ellipsis::is_nominal(bare)) {
        // Without a head before it, a phrase set off by a semicolon still asks for itself.
        let head = before.and_then(|p| ellipsis::head(p.body(text)));
        let head = head.or_else(|| (fragment || piece.boundary == Boundary::Semicolon).then_some(""))?;
        return Some(vec![part(0..body.len(), format!("{head}{bare}"))]);
    }
    let (at, step) = ellipsis::tail(body).filter(|_| piece.kind == Kind::Ask)?;
    if !reference::yields_thing(&body[..at]) {
        return None;
    }
    let left = Piece { end: start + at, ..piece.clone() };
    Some(vec![left, part(at..body.len(), step.to_owned())])
}

#[cfg(test)]
mod tests;
