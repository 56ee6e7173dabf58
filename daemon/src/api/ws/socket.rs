//! One socket: a reader that does what it is told, and a writer that sends what there is. Neither waits for the
//! other, except that a reader whose replies are not read stops reading.

use super::message::{self, Request};
use super::session::{Attached, Session};
use crate::api::table::Fault;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use tokio_util::sync::CancellationToken;

/// A ping this often: proxies forget silent connections after a minute or less.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Silence, pongs included, after which the peer is taken for dead: two pings went unanswered.
const SILENCE_MAX: Duration = Duration::from_secs(50);
/// Time for one message to leave: a peer that takes nothing for so long is as good as dead.
const SEND_MAX: Duration = Duration::from_secs(30);
/// Replies (errors, pongs) that wait for the writer.
const REPLIES_QUEUED_MAX: usize = 16;

/// Serves a socket until either side ends it.
pub(super) async fn run(socket: WebSocket, mut attached: Attached) {
    let tracker = attached.tracker();
    let (sink, stream) = socket.split();
    let (replies, outbox) = mpsc::channel(REPLIES_QUEUED_MAX);
    let hello = Message::text(message::hello(&attached.session.id));
    let serving = async {
        let writing = write(sink, Arc::clone(&attached.session), hello, outbox, attached.stop().clone());
        tokio::select! {
            // The writer ends by itself when the node stops, the peer is too slow, or a close was queued.
            () = writing => false,
            goodbye = read(stream, &attached, replies) => goodbye,
        }
    };
    if tracker.track_future(serving).await {
        attached.over();
    }
}

/// Reads until the socket ends; whether the client said goodbye.
async fn read(
    mut stream: SplitStream<WebSocket>,
    attached: &Attached,
    replies: mpsc::Sender<Message>,
) -> bool {
    let mut goodbye = false;
    loop {
        let message = match timeout(SILENCE_MAX, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "a WebSocket broke");
                if let Some(frame) = last_word(&error.to_string()) {
                    // The writer ends once it has sent this, and the reader with it.
                    let _ = replies.send(Message::Close(Some(frame))).await;
                    std::future::pending::<()>().await;
                }
                return false;
            }
            Ok(None) => return goodbye,
            Err(_) => {
                tracing::debug!("a WebSocket's peer is silent");
                return false;
            }
        };
        let reply = match message {
            Message::Text(text) => obey(&text, attached),
            Message::Binary(_) => {
                Some(message::error(None, None, &Fault::new("invalid", "messages are text, in JSON")))
            }
            Message::Close(frame) => {
                // A page that is left says 1001 and may come back; who says this will not.
                goodbye = frame.is_none_or(|frame| frame.code == close_code::NORMAL);
                None
            }
            Message::Ping(_) | Message::Pong(_) => None,
        };
        if let Some(reply) = reply
            && replies.send(Message::text(reply)).await.is_err()
        {
            return goodbye;
        }
    }
}

/// What can still be said to a peer that broke the protocol; nothing to one that is gone.
fn last_word(error: &str) -> Option<CloseFrame> {
    // tungstenite's own words, of an error that is only passed on as text.
    if error.contains("too long") {
        let reason = format!("a message has at most {} bytes", message::BYTES_MAX);
        return Some(CloseFrame { code: close_code::SIZE, reason: reason.into() });
    }
    let broken = error.contains("UTF-8") || error.contains("utf-8");
    broken.then(|| CloseFrame { code: close_code::INVALID, reason: "text must be UTF-8".into() })
}

/// Does what a message says; what there is to answer at once.
fn obey(text: &str, attached: &Attached) -> Option<String> {
    let (id, done) = match message::read(text) {
        Ok(Request::Chat(chat)) => (Some(chat.id.clone()), attached.start(*chat)),
        Ok(Request::Cancel { id }) => (Some(id.clone()), attached.cancel(&id)),
        Ok(Request::Resume { session, id, after }) => {
            let done = attached.resume(&session, &id, after);
            (Some(id), done)
        }
        Ok(Request::Ping {}) => return Some(message::pong()),
        Err((id, fault)) => (id, Err(fault)),
    };
    done.err().map(|fault| message::error(id.as_deref(), None, &fault))
}

/// Sends replies, pings and events until the node stops or the socket takes nothing more.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    session: Arc<Session>,
    hello: Message,
    mut outbox: mpsc::Receiver<Message>,
    stop: CancellationToken,
) {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    if !matches!(timeout(SEND_MAX, sink.send(hello)).await, Ok(Ok(()))) {
        return;
    }
    let mut next = None;
    loop {
        next = next.or_else(|| session.next().map(Message::text));
        let message = tokio::select! {
            biased;
            () = stop.cancelled() => {
                let reason = "the node is stopping".into();
                Message::Close(Some(CloseFrame { code: close_code::AWAY, reason }))
            }
            _ = pings.tick() => Message::Ping(axum::body::Bytes::new()),
            reply = outbox.recv() => match reply {
                Some(reply) => reply,
                None => return,
            },
            () = std::future::ready(()), if next.is_some() => match next.take() {
                Some(event) => event,
                None => continue,
            },
            () = session.news.notified() => continue,
        };
        let last = matches!(message, Message::Close(_));
        let sent = timeout(SEND_MAX, sink.send(message)).await;
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}
