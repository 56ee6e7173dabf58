//! How well the providers of a full key fit its cell, so that the fittest are kept (`store`).
//!
//! A provider record does not say, and whoever announces could claim anything. So the provider is asked for its adverts there, which are
//! signed and checked as all others are, and its best card is scored as a question in the very middle of the cell would score it. What is found out is
//! remembered for an hour: a provider that is not kept announces itself every ten minutes all the same.

use super::EventLoop;
use crate::behaviour::PUBLICATION_INTERVAL;
use crate::directory::Table;
use crate::peers::key_of;
use crate::store::FIT_LIFETIME;
use libp2p::PeerId;
use libp2p::kad::store::{Error, Result};
use libp2p::kad::{ProviderRecord, RecordKey};
use lru::LruCache;
use polymath_swarm::capability::Card;
use polymath_swarm::cells::LOOKUPS_MAX;
use polymath_swarm::embedding::Embedding;
use polymath_swarm::identity::Sha256Hash;
use polymath_swarm::score::similarity_to;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Providers of full keys that are remembered; some 16 MiB.
const SEEN: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");
/// For so long a provider that has drawn at a full key, or has not given its adverts, is not let in by chance or asked again: a little less than
/// the time after which it is announced again.
const PAUSE: Duration = Duration::from_secs(9 * 60);
const _: () = assert!(PAUSE.as_secs() < PUBLICATION_INTERVAL.as_secs());
/// Providers whose adverts are waited for; of others chance decides until they come again.
const WAITING_MAX: usize = 32;

/// What is known of the providers of full keys.
pub(super) struct Ranks {
    /// The cell of every key of our embedding space; made when the first key is full.
    cells: HashMap<RecordKey, u32>,
    seen: LruCache<(RecordKey, PeerId), Seen>,
    /// Records of providers that have been asked for their adverts.
    waiting: HashMap<PeerId, Vec<Waiting>>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    fit: Option<f32>,
    asked: Option<Instant>,
    drawn: Option<Instant>,
}

struct Waiting {
    record: ProviderRecord,
    centre: Embedding,
    /// The score of the best card that has come.
    fit: Option<f32>,
}

impl Default for Ranks {
    fn default() -> Self {
        Self { cells: HashMap::new(), seen: LruCache::new(SEEN), waiting: HashMap::new() }
    }
}

impl Ranks {
    fn seen(&mut self, record: &ProviderRecord) -> &mut Seen {
        self.seen.get_or_insert_mut((record.key.clone(), record.provider), Seen::default)
    }

    /// Has the record wait for its provider's adverts. Says whether there is room for it.
    fn wait(&mut self, record: ProviderRecord, centre: Embedding) -> bool {
        if self.waiting.len() >= WAITING_MAX && !self.waiting.contains_key(&record.provider) {
            return false;
        }
        let waiting = self.waiting.entry(record.provider).or_default();
        // No more than one exchange asks for.
        let has_room =
            waiting.len() < LOOKUPS_MAX && waiting.iter().all(|other| other.record.key != record.key);
        if has_room {
            waiting.push(Waiting { record, centre, fit: None });
        }
        has_room
    }

    /// Cards of `provider` have come, and have been checked.
    pub(super) fn come<'a>(&mut self, provider: PeerId, cards: impl Iterator<Item = &'a Card>) {
        let Some(waiting) = self.waiting.get_mut(&provider) else { return };
        for card in cards {
            for Waiting { centre, fit, .. } in &mut *waiting {
                let score = similarity_to(centre, card);
                *fit = Some(fit.map_or(score, |best| best.max(score)));
            }
        }
    }
}

/// Whether it is `time` since then, or never was.
fn is_over(since: Option<Instant>, time: Duration) -> bool {
    since.is_none_or(|since| since.elapsed() >= time)
}

