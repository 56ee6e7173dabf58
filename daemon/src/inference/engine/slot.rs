//! A slot of the context, and the task that has it.

use super::answer::Answer;
use super::prefixes::{Prefixes, common};
use super::score::Score;
use crate::inference::Error;
use crate::inference::worker::{Gauges, Seat, Work};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use polymath_swarm::ledger::Priority;
use std::time::{Duration, Instant as StdInstant};
use tokio::time::Instant;

/// Tokens of a task, and how far they are read into the KV cache.
pub(super) struct Row {
    pub(super) tokens: Vec<LlamaToken>,
    pub(super) read: usize,
    /// Of those not read, how many the current batch reads.
    pub(super) batched: usize,
}

impl Row {
    pub(super) fn unread(&self) -> usize {
        self.tokens.len() - self.read
    }
}

/// What holds for all tasks of a model.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'m> {
    pub(super) context_tokens: u32,
    pub(super) vocab: &'m LlamaVocab<'m>,
    /// Of each answer; 0 for no limit.
    pub(super) tokens_per_second: u32,
}

/// By how much each rank is served later than the one above it: about an answer. Whoever has waited longer than that comes first all
/// the same, so that nobody waits for ever.
const RANK: Duration = Duration::from_secs(2);

/// When the work's turn is, if it came `now` and tasks take so long. Auditors come last. Each task that its asker has already, waiting or
/// running, counts as if this one had come so much later: who comes with his first is not behind all of another's.
pub(super) fn turn_of(work: &Work, now: StdInstant, task_time: Duration) -> StdInstant {
    let (rank, before) = match work {
        Work::Answer { request, seat, .. } => match request.priority {
            Priority::Owner => (0, 0),
            Priority::Giver => (1, seat.before()),
            // A debtor could come as a stranger under a new name.
            Priority::Stranger | Priority::Debtor => (2, seat.before()),
        },
        Work::Score { .. } => (3, 0),
    };
    now + rank * RANK
        + task_time.clamp(TASK_TIME_MIN, TASK_TIME_MAX) * u32::try_from(before).unwrap_or(u32::MAX)
}

/// What a task counts for at least where its asker has several, and at most: not known yet, or of a model that is very slow.
const TASK_TIME_MIN: Duration = Duration::from_millis(50);
const TASK_TIME_MAX: Duration = Duration::from_secs(10);

/// A task that was let in: it waits in the queue or has a slot.
pub(super) struct Task {
    pub(super) row: Row,
    job: Job,
    deadline: Option<Instant>,
    begun: StdInstant,
    /// Those with the earliest get the next free slot.
    pub(super) turn: StdInstant,
    /// Its place among slots and queue. Given up before the last word is said, so that whoever hears it finds
    /// the place free.
    seat: Seat,
}

enum Job {
    Answer(Box<Answer>),
    Score(Box<Score>),
}

impl Task {
    /// Lets a task in, or tells it why not.
    pub(super) fn start(
        work: Work,
        prompt: Result<Vec<LlamaToken>, Error>,
        bounds: Bounds<'_>,
        (ahead, turn): (u32, StdInstant),
    ) -> Option<Self> {
        let begun = StdInstant::now();
        let (row, job, deadline, seat) = match work {
            Work::Answer { request, events, seat } => {
                let deadline = request.deadline;
                let (row, answer) = Answer::start(request, events, prompt, bounds, ahead)?;
                (row, Job::Answer(Box::new(answer)), deadline, seat)
            }
            Work::Score { request, reply, seat } => {
                let deadline = request.deadline;
                let (row, score) = Score::start(request, reply, prompt, bounds.context_tokens, bounds.vocab)?;
                (row, Job::Score(Box::new(score)), deadline, seat)
            }
        };
        Some(Self { row, job, deadline, begun, turn, seat })
    }

