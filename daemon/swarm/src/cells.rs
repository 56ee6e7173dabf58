//! Cells of the embedding space: where in the DHT an expert is announced, and where a question looks for it.
//!
//! A [`Codebook`] is a list of centres (spherical k-means over broad text, trained by `models/encoder/codebook.py`);
//! a vector's cell is the nearest centre. Expert and asker must cut space alike, so the codebook's hash is part of
//! the embedding space's identity and the space is part of every DHT key. Cells learnt from data keep a question
//! and its expert together far more often than random hyperplanes do (k-means LSH, Paulevé et al. 2010; the coarse
//! quantiser of IVF, Jégou et al. 2011). Hyperplanes remain for the compact [`signature64`].
//!
//! Codebooks are files and may come from anywhere: [`Codebook::from_bytes`] refuses whatever is not exactly one.
//! How often records are published and looked up is the network's business.

mod format;

pub use format::CodebookError;

use crate::embedding::{Embedding, Int8Vector, SpaceId, Wide};
use crate::identity::Sha256Hash;
use crate::score::similarity_of;
use sha2::{Digest, Sha256};

/// Cells that one question looks up, all at once: each is a walk through the DHT.
pub const LOOKUPS_MAX: usize = 8;
/// Cells looked up more where nobody who was found fits: three times as many, for the questions whose nearest cells are not their expert's (numbers
/// are far apart in the embedding space, and the sums are alike).
pub const LOOKUPS_FURTHER: usize = 24;

/// Cells that an expert is announced in: the nearest of each of its embeddings, then those whose centres it scores highest for.
/// Each is a record to keep, to renew and to crowd others with: eight more than these find a third of a point more of the best three
/// (`docs/adr/0034-full-keys-keep-the-fittest.md`).
pub const ANNOUNCED: usize = 32;

/// Nearest cells that a question's lookups are chosen from.
const LOOKUPS_FROM: usize = 48;
/// What a lookup loses for being near to another (maximal marginal relevance, Carbonell & Goldstein 1998): neighbouring
/// cells hold the same experts. Of 0, 0.08, 0.15, 0.2, 0.3, 0.4, 0.5 and 0.7 on development text and the bundled experts' prompts: more finds a
/// little more of the one and less of the other.
const REDUNDANCY: f32 = 0.2;

/// Components that a codebook's centres may have; the largest sentence encoders in use have 4,096.
pub const DIMENSION_MAX: usize = 4_096;

/// Cells that a codebook may have: a lookup compares with all of them, and 8,192 of 384 components take some 0.2 ms.
pub const CELLS_MAX: usize = 16_384;

/// Cells that a text's surroundings are judged by: one in 32.
pub const SURVEYED: usize = 256;

/// One cell of a codebook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId {
    /// 0 for the codebook that ships; deeper levels split crowded cells.
    pub level: u8,
    /// Position of its centre in the codebook.
    pub index: u32,
}

/// The centres of one level, with the hash of the file that they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Codebook {
    level: u8,
    dimension: usize,
    /// Unit vectors in int8, one after another, and what a step of each is worth.
    steps: Vec<i8>,
    scales: Vec<f32>,
    bytes: Vec<u8>,
    hash: Sha256Hash,
}

