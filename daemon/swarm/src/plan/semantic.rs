//! Cuts that a prompt's form leaves open, settled by who could do the parts.
//!
//! The structural planner leaves two things together where neither clearly asks ("96 pt to gallons. Madagascar,
//! capital city?"). Where the one part is clearly one expert's and the other clearly another's, no single expert
//! is right for both, and cutting is. [`Doubts`] lists the places where a task could still come apart and the
//! texts between them; the caller says how well each expert fits each text, as it would to route it; the best
//! segmentation is then found by dynamic programming over at most [`ATOMS_MAX`] texts. One expert for both
//! sides, or none for one, keeps them together: in doubt a task stays whole here too.

use super::structural::{self, Seam};
use super::{Plan, TASKS_MAX, Task};
use std::collections::HashMap;
use std::ops::Range;

/// Texts that one task may come apart into: beyond that it is a paragraph, whose sentences are material.
const ATOMS_MAX: usize = 6;
/// Bytes of a task that is looked into: embeddings of longer texts say little about their parts.
const TASK_BYTES_MAX: usize = 600;
/// Lead that an expert needs for its own side, whatever the other's: less is noise of the embedding.
const LEAD_MIN: f32 = 0.05;
/// Texts to be embedded for one prompt at the most, at about 2 ms each.
const SPANS_MAX: usize = 48;

/// How well one expert fits a text: its handle, and its competence in [0, 1].
pub type Fit<K> = (K, f32);

/// What a cut must show before it is made. Values in competence, see [`crate::score::competence`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demands {
    /// Competence of the best expert for either side.
    pub fit: f32,
    /// By how much each side's expert must be better for it than the other side's expert, at the end of a
    /// sentence, a line or a semicolon.
    pub margin: f32,
    /// The same at a comma or an "and", which also stand inside tasks.
    pub margin_inside: f32,
    /// The same where the right side opens with "Also,", "Then" and the like.
    pub margin_joined: f32,
    /// What one more task must bring in competence, all tasks together.
    pub gain: f32,
}

impl Default for Demands {
    fn default() -> Self {
        Self { fit: 0.2, margin: 0.12, margin_inside: 0.3, margin_joined: 0.02, gain: 0.45 }
    }
}

/// The places where a plan's tasks could come apart.
#[derive(Clone, Debug)]
pub struct Doubts {
    tasks: Vec<Doubt>,
}

/// The first and the last of neighbouring atoms.
type Run = (usize, usize);
/// The value of having cut up to the end of a run, and the run before it.
type Way = (f32, Option<Run>);

#[derive(Clone, Debug)]
struct Doubt {
    task: u32,
    text: String,
    atoms: Vec<Range<usize>>,
    /// Between each atom and the next.
    seams: Vec<Seam>,
}

impl Doubts {
    /// Looks for them in `plan`.
    pub fn of(plan: &Plan) -> Self {
        let mut spans = 0;
        let mut tasks = Vec::new();
        for task in plan.tasks().filter(|task| task.text.len() <= TASK_BYTES_MAX) {
            let (atoms, seams) = structural::atoms(&task.text, ATOMS_MAX);
            spans += atoms.len() * (atoms.len() + 1) / 2;
            if atoms.len() < 2 || spans > SPANS_MAX {
                continue;
            }
            tasks.push(Doubt { task: task.id, text: task.text.clone(), atoms, seams });
        }
        Self { tasks }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The tasks that could come apart into texts which all can stand alone: what a planner may be asked about.
    pub fn open(&self) -> Vec<u32> {
        let stands = |doubt: &&Doubt| {
            let count = doubt.atoms.len();
            (1..count).any(|at| {
                let (left, right) = (doubt.span(0, at - 1), doubt.span(at, count - 1));
                structural::stands_alone(left)
                    && structural::stands_alone(right)
                    && structural::follows(left, right)
            })
        };
        self.tasks.iter().filter(stands).map(|doubt| doubt.task).collect()
    }

    /// The texts whose experts decide, at most `SPANS_MAX`; [`Self::settle`] takes the fits in this order.
    pub fn spans(&self) -> Vec<&str> {
        self.tasks.iter().flat_map(Doubt::spans).collect()
    }

    /// `plan` with the cuts that the fits call for: for each span, experts with their competence, best first.
    /// Missing fits cut nothing.
    pub fn settle<K: PartialEq>(&self, plan: &Plan, fits: &[Vec<Fit<K>>], demands: Demands) -> Plan {
        let mut tasks: Vec<Task> = plan.tasks().cloned().collect();
        let mut from = fits.len();
        // From the last to the first, so that ids before a cut stay what they are.
        for doubt in self.tasks.iter().rev() {
            let count = doubt.atoms.len() * (doubt.atoms.len() + 1) / 2;
            from = from.saturating_sub(count);
            let Some(own) = fits.get(from..from + count) else {
                continue;
            };
            let parts = doubt.segments(own, demands);
            if parts.len() > 1 && tasks.len() + parts.len() - 1 <= TASKS_MAX {
                let texts: Vec<&str> = parts.iter().map(|run| doubt.span(run.0, run.1)).collect();
                tasks = apart(tasks, doubt.task, &texts);
            }
        }
        Plan::from_tasks(tasks).unwrap_or_else(|_| plan.clone())
    }
}

impl Doubt {
    /// All runs of neighbouring atoms, by their first atom, then by their last.
    fn spans(&self) -> impl Iterator<Item = &str> {
        let count = self.atoms.len();
        (0..count).flat_map(move |first| (first..count).map(move |last| self.span(first, last)))
    }

