//! Nodes that behave: they find each other, notice changes, and say goodbye.

use crate::fixtures::{FakeClaims, Node, config, eventually, free_port};
use crate::{Config, Identity, clock};
use polymath_swarm::audit::Evidence;
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::task::{Commitment, Message, Offer, TaskError};
use polymath_swarm::trust::Contradiction;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub(super) fn offer(card: Sha256Hash) -> Offer {
    Offer {
        task_id: [1; 16],
        card,
        messages: vec![Message { role: "user".to_owned(), content: "hello".to_owned() }],
        sampling: Default::default(),
        seed: 1,
        max_tokens: 8,
        deadline_ms: 5_000,
        price_micro_max: 0,
        stop: Vec::new(),
        top_logprobs: 0,
        grammar: None,
        private: false,
        continues: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_find_each_other() {
    let first = Node::start(&[]).await;
    let second = Node::start(&[&first.address]).await;
    let third = Node::start(&[&first.address]).await;
    for (n, node) in [&first, &second, &third].into_iter().enumerate() {
        node.announce(["a", "b", "c"][n], n).await;
    }
    for node in [&first, &second, &third] {
        node.sees(&["a", "b", "c"]).await;
    }
    let peers = first.network.peers().await;
    assert_eq!(peers.len(), 2);
    assert!(peers.iter().all(|peer| peer.agent.starts_with("polymath/")));
    eventually("round-trip times", || async {
        first.network.peers().await.iter().all(|peer| peer.rtt_ms.is_some_and(|ms| ms < 1_000.0))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_say_of_each_other_reaches_all_and_those_who_come_later() {
    let first = Node::start(&[]).await;
    let second = Node::start(&[&first.address]).await;
    let subject = second.network.peer();
    first.network.set_endorsed(BTreeSet::from([subject])).await;
    // A node that is known for an expert of its own, whose key signs two things that cannot both be.
    let identity = Identity::ephemeral();
    let (key, expert) = (identity.signing_key().clone(), identity.peer());
    let cheat = Node::start_with(config(&[&first.address]), identity, FakeClaims::new(true)).await;
    cheat.announce("a", 1).await;
    first.sees(&["a"]).await;
    let commitment = Commitment::sign(&key, [[1; 16], [2; 16]], Sha256Hash([2; 32]), Sha256Hash([3; 32]));
    let opened = Evidence::default();
    let opened_signature = commitment.open(&key, &opened);
    let proof = Contradiction { expert, commitment, opened: opened.hash(), opened_signature };
    let endorsed = |node: &Node| node.network.attested(|book| book.endorsed(clock::unix_ms() / 1_000).len());
    eventually("the word", || async { endorsed(&second) == 1 }).await;
    second.network.accuse(proof).await;
    eventually("the proof", || async { first.network.attested(|book| book.is_proven(expert)) }).await;
    let third = Node::start(&[&second.address]).await;
    eventually("the word, later", || async { endorsed(&third) == 1 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_does_as_well_as_quic() {
    let tcp =
        |bootstrap: &[&str]| Config { listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()], ..config(bootstrap) };
    let first = Node::start_with(tcp(&[]), Identity::ephemeral(), FakeClaims::new(true)).await;
    let seed = [first.address.as_str()];
    let second = Node::start_with(tcp(&seed), Identity::ephemeral(), FakeClaims::new(true)).await;
    first.announce("a", 1).await;
    second.sees(&["a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_that_comes_later_is_found() {
    // The seed will listen there.
    let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1", free_port());
    let early = Node::start(&[&address]).await;
    early.announce("early", 1).await;
    let config = Config { listen: vec![address], ..config(&[]) };
    let seed = Node::start_with(config, Identity::ephemeral(), FakeClaims::new(true)).await;
    seed.announce("seed", 2).await;
    early.sees(&["early", "seed"]).await;
    seed.sees(&["early", "seed"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_its_own_seed_keeps_its_experts() {
    let identity = Identity::ephemeral();
    let address = format!("/ip4/127.0.0.1/udp/{}/quic-v1", free_port());
    let named = format!("{address}/p2p/{}", crate::peer_id_text(identity.peer()));
    let config = Config { listen: vec![address.clone()], ..config(&[&address, &named]) };
    let node = Node::start_with(config, identity, FakeClaims::new(true)).await;
    node.announce("a", 1).await;
    // Seeds are dialled at once, and again after a quarter and after half a second if that failed.
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(node.experts(), ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_travel_by_gossip() {
    let first = Node::start(&[]).await;
    let second = Node::start(&[&first.address]).await;
    eventually("a connection", || async { !second.network.peers().await.is_empty() }).await;
    // Both have asked each other already, and heard nothing.
    let hash = first.announce("a", 1).await;
    second.sees(&["a"]).await;
    let free = |n| {
        move |second: &Node, first: &Node| {
            second
                .network
                .directory()
                .get(first.network.peer(), hash)
                .is_some_and(|a| a.status.free_slots == n)
        }
    };
    for n in [0, 1] {
        first.set_free(n);
        second.until("the new number of free slots", || free(n)(&second, &first)).await;
    }
    first.network.withdraw(hash).await;
    second.sees(&[]).await;
    first.sees(&[]).await;
    first.announce("a", 1).await;
    second.sees(&["a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shuts_down_is_dropped_at_once_and_may_return() {
    let first = Node::start(&[]).await;
    let identity = Identity::ephemeral();
    let second = Node::start_with(config(&[&first.address]), identity.clone(), FakeClaims::new(true)).await;
    second.announce("a", 1).await;
    first.sees(&["a"]).await;
    let start = Instant::now();
    second.network.shutdown().await;
    first.sees(&[]).await;
    // One that dies without a word is dropped after ten; the rest is for a machine that does other things.
    assert!(start.elapsed() < Duration::from_secs(8), "dropped after {:?}", start.elapsed());
    let again = Node::start_with(config(&[&first.address]), identity, FakeClaims::new(true)).await;
    again.announce("a", 1).await;
    first.sees(&["a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_without_a_word_is_dropped() {
    let first = Node::start(&[]).await;
    let address = first.address.clone();
    // A runtime of its own, to be torn down as a killed process is.
    let (runtime, second) = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let second = runtime.block_on(async {
            let node = Node::start(&[&address]).await;
            node.announce("a", 1).await;
            node
        });
        (runtime, second)
    })
    .await
    .unwrap();
    first.sees(&["a"]).await;
    runtime.shutdown_background();
    let start = Instant::now();
    first.sees(&[]).await;
    // Ten seconds by design; the rest is for a machine that does other things.
    assert!(start.elapsed() < Duration::from_secs(20), "dropped after {:?}", start.elapsed());
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_do_not_mix() {
    let first = Node::start(&[]).await;
    first.announce("a", 1).await;
    let config = Config { namespace: "elsewhere".to_owned(), ..config(&[&first.address]) };
    let other = Node::start_with(config, Identity::ephemeral(), FakeClaims::new(true)).await;
    other.announce("b", 2).await;
    eventually("a connection", || async { !other.network.peers().await.is_empty() }).await;
    // Once the third node has everything, the second has had its chance.
    let third = Node::start(&[&first.address]).await;
    third.sees(&["a"]).await;
    assert_eq!((first.experts(), other.experts()), (vec!["a".to_owned()], vec!["b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_tasks_at_once_all_reach_their_expert() {
    let first = Node::start(&[]).await;
    let second = Node::start(&[&first.address]).await;
    let hash = first.announce("a", 1).await;
    second.sees(&["a"]).await;
    let (network, peer) = (second.network.clone(), first.network.peer());
    let asking: Vec<_> = (0..16)
        .map(|_| {
            let network = network.clone();
            tokio::spawn(async move { network.open_task(peer, offer(hash)).await.map(drop) })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), Err(TaskError::Busy { retry_after_ms: 7 }));
    }
    let unknown = network.open_task(peer, offer(Sha256Hash::of(b"none"))).await.map(drop);
    assert!(matches!(unknown, Err(TaskError::Refused { code, .. }) if code == "unknown_expert"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nine_nodes_know_all_nine_experts() {
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let start = Instant::now();
    let mut nodes = vec![Node::start(&[]).await];
    for _ in 1..9 {
        let seed = nodes[0].address.clone();
        nodes.push(Node::start(&[&seed]).await);
    }
    for (n, node) in nodes.iter().enumerate() {
        node.announce(ids[n], n).await;
    }
    for node in &nodes {
        node.sees(&ids).await;
    }
    println!("nine nodes know all nine experts {:?} after the first was started", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_with_many_experts_is_known_in_full() {
    let first = Node::start(&[]).await;
    let second = Node::start(&[&first.address]).await;
    eventually("a connection", || async { !second.network.peers().await.is_empty() }).await;
    let ids: Vec<String> = (0..40).map(|n| format!("e{n:02}")).collect();
    for (n, id) in ids.iter().enumerate() {
        first.announce(id, n).await;
    }
    second.sees(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_mdns_starts_wherever_it_is() {
    let config = Config { mdns: true, ..config(&[]) };
    let node = Node::start_with(config, Identity::ephemeral(), FakeClaims::new(true)).await;
    node.announce("a", 1).await;
    node.sees(&["a"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lookup_before_anybody_was_met_waits_for_somebody() {
    let expert = Node::start(&[]).await;
    expert.announce("a", 3).await;
    let cells = crate::fixtures::codebook().lookups(&crate::fixtures::vector(3), 1);
    // A lookup is over after three seconds, which a busy machine may take for other things: then it is another newcomer's turn, since this
    // one has met somebody by now.
    for newcomers in 1.. {
        let newcomer = Node::start(&[&expert.address]).await;
        newcomer.network.find(cells.clone()).await.unwrap();
        if newcomer.experts() == ["a"] {
            break;
        }
        assert!(newcomers < 5, "{newcomers} newcomers found nobody");
    }
}
