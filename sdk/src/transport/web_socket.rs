//! WebSocket: one connection a question, which a task of its own reads.
//!
//! The task ends when the answer is there, when the connection cannot be had back, or when nobody listens any
//! more: then it tells the node to cancel, because a node keeps a chat whose connection merely dropped. A dropped
//! connection is made again and the chat resumed by its session and the number of the last event.

use super::json;
use crate::answer::Event;
use crate::error::Error;
use crate::question::Ask;
use crate::stream::Items;
use futures::SinkExt as _;
use futures::stream::{self, SplitSink, SplitStream, StreamExt as _};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Bytes of a message: a whole answer, with room.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events read ahead of the caller.
const EVENTS_AHEAD_MAX: usize = 64;
/// Connections made again for one question: more drops than that are no accident.
const RESUMES_MAX: u32 = 3;
/// Before the first of them; it doubles.
const RESUME_WAIT: Duration = Duration::from_millis(200);
/// How long saying goodbye may take: the chat is given up either way.
const GOODBYE_MAX: Duration = Duration::from_secs(1);
/// The only chat of a connection.
const CHAT_ID: &str = "1";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A node's WebSocket interface; cheap to clone.
#[derive(Clone)]
pub(crate) struct WebSocket {
    url: String,
    key: Option<HeaderValue>,
    connect_timeout: Duration,
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("url", &self.url).finish_non_exhaustive()
    }
}

impl WebSocket {
    pub(crate) fn new(url: &str, key: Option<&str>, connect_timeout: Duration) -> Result<Self, Error> {
        if url.starts_with("wss:") {
            return Err(Error::invalid("url", "wss is not built into this client; use REST, which has TLS"));
        }
        let host = url.strip_prefix("ws://").map(|rest| rest.trim_end_matches('/'));
        let host = host.filter(|h| !h.is_empty());
        let host = host.ok_or_else(|| Error::invalid("url", format!("{url:?}: write ws://ADDRESS:PORT")))?;
        let url = if host.contains('/') { format!("ws://{host}") } else { format!("ws://{host}/ws/chat") };
        // The text is a secret: the error does not repeat it.
        let key = key.map(|key| HeaderValue::from_str(&format!("Bearer {key}"))).transpose();
        let key = key.map_err(|_| Error::invalid("api_key", "the API key holds control characters"))?;
        Ok(Self { url, key, connect_timeout })
    }

    /// Connects and waits for the node's first message; with it, the session.
    async fn connect(&self) -> Result<(Socket, String), Error> {
        let hello = async {
            let mut request = self.url.as_str().into_client_request().map_err(|e| self.failed(e))?;
            if let Some(key) = &self.key {
                request.headers_mut().insert("authorization", key.clone());
            }
            let config = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES_MAX))
                .max_frame_size(Some(MESSAGE_BYTES_MAX));
            let connected = tokio_tungstenite::connect_async_with_config(request, Some(config), true).await;
            let (mut socket, _) = connected.map_err(|e| self.failed(e))?;
            loop {
                let message = socket.next().await.ok_or_else(dropped)?.map_err(|e| self.failed(e))?;
                let Some(value) = object(&message)? else { continue };
                if value.get("type").is_some_and(|kind| kind == "error") {
                    return Err(json::refusal(value.get("error").unwrap_or(&value), 0, None));
                }
                let session = value.get("session").and_then(Value::as_str);
                let session = session.ok_or_else(|| Error::protocol("the node did not say hello"))?;
                return Ok((socket, session.to_owned()));
            }
        };
        let connected = tokio::time::timeout(self.connect_timeout, hello).await;
        connected.unwrap_or_else(|_| Err(Error::NotRunning { place: self.url.clone() }))
    }

    fn failed(&self, error: tungstenite::Error) -> Error {
        match error {
            tungstenite::Error::Io(_) => Error::NotRunning { place: self.url.clone() },
            tungstenite::Error::Http(response) => {
                let header = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
                let retry_after = header.and_then(|t| t.parse().ok()).map(Duration::from_secs);
                let body = response.body().as_deref().unwrap_or_default();
                let value: Value = serde_json::from_slice(body).unwrap_or_default();
                let error = value.get("error").unwrap_or(&Value::Null);
                json::refusal(error, response.status().as_u16(), retry_after)
            }
            tungstenite::Error::Url(_) | tungstenite::Error::HttpFormat(_) => {
                Error::invalid("url", format!("{:?} is no address", self.url))
            }
            error => Error::protocol(error.to_string()),
        }
    }
}

/// Asks; the events as they come.
pub(crate) async fn ask(web_socket: &WebSocket, ask: &Ask) -> Result<Items<Event>, Error> {
    let (mut socket, session) = web_socket.connect().await?;
    send(&mut socket, &request(ask)).await?;
    let (events, received) = mpsc::channel(EVENTS_AHEAD_MAX);
    let (sink, stream) = socket.split();
    let chat = Chat { web_socket: web_socket.clone(), session, after: 0, sink, stream };
    tokio::spawn(chat.run(events));
    Ok(stream::unfold(received, |mut received| async move { Some((received.recv().await?, received)) })
        .boxed())
}

