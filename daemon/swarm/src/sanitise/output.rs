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
/// For whole texts; a stream is cleaned by a [`Cleaner`].
pub fn output(text: &str) -> String {
    let mut cleaner = Cleaner::default();
    let mut clean = cleaner.push(text);
    clean.push_str(&cleaner.finish());
    clean
}

/// Cleans a text that comes in pieces as [`output`] cleans the whole: what it gives, put together, is the same wherever the text was cut. It holds
/// back no more than a joiner whose neighbour has not come, and a line that may be one repetition too many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaner {
    sequence: Sequence,
    /// A carriage return was the last thing that came: a line feed belongs to it.
    after_return: bool,
    joiner: Option<char>,
    last: Option<char>,
    run: usize,
    marks: usize,
    bytes: usize,
    lines: Lines,
}

/// Where in an ECMA-48 control sequence the text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sequence {
    /// In none.
    #[default]
    Outside,
    /// After ESC.
    Escape,
    /// After ESC and intermediate bytes: one final byte ends it (character sets and the like).
    Intermediate,
    /// After CSI: parameters and intermediates, then one final byte.
    Control,
    /// After OSC, DCS and their like, for so many characters: up to BEL or the string terminator. An unterminated one ends at its line's end.
    String(usize),
    /// After ESC in one of those: a backslash ends it.
    StringEscape,
}

impl Cleaner {
    /// Takes more of the text; what of it, and of what was held back, can be shown.
    pub fn push(&mut self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        text.chars().for_each(|c| self.take(c, &mut clean));
        clean
    }

    /// Takes the end; what was held back and is to be shown.
    pub fn finish(&mut self) -> String {
        let rest = self.lines.finish();
        *self = Self::default();
        rest
    }

    /// Removes control sequences, whole.
    fn take(&mut self, c: char, clean: &mut String) {
        let outside = Sequence::Outside;
        self.sequence = match (self.sequence, c) {
            (Sequence::Outside | Sequence::Escape, '\u{1b}') => Sequence::Escape,
            (Sequence::Outside, '\u{9b}') | (Sequence::Escape, '[') => Sequence::Control,
            (Sequence::Outside, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}')
            | (Sequence::Escape, 'P' | 'X' | ']' | '^' | '_') => Sequence::String(0),
            (Sequence::Escape | Sequence::Intermediate, ' '..='/') => Sequence::Intermediate,
            (Sequence::Escape | Sequence::Intermediate, '0'..='~') => outside,
            (Sequence::Control, ' '..='?') => Sequence::Control,
            (Sequence::Control, '@'..='~') => outside,
            (Sequence::String(_), '\u{7}' | '\u{9c}') | (Sequence::StringEscape, '\\') => outside,
            (Sequence::String(_), '\u{1b}') => Sequence::StringEscape,
            (Sequence::String(count), c) if c != '\n' && c != '\r' && count < SEQUENCE_CHARACTERS_MAX => {
                Sequence::String(count + 1)
            }
            (Sequence::Outside, c) => {
                self.show(c, clean);
                outside
            }
            // What cannot be in such a sequence ends it, and is what it is outside; after ESC in a string, what it is after ESC.
            (broken, c) => {
                self.sequence = if broken == Sequence::StringEscape { Sequence::Escape } else { outside };
                return self.take(c, clean);
            }
        };
    }

    /// Removes what hides or reorders.
    fn show(&mut self, c: char, clean: &mut String) {
        let is_second = std::mem::take(&mut self.after_return) && c == '\n';
        let joiner = self.joiner.take().filter(|_| is_visible(c));
        if let Some(joiner) = joiner {
            self.count(joiner, clean);
        }
        if is_second {
            return;
        }
        self.after_return = c == '\r';
        let c = if matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') { '\n' } else { c };
        if is_joiner(c) {
            self.joiner = self.last.is_some_and(is_visible).then_some(c);
        } else if c == '\n' || c == '\t' || is_visible(c) || c.is_whitespace() && !c.is_control() {
            self.count(c, clean);
        }
    }

