//! The handle to a model's thread, and the answer it gives.

mod events;
mod gauges;
mod load;
mod seats;

use super::grammar::{Compiler, Grammar, Vocabulary};
use super::request::check_messages;
use super::{Clockwork, Config, Error, Loading, Prompt, Request, ScoreRequest, Scored, SlotUse};
use futures::Stream;
use polymath_swarm::capability::ModelFacts;
use polymath_swarm::identity::PeerKey;
use polymath_swarm::ledger::Priority;
use polymath_swarm::task::{Message, TaskEvent};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use tokio::sync::{OnceCell, Semaphore, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

pub(super) use events::{Events, Piece};
pub(super) use gauges::{Gauges, RETRY_MS_MIN};
pub(super) use seats::Seat;
use seats::Seats;

/// Requests for prompts alone that may wait; they take microseconds.
const PROMPTS_MAX: usize = 16;
/// Grammars compiled at once for one model, the others wait: they come from others and each may keep a core busy for a while.
const COMPILING_MAX: usize = 2;

/// What the thread is asked to do.
pub(super) enum Command {
    /// A task for a slot.
    Work(Box<Work>),
    /// Template and tokens only.
    Prompt { messages: Vec<Message>, reply: oneshot::Sender<Result<Prompt, Error>> },
    /// The texts of all tokens.
    Vocabulary { reply: oneshot::Sender<Vocabulary> },
    /// End, whatever is running.
    Stop,
}

/// A task, with where its results go and its seat among slots and queue.
pub(super) enum Work {
    Answer { request: Request, events: Events, seat: Seat },
    Score { request: ScoreRequest, reply: oneshot::Sender<Result<Scored, Error>>, seat: Seat },
}

impl Work {
    pub(super) fn messages(&self) -> &[Message] {
        match self {
            Self::Answer { request, .. } => &request.messages,
            Self::Score { request, .. } => &request.messages,
        }
    }
}

/// A loaded model. Clones are handles to the same one; when the last of them and of its [`Generation`]s is
/// dropped, the model is unloaded.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    thread: ModelThread,
    seats: Seats,
    name: String,
    facts: ModelFacts,
    clockwork: Clockwork,
    slot_use: watch::Receiver<SlotUse>,
    gauges: Arc<Gauges>,
    // Made when the first grammar comes: most models never see one.
    compiler: OnceCell<Arc<Compiler>>,
    compiling: Arc<Semaphore>,
}

/// A model's thread, from the beginning of its loading on. It ends when this is dropped.
struct ModelThread {
    /// `None` only while being dropped.
    commands: Option<mpsc::Sender<Command>>,
    /// Likewise.
    handle: Option<JoinHandle<()>>,
}

impl ModelThread {
    fn unpark(&self) {
        self.handle.iter().for_each(|handle| handle.thread().unpark());
    }
}

impl Drop for ModelThread {
    fn drop(&mut self) {
        // The thread ends when it wakes and finds no sender left.
        self.commands = None;
        self.unpark();
        // It is waited for, a decode step and the unloading at the most, or the rest of the loading: a process that ends while llama.cpp
        // is at work may crash.
        let elsewhere = self.handle.take().filter(|handle| handle.thread().id() != thread::current().id());
        if let Some(handle) = elsewhere {
            // A panic has been reported by the thread itself.
            let _ = handle.join();
        }
    }
}

impl Worker {
    /// Checks the file, loads it in a thread of its own and sees that it answers. Errors name the file.
    pub async fn load(config: Config) -> Result<Self, Error> {
        Self::load_watched(config, Loading::default()).await
    }

