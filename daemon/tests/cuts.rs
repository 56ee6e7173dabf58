//! A thousand connections cut in mid-stream: nothing is left of them, neither a slot nor a task nor a descriptor nor
//! memory.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "sandbox/sandbox.rs"]
#[expect(dead_code, reason = "each test program uses a part of it")]
mod sandbox;

use sandbox::{Running, until};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Connections that are cut.
const CUTS: usize = 1_000;
/// Of those, how many are open at once.
const AT_ONCE: usize = 8;
/// Memory that a thousand cut streams may leave behind: allocators keep some; a leaked question would keep tens of
/// kilobytes each.
const GROWTH_BYTES_MAX: u64 = 24 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_cut_streams_leave_nothing_behind() {
    let node = sandbox::served(&["arithmetic"]).await;
    let address = node.rest();
    cut(address, AT_ONCE * 4).await;
    settled(&node).await;
    let (descriptors, tasks, memory) = (descriptors(), tasks(), resident_bytes());
    cut(address, CUTS).await;
    settled(&node).await;
    until("the connections' descriptors are closed", async || self::descriptors() <= descriptors).await;
    until("the connections' tasks are gone", async || self::tasks() <= tasks).await;
    let grown = resident_bytes().saturating_sub(memory);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more than before");
    let asked = node.ask("What is 17 plus 25?").await.unwrap();
    assert!(asked.answer.text.contains("42"), "{}", asked.answer.text);
}

async fn cut(address: SocketAddr, count: usize) {
    let rounds = count.div_ceil(AT_ONCE);
    for round in 0..rounds {
        let all = (0..AT_ONCE).map(|i| cut_one(address, (round * AT_ONCE + i) % 7));
        futures::future::join_all(all).await;
    }
}

/// Asks for a stream and leaves: before the first byte, after the head, or some events into it.
async fn cut_one(address: SocketAddr, reads: usize) {
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
