//! What a person can get wrong, and what the error says of it.

use crate::fixtures::{BusyService, FakeClaims, Node, card, codebook, config, space};
use crate::{Config, Error, ExpertState, Identity, Network, SlotUse};
use std::error::Error as _;
use std::sync::Arc;
use tokio::sync::watch;

async fn start(config: Config) -> Result<Network, Error> {
    let (identity, claims) = (Identity::ephemeral(), FakeClaims::new(true));
    Network::start(config, identity, space(), codebook(), claims, Arc::new(BusyService)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let quic = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = [
        format!("/ip4/127.0.0.1/udp/{}/quic-v1", quic.local_addr().unwrap().port()),
        format!("/ip4/127.0.0.1/tcp/{}", tcp.local_addr().unwrap().port()),
    ];
    for address in taken {
        let error = start(Config { listen: vec![address.clone()], ..config(&[]) }).await.err().unwrap();
        assert!(error.to_string().contains(&address), "{error}");
        assert!(error.source().unwrap().to_string().contains("in use"), "{:?}", error.source());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_another_node_listens_on_is_not_shared() {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    let first = start(Config { listen, ..config(&[]) }).await.unwrap();
    let address = first.listen_addresses().await.remove(0);
    let (address, _) = address.split_once("/p2p/").unwrap();
    let second = start(Config { listen: vec![address.to_owned()], ..config(&[]) }).await;
    assert!(matches!(second, Err(Error::Listen { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_do_not_parse_are_named() {
    let bad = "/ip4/127.0.0.1/udp/none".to_owned();
    let listen = start(Config { listen: vec![bad.clone()], ..config(&[]) }).await.err().unwrap();
    assert!(listen.to_string().contains("listen") && listen.to_string().contains(&bad), "{listen}");
    let seed = start(Config { bootstrap: vec![bad.clone()], ..config(&[]) }).await.err().unwrap();
    assert!(seed.to_string().contains("bootstrap") && seed.to_string().contains(&bad), "{seed}");
    for namespace in ["", "a b", "a/b", &"x".repeat(65)] {
        let error = start(Config { namespace: namespace.to_owned(), ..config(&[]) }).await.err().unwrap();
        assert!(matches!(error, Error::Namespace(_)), "{error}");
    }
    let unknown = serde_json::from_str::<Config>(r#"{"listn": []}"#).unwrap_err();
    assert!(unknown.to_string().contains("listn"), "{unknown}");
    assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_that_nobody_would_accept_are_not_announced() {
    let node = Node::start(&[]).await;
    let slots = watch::Sender::new(SlotUse::default());
    let announce = async |card| {
        node.network
            .announce(card, 0, slots.subscribe(), || ExpertState { tokens_per_second: 1.0, is_loaded: true })
            .await
    };
    let mut large = card("a", 1);
    large.description = "x".repeat(1 << 20);
    let error = announce(large).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("description"), "{:?}", error.source());
    let mut elsewhere = card("a", 1);
    elsewhere.space = Default::default();
    assert!(matches!(announce(elsewhere).await, Err(Error::Card(_))));
    for n in 0..64 {
        announce(card(&format!("e{n}"), n)).await.unwrap();
    }
    assert!(matches!(announce(card("one-more", 1)).await, Err(Error::TooManyExperts)));
    announce(card("e0", 0)).await.unwrap();
    assert_eq!(node.experts().len(), 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_network_says_so() {
    let node = Node::start(&[]).await;
    node.network.shutdown().await;
    node.network.shutdown().await;
    assert!(matches!(node.network.find(Vec::new()).await, Err(Error::Stopped)));
    assert!(node.network.peers().await.is_empty());
}
