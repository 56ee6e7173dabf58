//! The field `polymath`: what the swarm did for an answer, for those who want to know.
//!
//! In a whole reply it is one report; in a stream it comes as it happens, in chunks whose delta is empty, which
//! ordinary clients pass over. (A chunk without choices would do for OpenAI's own libraries, but not for the many
//! programs that take the first choice of every chunk.)

use crate::coordinator::{self, Answer, Candidate, Planned, TaskResult, TaskStatus};
use crate::network;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What the swarm did.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct Report {
    /// The tasks and who did them.
    pub(super) plan: Plan,
    /// Where the time went; with several answers, of the slowest.
    pub(super) timings_ms: Timings,
}

/// The tasks a question was cut into.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(super) struct Plan {
    /// In the order asked.
    pub(super) tasks: Vec<Task>,
}

/// A task.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Task {
    /// Which of the `choices` it is for.
    choice: u32,
    /// Its number in the plan.
    id: u32,
    /// What is asked.
    text: String,
    /// Tasks whose results it needs.
    depends_on: Vec<u32>,
    /// What kind of work it is: `code`, `maths`, `science`, `facts`, `language`, `writing`, `summarising`,
    /// `reasoning`, `data`, `planning` or `chat`; null where an expert was named.
    intent: Option<&'static str>,
    /// How much it asks for, 0 to 1.
    complexity: Option<f32>,
    /// What experts of other nodes get to see of it, if the question is private.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<String>,
    /// Who does it, or would.
    expert: Option<Expert>,
    /// How well the expert fits, 0 to 1.
    score: Option<f32>,
    /// What the score is made of.
    factors: Option<Factors>,
    /// The nearest experts when the plan was made, best first, whether they fit or not; eight at the most.
    candidates: Vec<Contender>,
    /// `planned`, `done`, `failed`, `no_expert` or `skipped`.
    status: &'static str,
    /// Its result.
    answer: String,
    /// Why it did not end well.
    detail: String,
    /// Oldest turns left out, because the conversation is longer than the expert's context.
    dropped_messages: u32,
    /// Names it for `/v1/feedback`, once it was answered.
    task_id: Option<String>,
    /// Tokens that its answer and second opinions took; 0 until it ended.
    completion_tokens: u32,
    /// Milliseconds from the question's arrival to its first token, once it ended.
    first_token_ms: Option<f32>,
    /// Milliseconds from its own start to its end, once it ended.
    total_ms: Option<f32>,
    /// What second opinions came to; absent if there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    consensus: Option<Consensus>,
}

/// An expert that could do a task, or nearly.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Contender {
    /// Who.
    expert: Expert,
    /// How well it fits, 0 to 1.
    score: f32,
    /// What the score is made of.
    factors: Factors,
    /// Whether it may be given the task at all.
    fits: bool,
}

/// What several experts' answers to one task came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Consensus {
    /// `vote`, `centroid` or `synthesise`.
    method: &'static str,
    /// Share of the opinions' weight that stands behind the answer, 0 to 1.
    agreement: f32,
    /// Everybody's answer, the best by routing first.
    opinions: Vec<Opinion>,
}

/// One expert's answer among several.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Opinion {
    /// Whose.
    expert: Expert,
    /// The answer, without the working.
    answer: String,
    /// Whether it says what the task's answer says.
    agrees: bool,
    /// Mean natural log-probability of its tokens, if reported.
    logprob_mean: Option<f32>,
    /// What it weighed: trust, fit and confidence, 0 to 1.
    weight: f32,
}

/// An expert on a node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Expert {
    /// The card's id.
    id: String,
    /// The node.
    peer_id: String,
    /// SHA-256 of the model's file.
    model_sha256: String,
}

/// What a score is made of, each 0 to 1 but for the outcomes.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct Factors {
    /// How near the card is to the task.
    claim: f32,
    /// Good outcomes of its answers to prompts like this one, weighted.
    good: f32,
    /// Bad ones.
    bad: f32,
    /// The claim, corrected by the outcomes.
    competence: f32,
    /// Belief that the task is within what the expert is for.
    coverage: f32,
    /// How far the node is trusted.
    trust: f32,
    /// How free it is.
    availability: f32,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(super) struct Timings {
    /// To embed the tasks.
    embed: f32,
    /// To cut the question.
    plan: f32,
    /// To rank the experts.
    route: f32,
    /// From arrival to the first token.
    first_token: Option<f32>,
    /// From arrival to the end.
    total: f32,
}

/// Something the swarm did, as it happens.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Note {
    /// The plan stands.
    Plan {
        /// Which of the `choices` it is for.
        choice: u32,
        /// The tasks.
        plan: Plan,
    },
    /// The expert chosen for a task loads its model before it begins.
    Loading {
        /// Which of the `choices` it is for.
        choice: u32,
        /// The task's number.
        task: u32,
        /// Who.
        expert: Expert,
        /// How far it is, from 0 to 100.
        percent: u8,
    },
    /// An expert took a task.
    Started {
        /// Which of the `choices` it is for.
        choice: u32,
        /// The task's number.
        task: u32,
        /// Its text, results of others put in.
        text: String,
        /// Who does it.
        expert: Expert,
        /// If another has begun and broken off: how many of its tokens stand. Of none, the task begins anew.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept_tokens: Option<u32>,
    },
    /// A task ended.
    Finished {
        /// Which of the `choices` it is for.
        choice: u32,
        /// The task.
        task: Box<Task>,
    },
    /// The answer is complete.
    Answered {
        /// Which of the `choices` it is for.
        choice: u32,
        /// Where the time went.
        timings_ms: Timings,
    },
}

