//! The streams that a client hands out: opened (and retried) when first polled, ended by the answer, an error or
//! the client's timeout, and cancelled by being dropped.

use crate::answer::{Answer, Event, Gathered};
use crate::chat::ChatCompletionChunk;
use crate::error::Error;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// What a transport gives: items until an error or the end.
pub(crate) type Items<T> = BoxStream<'static, Result<T, Error>>;

/// What happens to a question: see [`Event`]. The last item is [`Event::Answered`] or an error. Dropping the stream
/// cancels the question, at the node and at every expert.
pub struct EventStream {
    inner: Items<Event>,
}

/// A chat completion in pieces, as OpenAI streams it. Dropping it cancels.
pub struct ChatCompletionStream {
    inner: Items<ChatCompletionChunk>,
}

impl EventStream {
    /// The answer, all other events left aside.
    pub async fn answer(mut self) -> Result<Answer, Error> {
        while let Some(event) = self.next().await {
            if let Event::Answered(answer) = event? {
                return Ok(answer);
            }
        }
        Err(cut_off())
    }

    pub(crate) fn new(opening: BoxFuture<'static, Result<Items<Event>, Error>>, limit: Duration) -> Self {
        let mut gathered = Gathered::default();
        let inner = bounded(
            opening,
            limit,
            |event| matches!(event, Event::Answered(_)),
            move |mut event| {
                gathered.note(&mut event)?;
                Ok(event)
            },
        );
        Self { inner }
    }
}

impl ChatCompletionStream {
    pub(crate) fn new(
        opening: BoxFuture<'static, Result<Items<ChatCompletionChunk>, Error>>,
        limit: Duration,
    ) -> Self {
        // `[DONE]` is the end of the transport's items; a last chunk cannot be told from the others.
        Self { inner: bounded(opening, limit, |_| false, Ok) }
    }
}

impl Stream for EventStream {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(context)
    }
}

impl Stream for ChatCompletionStream {
    type Item = Result<ChatCompletionChunk, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(context)
    }
}

/// What a stream that ended too early is.
pub(crate) fn cut_off() -> Error {
    Error::protocol("the stream ended without an answer")
}

/// Where a stream stands.
enum Source<T> {
    Opening(BoxFuture<'static, Result<Items<T>, Error>>),
    Open(Items<T>),
}

/// Opens, hands each item to `note`, and ends after the first error, after the item that `is_last` knows, and at
/// the limit.
fn bounded<T: Send + 'static>(
    opening: BoxFuture<'static, Result<Items<T>, Error>>,
    limit: Duration,
    is_last: fn(&T) -> bool,
    note: impl FnMut(T) -> Result<T, Error> + Send + 'static,
) -> Items<T> {
    let begin = (Source::Opening(opening), note, None::<Instant>);
    let items = stream::unfold(Some(begin), move |state| async move {
        let (source, mut note, deadline) = state?;
        // Time runs from the first poll: a stream nobody has looked at asks nothing.
        let deadline = deadline.unwrap_or_else(|| Instant::now() + limit);
        let next = tokio::time::timeout_at(deadline, advance(source)).await;
        match next.unwrap_or_else(|_| Err(Error::deadline(limit))) {
            Ok(Some((item, source))) => match note(item) {
                Ok(item) => {
                    let rest = (!is_last(&item)).then_some((source, note, Some(deadline)));
                    Some((Ok(item), rest))
                }
                Err(error) => Some((Err(error), None)),
            },
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    items.boxed()
}

async fn advance<T>(source: Source<T>) -> Result<Option<(T, Source<T>)>, Error> {
    let mut items = match source {
        Source::Opening(opening) => opening.await?,
        Source::Open(items) => items,
    };
    match items.next().await {
        Some(item) => Ok(Some((item?, Source::Open(items)))),
        None => Ok(None),
    }
}

/// Waits for the first item, so that a failure before it can be tried again.
pub(crate) async fn begun<T: Send + 'static>(mut items: Items<T>) -> Result<Items<T>, Error> {
    match items.next().await {
        Some(first) => Ok(stream::iter([Ok(first?)]).chain(items).boxed()),
        None => Err(cut_off()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn from(items: Items<Event>, limit: Duration) -> EventStream {
        EventStream::new(Box::pin(async { Ok(items) }), limit)
    }

    fn delta() -> Result<Event, Error> {
        Ok(Event::Delta { text: "x".into() })
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_answer_or_first_error() {
        let answered = || Ok(Event::Answered(Answer { text: "x".into(), ..Answer::default() }));
        let events = from(stream::iter([delta(), answered(), delta()]).boxed(), LIMIT);
        assert_eq!(events.collect::<Vec<_>>().await.len(), 2);
        let events = from(stream::iter([delta(), Err(cut_off()), delta()]).boxed(), LIMIT);
        assert_eq!(events.collect::<Vec<_>>().await.len(), 2);
        assert_eq!(from(stream::iter([answered()]).boxed(), LIMIT).answer().await.unwrap().text, "x");
        assert_eq!(from(stream::iter([delta()]).boxed(), LIMIT).answer().await, Err(cut_off()));
    }

    #[tokio::test]
    async fn an_endless_stream_ends_at_the_limit() {
        let silent = stream::iter([delta()]).chain(stream::pending());
        let mut events = from(silent.boxed(), Duration::from_millis(20));
        assert!(events.next().await.unwrap().is_ok());
        assert!(matches!(events.next().await, Some(Err(Error::Deadline { .. }))));
        assert!(events.next().await.is_none());
    }
}
