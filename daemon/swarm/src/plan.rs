//! A question as a graph of tasks: what is asked, in the order asked, and what waits for what.
//!
//! [`structural`] cuts a prompt by its form, without a model; [`Doubts`] cuts where the parts are clearly different
//! experts' work; a planner expert may propose tasks too ([`proposal`]). All end in
//! [`Plan::from_tasks`], which refuses whatever could not be run. A dependant's text holds `{{n}}` where the
//! answer of task n goes, and [`Plan::text_of`] puts it there. [`intent`] says what kind of task a text is. Which expert
//! does a task is not decided here.

mod follow_up;
mod graph;
pub mod intent;
mod material;
pub mod proposal;
mod semantic;
mod structural;

pub use follow_up::follow_up;
pub use graph::Plan;
pub use semantic::{Demands, Doubts, Fit};
pub use structural::structural;

use serde::{Deserialize, Serialize};

/// Tasks of a plan: a long list of questions; more is a document that one expert should get whole.
pub const TASKS_MAX: usize = 64;
/// Bytes of one task's text: a task is never longer than the prompt it was cut from.
pub const TASK_BYTES_MAX: usize = crate::sanitise::PROMPT_BYTES_MAX;
/// Bytes of one answer as it is put into a dependant's text: a page; a dependant works on a result, not on a
/// book, and an expert's answer must not crowd its own instruction out of the next expert's context.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// From 1, in the order asked.
    pub id: u32,
    /// What to do; `{{n}}` stands for the answer of task n.
    pub text: String,
    /// Tasks whose answers this one needs.
    pub depends_on: Vec<u32>,
}

/// Why tasks do not make a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No task at all.
    #[error("a plan needs at least one task")]
    NoTasks,
    /// More than [`TASKS_MAX`].
    #[error("{0} tasks; a plan has at most {TASKS_MAX}")]
    TooManyTasks(usize),
    /// Ids must be 1, 2, 3, … in order.
    #[error("task {found} stands where task {expected} should")]
    IdOutOfOrder {
        /// Its place, from 1.
        expected: u32,
        /// Its id.
        found: u32,
    },
    /// A task without text.
    #[error("task {0} has no text")]
    EmptyTask(u32),
    /// A task longer than [`TASK_BYTES_MAX`].
    #[error("task {id} has {bytes} bytes; at most {TASK_BYTES_MAX} are allowed")]
    TaskTooLarge {
        /// The task.
        id: u32,
        /// Its size.
        bytes: usize,
    },
    /// A dependency on a task that is not there.
    #[error("task {task} depends on task {missing}, which does not exist")]
    Orphan {
        /// The dependant.
        task: u32,
        /// What it names.
        missing: u32,
    },
    /// Tasks that wait for each other.
    #[error("task {0} waits for itself, directly or through others")]
    Cycle(u32),
}
