//! The order in which a plan is read: every task below the last of those it waits for.

use super::super::transcript::Task;

/// A task and where it stands.
pub(super) struct Line<'t> {
    pub(super) task: &'t Task,
    /// 0 for a task that waits for nobody.
    pub(super) depth: usize,
    /// Tasks it waits for besides the one above it.
    pub(super) also: Vec<u32>,
}

impl Line<'_> {
    /// What stands before the task.
    pub(super) fn indent(&self) -> String {
        match self.depth {
            0 => "  ".to_owned(),
            depth => format!("  {}└ ", "     ".repeat(depth - 1) + "   "),
        }
    }

    /// What stands before a line that belongs to the task.
    pub(super) fn below(&self) -> String {
        format!("  {}     ", "     ".repeat(self.depth))
    }
}

/// Every task once. A plan that waits in circles cannot come from a node of ours; what is not reached is listed flat.
pub(super) fn lines(tasks: &[Task]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::with_capacity(tasks.len());
    let mut waiting: Vec<(usize, &Task)> = roots(tasks).rev().map(|task| (0, task)).collect();
    while let Some((depth, task)) = waiting.pop() {
        let above = parent(task);
        let also = task.depends_on.iter().copied().filter(|id| Some(*id) != above).collect();
        lines.push(Line { task, depth, also });
        let children = tasks.iter().filter(|child| parent(child) == Some(task.id) && child.id != task.id);
        waiting.extend(children.rev().map(|child| (depth + 1, child)));
    }
    let reached: Vec<u32> = lines.iter().map(|line| line.task.id).collect();
    let lost = tasks.iter().filter(|task| !reached.contains(&task.id));
    lines.extend(lost.map(|task| Line { task, depth: 0, also: task.depends_on.clone() }));
    lines
}

fn roots(tasks: &[Task]) -> impl DoubleEndedIterator<Item = &Task> {
    tasks.iter().filter(|task| parent(task).is_none())
}

fn parent(task: &Task) -> Option<u32> {
    task.depends_on.iter().max().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(tasks: &[(u32, &[u32])]) -> Vec<(u32, usize, Vec<u32>)> {
        let task =
            |(id, needs): &(u32, &[u32])| Task { id: *id, depends_on: needs.to_vec(), ..Task::default() };
        let tasks: Vec<Task> = tasks.iter().map(task).collect();
        lines(&tasks).into_iter().map(|line| (line.task.id, line.depth, line.also)).collect()
    }

    #[test]
    fn dependants_stand_below_what_they_wait_for() {
        assert_eq!(
            order(&[(1, &[]), (2, &[]), (3, &[1]), (4, &[1, 2]), (5, &[4])]),
            [(1, 0, vec![]), (3, 1, vec![]), (2, 0, vec![]), (4, 1, vec![1]), (5, 2, vec![])]
        );
    }

    #[test]
    fn what_no_node_of_ours_would_send_still_ends() {
        assert_eq!(order(&[(1, &[2]), (2, &[1]), (3, &[3])]).len(), 3);
        assert_eq!(order(&[(1, &[9])]), [(1, 0, vec![9])]);
    }
}
