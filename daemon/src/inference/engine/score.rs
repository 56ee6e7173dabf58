//! A task that scores: the log-probabilities of given tokens, each after those before it (teacher forcing).

use super::slot::Row;
use crate::inference::text::TextStream;
use crate::inference::{Error, ScoreRequest, Scored};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use polymath_swarm::sampling::{Sampler, log_sum_exp, logprob_of, top_logprobs_of};
use polymath_swarm::task::TokenLogprobs;
use tokio::sync::oneshot;

pub(super) struct Score {
    reply: oneshot::Sender<Result<Scored, Error>>,
    /// What is scored: the place of a token in the row, and its id; ascending.
    wanted: Vec<(usize, u32)>,
    prompt_tokens: usize,
    top_logprobs: usize,
    sampler: Option<Sampler>,
    /// The answer's tokens, for its penalties.
    ids: Vec<u32>,
    /// How many are scored.
    done: usize,
    scored: Scored,
}

impl Score {
    /// Lays out prompt and tokens in a row, or replies why not.
    pub(super) fn start(
        request: ScoreRequest,
        reply: oneshot::Sender<Result<Scored, Error>>,
        prompt: Result<Vec<LlamaToken>, Error>,
        context_tokens: u32,
        vocab: &LlamaVocab<'_>,
    ) -> Option<(Row, Self)> {
        let laid_out = prompt.and_then(|prompt| {
            let wanted = wanted(&prompt, &request)?;
            Ok((lay_out(prompt, &request.ids, context_tokens, vocab.n_tokens())?, wanted))
        });
        match laid_out {
            Ok(((tokens, prompt_tokens), wanted)) => {
                let (text, stopped) = text_of(&request, vocab);
                let last = request.ids.last().and_then(|id| super::token(*id, vocab.n_tokens()));
                let scored = Scored {
                    prompt_tokens: prompt_tokens as u32,
                    ends_turn: last.is_some_and(|token| vocab.is_eog(token)),
                    text,
                    stopped,
                    ..Scored::default()
                };
                let score = Self {
                    reply,
                    wanted,
                    prompt_tokens,
                    top_logprobs: request.top_logprobs as usize,
                    sampler: request.sampler,
                    ids: request.ids,
                    done: 0,
                    scored,
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

    /// The token before the first that is still to be scored predicts it.
    pub(super) fn first_wanted(&self) -> usize {
        self.wanted.get(self.done).map_or(self.prompt_tokens, |(place, _)| *place) - 1
    }

    pub(super) fn wants(&self, position: usize) -> bool {
        self.wanted[self.done..].binary_search_by_key(&(position + 1), |(place, _)| *place).is_ok()
    }

    /// Scores the next token that is wanted. False when all are scored.
    pub(super) fn take_logits(&mut self, logits: &[f32]) -> bool {
        if let Some(&(place, id)) = self.wanted.get(self.done) {
            let total = log_sum_exp(logits);
            let top = top_logprobs_of(logits, self.top_logprobs, total);
            let scored = TokenLogprobs { logprob: logprob_of(logits, id, total), top, pieces: Vec::new() };
            if place < self.prompt_tokens {
                self.scored.prompt.push((id, scored));
            } else {
                let index = self.scored.answer.len();
                let misfit = |s: &Sampler| s.misfit(logits, &self.ids[..index], index as u32, id);
                self.scored.misfits.extend(self.sampler.as_ref().map(misfit));
                self.scored.answer.push(scored);
            }
            self.done += 1;
        }
        self.done < self.wanted.len()
    }

    pub(super) fn finish(self) {
        // Nobody waits for it any more if this fails.
        let _ = self.reply.send(Ok(self.scored));
    }

    pub(super) fn fail(self, error: Error) {
        // As above.
        let _ = self.reply.send(Err(error));
    }
}

/// What somebody who got these tokens should have read, and whether a stop string came; as an answer's own text is made.
fn text_of(request: &ScoreRequest, vocab: &LlamaVocab<'_>) -> (String, bool) {
    let mut stream = TextStream::new(request.stop.clone());
    let mut text = String::new();
    for id in &request.ids {
        let Some(token) = super::token(*id, vocab.n_tokens()).filter(|token| !vocab.is_eog(*token)) else {
            continue;
        };
        let said = stream.push(&vocab.token_to_piece(token, false, None));
        text.push_str(&said.text);
        if said.stopped {
            return (text, true);
        }
    }
    text.push_str(&stream.finish());
    (text, false)
}

/// Places in the row and ids of the tokens that are asked for.
fn wanted(prompt: &[LlamaToken], request: &ScoreRequest) -> Result<Vec<(usize, u32)>, Error> {
    let of_prompt = request.prompt_places.iter().map(|place| {
        let token = prompt.get(*place as usize).map(|token| (*place as usize, token.0.cast_unsigned()));
        token.ok_or_else(|| Error::Invalid(format!("the prompt has no token {place}, only {}", prompt.len())))
    });
    let of_answer = request.ids.iter().zip(prompt.len()..).map(|(id, place)| Ok((place, *id)));
    of_prompt.chain(of_answer).collect()
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
