//! The engine's end of an answer's channel, and what is said in one breath.
//!
//! A model of a million parameters draws a token every 100 µs, and each event wakes a reader and costs its way through channels, packets
//! and encoders some 20 µs on every machine it passes. So tokens that come within [`PACE`] of the last event are kept, and go out together. A token
//! after a pause is never held back, so a model that people can follow streams token by token.

use crate::inference::Error;
use polymath_swarm::task::{TaskEvent, TokenLogprobs};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Events that may wait for a reader before its slot pauses: fifty milliseconds of a fast model.
const EVENTS_MAX: usize = 16;
/// The least time between two events of tokens: three hundred a second are smooth to any eye.
const PACE: Duration = Duration::from_millis(3);
/// Tokens of one event: what the fastest models draw meanwhile, and few for a slow reader to leave unread.
const TOKENS_MAX: usize = 24;
/// Of these with log-probabilities: what one packet takes (`polymath_wire::task::PACKET_LOGPROBS_MAX`), so that text and tokens travel together.
const LOGPROBS_MAX: usize = 4;

type Event = Result<TaskEvent, Error>;

/// What an answer goes on with.
pub(in crate::inference) struct Piece {
    /// The token; none for what was held back of those before.
    pub(in crate::inference) id: Option<u32>,
    pub(in crate::inference) text: String,
    pub(in crate::inference) logprobs: Option<TokenLogprobs>,
}

/// Tokens that wait to be told.
#[derive(Default)]
struct Kept {
    sequence: u32,
    ids: Vec<u32>,
    text: String,
    logprobs: Vec<TokenLogprobs>,
}

/// Sends the events of one answer. A place for the last one is reserved from the start, and one for the tokens that are kept by then, so that
/// ending never waits for the reader.
pub(in crate::inference) struct Events {
    sender: mpsc::Sender<Event>,
    last: Option<mpsc::OwnedPermit<Event>>,
    kept: Option<Kept>,
    /// When tokens were told.
    told: Option<Instant>,
}

