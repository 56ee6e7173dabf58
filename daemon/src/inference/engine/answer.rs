//! A task that generates: draws a token from each row of logits and tells its reader.

use super::pace::Pace;
use super::slot::{Bounds, Row};
use crate::inference::text::TextStream;
use crate::inference::worker::{Events, Gauges, Piece};
use crate::inference::{Error, Grammar, Request};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use polymath_swarm::audit::{Notes, Reported, TOP_MAX};
use polymath_swarm::sampling::{Draw, Sampler, log_sum_exp, logprob_of, top_logprobs_of};
use polymath_swarm::task::{Backing, FinishReason, PIECE_BYTES_MAX, TaskEvent, TokenLogprobs};
use std::time::{Duration, Instant};

pub(super) struct Answer {
    events: Events,
    sampler: Sampler,
    grammar: Option<Box<Grammar>>,
    text: TextStream,
    top_logprobs: usize,
    max_tokens: usize,
    context_tokens: usize,
    prompt_tokens: u32,
    pace: Pace,
    /// Tokens drawn so far, here and before.
    ids: Vec<u32>,
    /// Of these, drawn before.
    continued: usize,
    /// What an audit may ask for.
    notes: Option<Notes>,
    /// Time of the steps in which they were drawn.
    drawing: Duration,
    /// What is said at the end.
    last: Option<Result<TaskEvent, Error>>,
}

impl Answer {
    /// Tells the reader that it is accepted, or why not.
    pub(super) fn start(
        request: Request,
        mut events: Events,
        prompt: Result<Vec<LlamaToken>, Error>,
        bounds: Bounds<'_>,
        queue_position: u32,
    ) -> Option<(Row, Self)> {
        let context = bounds.context_tokens as usize;
        let tokens = match prompt {
            Ok(tokens) if tokens.len() < context => tokens,
            Ok(tokens) => {
                let prompt_tokens = tokens.len() as u32;
                events.end(Err(Error::TooLong { prompt_tokens, context: bounds.context_tokens }));
                return None;
            }
            Err(error) => {
                events.end(Err(error));
                return None;
            }
        };
        let prompt_tokens = tokens.len() as u32;
        let mut row = super::row(tokens);
        let mut text = TextStream::new(request.stop);
        let mut grammar = request.grammar;
        if let Err(error) = relive(&request.continues, &mut row, &mut text, grammar.as_deref_mut(), bounds) {
            events.end(Err(error));
            return None;
        }
        events.send(TaskEvent::Accepted { queue_position });
        let answer = Self {
            events,
            sampler: Sampler { settings: request.sampling, seed: request.seed },
            grammar,
            text,
            top_logprobs: request.top_logprobs as usize,
            max_tokens: request.max_tokens as usize,
            context_tokens: context,
            prompt_tokens,
            pace: Pace::new(bounds.tokens_per_second),
            continued: request.continues.len(),
            ids: request.continues,
            notes: request.nonce.map(|nonce| Notes::new(nonce, prompt_tokens)),
            drawing: Duration::ZERO,
            last: None,
        };
        Some((row, answer))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.events.is_closed()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.events.is_full()
    }

    /// Tells the reader what is kept for him, if its time has come or `at_once`.
    pub(super) fn tell(&mut self, now: Instant, at_once: bool) {
        self.events.tell(now, at_once);
    }

    /// When the next token may be drawn, if that is later than `now`.
    pub(super) fn due_after(&self, now: Instant) -> Option<Instant> {
        self.pace.due_after(now)
    }

    /// The first position whose logits are of use.
    pub(super) fn first_wanted(&self, row: &Row) -> usize {
        let noted = self.notes.as_ref().and_then(|notes| notes.of_prompt().first());
        noted.map_or(row.tokens.len(), |place| *place as usize) - 1
    }

    /// Whether the token after this position, one of the prompt, is to be noted.
    pub(super) fn notes_after(&self, position: usize) -> bool {
        let Some(notes) = &self.notes else { return false };
        u32::try_from(position + 1).is_ok_and(|place| notes.of_prompt().binary_search(&place).is_ok())
    }

    /// Notes a token of the prompt, if one is due: those come before the end of the row.
    fn note_prompt(&mut self, logits: &[f32], row: &Row) -> bool {
        let Some(notes) = &mut self.notes else { return false };
        let Some(token) = notes.of_prompt().first().and_then(|place| row.tokens.get(*place as usize)) else {
            return false;
        };
        notes.note_prompt(reported(logits, token.0.cast_unsigned(), log_sum_exp(logits)));
        true
    }

