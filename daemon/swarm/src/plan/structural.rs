//! The planner that needs no model: cuts a prompt where its own form says that several things are asked.
//!
//! Text flows through four steps. `mask` marks what is never cut (code, quotations, brackets, formulas);
//! `segment` cuts at every place where a part could begin; `kind` says of each piece whether it asks, follows
//! on, introduces or states; `join` puts pieces together again unless both sides clearly ask on their own, and
//! `reference` turns "it" and "the result" into dependencies. In doubt a prompt stays whole: cutting up one
//! question makes its answer worse, and leaving two together merely sends them to one expert.
//!
//! English only, on purpose: in other languages the lists of words find nothing, so a prompt is cut at its own
//! numbering or not at all.

mod clause;
mod connector;
mod join;
mod kind;
mod mask;
mod reference;
mod segment;
mod words;

use super::{Plan, TASKS_MAX, Task};

/// Pieces of a prompt that is still looked into: with more it is a document, whose sentences are material.
const PIECES_MAX: usize = 256;

/// Cuts `prompt` into tasks. Never fails: what cannot be cut is one task, and a blank prompt is none. Texts
/// come from the prompt, but for `{{n}}` placeholders, closing punctuation and a capital at the start.
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

/// Cuts those pieces that ask into their clauses.
fn with_clauses(text: &str, mask: &[bool], pieces: Vec<segment::Piece>) -> Vec<segment::Piece> {
    let mut all = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let (start, end) = (piece.start, piece.end);
        let cuts = clause::cuts(piece.body(text), &mask[start..end]);
        let Some(first) = cuts.first() else {
            all.push(piece);
            continue;
        };
        let head = start + first;
        all.push(segment::Piece { end: head, kind: kind::kind(&text[start..head]), ..piece });
        let ends = cuts.iter().skip(1).map(|at| start + at).chain(std::iter::once(end));
        for (at, until) in cuts.iter().zip(ends) {
            // The joint's comma is skipped here; its word is a connector.
            let from = start + at;
            let skip = text[from..until].len() - text[from..until].trim_start_matches([',', ';', ' ', '\n', '&']).len();
            all.extend(segment::Piece::new(text, segment::Boundary::Clause, from + skip, until));
        }
    }
    all
}

#[cfg(test)]
mod tests;
