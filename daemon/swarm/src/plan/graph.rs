//! The plan as a directed acyclic graph: validation, readiness, substitution.

use super::{PlanError, TASK_BYTES_MAX, TASKS_MAX, Task, material};
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

/// A validated plan. Edges run from a task to those that need its answer.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Node i holds the task with id i + 1.
    graph: DiGraph<Task, ()>,
    order: Vec<u32>,
}

impl Plan {
    /// Builds a plan from tasks numbered 1, 2, 3, …; refuses none, too many, empty or oversized ones,
    /// dependencies on tasks that are not there, and cycles. A dependency named twice counts once.
    pub fn from_tasks(tasks: Vec<Task>) -> Result<Self, PlanError> {
        if tasks.is_empty() {
            return Err(PlanError::NoTasks);
        }
        if tasks.len() > TASKS_MAX {
            return Err(PlanError::TooManyTasks(tasks.len()));
        }
        let ids: BTreeSet<u32> = tasks.iter().map(|t| t.id).collect();
        for (expected, task) in (1u32..).zip(&tasks) {
            check(task, expected, &ids)?;
        }
        let mut graph = DiGraph::with_capacity(tasks.len(), 0);
        for mut task in tasks {
            let mut seen = BTreeSet::new();
            task.depends_on.retain(|id| seen.insert(*id));
            graph.add_node(task);
        }
        for index in graph.node_indices().collect::<Vec<_>>() {
            for needed in graph[index].depends_on.clone() {
                graph.add_edge(node_of(needed), index, ());
            }
        }
        let sorted = toposort(&graph, None).map_err(|cycle| PlanError::Cycle(graph[cycle.node_id()].id))?;
        let order = sorted.into_iter().map(|index| graph[index].id).collect();
        Ok(Self { graph, order })
    }

    /// The plan that leaves `prompt` whole: one task, or none if the prompt is blank.
    pub fn whole(prompt: &str) -> Self {
        let mut graph = DiGraph::new();
        let text = prompt.trim();
        if !text.is_empty() {
            graph.add_node(Task { id: 1, text: text.to_owned(), depends_on: Vec::new() });
        }
        let order = (1..=graph.node_count() as u32).collect();
        Self { graph, order }
    }

    /// The tasks in the order asked.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> {
        self.graph.raw_nodes().iter().map(|node| &node.weight)
    }

    /// Number of tasks.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is nothing to do (a blank prompt).
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// The task with this id.
    pub fn task(&self, id: u32) -> Option<&Task> {
        id.checked_sub(1).and_then(|place| self.graph.node_weight(NodeIndex::new(place as usize)))
    }

    /// Ids such that every task comes after those it depends on.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// Pairs (needed, dependant).
    pub fn edges(&self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<_> =
            self.tasks().flat_map(|t| t.depends_on.iter().map(|needed| (*needed, t.id))).collect();
        pairs.sort_unstable();
        pairs
    }

    /// Tasks not in `done` whose dependencies all are, in the order asked.
    pub fn ready(&self, done: &BTreeSet<u32>) -> Vec<u32> {
        self.tasks()
            .filter(|t| !done.contains(&t.id) && t.depends_on.iter().all(|needed| done.contains(needed)))
            .map(|t| t.id)
            .collect()
    }

    /// The text of a task with the answers it depends on put in; empty if there is no such task.
    ///
    /// One pass: placeholders inside an answer stay as they are, and `{{n}}` is replaced only where n is a
    /// dependency that has been answered. A value goes into the sentence, anything longer is quoted behind the
    /// task. If the text has no placeholder for a value, the value precedes it on a line of its own, so that no
    /// dependency is lost.
    pub fn text_of(&self, id: u32, answers: &BTreeMap<u32, String>) -> String {
        let Some(task) = self.task(id) else {
            return String::new();
        };
        let needed = task.depends_on.iter();
        let needed = needed.filter_map(|needed| Some((*needed, answers.get(needed)?.as_str()))).collect();
        material::put_into(&task.text, &needed)
    }
}

