//! Who breaks the rules again and again is shut out for a time, whoever the owner blocks for good; nobody else notices.

use super::hostile::{Liar, Order, Stranger, fresh, gossip};
use crate::fixtures::{FakeClaims, Node, card, eventually, status};
use crate::{Config, Identity, clock};
use futures::AsyncWriteExt as _;
use libp2p::PeerId;
use polymath_swarm::capability::Status;
use polymath_swarm::identity::{Domain, Envelope, Sha256Hash};
use polymath_wire::advert::AdvertResponse;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

pub(super) fn seen(node: &Node, kind: &str) -> u64 {
    node.network.offences().all().find(|(name, _)| *name == kind).unwrap().1
}

async fn is_connected(node: &Node, peer: polymath_swarm::identity::PeerKey) -> bool {
    node.network.peers().await.iter().any(|info| info.peer == peer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_forges_again_and_again_is_shut_out_and_nobody_else_notices() {
    let node = Node::start(&[]).await;
    node.announce("a", 1).await;
    let honest = Node::start(&[&node.address]).await;
    honest.announce("b", 2).await;
    node.sees(&["a", "b"]).await;
    let liar = Liar::start(&node.address, AdvertResponse::default()).await;
    liar.until("the topic", |heard| heard.subscribers >= 1).await;
    // In honest's name, and as if from somebody who does not exist.
    let mut sent = 0;
    while is_connected(&node, liar.identity.peer()).await {
        let mut forged = liar.sealed_status(&fresh(Sha256Hash::of(&[sent])));
        forged.signer = honest.network.peer();
        liar.order(Order::Gossip(gossip(&forged))).await;
        sent += 1;
        assert!(sent < 100, "it may go on for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(seen(&node, "forged") >= 3);
    let info = node.network.info().await.unwrap();
    let (out, left) = &info.shut_out[0];
    assert_eq!(*out, crate::peer_id_text(liar.identity.peer()));
    assert!((60..=120).contains(left), "{left}");
    assert_eq!(info.shut_out.len(), 1);
    assert!(honest.network.probe(node.network.peer()).await.is_ok());
    let late = Node::start(&[&node.address]).await;
    late.sees(&["a", "b"]).await;
}

/// An address of this machine that is none of loopback, as the kernel's table of local addresses has it: the line before says which.
fn outward() -> Ipv4Addr {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap();
    let lines: Vec<&str> = table.lines().map(str::trim).collect();
    let is_local = |pair: &&[&str]| pair[1].starts_with("/32 host LOCAL");
    let address = |pair: &[&str]| pair[0].trim_start_matches("|-- ").parse::<Ipv4Addr>().ok();
    let mut local = lines.windows(2).filter(is_local).filter_map(address);
    local.find(|ip| !ip.is_loopback()).expect("this test needs an IPv4 address besides loopback: ip addr")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_from_which_one_after_the_other_is_shut_out_lets_nobody_new_in() {
    let at = |ip: Ipv4Addr| format!("/ip4/{ip}/udp/0/quic-v1");
    let (near, far) = (Ipv4Addr::LOCALHOST, outward());
    let config = Config { listen: vec![at(near), at(far)], ..crate::fixtures::config(&[]) };
    let node = Node::start_with(config, Identity::ephemeral(), FakeClaims::new(true)).await;
    node.announce("a", 1).await;
    let addresses = node.network.listen_addresses().await;
    let of = |ip: Ipv4Addr| addresses.iter().find(|a| a.contains(&format!("/ip4/{ip}/"))).unwrap().clone();
    let peer: PeerId = of(far).rsplit_once('/').unwrap().1.parse().unwrap();
    // From the same address as all that follow; it keeps the rules. It listens on loopback alone, so that nobody else dials there.
    let honest = Node::start(&[&of(far)]).await;
    honest.announce("b", 2).await;
    node.sees(&["a", "b"]).await;
    for liars in 1..=4 {
        let stranger = Stranger::start(&of(far));
        while node.network.info().await.unwrap().shut_out.len() < liars {
            let mut control = stranger.control.clone();
            if let Ok(mut stream) = control.open_stream(peer, crate::exchange::PROTOCOL).await {
                // Two bytes that are no message; the node may hang up at any.
                let _ = stream.write_all(&[2, 0xff, 0xff]).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let comes_in = async |address: String| {
        let mut stranger = Stranger::start(&address);
        let opened = stranger.control.open_stream(peer, crate::exchange::PROTOCOL);
        matches!(tokio::time::timeout(Duration::from_secs(10), opened).await, Ok(Ok(_)))
    };
    assert!(!comes_in(of(far)).await, "the fifth, who has done nothing yet");
    assert!(comes_in(of(near)).await, "loopback is no such address");
    assert!(is_connected(&node, honest.network.peer()).await, "who was there and keeps the rules stays");
    assert!(honest.network.probe(node.network.peer()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_owner_blocks_is_gone_until_he_lets_him_in() {
    let node = Node::start(&[]).await;
    node.announce("a", 1).await;
    let other = Node::start(&[&node.address]).await;
    other.announce("b", 2).await;
    node.sees(&["a", "b"]).await;
    let blocked = BTreeSet::from([other.network.peer()]);
    node.network.set_blocked(blocked).await;
    node.sees(&["a"]).await;
    other.sees(&["b"]).await;
    // Closing takes a moment.
    eventually("the connection is closed", || async { !is_connected(&node, other.network.peer()).await })
        .await;
    assert!(node.network.probe(other.network.peer()).await.is_err());
    assert_eq!(node.network.info().await.unwrap().blocked.len(), 1);
    node.network.set_blocked(BTreeSet::new()).await;
    // Its seed is tried again and again.
    node.sees(&["a", "b"]).await;
    other.sees(&["a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_invented_experts_do_not_keep_an_honest_one_out() {
    let node = Node::start(&[]).await;
    node.announce("a", 1).await;
    let liar = Liar::start(&node.address, AdvertResponse::default()).await;
    liar.until("the topic", |heard| heard.subscribers >= 1).await;
    let began = Instant::now();
    for number in 0u32..10_000 {
        // Each well signed, by somebody new, at an address where nobody is.
        let sybil = Identity::ephemeral();
        let now = clock::unix_ms();
        let invented = Status {
            addresses: vec!["/ip4/127.0.0.1/udp/9/quic-v1".to_owned()],
            ..status(Sha256Hash::of(&number.to_le_bytes()), now, now + 60_000)
        };
        let payload = polymath_wire::advert::encode_status(&invented);
        let envelope = Envelope::seal(sybil.signing_key(), Domain::Status, payload);
        liar.order(Order::Gossip(gossip(&envelope))).await;
    }
    let sent = began.elapsed();
    // While the node is busy with them.
    let honest = Node::start(&[&node.address]).await;
    honest.announce("b", 2).await;
    node.sees(&["a", "b"]).await;
    println!(
        "10,000 invented experts within {:.1} s; an honest one is known {:.1} s after the first",
        sent.as_secs_f32(),
        began.elapsed().as_secs_f32()
    );
    eventually("the node answers", || async { honest.network.probe(node.network.peer()).await.is_ok() })
        .await;
    assert_eq!(node.network.directory().len(), 2, "nobody is known who was not reached");
    assert!(card("a", 1).check().is_ok());
}