impl EventLoop {
    /// Keeps a provider record, at a full key by its provider's fit: at once if that is known, else by chance until it is.
    pub(super) fn keep_record(&mut self, record: ProviderRecord) -> Result<()> {
        let store = self.swarm.behaviour_mut().kad.store_mut();
        let is_full = store.is_full(&record.key);
        let seen = self.ranks.seen.get_mut(&(record.key.clone(), record.provider));
        let known = seen.as_ref().filter(|seen| !is_over(seen.asked, FIT_LIFETIME)).and_then(|seen| seen.fit);
        let may_draw = !is_full || seen.is_none_or(|seen| is_over(seen.drawn, PAUSE));
        let kept = store.offer(record.clone(), known, may_draw);
        if !is_full || matches!(kept, Err(Error::MaxProvidedKeys)) {
            return kept;
        }
        let seen = self.ranks.seen(&record);
        if may_draw {
            seen.drawn = Some(Instant::now());
        }
        if known.is_none() && is_over(seen.asked, PAUSE) {
            self.ask_for_fit(record);
        }
        kept
    }

    /// Asks the record's provider for its adverts, if there is time for it: somebody may wait for the other half of the exchanges.
    fn ask_for_fit(&mut self, record: ProviderRecord) {
        let provider = record.provider;
        let Ok(key) = record.key.as_ref().try_into().map(Sha256Hash) else { return };
        let Some(centre) = self.centre_of(&record.key).filter(|_| self.fetches.are_idle()) else { return };
        if !self.ranks.wait(record.clone(), centre) {
            return;
        }
        self.ranks.seen(&record).asked = Some(Instant::now());
        if self.fetch_under(provider, key) != Some(true) && !self.fetches.is_asking(&provider) {
            self.rank(provider);
        }
    }

    /// What can be known of a provider's adverts is known: its records that have waited for that are kept if they fit. They have drawn before.
    pub(super) fn rank(&mut self, provider: PeerId) {
        for Waiting { record, centre, fit } in self.ranks.waiting.remove(&provider).unwrap_or_default() {
            let held = |table: &Table| {
                let cards = key_of(&provider).into_iter().flat_map(|peer| table.cards_of(peer));
                cards.map(|card| similarity_to(&centre, card)).max_by(f32::total_cmp)
            };
            let fit = self.directory.read(held).into_iter().chain(fit).max_by(f32::total_cmp);
            self.ranks.seen(&record).fit = fit;
            if fit.is_some() {
                tracing::trace!(%provider, fit, "how a provider fits a full cell");
                // Others may fit better.
                let _ = self.swarm.behaviour_mut().kad.store_mut().offer(record, fit, false);
            }
        }
    }

