//! The provider records this node keeps for others, and those of its own.
//!
//! libp2p's memory store takes whoever comes first, keeps him for two days and drops provider 21 of a key in
//! silence. This one holds provider records alone (values are refused), gives every source the same quota,
//! and forgets after half an hour. A full key keeps those who fit its cell best, as far as that is known
//! (`event_loop::ranks` finds it out), and a sample of all others, so that neither
//! a flood nor an early bird pushes honest providers out. A full store takes from the greediest.
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
use std::time::{Duration, Instant};

/// Bytes of a key: the SHA-256 of a cell. Anything else is not ours.
pub(super) const KEY_BYTES: usize = 32;
/// Providers kept for one key; a cell has some 60 on average with 10,000 experts and 380 at the 99th percentile.
pub(super) const PROVIDERS_PER_KEY_MAX: usize = 72;
/// So many of them for being the fittest. The others are there by chance: a question is not the middle of its cell, and whoever makes up
/// fitter experts than there are shall not have a cell for himself.
pub(super) const FITTEST_PER_KEY: usize = PROVIDERS_PER_KEY_MAX / 2;
/// Records kept of one source: all experts that a node may have in all their cells, for in a swarm of twenty everybody keeps every key.
pub(super) const RECORDS_PER_SOURCE_MAX: usize = OWN_RECORDS_MAX;
/// Records of other nodes kept in all: about 20 MiB.
pub(super) const RECORDS_MAX: usize = 65_536;
/// Records of this node itself: 64 experts in all their cells.
const OWN_RECORDS_MAX: usize = 64 * ANNOUNCED;
/// How long a fit is taken for true: a provider's cards may have changed.
pub(super) const FIT_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long whoever is kept for his fit is, if it is not found out again: an exchange may fail once.
const FIT_KEPT: Duration = FIT_LIFETIME.saturating_mul(2);
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
    records: Vec<Held>,
    /// Providers offered since the key last had room: the reservoir's denominator.
    offered: usize,
}

struct Held {
    record: ProviderRecord,
    /// Among the places.
    place: usize,
    /// The score at the cell's centre of the provider's best expert, if it is known, and since when.
    fit: Option<(f32, Instant)>,
}

impl Providers {
    fn of(&self, provider: &PeerId) -> Option<&Held> {
        self.records.iter().find(|held| held.record.provider == *provider)
    }

    /// By position: the fittest, best first, and those who are here by chance.
    fn by_fit(&self) -> (Vec<usize>, Vec<usize>) {
        let fit = |at: &usize| self.records[*at].fit.map_or(f32::NEG_INFINITY, |(fit, _)| fit);
        let mut order: Vec<usize> = (0..self.records.len()).collect();
        order.sort_by(|a, b| fit(b).total_cmp(&fit(a)));
        let known = order.iter().take_while(|at| self.records[**at].fit.is_some()).count();
        let others = order.split_off(known.min(FITTEST_PER_KEY));
        (order, others)
    }
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
    pub(super) fn sweep(&mut self, now: Instant) {
        for held in self.keys.values_mut().flat_map(|providers| &mut providers.records) {
            held.fit = held.fit.filter(|(_, since)| now.saturating_duration_since(*since) < FIT_KEPT);
        }
        let expired = |place: &&Place| self.record(place).is_some_and(|record| record.is_expired(now));
        let gone: Vec<Place> = self.places.iter().filter(expired).cloned().collect();
        for (key, provider) in gone {
            self.remove_foreign(&key, &provider);
        }
    }

    fn record(&self, (key, provider): &Place) -> Option<&ProviderRecord> {
        Some(&self.keys.get(key)?.of(provider)?.record)
    }

    /// Whether another provider of this key takes somebody's place.
    pub(super) fn is_full(&self, key: &RecordKey) -> bool {
        self.keys.get(key).is_some_and(|providers| providers.records.len() >= PROVIDERS_PER_KEY_MAX)
    }

