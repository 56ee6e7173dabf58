//! Finding the cards worth ranking among thousands.
//!
//! Ten thousand cards of nine vectors are 35 MB as int8, more than memory delivers in a few milliseconds. So the shelf
//! keeps an inverted file over the codebook's cells (Jégou et al. 2011): a query looks at the vectors of its nearest
//! cells only, then at the whole of the cards that came out on top, and hands over the best of these for the exact
//! score. A card's vectors lie side by side, for it is waiting for memory that takes the time. Small directories are
//! handed over whole.

use super::{BEST_EXEMPLARS, Best, RANKED_MAX, combine};
use crate::capability::Card;
use crate::cells::Codebook;
use crate::embedding::{Embedding, Int8Vector, Wide};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Cards that are all ranked exactly; beyond, the inverted file chooses.
const EXACT_MAX: usize = 4 * RANKED_MAX;
/// Cards met in a query's cells that are looked at whole.
const LOOKED_AT: usize = 160;
/// Similarity of a vector that lies in none of the query's cells, as far as one can tell.
const UNSEEN: f32 = 0.2;
/// Cards that a query's cells must hold; with fewer, all are looked at, which takes some milliseconds.
const MET_MIN: usize = 8;

/// Vectors whose memory is asked for at once: about as many cache lines as a core waits for at a time.
const AHEAD: usize = 16;
/// Cards whose memory is asked for at once: each is nine vectors or more, side by side.
const CARDS_AHEAD: usize = 2;
/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// Where a vector stands: which card's, which of its vectors, and what a step of it is worth.
type Place = (u32, u16, f32);

#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    card: Arc<Card>,
    /// What a step of each of its vectors is worth, in whose order.
    scales: Vec<f32>,
    /// Its vectors, once they have been sorted into cells.
    rows: Option<Rows>,
}

/// The vectors of a card, the description's first.
#[derive(Clone, Debug, Default)]
struct Rows {
    steps: Vec<i8>,
    /// The cell of each.
    cells: Vec<u32>,
}

/// Has memory fetched for what is read next: one load a cache line, none of which waits for another.
fn touch<'r>(rows: impl Iterator<Item = &'r [i8]>) {
    let lines = rows.flat_map(|row| row.iter().step_by(LINE_BYTES));
    std::hint::black_box(lines.fold(0i8, |sum, step| sum.wrapping_add(*step)));
}

impl Rows {
    fn row(&self, row: usize, dimension: usize) -> &[i8] {
        self.steps.get(row * dimension..(row + 1) * dimension).unwrap_or_default()
    }
}

impl<K> Entry<K> {
    /// What the card's similarity is.
    fn similarity(&self, query: &Wide, dimension: usize) -> f32 {
        match &self.rows {
            Some(rows) => {
                let rows = rows.steps.chunks_exact(dimension).zip(&self.scales);
                whole(rows.map(|(steps, scale)| query.similarity(steps, *scale)))
            }
            None => {
                let rows = self.card.embeddings.iter().zip(&self.scales);
                whole(rows.map(|(vector, scale)| query.similarity(&vector.values, *scale)))
            }
        }
    }
}

/// What is known of a card from those of its vectors that lie in the query's cells.
#[derive(Clone, Debug)]
struct Seen {
    description: f32,
    best: [f32; BEST_EXEMPLARS],
}

impl Default for Seen {
    fn default() -> Self {
        Self { description: UNSEEN, best: [UNSEEN; BEST_EXEMPLARS] }
    }
}

impl Seen {
    fn add(&mut self, row: usize, mut similarity: f32) {
        if row == 0 {
            self.description = similarity;
            return;
        }
        for held in &mut self.best {
            if similarity > *held {
                std::mem::swap(&mut similarity, held);
            }
        }
    }

    /// What the card's similarity is if the others are as far as they may well be.
    fn similarity(&self) -> f32 {
        (self.description + self.best.iter().sum::<f32>() / BEST_EXEMPLARS as f32) / 2.0
    }
}

fn whole(mut similarities: impl Iterator<Item = f32>) -> f32 {
    let description = similarities.next().unwrap_or(0.0);
    let mut best = Best::default();
    similarities.for_each(|similarity| best.add(similarity));
    combine(description, &best)
}

/// Cards of one embedding space by key.
#[derive(Clone, Debug)]
pub struct Shelf<K> {
    entries: Vec<Option<Entry<K>>>,
    places: HashMap<K, u32>,
    free: Vec<u32>,
    /// Entries without cells.
    unsorted: Vec<u32>,
    /// The vectors in each cell.
    cells: HashMap<u32, Vec<Place>>,
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            places: HashMap::new(),
            free: Vec::new(),
            unsorted: Vec::new(),
            cells: HashMap::new(),
        }
    }
}

impl<K> Shelf<K> {
    /// Cells of a query that are looked into.
    pub const PROBED: usize = 64;
}

impl<K: Ord + Clone + Hash> Shelf<K> {
    /// Number of cards.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the card is there.
    pub fn contains(&self, key: &K) -> bool {
        self.places.contains_key(key)
    }

