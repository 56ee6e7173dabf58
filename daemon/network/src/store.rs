//! The provider records this node keeps for others, and those of its own.
//!
//! libp2p's memory store takes whoever comes first, keeps him for two days and drops provider 21 of a key in
//! silence. This one holds provider records alone (values are refused), gives every source the same quota,
//! replaces at random where a key or the whole store is full, and forgets after half an hour, so that neither
//! a flood nor an early bird pushes honest providers out. What is full answers with a random sample.
//!
//! Whether a key is near enough to be ours, and whether the source is who it says, is decided before a record
//! comes here (`event_loop::discovery`).

use libp2p::PeerId;
use libp2p::kad::store::{Error, RecordStore, Result};
use libp2p::kad::{ProviderRecord, Record, RecordKey};
use polymath_swarm::cells::ANNOUNCED;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

/// Bytes of a key: the SHA-256 of a cell. Anything else is not ours.
pub(super) const KEY_BYTES: usize = 32;
/// Providers kept for one key; a cell has 49 on average with 10,000 experts and 243 at the 99th percentile, and a lookup
/// asks several nodes, each with a sample of its own.
pub(super) const PROVIDERS_PER_KEY_MAX: usize = 64;
/// Records kept of one source: twenty-eight experts in all their cells.
pub(super) const RECORDS_PER_SOURCE_MAX: usize = 28 * ANNOUNCED;
/// Records of other nodes kept in all: about 20 MiB.
pub(super) const RECORDS_MAX: usize = 65_536;
/// Records of this node itself: 64 experts in all their cells.
const OWN_RECORDS_MAX: usize = 64 * ANNOUNCED;
/// How long a record lives: three times the interval of publication, so that two may be lost.
pub(super) const RECORD_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// Addresses kept with a record; keeps a full answer of twenty providers within a few KiB.
pub(super) const RECORD_ADDRESSES_MAX: usize = 4;
/// Records looked at to find the greediest source when the store is full: with eight, a source that holds
/// half of the store is among them 255 times in 256.
const EVICTION_SAMPLE: usize = 8;

type Place = (RecordKey, PeerId);

/// Provider records with quotas. Randomness is seeded, so a test can repeat what it saw.
pub(super) struct ProviderStore {
    local: PeerId,
    own: HashMap<RecordKey, ProviderRecord>,
    keys: HashMap<RecordKey, Providers>,
    sources: HashMap<PeerId, usize>,
    /// Every foreign record once, so that one can be drawn at random.
    places: Vec<Place>,
    /// Answers are shuffled behind a shared reference; the store lives in one thread at a time.
    random: RefCell<StdRng>,
}

#[derive(Default)]
struct Providers {
    records: Vec<(ProviderRecord, usize)>,
    /// Providers offered since the key last had room: the reservoir's denominator.
    offered: usize,
}