    /// As [`Self::load`]; `loading` is told how far it is.
    ///
    /// # Errors
    /// Likewise.
    pub async fn load_watched(config: Config, loading: Loading) -> Result<Self, Error> {
        config.check()?;
        let seats = Seats::new(config.slots, config.queue);
        let (commands, receiver) = mpsc::channel((config.slots + config.queue) as usize + PROMPTS_MAX);
        let slots = SlotUse { slots: config.slots, free: config.slots, queued: 0 };
        let (slot_use_sender, slot_use) = watch::channel(slots);
        let gauges = Arc::new(Gauges::new(config.tokens_per_second));
        let path = config.model_path.clone();
        let (handle, ready) = load::spawn(config, receiver, (slot_use_sender, loading), Arc::clone(&gauges))?;
        let thread = ModelThread { commands: Some(commands), handle: Some(handle) };
        // Only a panic in the bindings ends the thread without a word.
        let broke = |_| Err(Error::Refused { path, reason: "loading it broke off".into() });
        let load::Ready { name, facts, clockwork } = ready.await.unwrap_or_else(broke)?;
        let shared = Shared {
            thread,
            seats,
            name,
            facts,
            clockwork,
            slot_use,
            gauges,
            compiler: OnceCell::new(),
            compiling: Arc::new(Semaphore::new(COMPILING_MAX)),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What the file says of the model, and how it is run.
    pub fn facts(&self) -> &ModelFacts {
        &self.shared.facts
    }

    /// How its prompts depend on when they are rendered.
    pub fn clockwork(&self) -> Clockwork {
        self.shared.clockwork
    }

    /// The model's own name, or its file's.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How busy it is, live.
    pub fn slots(&self) -> watch::Receiver<SlotUse> {
        self.shared.slot_use.clone()
    }

    /// Generated tokens a second of one answer: a moving average, from the probe at loading on.
    pub fn tokens_per_second(&self) -> f32 {
        self.shared.gauges.tokens_per_second()
    }

    /// Whether its thread is gone: it was stopped, or broke off.
    pub(super) fn has_ended(&self) -> bool {
        self.commands().map_or(true, mpsc::Sender::is_closed)
    }

    /// How many hold it, this handle included.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.shared)
    }

    /// Starts an answer. Fails at once if the request is out of bounds or every place is taken; whatever else
    /// is wrong comes as the first event.
    pub fn generate(&self, request: Request) -> Result<Generation, Error> {
        request.check()?;
        let seat = self.seat(request.priority, request.asker)?;
        let (events, receiver) = Events::channel();
        self.work(Work::Answer { request, events, seat })?;
        Ok(Generation { events: receiver, source: Source::Worker(self.clone()), ended: false })
    }

    /// Log-probabilities of given tokens, had the model answered with them. Dropping the future cancels.
    pub async fn score(&self, request: ScoreRequest) -> Result<Scored, Error> {
        request.check()?;
        let seat = self.seat(Priority::Stranger, None)?;
        let (reply, scores) = oneshot::channel();
        self.work(Work::Score { request, reply, seat })?;
        scores.await.unwrap_or(Err(Error::Stopped))
    }

    /// The conversation as the model would read it.
    pub async fn prompt(&self, messages: Vec<Message>) -> Result<Prompt, Error> {
        check_messages(&messages)?;
        let (reply, prompt) = oneshot::channel();
        let commands = self.commands()?;
        commands.send(Command::Prompt { messages, reply }).await.map_err(|_| Error::Stopped)?;
        self.shared.thread.unpark();
        prompt.await.unwrap_or(Err(Error::Stopped))
    }

    /// Compiles a grammar (llguidance's Lark dialect) for this model's vocabulary, on a blocking thread.
    pub async fn grammar(&self, text: String) -> Result<Grammar, Error> {
        let compiler = self.shared.compiler.get_or_try_init(|| self.compiler()).await?.clone();
        let permit = Arc::clone(&self.shared.compiling).acquire_owned().await.map_err(|_| Error::Stopped)?;
        let compiled = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            compiler.compile(&text)
        });
        compiled.await.unwrap_or_else(|_| Err(Error::Failed("compiling the grammar broke off".into())))
    }

    async fn compiler(&self) -> Result<Arc<Compiler>, Error> {
        let (reply, vocabulary) = oneshot::channel();
        self.commands()?.send(Command::Vocabulary { reply }).await.map_err(|_| Error::Stopped)?;
        self.shared.thread.unpark();
        let vocabulary = vocabulary.await.map_err(|_| Error::Stopped)?;
        let built = tokio::task::spawn_blocking(move || Compiler::new(vocabulary));
        built
            .await
            .unwrap_or_else(|_| Err(Error::Failed("reading the vocabulary broke off".into())))
            .map(Arc::new)
    }

    /// Unloads the model: running answers end with [`Error::Stopped`]. Returns when its memory is free.
    pub async fn stop(&self) {
        let Ok(commands) = self.commands() else { return };
        if commands.send(Command::Stop).await.is_ok() {
            self.shared.thread.unpark();
            commands.closed().await;
        }
        // The thread drops this sender after the model.
        let mut slot_use = self.slots();
        while slot_use.changed().await.is_ok() {}
    }

    fn commands(&self) -> Result<&mpsc::Sender<Command>, Error> {
        self.shared.thread.commands.as_ref().ok_or(Error::Stopped)
    }

    fn seat(&self, priority: Priority, asker: Option<PeerKey>) -> Result<Seat, Error> {
        self.shared.seats.take(priority, asker).ok_or_else(|| Error::Busy {
            retry_after_ms: self.shared.gauges.retry_after_ms(*self.shared.slot_use.borrow()),
        })
    }

    fn work(&self, work: Work) -> Result<(), Error> {
        // There is room for every seat and more; only prompts could have filled it.
        self.commands()?.try_send(Command::Work(Box::new(work))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy { retry_after_ms: RETRY_MS_MIN },
            mpsc::error::TrySendError::Closed(_) => Error::Stopped,
        })?;
        self.shared.thread.unpark();
        Ok(())
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("name", &self.shared.name).field("facts", &self.shared.facts).finish()
    }
}

