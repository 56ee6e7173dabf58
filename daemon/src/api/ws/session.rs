//! Sessions: the chats of a socket, which outlive it for a while when it breaks.

use super::chat::Chat;
use super::message;
use crate::api::App;
use crate::api::access::keys::Scope;
use crate::api::access::{Caller, Door};
use crate::api::table::Fault;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the chats of a broken connection wait for their client: a telephone in a lift.
pub(super) const RESUME_WITHIN: Duration = Duration::from_secs(60);
/// Sessions at once, those that wait for their client included: each may keep up to twelve rings of events.
const SESSIONS_MAX: usize = 256;
/// Chats of a session that run at once; the node itself answers 64 questions at a time.
const RUNNING_MAX: usize = 8;
/// Chats of a session that are over and kept, should their end not have arrived.
const OVER_KEPT_MAX: usize = 4;
/// When to come back if there is no place: most chats take less.
const RETRY_MS: u32 = 1_000;

/// All sessions; cheap to clone.
#[derive(Clone)]
pub(in crate::api) struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    app: App,
    door: Door,
    tracker: TaskTracker,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
}

/// The chats of one socket.
pub(super) struct Session {
    /// 128 random bits: whoever knows them, and has the same key, may resume.
    pub(super) id: String,
    caller: Caller,
    /// Oldest first; at most [`RUNNING_MAX`] and [`OVER_KEPT_MAX`].
    chats: Mutex<Vec<Arc<Chat>>>,
    /// Told when a chat has something to send.
    pub(super) news: Arc<Notify>,
}

/// A session with its socket; dropping it detaches them.
pub(super) struct Attached {
    hub: Hub,
    pub(super) session: Arc<Session>,
    over: bool,
}

impl Hub {
    /// No session yet.
    pub(in crate::api) fn new(app: App, door: Door, tracker: TaskTracker) -> Self {
        Self { inner: Arc::new(Inner { app, door, tracker, sessions: Mutex::default() }) }
    }

    /// A new session.
    pub(super) fn open(&self, caller: Caller) -> Result<Attached, Fault> {
        let mut sessions = self.sessions();
        if sessions.len() >= SESSIONS_MAX {
            return Err(busy(format!("this node has {SESSIONS_MAX} sessions, and no more")));
        }
        let id = format!("{:032x}", rand::random::<u128>());
        let (chats, news) = (Mutex::default(), Arc::new(Notify::new()));
        let session = Arc::new(Session { id: id.clone(), caller, chats, news });
        sessions.insert(id, Arc::clone(&session));
        drop(sessions);
        Ok(Attached { hub: self.clone(), session, over: false })
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.inner.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a session and what it still runs.
    fn end(&self, session: &Session) {
        self.sessions().remove(&session.id);
        session.chats().drain(..).for_each(|chat| chat.cancel.cancel());
    }
}

impl Attached {
    /// Stops the socket together with the node.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.hub.inner.app.stop
    }

    /// Counts the socket's task among the node's.
    pub(super) fn tracker(&self) -> TaskTracker {
        self.hub.inner.tracker.clone()
    }

    /// The client said goodbye: nobody will resume.
    pub(super) fn over(&mut self) {
        self.over = true;
    }

    /// Asks.
    pub(super) fn start(&self, chat: message::Chat) -> Result<(), Fault> {
        let (inner, session) = (&self.hub.inner, &self.session);
        inner.door.again(&session.caller, Scope::Chat)?;
        let id = chat.id.clone();
        let question = chat.question()?;
        session.make_room(&id)?;
        let events = inner.app.coordinator.ask(question);
        let chat = Arc::new(Chat::new(id, Arc::clone(&session.news)));
        session.chats().push(Arc::clone(&chat));
        inner.tracker.spawn(async move { chat.pump(events).await });
        Ok(())
    }

    /// Ends a chat; its last event says so.
    pub(super) fn cancel(&self, id: &str) -> Result<(), Fault> {
        match self.session.chats().iter().find(|chat| chat.id == id) {
            Some(chat) => {
                chat.cancel.cancel();
                Ok(())
            }
            None => Err(unknown()),
        }
    }

    /// Moves a chat here from the session that it was started in, to go on after the event `after`.
    pub(super) fn resume(&self, from: &str, id: &str, after: u64) -> Result<(), Fault> {
        let (inner, session) = (&self.hub.inner, &self.session);
        inner.door.again(&session.caller, Scope::Chat)?;
        let from = self.hub.sessions().get(from).cloned();
        let from = from.filter(|from| from.caller == session.caller).ok_or_else(unknown)?;
        if from.id != session.id {
            session.make_room(id)?;
        }
        let mut left = from.chats();
        let found = left.iter().position(|chat| chat.id == id).ok_or_else(unknown)?;
        left[found].attach(after, Arc::clone(&session.news))?;
        if from.id != session.id {
            let chat = left.remove(found);
            drop(left);
            session.chats().push(chat);
            session.news.notify_one();
        }
        Ok(())
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let (hub, session) = (self.hub.clone(), Arc::clone(&self.session));
        let runtime = tokio::runtime::Handle::try_current();
        if self.over || session.chats().is_empty() || runtime.is_err() {
            return hub.end(&session);
        }
        session.chats().iter().for_each(|chat| chat.detach());
        let stop = self.stop().clone();
        self.tracker().spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(RESUME_WITHIN) => {}
                () = stop.cancelled() => {}
            }
            hub.end(&session);
        });
    }
}

impl Session {
    /// The next event to send, of each chat in turn.
    pub(super) fn next(&self) -> Option<String> {
        let mut chats = self.chats();
        let found = chats.iter().enumerate().find_map(|(n, chat)| Some((n, chat.next()?)));
        let (n, text) = found?;
        // Whoever was served waits for the others; ages may mix, which only decides what is forgotten first.
        let served = chats.remove(n);
        chats.push(served);
        Some(text)
    }

    /// Makes room for one chat more, which must not have the id of one that runs.
    fn make_room(&self, id: &str) -> Result<(), Fault> {
        let mut chats = self.chats();
        if chats.iter().any(|chat| chat.id == id && !chat.is_over()) {
            return Err(Fault::field("id", "a chat with this id is running"));
        }
        chats.retain(|chat| chat.id != id);
        if chats.iter().filter(|chat| !chat.is_over()).count() >= RUNNING_MAX {
            return Err(busy(format!("{RUNNING_MAX} chats run at once on a socket, and no more")));
        }
        let mut surplus =
            chats.iter().filter(|chat| chat.is_over()).count().saturating_sub(OVER_KEPT_MAX - 1);
        chats.retain(|chat| {
            let goes = surplus > 0 && chat.is_over();
            surplus -= usize::from(goes);
            !goes
        });
        Ok(())
    }

    fn chats(&self) -> MutexGuard<'_, Vec<Arc<Chat>>> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy(message: String) -> Fault {
    Fault { retry_after_ms: Some(RETRY_MS), ..Fault::new("busy", message) }
}

/// Whether the session or the chat is unknown, or another key's, is not told.
fn unknown() -> Fault {
    Fault::new("not_found", "no such chat here: never started, over for long, or of another key")
}