impl ProviderStore {
    /// Makes an empty store for the node `local`.
    pub(super) fn new(local: PeerId, seed: u64) -> Self {
        Self {
            local,
            own: HashMap::new(),
            keys: HashMap::new(),
            sources: HashMap::new(),
            places: Vec::new(),
            random: RefCell::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// Number of foreign records.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Number of records from `source`.
    #[cfg(test)]
    pub(super) fn len_of(&self, source: &PeerId) -> usize {
        self.sources.get(source).copied().unwrap_or(0)
    }

    /// Drops what has expired.
    pub(super) fn sweep(&mut self, now: std::time::Instant) {
        let expired = |place: &&Place| self.record(place).is_some_and(|record| record.is_expired(now));
        let gone: Vec<Place> = self.places.iter().filter(expired).cloned().collect();
        for (key, provider) in gone {
            self.remove_foreign(&key, &provider);
        }
    }

    fn record(&self, (key, provider): &Place) -> Option<&ProviderRecord> {
        let records = &self.keys.get(key)?.records;
        records.iter().map(|(record, _)| record).find(|record| record.provider == *provider)
    }

    fn add_foreign(&mut self, record: ProviderRecord) -> Result<()> {
        let (key, source) = (record.key.clone(), record.provider);
        if let Some(providers) = self.keys.get_mut(&key)
            && let Some((held, _)) = providers.records.iter_mut().find(|(held, _)| held.provider == source)
        {
            *held = record;
            return Ok(());
        }
        if self.sources.get(&source).is_some_and(|count| *count >= RECORDS_PER_SOURCE_MAX) {
            return Err(Error::MaxProvidedKeys);
        }
        self.make_room_at(&key)?;
        if self.places.len() >= RECORDS_MAX {
            self.evict_greediest();
        }
        *self.sources.entry(source).or_default() += 1;
        let position = self.places.len();
        self.places.push((key.clone(), source));
        self.keys.entry(key).or_default().records.push((record, position));
        Ok(())
    }

    /// Reservoir sampling (Vitter 1985): of all providers offered at a full key each has the same chance to
    /// stay, whether it came early or late.
    fn make_room_at(&mut self, key: &RecordKey) -> Result<()> {
        let Some(providers) = self.keys.get_mut(key) else { return Ok(()) };
        if providers.records.len() < PROVIDERS_PER_KEY_MAX {
            providers.offered = providers.records.len() + 1;
            return Ok(());
        }
        providers.offered = providers.offered.saturating_add(1);
        let drawn = self.random.get_mut().random_range(0..providers.offered);
        let Some((victim, _)) = providers.records.get(drawn) else { return Err(Error::MaxRecords) };
        let victim = victim.provider;
        self.remove_foreign(key, &victim);
        Ok(())
    }

    /// Drops, of a few records drawn at random, one of the source that holds the most.
    fn evict_greediest(&mut self) {
        let random = self.random.get_mut();
        let count = self.places.len();
        let drawn =
            (0..EVICTION_SAMPLE).filter_map(|_| self.places.get(random.random_range(0..count.max(1))));
        let greediest = drawn.max_by_key(|(_, source)| self.sources.get(source).copied().unwrap_or(0));
        if let Some((key, source)) = greediest.cloned() {
            self.remove_foreign(&key, &source);
        }
    }

    fn remove_foreign(&mut self, key: &RecordKey, provider: &PeerId) {
        let Some(providers) = self.keys.get_mut(key) else { return };
        let Some(index) = providers.records.iter().position(|(record, _)| record.provider == *provider)
        else {
            return;
        };
        let (_, position) = providers.records.swap_remove(index);
        if providers.records.is_empty() {
            self.keys.remove(key);
        }
        if let Some(count) = self.sources.get_mut(provider) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(provider);
            }
        }
        self.places.swap_remove(position);
        // The last place moved to the gap: its record must know.
        if let Some((moved_key, moved_provider)) = self.places.get(position)
            && let Some(providers) = self.keys.get_mut(moved_key)
            && let Some((_, held)) = providers.records.iter_mut().find(|(r, _)| r.provider == *moved_provider)
        {
            *held = position;
        }
    }
}

impl RecordStore for ProviderStore {
    type RecordsIter<'a> = std::iter::Empty<Cow<'a, Record>>;
    type ProvidedIter<'a> = std::iter::Map<
        std::collections::hash_map::Values<'a, RecordKey, ProviderRecord>,
        fn(&'a ProviderRecord) -> Cow<'a, ProviderRecord>,
    >;

    fn get(&self, _: &RecordKey) -> Option<Cow<'_, Record>> {
        None
    }

    fn put(&mut self, _: Record) -> Result<()> {
        Err(Error::ValueTooLarge)
    }

    fn remove(&mut self, _: &RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        std::iter::empty()
    }

    fn add_provider(&mut self, mut record: ProviderRecord) -> Result<()> {
        if record.key.as_ref().len() != KEY_BYTES {
            return Err(Error::ValueTooLarge);
        }
        record.addresses.truncate(RECORD_ADDRESSES_MAX);
        if record.provider != self.local {
            return self.add_foreign(record);
        }
        if self.own.len() >= OWN_RECORDS_MAX && !self.own.contains_key(&record.key) {
            return Err(Error::MaxProvidedKeys);
        }
        self.own.insert(record.key.clone(), record);
        Ok(())
    }

    /// This node first, then the others in random order, since libp2p's answer takes the first twenty.
    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let mut others: Vec<ProviderRecord> = self
            .keys
            .get(key)
            .map_or_else(Vec::new, |providers| providers.records.iter().map(|(r, _)| r.clone()).collect());
        others.shuffle(&mut *self.random.borrow_mut());
        self.own.get(key).cloned().into_iter().chain(others).collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        self.own.values().map(Cow::Borrowed)
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        if *provider == self.local {
            self.own.remove(key);
        } else {
            self.remove_foreign(key, provider);
        }
    }
}

#[cfg(test)]
mod tests;
