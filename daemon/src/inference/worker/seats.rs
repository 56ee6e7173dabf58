//! The places among slots and queue: how many there are, and how many of them one asker may have.
//!
//! Whoever asks gets a place while a slot is idle, and else as long as three times as many places as he has are free (the dynamic threshold of
//! Choudhury and Hahne, 1998, with a third): alone he may fill all slots or a quarter of the places, and the last one goes to somebody new. The owner's own tasks are not
//! counted, and some places are his alone.

use polymath_swarm::identity::PeerKey;
use polymath_swarm::ledger::Priority;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of the places in the queue, one in so many is the owner's alone.
const OWNERS_SHARE: u32 = 8;

/// For each place that somebody has, so many must be free if he is to get another one.
const FREE_FOR_EACH: usize = 3;

/// All places of a model.
pub(super) struct Seats {
    places: Arc<Semaphore>,
    /// Those in the queue.
    queue: usize,
    /// Of these, the owner's alone.
    owners: usize,
    held: Arc<Held>,
}

/// How many places each asker has, of those who have one.
type Held = Mutex<HashMap<PeerKey, usize>>;

/// A place, given back when dropped.
pub(in crate::inference) struct Seat {
    _place: OwnedSemaphorePermit,
    asker: Option<(PeerKey, Arc<Held>)>,
    /// Places that the same asker had before.
    before: usize,
}

impl Seats {
    pub(super) fn new(slots: u32, queue: u32) -> Self {
        let places = Arc::new(Semaphore::new((slots + queue) as usize));
        Self { places, queue: queue as usize, owners: (queue / OWNERS_SHARE) as usize, held: Arc::default() }
    }

    /// A place, if there is one for this asker.
    pub(super) fn take(&self, priority: Priority, asker: Option<PeerKey>) -> Option<Seat> {
        let kept = if priority == Priority::Owner { 0 } else { self.owners };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let all_free = self.places.available_permits();
        let free = all_free.checked_sub(kept).filter(|free| *free > 0)?;
        let before = asker.and_then(|asker| held.get(&asker).copied()).unwrap_or(0);
        let is_idle = all_free > self.queue;
        if before > 0 && !is_idle && before * FREE_FOR_EACH >= free {
            return None;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        if let Some(asker) = asker {
            *held.entry(asker).or_default() += 1;
        }
        let asker = asker.map(|asker| (asker, self.held.clone()));
        Some(Seat { _place: place, asker, before })
    }
}

impl Seat {
    /// Places that the same asker had when he got this one.
    pub(in crate::inference) fn before(&self) -> usize {
        self.before
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((asker, held)) = self.asker.take() else { return };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&asker) {
            *count -= 1;
            if *count == 0 {
                held.remove(&asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_the_places() {
        let seats = Seats::new(4, 16);
        let take = |asker: u8| seats.take(Priority::Stranger, Some(PeerKey([asker; 32])));
        let first: Vec<Seat> = std::iter::from_fn(|| take(1)).collect();
        assert_eq!(first.len(), 5, "a quarter of the eighteen that are not the owner's");
        let second: Vec<Seat> = std::iter::from_fn(|| take(2)).collect();
        assert_eq!(second.len(), 4);
        let third = take(3);
        assert!(third.is_some(), "there is one for somebody new");
        assert_eq!(third.unwrap().before(), 0);
        drop(first);
        assert!(take(1).is_some());
        assert!(seats.held.lock().unwrap().contains_key(&PeerKey([2; 32])));
        drop(second);
        assert!(seats.held.lock().unwrap().is_empty(), "who has none is not remembered");
    }

    #[test]
    fn no_slot_is_idle_while_somebody_asks() {
        let seats = Seats::new(8, 16);
        let take = |asker: u8| seats.take(Priority::Stranger, Some(PeerKey([asker; 32])));
        let first: Vec<Seat> = std::iter::from_fn(|| take(1)).collect();
        assert_eq!(first.len(), 8);
        assert!(take(2).is_some(), "he waits for one of them, and there is room");
    }

    #[test]
    fn the_owner_has_places_of_his_own_and_the_last_one_goes_to_a_newcomer() {
        let seats = Seats::new(1, 8);
        let strangers: Vec<Seat> =
            (0..20).filter_map(|n| seats.take(Priority::Stranger, Some(PeerKey([n; 32])))).collect();
        assert_eq!(strangers.len(), 8);
        assert!(seats.take(Priority::Owner, None).is_some());
        let seats = Seats::new(1, 0);
        assert!(
            seats.take(Priority::Stranger, Some(PeerKey([1; 32]))).is_some(),
            "a single place is anybody's"
        );
    }
}
