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
    /// Tasks that have others' results in their texts.
    dependants: BTreeSet<u32>,
    veil: Mutex<Veil>,
    /// What each was sent.
    sent: Mutex<HashMap<(PeerKey, u32), String>>,
    /// Who was shown which tasks.
    seen: Mutex<HashMap<PeerKey, BTreeSet<u32>>>,
}

impl Discretion {
    /// For this plan; `veil` is what its texts were covered with so far.
    pub(super) fn new(own: PeerKey, planned: &[PlannedTask], veil: Veil) -> Self {
        let intents = planned.iter().map(|planned| (planned.task.id, intent_of(planned))).collect();
        let waits = planned.iter().filter(|planned| !planned.task.depends_on.is_empty());
        let dependants = waits.map(|planned| planned.task.id).collect();
        let (veil, sent, seen) = (Mutex::new(veil), Mutex::default(), Mutex::default());
        Self { own, intents, dependants, veil, sent, seen }
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
        let intent = self.intents.get(&task).copied().unwrap_or(Intent::Planning);
        let mut veil = self.veil();
        let last = messages.len().saturating_sub(1);
        let covered = messages.into_iter().enumerate().skip(first).map(|(place, message)| {
            // Earlier turns are there to be read, not to be computed with.
            let intent = if place == last { intent } else { Intent::Writing };
            let known = self.dependants.contains(&task).then(|| veil.cover_known(&message.content));
            let content = veil.cover(known.as_ref().unwrap_or(&message.content), intent);
            Message { content, ..message }
        });
        let covered: Vec<Message> = covered.collect();
        if veil.is_full() {
            return Err(withheld("it names more than can be hidden"));
        }
        let all = covered.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n");
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert((peer, task), all);
        Ok(covered)
    }

    fn may_see(&self, peer: PeerKey, task: u32) -> Result<(), TaskError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = seen.entry(peer).or_default();
        let all = self.intents.len();
        if all > 1 && of_peer.len() + 1 >= all && !of_peer.contains(&task) {
            return Err(withheld("its node has seen every other part of this private question"));
        }
        of_peer.insert(task);
        Ok(())
    }

    /// An answer of `peer` to a task with what was hidden from it put back.
    pub(super) fn lifted(&self, peer: PeerKey, task: u32, answer: &str) -> String {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(&(peer, task)).cloned();
        match sent {
            Some(sent) if peer != self.own => self.veil().lift(answer, &sent),
            _ => answer.to_owned(),
        }
    }

    fn veil(&self) -> MutexGuard<'_, Veil> {
        self.veil.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn withheld(message: &str) -> TaskError {
    TaskError::Refused { code: WITHHELD.to_owned(), message: message.to_owned() }
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

/// Of a task that was not read, names are covered, and numbers are not.
fn intent_of(planned: &PlannedTask) -> Intent {
    planned.reading.as_ref().map_or(Intent::Planning, |reading| reading.intent)
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
        assert_eq!(discretion.lifted(other, 1, &shown), "Mail ada@firm.example");
        assert_eq!(discretion.lifted(OWN, 1, &shown), shown);
    }
}
