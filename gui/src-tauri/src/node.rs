//! The node behind the window: found or started, watched, started again, and ended with us.
//!
//! One thread owns the process and the state machine of `supervisor`; everybody else sends it commands and reads what it has
//! published. It tells the program of every change by a function that it is given, so that it knows no window.

mod ports;
mod process;
mod program;

use std::io::Read as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::console::{ADDRESS_BYTES_MAX, Console};
use crate::supervisor::{Action, Event, Notice, State, Supervisor};
use process::Process;
pub(crate) use process::{LOG_TARGET, Lines};
pub(crate) use program::{Places, Program};

/// How often a node that starts is asked whether it is ready.
const POLL_STARTING: Duration = Duration::from_millis(100);
/// How often somebody else's node is looked after; our own tells us itself when it ends.
const POLL_RUNNING: Duration = Duration::from_secs(2);
/// Commands that may wait: more than a person can give.
const COMMANDS_MAX: usize = 16;
/// How long a node that somebody else is just starting may take to write its console's address down.
const FOREIGN_MAX: Duration = Duration::from_secs(10);

/// How long an end may take that is under way, and how often it is looked for.
const SETTLE_MAX: Duration = Duration::from_millis(500);
const SETTLE_POLL: Duration = Duration::from_millis(5);

/// How long the end may take altogether: a node's own, and a program that does not answer. And how often it is looked for.
const STOP_MAX: Duration = Duration::from_secs(30);
const STOP_POLL: Duration = Duration::from_millis(10);

/// What the program is told.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Things stand otherwise.
    State(State),
    /// Something for a user who is not looking.
    Tell(Notice),
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Retry,
    /// Our own node prints no more.
    Silent,
    Quit,
}

/// A handle to the thread.
pub(crate) struct Node {
    commands: SyncSender<Command>,
    published: Arc<Mutex<Published>>,
    lines: Lines,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Published {
    state: State,
    /// Known as soon as one was found.
    program: Option<Program>,
}

impl Node {
    /// Starts the thread; `on_change` is called from it. `places` is where the daemon may be.
    pub(crate) fn start(places: Places, on_change: impl Fn(Change) + Send + 'static) -> Self {
        let (commands, received) = sync_channel(COMMANDS_MAX);
        let published = Arc::new(Mutex::new(Published { state: State::Looking, program: None }));
        let lines = Lines::default();
        let keeper = Keeper {
            places,
            began: Instant::now(),
            process: None,
            commands: commands.clone(),
            published: published.clone(),
            lines: lines.clone(),
            on_change: Box::new(on_change),
        };
        let thread = std::thread::spawn(move || keeper.run(&received));
        Self { commands, published, lines, thread: Mutex::new(Some(thread)) }
    }

    /// Where things stand.
    pub(crate) fn state(&self) -> State {
        lock(&self.published).state.clone()
    }

    /// The daemon's program, once it is known.
    pub(crate) fn program(&self) -> Option<Program> {
        lock(&self.published).program.clone()
    }

    /// The last lines that our node has printed.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.all()
    }

    /// Tries again, as the user wishes.
    pub(crate) fn retry(&self) {
        // A full queue means that it is about to be tried anyway.
        let _ = self.commands.try_send(Command::Retry);
    }

    /// Ends our node, if we started one, and waits for that.
    pub(crate) fn stop(&self) {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // A thread that is gone has ended its node before.
        let _ = self.commands.send(Command::Quit);
        let deadline = Instant::now() + STOP_MAX;
        while !thread.is_finished() {
            if Instant::now() >= deadline {
                log::warn!("the node's thread does not end: it is left behind, and its node ends with us");
                return;
            }
            std::thread::sleep(STOP_POLL);
        }
    }
}

fn lock(published: &Mutex<Published>) -> std::sync::MutexGuard<'_, Published> {
    published.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread owns.
struct Keeper {
    places: Places,
    began: Instant,
    process: Option<Process>,
    commands: SyncSender<Command>,
    published: Arc<Mutex<Published>>,
    lines: Lines,
    on_change: Box<dyn Fn(Change) + Send>,
}

impl Keeper {
    fn run(mut self, received: &Receiver<Command>) {
        let (mut supervisor, first) = Supervisor::new();
        (self.on_change)(Change::State(supervisor.state().clone()));
        self.carry_out(vec![first], &mut supervisor);
        loop {
            let event = match received.recv_timeout(self.patience(supervisor.state())) {
                Ok(Command::Quit) | Err(RecvTimeoutError::Disconnected) => Event::Quit,
                Ok(Command::Retry) => Event::Retry,
                Ok(Command::Silent) => {
                    self.settle();
                    self.observe(supervisor.state())
                }
                Err(RecvTimeoutError::Timeout) => self.observe(supervisor.state()),
            };
            self.take_in(event, &mut supervisor);
            if supervisor.state() == &State::Over {
                return;
            }
        }
    }

