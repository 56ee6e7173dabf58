//! What comes back: events while a question is worked on, and the answer with its tasks, experts and times. The
//! same types whatever the transport; over one that says less, what it does not say is empty.

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// Tasks of one question that are kept: far above any plan, so that a hostile node cannot fill the memory.
const TASKS_MAX: usize = 1_024;
/// Bytes of an answer that are taken: far above any model's output limit.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What happens to a question, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The plan stands.
    Planned(Plan),
    /// The expert chosen for a task loads its model before it begins.
    Loading {
        /// The task's id.
        id: u32,
        /// Who.
        expert: Candidate,
        /// How far it is, from 0 to 100.
        percent: u32,
    },
    /// An expert took a task.
    Started {
        /// The task's id.
        id: u32,
        /// Its text, results of others put in.
        text: String,
        /// Who does it.
        expert: Candidate,
    },
    /// More of a task's own text, a scratchpad's working included. Over gRPC and the Unix socket alone.
    Working {
        /// The task's id.
        id: u32,
        /// The next characters.
        text: String,
    },
    /// More of the composed answer: all of these together are [`Answer::text`].
    Delta {
        /// The next characters.
        text: String,
    },
    /// A task ended.
    Finished(Finished),
    /// The question is answered: the last event.
    Answered(Answer),
}

/// How a question is cut, and who could answer each part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The tasks in the order asked.
    pub tasks: Vec<PlannedTask>,
    /// What it took.
    pub timings: Timings,
}

/// A task of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlannedTask {
    /// Its number.
    pub id: u32,
    /// What is asked; `{{1}}` stands for the result of task 1.
    pub text: String,
    /// The tasks whose results it needs.
    pub depends_on: Vec<u32>,
    /// What kind of work it is: `code`, `maths`, `facts` and so on; empty where an expert was named.
    pub intent: String,
    /// How much it asks for, from 0 to 1.
    pub complexity: Option<f32>,
    /// The nearest experts, best first, whether they fit or not.
    pub candidates: Vec<Candidate>,
}

/// An expert that was weighed for a task. `score = competence × trust × availability`, each from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidate {
    /// Its card's id.
    #[serde(alias = "id")]
    pub expert: String,
    /// Where it runs.
    pub peer_id: String,
    /// SHA-256 of its model file, in hexadecimal.
    pub model_sha256: String,
    /// The product.
    pub score: f32,
    /// How near its card is to the task.
    pub competence: f32,
    /// What is known of its honesty.
    pub trust: f32,
    /// Whether it has room and is near.
    pub availability: f32,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Not yet, or not reported.
    #[default]
    Pending,
    /// Answered.
    Done,
    /// Every expert tried has failed.
    Failed,
    /// Nothing known fits.
    NoExpert,
    /// A task it depends on did not come to an answer.
    Skipped,
}

impl TaskStatus {
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "done" => Self::Done,
            "failed" => Self::Failed,
            "no_expert" => Self::NoExpert,
            "skipped" => Self::Skipped,
            _ => Self::Pending,
        }
    }
}

/// A task's end, as reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finished {
    /// The task's id.
    pub id: u32,
    /// How it ended.
    pub status: TaskStatus,
    /// Who did it, where the transport says so here; else [`Event::Started`] has said it.
    pub expert: Option<Candidate>,
    /// Its result; empty unless done.
    pub result: String,
    /// Why it did not end well; empty if it did.
    pub detail: String,
    /// Tokens.
    pub usage: Usage,
    /// What second opinions came to, if there were any.
    pub consensus: Option<Consensus>,
    /// Oldest turns left out, because the conversation was longer than the expert's context.
    pub dropped_messages: u32,
    /// Names the task for feedback, 32 hexadecimal digits; empty if it was not answered.
    pub task_id: String,
    /// From the question's arrival to this task's first token; 0 if there was none.
    pub first_token_ms: f32,
    /// From the task's start to its end.
    pub total_ms: f32,
}

/// What several experts' answers to one task came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consensus {
    /// `vote`, `centroid` or `synthesise`.
    pub method: String,
    /// Share of the opinions' weight that stands behind the result, in [0, 1].
    pub agreement: f32,
    /// Everybody's answer, the best by routing first.
    pub opinions: Vec<Opinion>,
}

/// One expert's answer among several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opinion {
    /// Whose.
    pub expert: Candidate,
    /// The answer, without the working.
    pub answer: String,
    /// Whether it says what the task's result says.
    pub agrees: bool,
    /// Mean natural log-probability of its tokens, if reported.
    pub logprob_mean: Option<f32>,
    /// What it weighed: trust, fit and confidence, in [0, 1].
    pub weight: f32,
}

/// A task of an answered question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Its number.
    pub id: u32,
    /// What was asked, results of others put in.
    pub text: String,
    /// The tasks whose results it needed.
    pub depends_on: Vec<u32>,
    /// Who was weighed, best first.
    pub candidates: Vec<Candidate>,
    /// Who did it.
    pub expert: Option<Candidate>,
    /// What became of it.
    pub finished: Finished,
}

impl Task {
    /// How it ended.
    pub fn status(&self) -> TaskStatus {
        self.finished.status
    }

    /// Its result; empty unless it is done.
    pub fn result(&self) -> &str {
        &self.finished.result
    }
}

/// Tokens read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the prompts as the models saw them.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
}

impl Usage {
    /// Both together.
    pub fn total_tokens(&self) -> u64 {
        u64::from(self.prompt_tokens) + u64::from(self.completion_tokens)
    }
}