    /// Keeps a record of another node whose fit may be known, or not; one that is kept already is renewed. At a full key that is for
    /// its fit or, if it may draw, by chance: who comes again and again must not draw each time.
    ///
    /// # Errors
    /// [`Error::MaxProvidedKeys`] if the source has as many as it may, [`Error::MaxRecords`] if others are kept at this key.
    pub(super) fn offer(
        &mut self,
        mut record: ProviderRecord,
        fit: Option<f32>,
        may_draw: bool,
    ) -> Result<()> {
        record.addresses.truncate(RECORD_ADDRESSES_MAX);
        let known = fit.map(|fit| (fit, Instant::now()));
        let (key, source) = (record.key.clone(), record.provider);
        if let Some(providers) = self.keys.get_mut(&key)
            && let Some(held) = providers.records.iter_mut().find(|held| held.record.provider == source)
        {
            held.record = record;
            held.fit = known.or(held.fit);
            return Ok(());
        }
        if self.sources.get(&source).is_some_and(|count| *count >= RECORDS_PER_SOURCE_MAX) {
            return Err(Error::MaxProvidedKeys);
        }
        self.make_room_at(&key, fit, may_draw)?;
        if self.places.len() >= RECORDS_MAX {
            self.evict_greediest();
        }
        *self.sources.entry(source).or_default() += 1;
        let place = self.places.len();
        self.places.push((key.clone(), source));
        self.keys.entry(key).or_default().records.push(Held { record, place, fit: known });
        Ok(())
    }

    /// At a full key the fittest stay. For the places of the others, reservoir sampling (Vitter 1985): of all that have drawn
    /// each has the same chance to stay, whether it came early or late.
    fn make_room_at(&mut self, key: &RecordKey, fit: Option<f32>, may_draw: bool) -> Result<()> {
        let Some(providers) = self.keys.get_mut(key) else { return Ok(()) };
        if providers.records.len() < PROVIDERS_PER_KEY_MAX {
            providers.offered = providers.records.len() + 1;
            return Ok(());
        }
        let (fittest, others) = providers.by_fit();
        // Whom the newcomer makes one of the others, if it fits better and there are enough who fit.
        let last = (fittest.len() == FITTEST_PER_KEY)
            .then(|| fittest.last().map(|at| &providers.records[*at]))
            .flatten();
        let is_fitter =
            fit.is_some_and(|fit| last.and_then(|last| last.fit).is_none_or(|(last, _)| fit > last));
        if !may_draw && !is_fitter {
            return Err(Error::MaxRecords);
        }
        providers.offered = providers.offered.saturating_add(usize::from(may_draw));
        let of = if is_fitter && last.is_none() { others.len() } else { providers.offered - fittest.len() };
        let drawn = others.get(self.random.get_mut().random_range(0..of.max(1)));
        let loser = drawn.map(|at| &providers.records[*at]);
        let victim = loser.or(last.filter(|_| is_fitter)).ok_or(Error::MaxRecords)?;
        let victim = victim.record.provider;
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
        let Some(index) = providers.records.iter().position(|held| held.record.provider == *provider) else {
            return;
        };
        let Held { place, .. } = providers.records.swap_remove(index);
        if providers.records.is_empty() {
            self.keys.remove(key);
        }
        if let Some(count) = self.sources.get_mut(provider) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(provider);
            }
        }
        self.places.swap_remove(place);
        // The last place moved to the gap: its record must know.
        if let Some((moved_key, moved_provider)) = self.places.get(place)
            && let Some(providers) = self.keys.get_mut(moved_key)
            && let Some(held) =
                providers.records.iter_mut().find(|held| held.record.provider == *moved_provider)
        {
            held.place = place;
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
        if record.provider != self.local {
            return self.offer(record, None, true);
        }
        record.addresses.truncate(RECORD_ADDRESSES_MAX);
        if self.own.len() >= OWN_RECORDS_MAX && !self.own.contains_key(&record.key) {
            return Err(Error::MaxProvidedKeys);
        }
        self.own.insert(record.key.clone(), record);
        Ok(())
    }

    /// This node first, then two of the fittest to one of the others, both in random order: libp2p's answer takes the first twenty, the
    /// nodes that keep a key agree on the fittest, and a lookup is to end with about as many of these as of all the others together.
    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let own = self.own.get(key).cloned();
        let Some(providers) = self.keys.get(key) else { return own.into_iter().collect() };
        let (mut fittest, mut others) = providers.by_fit();
        let random = &mut *self.random.borrow_mut();
        fittest.shuffle(random);
        others.shuffle(random);
        let mut order = Vec::with_capacity(providers.records.len());
        let mut others = others.into_iter();
        for two in fittest.chunks(2) {
            order.extend(two.iter().copied().chain(others.next()));
        }
        order.extend(others);
        own.into_iter().chain(order.into_iter().map(|at| providers.records[at].record.clone())).collect()
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
