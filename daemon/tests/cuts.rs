//! A thousand connections cut in mid-stream, over REST and over gRPC: nothing is left of them, neither a slot nor a
//! task nor a descriptor nor memory.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use polymath_proto::v1;
use polymath_proto::v1::node_client::NodeClient;
use sandbox::{Running, until};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Channel;

/// Connections that are cut.
const CUTS: usize = 1_000;
/// Of those, how many are open at once.
const AT_ONCE: usize = 8;
/// Memory that a thousand cut streams may leave behind: allocators keep some; a leaked question would keep tens of
/// kilobytes each.
const GROWTH_BYTES_MAX: u64 = 24 * 1024 * 1024;

/// One test, for what it measures is the whole process's.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_cut_streams_leave_nothing_behind() {
    let node = sandbox::served(&["arithmetic"]).await;
    let (rest, grpc) = (node.rest(), node.grpc());
    leaves_nothing(&node, async |reads| cut_rest(rest, reads).await).await;
    leaves_nothing(&node, async |reads| cut_grpc(grpc, reads).await).await;
    let asked = node.ask("What is 17 plus 25?").await.unwrap();
    assert!(asked.answer.text.contains("42"), "{}", asked.answer.text);
}

async fn leaves_nothing(node: &Running, cut_one: impl AsyncFn(usize)) {
    cut(AT_ONCE * 4, &cut_one).await;
    settled(node).await;
    let (descriptors, tasks, memory) = (descriptors(), tasks(), resident_bytes());
    cut(CUTS, &cut_one).await;
    settled(node).await;
    until("the connections' descriptors are closed", async || self::descriptors() <= descriptors).await;
    until("the connections' tasks are gone", async || self::tasks() <= tasks).await;
    let grown = resident_bytes().saturating_sub(memory);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more than before");
}

async fn cut(count: usize, cut_one: &impl AsyncFn(usize)) {
    let rounds = count.div_ceil(AT_ONCE);
    for round in 0..rounds {
        let all = (0..AT_ONCE).map(|i| cut_one((round * AT_ONCE + i) % 7));
        futures::future::join_all(all).await;
    }
}

/// The same over gRPC: the connection goes together with the call.
async fn cut_grpc(address: SocketAddr, reads: usize) {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let request = v1::ChatRequest {
        prompt: "What is 867 times 53?".to_owned(),
        expert: "arithmetic".to_owned(),
        temperature: Some(1.5),
        max_tokens: 300,
        ..v1::ChatRequest::default()
    };
    let mut events = NodeClient::new(channel).chat(request).await.unwrap().into_inner();
    for _ in 0..reads {
        if events.message().await.unwrap().is_none() {
            break;
        }
    }
}

/// Asks for a stream and leaves: before the first byte, after the head, or some events into it.
async fn cut_rest(address: SocketAddr, reads: usize) {
    let body = r#"{"model":"expert:arithmetic","stream":true,"temperature":1.5,"max_tokens":300,"messages":[{"role":"user","content":"What is 867 times 53?"}]}"#;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut some = [0; 256];
    for _ in 0..reads {
        let read = stream.read(&mut some).await.unwrap_or(0);
        if read == 0 {
            break;
        }
    }
}

/// Waits until every slot is free and nothing waits.
async fn settled(node: &Running) {
    until("every slot is free", async || node.is_idle()).await;
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