impl Note {
    /// Which of the `choices` it is for.
    pub(super) fn choice(&self) -> u32 {
        match self {
            Self::Plan { choice, .. }
            | Self::Loading { choice, .. }
            | Self::Started { choice, .. }
            | Self::Finished { choice, .. }
            | Self::Answered { choice, .. } => *choice,
        }
    }
}

impl Expert {
    fn of(candidate: &Candidate) -> Self {
        Self {
            id: candidate.advert.card.id.clone(),
            peer_id: network::peer_id_text(candidate.advert.peer),
            model_sha256: candidate.advert.card.model.sha256.to_string(),
        }
    }
}

impl Consensus {
    fn of(consensus: &coordinator::Consensus) -> Self {
        let opinion = |o: &coordinator::Opinion| Opinion {
            expert: Expert::of(&o.expert),
            answer: o.answer.clone(),
            agrees: o.agrees,
            logprob_mean: o.logprob_mean,
            weight: o.weight,
        };
        Self {
            method: consensus.method.name(),
            agreement: consensus.agreement,
            opinions: consensus.opinions.iter().map(opinion).collect(),
        }
    }
}

impl Factors {
    fn of(candidate: &Candidate) -> Self {
        let factors = candidate.factors;
        Self {
            claim: factors.claim,
            good: factors.outcomes.good,
            bad: factors.outcomes.bad,
            competence: factors.competence,
            coverage: factors.coverage,
            trust: factors.trust,
            availability: factors.availability,
        }
    }
}

impl Contender {
    fn of(candidate: &Candidate) -> Self {
        Self {
            expert: Expert::of(candidate),
            score: candidate.score(),
            factors: Factors::of(candidate),
            fits: candidate.fits(),
        }
    }
}

impl Task {
    fn take(&mut self, candidate: &Candidate) {
        self.expert = Some(Expert::of(candidate));
        self.score = Some(candidate.score());
        self.factors = Some(Factors::of(candidate));
    }
}

/// The plan with the best expert of each task, if one fits.
pub(super) fn plan(choice: u32, planned: &Planned) -> Plan {
    let task = |p: &coordinator::PlannedTask| {
        let mut task = Task {
            choice,
            id: p.task.id,
            text: p.task.text.clone(),
            depends_on: p.task.depends_on.clone(),
            intent: p.reading.map(|r| r.intent.name()),
            complexity: p.reading.map(|r| r.complexity),
            shown: p.shown.clone(),
            expert: None,
            score: None,
            factors: None,
            candidates: p.candidates.iter().map(Contender::of).collect(),
            status: "planned",
            answer: String::new(),
            detail: String::new(),
            dropped_messages: 0,
            task_id: None,
            completion_tokens: 0,
            first_token_ms: None,
            total_ms: None,
            consensus: None,
        };
        if let Some(best) = p.candidates.first().filter(|c| c.fits()) {
            task.take(best);
        }
        task
    };
    Plan { tasks: planned.tasks.iter().map(task).collect() }
}

/// The note of an expert that loads its model.
pub(super) fn loading(choice: u32, task: u32, expert: &Candidate, percent: u8) -> Note {
    Note::Loading { choice, task, expert: Expert::of(expert), percent }
}

pub(super) fn started(
    choice: u32,
    task: u32,
    text: String,
    (expert, kept_tokens): (&Candidate, Option<u32>),
) -> Note {
    Note::Started { choice, task, text, expert: Expert::of(expert), kept_tokens }
}

impl Report {
    /// Takes the plan of a choice.
    pub(super) fn planned(&mut self, choice: u32, planned: &Planned) {
        self.plan.tasks.extend(plan(choice, planned).tasks);
        let timings = &mut self.timings_ms;
        timings.embed = timings.embed.max(ms(planned.embed));
        timings.plan = timings.plan.max(ms(planned.plan));
        timings.route = timings.route.max(ms(planned.route));
    }

    /// Takes a task's end; returns the task as it stands then.
    pub(super) fn finished(&mut self, choice: u32, result: &TaskResult) -> Option<Task> {
        let task = self.plan.tasks.iter_mut().find(|t| (t.choice, t.id) == (choice, result.id))?;
        task.text.clone_from(&result.text);
        if let Some(expert) = &result.expert {
            task.take(expert);
        }
        task.status = match result.status {
            TaskStatus::Done => "done",
            TaskStatus::Failed => "failed",
            TaskStatus::NoExpert => "no_expert",
            TaskStatus::Skipped => "skipped",
        };
        task.answer.clone_from(&result.result);
        task.detail.clone_from(&result.detail);
        task.dropped_messages = result.dropped_messages;
        task.task_id = result.task_id.map(|id| id.to_string());
        task.completion_tokens = result.usage.completion_tokens;
        task.first_token_ms = result.first_token.map(ms);
        task.total_ms = Some(ms(result.total));
        task.consensus = result.consensus.as_ref().map(Consensus::of);
        Some(task.clone())
    }

    /// Takes the end of a choice; returns the times so far.
    pub(super) fn answered(&mut self, answer: &Answer) -> Timings {
        let timings = &mut self.timings_ms;
        let first = answer.first_token.map(ms);
        timings.first_token = match (timings.first_token, first) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        timings.total = timings.total.max(ms(answer.total));
        *timings
    }
}

fn ms(duration: Duration) -> f32 {
    duration.as_secs_f32() * 1e3
}
