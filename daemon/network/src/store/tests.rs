//! Floods, quotas, expiry and the book-keeping behind them.

use super::*;
use proptest::prelude::*;
use std::time::Instant;

fn key(n: u64) -> RecordKey {
    let mut bytes = [0; KEY_BYTES];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    RecordKey::new(&bytes)
}

fn record(n: u64, provider: PeerId) -> ProviderRecord {
    ProviderRecord::new(key(n), provider, Vec::new())
}

fn check(store: &ProviderStore) {
    let held: usize = store.keys.values().map(|p| p.records.len()).sum();
    assert_eq!(held, store.places.len());
    assert_eq!(store.sources.values().sum::<usize>(), held);
    for (key, providers) in &store.keys {
        assert!(!providers.records.is_empty() && providers.records.len() <= PROVIDERS_PER_KEY_MAX);
        for (record, position) in &providers.records {
            assert_eq!(store.places[*position], (key.clone(), record.provider));
        }
    }
    assert!(store.sources.values().all(|count| *count <= RECORDS_PER_SOURCE_MAX));
}

#[test]
fn a_flood_from_one_source_ends_at_its_quota() {
    let mut store = ProviderStore::new(PeerId::random(), 1);
    let honest = PeerId::random();
    for n in 0..20 {
        store.add_provider(record(n, honest)).unwrap();
    }
    let flooder = PeerId::random();
    let accepted = (0..5_000).filter(|n| store.add_provider(record(*n, flooder)).is_ok()).count();
    assert_eq!(accepted, RECORDS_PER_SOURCE_MAX);
    assert_eq!((store.len_of(&flooder), store.len_of(&honest)), (RECORDS_PER_SOURCE_MAX, 20));
    assert!((0..20).all(|n| store.providers(&key(n)).iter().any(|r| r.provider == honest)));
    check(&store);
}

#[test]
fn at_a_full_key_everybody_has_the_same_chance() {
    let (mut early, mut late) = (0, 0);
    let rounds = 200;
    for seed in 0..rounds {
        let mut store = ProviderStore::new(PeerId::random(), seed);
        let peers: Vec<PeerId> = (0..256).map(|_| PeerId::random()).collect();
        for peer in &peers {
            let _ = store.add_provider(record(1, *peer));
        }
        assert_eq!(store.providers(&key(1)).len(), PROVIDERS_PER_KEY_MAX);
        early += usize::from(store.providers(&key(1)).iter().any(|r| r.provider == peers[0]));
        late += usize::from(store.providers(&key(1)).iter().any(|r| r.provider == peers[255]));
        check(&store);
    }
    // A quarter is expected: 50 of 200, standard deviation 6.
    for count in [early, late] {
        assert!((20..=80).contains(&count), "{count} of {rounds}");
    }
}

#[test]
fn a_full_store_takes_from_the_greediest() {
    let mut store = ProviderStore::new(PeerId::random(), 3);
    let honest: Vec<PeerId> = (0..10).map(|_| PeerId::random()).collect();
    for (n, peer) in (0u64..).zip(&honest) {
        store.add_provider(record(n, *peer)).unwrap();
    }
    let greedy = (RECORDS_MAX / RECORDS_PER_SOURCE_MAX + 4) as u64;
    for source in 0..greedy {
        let peer = PeerId::random();
        for n in 0..RECORDS_PER_SOURCE_MAX as u64 {
            store.add_provider(record(1_000 + source * 10_000 + n, peer)).unwrap();
        }
    }
    assert_eq!(store.len(), RECORDS_MAX);
    assert!(honest.iter().all(|peer| store.len_of(peer) == 1));
    check(&store);
}

#[test]
fn values_and_odd_keys_are_refused_and_old_records_forgotten() {
    let local = PeerId::random();
    let mut store = ProviderStore::new(local, 4);
    assert!(store.put(Record::new(key(1), vec![1])).is_err());
    for odd in [&b""[..], b"short", &[0; 33], &[0; 4_096]] {
        let record = ProviderRecord::new(RecordKey::new(&odd), PeerId::random(), Vec::new());
        assert!(store.add_provider(record).is_err());
    }
    let now = Instant::now();
    let mut mortal = record(1, PeerId::random());
    mortal.expires = Some(now + RECORD_LIFETIME);
    store.add_provider(mortal).unwrap();
    store.add_provider(record(1, local)).unwrap();
    store.sweep(now);
    assert_eq!(store.providers(&key(1)).len(), 2);
    store.sweep(now + RECORD_LIFETIME);
    assert_eq!(store.providers(&key(1)).len(), 1, "our own stays");
    assert_eq!(store.provided().count(), 1);
    store.remove_provider(&key(1), &local);
    assert_eq!(store.provided().count(), 0);
}

proptest! {
    #[test]
    fn the_books_balance(steps in proptest::collection::vec((any::<bool>(), 0u64..8, 0usize..6), 0..200)) {
        let peers: Vec<PeerId> = (0..6).map(|_| PeerId::random()).collect();
        let mut store = ProviderStore::new(peers[0], 5);
        for (add, n, peer) in steps {
            if add {
                let _ = store.add_provider(record(n, peers[peer]));
            } else {
                store.remove_provider(&key(n), &peers[peer]);
            }
            check(&store);
        }
    }
}
