//! What other nodes get to see of a private question: veiled texts, never all of them, and only whoever answers.

use super::event::PlannedTask;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::plan::Plan;
use polymath_swarm::plan::intent::Intent;
use polymath_swarm::task::{Message, TaskError};
use polymath_swarm::veil::Veil;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why a node does not get a task.
pub(super) const WITHHELD: &str = "private";

/// Kept for one private question.
pub(super) struct Discretion {
    own: PeerKey,
    intents: BTreeMap<u32, Intent>,
    veil: Mutex<Veil>,
    /// Who was shown which tasks.
    seen: Mutex<HashMap<PeerKey, BTreeSet<u32>>>,
}

impl Discretion {
    /// For this plan; `veil` is what its texts were covered with so far.
    pub(super) fn new(own: PeerKey, planned: &[PlannedTask], veil: Veil) -> Self {
        let intents = planned.iter().map(|planned| (planned.task.id, intent_of(planned))).collect();
        Self { own, intents, veil: Mutex::new(veil), seen: Mutex::default() }
    }

    /// The messages as `peer` may see them; the last is the task's text, what is before it is for a plan of one task alone.
    ///
    /// # Errors
    /// [`TaskError::Refused`] if it has been shown every other task.
    pub(super) fn shown(
        &self,
        peer: PeerKey,
        task: u32,
        messages: Vec<Message>,
    ) -> Result<Vec<Message>, TaskError> {
        if peer == self.own {
            return Ok(messages);
        }
        self.may_see(peer, task)?;
        let is_only = self.intents.len() == 1;
        let first = if is_only { 0 } else { messages.len().saturating_sub(1) };
        let intent = self.intents.get(&task).copied().unwrap_or(Intent::Facts);
        let mut veil = self.veil();
        let covered = messages.into_iter().skip(first).map(|message| {
            let content = veil.cover(&message.content, intent);
            Message { content, ..message }
        });
        Ok(covered.collect())
    }

    fn may_see(&self, peer: PeerKey, task: u32) -> Result<(), TaskError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = seen.entry(peer).or_default();
        let all = self.intents.len();
        if all > 1 && of_peer.len() + 1 >= all && !of_peer.contains(&task) {
            return Err(TaskError::Refused {
                code: WITHHELD.to_owned(),
                message: "its node has seen every other part of this private question".to_owned(),
            });
        }
        of_peer.insert(task);
        Ok(())
    }

    /// An answer of `peer` with what was hidden from it put back.
    pub(super) fn lifted(&self, peer: PeerKey, answer: &str) -> String {
        if peer == self.own { answer.to_owned() } else { self.veil().lift(answer) }
    }

    fn veil(&self) -> MutexGuard<'_, Veil> {
        self.veil.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Covers every task's text, in order.
pub(super) fn cover(question: &str, plan: &Plan, planned: &mut [PlannedTask]) -> Veil {
    // What the plan resolved may be in no message.
    let texts: Vec<&str> = plan.tasks().map(|task| task.text.as_str()).collect();
    let mut veil = Veil::over(&format!("{question} {}", texts.join(" ")));
    for task in planned {
        task.shown = Some(veil.cover(&task.task.text, intent_of(task)));
    }
    veil
}

/// A task that was not read is covered as little as may be: an answer that is wrong helps nobody.
fn intent_of(planned: &PlannedTask) -> Intent {
    planned.reading.as_ref().map_or(Intent::Facts, |reading| reading.intent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::plan::Task;

    const OWN: PeerKey = PeerKey([1; 32]);

    fn planned(texts: &[&str]) -> Vec<PlannedTask> {
        let task = |(place, text): (usize, &&str)| PlannedTask {
            task: Task { id: place as u32 + 1, text: (*text).to_owned(), depends_on: Vec::new() },
            reading: None,
            candidates: Vec::new(),
            shown: None,
        };
        texts.iter().enumerate().map(task).collect()
    }

    fn message(text: &str) -> Vec<Message> {
        ["earlier", text].map(|text| Message { role: "user".to_owned(), content: text.to_owned() }).to_vec()
    }

    #[test]
    fn nobody_elsewhere_sees_every_task_or_the_conversation() {
        let discretion = Discretion::new(OWN, &planned(&["a", "b", "c"]), Veil::default());
        let (one, two) = (PeerKey([2; 32]), PeerKey([3; 32]));
        let seen = |peer, task| discretion.shown(peer, task, message("x")).map(|shown| shown.len());
        assert_eq!((seen(one, 1), seen(one, 2), seen(one, 1)), (Ok(1), Ok(1), Ok(1)));
        assert!(matches!(seen(one, 3), Err(TaskError::Refused { .. })));
        assert_eq!((seen(two, 3), seen(OWN, 1), seen(OWN, 2), seen(OWN, 3)), (Ok(1), Ok(2), Ok(2), Ok(2)));
    }

    #[test]
    fn what_is_hidden_is_put_back_for_whoever_did_not_see_it() {
        let plan = Plan::whole("Mail ada@firm.example");
        let mut tasks = planned(&["Mail ada@firm.example"]);
        let veil = cover("Mail ada@firm.example", &plan, &mut tasks);
        let shown = tasks[0].shown.clone().unwrap();
        assert!(!shown.contains("ada"), "{shown}");
        let discretion = Discretion::new(OWN, &tasks, veil);
        let other = PeerKey([2; 32]);
        let messages = discretion.shown(other, 1, message("Mail ada@firm.example")).unwrap();
        assert_eq!((messages.len(), &messages[1].content), (2, &shown), "the plan has shown what is sent");
        assert_eq!(discretion.lifted(other, &shown), "Mail ada@firm.example");
        assert_eq!(discretion.lifted(OWN, &shown), shown);
    }
}
