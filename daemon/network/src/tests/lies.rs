//! Peers that lie: about signatures, times, sizes, spaces, embeddings and cells.

use super::bans::seen;
use super::hostile::{Liar, Order, Stranger, fresh, gossip};
use crate::fixtures::{FakeClaims, Node, card, codebook, config, eventually, space, status, vector};
use crate::{Identity, clock, exchange};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::PeerId;
use libp2p::kad::RecordKey;
use polymath_swarm::cells::{CellId, dht_key};
use polymath_swarm::embedding::Embedding;
use polymath_swarm::identity::Sha256Hash;
use polymath_wire::advert::{AdvertResponse, SignedAdvert};
use std::sync::atomic::Ordering;
use std::time::Duration;

fn key_of(cell: CellId) -> RecordKey {
    RecordKey::new(&dht_key("/polymath/kad/1", "test", space(), cell))
}

fn cell(axis: usize) -> CellId {
    codebook().nearest(&vector(axis), 1)[0]
}

/// Adverts with one fault each, signed by `liar` where the fault is not in the signature.
fn faulty(liar: &Liar) -> Vec<SignedAdvert> {
    let good = |id: &str| liar.advert(&card(id, 3));
    let mut forged_card = good("forged-card");
    forged_card.card.signature[5] ^= 1;
    let mut forged_status = good("forged-status");
    forged_status.status.signature[5] ^= 1;
    let mut swapped = good("swapped");
    std::mem::swap(&mut swapped.card, &mut swapped.status);
    let mut expired = good("expired");
    let hash = expired.card.payload_hash();
    expired.status = liar.sealed_status(&status(hash, 1_000, 2_000));
    let mut future = good("future");
    let far = clock::unix_ms() + 10 * 60_000;
    future.status = liar.sealed_status(&status(future.card.payload_hash(), far, far + 1_000));
    let mut immortal = good("immortal");
    let immortal_status = status(immortal.card.payload_hash(), clock::unix_ms(), u64::MAX);
    immortal.status = liar.sealed_status(&immortal_status);
    let mut mismatched = good("mismatched");
    mismatched.status = liar.sealed_status(&fresh(Sha256Hash::of(b"another card")));
    let mut other_space = card("other-space", 3);
    other_space.space = Sha256Hash::of(b"another space");
    let mut other_dimension = card("other-dimension", 3);
    other_dimension.embeddings = vec![Embedding::new(&[1.0; 8]).unwrap().quantise(); 2];
    let mut adverts = vec![forged_card, forged_status, swapped, expired, future, immortal, mismatched];
    adverts.extend([other_space, other_dimension].iter().map(|card| liar.advert(card)));
    adverts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adverts_with_any_fault_are_refused() {
    let node = Node::start(&[]).await;
    let identity = Identity::ephemeral();
    let draft = Liar::start_as(identity.clone(), &node.address, AdvertResponse::default()).await;
    draft.until("the first question", |heard| heard.asked > 0).await;
    let mut adverts = faulty(&draft);
    // Another node's honest advert, passed on as if it were ours to give.
    let other = Liar::start(&node.address, AdvertResponse::default()).await;
    adverts.push(other.advert(&card("not-mine", 4)));
    adverts.push(draft.advert(&card("honest", 5)));
    drop(draft);
    let _liar = Liar::start_as(identity, &node.address, AdvertResponse { adverts }).await;
    // The honest one is the last of the response: when it is there, the others have been judged.
    node.sees(&["honest"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_whose_embeddings_are_not_its_texts_is_refused() {
    let claims = FakeClaims::new(false);
    let node = Node::start_with(config(&[]), Identity::ephemeral(), claims.clone()).await;
    let liar = Liar::start(&node.address, AdvertResponse::default()).await;
    liar.until("the first question", |heard| heard.asked >= 1 && heard.subscribers >= 1).await;
    // Of several questions that come at once only the last may be seen, so it is counted from here on.
    let asked = liar.heard.borrow().asked;
    let advert = liar.advert(&card("average-of-all", 3));
    liar.order(Order::Answer(AdvertResponse { adverts: vec![advert.clone()] })).await;
    liar.order(Order::Gossip(gossip(&advert.status))).await;
    liar.until("the second question", |heard| heard.asked > asked).await;
    let asked = liar.heard.borrow().asked;
    // A second card shows that the first has been judged, and that the verdict is remembered.
    let again = liar.sealed_status(&fresh(advert.card.payload_hash()));
    let second = liar.advert(&card("another", 4));
    let both = vec![SignedAdvert { status: again, ..advert }, second.clone()];
    liar.order(Order::Answer(AdvertResponse { adverts: both })).await;
    liar.order(Order::Gossip(gossip(&second.status))).await;
    liar.until("the third question", |heard| heard.asked > asked).await;
    crate::fixtures::eventually("both claims to be checked", || async {
        claims.asked.load(Ordering::Relaxed) == 2
    })
    .await;
    assert!(node.experts().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_is_forwarded_only_if_it_may_be_believed() {
    let node = Node::start(&[]).await;
    let witness = Liar::start(&node.address, AdvertResponse::default()).await;
    let liar = Liar::start(&node.address, AdvertResponse::default()).await;
    for peer in [&witness, &liar] {
        peer.until("the topic", |heard| heard.subscribers >= 1).await;
    }
    let advert = liar.advert(&card("a", 3));
    let hash = advert.card.payload_hash();
    liar.order(Order::Answer(AdvertResponse { adverts: vec![advert] })).await;
    // The node and the witness may not have joined their gossip yet: until they have, a status is heard by the node alone.
    let mut current = liar.sealed_status(&fresh(hash));
    for later in 0u64..15 {
        let mut next = fresh(hash);
        next.sequence += later;
        current = liar.sealed_status(&next);
        liar.order(Order::Gossip(gossip(&current))).await;
        let arrives = witness.until("a good status", |heard| heard.gossip.contains(&gossip(&current)));
        if tokio::time::timeout(Duration::from_secs(2), arrives).await.is_ok() {
            break;
        }
    }
    node.sees(&["a"]).await;

    let mut forged = liar.sealed_status(&fresh(hash));
    forged.signature[7] ^= 1;
    let expired = liar.sealed_status(&status(hash, 1_000, 2_000));
    let old = liar.sealed_status(&status(hash, clock::unix_ms() - 30_000, clock::unix_ms() + 30_000));
    let large = vec![0; 1_100];
    let bad = [gossip(&forged), gossip(&expired), gossip(&old), large];
    for bytes in &bad {
        liar.order(Order::Gossip(bytes.clone())).await;
    }
    let mut last = fresh(hash);
    last.sequence += 5_000;
    last.free_slots = 1;
    let last = gossip(&liar.sealed_status(&last));
    liar.order(Order::Gossip(last.clone())).await;
    witness.until("the last, good status", |heard| heard.gossip.contains(&last)).await;
    let heard = witness.heard.borrow().gossip.clone();
    assert!(heard.contains(&gossip(&current)));
    assert!(bad.iter().all(|bytes| !heard.contains(bytes)), "something bad was forwarded");
    assert_eq!(node.network.directory().adverts()[0].status.free_slots, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn experts_are_found_by_their_cells() {
    let seed = Node::start(&[]).await;
    let asker = Node::start(&[&seed.address]).await;
    // Connected to all and known to none: it has nothing to tell until the test says so, and never gossips.
    let expert = Liar::start(&seed.address, AdvertResponse::default()).await;
    expert.until("the seed's and the asker's questions", |heard| heard.asked >= 2).await;
    let advert = expert.advert(&card("hidden", 3));
    expert.order(Order::Answer(AdvertResponse { adverts: vec![advert] })).await;
    expert.order(Order::Provide(key_of(cell(3)))).await;
    expert.until("its record to be stored", |heard| heard.provided == 1).await;
    assert!(asker.experts().is_empty() && seed.experts().is_empty());
    let elsewhere = asker.network.find(vec![cell(9)]).await.unwrap();
    assert_eq!((elsewhere, asker.experts().len()), (0, 0));
    let cells = codebook().nearest(&vector(3), 8);
    // A lookup is over after three seconds, which a busy machine may take for other things: then the next one finds it.
    let (mut lookups, mut brought) = (0, 0);
    while asker.experts().is_empty() && lookups < 10 {
        brought += asker.network.find(cells.clone()).await.unwrap();
        lookups += 1;
    }
    assert_eq!(asker.experts(), ["hidden"]);
    assert!(brought == 1 || brought == 0 && lookups > 1, "{brought} were counted, after {lookups} lookups");
    assert!(seed.experts().is_empty(), "nothing came by gossip");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_provider_records_displaces_nobody() {
    let seed = Node::start(&[]).await;
    let honest = Node::start(&[&seed.address]).await;
    honest.announce("honest", 3).await;
    seed.sees(&["honest"]).await;
    let flooder = Liar::start(&seed.address, AdvertResponse::default()).await;
    flooder.until("the seed's question", |heard| heard.asked > 0).await;
    for n in 0..1_050u32 {
        let junk = Sha256Hash::of(&n.to_le_bytes()).0;
        flooder.order(Order::Provide(RecordKey::new(&junk))).await;
        // No more at once than Kademlia has streams for, so that none waits past its time limit.
        if n % 32 == 31 {
            flooder.until("the flood so far", |heard| heard.provided > n as usize).await;
        }
    }
    flooder.order(Order::Provide(key_of(cell(3)))).await;
    flooder.until("the flood to be over", |heard| heard.provided == 1_051).await;
    let asker = Liar::start(&seed.address, AdvertResponse::default()).await;
    asker.until("the seed's question", |heard| heard.asked > 0).await;
    let peer: PeerId =
        honest.network.listen_addresses().await[0].rsplit_once('/').unwrap().1.parse().unwrap();
    // The honest one may publish its record, and the asker know whom to ask, after the first lookup.
    let asking = async {
        loop {
            asker.order(Order::Lookup(key_of(cell(3)))).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        () = asker.until("the honest provider", |heard| heard.providers.contains(&peer)) => {}
        () = asking => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_megabyte_instead_of_adverts_is_refused() {
    let node = Node::start(&[]).await;
    let mut stranger = Stranger::start(&node.address);
    let mut asked = stranger.control.accept(exchange::PROTOCOL).unwrap();
    let (_, mut stream) = asked.next().await.unwrap();
    let mut request = Vec::new();
    stream.read_to_end(&mut request).await.unwrap();
    // The node stops reading before the end, so that writing may fail.
    let _ = stream.write_all(&[0x80, 0x80, 0x40]).await;
    let _ = stream.write_all(&vec![0x0a; 1 << 20]).await;
    let _ = stream.close().await;
    eventually("it is noted", || async { seen(&node, "malformed") == 1 }).await;
    // The next one ends in the midst of what it says, as if the connection had been lost.
    let mut stranger = Stranger::start(&node.address);
    let mut asked = stranger.control.accept(exchange::PROTOCOL).unwrap();
    let (_, mut stream) = asked.next().await.unwrap();
    stream.write_all(&[0x80, 0x02, 0x0a]).await.unwrap();
    stream.close().await.unwrap();
    eventually("it is told from nonsense", || async { seen(&node, "cut_off") == 1 }).await;
    assert_eq!(seen(&node, "malformed"), 1);
    let other = Node::start(&[&node.address]).await;
    other.announce("a", 1).await;
    node.sees(&["a"]).await;
}
