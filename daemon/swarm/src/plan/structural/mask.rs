//! What is never cut: code, quotations, brackets and formulas, as a mask over the bytes of a prompt.

/// Bytes a quotation, bracket or formula may span: a long paragraph. An opening sign whose partner is further
/// away (or missing) protects nothing, so one stray quote cannot glue a whole prompt together, and a prompt
/// of nothing but opening signs costs a bounded look ahead for each.
const SPAN_BYTES_MAX: usize = 2_048;

/// True for each byte inside a protected span, its signs included.
pub(super) fn protected(text: &str) -> Vec<bool> {
    let mut mask = vec![false; text.len()];
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match span_end(text, at, c) {
            Some(end) => {
                mask[at..end].fill(true);
                at = end;
            }
            None => at += c.len_utf8(),
        }
    }
    mask
}

/// Whether `text` is a block of code and nothing else.
pub(super) fn is_block(text: &str) -> bool {
    let text = text.trim();
    ["```", "~~~"].iter().any(|fence| {
        let inside = text.strip_prefix(fence);
        inside
            .is_some_and(|inside| inside.find(fence).is_none_or(|close| close + fence.len() == inside.len()))
    })
}

/// Where the protected span that opens at `at` ends (exclusive), if one opens there.
fn span_end(text: &str, at: usize, c: char) -> Option<usize> {
    let rest = &text[at..];
    match c {
        '`' if rest.starts_with("```") => {
            Some(rest[3..].find("```").map_or(text.len(), |close| at + 3 + close + 3))
        }
        '~' if rest.starts_with("~~~") => {
            Some(rest[3..].find("~~~").map_or(text.len(), |close| at + 3 + close + 3))
        }
        '`' => close_of(text, at, '`', true),
        '"' => opens(text, at).then(|| quote_end(text, at, '"')).flatten(),
        '\'' => opens(text, at).then(|| quote_end(text, at, '\'')).flatten(),
        '\u{201c}' => close_of(text, at, '\u{201d}', false),
        '\u{ab}' => close_of(text, at, '\u{bb}', false),
        '(' => bracket_end(text, at, '(', ')'),
        '[' => bracket_end(text, at, '[', ']'),
        '$' => formula_end(text, at),
        _ => None,
    }
}

/// The text that a span from `at` may cover: to the end of the paragraph, at most [`SPAN_BYTES_MAX`].
fn reach(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let mut end = rest.len().min(SPAN_BYTES_MAX);
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    let near = &rest[..end];
    near.find("\n\n").map_or(near, |paragraph| &near[..paragraph])
}

fn close_of(text: &str, at: usize, close: char, one_line: bool) -> Option<usize> {
    let inside = reach(text, at);
    let mut signs = inside.char_indices().skip(1);
    let (offset, found) = signs.find(|(_, c)| *c == close || (one_line && *c == '\n'))?;
    (found == close).then(|| at + offset + close.len_utf8())
}

/// Whether a straight quote at `at` opens: nothing, a blank or a bracket before it, something after it.
fn opens(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + 1..].chars().next();
    before.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '-' | ':' | '\u{2014}'))
        && after.is_some_and(|c| !c.is_whitespace())
}

/// The partner of a straight quote: something before it, no letter or digit after it.
fn quote_end(text: &str, at: usize, quote: char) -> Option<usize> {
    let inside = reach(text, at);
    let mut previous = ' ';
    for (offset, c) in inside.char_indices().skip(1) {
        let after = text[at + offset + c.len_utf8()..].chars().next();
        if c == quote && !previous.is_whitespace() && !after.is_some_and(char::is_alphanumeric) {
            return Some(at + offset + 1);
        }
        previous = c;
    }
    None
}

fn bracket_end(text: &str, at: usize, open: char, close: char) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, c) in reach(text, at).char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(at + offset + 1);
            }
        }
    }
    None
}

/// `$…$` as in TeX: no blank just inside, on one line, and not two prices.
fn formula_end(text: &str, at: usize) -> Option<usize> {
    let rest = &reach(text, at)[1..];
    if !rest.chars().next().is_some_and(|c| !c.is_whitespace() && c != '$') {
        return None;
    }
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let close = line.find('$')?;
    let (inside, after) = (&line[..close], line[close + 1..].chars().next());
    let formula = !inside.ends_with(char::is_whitespace) && !after.is_some_and(|c| c.is_ascii_digit());
    formula.then_some(at + 1 + close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The protected parts of a text.
    fn spans(text: &str) -> Vec<String> {
        let mask = protected(text);
        let mut found: Vec<String> = Vec::new();
        let mut open = false;
        for (at, c) in text.char_indices() {
            if mask[at] {
                if !open {
                    found.push(String::new());
                }
                if let Some(last) = found.last_mut() {
                    last.push(c);
                }
            }
            open = mask[at];
        }
        found
    }

    #[test]
    fn code_quotes_brackets_and_formulas_are_protected() {
        for (text, expected) in [
            ("a ```x? y. z``` b", vec!["```x? y. z```"]),
            ("run `a; b` now", vec!["`a; b`"]),
            ("say \"Hi. You?\" now", vec!["\"Hi. You?\""]),
            ("what's the 'Sport of Kings'?", vec!["'Sport of Kings'"]),
            ("the dogs' toys and the cats' toys", vec![]),
            ("a stray \" quote. And \"more", vec![]),
            ("f(x) = (a (b) c)", vec!["(x)", "(a (b) c)"]),
            ("unclosed (a b", vec![]),
            ("let $x; y$ be", vec!["$x; y$"]),
            ("costs $5 and then $6 more", vec![]),
            ("“Quoted. Text?” said", vec!["“Quoted. Text?”"]),
            ("```open. to? end", vec!["```open. to? end"]),
        ] {
            assert_eq!(spans(text), expected, "{text}");
        }
    }
}