    /// The middle of the cell whose key this is.
    fn centre_of(&mut self, key: &RecordKey) -> Option<Embedding> {
        if self.ranks.cells.is_empty() {
            let cells = self.surroundings.codebook.cells();
            self.ranks.cells = cells.map(|cell| (self.provider_key(cell), cell.index)).collect();
        }
        self.surroundings.codebook.centre_of(*self.ranks.cells.get(key)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Checked;
    use crate::fixtures::{card, event_loop, status};
    use crate::peers::id_of;
    use crate::store::PROVIDERS_PER_KEY_MAX;
    use crate::{Identity, clock};
    use libp2p::kad::store::RecordStore as _;
    use polymath_swarm::cells::CellId;
    use std::sync::Arc;

    /// A loop that does not run, whose key of a cell is full of others, with many more having come for it.
    fn crowded(cell: u32) -> (EventLoop, RecordKey) {
        let mut this = event_loop();
        let key = this.provider_key(CellId { level: 0, index: cell });
        let store = this.swarm.behaviour_mut().kad.store_mut();
        for _ in 0..PROVIDERS_PER_KEY_MAX {
            store.offer(record(&key, PeerId::random()), Some(0.3), true).unwrap();
        }
        for _ in 0..5_000 {
            let _ = store.offer(record(&key, PeerId::random()), None, true);
        }
        (this, key)
    }

    fn record(key: &RecordKey, provider: PeerId) -> ProviderRecord {
        ProviderRecord::new(key.clone(), provider, Vec::new())
    }

    fn stranger() -> PeerId {
        id_of(Identity::ephemeral().peer()).unwrap()
    }

    /// A provider whose card on `axis` has come into the directory.
    fn known(this: &EventLoop, axis: usize) -> PeerId {
        let identity = Identity::ephemeral();
        let now = clock::now();
        let status = status(Sha256Hash::of(b"card"), now.1, now.1 + 60_000);
        let card = Arc::new(card("known", axis));
        this.directory.write(|table| (true, table.insert(identity.peer(), card, status, false, now)));
        id_of(identity.peer()).unwrap()
    }

    fn is_kept(this: &mut EventLoop, key: &RecordKey, provider: PeerId) -> bool {
        let store = this.swarm.behaviour_mut().kad.store_mut();
        store.providers(key).iter().any(|record| record.provider == provider)
    }

    #[tokio::test]
    async fn at_a_full_key_who_fits_the_cell_is_kept_once_that_is_known() {
        let (mut this, key) = crowded(3);
        let (near, far) = (known(&this, 3), known(&this, 9));
        for provider in [near, far] {
            let _ = this.keep_record(record(&key, provider));
            let by_chance = is_kept(&mut this, &key, provider);
            assert!(this.ranks.waiting.contains_key(&provider), "it is asked for its adverts there");
            this.rank(provider);
            assert!(!this.ranks.waiting.contains_key(&provider));
            assert_eq!(is_kept(&mut this, &key, provider), provider == near || by_chance);
        }
        // When it comes again to a key that is full, nothing has to be asked.
        let store = this.swarm.behaviour_mut().kad.store_mut();
        store.remove_provider(&key, &near);
        store.offer(record(&key, PeerId::random()), Some(0.3), true).unwrap();
        assert!(store.is_full(&key));
        this.keep_record(record(&key, near)).unwrap();
        assert!(this.ranks.waiting.is_empty() && is_kept(&mut this, &key, near));
    }

    #[tokio::test]
    async fn adverts_that_come_rank_whoever_waits_even_if_the_directory_has_no_room() {
        let (mut this, key) = crowded(3);
        let identity = Identity::ephemeral();
        let (provider, now) = (id_of(identity.peer()).unwrap(), clock::now().1);
        let _ = this.keep_record(record(&key, provider));
        assert!(this.ranks.waiting.contains_key(&provider) && this.fetches.is_asking(&provider));
        // A status that is out of date keeps the card out of the directory, as one that is full does.
        let stale = status(Sha256Hash::of(b"card"), now, now.saturating_sub(1));
        let adverts = vec![(Arc::new(card("stale", 3)), stale)];
        this.on_checked(Ok((provider, Checked { adverts, ..Checked::default() })));
        assert!(this.directory.read(|table| table.cards_of(identity.peer()).next().is_none()));
        assert!(this.ranks.waiting.is_empty() && is_kept(&mut this, &key, provider));
    }

    #[tokio::test]
    async fn who_comes_again_and_again_draws_once_and_is_asked_once() {
        let (mut this, key) = crowded(3);
        let provider = stranger();
        let kept = this.keep_record(record(&key, provider)).is_ok();
        this.rank(provider);
        for _ in 0..2_000 {
            assert_eq!(this.keep_record(record(&key, provider)).is_ok(), kept);
            assert!(this.ranks.waiting.is_empty());
        }
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_asked_and_nobody_for_a_key_that_is_no_cell() {
        let (mut this, key) = crowded(3);
        for _ in 0..1_000 {
            let _ = this.keep_record(record(&key, stranger()));
        }
        assert_eq!(this.ranks.waiting.len(), WAITING_MAX);
        let (mut this, _) = crowded(3);
        let strange = RecordKey::new(&[7; 32]);
        for _ in 0..1_000 {
            let _ = this.keep_record(record(&strange, stranger()));
        }
        assert!(this.ranks.waiting.is_empty());
    }
}