    /// Draws the next token. False when the answer is complete but for its last word.
    pub(super) fn take_logits(
        &mut self,
        logits: &[f32],
        row: &mut Row,
        vocab: &LlamaVocab<'_>,
        took: Duration,
        gauges: &Gauges,
    ) -> bool {
        if self.note_prompt(logits, row) {
            return true;
        }
        let sequence = (self.ids.len() - self.continued) as u32;
        let draw = match self.draw(logits, self.ids.len() as u32) {
            Ok(draw) => draw,
            Err(error) => {
                self.last = Some(Err(error));
                return false;
            }
        };
        let Some(token) = super::token(draw.id, vocab.n_tokens()).filter(|_| draw.logprob.is_finite()) else {
            self.last = Some(Err(Error::Failed("the model gave no finite logits".into())));
            return false;
        };
        self.drawing += took;
        let now = Instant::now();
        self.pace.drawn(now);
        if vocab.is_eog(token) {
            if let Some(notes) = &mut self.notes {
                notes.note_end(reported(logits, draw.id, draw.log_sum_exp));
            }
            let text = self.text.finish();
            if !text.is_empty() {
                self.events.say(sequence, Piece { id: None, text, logprobs: None }, now);
            }
            self.complete(FinishReason::Stop, gauges);
            return false;
        }
        if let Some(notes) = &mut self.notes {
            notes.note_answer(|| reported(logits, draw.id, draw.log_sum_exp));
        }
        self.ids.push(draw.id);
        row.tokens.push(token);
        let complete = match self.grammar.as_mut().map(|grammar| grammar.consume(draw.id)).transpose() {
            Ok(complete) => complete.unwrap_or(false),
            Err(error) => {
                self.last = Some(Err(error));
                return false;
            }
        };
        let piece = vocab.token_to_piece(token, false, None);
        let mut said = self.text.push(&piece);
        if complete && !said.stopped {
            said.text.push_str(&self.text.finish());
            said.stopped = true;
        }
        let full = self.ids.len() >= self.max_tokens || row.tokens.len() >= self.context_tokens;
        let finish = match (said.stopped, full) {
            (true, _) => Some(FinishReason::Stop),
            (false, true) => Some(FinishReason::Length),
            (false, false) => None,
        };
        let mut text = said.text;
        if finish == Some(FinishReason::Length) {
            text.push_str(&self.text.finish());
        }
        let logprobs = (self.top_logprobs > 0).then(|| self.logprobs(logits, draw, piece, vocab));
        self.events.say(sequence, Piece { id: Some(draw.id), text, logprobs }, now);
        if let Some(reason) = finish {
            self.complete(reason, gauges);
        }
        finish.is_none()
    }

    /// The next token, under the grammar if there is one. Its log-probability is the model's own either way.
    fn draw(&mut self, logits: &[f32], index: u32) -> Result<Draw, Error> {
        let Some(grammar) = &mut self.grammar else {
            return Ok(self.sampler.draw(logits, &self.ids, index));
        };
        let mut masked = logits.to_vec();
        grammar.mask(&mut masked)?;
        let draw = self.sampler.draw(&masked, &self.ids, index);
        let log_sum_exp = log_sum_exp(logits);
        Ok(Draw { id: draw.id, logprob: logprob_of(logits, draw.id, log_sum_exp), log_sum_exp })
    }

    fn logprobs(&self, logits: &[f32], draw: Draw, piece: Vec<u8>, vocab: &LlamaVocab<'_>) -> TokenLogprobs {
        let top = top_logprobs_of(logits, self.top_logprobs, draw.log_sum_exp);
        let mut pieces = vec![piece];
        for &(id, _) in &top {
            // Control tokens are shown by name here, though they are never part of the text.
            let token = super::token(id, vocab.n_tokens());
            pieces.push(token.map_or_else(Vec::new, |token| vocab.token_to_piece(token, true, None)));
        }
        for piece in &mut pieces {
            piece.truncate(PIECE_BYTES_MAX);
        }
        TokenLogprobs { logprob: draw.logprob, top, pieces }
    }

    fn complete(&mut self, finish_reason: FinishReason, gauges: &Gauges) {
        let completion_tokens = (self.ids.len() - self.continued) as u32;
        // The first token's step is mostly the prompt's.
        if completion_tokens >= 2 {
            gauges.record_speed(f64::from(completion_tokens) / self.drawing.as_secs_f64().max(1e-9));
        }
        let prompt_tokens = self.prompt_tokens;
        let noted = self.notes.take().map(|notes| Backing::Noted(Box::new(notes.finish())));
        let backing = noted.unwrap_or_default();
        self.last = Some(Ok(TaskEvent::Done { finish_reason, prompt_tokens, completion_tokens, backing }));
    }

    /// Says the last word.
    pub(super) fn finish(mut self) {
        self.events.end(self.last.take().unwrap_or(Err(Error::Stopped)));
    }

    pub(super) fn fail(mut self, error: Error) {
        self.events.end(Err(error));
    }
}

/// Takes tokens that were drawn before as if they had been drawn here: to be read, and with what they have done to text and grammar.
fn relive(
    ids: &[u32],
    row: &mut Row,
    text: &mut TextStream,
    mut grammar: Option<&mut Grammar>,
    bounds: Bounds<'_>,
) -> Result<(), Error> {
    let impossible = || Error::Invalid("no such answer can go on".into());
    if row.tokens.len() + ids.len() >= bounds.context_tokens as usize {
        return Err(impossible());
    }
    for &id in ids {
        let token = super::token(id, bounds.vocab.n_tokens()).ok_or_else(impossible)?;
        if bounds.vocab.is_eog(token) || text.push(&bounds.vocab.token_to_piece(token, false, None)).stopped {
            return Err(impossible());
        }
        let complete = grammar.as_mut().map(|grammar| grammar.consume(id)).transpose();
        if complete.map_err(|_| impossible())?.unwrap_or(false) {
            return Err(impossible());
        }
        row.tokens.push(token);
    }
    Ok(())
}

/// What an audit may ask for of the token `id` at a place with these logits, whose [`log_sum_exp`] is `total`.
fn reported(logits: &[f32], id: u32, total: f64) -> Reported {
    let top = top_logprobs_of(logits, TOP_MAX, total);
    Reported::of(id, &TokenLogprobs { logprob: logprob_of(logits, id, total), top, pieces: Vec::new() })
}
