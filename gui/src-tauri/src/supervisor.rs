//! When a node is looked for, started, started again and given up: a state machine without a clock, a process or a file.
//!
//! [`Supervisor::on`] takes what has happened and the time since the program began, and says what is to be done.
//! `node` does it and reports back. Times come in as arguments, so that the tests need none.

use std::time::Duration;

use crate::console::Console;

/// The wait before the first new start; each later one is twice as long.
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait: a person who looks at the window should see that something goes on.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// Deaths in a row after which only the user starts it again: by then a minute and a half has gone, and it is no passing fault.
const DEATHS_MAX: u32 = 8;
/// A node that ran this long was well: its next death is a first one.
const STEADY: Duration = Duration::from_secs(60);
/// Until a start counts as failed: large models on slow disks take minutes.
pub(crate) const START_MAX: Duration = Duration::from_secs(300);

/// Where things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Whether a node of this user runs already.
    Looking,
    /// Our own has been started and is not ready yet.
    Starting {
        /// When it counts as failed.
        until: Duration,
    },
    /// A node can be used.
    Up {
        /// Its console.
        console: Console,
        /// Whether we started it, and so stop it.
        own: bool,
        /// When it was there.
        since: Duration,
    },
    /// It died; started again then.
    Waiting {
        /// When.
        until: Duration,
        /// Why it died.
        reason: String,
    },
    /// Nothing more happens until the user says so.
    Failed {
        /// Why.
        reason: String,
    },
    /// The program ends.
    Over,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A node of this user runs, which somebody else started.
    Found(Console),
    /// None does.
    NothingFound,
    /// None can be used or started, and trying again would not help.
    Unusable(String),
    /// The one that we started can be used.
    Ready(Console),
    /// The one that we started has ended, or could not be started.
    Died(String),
    /// The one that somebody else started is gone.
    Gone,
    /// Time has passed.
    Tick,
    /// The user wants another try.
    Retry,
    /// The program ends.
    Quit,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Look for a running node.
    Look,
    /// Start our own.
    Start,
    /// End our own.
    Stop,
    /// Tell the user, who may not be looking at the window.
    Tell(Notice),
}

/// What a user is told who is not looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The node died and is started again.
    Died,
    /// It is back.
    Back,
    /// It died too often.
    GivenUp,
}

/// The state, and what is remembered of earlier deaths.
#[derive(Debug)]
pub(crate) struct Supervisor {
    state: State,
    /// Deaths since it last ran steadily.
    deaths: u32,
    /// Whether the user was told of a death, and not yet of the return.
    told: bool,
}

impl Supervisor {
    /// Before anything has happened; the first action is always [`Action::Look`].
    pub(crate) fn new() -> (Self, Action) {
        (Self { state: State::Looking, deaths: 0, told: false }, Action::Look)
    }

    /// Where things stand.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Takes in what happened at `now`, and says what is to be done.
    pub(crate) fn on(&mut self, event: Event, now: Duration) -> Vec<Action> {
        match (self.state.clone(), event) {
            (State::Over, _) => vec![],
            (_, Event::Quit) => {
                self.state = State::Over;
                vec![Action::Stop]
            }
            (State::Looking, Event::Found(console)) => self.up(console, false, now),
            (State::Looking, Event::NothingFound) => {
                self.state = State::Starting { until: now.saturating_add(START_MAX) };
                vec![Action::Start]
            }
            (State::Looking | State::Starting { .. }, Event::Unusable(reason)) => self.fail(reason),
            (State::Starting { .. }, Event::Ready(console)) => self.up(console, true, now),
            (State::Starting { .. }, Event::Died(reason)) => self.died(reason, now, None),
            (State::Starting { until }, Event::Tick) if now >= until => {
                let minutes = START_MAX.as_secs() / 60;
                let mut actions = vec![Action::Stop];
                actions.extend(self.died(format!("it was not ready after {minutes} minutes"), now, None));
                actions
            }
            (State::Up { own: true, since, .. }, Event::Died(reason)) => self.died(reason, now, Some(since)),
            (State::Up { own: false, .. }, Event::Gone) => self.look(),
            (State::Waiting { until, .. }, Event::Tick) if now >= until => self.look(),
            (State::Waiting { .. }, Event::Retry) => self.look(),
            (State::Failed { .. }, Event::Retry) => {
                self.deaths = 0;
                self.look()
            }
            _ => vec![],
        }
    }

    /// Somebody may have started a node in the meantime: two in one state folder cannot be.
    fn look(&mut self) -> Vec<Action> {
        self.state = State::Looking;
        vec![Action::Look]
    }

    fn up(&mut self, console: Console, own: bool, now: Duration) -> Vec<Action> {
        self.state = State::Up { console, own, since: now };
        if std::mem::take(&mut self.told) { vec![Action::Tell(Notice::Back)] } else { vec![] }
    }

    fn fail(&mut self, reason: String) -> Vec<Action> {
        self.state = State::Failed { reason };
        if std::mem::take(&mut self.told) { vec![Action::Tell(Notice::GivenUp)] } else { vec![] }
    }

    /// `up_since` is when it could be used, if it ever could.
    fn died(&mut self, reason: String, now: Duration, up_since: Option<Duration>) -> Vec<Action> {
        let steady = up_since.is_some_and(|since| now.saturating_sub(since) >= STEADY);
        self.deaths = if steady { 1 } else { self.deaths + 1 };
        if self.deaths >= DEATHS_MAX {
            return self.fail(reason);
        }
        self.state = State::Waiting { until: now.saturating_add(back_off(self.deaths)), reason };
        // A node that was never there is not missed: the window says why it does not start.
        if up_since.is_some() && !self.told {
            self.told = true;
            return vec![Action::Tell(Notice::Died)];
        }
        vec![]
    }
}

/// The wait after this many deaths in a row.
fn back_off(deaths: u32) -> Duration {
    let doublings = deaths.saturating_sub(1).min(16);
    (BACK_OFF_FIRST * 2u32.pow(doublings)).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests;
