//! The thread that owns a model: its loop, and how a batch is put together.
//!
//! Every task is a row of tokens of which some have been read into the KV cache. A step reads more of them:
//! one token of a slot that is answering (the one it drew last), a chunk of a slot still in its prompt.
//! Where the model's output is wanted, at the end of the row to draw the next token or at a token that is
//! scored or noted for audits, the task gets the logits.
//!
//! A slot keeps what it has read when its task ends. The next task takes the free slot that shares the longest
//! beginning with it, and reads only the rest. What a task pushes out of its slot is kept aside and comes back with
//! the next task that begins so.

mod answer;
mod pace;
mod prefixes;
mod score;
mod slot;

use super::prompt::Prompter;
use super::worker::{Command, Gauges, Work};
use super::{Error, Prompt, SlotUse};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;
use prefixes::Prefixes;
use slot::{Bounds, Row, Slot, Task};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Tokens of a batch: a decode cannot be interrupted, so this bounds how long a cancelled task keeps its slot,
/// and how long a long prompt holds up the answers of others. Prefill of small models gains nothing beyond.
pub(super) const BATCH_TOKENS: usize = 128;
/// Rows of logits that a step asks for to score: 32 rows of the largest vocabularies are 32 MiB.
const SCORED_ROWS_MAX: usize = 32;
/// How long the thread sleeps with nothing to do before it looks at deadlines and cancellations again; it is
/// woken for everything else.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// The thread's state. Consumed by [`Engine::run`].
pub(super) struct Engine<'m> {
    pub(super) context: LlamaContext<'m>,
    pub(super) prompter: Prompter<'m>,
    pub(super) context_tokens: u32,
    batch: LlamaBatch<'static>,
    slots: Vec<Slot>,
    queue: VecDeque<Task>,
    prefixes: Prefixes,
    gauges: Arc<Gauges>,
    slot_use: watch::Sender<SlotUse>,
    /// Of each answer; 0 for no limit.
    tokens_per_second: u32,
}

/// A row of the batch whose logits are wanted: where in the batch, and whose.
struct Wanted {
    batch_index: i32,
    slot: usize,
}

impl<'m> Engine<'m> {
    pub(super) fn new(
        context: LlamaContext<'m>,
        prompter: Prompter<'m>,
        (context_tokens, model_bytes): (u32, u64),
        slot_use: watch::Sender<SlotUse>,
        gauges: Arc<Gauges>,
        tokens_per_second: u32,
    ) -> Self {
        let slots = (0..slot_use.borrow().slots as i32).map(Slot::new).collect();
        let batch = LlamaBatch::new(BATCH_TOKENS, 1);
        let (queue, prefixes) = (VecDeque::new(), Prefixes::beside(model_bytes));
        Self {
            context,
            prompter,
            context_tokens,
            batch,
            slots,
            queue,
            prefixes,
            gauges,
            slot_use,
            tokens_per_second,
        }
    }

    /// Reads one token a few times, to see that the model works and how fast it is.
    pub(super) fn probe(&mut self) -> Result<(), Error> {
        /// After the first, which touches all memory for the first time.
        const TIMED: u32 = 4;
        let bos = self.prompter.vocab().bos();
        let token = if bos.0 >= 0 { bos } else { LlamaToken::new(0) };
        let mut started = Instant::now();
        for position in 0..=TIMED as i32 {
            self.batch.clear();
            self.batch.add(token, position, &[0], true).map_err(|e| Error::Failed(e.to_string()))?;
            self.context.decode(&mut self.batch).map_err(|e| Error::Failed(e.to_string()))?;
            let logits = self.context.get_logits_ith(0);
            if polymath_swarm::sampling::log_sum_exp(logits) == f64::NEG_INFINITY {
                return Err(Error::Failed("it gives no finite logits".into()));
            }
            if position == 0 {
                started = Instant::now();
            }
        }
        self.gauges.record_speed(f64::from(TIMED) / started.elapsed().as_secs_f64().max(1e-9));
        self.context.clear_kv_cache();
        Ok(())
    }