    /// The keys, in no particular order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.places.keys()
    }

    /// Puts a card in; one that is there stays as it is.
    pub fn insert(&mut self, key: K, card: Arc<Card>) {
        if self.contains(&key) {
            return;
        }
        let scales = card.embeddings.iter().map(Int8Vector::whole).collect();
        let entry = Some(Entry { key: key.clone(), card, scales, rows: None });
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.places.insert(key, at);
        self.unsorted.push(at);
    }

    /// Takes a card out.
    pub fn remove(&mut self, key: &K) {
        let Some(at) = self.places.remove(key) else { return };
        self.free.push(at);
        match self.entries[at as usize].take().and_then(|entry| entry.rows) {
            Some(rows) => {
                for cell in rows.cells {
                    if let Some(list) = self.cells.get_mut(&cell) {
                        list.retain(|(owner, ..)| *owner != at);
                    }
                }
            }
            None => self.unsorted.retain(|owner| *owner != at),
        }
    }

    /// Works out the cells of up to `most` cards that have none, if there are so many cards that it matters; says whether
    /// any is left.
    pub fn sort(&mut self, codebook: &Codebook, most: usize) -> bool {
        if self.len() <= EXACT_MAX {
            return false;
        }
        for _ in 0..most {
            let Some(at) = self.unsorted.pop() else { break };
            let Some(entry) = &mut self.entries[at as usize] else { continue };
            let mut rows = Rows::default();
            for (row, vector) in (0u16..).zip(&entry.card.embeddings) {
                // A card that got here was checked; what does not fit the codebook is not found by it.
                let nearest = vector.restore().and_then(|v| codebook.nearest(&v, 1).first().copied());
                let Some(cell) = nearest else { break };
                rows.steps.extend_from_slice(&vector.values);
                rows.cells.push(cell.index);
                self.cells.entry(cell.index).or_default().push((at, row, vector.whole()));
            }
            entry.rows = Some(rows);
        }
        !self.unsorted.is_empty()
    }

    /// Whether [`Self::sort`] has something to do.
    pub fn is_unsorted(&self) -> bool {
        self.len() > EXACT_MAX && !self.unsorted.is_empty()
    }

    /// The cards among which the best for `query` are, those that `admits` refuses left out: all of them if they are few,
    /// else the [`RANKED_MAX`] best; each with its similarity, within 0.0001 of what its vectors restored would give. `nearest` are the
    /// query's nearest cells ([`Self::PROBED`] of them).
    pub fn near(&self, query: &Embedding, nearest: &[u32], admits: impl Fn(&Card) -> bool) -> Vec<(&K, f32)> {
        let admitted = |at: u32| self.entries[at as usize].as_ref().filter(|entry| admits(&entry.card));
        let (query, dimension) = (Wide::fine(query), query.as_slice().len());
        if self.len() <= EXACT_MAX {
            let all = self.places.values().filter_map(|at| admitted(*at));
            return all.map(|entry| (&entry.key, entry.similarity(&query, dimension))).collect();
        }
        let sorted = |at: u32| self.entries[at as usize].as_ref().and_then(|entry| entry.rows.as_ref());
        let row_of = |(at, row, _): &Place| sorted(*at).map(|rows| rows.row(usize::from(*row), dimension));
        let mut seen: Vec<Option<Seen>> = vec![None; self.entries.len()];
        let mut met = Vec::new();
        for places in nearest.iter().filter_map(|cell| self.cells.get(cell)).flat_map(|all| all.chunks(AHEAD))
        {
            touch(places.iter().filter_map(row_of));
            for place in places {
                let (Some(steps), (at, row, scale)) = (row_of(place), *place) else { continue };
                let seen = seen[at as usize].get_or_insert_with(|| {
                    met.push(at);
                    Seen::default()
                });
                seen.add(usize::from(row), query.similarity(steps, scale));
            }
        }
        let at_least = |at: u32| seen[at as usize].as_ref().map_or(f32::NEG_INFINITY, Seen::similarity);
        let mut met: Vec<(f32, u32)> = met.into_iter().map(|at| (at_least(at), at)).collect();
        met.retain(|(_, at)| admitted(*at).is_some());
        if met.len() < MET_MIN {
            // Far from every card, or few are admitted: people shall still see which are the nearest.
            met = self.places.values().filter(|at| admitted(**at).is_some()).map(|at| (0.0, *at)).collect();
        } else {
            keep(&mut met, LOOKED_AT);
            met.extend(self.unsorted.iter().map(|at| (0.0, *at)));
        }
        let mut scored = Vec::with_capacity(met.len());
        for few in met.chunks(CARDS_AHEAD) {
            touch(few.iter().filter_map(|(_, at)| Some(sorted(*at)?.steps.as_slice())));
            let similar = |(_, at): &(f32, u32)| Some((admitted(*at)?.similarity(&query, dimension), *at));
            scored.extend(few.iter().filter_map(similar));
        }
        keep(&mut scored, RANKED_MAX);
        scored.iter().filter_map(|(similarity, at)| Some((&admitted(*at)?.key, *similarity))).collect()
    }
}

/// Leaves the `most` highest.
fn keep(scored: &mut Vec<(f32, u32)>, most: usize) {
    let higher = |a: &(f32, u32), b: &(f32, u32)| -> Ordering { b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)) };
    if scored.len() > most {
        scored.select_nth_unstable_by(most - 1, higher);
        scored.truncate(most);
    }
}
