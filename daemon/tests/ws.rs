//! The WebSocket, with tokio-tungstenite's client: chats at once, cancel, resume, hostile messages, keys.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test file uses a part of the sandbox")]
#[path = "sandbox/sandbox.rs"]
mod sandbox;

use futures::{SinkExt as _, StreamExt as _};
use polymath::api::access::keys::{Scope, Wish};
use polymath::api::access::{KEYS_FILE, store};
use sandbox::{PATIENCE, Running, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{WebSocketStream, client_async};

/// A question whose answer goes on until the expert's context is full: the grammar never lets it end.
const ENDLESS: &str = "start: /[a-z ]+[0-9]/";

/// A node with the chemistry expert, one task at a time, that serves WebSocket.
async fn served() -> (Running, SocketAddr) {
    served_at(0).await
}

/// The same with an expert so slow that an endless answer is not over before the test has seen its beginning.
async fn served_slowly() -> (Running, SocketAddr) {
    served_at(50).await
}

async fn served_at(tokens_per_second: u32) -> (Running, SocketAddr) {
    let running = sandbox::served_with(&["chemistry"], |config| {
        config.experts[0].slots = 1;
        config.experts[0].tokens_per_second = tokens_per_second;
    })
    .await;
    let address = running.ws();
    running.knows(&["chemistry"]).await;
    (running, address)
}

/// A connected socket that was greeted.
struct Socket {
    stream: WebSocketStream<TcpStream>,
    session: String,
}

async fn connect(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/ws/chat").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (stream, _) = client_async(request, TcpStream::connect(address).await.unwrap()).await?;
    let mut socket = Socket { stream, session: String::new() };
    let hello = socket.next().await;
    assert_eq!((&hello["type"], &hello["protocol"]), (&json!("hello"), &json!(1)));
    socket.session = hello["session"].as_str().unwrap().to_owned();
    assert_eq!(socket.session.len(), 32);
    Ok(socket)
}

impl Socket {
    async fn say(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Option<Result<Message, Error>> {
        tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a message")
    }

    /// The next JSON message.
    async fn next(&mut self) -> Value {
        loop {
            match self.message().await.expect("an open socket").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Events of the chats `ids` until each is over, by chat.
    async fn until_over(&mut self, ids: &[&str]) -> BTreeMap<String, Vec<Value>> {
        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let over = |events: &BTreeMap<String, Vec<Value>>, id: &str| {
            events
                .get(id)
                .and_then(|e| e.last())
                .is_some_and(|e| e["type"] == "answer" || e["type"] == "error")
        };
        while !ids.iter().all(|id| over(&events, id)) {
            let event = self.next().await;
            events.entry(event["id"].as_str().unwrap().to_owned()).or_default().push(event);
        }
        events
    }

    /// Waits for the close frame.
    async fn close_code(&mut self) -> CloseCode {
        loop {
            match self.message().await.expect("a close frame").unwrap() {
                Message::Close(Some(frame)) => return frame.code,
                Message::Close(None) => panic!("closed without a code"),
                _ => {}
            }
        }
    }
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

fn content(events: &[Value]) -> String {
    events.iter().filter(|e| e["type"] == "delta").map(|e| e["text"].as_str().unwrap()).collect()
}

fn refused(result: Result<Socket, Error>) -> u16 {
    match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_chats_at_once_each_with_its_plan_its_text_and_its_answer() {
    let (running, address) = served().await;
    let mut socket = connect(address, &[]).await.unwrap();
    for (id, element) in [("a", "gold"), ("b", "iron")] {
        let prompt = format!("What is the chemical symbol for {element}?");
        socket
            .say(json!({ "type": "chat", "id": id, "prompt": prompt, "options": { "temperature": 0 } }))
            .await;
    }
    let events = socket.until_over(&["a", "b"]).await;
    for (id, symbol) in [("a", "Au"), ("b", "Fe")] {
        let events = &events[id];
        assert_eq!(numbers(events), (1..=events.len() as u64).collect::<Vec<_>>());
        let kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
        assert_eq!((kinds.first(), kinds.last()), (Some(&"plan"), Some(&"answer")), "{kinds:?}");
        assert!(kinds.contains(&"started") && kinds.contains(&"finished"), "{kinds:?}");
        let answer = events.last().unwrap();
        assert_eq!(answer["text"], content(events));
        assert!(answer["text"].as_str().unwrap().contains(symbol), "{answer}");
        assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 0);
    }
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong");
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_chat_says_so_and_frees_the_expert() {
    let (running, address) = served_slowly().await;
    let mut socket = connect(address, &[]).await.unwrap();
    let endless = |id: &str| {
        json!({ "type": "chat", "id": id, "prompt": "What is gold?", "model": "expert:chemistry",
                "options": { "grammar": ENDLESS, "max_tokens": 10_000 } })
    };
    let ids = ["0", "1", "2", "3", "4", "5", "6", "7"];
    for id in ids {
        socket.say(endless(id)).await;
    }
    socket.say(endless("8")).await;
    socket.say(endless("7")).await;
    // The ninth is refused, and so is an id that is taken; meanwhile the others share the one slot there is.
    let mut seen = Vec::new();
    let has = |seen: &[Value], what: fn(&Value) -> bool| seen.iter().any(what);
    let refused = |event: &Value| event["id"] == "8" && event["code"] == "busy";
    let taken = |event: &Value| event["id"] == "7" && event["field"] == "id" && event.get("seq").is_none();
    while !(has(&seen, refused) && has(&seen, taken) && has(&seen, |event| event["type"] == "delta")) {
        seen.push(socket.next().await);
    }
    for id in ids {
        socket.say(json!({ "type": "cancel", "id": id })).await;
    }
    // Whatever ended by itself before, most did not.
    while seen.iter().filter(|e| e["seq"].is_u64() && (e["type"] == "answer" || e["type"] == "error")).count()
        < 8
    {
        seen.push(socket.next().await);
    }
    assert!(has(&seen, |event| event["code"] == "cancelled"));
    until("nothing runs any more", async || running.is_idle()).await;
    socket.say(json!({ "type": "cancel", "id": "nobody" })).await;
    loop {
        let event = socket.next().await;
        if event["id"] == "nobody" {
            assert_eq!(event["code"], "not_found");
            break;
        }
    }
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_is_resumed_without_loss_or_repetition() {
    let (running, address) = served_slowly().await;
    let mut first = connect(address, &[]).await.unwrap();
    first
        .say(json!({ "type": "chat", "id": "a", "prompt": "What is gold?", "model": "expert:chemistry",
                     "options": { "grammar": ENDLESS, "max_tokens": 100 } }))
        .await;
    let mut events = Vec::new();
    while events.iter().filter(|e: &&Value| e["type"] == "delta").count() < 3 {
        events.push(first.next().await);
    }
    let session = first.session.clone();
    // No goodbye: the connection just ends.
    drop(first);

    let mut second = connect(address, &[]).await.unwrap();
    assert_ne!(second.session, session);
    let mut after = events.len() as u64;
    for session in ["0".repeat(32), "x".into()] {
        second.say(json!({ "type": "resume", "session": session, "id": "a", "after": after })).await;
        assert_eq!(second.next().await["code"], "not_found");
    }
    second.say(json!({ "type": "resume", "session": session, "id": "a", "after": 10_000 })).await;
    assert_eq!(second.next().await["field"], "after", "what never was cannot be resumed after");
    second.say(json!({ "type": "resume", "session": session, "id": "a", "after": after })).await;
    events.push(second.next().await);
    after += 1;
    let session = second.session.clone();
    drop(second);

    // And once more.
    let mut third = connect(address, &[]).await.unwrap();
    third.say(json!({ "type": "resume", "session": session, "id": "a", "after": after })).await;
    events.extend(third.until_over(&["a"]).await.remove("a").unwrap());
    assert_eq!(numbers(&events), (1..=events.len() as u64).collect::<Vec<_>>());
    let answer = events.last().unwrap();
    assert_eq!((&answer["type"], &answer["text"]), (&json!("answer"), &json!(content(&events))));

    // Its end is kept, should it not have arrived; the old session no longer has it.
    let own = third.session.clone();
    third.say(json!({ "type": "resume", "session": own, "id": "a", "after": answer["seq"].as_u64().unwrap() - 1 })).await;
    assert_eq!(&third.next().await, answer);
    third.say(json!({ "type": "resume", "session": session, "id": "a", "after": 0 })).await;
    assert_eq!(third.next().await["code"], "not_found");
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_ends_what_runs() {
    let (running, address) = served_slowly().await;
    let mut socket = connect(address, &[]).await.unwrap();
    for id in ["0", "1", "2", "3", "4", "5", "6", "7"] {
        let options = json!({ "grammar": ENDLESS, "max_tokens": 10_000 });
        let chat = json!({ "type": "chat", "id": id, "prompt": "gold", "model": "expert:chemistry", "options": options });
        socket.say(chat).await;
    }
    while socket.next().await["type"] != "delta" {}
    let session = socket.session.clone();
    socket.stream.close(None).await.unwrap();
    let mut later = connect(address, &[]).await.unwrap();
    until("the session is over", async || {
        later.say(json!({ "type": "resume", "session": session, "id": "nobody", "after": 0 })).await;
        later.next().await["code"] == "not_found" && running.is_idle()
    })
    .await;
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_are_answered_and_the_socket_lives_on() {
    let (running, address) = served().await;
    let mut socket = connect(address, &[]).await.unwrap();
    for bad in ["", "{", "[]", "{\"type\":\"dance\"}", "{\"type\":\"chat\",\"id\":\"x\",\"prompt\":1}"] {
        socket.stream.send(Message::text(bad)).await.unwrap();
        let told = socket.next().await;
        assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!("invalid")), "{bad}");
    }
    socket.stream.send(Message::binary(vec![0, 159, 146, 150])).await.unwrap();
    assert_eq!(socket.next().await["code"], "invalid");
    socket.stream.send(Message::text("x".repeat(2 * 1024 * 1024))).await.unwrap();
    assert_eq!(socket.next().await["code"], "too_large");
    socket.say(json!({ "type": "chat", "id": "a", "prompt": "", "model": "swarm" })).await;
    let told = socket.next().await;
    assert_eq!(
        (&told["id"], &told["seq"]),
        (&json!("a"), &json!(1)),
        "an error of the chat is its event: {told}"
    );
    socket.say(json!({ "type": "chat", "id": "b", "prompt": "x", "model": "gpt-4" })).await;
    assert_eq!(socket.next().await["field"], "model");
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong", "alive");

    // Beyond what is read at all, the connection ends; the reason may be lost among what was not read.
    let _ = socket.stream.send(Message::text("x".repeat(5 * 1024 * 1024))).await;
    while let Some(Ok(message)) = socket.message().await {
        assert!(!matches!(message, Message::Text(_)), "{message:?}");
    }
    let mut again = connect(address, &[]).await.unwrap();
    again.say(json!({ "type": "ping" })).await;
    assert_eq!(again.next().await["type"], "pong");
    running.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_node_says_goodbye() {
    let (running, address) = served().await;
    let mut socket = connect(address, &[]).await.unwrap();
    let stopping = tokio::spawn(running.node.shutdown());
    assert_eq!(socket.close_code().await, CloseCode::Away);
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn websites_and_strangers_stay_out_and_sessions_belong_to_a_key() {
    let (running, address) = served().await;
    let evil = connect(address, &[("origin", "https://evil.example")]).await;
    assert_eq!(refused(evil), 403);
    assert_eq!(refused(connect(address, &[("host", "evil.example")]).await), 403);
    connect(address, &[("origin", &format!("http://{address}"))]).await.unwrap();

    let keys = running.state.path().join(KEYS_FILE);
    let make = |scope| {
        let wish = Wish { name: "test".into(), scopes: vec![scope], rate_per_minute: None };
        store::create(&keys, wish).unwrap().1
    };
    let (one, two, reader) = (make(Scope::Chat), make(Scope::Chat), make(Scope::Read));
    until("the keys are noticed", async || {
        matches!(connect(address, &[]).await, Err(Error::Http(response)) if response.status() == http::StatusCode::UNAUTHORIZED)
    })
    .await;
    let bearer = |key: &str| format!("Bearer {key}");
    assert_eq!(refused(connect(address, &[("authorization", &bearer(&reader))]).await), 403);
    let protocol = format!("polymath, bearer.{one}");
    let mut first = connect(address, &[("sec-websocket-protocol", &protocol)]).await.unwrap();
    first.say(json!({ "type": "chat", "id": "a", "prompt": "What is the chemical symbol for gold?" })).await;
    assert_eq!(first.next().await["type"], "plan");
    let session = first.session.clone();
    drop(first);
    let resume = json!({ "type": "resume", "session": session, "id": "a", "after": 1 });
    let mut stranger = connect(address, &[("authorization", &bearer(&two))]).await.unwrap();
    stranger.say(resume.clone()).await;
    assert_eq!(stranger.next().await["code"], "not_found", "another key's session");
    let mut owner = connect(address, &[("authorization", &bearer(&one))]).await.unwrap();
    owner.say(resume).await;
    assert_eq!(owner.until_over(&["a"]).await["a"].last().unwrap()["type"], "answer");

    // A revoked key asks nothing more, even on a socket that is open.
    store::revoke(&keys, one.split('_').nth(1).unwrap()).unwrap();
    until("the revoked key is noticed", async || {
        owner.say(json!({ "type": "chat", "id": "b", "prompt": "What is the symbol for iron?" })).await;
        owner.until_over(&["b"]).await["b"].last().unwrap()["code"] == "unauthorized"
    })
    .await;
    running.node.shutdown().await;
}
