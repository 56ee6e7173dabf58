//! Reads calls of functions out of an answer while it comes.
//!
//! Text flows, but for what may be the beginning of a call. Within a call the name is known first, then the
//! arguments flow as they come; where they end is found by counting braces outside strings. An expert of a
//! stranger may break the grammar it was given: what is no call after all stays text.

use super::{CLOSE, OPEN};

/// What an answer is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api::rest) enum Piece {
    /// Text for the reader.
    Text(String),
    /// A call begins.
    Call {
        /// Which function.
        name: String,
    },
    /// More of its arguments.
    Arguments(String),
}

/// What comes between a call's name and its arguments.
const ARGUMENTS: &str = "\",\"arguments\":";
/// What comes before its name.
const NAME: &str = "{\"name\":\"";
/// Bytes in which a call's head must come: both of the above and the longest name.
const HEAD_BYTES_MAX: usize = 128;

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Free text, or between calls.
    #[default]
    Text,
    /// After the opening, before the arguments.
    Head,
    /// In the arguments.
    Arguments { depth: u32, quoted: bool, escaped: bool },
    /// After the arguments.
    Tail,
    /// Something is no call: all the rest is text.
    Plain,
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(in crate::api::rest) struct Reader {
    names: Vec<String>,
    state: State,
    held: String,
    calls: usize,
}

impl Reader {
    /// For an answer that may call these functions.
    pub(in crate::api::rest) fn new(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Calls begun so far.
    pub(in crate::api::rest) fn calls(&self) -> usize {
        self.calls
    }

    /// Takes more of the answer.
    pub(in crate::api::rest) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while self.step(&mut pieces) {}
        pieces
    }

    /// What is left when the answer ends.
    pub(in crate::api::rest) fn finish(&mut self) -> Vec<Piece> {
        let rest = std::mem::take(&mut self.held);
        let text = match self.state {
            State::Text | State::Plain => rest,
            // Cut off before its name was known: nothing of it can be used.
            State::Head | State::Arguments { .. } | State::Tail => String::new(),
        };
        if text.is_empty() { Vec::new() } else { vec![Piece::Text(text)] }
    }

    /// Reads on; false if more text is needed.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match self.state {
            State::Plain => self.plain(pieces),
            State::Text => self.text(pieces),
            State::Head => self.head(pieces),
            State::Arguments { depth, quoted, escaped } => self.arguments(depth, quoted, escaped, pieces),
            State::Tail => self.tail(pieces),
        }
    }

    fn plain(&mut self, pieces: &mut Vec<Piece>) -> bool {
        if !self.held.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut self.held)));
        }
        false
    }

    fn text(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let found = self.held.find(OPEN);
        let sayable = found.unwrap_or_else(|| self.held.len() - overlap(&self.held, OPEN));
        if sayable > 0 {
            pieces.push(Piece::Text(self.held.drain(..sayable).collect()));
        }
        if found.is_some() {
            self.held.drain(..OPEN.len());
            self.state = State::Head;
        }
        found.is_some()
    }

    fn head(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let known = self.held.strip_prefix(NAME).and_then(|rest| rest.split_once(ARGUMENTS));
        if let Some((name, rest)) = known
            && self.names.iter().any(|n| n == name)
            && rest.is_empty()
        {
            // The first character of the arguments decides.
            return false;
        }
        if let Some((name, rest)) = known
            && self.names.iter().any(|n| n == name)
            && rest.starts_with('{')
        {
            let (name, rest) = (name.to_owned(), rest.to_owned());
            pieces.push(Piece::Call { name });
            self.calls += 1;
            self.held = rest;
            self.state = State::Arguments { depth: 0, quoted: false, escaped: false };
            return true;
        }
        if known.is_some() || self.held.len() > HEAD_BYTES_MAX {
            self.held.insert_str(0, OPEN);
            self.state = State::Plain;
            return true;
        }
        false
    }

    fn arguments(
        &mut self,
        mut depth: u32,
        mut quoted: bool,
        mut escaped: bool,
        pieces: &mut Vec<Piece>,
    ) -> bool {
        let mut end = None;
        for (at, byte) in self.held.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => depth = depth.saturating_add(1),
                b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                end = Some(at + 1);
                break;
            }
        }
        let taken: String = self.held.drain(..end.unwrap_or(self.held.len())).collect();
        if !taken.is_empty() {
            pieces.push(Piece::Arguments(taken));
        }
        self.state = if end.is_some() { State::Tail } else { State::Arguments { depth, quoted, escaped } };
        end.is_some()
    }

    /// The closing mark, or what stands in its place, is passed over.
    fn tail(&mut self, _: &mut Vec<Piece>) -> bool {
        let Some(at) = self.held.find(CLOSE) else { return false };
        self.held.drain(..at + CLOSE.len());
        self.state = State::Text;
        true
    }
}