    /// Whether nobody waits for it any more, or it is too late.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let cancelled = match &self.job {
            Job::Answer(answer) => answer.is_cancelled(),
            Job::Score(score) => score.is_cancelled(),
        };
        cancelled || self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Ends a task that is over.
    pub(super) fn expire(self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.fail(Error::Deadline);
        }
    }

    /// Whether its reader has to catch up first, or its next token is not due yet.
    pub(super) fn is_paused(&self, now: StdInstant) -> bool {
        matches!(&self.job, Job::Answer(answer) if answer.is_paused() || answer.due_after(now).is_some())
    }

    /// Tells its reader what is kept for him, if its time has come or `at_once`.
    pub(super) fn tell(&mut self, now: StdInstant, at_once: bool) {
        if let Job::Answer(answer) = &mut self.job {
            answer.tell(now, at_once);
        }
    }

    /// When its next token is due, if that is what it waits for.
    pub(super) fn due_after(&self, now: StdInstant) -> Option<StdInstant> {
        match &self.job {
            Job::Answer(answer) if !answer.is_paused() => answer.due_after(now),
            _ => None,
        }
    }

    /// The first position whose logits are of use.
    fn first_wanted(&self) -> usize {
        match &self.job {
            Job::Answer(answer) => answer.first_wanted(&self.row),
            Job::Score(score) => score.first_wanted(),
        }
    }

    pub(super) fn wants_logits(&self, position: usize) -> bool {
        match &self.job {
            Job::Answer(answer) => self.draws_after(position) || answer.notes_after(position),
            Job::Score(score) => score.wants(position),
        }
    }

    /// Whether somebody audits.
    pub(super) fn is_scoring(&self) -> bool {
        matches!(self.job, Job::Score(_))
    }

    /// Whether an answer goes on after this position.
    fn draws_after(&self, position: usize) -> bool {
        matches!(self.job, Job::Answer(_)) && position + 1 == self.row.tokens.len()
    }

    /// Takes the logits of the next position that wanted some. Gives the task back unless it ended.
    pub(super) fn take_logits(
        mut self,
        logits: &[f32],
        vocab: &LlamaVocab<'_>,
        took: Duration,
        gauges: &Gauges,
    ) -> Option<Self> {
        let going_on = match &mut self.job {
            Job::Answer(answer) => answer.take_logits(logits, &mut self.row, vocab, took, gauges),
            Job::Score(score) => score.take_logits(logits),
        };
        if going_on {
            return Some(self);
        }
        gauges.record_task(self.begun.elapsed());
        drop(self.seat);
        match self.job {
            Job::Answer(answer) => answer.finish(),
            Job::Score(score) => score.finish(),
        }
        None
    }

    pub(super) fn fail(self, error: Error) {
        drop(self.seat);
        match self.job {
            Job::Answer(answer) => answer.fail(error),
            Job::Score(score) => score.fail(error),
        }
    }
}

/// One sequence of the context.
pub(super) struct Slot {
    pub(super) id: i32,
    pub(super) task: Option<Task>,
    /// What its part of the KV cache holds.
    cached: Vec<LlamaToken>,
}

impl Slot {
    pub(super) fn new(id: i32) -> Self {
        Self { id, task: None, cached: Vec::new() }
    }

    /// Tokens at the beginning of `row` that the cache already holds.
    pub(super) fn shared_with(&self, row: &Row) -> usize {
        common(&self.cached, &row.tokens)
    }

    /// Gives the slot to a task. What that pushes out of the slot is kept in `prefixes`, and may come from there.
    pub(super) fn begin(&mut self, mut task: Task, context: &mut LlamaContext<'_>, prefixes: &mut Prefixes) {
        let shared = self.shared_with(&task.row);
        prefixes.save(context, self.id, &self.cached, shared);
        self.keep(shared.min(task.first_wanted()), context);
        let known = &task.row.tokens[..task.first_wanted()];
        if let Some(at_hand) = prefixes.restore(context, self.id, known, self.cached.len()) {
            let shared = common(&at_hand, known);
            self.cached = at_hand;
            self.keep(shared, context);
        }
        task.row.read = self.cached.len();
        self.task = Some(task);
    }

    /// Cuts the slot's part of the KV cache to its first `shared` tokens, or to none where it cannot be cut.
    fn keep(&mut self, shared: usize, context: &mut LlamaContext<'_>) {
        // A sliding window may have dropped the beginning, and recurrent states cannot be cut: read all again.
        let whole = context.kv_cache_seq_pos_min(self.id) == 0;
        let cut = whole && shared > 0 && context.kv_cache_seq_rm(self.id, Some(shared as u32), None).is_ok();
        if cut {
            self.cached.truncate(shared);
        } else {
            self.cached.clear();
            // Removing a whole sequence cannot fail.
            let _ = context.kv_cache_seq_rm(self.id, None, None);
        }
    }

    /// What the batch held has been read.
    pub(super) fn advance(&mut self) {
        if let Some(Task { row, .. }) = &mut self.task {
            let read = row.read + row.batched;
            self.cached.extend_from_slice(&row.tokens[row.read..read]);
            row.read = read;
            row.batched = 0;
        }
    }

    /// The cache has been emptied.
    pub(super) fn forget(&mut self) {
        self.cached.clear();
        if let Some(task) = &mut self.task {
            task.row.read = 0;
        }
    }
}
