//! Floods, quotas, expiry and the book-keeping behind them.

use super::*;
use proptest::prelude::*;

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
        for Held { record, place, .. } in &providers.records {
            assert_eq!(store.places[*place], (key.clone(), record.provider));
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
    // 72 of 256 are expected: 56 of 200, standard deviation 6.
    for count in [early, late] {
        assert!((20..=80).contains(&count), "{count} of {rounds}");
    }
}

#[test]
fn a_full_key_keeps_the_fittest_and_some_by_chance() {
    let mut by_chance = [0usize; 4];
    let rounds = 100;
    for seed in 0..rounds {
        let mut store = ProviderStore::new(PeerId::random(), seed);
        let peers: Vec<PeerId> = (0..256).map(|_| PeerId::random()).collect();
        // Fits are known of the odd ones alone; the last of them fit best.
        for (n, peer) in (0u16..).zip(&peers) {
            let _ = store.offer(record(1, *peer), (n % 2 == 1).then(|| f32::from(n)), true);
            check(&store);
        }
        let kept: Vec<PeerId> = store.providers(&key(1)).into_iter().map(|record| record.provider).collect();
        assert_eq!(kept.len(), PROVIDERS_PER_KEY_MAX);
        let fittest = peers.iter().rev().step_by(2).take(FITTEST_PER_KEY);
        assert!(fittest.clone().all(|peer| kept.contains(peer)));
        for (quarter, count) in peers.chunks(64).zip(&mut by_chance) {
            *count += quarter.iter().step_by(2).filter(|peer| kept.contains(peer)).count();
        }
    }
    // 36 places are left in each of 100 rounds, and of all others 32 in each quarter are unknown.
    assert!(by_chance.iter().all(|count| (300..1_000).contains(count)), "{by_chance:?}");
}

#[test]
fn who_is_renewed_keeps_his_fit_and_equals_leave_places_to_chance() {
    let mut store = ProviderStore::new(PeerId::random(), 6);
    let first = PeerId::random();
    store.offer(record(1, first), Some(2.0), true).unwrap();
    store.add_provider(record(1, first)).unwrap();
    let accepted =
        (0..2_000).filter(|_| store.offer(record(1, PeerId::random()), Some(1.0), true).is_ok()).count();
    assert!(store.is_full(&key(1)) && !store.is_full(&key(2)));
    assert!(store.providers(&key(1)).iter().any(|record| record.provider == first));
    assert!(accepted > PROVIDERS_PER_KEY_MAX, "late ones have a chance");
    check(&store);
}

#[test]
fn who_may_not_draw_is_kept_for_its_fit_alone_and_nobody_for_ever() {
    let mut store = ProviderStore::new(PeerId::random(), 7);
    for n in 0..PROVIDERS_PER_KEY_MAX {
        store.offer(record(1, PeerId::random()), (n % 2 == 0).then_some(1.0), true).unwrap();
    }
    let late = PeerId::random();
    for fit in [None, Some(0.5), Some(1.0)] {
        assert!((0..1_000).all(|_| store.offer(record(1, late), fit, false).is_err()));
    }
    store.offer(record(1, late), Some(2.0), false).unwrap();
    check(&store);
    // One after another those who come for their fit take the places of others, never his.
    for _ in 0..1_000 {
        let _ = store.offer(record(1, PeerId::random()), Some(1.5), true);
    }
    assert!(store.providers(&key(1)).iter().any(|record| record.provider == late));
    store.sweep(Instant::now() + FIT_KEPT);
    let fits =
        |store: &ProviderStore| store.keys[&key(1)].records.iter().filter(|held| held.fit.is_some()).count();
    assert_eq!(fits(&store), 0, "what nobody has found out again is not known any more");
}

#[test]
fn an_answer_of_twenty_holds_more_of_the_fittest_than_of_others() {
    let mut store = ProviderStore::new(PeerId::random(), 8);
    let peers: Vec<PeerId> = (0..PROVIDERS_PER_KEY_MAX).map(|_| PeerId::random()).collect();
    for (n, peer) in peers.iter().enumerate() {
        store.offer(record(1, *peer), (n < FITTEST_PER_KEY).then_some(1.0), true).unwrap();
    }
    let mut answers = std::collections::HashSet::new();
    for _ in 0..20 {
        let answer: Vec<PeerId> = store.providers(&key(1)).iter().map(|record| record.provider).collect();
        assert_eq!(answer.len(), PROVIDERS_PER_KEY_MAX);
        assert_eq!(answer[..20].iter().filter(|peer| peers[..FITTEST_PER_KEY].contains(peer)).count(), 14);
        answers.insert(answer);
    }
    assert_eq!(answers.len(), 20);
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
