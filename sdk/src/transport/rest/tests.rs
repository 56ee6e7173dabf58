//! Against servers that are scripted byte by byte, the hostile ones included. The real node is asked in the
//! daemon's `tests/sdk.rs`.

use super::*;
use crate::{Event, PolymathClient, RetryBudget};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers its n-th connection with the n-th text (the last one again and again) and, where the
/// text ends in `…`, goes on with `x` for ever.
async fn fake(replies: &[String]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (replies, count) = (replies.to_vec(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            let reply = replies[n.min(replies.len() - 1)].clone();
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 65_536]).await;
                let _ = socket.write_all(reply.trim_end_matches('…').as_bytes()).await;
                while reply.ends_with('…') && socket.write_all(&[b'x'; 65_536]).await.is_ok() {}
            });
        }
    });
    (url, count)
}

fn reply(status: &str, kind: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{headers}connection: close\r\n\r\n{body}")
}

fn sse(body: &str) -> String {
    reply("200 OK", "text/event-stream", "", body)
}

fn client(url: &str) -> PolymathClient {
    PolymathClient::builder().rest(url).build().unwrap()
}

#[tokio::test]
async fn a_streamed_answer_with_its_extension() {
    let body = concat!(
        ": hello\n\n",
        r#"data: {"choices":[],"polymath":{"type":"plan","tasks":[{"id":1,"text":"t"}]}}"#,
        "\n\n",
        r#"data: {"choices":[],"polymath":{"type":"started","task":1,"text":"t","expert":{"expert":"words"}}}"#,
        "\n\n",
        r#"data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"Li"}}]}"#,
        "\n\n",
        r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"ma"},"finish_reason":"stop"}]}"#,
        "\n\n",
        r#"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
        "\n\ndata: [DONE]\n\n",
    );
    let (url, _) = fake(&[sse(body)]).await;
    let answer = client(&url).ask("q").await.unwrap();
    assert_eq!((answer.text.as_str(), answer.usage.total_tokens()), ("Lima", 5));
    assert_eq!(answer.tasks[0].expert.as_ref().unwrap().expert, "words");
}

#[tokio::test]
async fn refusals_are_typed_and_some_are_tried_again() {
    let busy = r#"{"error":{"message":"busy","type":"overloaded_error","param":null,"code":"busy"}}"#;
    let busy = reply("503 Service Unavailable", "application/json", "retry-after: 0\r\n", busy);
    let done = sse("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n");
    let (url, count) = fake(&[busy.clone(), busy.clone(), done]).await;
    assert_eq!(client(&url).ask("q").await.unwrap().text, "x");
    assert_eq!(count.load(Ordering::SeqCst), 3);

    let (url, count) = fake(&[busy]).await;
    let patient = PolymathClient::builder().rest(&url).retries(RetryBudget::none()).build().unwrap();
    let error = patient.ask("q").await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), ("busy", Some(Duration::ZERO)));
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let cases =
        [("401 Unauthorized", "unauthorized"), ("404 Not Found", "not_found"), ("302 Found", "failed")];
    for (status, code) in cases {
        let (url, count) = fake(&[reply(status, "text/html", "location: /x\r\n", "<html>")]).await;
        assert_eq!(client(&url).peers().await.unwrap_err().code(), code);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn an_error_in_mid_stream_is_an_error_and_not_tried_again() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n\
                data: {\"error\":{\"message\":\"m\",\"code\":\"busy\"}}\n\n";
    let (url, count) = fake(&[sse(body)]).await;
    let events: Vec<_> = client(&url).ask_stream("q").collect().await;
    assert_eq!(events[0], Ok(Event::Delta { text: "x".into() }));
    assert_eq!(events[1].as_ref().unwrap_err().code(), "busy");
    assert_eq!((events.len(), count.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn hostile_replies_are_errors_within_bounds() {
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
    let streams = [
        sse("data: …"),
        sse("data: {\n\n"),
        sse("data: \u{1}\n\ndata: [DONE]\n\n"),
        sse(chunk),
        sse(""),
        reply("200 OK", "application/json", "", "{}"),
        reply("200 OK", "text/event-stream", "content-length: 9\r\n", "data"),
        "HTTP/1.1 200".to_owned(),
        "\u{0}\u{1}…".to_owned(),
    ];
    for stream in streams {
        let (url, _) = fake(std::slice::from_ref(&stream)).await;
        let error = client(&url).ask("q").await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. } | Error::Transport { .. }), "{stream:?}: {error:?}");
    }
    let endless = reply("200 OK", "application/json", "", "[\"…");
    let (url, _) = fake(&[endless]).await;
    assert!(matches!(client(&url).peers().await, Err(Error::Protocol { .. })));
    let endless = reply("500 Oh", "application/json", "", "[\"…");
    let (url, _) = fake(&[endless]).await;
    assert_eq!(client(&url).peers().await.unwrap_err().code(), "failed");
}

#[tokio::test]
async fn a_silent_server_runs_into_the_timeout() {
    let (url, _) = fake(&[sse(": waiting\n\n") + "…"]).await;
    let client = PolymathClient::builder().rest(&url).timeout(Duration::from_millis(50)).build().unwrap();
    // Whichever comes first: the client's own limit of time, or that of a line's length.
    let code = client.ask("q").await.unwrap_err();
    assert!(matches!(code.code(), "deadline" | "protocol"), "{code:?}");
}

#[test]
fn base_urls_are_read_as_people_write_them() {
    let base = |url: &str| Rest::new(url, None, Duration::from_secs(1)).map(|r| r.base);
    for url in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/"] {
        assert_eq!(base(url).unwrap(), "http://127.0.0.1:8080");
    }
    for url in ["127.0.0.1:8080", "", "file:///etc/passwd", "http://"] {
        assert!(matches!(base(url), Err(Error::Invalid { .. })), "{url}");
    }
    let shown = format!("{:?}", Rest::new("http://x", Some("pmk_secret"), Duration::from_secs(1)).unwrap());
    assert!(!shown.contains("secret"), "{shown}");
    assert_eq!(seconds(" 1.5"), Some(Duration::from_millis(1_500)));
    assert_eq!((seconds("-1"), seconds("soon"), seconds("1e99")), (None, None, None));
}
