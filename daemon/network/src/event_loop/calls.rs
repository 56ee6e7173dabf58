//! Requests and responses of one protocol: what others ask is answered off the loop, what this node asks comes back through
//! oneshots. Both are bounded.

use crate::codec::{self, Asked};
use crate::peers::key_of;
use libp2p::PeerId;
use libp2p::request_response::{Event, Message, OutboundFailure, OutboundRequestId, ResponseChannel};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::TaskError;
use polymath_swarm::trust::Offence;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Requests of others under way; each holds at most a request and a response.
const SERVED_MAX: usize = 32;
/// Requests of this node under way.
const ASKED_MAX: usize = 64;
/// When to come back, for those over the bound: about the time of a prefill.
pub(super) const RETRY_AFTER_MS: u32 = 500;

/// Where a response, or the reason why there is none, goes.
pub(crate) type Answer<A> = oneshot::Sender<Result<A, TaskError>>;
/// A response, and where to.
pub(super) type Served<A> = (ResponseChannel<A>, A);

/// What is under way of one protocol.
pub(super) struct Calls<A> {
    asked: HashMap<OutboundRequestId, Answer<A>>,
    served: JoinSet<Served<A>>,
}

impl<A> Default for Calls<A> {
    fn default() -> Self {
        Self { asked: HashMap::new(), served: JoinSet::new() }
    }
}

impl<A: Send + 'static> Calls<A> {
    /// Takes note of a request that `send` sends. Failed replies are ignored, since whoever asked may have given up waiting.
    pub(super) fn ask(&mut self, answer: Answer<A>, send: impl FnOnce() -> OutboundRequestId) {
        if self.asked.len() >= ASKED_MAX {
            let _ = answer.send(Err(TaskError::Busy { retry_after_ms: RETRY_AFTER_MS }));
        } else {
            self.asked.insert(send(), answer);
        }
    }

    /// Takes an event in; others' requests go to `serve`. Returns what is to be sent at once: `busy`, where too many are served.
    pub(super) fn on_event<Q, F>(
        &mut self,
        event: codec::Event<Q, A>,
        serve: impl FnOnce(PeerKey, Q) -> F,
        busy: impl FnOnce() -> A,
    ) -> Option<Served<A>>
    where
        F: Future<Output = A> + Send + 'static,
    {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                // No answer to anything else: the channel is dropped with it.
                let Asked::Whole(request) = request else { return None };
                let key = key_of(&peer)?;
                if self.served.len() >= SERVED_MAX {
                    return Some((channel, busy()));
                }
                let serving = serve(key, request);
                self.served.spawn(async move { (channel, serving.await) });
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.answer(request_id, Ok(response));
            }
            Event::OutboundFailure { request_id, error, .. } => {
                self.answer(request_id, Err(TaskError::Unreachable(error.to_string())));
            }
            Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "a request broke off")
            }
            Event::ResponseSent { .. } => {}
        }
        None
    }

    fn answer(&mut self, id: OutboundRequestId, outcome: Result<A, TaskError>) {
        if let Some(answer) = self.asked.remove(&id) {
            // As above.
            let _ = answer.send(outcome);
        }
    }

    /// The next response that is ready; pending while there is none. Cancellation-safe.
    pub(super) async fn next(&mut self) -> Served<A> {
        loop {
            match self.served.join_next().await {
                Some(Ok(served)) => return served,
                Some(Err(error)) => tracing::error!(%error, "serving a request broke off"),
                None => std::future::pending().await,
            }
        }
    }
}

/// What somebody has sent that is no whole message, as a request or as a response, and who.
pub(super) fn offence<Q, A>(event: &codec::Event<Q, A>) -> Option<(PeerId, Offence)> {
    match event {
        Event::Message { peer, message: Message::Request { request, .. }, .. } => match request {
            Asked::Whole(_) => None,
            Asked::CutOff => Some((*peer, Offence::CutOff)),
            Asked::Nonsense => Some((*peer, Offence::Malformed)),
        },
        Event::OutboundFailure { peer, error: OutboundFailure::Io(error), .. } => match error.kind() {
            io::ErrorKind::InvalidData => Some((*peer, Offence::Malformed)),
            io::ErrorKind::UnexpectedEof => Some((*peer, Offence::CutOff)),
            _ => None,
        },
        _ => None,
    }
}
