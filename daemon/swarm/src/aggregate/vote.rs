//! Consensus over normalised answers: weighted plurality, after Condorcet's jury theorem (1785) and the optimal
//! weighting of Nitzan and Paroush (1982); for language models, self-consistency (Wang et al. 2022), here across
//! models rather than across samples of one.

use super::{Opinion, Verdict};
use crate::evaluation::normalise;

/// What two answers have in common when they say the same: case, spaces, quotes, a closing full stop and the
/// thousands' separators of numbers aside.
pub fn key(answer: &str) -> String {
    let text = normalise(answer);
    let mut bare = text.as_str();
    loop {
        let open = bare.trim_end_matches(['.', '!', ';', ',']).trim();
        let inner = quoted(open).unwrap_or(open);
        if inner == bare {
            break;
        }
        bare = inner;
    }
    number(bare).unwrap_or_else(|| bare.to_owned())
}

fn quoted(text: &str) -> Option<&str> {
    ['"', '\'', '`'].iter().find_map(|q| {
        let inner = text.strip_prefix(*q)?.strip_suffix(*q)?;
        (!inner.is_empty() && !inner.contains(*q)).then_some(inner)
    })
}

/// A decimal number in one form: no thousands' commas, no zeros that say nothing.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (if text.starts_with('-') { "-" } else { "" }, digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let groups: Vec<&str> = whole.split(',').collect();
    let (first, rest) = groups.split_first()?;
    let grouped = rest.is_empty() || (1..=3).contains(&first.len()) && rest.iter().all(|g| g.len() == 3);
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !grouped || first.is_empty() || !groups.iter().all(|g| is_digits(g)) || !is_digits(fraction) {
        return None;
    }
    let (whole, fraction) = (groups.concat(), fraction.trim_end_matches('0'));
    // A zero in front belongs to a code ("007", "0101"), not to a number.
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    Some(match (fraction, whole.as_str()) {
        ("", "0") => "0".to_owned(),
        ("", whole) => format!("{sign}{whole}"),
        (fraction, whole) => format!("{sign}{whole}.{fraction}"),
    })
}

/// Whether at least two voices say the same.
pub(super) fn is_agreed(opinions: &[Opinion]) -> bool {
    let keys = keys(opinions);
    (0..opinions.len()).any(|a| {
        (0..a).any(|b| keys[a] == keys[b] && !keys[a].is_empty() && opinions[a].voice != opinions[b].voice)
    })
}

/// The answer that most weight stands behind; none without opinions. Within an answer every voice counts once, with
/// its heaviest opinion. Ties go to the earlier opinion: the best by routing comes first.
pub fn vote(opinions: &[Opinion]) -> Option<Verdict> {
    let keys = keys(opinions);
    let behind: Vec<f32> = (0..opinions.len()).map(|at| weight_behind(at, opinions, &keys)).collect();
    // An empty answer is none, however many give it.
    let strength = |at: usize| if keys[at].is_empty() { -1.0 } else { behind[at] };
    let best = (0..opinions.len()).reduce(|a, b| if strength(b) > strength(a) { b } else { a })?;
    // Of those who say the same, the surest speaks.
    let chosen = (0..opinions.len())
        .filter(|at| keys[*at] == keys[best])
        .reduce(|a, b| if opinions[b].weight() > opinions[a].weight() { b } else { a })?;
    let agrees: Vec<bool> = keys.iter().map(|key| *key == keys[best]).collect();
    let firsts = (0..opinions.len()).filter(|at| !keys[..*at].contains(&keys[*at]));
    let all: f32 = firsts.map(|at| behind[at]).sum();
    let agreement = if all > 0.0 { behind[best] / all } else { 0.0 };
    Some(Verdict { chosen, agreement, agrees })
}

fn keys(opinions: &[Opinion]) -> Vec<String> {
    opinions.iter().map(|o| key(o.answer)).collect()
}

/// The weight of all voices that say what opinion `at` says.
fn weight_behind(at: usize, opinions: &[Opinion], keys: &[String]) -> f32 {
    let same = || opinions.iter().zip(keys).filter(|(_, key)| **key == keys[at]).map(|(opinion, _)| opinion);
    let mut sum = 0.0;
    for (index, opinion) in same().enumerate() {
        if same().take(index).any(|earlier| earlier.voice == opinion.voice) {
            continue;
        }
        let heaviest = same().filter(|o| o.voice == opinion.voice).map(Opinion::weight).fold(0.0, f32::max);
        sum += heaviest;
    }
    sum
}