fn check(task: &Task, expected: u32, ids: &BTreeSet<u32>) -> Result<(), PlanError> {
    if task.id != expected {
        return Err(PlanError::IdOutOfOrder { expected, found: task.id });
    }
    if task.text.trim().is_empty() {
        return Err(PlanError::EmptyTask(task.id));
    }
    if task.text.len() > TASK_BYTES_MAX {
        return Err(PlanError::TaskTooLarge { id: task.id, bytes: task.text.len() });
    }
    match task.depends_on.iter().find(|needed| !ids.contains(needed)) {
        Some(missing) => Err(PlanError::Orphan { task: task.id, missing: *missing }),
        None => Ok(()),
    }
}

fn node_of(id: u32) -> NodeIndex {
    NodeIndex::new(id as usize - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn task(id: u32, text: &str, depends_on: &[u32]) -> Task {
        Task { id, text: text.into(), depends_on: depends_on.into() }
    }

    fn refusal(tasks: Vec<Task>) -> PlanError {
        Plan::from_tasks(tasks).unwrap_err()
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        assert_eq!(refusal(vec![]), PlanError::NoTasks);
        assert_eq!(
            refusal((1..=TASKS_MAX as u32 + 1).map(|id| task(id, "x", &[])).collect()),
            PlanError::TooManyTasks(TASKS_MAX + 1)
        );
        assert_eq!(refusal(vec![task(2, "x", &[])]), PlanError::IdOutOfOrder { expected: 1, found: 2 });
        assert_eq!(refusal(vec![task(1, " \n", &[])]), PlanError::EmptyTask(1));
        assert_eq!(refusal(vec![task(1, "x", &[3])]), PlanError::Orphan { task: 1, missing: 3 });
        assert_eq!(refusal(vec![task(1, "x", &[1])]), PlanError::Cycle(1));
        let cycle = refusal(vec![task(1, "x", &[2]), task(2, "y", &[1])]);
        assert!(matches!(cycle, PlanError::Cycle(1 | 2)));
        let large = "x".repeat(TASK_BYTES_MAX + 1);
        let bytes = TASK_BYTES_MAX + 1;
        assert_eq!(refusal(vec![task(1, &large, &[])]), PlanError::TaskTooLarge { id: 1, bytes });
    }

    #[test]
    fn ready_follows_the_edges() {
        let plan = Plan::from_tasks(vec![task(1, "a", &[]), task(2, "b {{1}}", &[1, 1]), task(3, "c", &[])])
            .unwrap();
        assert_eq!(plan.ready(&BTreeSet::new()), [1, 3]);
        assert_eq!(plan.ready(&BTreeSet::from([1])), [2, 3]);
        assert_eq!(plan.ready(&BTreeSet::from([1, 2, 3])), [0u32; 0]);
        assert_eq!(plan.edges(), [(1, 2)]);
    }

    #[test]
    fn answers_are_put_in_once() {
        let plan = Plan::from_tasks(vec![
            task(1, "a", &[]),
            task(2, "b", &[]),
            task(3, "Add {{1}} and {{2}}, not {{9}} nor {{{1}}}.", &[1, 2]),
            task(4, "Spell it.", &[1]),
        ])
        .unwrap();
        let answers = BTreeMap::from([(1, " 4. ".to_owned()), (2, "{1}".to_owned())]);
        assert_eq!(plan.text_of(3, &answers), "Add 4 and {1}, not {{9}} nor {4}.");
        assert_eq!(plan.text_of(4, &answers), "4\nSpell it.");
        assert_eq!(plan.text_of(3, &BTreeMap::new()), plan.task(3).unwrap().text);
        assert_eq!(plan.text_of(9, &answers), "");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_can_be_run_to_its_end(
            tasks in prop::collection::vec((".{0,8}", prop::collection::vec(0u32..8, 0..3)), 0..8)
        ) {
            let tasks: Vec<Task> = (1u32..)
                .zip(tasks)
                .map(|(id, (text, depends_on))| Task { id, text, depends_on })
                .collect();
            let count = tasks.len();
            if let Ok(plan) = Plan::from_tasks(tasks) {
                let mut done = BTreeSet::new();
                while let Some(next) = plan.ready(&done).first() {
                    done.insert(*next);
                }
                prop_assert_eq!(done.len(), count);
            }
        }

        #[test]
        fn substitution_never_panics(text in "[{}0-9a ]{1,40}", answer in ".{0,20}") {
            if let Ok(plan) = Plan::from_tasks(vec![task(1, "a", &[]), task(2, &text, &[1])]) {
                let _ = plan.text_of(2, &BTreeMap::from([(1, answer)]));
            }
        }
    }
}