    fn span(&self, first: usize, last: usize) -> &str {
        structural::without_connector(&self.text[self.atoms[first].start..self.atoms[last].end])
    }

    /// The best segmentation, as runs of atoms (first, last); a single run where nothing is cut.
    fn segments<K: PartialEq>(&self, fits: &[Vec<Fit<K>>], demands: Demands) -> Vec<Run> {
        let count = self.atoms.len();
        let index: HashMap<Run, &Vec<Fit<K>>> =
            (0..count).flat_map(|first| (first..count).map(move |last| (first, last))).zip(fits).collect();
        let best = |run: Run| index.get(&run).and_then(|fits| fits.first()).map_or(0.0, |fit| fit.1);
        // For each run, the best way to have cut everything up to its end with it as the last: value, run before.
        let mut ways: HashMap<Run, Way> = HashMap::new();
        for last in 0..count {
            for first in 0..=last {
                let run = (first, last);
                // The whole may be anything; a part must be able to stand alone.
                if run != (0, count - 1) && !structural::stands_alone(self.span(first, last)) {
                    continue;
                }
                let value = best(run) - demands.gain;
                let way = if first == 0 {
                    Some((value, None))
                } else {
                    (0..first)
                        .map(|start| (start, first - 1))
                        .filter(|before| self.differ(&index, *before, run, demands))
                        .filter_map(|before| Some((ways.get(&before)?.0 + value, Some(before))))
                        .max_by(|a, b| a.0.total_cmp(&b.0))
                };
                if let Some(way) = way {
                    ways.insert(run, way);
                }
            }
        }
        let end = (0..count)
            .filter_map(|first| Some(((first, count - 1), ways.get(&(first, count - 1))?.0)))
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let mut parts = Vec::new();
        let mut at = end.map(|(run, _)| run);
        while let Some(run) = at {
            parts.push(run);
            at = ways.get(&run).and_then(|way| way.1);
        }
        parts.reverse();
        parts
    }

    /// Whether two neighbouring runs are clearly different experts' work.
    fn differ<K: PartialEq>(
        &self,
        index: &HashMap<Run, &Vec<Fit<K>>>,
        left: Run,
        right: Run,
        demands: Demands,
    ) -> bool {
        let (Some(left_fits), Some(right_fits)) = (index.get(&left), index.get(&right)) else {
            return false;
        };
        let (Some(one), Some(other)) = (left_fits.first(), right_fits.first()) else {
            return false;
        };
        let margin = match self.seams.get(left.1) {
            Some(Seam::Joined) => demands.margin_joined,
            Some(Seam::Between) => demands.margin,
            _ => demands.margin_inside,
        };
        // By how much the own expert is better than the other side's.
        let lead = |fits: &[Fit<K>], own: &Fit<K>, foreign: &Fit<K>| {
            own.1 - fits.iter().find(|fit| fit.0 == foreign.0).map_or(0.0, |fit| fit.1)
        };
        let leads = [lead(left_fits, one, other), lead(right_fits, other, one)];
        one.0 != other.0
            && one.1 >= demands.fit
            && other.1 >= demands.fit
            && leads.iter().all(|lead| *lead >= LEAD_MIN.min(margin))
            && leads.iter().sum::<f32>() >= 2.0 * margin
            && structural::follows(self.span(left.0, left.1), self.span(right.0, right.1))
    }
}

/// `tasks` with the one called `cut` in these parts of its text; later ids, and what refers to them, move up.
pub(super) fn apart(tasks: Vec<Task>, cut: u32, parts: &[&str]) -> Vec<Task> {
    let more = parts.len() as u32 - 1;
    // Whoever needed the task needs its last part, the nearest before him.
    let moved = |id: u32| if id >= cut { id + more } else { id };
    let mut all = Vec::with_capacity(tasks.len() + parts.len());
    for task in tasks {
        if task.id != cut {
            let text = renumbered(&task.text, &task.depends_on, moved);
            let depends_on = task.depends_on.iter().map(|id| moved(*id)).collect();
            all.push(Task { id: moved(task.id), text, depends_on });
            continue;
        }
        for (id, text) in (task.id..).zip(parts) {
            let part = structural::part(text, (id > task.id).then(|| id - 1));
            // What the whole needed, the parts that name it need.
            let named = task.depends_on.iter().filter(|needed| text.contains(&placeholder(**needed)));
            let depends_on = named.copied().chain(part.depends_on).collect();
            all.push(Task { id, text: part.text, depends_on });
        }
    }
    all
}

fn renumbered(text: &str, needed: &[u32], moved: impl Fn(u32) -> u32) -> String {
    let mut ids: Vec<u32> = needed.to_vec();
    // The highest first: no placeholder is moved twice.
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.iter().fold(text.to_owned(), |text, id| text.replace(&placeholder(*id), &placeholder(moved(*id))))
}

fn placeholder(id: u32) -> String {
    format!("{{{{{id}}}}}")
}

#[cfg(test)]
mod tests;