fn request(ask: &Ask) -> Value {
    let wishes = [
        ("max_tokens", ask.max_tokens.map(Value::from)),
        ("temperature", ask.temperature.map(Value::from)),
        ("top_p", ask.top_p.map(Value::from)),
        ("frequency_penalty", ask.frequency_penalty.map(Value::from)),
        ("presence_penalty", ask.presence_penalty.map(Value::from)),
        ("seed", ask.seed.map(Value::from)),
        ("stop", (!ask.stop.is_empty()).then(|| json!(ask.stop))),
        ("filter", ask.filter()),
        ("high_priority", ask.high_priority.then(|| true.into())),
        ("deadline_ms", ask.deadline.map(|d| u32::try_from(d.as_millis()).unwrap_or(u32::MAX).max(1).into())),
    ];
    let options: Map<String, Value> =
        wishes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let mut chat = json!({
        "type": "chat", "id": CHAT_ID, "messages": ask.messages, "model": ask.model.to_string(),
    });
    if let (Some(chat), false) = (chat.as_object_mut(), options.is_empty()) {
        chat.insert("options".to_owned(), options.into());
    }
    chat
}

/// A question under way.
struct Chat {
    web_socket: WebSocket,
    session: String,
    /// The last event's number.
    after: u64,
    sink: SplitSink<Socket, Message>,
    stream: SplitStream<Socket>,
}

impl Chat {
    async fn run(mut self, events: mpsc::Sender<Result<Event, Error>>) {
        loop {
            let next = tokio::select! {
                () = events.closed() => break,
                next = self.next() => next,
            };
            let last = matches!(next, Ok(Event::Answered(_)) | Err(_));
            if events.send(next).await.is_err() {
                break;
            }
            if last {
                let _ = tokio::time::timeout(GOODBYE_MAX, self.sink.close()).await;
                return;
            }
        }
        let cancel = json!({ "type": "cancel", "id": CHAT_ID }).to_string();
        let goodbye = async {
            // Nobody is left to be told if this fails.
            let _ = self.sink.send(Message::from(cancel)).await;
            let _ = self.sink.close().await;
        };
        let _ = tokio::time::timeout(GOODBYE_MAX, goodbye).await;
    }

    /// The next event of this chat.
    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let value = match self.stream.next().await {
                Some(Ok(message)) => object(&message)?,
                Some(Err(tungstenite::Error::Capacity(error))) => {
                    return Err(Error::protocol(error.to_string()));
                }
                Some(Err(tungstenite::Error::Protocol(error)))
                    if error != tungstenite::error::ProtocolError::ResetWithoutClosingHandshake =>
                {
                    return Err(Error::protocol(error.to_string()));
                }
                Some(Err(_)) | None => {
                    self.resume().await?;
                    continue;
                }
            };
            let Some(value) = value else { continue };
            if let Some(event) = self.event(&value)? {
                return Ok(event);
            }
        }
    }

    /// What a message brings; nothing if it is another chat's, a repetition, or of a kind that is not known.
    fn event(&mut self, value: &Value) -> Result<Option<Event>, Error> {
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let id = value.get("id").filter(|id| !id.is_null());
        if kind == "error" && id.is_none_or(|id| id == CHAT_ID) {
            return Err(json::refusal(value.get("error").unwrap_or(value), 0, None));
        }
        if id.is_none_or(|id| id != CHAT_ID) {
            return Ok(None);
        }
        if let Some(number) = value.get("seq").and_then(Value::as_u64) {
            if number <= self.after {
                return Ok(None);
            }
            self.after = number;
        }
        Ok(json::event(kind, value))
    }

    /// Connects again and takes the chat up after the last event that was seen.
    async fn resume(&mut self) -> Result<(), Error> {
        let mut wait = RESUME_WAIT;
        let mut failure = dropped();
        for _ in 0..RESUMES_MAX {
            tokio::time::sleep(wait).await;
            wait *= 2;
            let resume =
                json!({ "type": "resume", "session": self.session, "id": CHAT_ID, "after": self.after });
            match self.web_socket.connect().await {
                Ok((mut socket, session)) => {
                    send(&mut socket, &resume).await?;
                    // The chat moves to the new connection's session.
                    self.session = session;
                    (self.sink, self.stream) = socket.split();
                    return Ok(());
                }
                Err(error) => failure = error,
            }
        }
        Err(Error::Transport { message: format!("the connection was lost: {failure}"), unsent: false })
    }
}

async fn send(socket: &mut Socket, value: &Value) -> Result<(), Error> {
    socket.send(Message::from(value.to_string())).await.map_err(|_| dropped())
}

fn dropped() -> Error {
    Error::Transport { message: "the node closed the connection".to_owned(), unsent: false }
}

/// A message's JSON; nothing for pings and the like.
fn object(message: &Message) -> Result<Option<Value>, Error> {
    match message {
        Message::Text(text) => {
            serde_json::from_str(text.as_str()).map(Some).map_err(|e| Error::protocol(e.to_string()))
        }
        Message::Binary(_) => Err(Error::protocol("a binary message")),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
