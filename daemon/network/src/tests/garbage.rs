//! Peers that speak garbage, on every protocol and below them: the node goes on answering the others.

use super::hostile::Stranger;
use super::swarm::offer;
use crate::fixtures::{Node, eventually};
use futures::AsyncWriteExt as _;
use libp2p::{PeerId, StreamProtocol};
use polymath_swarm::task::TaskError;
use rand::RngExt as _;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

const PROTOCOLS: [&str; 10] = [
    "/polymath/advert/2",
    crate::task::PROTOCOL,
    "/polymath/audit/2",
    "/polymath/receipt/2",
    "/polymath/kad/1/test",
    "/meshsub/1.2.0",
    "/meshsub/1.1.0",
    "/ipfs/id/1.0.0",
    "/ipfs/id/push/1.0.0",
    "/ipfs/ping/1.0.0",
];
/// How long a stranger tries to get rid of one piece of garbage.
const SENDING_MAX: Duration = Duration::from_secs(5);
const SIZES: [usize; 6] = [0, 1, 3, 64, 5_000, 400_000];

fn noise(bytes: usize) -> Vec<u8> {
    let mut random = rand::rng();
    (0..bytes).map(|_| random.random()).collect()
}

/// Garbage whose first bytes promise a frame of `bytes` bytes, so that readers go on to its content.
fn framed(bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = bytes;
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(noise(bytes));
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_every_protocol_leaves_the_node_answering() {
    let node = Node::start(&[]).await;
    let hash = node.announce("a", 1).await;
    let peer: PeerId = node.address.rsplit_once('/').unwrap().1.parse().unwrap();
    let mut sent = 0;
    for protocol in PROTOCOLS {
        // Whoever has been shut out for one sends nothing on the next.
        let stranger = Stranger::start(&node.address);
        for size in SIZES {
            for bytes in [noise(size), framed(size)] {
                let mut control = stranger.control.clone();
                let sending = async {
                    let opened = control.open_stream(peer, StreamProtocol::new(protocol)).await;
                    let Ok(mut stream) = opened else { return };
                    sent += 1;
                    // The node may hang up at any byte.
                    if stream.write_all(&bytes).await.is_ok() && size % 2 == 0 {
                        let _ = stream.close().await;
                    }
                };
                // Or read no more of it: then the stranger would wait for ever.
                let _ = tokio::time::timeout(SENDING_MAX, sending).await;
            }
        }
    }
    assert!(sent > 4 * PROTOCOLS.len(), "only {sent} streams could be opened");
    // Who speaks garbage on our own protocols is shut out, once his streams have come to their ends.
    eventually("they are shut out", || async { node.network.info().await.unwrap().shut_out.len() >= 4 })
        .await;
    let counts: Vec<(&str, u64)> = node.network.offences().all().collect();
    assert!(counts.iter().any(|(name, count)| *name == "malformed" && *count >= 9), "{counts:?}");
    let other = Node::start(&[&node.address]).await;
    other.sees(&["a"]).await;
    let asked = other.network.open_task(node.network.peer(), offer(hash)).await.map(drop);
    assert_eq!(asked, Err(TaskError::Busy { retry_after_ms: 7 }));
    other.announce("b", 2).await;
    node.sees(&["a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_below_the_protocols_leaves_the_node_answering() {
    let listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned(), "/ip4/127.0.0.1/tcp/0".to_owned()];
    let config = crate::Config { listen, ..crate::fixtures::config(&[]) };
    let claims = crate::fixtures::FakeClaims::new(true);
    let node = Node::start_with(config, crate::Identity::ephemeral(), claims).await;
    node.announce("a", 1).await;
    let addresses = node.network.listen_addresses().await;
    let port = |kind: &str| {
        let address = addresses.iter().find(|a| a.contains(kind)).unwrap();
        address.split('/').nth(4).unwrap().parse::<u16>().unwrap()
    };
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for size in [0, 1, 20, 1_200, 60_000] {
        for _ in 0..50 {
            udp.send_to(&noise(size), ("127.0.0.1", port("udp"))).await.unwrap();
        }
    }
    let mut silent = Vec::new();
    for size in [0, 1, 20, 100_000] {
        let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port("tcp"))).await.unwrap();
        // The node may hang up at any byte; afterwards the connection stays open and says nothing more.
        let _ = tcp.write_all(&noise(size)).await;
        silent.push(tcp);
    }
    for address in &addresses {
        let other = Node::start(&[address]).await;
        other.sees(&["a"]).await;
    }
}
