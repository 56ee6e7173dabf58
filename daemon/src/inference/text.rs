//! From token pieces to text: whole characters only, and nothing of a stop string.
//!
//! A token may hold part of a character, and a stop string may be spread over several tokens. So bytes wait
//! until they make a character, and text waits while it could still be the beginning of a stop string.

/// Turns the pieces of one answer into text.
#[derive(Debug, Default)]
pub(super) struct TextStream {
    /// The beginning of a character.
    bytes: Vec<u8>,
    /// Text that may be the beginning of a stop string.
    held: String,
    stop: Vec<String>,
}

/// What became sayable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// More of the answer.
    pub(super) text: String,
    /// Whether a stop string came; the answer ends with `text`.
    pub(super) stopped: bool,
}

impl TextStream {
    pub(super) fn new(stop: Vec<String>) -> Self {
        Self { stop, ..Self::default() }
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> Said {
        self.bytes.extend_from_slice(piece);
        self.decode(false);
        if let Some(at) = self.stop.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return Said { text: std::mem::take(&mut self.held), stopped: true };
        }
        let keep = self.stop.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Said { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }

    /// What is left when the answer ends without a stop string.
    pub(super) fn finish(&mut self) -> String {
        self.decode(true);
        std::mem::take(&mut self.held)
    }

    /// Moves whole characters from `bytes` to `held`; what can never become one becomes U+FFFD.
    fn decode(&mut self, end: bool) {
        let mut rest = 0;
        for chunk in self.bytes.utf8_chunks() {
            self.held.push_str(chunk.valid());
            rest += chunk.valid().len();
            let invalid = chunk.invalid();
            let unfinished = rest + invalid.len() == self.bytes.len() && is_beginning(invalid);
            if invalid.is_empty() || (unfinished && !end) {
                break;
            }
            self.held.push(char::REPLACEMENT_CHARACTER);
            rest += invalid.len();
        }
        self.bytes.drain(..rest);
    }
}

/// Whether more bytes could make a character of these.
fn is_beginning(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// The longest proper beginning of `stop` with which `text` ends, in bytes.
fn overlap(text: &str, stop: &str) -> usize {
    let ends = stop.char_indices().map(|(at, _)| at).filter(|&at| at > 0 && at <= text.len());
    ends.filter(|&at| text.as_bytes().ends_with(&stop.as_bytes()[..at])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(pieces: &[&[u8]], stop: &[&str]) -> (Vec<String>, bool) {
        let mut stream = TextStream::new(stop.iter().map(|s| (*s).to_owned()).collect());
        let mut out = Vec::new();
        for piece in pieces {
            let said = stream.push(piece);
            out.push(said.text);
            if said.stopped {
                return (out, true);
            }
        }
        out.push(stream.finish());
        (out, false)
    }

    #[test]
    fn characters_come_whole() {
        let bytes = "aé€😀".as_bytes();
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        let (out, _) = run(&pieces, &[]);
        assert_eq!(out.concat(), "aé€😀");
        assert_eq!(out[..4], ["a", "", "é", ""]);
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        assert_eq!(
            run(&[&[0xff], b"a", &[0xe2, 0x82], b"b", &[0xf0]], &[]).0,
            ["\u{fffd}", "a", "", "\u{fffd}b", "", "\u{fffd}"]
        );
    }

    #[test]
    fn stop_strings_never_leak() {
        assert_eq!(
            run(&[b"yes\nU", b"ser", b": x"], &["\nUser:"]),
            (vec!["yes".into(), String::new(), String::new()], true)
        );
        assert_eq!(
            run(&[b"yes\nU", b"nder"], &["\nUser:"]),
            (vec!["yes".into(), "\nUnder".into(), String::new()], false)
        );
        assert_eq!(run(&[b"a", b"END"], &["END"]), (vec!["a".into(), String::new()], true));
        assert_eq!(run(&[b"ab"], &["b", "ab"]), (vec![String::new()], true));
        // The end of an answer lets go of what was held back.
        assert_eq!(run(&[b"aE", b"N"], &["END"]), (vec!["a".into(), String::new(), "EN".into()], false));
    }

    proptest! {
        #[test]
        fn cutting_into_pieces_changes_nothing(
            text in "[abc é]{0,40}", stop in prop::collection::vec("[abcé]{1,4}", 0..3), cuts in prop::collection::vec(1_usize..4, 0..80),
        ) {
            let mut pieces = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            let stops: Vec<&str> = stop.iter().map(String::as_str).collect();
            let (out, stopped) = run(&pieces, &stops);
            let first = stops.iter().filter_map(|s| text.find(s)).min();
            prop_assert_eq!(stopped, first.is_some());
            // Pieces may end a longer stop string that began earlier; what is said is never more than this.
            let said = out.concat();
            prop_assert!(text.starts_with(&said));
            prop_assert!(stops.iter().all(|s| !said.contains(s)));
            if !stopped { prop_assert_eq!(said, text); }
        }
    }
}
