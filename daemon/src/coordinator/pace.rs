//! Tokens that follow one another at once, as one event.
//!
//! A model of a million parameters draws a token every 200 µs, and each event costs its way through channels,
//! packets and encoders some 20 µs on every machine it passes. So what comes within [`PACE`] of the last event joins
//! the next one. A token after a pause is never held back, so a model that people can follow streams token by token
//! as before.

use futures::StreamExt as _;
use futures::stream::{BoxStream, Stream};
use polymath_swarm::task::{TaskError, TaskEvent};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The least time between two events of tokens: three hundred a second are smooth to any eye.
const PACE: Duration = Duration::from_millis(3);
/// Tokens of one event: what the fastest models draw meanwhile, and few for a slow reader to leave unread.
const TOKENS_MAX: usize = 32;

type Event = Result<TaskEvent, TaskError>;

/// The same events, tokens gathered.
pub(super) fn paced(events: impl Stream<Item = Event> + Send + Unpin + 'static) -> BoxStream<'static, Event> {
    let start = Paced { events, ahead: None, due: Instant::now() };
    futures::stream::unfold(start, |mut paced| async move {
        let event = paced.next().await?;
        Some((event, paced))
    })
    .boxed()
}

struct Paced<S> {
    events: S,
    /// Read already, and not to be joined with what came before it.
    ahead: Option<Event>,
    /// When the next tokens may go out.
    due: Instant,
}

impl<S: Stream<Item = Event> + Unpin> Paced<S> {
    async fn next(&mut self) -> Option<Event> {
        let event = match self.ahead.take() {
            Some(event) => event,
            None => self.events.next().await?,
        };
        let Ok(TaskEvent::Tokens { sequence, mut ids, mut text, mut logprobs }) = event else {
            return Some(event);
        };
        while ids.len() < TOKENS_MAX {
            let Ok(Some(following)) = timeout_at(self.due, self.events.next()).await else { break };
            match following {
                Ok(TaskEvent::Tokens { sequence: next, ids: more, text: tail, logprobs: chances })
                    if next as usize == sequence as usize + ids.len() =>
                {
                    ids.extend(more);
                    text.push_str(&tail);
                    logprobs.extend(chances);
                }
                other => {
                    self.ahead = Some(other);
                    break;
                }
            }
        }
        self.due = Instant::now() + PACE;
        Some(Ok(TaskEvent::Tokens { sequence, ids, text, logprobs }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::task::{Backing, FinishReason};

    fn token(sequence: u32) -> Event {
        let text = format!("{sequence} ");
        Ok(TaskEvent::Tokens { sequence, ids: vec![sequence], text, logprobs: Vec::new() })
    }

    fn done() -> Event {
        let (finish_reason, backing) = (FinishReason::Stop, Backing::None);
        Ok(TaskEvent::Done { finish_reason, prompt_tokens: 1, completion_tokens: 40, backing })
    }

    #[tokio::test]
    async fn nothing_is_lost_or_reordered_and_the_end_waits_for_nobody() {
        let events = (0..40).map(token).chain([done()]);
        let all: Vec<Event> = paced(futures::stream::iter(events)).collect().await;
        let mut ids: Vec<u32> = Vec::new();
        let mut said = String::new();
        for event in &all[..all.len() - 1] {
            let Ok(TaskEvent::Tokens { sequence, ids: more, text, .. }) = event else { panic!("{event:?}") };
            assert_eq!(*sequence as usize, ids.len());
            assert!(more.len() <= TOKENS_MAX);
            ids.extend(more);
            said.push_str(text);
        }
        assert_eq!(ids, (0..40).collect::<Vec<u32>>());
        assert_eq!(said.split_whitespace().count(), 40);
        assert!(all.len() < 10, "{} events", all.len());
        assert_eq!(all.last(), Some(&done()));
    }

    #[tokio::test]
    async fn a_token_after_a_pause_goes_out_alone() {
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        let mut events = paced(tokio_stream::wrappers::ReceiverStream::new(receiver));
        for sequence in 0..3 {
            tokio::time::sleep(PACE * 3).await;
            sender.send(token(sequence)).await.unwrap();
            assert_eq!(events.next().await, Some(token(sequence)));
        }
    }
}
