//! A task that scores: the log-probabilities of given tokens, each after those before it (teacher forcing).

use super::slot::Row;
use crate::inference::{Error, ScoreRequest};
use llama_cpp_2::token::LlamaToken;
use polymath_swarm::sampling::{logprob_of, top_logprobs};
use polymath_swarm::task::TokenLogprobs;
use tokio::sync::oneshot;

pub(super) struct Score {
    reply: oneshot::Sender<Result<Vec<TokenLogprobs>, Error>>,
    ids: Vec<u32>,
    prompt_tokens: usize,
    top_logprobs: usize,
    scores: Vec<TokenLogprobs>,
}

impl Score {
    /// Lays out prompt and tokens in a row, or replies why not.
    pub(super) fn start(
        request: &ScoreRequest,
        reply: oneshot::Sender<Result<Vec<TokenLogprobs>, Error>>,
        prompt: Result<Vec<LlamaToken>, Error>,
        context_tokens: u32,
        vocabulary: i32,
    ) -> Option<(Row, Self)> {
        let laid_out = prompt.and_then(|prompt| lay_out(prompt, &request.ids, context_tokens, vocabulary));
        match laid_out {
            Ok((tokens, prompt_tokens)) => {
                let score = Self {
                    reply,
                    ids: request.ids.clone(),
                    prompt_tokens,
                    top_logprobs: request.top_logprobs as usize,
                    scores: Vec::with_capacity(request.ids.len()),
                };
                Some((super::row(tokens), score))
            }
            Err(error) => {
                // Nobody waits for it any more if this fails.
                let _ = reply.send(Err(error));
                None
            }
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.reply.is_closed()
    }

    /// The prompt's last token predicts the first that is scored.
    pub(super) fn first_wanted(&self) -> usize {
        self.prompt_tokens - 1
    }

    /// Scores the next token. False when all are scored.
    pub(super) fn take_logits(&mut self, logits: &[f32]) -> bool {
        if let Some(&id) = self.ids.get(self.scores.len()) {
            let top = top_logprobs(logits, self.top_logprobs);
            self.scores.push(TokenLogprobs { logprob: logprob_of(logits, id), top, pieces: Vec::new() });
        }
        self.scores.len() < self.ids.len()
    }

    pub(super) fn finish(self) {
        // Nobody waits for it any more if this fails.
        let _ = self.reply.send(Ok(self.scores));
    }

    pub(super) fn fail(self, error: Error) {
        // As above.
        let _ = self.reply.send(Err(error));
    }
}

/// Prompt and tokens in one row, without the last token, after which nothing is asked.
fn lay_out(
    mut prompt: Vec<LlamaToken>,
    ids: &[u32],
    context_tokens: u32,
    vocabulary: i32,
) -> Result<(Vec<LlamaToken>, usize), Error> {
    let prompt_tokens = prompt.len();
    for &id in ids {
        let token = super::token(id, vocabulary);
        prompt.push(token.ok_or_else(|| Error::Invalid(format!("the vocabulary has no token {id}")))?);
    }
    if prompt.len() > context_tokens as usize {
        return Err(Error::TooLong { prompt_tokens: prompt.len() as u32, context: context_tokens });
    }
    prompt.pop();
    Ok((prompt, prompt_tokens))
}