    /// Serves until every handle is gone or it is told to stop.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let open = loop {
                match commands.try_recv() {
                    Ok(Command::Stop) => break false,
                    Ok(command) => self.admit(command),
                    Err(mpsc::error::TryRecvError::Empty) => break true,
                    Err(mpsc::error::TryRecvError::Disconnected) => break false,
                }
            };
            if !open {
                break;
            }
            self.reap();
            self.fill_slots();
            self.publish();
            let wanted = self.assemble();
            // Whoever reads a prompt keeps the others waiting, and with nothing to do this thread sleeps: nobody is to wait for a word that has been drawn.
            let is_quick = !wanted.is_empty() && self.batch.n_tokens() as usize <= self.slots.len();
            self.tell(!is_quick);
            if self.batch.n_tokens() > 0 {
                self.step(&wanted);
            } else {
                self.sleep();
            }
        }
        // What still runs ends here; a worker's last handle is gone only when no answer is being read.
        let running = self.slots.iter_mut().filter_map(|slot| slot.task.take());
        for task in running.chain(self.queue.drain(..)) {
            task.fail(Error::Stopped);
        }
    }

    fn admit(&mut self, command: Command) {
        match command {
            Command::Prompt { messages, reply } => {
                let prompt = self
                    .prompter
                    .prompt(&messages)
                    .map(|(text, tokens)| Prompt { text, ids: tokens.iter().map(|t| t.0 as u32).collect() });
                // Nobody waits for it any more if this fails.
                let _ = reply.send(prompt);
            }
            // As above.
            Command::Vocabulary { reply } => drop(reply.send(self.prompter.vocabulary())),
            Command::Work(work) => self.enqueue(*work),
            Command::Stop => {}
        }
    }

    fn enqueue(&mut self, work: Work) {
        let free = self.slots.iter().filter(|slot| slot.task.is_none()).count();
        let turn = slot::turn_of(&work, Instant::now(), self.gauges.task_time());
        let place = self.queue.partition_point(|task| task.turn <= turn);
        let ahead = (place + 1).saturating_sub(free) as u32;
        let prompt = self.prompter.prompt(work.messages()).map(|(_, tokens)| tokens);
        let bounds = Bounds {
            context_tokens: self.context_tokens,
            vocab: self.prompter.vocab(),
            tokens_per_second: self.tokens_per_second,
        };
        if let Some(task) = Task::start(work, prompt, bounds, (ahead, turn)) {
            // After all whose turn is not later.
            self.queue.insert(place, task);
        }
    }

    /// Ends what nobody reads any more and what is too late.
    fn reap(&mut self) {
        let now = tokio::time::Instant::now();
        for slot in &mut self.slots {
            if slot.task.as_ref().is_some_and(|task| task.is_over(now))
                && let Some(task) = slot.task.take()
            {
                task.expire(now);
            }
        }
        for _ in 0..self.queue.len() {
            let Some(task) = self.queue.pop_front() else { break };
            if task.is_over(now) {
                task.expire(now);
            } else {
                self.queue.push_back(task);
            }
        }
    }

    fn fill_slots(&mut self) {
        while !self.queue.is_empty() {
            let Some(task) = self.queue.front() else { break };
            let free = self.slots.iter_mut().filter(|slot| slot.task.is_none());
            let Some(slot) = free.max_by_key(|slot| slot.shared_with(&task.row)) else { break };
            if let Some(task) = self.queue.pop_front() {
                slot.begin(task, &mut self.context, &mut self.prefixes);
            }
        }
    }

    fn publish(&self) {
        let slots = self.slots.len() as u32;
        let free = self.slots.iter().filter(|slot| slot.task.is_none()).count() as u32;
        let now = SlotUse { slots, free, queued: self.queue.len() as u32 };
        self.slot_use.send_if_modified(|before| std::mem::replace(before, now) != now);
    }

    /// Puts the next batch together: those with one token to read first, since they answer.
    fn assemble(&mut self) -> Vec<Wanted> {
        self.batch.clear();
        let now = Instant::now();
        let mut wanted = Vec::new();
        let mut scored = SCORED_ROWS_MAX;
        let is_answering = |slot: &Slot| slot.task.as_ref().is_some_and(|task| task.row.unread() == 1);
        let (first, second): (Vec<usize>, Vec<usize>) =
            (0..self.slots.len()).partition(|&i| is_answering(&self.slots[i]));
        // Whoever waits for an answer comes before auditors.
        let (scoring, reading): (Vec<usize>, Vec<usize>) =
            second.into_iter().partition(|&i| self.slots[i].task.as_ref().is_some_and(Task::is_scoring));
        for index in first.into_iter().chain(reading).chain(scoring) {
            let slot = &mut self.slots[index];
            let Some(task) = slot.task.as_mut().filter(|task| !task.is_paused(now)) else { continue };
            let room = BATCH_TOKENS - self.batch.n_tokens() as usize;
            for position in task.row.read..task.row.tokens.len().min(task.row.read + room) {
                let wants_logits = task.wants_logits(position);
                let is_scored = wants_logits && task.is_scoring();
                if is_scored && scored == 0 {
                    break;
                }
                scored -= usize::from(is_scored);
                let batch_index = self.batch.n_tokens();
                let added =
                    self.batch.add(task.row.tokens[position], position as i32, &[slot.id], wants_logits);
                if added.is_err() {
                    break;
                }
                task.row.batched += 1;
                if wants_logits {
                    wanted.push(Wanted { batch_index, slot: index });
                }
            }
        }
        wanted
    }

    /// Decodes the batch and hands out the logits.
    fn step(&mut self, wanted: &[Wanted]) {
        let started = Instant::now();
        let decoded = self.context.decode(&mut self.batch);
        let took = started.elapsed();
        if let Err(error) = decoded {
            return self.give_up(&error.to_string());
        }
        for slot in &mut self.slots {
            slot.advance();
        }
        for Wanted { batch_index, slot } in wanted {
            let Some(task) = self.slots[*slot].task.take() else { continue };
            let logits = self.context.get_logits_ith(*batch_index);
            self.slots[*slot].task = task.take_logits(logits, self.prompter.vocab(), took, &self.gauges);
        }
    }

    /// After a failed decode the state of the cache is unknown: everything in the batch ends, and the cache is
    /// emptied. Tasks that were not in it read their rows again.
    fn give_up(&mut self, reason: &str) {
        tracing::error!(reason, "a decode step failed");
        self.context.clear_kv_cache();
        for slot in &mut self.slots {
            slot.forget();
            if slot.task.as_ref().is_some_and(|task| task.row.batched > 0)
                && let Some(task) = slot.task.take()
            {
                task.fail(Error::Failed(reason.to_owned()));
            }
        }
    }

    /// Tells readers what is kept for them, if its time has come or `at_once`.
    fn tell(&mut self, at_once: bool) {
        let now = Instant::now();
        self.slots.iter_mut().filter_map(|slot| slot.task.as_mut()).for_each(|task| task.tell(now, at_once));
    }

    fn sleep(&self) {
        let busy = !self.queue.is_empty() || self.slots.iter().any(|slot| slot.task.is_some());
        if busy {
            let now = Instant::now();
            let tasks = self.slots.iter().filter_map(|slot| slot.task.as_ref());
            let due = tasks.filter_map(|task| task.due_after(now)).min();
            std::thread::park_timeout(due.map_or(SLEEP_MAX, |due| SLEEP_MAX.min(due - now)));
        } else {
            std::thread::park();
        }
    }
}

/// A token id from outside as llama.cpp's, if the vocabulary has it.
fn token(id: u32, vocabulary: i32) -> Option<LlamaToken> {
    i32::try_from(id).ok().filter(|&id| id < vocabulary).map(LlamaToken::new)
}

/// The row of a prompt.
fn row(tokens: Vec<LlamaToken>) -> Row {
    Row { tokens, read: 0, batched: 0 }
}