/// An answer as it comes: accepted, tokens, done; or an error, which is the last. Dropping it cancels the task
/// and frees its slot within one decode step.
pub struct Generation {
    events: mpsc::Receiver<Result<TaskEvent, Error>>,
    source: Source,
    ended: bool,
}

/// Where an answer comes from.
enum Source {
    Worker(Worker),
    Service(AbortHandle),
}

impl Source {
    /// There is room for events again, or nobody waits for them any more.
    fn wake(&self) {
        if let Self::Worker(worker) = self {
            worker.shared.thread.unpark();
        }
    }
}

impl Generation {
    /// The answer of a task that sends its events; aborted when this is dropped.
    pub(super) fn of_task(events: mpsc::Receiver<Result<TaskEvent, Error>>, task: AbortHandle) -> Self {
        Self { events, source: Source::Service(task), ended: false }
    }

    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<TaskEvent, Error>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Reads to the end: all text, and the last event.
    pub async fn text(mut self) -> Result<(String, TaskEvent), Error> {
        let mut all = String::new();
        while let Some(event) = self.next().await {
            match event? {
                TaskEvent::Tokens { text, .. } => all.push_str(&text),
                done @ TaskEvent::Done { .. } => return Ok((all, done)),
                TaskEvent::Accepted { .. } => {}
            }
        }
        Err(Error::Stopped)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<TaskEvent, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let event = std::task::ready!(self.events.poll_recv(context)).unwrap_or(Err(Error::Stopped));
        self.ended = matches!(event, Err(_) | Ok(TaskEvent::Done { .. }));
        // The slot may have been waiting for this place.
        self.source.wake();
        Poll::Ready(Some(event))
    }
}

impl Stream for Generation {
    type Item = Result<TaskEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.events.close();
        self.source.wake();
        if let Source::Service(task) = &self.source {
            task.abort();
        }
    }
}