impl Codebook {
    /// Reads a codebook file: header, then for each cell a scale and int8 steps. Refuses anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodebookError> {
        let format::Centres { level, dimension, steps, scales } = format::decode(bytes)?;
        Ok(Self { level, dimension, steps, scales, bytes: bytes.to_vec(), hash: Sha256Hash::of(bytes) })
    }

    /// Makes a level-0 codebook of these centres, rounded to int8 as its file would hold them.
    pub fn from_centres(centres: &[Embedding]) -> Result<Self, CodebookError> {
        Self::from_bytes(&format::encode(0, centres))
    }

    /// The file, byte for byte as it was read.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// SHA-256 of the file.
    pub fn hash(&self) -> Sha256Hash {
        self.hash
    }

    /// Components of a centre.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of cells, at least 1.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Always false: a codebook without cells is refused.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// All cells.
    pub fn cells(&self) -> impl Iterator<Item = CellId> + '_ {
        (0u32..).take(self.len()).map(|index| CellId { level: self.level, index })
    }

    /// The `n` nearest cells, nearest first; equally near ones by index. Empty if the dimension differs.
    pub fn nearest(&self, embedding: &Embedding, n: usize) -> Vec<CellId> {
        let scored = self.scored(embedding, n);
        scored.into_iter().map(|(_, index)| CellId { level: self.level, index }).collect()
    }

    /// The nearest cells, nearest first, [`SURVEYED`] at the most, and the mean similarity to them: how near the text is to
    /// ordinary text. None if the dimension differs.
    pub fn survey(&self, embedding: &Embedding) -> Option<(Vec<CellId>, f32)> {
        let scored = self.scored(embedding, SURVEYED);
        let mean = scored.iter().map(|(similarity, _)| similarity).sum::<f32>() / scored.len() as f32;
        let cells = scored.into_iter().map(|(_, index)| CellId { level: self.level, index }).collect();
        mean.is_finite().then_some((cells, mean))
    }

    /// Similarity and index of the `n` nearest cells, nearest first.
    fn scored(&self, embedding: &Embedding, n: usize) -> Vec<(f32, u32)> {
        if embedding.as_slice().len() != self.dimension || n == 0 {
            return Vec::new();
        }
        let query = Wide::of(embedding);
        let rows = self.steps.chunks_exact(self.dimension).zip(&self.scales).zip(0..);
        let mut scored: Vec<(f32, u32)> =
            rows.map(|((steps, scale), index)| (query.similarity(steps, *scale), index)).collect();
        let nearer = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if n < scored.len() {
            scored.select_nth_unstable_by(n - 1, nearer);
            scored.truncate(n);
        }
        scored.sort_unstable_by(nearer);
        scored
    }

    /// The middle of a cell; none if there is no such cell.
    pub fn centre_of(&self, index: u32) -> Option<Embedding> {
        let is_one = (index as usize) < self.len();
        let (steps, scale) = is_one.then(|| self.centre(index))?;
        Int8Vector { scale, values: steps.to_vec() }.restore()
    }

    /// The centre's steps and what one is worth.
    fn centre(&self, index: u32) -> (&[i8], f32) {
        let at = index as usize;
        (&self.steps[at * self.dimension..(at + 1) * self.dimension], self.scales[at])
    }

    /// The cells in which a question looks for experts, `n` at the most: near to it, and not all near to each other.
    /// The nearest comes first.
    pub fn lookups(&self, query: &Embedding, n: usize) -> Vec<CellId> {
        let mut waiting = self.scored(query, LOOKUPS_FROM.max(n));
        // How near each is to the nearest of the chosen.
        let mut redundant = vec![0.0f32; waiting.len()];
        let mut chosen = Vec::with_capacity(n);
        while chosen.len() < n {
            let worth = |at: usize| waiting[at].0 - REDUNDANCY * redundant[at];
            // The first of equals: they are sorted.
            let best = (0..waiting.len()).rev().max_by(|a, b| worth(*a).total_cmp(&worth(*b)));
            let Some(best) = best else { break };
            let (_, index) = waiting.remove(best);
            redundant.remove(best);
            let (steps, scale) = self.centre(index);
            let taken = Wide::of_steps(steps, scale);
            for ((_, other), redundant) in waiting.iter().zip(&mut redundant) {
                let (steps, scale) = self.centre(*other);
                *redundant = redundant.max(taken.similarity(steps, scale));
            }
            chosen.push(CellId { level: self.level, index });
        }
        chosen
    }

    /// Similarity of every centre to the vector, by index. Empty if the dimension differs.
    pub(crate) fn similarities(&self, embedding: &Embedding) -> Vec<f32> {
        if embedding.as_slice().len() != self.dimension {
            return Vec::new();
        }
        let wide = Wide::of(embedding);
        let rows = self.steps.chunks_exact(self.dimension).zip(&self.scales);
        rows.map(|(steps, scale)| wide.similarity(steps, *scale)).collect()
    }

    /// The cells an expert is announced in, each once: the nearest of each of its embeddings (description, then
    /// exemplars) in that order, then, up to [`ANNOUNCED`] cells, those that it fits best, by the score at their centres.
    /// Takes as many passes over the codebook as there are embeddings: some 2 ms for nine and 8,192 cells.
    pub fn cells_of(&self, embeddings: &[Embedding]) -> Vec<CellId> {
        let rows: Vec<Vec<f32>> = embeddings.iter().map(|own| self.similarities(own)).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        self.announced(&rows).into_iter().map(|(index, _)| CellId { level: self.level, index }).collect()
    }

    /// The same from the similarities of the expert's embeddings to all centres, each cell with the score at its centre.
    pub(crate) fn announced(&self, rows: &[&[f32]]) -> Vec<(u32, f32)> {
        let Some((description, exemplars)) = rows.split_first() else { return Vec::new() };
        if rows.iter().any(|row| row.len() != self.len()) {
            return Vec::new();
        }
        let at_centre = |at: usize| similarity_of(description[at], exemplars.iter().map(|row| row[at]));
        let scores: Vec<f32> = (0..self.len()).map(at_centre).collect();
        let mut cells: Vec<u32> = Vec::with_capacity(rows.len().max(ANNOUNCED));
        for row in rows {
            // The first of equals.
            let nearest = (0u32..).zip(*row).reduce(|best, next| if next.1 > best.1 { next } else { best });
            cells.extend(nearest.map(|(at, _)| at).filter(|cell| !cells.contains(cell)));
        }
        let mut others: Vec<u32> = (0..scores.len() as u32).filter(|cell| !cells.contains(cell)).collect();
        let wanted = ANNOUNCED.saturating_sub(cells.len()).min(others.len());
        let order = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        if wanted < others.len() {
            others.select_nth_unstable_by(wanted, order);
            others.truncate(wanted);
        }
        others.sort_unstable_by(order);
        cells.extend(others);
        cells.into_iter().map(|cell| (cell, scores[cell as usize])).collect()
    }
}

