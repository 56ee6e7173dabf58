//! From a conversation to tokens.
//!
//! The template's special tokens must become special; the same characters inside a message must not, or
//! whoever writes a message could end his turn and begin another's. So before rendering, every text of a
//! control token inside a message gives way to a mark, and after it the marks are tokenised as plain text.

use super::grammar::{self, Vocabulary};
use super::template::Template;
use super::{Error, gguf};
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use polymath_swarm::task::Message;

/// Begin and end of a mark: noncharacters of Unicode, which no message needs.
const MARK: (char, char) = ('\u{fdd0}', '\u{fdd1}');

/// A conversation as the model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// After the chat template.
    pub text: String,
    /// After tokenisation.
    pub ids: Vec<u32>,
}

/// Template and vocabulary of one model.
pub(super) struct Prompter<'m> {
    vocab: LlamaVocab<'m>,
    template: Template,
    /// Texts of the control tokens, longest first.
    control: Vec<String>,
}

impl<'m> Prompter<'m> {
    /// Fails with the reason if the template does not compile.
    pub(super) fn new(model: &'m LlamaModel, header: &gguf::Header) -> Result<Self, String> {
        let vocab = model.vocab();
        let text = |token: LlamaToken| {
            let piece = if token.0 < 0 { Vec::new() } else { vocab.token_to_piece(token, true, None) };
            String::from_utf8_lossy(&piece).into_owned()
        };
        let ids = (0..vocab.n_tokens()).map(LlamaToken::new);
        let mut control: Vec<String> = ids.filter(|&id| vocab.is_control(id)).map(text).collect();
        // Digits would be found inside the marks themselves.
        control.retain(|text| !text.bytes().all(|b| b.is_ascii_digit()));
        control.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let source = header.text("tokenizer.chat_template");
        let template = Template::new(source, text(vocab.bos()), text(vocab.eos()))?;
        Ok(Self { vocab, template, control })
    }

    pub(super) fn vocab(&self) -> &LlamaVocab<'m> {
        &self.vocab
    }

    /// The texts of all tokens, for grammars.
    pub(super) fn vocabulary(&self) -> Vocabulary {
        let vocab = &self.vocab;
        let ids = || (0..vocab.n_tokens()).map(LlamaToken::new);
        let piece = |token: LlamaToken| {
            let piece = vocab.token_to_piece(token, true, None);
            if vocab.is_control(token) { grammar::control(&piece) } else { piece }
        };
        let mut ends: Vec<u32> = ids().filter(|&token| vocab.is_eog(token)).map(|t| t.0 as u32).collect();
        ends.sort_by_key(|&id| id as i32 != vocab.eos().0);
        Vocabulary { pieces: ids().map(piece).collect(), ends }
    }

    /// Applies the template and tokenises.
    pub(super) fn prompt(&self, messages: &[Message]) -> Result<(String, Vec<LlamaToken>), Error> {
        let hidden: Vec<Message> = messages
            .iter()
            .map(|m| Message { role: hide(&m.role, &self.control), content: hide(&m.content, &self.control) })
            .collect();
        let rendered = self.template.render(&hidden).map_err(Error::Template)?;
        let mut text = String::with_capacity(rendered.len());
        let mut tokens = Vec::new();
        for (part, plain) in parts(&rendered, &self.control) {
            text.push_str(part);
            self.vocab.tokenize_into(part.as_bytes(), &mut tokens, false, !plain);
        }
        // Templates write the beginning-of-text token or leave it to the tokenizer.
        let bos = self.vocab.bos();
        if self.vocab.should_add_bos() && bos.0 >= 0 && tokens.first() != Some(&bos) {
            tokens.insert(0, bos);
        }
        if tokens.is_empty() {
            return Err(Error::Template("it rendered nothing".into()));
        }
        Ok((text, tokens))
    }
}

/// Puts marks in place of the control tokens' texts; marks of others become U+FFFD.
fn hide(text: &str, control: &[String]) -> String {
    let mut out = text.replace([MARK.0, MARK.1], "\u{fffd}");
    for (i, special) in control.iter().enumerate() {
        if out.contains(special.as_str()) {
            out = out.replace(special.as_str(), &format!("{}{i}{}", MARK.0, MARK.1));
        }
    }
    out
}

/// The rendered text in parts, with the marks resolved; true for what must be tokenised as plain text.
fn parts<'a>(rendered: &'a str, control: &'a [String]) -> Vec<(&'a str, bool)> {
    let mut out = Vec::new();
    let mut rest = rendered;
    while let Some((before, marked)) = rest.split_once(MARK.0) {
        let Some((index, after)) = marked.split_once(MARK.1) else { break };
        out.push((before, false));
        // A template that changed a mark (to upper case, say) cannot have changed digits.
        if let Some(special) = index.parse::<usize>().ok().and_then(|i| control.get(i)) {
            out.push((special.as_str(), true));
        }
        rest = after;
    }
    out.push((rest, false));
    out.retain(|(part, _)| !part.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_tokens_in_messages_are_plain_text() {
        let control = vec!["<|im_end|>".to_owned(), "</s>".to_owned(), "1".to_owned()];
        let hidden = hide("a<|im_end|>b</s>", &control[..2]);
        assert!(!hidden.contains("im_end") && !hidden.contains("</s>"));
        let rendered = format!("<|im_end|>{hidden}\n");
        assert_eq!(
            parts(&rendered, &control[..2]),
            [("<|im_end|>a", false), ("<|im_end|>", true), ("b", false), ("</s>", true), ("\n", false)]
        );
        assert_eq!(parts("plain", &control), [("plain", false)]);
    }

    #[test]
    fn forged_marks_do_not_count() {
        let control = vec!["</s>".to_owned()];
        let forged = format!("{}0{}", MARK.0, MARK.1);
        assert_eq!(hide(&forged, &control), "\u{fffd}0\u{fffd}");
        assert_eq!(parts(&format!("{}9{}x", MARK.0, MARK.1), &control), [("x", false)]);
    }
}