/// Where the time went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timings {
    /// Embedding the tasks.
    #[serde(alias = "embed")]
    pub embed_ms: f32,
    /// Cutting the question.
    #[serde(alias = "plan")]
    pub plan_ms: f32,
    /// Finding and ranking the experts.
    #[serde(alias = "route")]
    pub route_ms: f32,
    /// From arrival to the first token of any task.
    #[serde(alias = "first_token")]
    pub first_token_ms: f32,
    /// From arrival to the end.
    #[serde(alias = "total")]
    pub total_ms: f32,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FinishReason {
    /// It was complete.
    #[default]
    Stop,
    /// A limit cut it off.
    Length,
}

impl FinishReason {
    pub(crate) fn read(text: &str) -> Self {
        if text == "length" { Self::Length } else { Self::Stop }
    }

    /// As OpenAI writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// An answered question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The composed text: results in the order asked, each with its expert where there are several.
    pub text: String,
    /// Who did what.
    pub tasks: Vec<Task>,
    /// Tokens of all tasks.
    pub usage: Usage,
    /// Where the time went.
    pub timings: Timings,
    /// Why the text ended.
    pub finish_reason: FinishReason,
}

/// The tasks of a question, put together from its events.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    tasks: Vec<Task>,
    planning: Timings,
    answer_bytes: usize,
}

impl Gathered {
    /// Takes the next event; the last one is given its tasks.
    pub(crate) fn note(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Planned(plan) if plan.tasks.len() > TASKS_MAX => {
                return Err(Error::protocol(format!("a plan of {} tasks", plan.tasks.len())));
            }
            Event::Planned(plan) => {
                self.tasks = plan.tasks.iter().map(planned).collect();
                self.planning = plan.timings;
            }
            Event::Started { id, text, expert } => {
                let (task, expert): (_, &Candidate) = (self.task(*id)?, expert);
                task.text.clone_from(text);
                // Where only the name is reported here, the plan has the factors.
                let same = |c: &&Candidate| (&c.expert, &c.peer_id) == (&expert.expert, &expert.peer_id);
                let planned = task.candidates.iter().find(same).filter(|_| expert.score == 0.0);
                task.expert = Some(planned.unwrap_or(expert).clone());
            }
            Event::Finished(finished) => {
                let task = self.task(finished.id)?;
                task.expert = finished.expert.clone().or(task.expert.take());
                task.finished = finished.clone();
            }
            Event::Delta { text } => {
                self.answer_bytes += text.len();
                if self.answer_bytes > ANSWER_BYTES_MAX {
                    return Err(Error::protocol(format!("an answer of more than {ANSWER_BYTES_MAX} bytes")));
                }
            }
            Event::Loading { .. } | Event::Working { .. } => {}
            Event::Answered(answer) => {
                answer.tasks = std::mem::take(&mut self.tasks);
                // A transport may report the planning with the plan alone.
                let Timings { embed_ms, plan_ms, route_ms, .. } = self.planning;
                if answer.timings.embed_ms == 0.0 && answer.timings.plan_ms == 0.0 {
                    answer.timings = Timings { embed_ms, plan_ms, route_ms, ..answer.timings };
                }
            }
        }
        Ok(())
    }

    /// The task with this id; one that no plan named (a transport may not report the plan) is added.
    fn task(&mut self, id: u32) -> Result<&mut Task, Error> {
        let at = match self.tasks.iter().position(|t| t.id == id) {
            Some(at) => at,
            None => {
                self.tasks.push(Task { id, ..Task::default() });
                self.tasks.len() - 1
            }
        };
        if self.tasks.len() > TASKS_MAX {
            return Err(Error::protocol(format!("more than {TASKS_MAX} tasks")));
        }
        self.tasks.get_mut(at).ok_or_else(|| Error::protocol("a task that is not there"))
    }
}

fn planned(task: &PlannedTask) -> Task {
    Task {
        id: task.id,
        text: task.text.clone(),
        depends_on: task.depends_on.clone(),
        candidates: task.candidates.clone(),
        ..Task::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_tasks() {
        let mut gathered = Gathered::default();
        let tasks = vec![PlannedTask { id: 1, text: "t".into(), ..PlannedTask::default() }];
        let expert = Candidate { expert: "words".into(), ..Candidate::default() };
        let finished =
            Finished { id: 1, status: TaskStatus::Done, result: "r".into(), ..Finished::default() };
        let mut last = Event::Answered(Answer::default());
        for event in [
            &mut Event::Planned(Plan { tasks, ..Plan::default() }),
            &mut Event::Started { id: 1, text: "T".into(), expert },
            &mut Event::Finished(finished),
            &mut last,
        ] {
            gathered.note(event).unwrap();
        }
        let Event::Answered(answer) = last else { panic!("not the answer") };
        let task = &answer.tasks[0];
        assert_eq!((task.text.as_str(), task.result(), task.status()), ("T", "r", TaskStatus::Done));
        assert_eq!(task.expert.as_ref().unwrap().expert, "words");
    }

    #[test]
    fn what_a_hostile_node_sends_is_bounded() {
        let mut gathered = Gathered::default();
        let many = Plan { tasks: vec![PlannedTask::default(); TASKS_MAX + 1], ..Plan::default() };
        assert!(gathered.note(&mut Event::Planned(many)).is_err());
        let mut delta = Event::Delta { text: "x".repeat(ANSWER_BYTES_MAX / 2) };
        assert!(gathered.note(&mut delta).is_ok() && gathered.note(&mut delta).is_ok());
        assert!(gathered.note(&mut Event::Delta { text: "x".into() }).is_err());
        let ended = |id| Event::Finished(Finished { id, ..Finished::default() });
        assert!((0..TASKS_MAX as u32).all(|id| gathered.note(&mut ended(id)).is_ok()));
        assert!(gathered.note(&mut ended(9_999)).is_err());
    }
}
