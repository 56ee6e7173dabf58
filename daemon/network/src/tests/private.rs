//! Private swarms: members find each other over QUIC and TCP, outsiders get nothing.

use crate::fixtures::{FakeClaims, Node, config, eventually};
use crate::{Config, Identity};
use polymath_swarm::private::{SwarmKeys, SwarmSecret};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const TCP: &str = "/ip4/127.0.0.1/tcp/0";

fn keys(secret: u8) -> Option<Arc<SwarmKeys>> {
    Some(Arc::new(SwarmSecret::new([secret; 32]).keys()))
}

async fn node(listen: &str, bootstrap: &[&str], private: Option<Arc<SwarmKeys>>) -> Node {
    let config = Config { listen: vec![listen.to_owned()], private, ..config(bootstrap) };
    Node::start_with(config, Identity::ephemeral(), FakeClaims::new(true)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_find_each_other() {
    for listen in [QUIC, TCP] {
        let first = node(listen, &[], keys(1)).await;
        let second = node(listen, &[&first.address], keys(1)).await;
        first.announce("a", 1).await;
        second.announce("b", 2).await;
        for each in [&first, &second] {
            each.sees(&["a", "b"]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outsiders_with_every_address_get_nothing() {
    for listen in [QUIC, TCP] {
        let member = node(listen, &[], keys(1)).await;
        member.announce("a", 1).await;
        // One of the public swarm, one of another private one, and one that still has the key of before.
        let seed = [member.address.as_str()];
        let outsiders = [node(listen, &seed, None).await, node(listen, &seed, keys(2)).await];
        for outsider in &outsiders {
            outsider.announce("x", 3).await;
        }
        let friend = node(listen, &seed, keys(1)).await;
        friend.sees(&["a"]).await;
        // Both have been trying meanwhile; the gate's own time is five seconds.
        tokio::time::sleep(Duration::from_secs(6)).await;
        for outsider in &outsiders {
            // Over QUIC an outsider's own side may take the connection for made until the gate closes it; nothing is said on it.
            let met = outsider.network.peers().await;
            assert!(
                met.iter().all(|peer| peer.agent.is_empty() && peer.rtt_ms.is_none()),
                "{listen}: {met:?}"
            );
            assert!(listen == QUIC || met.is_empty(), "{met:?}");
            let known = outsider.network.directory().adverts();
            assert!(known.iter().all(|advert| advert.card.id == "x"), "{listen}");
        }
        assert_eq!(member.network.peers().await.len(), 1, "{listen}: the friend alone");
        assert!(member.network.directory().adverts().iter().all(|advert| advert.card.id != "x"));
        friend.sees(&["a"]).await;
    }
}

type Recorded = Arc<Mutex<Vec<u8>>>;

/// Passes TCP on to `to` and records both directions; with its own address.
async fn tapped_tcp(to: String) -> (String, Recorded, Recorded) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (there, back) = (Recorded::default(), Recorded::default());
    let (recorded_there, recorded_back) = (there.clone(), back.clone());
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = TcpStream::connect(&to).await else { continue };
            let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
            tokio::spawn(pass_on(near_read, far_write, recorded_there.clone()));
            tokio::spawn(pass_on(far_read, near_write, recorded_back.clone()));
        }
    });
    (format!("/ip4/127.0.0.1/tcp/{}", address.port()), there, back)
}

async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    record: Recorded,
) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        record.lock().unwrap().extend_from_slice(&buffer[..read]);
        to.write_all(&buffer[..read]).await?;
    }
}

/// The same for UDP, for one client.
async fn tapped_udp(to: String) -> (String, Recorded) {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    far.connect(&to).await.unwrap();
    let port = near.local_addr().unwrap().port();
    let record = Recorded::default();
    let recorded = record.clone();
    tokio::spawn(async move {
        let (mut here, mut there) = ([0; 2_048], [0; 2_048]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((read, from)) = near.recv_from(&mut here) => {
                    client = Some(from);
                    recorded.lock().unwrap().extend_from_slice(&here[..read]);
                    let _ = far.send(&here[..read]).await;
                }
                Ok(read) = far.recv(&mut there) => {
                    recorded.lock().unwrap().extend_from_slice(&there[..read]);
                    if let Some(client) = client {
                        let _ = near.send_to(&there[..read], client).await;
                    }
                }
            }
        }
    });
    (format!("/ip4/127.0.0.1/udp/{port}/quic-v1"), record)
}

/// `127.0.0.1:port` of a multiaddress.
fn socket_of(address: &str) -> String {
    format!("127.0.0.1:{}", address.split('/').nth(4).unwrap())
}

fn holds(record: &Recorded, text: &str) -> bool {
    record.lock().unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wire_shows_neither_names_nor_what_is_said() {
    let namespace = SwarmSecret::new([1; 32]).keys().namespace.clone();
    let secrets = [namespace.as_str(), "/polymath/", "Knows all about", "/ipfs/", "multistream"];
    let member = node(TCP, &[], keys(1)).await;
    member.announce("a", 1).await;
    let (address, there, back) = tapped_tcp(socket_of(&member.address)).await;
    let friend = node(TCP, &[&address], keys(1)).await;
    friend.sees(&["a"]).await;
    for secret in secrets {
        assert!(!holds(&there, secret) && !holds(&back, secret), "{secret} over TCP");
    }
    assert!(there.lock().unwrap().len() > 1_000, "something was recorded");

    let member = node(QUIC, &[], keys(1)).await;
    member.announce("a", 1).await;
    let (address, record) = tapped_udp(socket_of(&member.address)).await;
    let friend = node(QUIC, &[&address], keys(1)).await;
    friend.sees(&["a"]).await;
    for secret in secrets {
        assert!(!holds(&record, secret), "{secret} over QUIC");
    }
    assert!(record.lock().unwrap().len() > 1_000, "something was recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_recorded_opens_nothing() {
    let member = node(TCP, &[], keys(1)).await;
    member.announce("a", 1).await;
    let (address, there, _) = tapped_tcp(socket_of(&member.address)).await;
    {
        let friend = node(TCP, &[&address], keys(1)).await;
        friend.sees(&["a"]).await;
        friend.network.shutdown().await;
    }
    eventually("the friend is gone", || async { member.network.peers().await.is_empty() }).await;
    let mut replaying = TcpStream::connect(socket_of(&member.address)).await.unwrap();
    let recorded = there.lock().unwrap().clone();
    // The member may hang up before all of it is sent.
    let _ = replaying.write_all(&recorded).await;
    let mut answer = Vec::new();
    let reading = replaying.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(12), reading).await;
    // Its nonce and its half of Noise's handshake, under the swarm's key; what should follow was made for another half.
    assert!(answer.len() < 300, "{} bytes", answer.len());
    let said = |text: &str| answer.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!said("/noise") && !said("/multistream"));
    assert!(member.network.peers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_keep_nobody_out() {
    let member = node(TCP, &[], keys(1)).await;
    member.announce("a", 1).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(socket_of(&member.address)).await.unwrap());
    }
    let friend = node(TCP, &[&member.address], keys(1)).await;
    friend.sees(&["a"]).await;
    drop(silent);
}
