//! One chat: a question, its numbered events, and which of them the current socket has taken.

use super::message;
use crate::api::table::Fault;
use crate::coordinator::{Error, Event};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Bytes of events that are kept of a chat, sent or not: some two thousand tokens.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// Events that are kept of a chat: small ones cost more than their text.
const KEPT_EVENTS_MAX: usize = 4_096;

/// A chat.
pub(super) struct Chat {
    /// The client's name for it.
    pub(super) id: String,
    /// Ends it.
    pub(super) cancel: CancellationToken,
    ring: Mutex<Ring>,
    /// Told when the ring may have room again; only the pump waits for it.
    room: Notify,
}

struct Ring {
    /// In order, numbered without gaps.
    events: VecDeque<(u64, String)>,
    bytes: usize,
    /// Number of the last event there is; the first is 1.
    last: u64,
    /// Number of the last event that a socket took.
    sent: u64,
    /// Whether what was sent must be kept, for the connection broke and it may not have arrived.
    detached: bool,
    /// Whether no event follows.
    over: bool,
    /// Told when there is something to send.
    news: Arc<Notify>,
}

impl Chat {
    /// A chat of the socket that waits for `news`.
    pub(super) fn new(id: String, news: Arc<Notify>) -> Self {
        let ring =
            Ring { events: VecDeque::new(), bytes: 0, last: 0, sent: 0, detached: false, over: false, news };
        Self { id, cancel: CancellationToken::new(), ring: Mutex::new(ring), room: Notify::new() }
    }

    /// Numbers and keeps what happens until the question ends, fails or is cancelled. Returning drops `events`,
    /// and that cancels the question wherever it still runs.
    pub(super) async fn pump(&self, mut events: mpsc::Receiver<Result<Event, Error>>) {
        let fault = tokio::select! {
            () = self.cancel.cancelled() => Some(Fault::new("cancelled", "the chat was cancelled")),
            fault = self.take_all(&mut events) => fault,
        };
        let mut ring = self.ring();
        if let Some(fault) = fault {
            let text = message::error(Some(&self.id), Some(ring.last + 1), &fault);
            // The one event that needs no room: it is small, and nothing follows.
            ring.append(text);
        }
        ring.over = true;
        ring.news.notify_one();
    }

    /// Ends with what went wrong, or with nothing once the answer is there.
    async fn take_all(&self, events: &mut mpsc::Receiver<Result<Event, Error>>) -> Option<Fault> {
        loop {
            match events.recv().await {
                Some(Ok(event)) => {
                    self.keep(&event).await;
                    if let Event::Answer(_) = event {
                        return None;
                    }
                }
                Some(Err(error)) => {
                    tracing::info!(%error, "a question got no answer");
                    return Some(Fault::from(&error));
                }
                None => return Some(Fault::new("unavailable", "the node is stopping")),
            }
        }
    }

    /// Keeps an event as soon as there is room.
    async fn keep(&self, event: &Event) {
        loop {
            {
                let mut ring = self.ring();
                let Some(text) = message::event(&self.id, ring.last + 1, event) else { return };
                if ring.make_room(text.len()) {
                    ring.append(text);
                    ring.news.notify_one();
                    return;
                }
            }
            self.room.notified().await;
        }
    }

    /// The next event to send, which then counts as sent.
    pub(super) fn next(&self) -> Option<String> {
        let mut ring = self.ring();
        if ring.detached || ring.sent == ring.last {
            return None;
        }
        ring.sent += 1;
        // Numbered without gaps, so that the place follows from the number.
        let before = ring.events.front().map_or(0, |(first, _)| ring.sent.saturating_sub(*first));
        let text =
            ring.events.get(usize::try_from(before).unwrap_or(usize::MAX)).map(|(_, text)| text.clone());
        drop(ring);
        self.room.notify_one();
        text
    }

    /// Whether no event follows those there are.
    pub(super) fn is_over(&self) -> bool {
        self.ring().over
    }

    /// The socket is gone: what it took may not have arrived.
    pub(super) fn detach(&self) {
        self.ring().detached = true;
    }

