//! A backup for whoever is slow to begin: the first to say something is heard, the other is cancelled.
//!
//! An expert that is later than it usually is ([`polymath_swarm::score::Firsts`]) may be dead, overloaded or behind a bad line; nobody can
//! tell which. Asking a second one costs its work, so that there is a budget: a tenth of all tasks.

use super::Candidate;
use super::attempt::Lane;
use super::event::TaskResult;
use super::run::{Chosen, Run, Show};
use polymath_swarm::task::TaskError;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Backups that each task adds to the budget, and the most that may be saved up.
const EARNED: f32 = 0.1;
const SAVED_MAX: f32 = 10.0;

/// How many backups may be asked.
pub(super) struct Hedges {
    saved: Mutex<f32>,
}

impl Default for Hedges {
    fn default() -> Self {
        Self { saved: Mutex::new(SAVED_MAX) }
    }
}

impl Hedges {
    fn earn(&self) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        *saved = (*saved + EARNED).min(SAVED_MAX);
    }

    fn take(&self) -> bool {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let has_one = *saved >= 1.0;
        *saved -= if has_one { 1.0 } else { 0.0 };
        has_one
    }

    /// Takes one for this expert, if the question may use it: who is not asked costs neither.
    fn take_for(&self, id: &str, chosen: &Chosen) -> bool {
        chosen.take_if(id, || self.take()) == Some(true)
    }
}

/// Two experts at one task.
#[derive(Default)]
pub(super) struct Race {
    /// Who, and since when.
    winner: OnceLock<(usize, Instant)>,
    decided: Notify,
}

impl Race {
    /// Whether what `place` says is heard: it is the first to say something, or has been.
    pub(super) fn takes(&self, place: usize) -> bool {
        let (winner, _) = *self.winner.get_or_init(|| (place, Instant::now()));
        self.decided.notify_one();
        winner == place
    }

    async fn winner(&self) -> usize {
        loop {
            if let Some((winner, _)) = self.winner.get() {
                return *winner;
            }
            self.decided.notified().await;
        }
    }
}

impl Run<'_> {
    /// Asks one expert, and the first of `backups` besides if that one is late. Returns who was heard, and how it ended.
    pub(super) async fn hedged<'c>(
        &self,
        result: &mut TaskResult,
        candidate: &'c Candidate,
        backups: &[&'c Candidate],
        (show, chosen): (Show, &Chosen),
    ) -> (&'c Candidate, Result<(), TaskError>) {
        self.inner.hedges.earn();
        let began = Instant::now();
        let race = Race::default();
        let mut other = TaskResult::unasked(result.id, result.text.clone());
        // What was heard before, of somebody who broke off, was heard.
        (other.broke_off, other.first_token) = (result.broke_off, result.first_token);
        let lane = |place| Some(Lane { race: &race, place });
        let late = tokio::time::sleep(self.inner.experience.late_after(candidate));
        let (backup, outcome) = {
            let mut first = Box::pin(self.with_history(result, candidate, (show, lane(0))));
            tokio::select! {
                outcome = &mut first => return (candidate, outcome),
                _ = race.winner() => return (candidate, first.await),
                () = late => {}
            }
            // Whoever may see this part of a private question is chosen with care, and one by one.
            let mut backups = backups.iter().filter(|_| self.discretion.is_none());
            let is_elsewhere = |c: &&&Candidate| c.advert.peer != candidate.advert.peer;
            let backup = backups.find(is_elsewhere);
            let Some(backup) = backup.filter(|c| self.inner.hedges.take_for(&c.advert.card.id, chosen))
            else {
                return (candidate, first.await);
            };
            tracing::info!(task = other.id, expert = %backup.advert.card.id, "the first is late: a backup is asked");
            let mut second = Box::pin(self.with_history(&mut other, backup, (show, lane(1))));
            // Who loses is dropped before the winner is heard to his end: that cancels his work.
            tokio::select! {
                winner = race.winner() => match winner {
                    0 => {
                        drop(second);
                        return (candidate, first.await);
                    }
                    _ => {
                        drop(first);
                        (backup, second.await)
                    }
                },
                // Ended before it said anything: all hope is on the other.
                outcome = &mut first => match race.winner.get() {
                    Some((0, _)) => return (candidate, outcome),
                    _ => (backup, second.await),
                },
                outcome = &mut second => match race.winner.get() {
                    Some((1, _)) => (backup, outcome),
                    _ => return (candidate, first.await),
                },
            }
        };
        // When the other was heard, the first was still silent: so late at the least.
        if let Some((1, heard)) = race.winner.get() {
            self.inner.experience.began(candidate, heard.duration_since(began));
        }
        *result = other;
        (backup, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_to_say_something_is_heard_from_then_on() {
        let race = Race::default();
        assert!(race.takes(1) && !race.takes(0) && race.takes(1));
        assert_eq!(race.winner().await, 1);
    }

    #[test]
    fn backups_are_a_tenth_of_all_tasks() {
        let hedges = Hedges::default();
        assert_eq!((0..20).filter(|_| hedges.take()).count(), 10);
        (0..100).for_each(|_| hedges.earn());
        let taken = (0..20).filter(|_| hedges.take()).count();
        assert!((9..=10).contains(&taken), "{taken}");
    }

    #[test]
    fn a_backup_that_is_not_asked_uses_up_nothing() {
        let (hedges, chosen) = (Hedges::default(), Chosen::new(1, 0));
        let saved = (0..20).filter(|_| hedges.take_for("a", &chosen)).count();
        assert_eq!(saved, 10);
        let fresh = Chosen::new(1, 0);
        assert!(!hedges.take_for("b", &fresh));
        assert_eq!(fresh.left(), 1, "an expert that was not asked");
        (0..100).for_each(|_| hedges.earn());
        assert!(!hedges.take_for("b", &chosen), "the question may use one expert");
        let left = (0..20).filter(|_| hedges.take()).count();
        assert!((9..=10).contains(&left), "{left}");
    }
}