    /// A process that closes what it prints on ends a moment later.
    fn settle(&mut self) {
        let deadline = Instant::now() + SETTLE_MAX;
        while Instant::now() < deadline
            && self.process.as_mut().is_some_and(|process| process.ended().is_none())
        {
            std::thread::sleep(SETTLE_POLL);
        }
    }

    /// How long nothing can happen but what we are told.
    fn patience(&self, state: &State) -> Duration {
        match state {
            State::Starting { .. } => POLL_STARTING,
            State::Waiting { until, .. } => until.saturating_sub(self.began.elapsed()),
            _ => POLL_RUNNING,
        }
    }

    /// Feeds one event to the state machine and does what it says, until there is nothing more to do.
    fn take_in(&mut self, event: Event, supervisor: &mut Supervisor) {
        let before = supervisor.state().clone();
        let actions = supervisor.on(event, self.began.elapsed());
        self.publish(&before, supervisor.state());
        self.carry_out(actions, supervisor);
    }

    fn carry_out(&mut self, actions: Vec<Action>, supervisor: &mut Supervisor) {
        for action in actions {
            match action {
                Action::Look => {
                    let event = self.look();
                    self.take_in(event, supervisor);
                }
                Action::Start => {
                    if let Some(event) = self.begin() {
                        self.take_in(event, supervisor);
                    }
                }
                Action::Stop => {
                    if let Some(process) = self.process.take() {
                        process.stop();
                    }
                }
                Action::Tell(notice) => (self.on_change)(Change::Tell(notice)),
            }
        }
    }

    fn publish(&self, before: &State, now: &State) {
        if before != now {
            log::info!("node: {now:?}");
            lock(&self.published).state = now.clone();
            (self.on_change)(Change::State(now.clone()));
        }
    }

    /// Looks for the program, and for a node that runs already.
    fn look(&mut self) -> Event {
        let program = match Program::find(&self.places) {
            Ok(program) => program,
            Err(error) => return Event::Unusable(error.to_string()),
        };
        log::info!("the daemon is {}", program.path().display());
        lock(&self.published).program = Some(program.clone());
        if !program.is_running() {
            return Event::NothingFound;
        }
        let deadline = Instant::now() + FOREIGN_MAX;
        loop {
            if let Some(console) = self.written_console() {
                return Event::Found(console);
            }
            if Instant::now() >= deadline {
                let reason = "a node of yours runs and has no console: start it with --rest, or stop it with `daemon stop`";
                return Event::Unusable(reason.to_owned());
            }
            std::thread::sleep(POLL_STARTING);
        }
    }

    /// Starts our own; an event if that fails at once.
    fn begin(&mut self) -> Option<Event> {
        let program = self.program()?;
        // What a node has left that was killed would be taken for the new one's.
        let _ = std::fs::remove_file(program.console_file());
        let commands = self.commands.clone();
        let on_silent = move || {
            // A full queue wakes the thread as well.
            let _ = commands.try_send(Command::Silent);
        };
        match Process::start(&program, &self.lines, on_silent) {
            Ok(process) => {
                self.process = Some(process);
                None
            }
            Err(error) => {
                Some(Event::Died(format!("{} cannot be started: {error}", program.path().display())))
            }
        }
    }

    /// What can be seen of the node now.
    fn observe(&mut self, state: &State) -> Event {
        if let Some(reason) = self.process.as_mut().and_then(Process::ended) {
            self.process = None;
            return Event::Died(reason);
        }
        match state {
            State::Starting { .. } => self.written_console().map_or(Event::Tick, Event::Ready),
            State::Up { own: false, .. } if !self.program().is_some_and(|program| program.is_running()) => {
                Event::Gone
            }
            _ => Event::Tick,
        }
    }

    /// The address that the running node has written down; nothing as long as there is none that can be used.
    fn written_console(&self) -> Option<Console> {
        let file = std::fs::File::open(self.program()?.console_file()).ok()?;
        let mut text = String::new();
        file.take(ADDRESS_BYTES_MAX as u64 + 1).read_to_string(&mut text).ok()?;
        // Half a line is one that is being written.
        if !text.ends_with('\n') {
            return None;
        }
        Console::of_own(&text).inspect_err(|error| log::warn!("console.url: {error}")).ok()
    }

    fn program(&self) -> Option<Program> {
        lock(&self.published).program.clone()
    }
}

#[cfg(all(test, unix))]
mod tests;
