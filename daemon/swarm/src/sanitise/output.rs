//! Others' text made harmless to look at: no terminal commands, no reordering, nothing hidden, no endless
//! repetition, no endless length.

/// Bytes kept of one answer: sixteen times the longest answer a small expert's context can hold.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// Times a character may follow itself: a line across a page, longer than any rule people draw by hand.
const RUN_MAX: usize = 200;
/// Times a line may follow itself: a poem's refrain, a column of equal figures; beyond it, a stuck model.
const LINE_REPEATS_MAX: usize = 20;
/// Marks that may sit on one base character: living scripts need three or four; stacks of them overrun the
/// lines above and below.
const MARKS_MAX: usize = 6;
/// Characters of a terminal string sequence (OSC, DCS, …) before it counts as unterminated, so that one stray
/// introducer cannot swallow an answer.
const SEQUENCE_CHARACTERS_MAX: usize = 4_096;

/// Cleans the text of an expert or a peer: terminal escape sequences go whole (CSI, OSC and the other string
/// sequences, in their 7- and 8-bit forms), and so do control characters but `\n` and `\t`, bidirectional
/// overrides, invisible characters (joiners that scripts and emoji need stay between visible characters), and
/// what repeats or runs on beyond reason. Line ends become `\n`.
///
/// Works on whole answers; a stream is cleaned by cleaning what has arrived so far.
pub fn output(text: &str) -> String {
    let plain = without_sequences(text);
    let mut clean = String::with_capacity(plain.len().min(OUTPUT_BYTES_MAX));
    let (mut last, mut run, mut marks) = (None, 0usize, 0usize);
    let mut characters = plain.chars().peekable();
    while let Some(c) = characters.next() {
        let c = match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                '\n'
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            c => c,
        };
        let joins = is_joiner(c)
            && last.is_some_and(is_visible)
            && characters.peek().copied().is_some_and(is_visible);
        if !(c == '\n'
            || c == '\t'
            || c == ' '
            || joins
            || is_visible(c)
            || c.is_whitespace() && !c.is_control())
        {
            continue;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        run = if last == Some(c) { run + 1 } else { 1 };
        last = Some(c);
        if run > RUN_MAX || marks > MARKS_MAX {
            continue;
        }
        if clean.len() + c.len_utf8() > OUTPUT_BYTES_MAX {
            break;
        }
        clean.push(c);
    }
    without_repeated_lines(&clean)
}

/// Whether a person would see something (or the character shapes a visible neighbour).
pub(super) fn is_visible(c: char) -> bool {
    !(c.is_control() || c.is_whitespace() || is_bidi_control(c) || is_hidden(c))
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Zero-width joiner and non-joiner: needed in Persian, Indic scripts and emoji.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Invisible characters: zero-width spaces and joiners, fillers, interlinear annotation, tags (in which text
/// can be smuggled to a model), deprecated format characters.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Combining diacritical marks: those that stack.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Removes ECMA-48 control sequences, whole.
fn without_sequences(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\u{1b}' => after_escape(after),
            '\u{9b}' => after_csi(after),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => after_string(after),
            c => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// What follows ESC and its sequence.
fn after_escape(text: &str) -> &str {
    let Some(kind) = text.chars().next() else {
        return text;
    };
    let after = &text[kind.len_utf8()..];
    match kind {
        '[' => after_csi(after),
        'P' | 'X' | ']' | '^' | '_' => after_string(after),
        // Intermediate bytes, then one final byte: character sets and the like.
        ' '..='/' => {
            let tail = after.trim_start_matches(|c| matches!(c, ' '..='/'));
            tail.strip_prefix(|c: char| matches!(c, '0'..='~')).unwrap_or(tail)
        }
        '0'..='~' => after,
        _ => text,
    }
}

/// Parameters and intermediates, then one final byte.
fn after_csi(text: &str) -> &str {
    let tail = text.trim_start_matches(|c| matches!(c, ' '..='?'));
    tail.strip_prefix(|c: char| matches!(c, '@'..='~')).unwrap_or(tail)
}

/// Up to BEL or the string terminator; an unterminated one ends at its line's end.
fn after_string(text: &str) -> &str {
    for (index, (at, c)) in text.char_indices().enumerate() {
        match c {
            '\u{7}' | '\u{9c}' => return &text[at + c.len_utf8()..],
            '\u{1b}' => return text[at + 1..].strip_prefix('\\').unwrap_or(&text[at..]),
            '\n' | '\r' => return &text[at..],
            _ if index >= SEQUENCE_CHARACTERS_MAX => return &text[at..],
            _ => {}
        }
    }
    ""
}

fn without_repeated_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut last, mut repeats) = ("", 0usize);
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        repeats = if bare == last { repeats + 1 } else { 1 };
        last = bare;
        if repeats <= LINE_REPEATS_MAX {
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_commands_a_terminal_or_hides_is_removed() {
        for (raw, clean) in [
            ("plain\ttext\r\nnext\rlast", "plain\ttext\nnext\nlast"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{9b}2Jgone", "gone"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\b", "alinkb"),
            ("a\u{9d}52;c;AAAA\u{9c}b", "ab"),
            ("a\u{1b}Pq#0\u{1b}\\b", "ab"),
            ("a\u{1b}(Bb\u{1b}7c\u{1b}", "abc"),
            ("a\u{1b}]unterminated\nb", "a\nb"),
            ("user\u{202e}gpj.exe", "usergpj.exe"),
            ("pass\u{200b}word\u{2060}", "password"),
            ("tag\u{e0041}\u{e0042}", "tag"),
            ("bell\u{7}back\u{8}space\u{0}", "bellbackspace"),
            ("👩\u{200d}👧", "👩\u{200d}👧"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("dangling\u{200d}", "dangling"),
        ] {
            assert_eq!(output(raw), clean, "{raw:?}");
        }
    }

    #[test]
    fn what_never_ends_is_ended() {
        assert_eq!(output(&"a".repeat(10_000)).len(), RUN_MAX);
        assert_eq!(output(&"again\n".repeat(500)).lines().count(), LINE_REPEATS_MAX);
        assert_eq!(output(&format!("e{}", "\u{301}".repeat(90))).chars().count(), 1 + MARKS_MAX);
        let long: String = (0..200_000).map(|i| format!("{i} ")).collect();
        assert!(output(&long).len() <= OUTPUT_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_harmless(
            text in "(\\PC|[\\x1b\\[\\]\\x07;0-9mP\\\\\\r\\n\\u{9b}\\u{9d}\\u{202e}\\u{200d}]){0,60}"
        ) {
            let clean = output(&text);
            prop_assert!(!clean.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || is_bidi_control(c)));
        }
    }
}