    /// Goes on after the event `after`, for the socket that waits for `news`.
    pub(super) fn attach(&self, after: u64, news: Arc<Notify>) -> Result<(), Fault> {
        let mut ring = self.ring();
        if after > ring.last {
            return Err(Fault::field("after", format!("the last event is {}", ring.last)));
        }
        let first = ring.events.front().map_or(ring.last + 1, |(seq, _)| *seq);
        if after + 1 < first {
            return Err(Fault::new("not_found", format!("events before {first} are not kept any more")));
        }
        (ring.sent, ring.detached, ring.news) = (after, false, news);
        ring.news.notify_one();
        drop(ring);
        self.room.notify_one();
        Ok(())
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    /// Forgets what was sent until `bytes` more fit; whether they do.
    fn make_room(&mut self, bytes: usize) -> bool {
        let full = |ring: &Self| ring.bytes + bytes > KEPT_BYTES_MAX || ring.events.len() >= KEPT_EVENTS_MAX;
        while full(self) && !self.detached && self.events.front().is_some_and(|(seq, _)| *seq <= self.sent) {
            let forgotten = self.events.pop_front().map_or(0, |(_, text)| text.len());
            self.bytes -= forgotten;
        }
        // An event larger than the whole ring is let through alone.
        !full(self) || self.events.is_empty()
    }

    fn append(&mut self, text: String) {
        self.last += 1;
        self.bytes += text.len();
        self.events.push_back((self.last, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::time::Duration;

    fn chat() -> Arc<Chat> {
        Arc::new(Chat::new("c".into(), Arc::new(Notify::new())))
    }

    fn delta(bytes: usize) -> Event {
        Event::Answering { text: "x".repeat(bytes) }
    }

    fn seq(text: &str) -> u64 {
        serde_json::from_str::<Value>(text).unwrap()["seq"].as_u64().unwrap()
    }

    #[tokio::test]
    async fn events_are_numbered_and_can_be_taken_again_from_any_point() {
        let chat = chat();
        for _ in 0..5 {
            chat.keep(&delta(1)).await;
        }
        let taken: Vec<u64> = std::iter::from_fn(|| chat.next()).map(|text| seq(&text)).collect();
        assert_eq!(taken, [1, 2, 3, 4, 5]);
        chat.detach();
        chat.keep(&delta(1)).await;
        assert_eq!(chat.next(), None, "nobody is there to take it");
        chat.attach(3, Arc::new(Notify::new())).unwrap();
        let taken: Vec<u64> = std::iter::from_fn(|| chat.next()).map(|text| seq(&text)).collect();
        assert_eq!(taken, [4, 5, 6]);
        assert_eq!(chat.attach(7, Arc::new(Notify::new())).unwrap_err().row.code, "invalid");
    }

    #[tokio::test]
    async fn a_slow_socket_holds_the_question_and_memory_stays_bounded() {
        let chat = chat();
        let pushing = tokio::spawn({
            let chat = Arc::clone(&chat);
            async move {
                for _ in 0..1_000 {
                    chat.keep(&delta(1_000)).await;
                }
            }
        });
        let mut expected = 0;
        while expected < 1_000 {
            assert!(chat.ring().bytes <= KEPT_BYTES_MAX);
            match chat.next() {
                Some(text) => {
                    expected += 1;
                    assert_eq!(seq(&text), expected);
                }
                None => tokio::task::yield_now().await,
            }
        }
        pushing.await.unwrap();
        let error = chat.attach(0, Arc::new(Notify::new())).unwrap_err();
        assert_eq!(error.row.code, "not_found", "what was forgotten is said to be");
        chat.attach(999, Arc::new(Notify::new())).unwrap();
    }

    #[tokio::test]
    async fn cancelling_ends_a_pump_that_waits_for_room() {
        let chat = chat();
        let (events, receiver) = mpsc::channel(1);
        let pumping = tokio::spawn({
            let chat = Arc::clone(&chat);
            async move { chat.pump(receiver).await }
        });
        // Until the ring is full and the pump takes no more.
        let push =
            async |event| tokio::time::timeout(Duration::from_millis(200), events.send(Ok(event))).await;
        while push(delta(10_000)).await.is_ok() {}
        chat.cancel.cancel();
        pumping.await.unwrap();
        assert!(events.is_closed() && chat.is_over(), "the question is dropped");
        let last = std::iter::from_fn(|| chat.next()).last().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["code"], "cancelled");
    }

    #[tokio::test]
    async fn a_question_that_ends_without_an_answer_says_why() {
        let chat = chat();
        let (events, receiver) = mpsc::channel(1);
        events.send(Err(Error::Busy { retry_after_ms: 7 })).await.unwrap();
        chat.pump(receiver).await;
        let told: Value = serde_json::from_str(&chat.next().unwrap()).unwrap();
        assert_eq!(
            (&told["code"], &told["retry_after_ms"], &told["seq"]),
            (&"busy".into(), &7.into(), &1.into())
        );
    }
}