    /// Ends what never ends.
    fn count(&mut self, c: char, clean: &mut String) {
        self.marks = if is_mark(c) { self.marks + 1 } else { 0 };
        self.run = if self.last == Some(c) { self.run + 1 } else { 1 };
        self.last = Some(c);
        if self.run > RUN_MAX || self.marks > MARKS_MAX {
            return;
        }
        self.bytes = self.bytes.saturating_add(c.len_utf8());
        if self.bytes <= OUTPUT_BYTES_MAX {
            self.lines.push(c, clean);
        } else {
            // Nothing shorter comes after it either.
            self.bytes = usize::MAX;
        }
    }
}

/// The line that comes, and how often the one before it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lines {
    line: String,
    before: String,
    repeats: usize,
    /// Whether this one, after as many as may be alike, differs from them.
    differs: bool,
}

impl Lines {
    fn push(&mut self, c: char, clean: &mut String) {
        self.line.push(c);
        let is_held = self.is_held();
        if !is_held {
            clean.push(c);
        }
        if c != '\n' {
            if is_held && !self.may_repeat() {
                self.differs = true;
                clean.push_str(&self.line);
            }
            return;
        }
        let line = std::mem::take(&mut self.line);
        if line.trim() == self.before {
            self.repeats += 1;
        } else {
            if is_held {
                clean.push_str(&line);
            }
            self.repeats = 1;
            line.trim().clone_into(&mut self.before);
        }
        self.differs = false;
    }

    /// Whether nothing of this line is shown yet.
    fn is_held(&self) -> bool {
        self.repeats >= LINE_REPEATS_MAX && !self.differs
    }

    /// Whether it may still become what the one before it was.
    fn may_repeat(&self) -> bool {
        let begun = self.line.trim_start();
        self.before.starts_with(begun) || begun.trim_end() == self.before
    }

    fn finish(&mut self) -> String {
        let is_shown = self.is_held() && self.line.trim() != self.before;
        if is_shown { std::mem::take(&mut self.line) } else { String::new() }
    }
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

    #[test]
    fn a_line_that_may_be_one_too_many_waits_for_its_end() {
        let mut cleaner = Cleaner::default();
        assert_eq!(cleaner.push(&"again\n".repeat(LINE_REPEATS_MAX)).lines().count(), LINE_REPEATS_MAX);
        assert_eq!(cleaner.push("aga"), "");
        assert_eq!(cleaner.push("in\nag"), "");
        assert_eq!(cleaner.push("es"), "ages");
        assert_eq!(cleaner.push(" ago\na") + &cleaner.finish(), " ago\na");
    }

    proptest! {
        #[test]
        fn wherever_a_text_is_cut_it_is_cleaned_alike(
            pieces in prop::collection::vec(
                "([ab\\n]|again\n|\\PC|[\\x1b\\[\\]\\x07;0-9mP\\\\\\r\\n\\u{9b}\\u{9d}\\u{9c}\\u{202e}\\u{200d}\\u{301}\\u{2028}]){0,12}",
                0..12,
            ),
            times in 1usize..40,
        ) {
            let whole = pieces.concat().repeat(times);
            let mut cleaner = Cleaner::default();
            let mut clean: String = (0..times).flat_map(|_| &pieces).map(|piece| cleaner.push(piece)).collect();
            clean.push_str(&cleaner.finish());
            prop_assert_eq!(clean, output(&whole));
        }

        #[test]
        fn what_comes_out_is_harmless(
            text in "(\\PC|[\\x1b\\[\\]\\x07;0-9mP\\\\\\r\\n\\u{9b}\\u{9d}\\u{202e}\\u{200d}]){0,60}"
        ) {
            let clean = output(&text);
            prop_assert!(!clean.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || is_bidi_control(c)));
        }
    }
}