impl Events {
    pub(super) fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(EVENTS_MAX + 2);
        let last = sender.clone().try_reserve_owned().ok();
        (Self { sender, last, kept: None, told: None }, receiver)
    }

    /// Whether the reader is gone.
    pub(in crate::inference) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether the reader has to catch up before another token is drawn: there must be places for what is kept by then and for that token.
    pub(in crate::inference) fn is_full(&self) -> bool {
        self.sender.capacity() < 2
    }

    /// Sends one event; there is room for it.
    pub(in crate::inference) fn send(&self, event: TaskEvent) {
        // A reader that is gone is noticed at the next step.
        let _ = self.sender.try_send(Ok(event));
    }

    /// Says the token `sequence` of the answer, at once or with those that follow; the channel was not full before it was drawn.
    pub(in crate::inference) fn say(&mut self, sequence: u32, piece: Piece, now: Instant) {
        let kept = self.kept.get_or_insert_with(|| Kept { sequence, ..Kept::default() });
        kept.ids.extend(piece.id);
        kept.text.push_str(&piece.text);
        kept.logprobs.extend(piece.logprobs);
        let most = if kept.logprobs.is_empty() { TOKENS_MAX } else { LOGPROBS_MAX };
        let is_long = kept.ids.len() >= most;
        self.tell(now, is_long);
    }

    /// Tells what is kept if its time has come, or `at_once`; where there is no room, later.
    pub(in crate::inference) fn tell(&mut self, now: Instant, at_once: bool) {
        let is_due = at_once || self.told.is_none_or(|told| now.duration_since(told) >= PACE);
        if !is_due || self.sender.capacity() == 0 {
            return;
        }
        if let Some(Kept { sequence, ids, text, logprobs }) = self.kept.take() {
            self.send(TaskEvent::Tokens { sequence, ids, text, logprobs });
            self.told = Some(now);
        }
    }

    /// Sends the last event, after whatever is kept. For that there is room: before a token is drawn there are two places, what is kept by then takes
    /// one at the most, and the token is kept or takes the other.
    pub(in crate::inference) fn end(&mut self, event: Event) {
        self.tell(Instant::now(), true);
        if let Some(place) = self.last.take() {
            place.send(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::task::{Backing, FinishReason};

    fn token(id: u32) -> Piece {
        Piece { id: Some(id), text: format!("{id} "), logprobs: None }
    }

    fn done() -> TaskEvent {
        let (finish_reason, backing) = (FinishReason::Stop, Backing::None);
        TaskEvent::Done { finish_reason, prompt_tokens: 1, completion_tokens: 40, backing }
    }

    fn tokens(event: &TaskEvent) -> usize {
        match event {
            TaskEvent::Tokens { ids, .. } => ids.len(),
            _ => 0,
        }
    }

    fn all(receiver: &mut mpsc::Receiver<Event>) -> Vec<TaskEvent> {
        std::iter::from_fn(|| receiver.try_recv().ok()).map(Result::unwrap).collect()
    }

    #[test]
    fn nothing_is_lost_or_reordered_and_the_end_waits_for_nobody() {
        let (mut events, mut receiver) = Events::channel();
        let start = Instant::now();
        (0..100).for_each(|id| events.say(id, token(id), start + Duration::from_micros(100) * id));
        events.say(100, Piece { id: None, text: "tail".to_owned(), logprobs: None }, start);
        events.end(Ok(done()));
        let told = all(&mut receiver);
        assert!(told.len() < 8, "{} events", told.len());
        let (mut ids, mut text) = (Vec::<u32>::new(), String::new());
        for event in &told[..told.len() - 1] {
            let TaskEvent::Tokens { sequence, ids: more, text: tail, .. } = event else {
                panic!("{event:?}")
            };
            assert_eq!(*sequence as usize, ids.len());
            assert!(more.len() <= TOKENS_MAX);
            ids.extend(more);
            text.push_str(tail);
        }
        assert_eq!(ids, (0..100).collect::<Vec<u32>>());
        assert_eq!(text.split_whitespace().count(), 101);
        assert_eq!(told.last(), Some(&done()));
    }

    #[test]
    fn a_token_after_a_pause_goes_out_alone_and_what_is_kept_in_time() {
        let (mut events, mut receiver) = Events::channel();
        let start = Instant::now();
        for id in 0..3 {
            events.say(id, token(id), start + PACE * id);
            assert_eq!(all(&mut receiver).len(), 1);
        }
        let now = start + PACE * 2;
        events.say(3, token(3), now + PACE / 3);
        events.tell(now + PACE / 2, false);
        assert_eq!(all(&mut receiver), []);
        events.tell(now + PACE, false);
        assert_eq!(all(&mut receiver).len(), 1);
    }

    #[test]
    fn an_event_holds_no_more_than_it_may() {
        let (mut events, mut receiver) = Events::channel();
        let start = Instant::now();
        (0..100).for_each(|id| events.say(id, token(id), start));
        assert_eq!(all(&mut receiver).iter().map(tokens).max(), Some(TOKENS_MAX));
    }

    #[test]
    fn an_event_with_log_probabilities_fits_one_packet() {
        assert_eq!(LOGPROBS_MAX, polymath_wire::task::PACKET_LOGPROBS_MAX);
        let (mut events, mut receiver) = Events::channel();
        let start = Instant::now();
        for id in 0..41 {
            let logprobs = TokenLogprobs { logprob: -0.5, top: Vec::new(), pieces: Vec::new() };
            events.say(id, Piece { logprobs: Some(logprobs), ..token(id) }, start);
        }
        let told = all(&mut receiver);
        assert_eq!(told.iter().map(tokens).max(), Some(LOGPROBS_MAX));
        assert_eq!(told.iter().map(tokens).sum::<usize>(), 41);
    }

    #[test]
    fn a_reader_that_does_not_read_loses_nothing() {
        let (mut events, mut receiver) = Events::channel();
        let start = Instant::now();
        let mut said = 0;
        // As the engine does: it looks whether there is room, tells what is due, and draws.
        while !events.is_full() {
            events.tell(start + PACE * said, true);
            events.say(said, token(said), start + PACE * said);
            said += 1;
        }
        events.tell(start + PACE * said, true);
        events.end(Ok(done()));
        let told = all(&mut receiver);
        assert_eq!((told.iter().map(tokens).sum(), told.last()), (said as usize, Some(&done())));
    }

    #[test]
    fn what_is_kept_where_there_is_one_place_left_is_told_at_the_end() {
        let (mut events, mut receiver) = Events::channel();
        let start = Instant::now();
        let mut said = 0;
        while events.sender.capacity() > 2 {
            events.say(said, token(said), start + PACE * said);
            said += 1;
        }
        let last = start + PACE * (said - 1);
        events.say(said, token(said), last);
        assert!(!events.is_full());
        events.tell(last, true);
        events.say(said + 1, token(said + 1), last);
        events.end(Ok(done()));
        let told = all(&mut receiver);
        assert_eq!((told.len(), told.last()), (said as usize + 3, Some(&done())));
    }
}