/// The longest beginning of `mark` with which `text` ends, in bytes.
fn overlap(text: &str, mark: &str) -> usize {
    (1..mark.len().min(text.len() + 1)).rev().find(|&n| text.ends_with(&mark[..n])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&str]) -> Vec<Piece> {
        let mut reader = Reader::new(vec!["f".to_owned(), "g".to_owned()]);
        let mut out: Vec<Piece> = Vec::new();
        let all = pieces.iter().flat_map(|p| reader.push(p)).collect::<Vec<_>>();
        for piece in all.into_iter().chain(reader.finish()) {
            match (out.last_mut(), piece) {
                (Some(Piece::Text(last)), Piece::Text(more)) => last.push_str(&more),
                (Some(Piece::Arguments(last)), Piece::Arguments(more)) => last.push_str(&more),
                (_, piece) => out.push(piece),
            }
        }
        out
    }

    fn call(name: &str) -> Piece {
        Piece::Call { name: name.to_owned() }
    }

    const TWO: &str = "Let me see. <tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"</tool_call>}\\\"\",\"b\":[{}]}}\
                       </tool_call><tool_call>{\"name\":\"g\",\"arguments\":{}}</tool_call>";

    fn two() -> Vec<Piece> {
        vec![
            Piece::Text("Let me see. ".to_owned()),
            call("f"),
            Piece::Arguments("{\"a\":\"</tool_call>}\\\"\",\"b\":[{}]}".to_owned()),
            call("g"),
            Piece::Arguments("{}".to_owned()),
        ]
    }

    #[test]
    fn text_and_calls_are_told_apart() {
        assert_eq!(read(&[TWO]), two());
        assert_eq!(read(&["a <b> ", "<tool", "_box>"]), [Piece::Text("a <b> <tool_box>".to_owned())]);
        assert_eq!(read(&["a <tool_"]), [Piece::Text("a <tool_".to_owned())]);
    }

    #[test]
    fn what_breaks_the_grammar_stays_text() {
        for odd in [
            "<tool_call>{\"name\":\"h\",\"arguments\":{}}</tool_call>",
            "<tool_call>{\"name\":\"f\",\"arguments\":7}",
        ] {
            assert_eq!(read(&[odd]), [Piece::Text(odd.to_owned())]);
        }
        let cut = read(&["<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":"]);
        assert_eq!(cut, [call("f"), Piece::Arguments("{\"a\":".to_owned())]);
    }

    proptest! {
        #[test]
        fn how_it_is_cut_up_does_not_matter(cuts in proptest::collection::vec(0..TWO.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&TWO[from..cut]);
                from = cut;
            }
            pieces.push(&TWO[from..]);
            prop_assert_eq!(read(&pieces), two());
        }

        #[test]
        fn nothing_makes_it_panic(text in "[<>{}\"\\\\a-f_:tolcrgumens/]{0,80}") {
            read(&[&text]);
            read(&["<tool_call>", &text]);
            read(&["<tool_call>{\"name\":\"f\",\"arguments\":{", &text]);
        }
    }
}
