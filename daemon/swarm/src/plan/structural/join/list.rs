//! Tells lists of tasks from lists of choices, of data, and of questions about one passage.

use super::super::ellipsis::is_nominal;
use super::super::kind::Kind;
use super::super::segment::{Boundary, Marker, Piece};
use super::super::words::words;
use std::collections::BTreeSet;

/// Words that make an item a sentence.
const ITEM_WORDS_MIN: usize = 3;

/// Words of a question before its choices that are looked at.
const HEAD_WORDS_MAX: usize = 24;

/// Items of lists that are lists of tasks, not of choices or data.
pub(super) struct TaskLists {
    pub(super) items: BTreeSet<usize>,
}

impl TaskLists {
    pub(super) fn of(text: &str, pieces: &[Piece]) -> Self {
        let starts: Vec<(usize, Marker)> = pieces
            .iter()
            .enumerate()
            .filter_map(|(at, p)| match p.boundary {
                Boundary::Item(marker) => Some((at, marker)),
                _ => None,
            })
            .collect();
        let mut items = BTreeSet::new();
        let mut from = 0;
        while from < starts.len() {
            let marker = starts[from].1;
            let to = from + starts[from..].iter().take_while(|(_, m)| *m == marker).count();
            let run: Vec<usize> = starts[from..to].iter().map(|(at, _)| *at).collect();
            if is_task_list(text, pieces, &run, marker) {
                items.extend(run);
            }
            from = to;
        }
        Self { items }
    }
}

fn is_task_list(text: &str, pieces: &[Piece], run: &[usize], marker: Marker) -> bool {
    let ends = run.iter().skip(1).copied().chain(std::iter::once(pieces.len()));
    let asks = |(start, end): (usize, usize)| {
        let item = &pieces[start..end];
        item.iter().any(|p| p.kind.asks())
            || item.iter().skip(1).any(|p| p.kind == Kind::FollowOn)
            || run.len() > 1 && item.len() == 1 && is_nominal(item[0].body(text))
    };
    let asking = run.iter().copied().zip(ends).filter(|item| asks(*item)).count();
    let Some(first) = run.first().copied().filter(|_| asking > 0) else {
        return false;
    };
    let head: Vec<&Piece> = pieces[..first].iter().filter(|p| p.kind != Kind::Preamble).collect();
    // Nobody puts a question into a list of sentences but among others: in a prompt that is a list, fewer do.
    let sentences =
        || run.iter().all(|at| words(pieces[*at].body(text), ITEM_WORDS_MIN).len() == ITEM_WORDS_MIN);
    let strong = head.is_empty() && asking > 1 && asking * 3 >= run.len() && sentences();
    if asking * 2 < run.len() && !strong {
        return false;
    }
    let Some(last) = head.last() else {
        return true;
    };
    let head_asks = head.iter().any(|p| p.kind.asks());
    // "Translate these: 1. Where is …" takes the items as material; "Which would you ask? a) What …" as
    // choices; a passage before several questions is their common ground.
    let material = last.kind != Kind::Preamble && last.body(text).ends_with(':');
    // "Which of these is true? - Water boils at 90 °C."
    let found = words(last.body(text), HEAD_WORDS_MAX);
    let points = found.iter().any(|w| w.is_in(&["which", "what"]))
        && found.iter().any(|w| w.is_in(&["these", "those", "following"]));
    let stated = |at: &usize| {
        let item = pieces[*at].body(text).trim_end();
        item.ends_with('.') && !item.ends_with("..")
    };
    let choices = head_asks && marker == Marker::Letter || points && run.iter().all(stated);
    let ground = !head_asks && run.len() > 1;
    !(material || choices || ground)
}
