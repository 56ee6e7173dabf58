//! What happens next: events by time, and those of the same time in the order in which they were put in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Microseconds since the simulation began.
pub(super) type Micros = u64;

/// Microseconds of a second.
pub(super) const SECOND: Micros = 1_000_000;

/// Something that happens in the swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A node leaves without a word and another one joins.
    Turnover,
    /// This node looks after its routing table.
    Refresh(u32),
    /// This node publishes its provider records.
    Publish(u32),
    /// Some node is asked.
    Ask,
}

/// Events to come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    count: u64,
}

impl Queue {
    /// Has `event` happen at `at`.
    pub(super) fn push(&mut self, at: Micros, event: Event) {
        self.count += 1;
        self.heap.push(Reverse((at, self.count, event)));
    }

    /// Takes the next event.
    pub(super) fn pop(&mut self) -> Option<(Micros, Event)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }

    /// Events put in so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_come_by_time_and_then_in_order(times in proptest::collection::vec(0u64..20, 1..200)) {
            let mut queue = Queue::default();
            for (number, at) in (0u32..).zip(&times) {
                queue.push(*at, Event::Refresh(number));
            }
            let mut expected: Vec<(Micros, Event)> =
                times.iter().copied().zip((0u32..).map(Event::Refresh)).collect();
            // A stable sort keeps the order of what happens at one time.
            expected.sort_by_key(|(at, _)| *at);
            let out: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
            prop_assert_eq!(out, expected);
            prop_assert_eq!(queue.count(), times.len() as u64);
        }
    }
}
