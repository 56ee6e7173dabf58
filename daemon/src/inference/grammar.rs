//! Constrained decoding: which tokens may come next under a grammar (llguidance: Earley parser over a lexer of
//! regular-expression derivatives, walked along a trie of the vocabulary).
//!
//! Grammars come from others, so compiling and every step are bounded by llguidance's limits (grammar size,
//! lexer states, items a step); what goes beyond ends the task with an error, never the process. Compiling takes
//! milliseconds and is done on a blocking thread, never on the model's.

use super::Error;
use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use std::sync::Arc;

/// Lexer states of one grammar: at 2 kB each some 40 MB, a tenth of llguidance's own limit.
const LEXER_STATES_MAX: usize = 20_000;
/// Symbols in the productions of one grammar: what 64 KiB of text come to, with room.
const GRAMMAR_SIZE_MAX: usize = 100_000;

/// The texts of a model's tokens, as its thread gives them.
pub(super) struct Vocabulary {
    /// Bytes of each token; empty for those that stand for nothing. Control tokens are marked, see [`control`].
    pub(super) pieces: Vec<Vec<u8>>,
    /// Tokens that end an answer, the usual one first.
    pub(super) ends: Vec<u32>,
}

/// How a control token is written in [`Vocabulary::pieces`]: no text of a grammar matches it by chance.
pub(super) fn control(piece: &[u8]) -> Vec<u8> {
    [&[TokTrie::SPECIAL_TOKEN_MARKER], piece].concat()
}

/// Compiles grammars for one model.
pub(super) struct Compiler {
    factory: ParserFactory,
    ends: Arc<[u32]>,
}

impl Compiler {
    pub(super) fn new(vocabulary: Vocabulary) -> Result<Self, Error> {
        let Vocabulary { pieces, ends } = vocabulary;
        let end =
            *ends.first().ok_or_else(|| Error::Invalid("this model has no end-of-text token".into()))?;
        let info = TokRxInfo::new(pieces.len() as u32, end);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &pieces)));
        let mut factory =
            ParserFactory::new_simple(&environment).map_err(|error| Error::Failed(error.to_string()))?;
        factory.quiet();
        *factory.limits_mut() = ParserLimits {
            max_lexer_states: LEXER_STATES_MAX,
            max_grammar_size: GRAMMAR_SIZE_MAX,
            verbose_errors: false,
            ..ParserLimits::default()
        };
        Ok(Self { factory, ends: ends.into() })
    }

    /// Compiles a grammar in llguidance's Lark dialect.
    pub(super) fn compile(&self, text: &str) -> Result<Grammar, Error> {
        let parser = self.factory.create_parser(TopLevelGrammar::from_lark(text.to_owned()));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(error) => Err(Error::Invalid(format!("grammar: {}", first_line(&error)))),
            None => Ok(Grammar { matcher, ends: Arc::clone(&self.ends) }),
        }
    }
}

/// A compiled grammar and how far an answer has come in it.
#[derive(Clone)]
pub struct Grammar {
    matcher: Matcher,
    ends: Arc<[u32]>,
}

impl Grammar {
    /// Sets the logits of every token that may not come next to minus infinity.
    pub(super) fn mask(&mut self, logits: &mut [f32]) -> Result<(), Error> {
        let allowed = self.matcher.compute_mask().map_err(failed)?;
        let may_end = self.ends.first().is_some_and(|&end| allowed.is_allowed(end));
        for (id, logit) in (0..).zip(logits.iter_mut()) {
            let stays = allowed.is_allowed(id) || (may_end && self.ends.contains(&id));
            if !stays {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Takes a drawn token. True when the grammar is complete: nothing may follow.
    pub(super) fn consume(&mut self, id: u32) -> Result<bool, Error> {
        self.matcher.consume_token(id).map_err(failed)?;
        Ok(self.matcher.is_stopped())
    }
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grammar")
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(format!("the grammar could not be followed: {}", first_line(&error.to_string())))
}

/// Errors of the parser go on with the grammar itself.
fn first_line(error: &str) -> &str {
    error.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte is a token; the last token ends.
    fn compiler() -> Compiler {
        let mut pieces: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte]).collect();
        pieces[255] = Vec::new();
        pieces.push(control(b"<end>"));
        Compiler::new(Vocabulary { pieces, ends: vec![256] }).unwrap()
    }

    fn allowed(grammar: &mut Grammar) -> Vec<u32> {
        let mut logits = vec![0.0_f32; 257];
        grammar.mask(&mut logits).unwrap();
        (0..).zip(logits).filter(|(_, logit)| logit.is_finite()).map(|(id, _)| id).collect()
    }

    #[test]
    fn only_what_the_grammar_allows_may_come() {
        let mut grammar = compiler().compile("start: /[0-9]/ \"x\"").unwrap();
        assert_eq!(allowed(&mut grammar), (48..58).collect::<Vec<u32>>());
        assert!(!grammar.consume(50).unwrap());
        assert_eq!(allowed(&mut grammar), [u32::from(b'x')]);
        assert!(grammar.consume(u32::from(b'x')).unwrap());
    }

    #[test]
    fn a_complete_answer_may_end() {
        let mut grammar = compiler().compile("start: /[0-9]+/").unwrap();
        assert!(!grammar.consume(50).unwrap());
        let mut expected: Vec<u32> = (48..58).collect();
        expected.push(256);
        assert_eq!(allowed(&mut grammar), expected);
    }

    #[test]
    fn json_schemas_are_followed() {
        let schema = r#"start: %json {"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"],"additionalProperties":false,"x-guidance":{"whitespace_flexible":false}}"#;
        let mut grammar = compiler().compile(schema).unwrap();
        for byte in br#"{"a":"# {
            assert!(allowed(&mut grammar).contains(&u32::from(*byte)));
            grammar.consume(u32::from(*byte)).unwrap();
        }
        assert_eq!(allowed(&mut grammar), [u32::from(b'f'), u32::from(b't')]);
    }

    #[test]
    fn bad_and_monstrous_grammars_are_errors() {
        let nested = format!("start: {}\"a\"{}", "(".repeat(5_000), ")".repeat(5_000));
        let wide = format!("start: /(a|b){{1,{}}}c(a|b){{1,{}}}/", 100_000, 100_000);
        for bad in ["", "start: nowhere", "start: %json {\"type\": 7}", "start: /(/", &nested, &wide] {
            let compiled = compiler().compile(bad);
            // What compiles must still be stopped by the limits of a step.
            if let Ok(mut grammar) = compiled {
                let mut logits = vec![0.0_f32; 257];
                let _ = grammar.mask(&mut logits);
            }
        }
        for bad in ["", "start: nowhere", "start: %json {\"type\": 7}", "start: /(/"] {
            assert!(matches!(compiler().compile(bad), Err(Error::Invalid(_))), "{bad:?}");
        }
    }
}
