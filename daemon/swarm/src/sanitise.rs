//! The door for text: what a person asks before anything looks at it, and what others' models say before a
//! terminal, a page or another model sees it.
//!
//! Text stays text: nothing is escaped or translated for one particular display here.

mod output;

pub use output::{Cleaner, OUTPUT_BYTES_MAX, output};

/// Bytes of a prompt: about 16,000 tokens of English, more than the context of most small experts, and a
/// quarter of what an offer may carry.
pub const PROMPT_BYTES_MAX: usize = 64 * 1024;

/// Why a prompt is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SanitiseError {
    /// Nothing visible in it.
    #[error("the prompt is empty")]
    Empty,
    /// Too long.
    #[error("the prompt has {bytes} bytes; at most {max} are accepted")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// [`PROMPT_BYTES_MAX`].
        max: usize,
    },
}

/// Lets a prompt in: line ends become `\n`, control characters other than `\n` and `\t` go, and so do
/// surrounding blanks. Refuses one over [`PROMPT_BYTES_MAX`] (before looking at it) and one with nothing left.
pub fn prompt(text: &str) -> Result<String, SanitiseError> {
    if text.len() > PROMPT_BYTES_MAX {
        return Err(SanitiseError::TooLarge { bytes: text.len(), max: PROMPT_BYTES_MAX });
    }
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                clean.push('\n');
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' => clean.push('\n'),
            '\n' | '\t' => clean.push(c),
            '\u{feff}' => {}
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    let clean = clean.trim();
    if !clean.chars().any(output::is_visible) {
        return Err(SanitiseError::Empty);
    }
    Ok(clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prompts_are_let_in_clean() {
        for (raw, clean) in [
            ("  hi \n", "hi"),
            ("a\r\nb\rc\u{2028}d", "a\nb\nc\nd"),
            ("a\tb", "a\tb"),
            ("a\u{0}\u{7}\u{1b}[31mb\u{9b}c\u{7f}", "a[31mbc"),
            ("\u{feff}Größe?", "Größe?"),
        ] {
            assert_eq!(prompt(raw).unwrap(), clean);
        }
    }

    #[test]
    fn prompts_without_content_and_too_large_ones_are_refused() {
        for blank in ["", "  \n\t", "\u{0}\u{1}\u{7f}", "\u{feff}", "\u{200b}\u{200d}"] {
            assert_eq!(prompt(blank), Err(SanitiseError::Empty), "{blank:?}");
        }
        let error = prompt(&"x".repeat(10_000_000)).unwrap_err();
        assert_eq!(error.to_string(), "the prompt has 10000000 bytes; at most 65536 are accepted");
        assert!(prompt(&"x".repeat(PROMPT_BYTES_MAX)).is_ok());
    }

    proptest! {
        #[test]
        fn letting_in_twice_changes_nothing(text in "\\PC{0,40}|.{0,40}|[\\r\\n\\t\\x00-\\x20a]{0,20}") {
            if let Ok(once) = prompt(&text) {
                prop_assert!(!once.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
                prop_assert_eq!(prompt(&once), Ok(once));
            }
        }
    }
}
