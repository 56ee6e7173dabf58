//! One choice of a reply while it comes: its text, the tokens that belong to it, its calls of functions.

use super::{Finish, Step};
use crate::api::rest::tools::Offered;
use crate::api::rest::tools::calls::{Piece, Reader};
use polymath_swarm::task::TokenLogprobs;
use std::collections::VecDeque;

/// One choice.
pub(super) struct Choice {
    number: u32,
    reader: Option<Reader>,
    /// Tokens whose text has not been said, each with the byte of the answer at which it begins.
    waiting: VecDeque<(usize, TokenLogprobs)>,
    /// Bytes of the answer's tokens so far.
    drawn: usize,
    /// Bytes of the answer said so far.
    said: usize,
    alternatives: usize,
    ended: bool,
}

impl Choice {
    pub(super) fn new(number: u32, tools: Option<&Offered>, alternatives: usize) -> Self {
        let reader = tools.map(|t| Reader::new(t.callable().map(|f| f.name.clone()).collect()));
        Self { number, reader, waiting: VecDeque::new(), drawn: 0, said: 0, alternatives, ended: false }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// An expert begins; what one before it drew without saying anything is void.
    pub(super) fn started(&mut self) {
        self.waiting.clear();
        self.drawn = self.said;
    }

    /// Takes tokens, which come before their text.
    pub(super) fn tokens(&mut self, tokens: Vec<TokenLogprobs>) {
        for mut token in tokens {
            token.top.truncate(self.alternatives);
            token.pieces.truncate(1 + self.alternatives);
            let bytes = token.pieces.first().map_or(0, Vec::len);
            self.waiting.push_back((self.drawn, token));
            self.drawn += bytes;
        }
    }

    /// Takes more of the answer.
    pub(super) fn text(&mut self, text: &str) -> Vec<Step> {
        match &mut self.reader {
            None => vec![self.say(text.to_owned())],
            Some(reader) => {
                let pieces = reader.push(text);
                self.read(pieces)
            }
        }
    }

    /// Takes the end.
    pub(super) fn end(&mut self, finish: Finish) -> Vec<Step> {
        let pieces = self.reader.as_mut().map(Reader::finish).unwrap_or_default();
        let mut steps = self.read(pieces);
        let calls = self.reader.as_ref().map_or(0, Reader::calls);
        // Tokens of a text that came before them. Those of a stop string begin where the text ends.
        if calls == 0 && self.begins_in_text() {
            steps.push(self.say(String::new()));
        }
        let finish = if calls > 0 && finish == Finish::Stop { Finish::ToolCalls } else { finish };
        self.ended = true;
        steps.push(Step::Ended { choice: self.number, finish });
        steps
    }

    fn read(&mut self, pieces: Vec<Piece>) -> Vec<Step> {
        let choice = self.number;
        // The last call begun is the one whose arguments come; the reader has counted those of all pieces.
        let begun = pieces.iter().filter(|p| matches!(p, Piece::Call { .. })).count();
        let mut calls = self.reader.as_ref().map_or(0, Reader::calls).saturating_sub(begun);
        let mut steps = Vec::with_capacity(pieces.len());
        for piece in pieces {
            steps.push(match piece {
                Piece::Text(text) => self.say(text),
                Piece::Call { name } => {
                    calls += 1;
                    let id = crate::api::rest::unique("call_");
                    Step::Call { choice, call: calls - 1, id, name }
                }
                Piece::Arguments(text) => Step::Arguments { choice, call: calls.saturating_sub(1), text },
            });
        }
        steps
    }

    /// The text with the tokens that begin in it. Tokens of a stop string, or of a call, begin in none.
    fn say(&mut self, text: String) -> Step {
        self.said += text.len();
        let mut tokens = Vec::new();
        while self.begins_in_text() {
            tokens.extend(self.waiting.pop_front().map(|(_, token)| token));
        }
        Step::Text { choice: self.number, text, tokens }
    }

    /// Whether the next token begins in what has been said.
    fn begins_in_text(&self) -> bool {
        self.waiting.front().is_some_and(|(start, _)| *start < self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(piece: &str) -> TokenLogprobs {
        TokenLogprobs { logprob: -0.5, top: vec![(1, -0.5)], pieces: vec![piece.into(), b"x".to_vec()] }
    }

    fn pieces(step: &Step) -> (String, Vec<String>) {
        let Step::Text { text, tokens, .. } = step else { panic!("{step:?}") };
        let piece = |t: &TokenLogprobs| String::from_utf8(t.pieces[0].clone()).unwrap();
        (text.clone(), tokens.iter().map(piece).collect())
    }

    #[test]
    fn tokens_go_with_the_text_that_begins_with_them() {
        let mut choice = Choice::new(0, None, 0);
        choice.tokens(vec![token("Par"), token("is ")]);
        assert_eq!(pieces(&choice.text("Pa")[0]), ("Pa".to_owned(), vec!["Par".to_owned()]));
        assert_eq!(pieces(&choice.text("ris ")[0]).1, ["is "]);
        // A stop string: its tokens came, its text does not.
        choice.tokens(vec![token("END")]);
        let steps = choice.end(Finish::Stop);
        assert!(matches!(steps[..], [Step::Ended { finish: Finish::Stop, .. }]), "{steps:?}");
    }

    #[test]
    fn tokens_that_come_after_their_text_are_told_at_the_end() {
        let mut choice = Choice::new(0, None, 0);
        choice.tokens(vec![token("Par")]);
        assert_eq!(pieces(&choice.text("Paris")[0]).1, ["Par"]);
        choice.tokens(vec![token("is"), token("END")]);
        let steps = choice.end(Finish::Stop);
        assert_eq!(pieces(&steps[0]), (String::new(), vec!["is".to_owned()]));
        assert!(matches!(steps[1..], [Step::Ended { finish: Finish::Stop, .. }]), "{steps:?}");
    }

    #[test]
    fn what_an_expert_drew_in_vain_is_forgotten() {
        let mut choice = Choice::new(0, None, 0);
        choice.tokens(vec![token("a")]);
        choice.started();
        choice.tokens(vec![token("b")]);
        assert_eq!(pieces(&choice.text("b")[0]).1, ["b"]);
    }
}
