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
use sha2::{Digest, Sha256};

/// Cells that one question looks up, all at once: each is a walk through the DHT.
pub const LOOKUPS_MAX: usize = 8;
/// Cells looked up more where nobody who was found fits: three times as many, for the questions whose nearest cells are not their expert's (numbers
/// are far apart in the embedding space, and the sums are alike).
pub const LOOKUPS_FURTHER: usize = 24;

/// Cells that an expert is announced in: the nearest of each of its embeddings, then those nearest to all of them
/// together. Each is a record to keep and crowds the others; with 24, more of the best three are found than with 12, 18 or 32
/// (`docs/adr/0020-many-cells.md`).
pub const ANNOUNCED: usize = 24;

/// Nearest cells that a question's lookups are chosen from.
const LOOKUPS_FROM: usize = 48;
/// What a lookup loses for being near to another (maximal marginal relevance, Carbonell & Goldstein 1998): neighbouring
/// cells hold the same experts. Of 0, 0.08, 0.15, 0.22, 0.3 and 0.5 the best on development text.
const REDUNDANCY: f32 = 0.15;

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

    /// The cells an expert is announced in, each once: the nearest of each of its embeddings (description, then
    /// exemplars) in that order, then, up to [`ANNOUNCED`] cells, those nearest to the expert as a whole.
    pub fn cells_of(&self, embeddings: &[Embedding]) -> Vec<CellId> {
        let nearest: Vec<CellId> = embeddings.iter().flat_map(|own| self.nearest(own, 1)).collect();
        announced(&nearest, &self.around(embeddings))
    }

    /// The cells nearest to an expert as a whole: halfway between its description and the mean of its exemplars, as its
    /// score is of both.
    pub(crate) fn around(&self, embeddings: &[Embedding]) -> Vec<CellId> {
        let Some((description, exemplars)) = embeddings.split_first() else { return Vec::new() };
        let mut whole = description.as_slice().to_vec();
        for exemplar in exemplars {
            let share = 1.0 / exemplars.len() as f32;
            whole.iter_mut().zip(exemplar.as_slice()).for_each(|(sum, value)| *sum += share * value);
        }
        Embedding::new(&whole).map_or_else(Vec::new, |whole| self.nearest(&whole, ANNOUNCED))
    }
}

/// The same, from the nearest cell of each embedding and the cells around the expert.
pub(crate) fn announced(nearest: &[CellId], around: &[CellId]) -> Vec<CellId> {
    let mut cells = Vec::with_capacity(nearest.len().max(ANNOUNCED));
    for cell in nearest {
        if !cells.contains(cell) {
            cells.push(*cell);
        }
    }
    for cell in around {
        if cells.len() < ANNOUNCED && !cells.contains(cell) {
            cells.push(*cell);
        }
    }
    cells
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