/// The DHT key of `cell`: SHA-256 of protocol, swarm namespace, embedding space, level and cell. Lengths go in
/// before the texts, so that no two different inputs are the same bytes.
pub fn dht_key(protocol: &str, namespace: &str, space: SpaceId, cell: CellId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"polymath/1/cell\0");
    for text in [protocol, namespace] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update(space.0);
    hash.update([cell.level]);
    hash.update(cell.index.to_le_bytes());
    hash.finalize().into()
}

/// Which side of 64 fixed pseudo-random hyperplanes the vector lies on, one bit each (Charikar 2002): the share of
/// differing bits estimates the angle, as a fraction of 180 degrees. The same on every machine.
pub fn signature64(embedding: &Embedding) -> u64 {
    let mut sums = [0.0f32; 64];
    for (component, index) in embedding.as_slice().iter().zip(0u64..) {
        let signs = splitmix64(index);
        for (bit, sum) in sums.iter_mut().enumerate() {
            *sum += if signs >> bit & 1 == 1 { *component } else { -component };
        }
    }
    sums.iter().enumerate().fold(0, |signature, (bit, sum)| signature | u64::from(*sum >= 0.0) << bit)
}

/// One output of SplitMix64 (Steele, Lea & Flood 2014) at position `index`: 64 well mixed bits.
pub(crate) fn splitmix64(index: u64) -> u64 {
    const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = index.wrapping_add(1).wrapping_mul(GOLDEN_GAMMA);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
