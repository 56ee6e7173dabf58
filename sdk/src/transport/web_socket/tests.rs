//! Against a scripted server. The real node is asked in the daemon's `tests/sdk.rs`.

use super::*;
use crate::PolymathClient;
use tokio::net::TcpListener;

/// A server that says hello, reads a message, hands it over, sends what is scripted for this connection and
/// closes; the last script stays open.
async fn fake(scripts: Vec<Vec<String>>) -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel(16);
    tokio::spawn(async move {
        let count = scripts.len();
        for (n, script) in scripts.into_iter().enumerate() {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let hello = json!({ "type": "hello", "session": "s", "protocol": 1 }).to_string();
            socket.send(Message::from(hello)).await.unwrap();
            let asked = socket.next().await.unwrap().unwrap();
            sender.send(object(&asked).unwrap().unwrap()).await.unwrap();
            for text in script {
                socket.send(Message::from(text)).await.unwrap();
            }
            if n + 1 < count {
                continue;
            }
            while let Some(Ok(message)) = socket.next().await {
                if let Ok(Some(value)) = object(&message) {
                    sender.send(value).await.unwrap();
                }
            }
        }
    });
    (url, seen)
}

fn delta(seq: u64, text: &str) -> String {
    json!({ "type": "delta", "id": "1", "seq": seq, "text": text }).to_string()
}

fn client(url: &str) -> PolymathClient {
    PolymathClient::builder().web_socket(url).build().unwrap()
}

#[tokio::test]
async fn a_dropped_connection_is_resumed_without_loss_or_repetition() {
    let answer = json!({ "type": "answer", "id": "1", "seq": 4, "text": "Lima!",
        "usage": { "prompt_tokens": 3, "completion_tokens": 2 } });
    let first = vec![delta(1, "Li"), delta(2, "ma")];
    let second = vec![delta(2, "ma"), delta(3, "!"), answer.to_string()];
    let (url, mut seen) = fake(vec![first, second]).await;
    let events: Vec<_> = client(&url).ask_stream("q").map(Result::unwrap).collect().await;
    let text: String = events
        .iter()
        .filter_map(|e| if let Event::Delta { text } = e { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(text, "Lima!");
    assert!(
        matches!(events.last(), Some(Event::Answered(a)) if a.text == "Lima!" && a.usage.prompt_tokens == 3)
    );
    assert_eq!(seen.recv().await.unwrap()["type"], "chat");
    let resume = seen.recv().await.unwrap();
    assert_eq!(resume, json!({ "type": "resume", "session": "s", "id": "1", "after": 2 }));
}

#[tokio::test]
async fn dropping_the_stream_tells_the_node_to_cancel() {
    let (url, mut seen) = fake(vec![vec![delta(1, "x")]]).await;
    let mut events = client(&url).ask_stream("q");
    assert!(events.next().await.unwrap().is_ok());
    drop(events);
    assert_eq!(seen.recv().await.unwrap()["type"], "chat");
    assert_eq!(seen.recv().await.unwrap(), json!({ "type": "cancel", "id": "1" }));
}

#[tokio::test]
async fn refusals_and_nonsense_are_errors() {
    let busy = json!({ "type": "error", "id": "1", "seq": 1, "code": "no_expert", "message": "m" });
    let cases = [
        (busy.to_string(), "no_expert"),
        ("{".to_owned(), "protocol"),
        ("x".repeat(MESSAGE_BYTES_MAX + 1), "protocol"),
    ];
    for (text, code) in cases {
        let (url, _seen) = fake(vec![vec![text]]).await;
        assert_eq!(client(&url).ask("q").await.unwrap_err().code(), code);
    }
    let nobody = PolymathClient::builder().web_socket("ws://127.0.0.1:1").retries(crate::RetryBudget::none());
    assert_eq!(nobody.build().unwrap().ask("q").await.unwrap_err().code(), "not_running");
    assert_eq!(client("ws://127.0.0.1:1").peers().await.unwrap_err().code(), "unsupported");
}

#[test]
fn addresses_are_read_as_people_write_them() {
    let url = |url: &str| WebSocket::new(url, None, Duration::from_secs(1)).map(|w| w.url);
    assert_eq!(url("ws://127.0.0.1:8081").unwrap(), "ws://127.0.0.1:8081/ws/chat");
    assert_eq!(url("ws://127.0.0.1:8081/other").unwrap(), "ws://127.0.0.1:8081/other");
    assert!(["wss://x", "http://x", "ws://", ""].iter().all(|bad| url(bad).is_err()));
}
