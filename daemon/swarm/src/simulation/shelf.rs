//! The provider records that one node keeps under one key, by the rules of a real node's store: a cap, half an
//! hour to live, and where the key is full a reservoir (Vitter 1985), so that early birds have no advantage.
//!
//! That half of a full key's places are for the fittest is not played, nor are the store's caps for a source and for the whole: with [`super::Report::records_per_node`] one sees how far
//! they are.

use crate::evaluation::finding::Draw;

/// Whose record, and until when it counts, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    provider: u32,
    until_s: u32,
}

/// Records under one key.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    records: Vec<Record>,
    /// Providers offered since the key last had room: the reservoir's denominator.
    offered: u32,
}

impl Shelf {
    /// Takes a record, or not, if `most` others are kept.
    pub(super) fn offer(
        &mut self,
        provider: u32,
        (now_s, until_s): (u32, u32),
        most: usize,
        draw: &mut Draw,
    ) {
        self.records.retain(|record| record.until_s > now_s);
        if let Some(held) = self.records.iter_mut().find(|record| record.provider == provider) {
            held.until_s = until_s;
        } else if self.records.len() < most {
            self.records.push(Record { provider, until_s });
            self.offered = self.records.len() as u32;
        } else {
            self.offered = self.offered.saturating_add(1);
            let drawn = draw.below(self.offered as usize);
            if let Some(victim) = self.records.get_mut(drawn) {
                *victim = Record { provider, until_s };
            }
        }
    }

    /// Up to `most` providers in random order, without `asker`.
    pub(super) fn sample(&self, asker: u32, now_s: u32, most: usize, draw: &mut Draw) -> Vec<u32> {
        let mut providers: Vec<u32> = self.providers(now_s).filter(|provider| *provider != asker).collect();
        // A sample of all would leave them as they stand.
        for place in 0..providers.len().min(most) {
            let other = place + draw.below(providers.len() - place);
            providers.swap(place, other);
        }
        providers.truncate(most);
        providers
    }

    /// Providers whose records still count.
    pub(super) fn providers(&self, now_s: u32) -> impl Iterator<Item = u32> {
        self.records.iter().filter(move |record| record.until_s > now_s).map(|record| record.provider)
    }

    /// Records that still count.
    pub(super) fn len(&self, now_s: u32) -> usize {
        self.providers(now_s).count()
    }

    /// Whether `provider` is among them.
    pub(super) fn holds(&self, provider: u32, now_s: u32) -> bool {
        self.providers(now_s).any(|held| held == provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_key_keeps_its_cap_and_early_birds_have_no_advantage() {
        let (mut draw, mut kept) = (Draw::new(5), [0u32; 20]);
        for _ in 0..4_000 {
            let mut shelf = Shelf::default();
            for provider in 0..20 {
                shelf.offer(provider, (0, 10), 8, &mut draw);
                assert!(shelf.len(0) <= 8);
            }
            (0..20).filter(|p| shelf.holds(*p, 0)).for_each(|p| kept[p as usize] += 1);
        }
        // Eight of twenty: 1,600 times each, give or take four standard deviations.
        assert!(kept.iter().all(|count| (1_470..1_730).contains(count)), "{kept:?}");
    }

    #[test]
    fn records_end_and_are_renewed() {
        let (mut draw, mut shelf) = (Draw::new(1), Shelf::default());
        shelf.offer(1, (0, 100), 2, &mut draw);
        shelf.offer(2, (50, 150), 2, &mut draw);
        shelf.offer(1, (60, 160), 2, &mut draw);
        assert_eq!((shelf.len(149), shelf.len(155), shelf.len(160)), (2, 1, 0));
        assert!(shelf.holds(1, 155) && !shelf.holds(2, 155));
        assert_eq!(shelf.sample(1, 100, 20, &mut draw), [2], "nobody is told of himself");
        shelf.offer(3, (155, 300), 2, &mut draw);
        assert!(shelf.holds(3, 155) && shelf.holds(1, 155), "the expired made room");
    }
}
