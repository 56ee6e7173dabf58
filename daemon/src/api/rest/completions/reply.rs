//! The reply of the older interface, whole or in chunks of the same shape.

use crate::api::rest::course::{Course, Step};
use crate::api::rest::extension::{Note, Report};
use crate::api::rest::wishes::StreamOptions;
use crate::api::rest::{chat, unique, unix_seconds};
use crate::api::table::Fault;
use crate::coordinator;
use polymath_swarm::task::TokenLogprobs;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What OpenAI writes for a token that is as good as impossible; JSON has no infinity.
const LOGPROB_MIN: f32 = -9_999.0;

/// Texts, or in a stream what is new of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::api::rest) struct Completion {
    /// Its name.
    id: String,
    /// `text_completion`.
    object: &'static str,
    /// Unix seconds.
    created: u64,
    /// The model asked for.
    model: String,
    /// The texts.
    choices: Vec<CompletionChoice>,
    /// Tokens used; in a stream, if asked for, in the last chunk, and null in the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<chat::Usage>)]
    usage: Option<Option<chat::Usage>>,
    /// What the swarm did: a report, or in a stream a note.
    #[serde(skip_serializing_if = "Option::is_none")]
    polymath: Option<Told>,
}

/// What is told of the swarm.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Told {
    /// All of it.
    Report(Report),
    /// What has just happened.
    Note(Note),
}

/// One text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CompletionChoice {
    /// Which.
    index: u32,
    /// The text.
    text: String,
    /// The tokens' log-probabilities, if asked for.
    logprobs: Option<LegacyLogprobs>,
    /// `stop` or `length`; null while it goes on.
    finish_reason: Option<&'static str>,
}

/// Log-probabilities as parallel lists.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct LegacyLogprobs {
    /// The tokens.
    tokens: Vec<String>,
    /// Of each token.
    token_logprobs: Vec<f32>,
    /// The likeliest at its place.
    top_logprobs: Vec<Map<String, Value>>,
    /// The character at which each begins.
    text_offset: Vec<usize>,
}

impl LegacyLogprobs {
    fn push(&mut self, token: &TokenLogprobs, offset: &mut usize) {
        let mut pieces = token.pieces.iter().map(|p| String::from_utf8_lossy(p).into_owned());
        let text = pieces.next().unwrap_or_default();
        let mut top = Map::new();
        for (piece, &(_, logprob)) in pieces.zip(&token.top) {
            top.insert(piece, Value::from(logprob.max(LOGPROB_MIN)));
        }
        self.text_offset.push(*offset);
        *offset += text.chars().count();
        self.tokens.push(text);
        self.token_logprobs.push(token.logprob.max(LOGPROB_MIN));
        self.top_logprobs.push(top);
    }
}

/// Writes one reply.
pub(super) struct Writer {
    id: String,
    created: u64,
    model: String,
    logprobs: bool,
    /// Characters of each text's tokens so far.
    offsets: Vec<usize>,
}

impl Writer {
    pub(super) fn new(model: String, logprobs: bool) -> Self {
        Self { id: unique("cmpl-"), created: unix_seconds(), model, logprobs, offsets: Vec::new() }
    }

    fn reply(&self, choices: Vec<CompletionChoice>) -> Completion {
        Completion {
            id: self.id.clone(),
            object: "text_completion",
            created: self.created,
            model: self.model.clone(),
            choices,
            usage: None,
            polymath: None,
        }
    }

    fn choice(&self, index: u32) -> CompletionChoice {
        let logprobs = self.logprobs.then(LegacyLogprobs::default);
        CompletionChoice { index, text: String::new(), logprobs, finish_reason: None }
    }

    fn note_tokens(&mut self, choice: &mut CompletionChoice, tokens: &[TokenLogprobs]) {
        let index = choice.index as usize;
        if self.offsets.len() <= index {
            self.offsets.resize(index + 1, 0);
        }
        if let (Some(logprobs), Some(offset)) = (&mut choice.logprobs, self.offsets.get_mut(index)) {
            tokens.iter().for_each(|token| logprobs.push(token, offset));
        }
    }

    /// The chunk of a step, if there is one.
    pub(super) fn chunk(&mut self, step: Step, options: StreamOptions) -> Option<Completion> {
        let chunk = match step {
            Step::Text { choice, text, tokens } => {
                let mut choice = self.choice(choice);
                choice.text = text;
                self.note_tokens(&mut choice, &tokens);
                Some(self.reply(vec![choice]))
            }
            Step::Ended { choice, finish } => {
                let finish_reason = Some(finish.name());
                Some(self.reply(vec![CompletionChoice {
                    logprobs: None,
                    finish_reason,
                    ..self.choice(choice)
                }]))
            }
            Step::Note(note) if options.polymath() => {
                let choice = CompletionChoice { logprobs: None, ..self.choice(note.choice()) };
                Some(Completion { polymath: Some(Told::Note(note)), ..self.reply(vec![choice]) })
            }
            Step::Note(_) | Step::Call { .. } | Step::Arguments { .. } => None,
        }?;
        Some(if options.usage() { Completion { usage: Some(None), ..chunk } } else { chunk })
    }

    /// The last chunk, about the usage.
    pub(super) fn usage(&self, usage: coordinator::Usage) -> Completion {
        Completion { usage: Some(Some(usage.into())), ..self.reply(Vec::new()) }
    }

    /// The whole reply, once it is there.
    pub(super) async fn gather(mut self, course: &mut Course) -> Result<Completion, Fault> {
        let mut choices: Vec<CompletionChoice> = (0..course.choices()).map(|i| self.choice(i)).collect();
        while let Some(step) = course.next().await {
            match step? {
                Step::Text { choice, text, tokens } => {
                    if let Some(choice) = choices.get_mut(choice as usize) {
                        choice.text.push_str(&text);
                        self.note_tokens(choice, &tokens);
                    }
                }
                Step::Ended { choice, finish } => {
                    if let Some(choice) = choices.get_mut(choice as usize) {
                        choice.finish_reason = Some(finish.name());
                    }
                }
                Step::Note(_) | Step::Call { .. } | Step::Arguments { .. } => {}
            }
        }
        let report = Some(Told::Report(course.report().clone()));
        Ok(Completion { usage: Some(Some(course.usage().into())), polymath: report, ..self.reply(choices) })
    }
}
