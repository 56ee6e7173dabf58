//! Everything that was reported about one question, kept in the plan's order.

use super::super::exit::Refused;
use super::super::session::wire;
use wire::chat_event::Body;

/// A question's events, gathered.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Transcript {
    pub(in crate::cli) tasks: Vec<Task>,
    pub(in crate::cli) answer: Option<wire::Answer>,
    pub(in crate::cli) error: Option<wire::ChatError>,
}

/// One task of the plan and what became of it.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Task {
    pub(in crate::cli) id: u32,
    /// As planned; once started, with the results of others put in.
    pub(in crate::cli) text: String,
    pub(in crate::cli) depends_on: Vec<u32>,
    /// What kind of work it is, and how much of it; empty where the node does not say.
    pub(in crate::cli) intent: String,
    pub(in crate::cli) complexity: Option<f32>,
    /// What experts elsewhere see of it, where the question is private.
    pub(in crate::cli) shown: String,
    pub(in crate::cli) candidates: Vec<wire::Candidate>,
    pub(in crate::cli) expert: Option<wire::Candidate>,
    pub(in crate::cli) finished: Option<wire::TaskFinished>,
}

impl Task {
    /// `pending` until it ended, then what the node says.
    pub(in crate::cli) fn status(&self) -> &str {
        self.finished.as_ref().map_or("pending", |f| f.status.as_str())
    }

    /// Who works on it.
    pub(in crate::cli) fn expert_id(&self) -> &str {
        self.expert.as_ref().map_or("nobody", |e| e.expert.as_str())
    }
}

impl Transcript {
    /// Takes the next event.
    pub(in crate::cli) fn note(&mut self, body: &Body) {
        match body {
            Body::Planned(plan) => self.tasks = plan.tasks.iter().map(planned).collect(),
            Body::Started(started) => {
                if let Some(task) = self.task_mut(started.id) {
                    task.text.clone_from(&started.text);
                    task.expert.clone_from(&started.expert);
                }
            }
            Body::Loading(_) | Body::Text(_) | Body::Answering(_) => {}
            Body::Finished(finished) => {
                if let Some(task) = self.task_mut(finished.id) {
                    // Of several opinions, another expert's than the first may stand.
                    if finished.expert.is_some() {
                        task.expert.clone_from(&finished.expert);
                    }
                    task.finished = Some(finished.clone());
                }
            }
            Body::Answer(answer) => self.answer = Some(answer.clone()),
            Body::Error(error) => self.error = Some(error.clone()),
        }
    }

    /// The task with this id.
    pub(in crate::cli) fn task(&self, id: u32) -> Option<&Task> {
        self.tasks.iter().find(|t| t.id == id)
    }

    fn task_mut(&mut self, id: u32) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|t| t.id == id)
    }

    /// Whether there is an answer; else why not.
    pub(in crate::cli) fn outcome(&self) -> anyhow::Result<()> {
        if let Some(error) = &self.error {
            return Err(Refused { code: error.code.clone(), message: error.message.clone() }.into());
        }
        anyhow::ensure!(self.answer.is_some(), "the node ended the conversation without an answer");
        Ok(())
    }
}

fn planned(task: &wire::PlannedTask) -> Task {
    Task {
        id: task.id,
        text: task.text.clone(),
        depends_on: task.depends_on.clone(),
        intent: task.intent.clone(),
        complexity: task.complexity,
        shown: task.shown.clone(),
        candidates: task.candidates.clone(),
        ..Task::default()
    }
}
