//! The engine's end of an answer's channel.

use crate::inference::Error;
use polymath_swarm::task::TaskEvent;
use tokio::sync::mpsc;

/// Events that may wait for a reader before its slot pauses: a quarter of a second of a fast model.
const EVENTS_MAX: usize = 64;

type Event = Result<TaskEvent, Error>;

/// Sends the events of one answer. A place for the last one is kept from the start, so that ending never waits
/// for the reader.
pub(in crate::inference) struct Events {
    sender: mpsc::Sender<Event>,
    last: Option<mpsc::OwnedPermit<Event>>,
}

impl Events {
    pub(super) fn channel() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(EVENTS_MAX + 1);
        let last = sender.clone().try_reserve_owned().ok();
        (Self { sender, last }, receiver)
    }

    /// Whether the reader is gone.
    pub(in crate::inference) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether the reader has to catch up before more can be sent.
    pub(in crate::inference) fn is_full(&self) -> bool {
        self.sender.capacity() == 0
    }

    /// Sends one event; the caller has seen that there is room.
    pub(in crate::inference) fn send(&self, event: TaskEvent) {
        // A reader that is gone is noticed at the next step.
        let _ = self.sender.try_send(Ok(event));
    }

    /// Sends the last event.
    pub(in crate::inference) fn end(&mut self, event: Event) {
        if let Some(place) = self.last.take() {
            place.send(event);
        }
    }
}
