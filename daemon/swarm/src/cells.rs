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

use crate::embedding::{Embedding, SpaceId, dot};
use crate::identity::Sha256Hash;
use sha2::{Digest, Sha256};

/// Cells that one question looks up, all at once: eight found 99% of the best experts in our simulation, and
/// the next eight add little beside their cost in the DHT.
pub const LOOKUPS_MAX: usize = 8;

/// Cells that an expert with few exemplars fills up to; one with more is announced in the nearest of each, 17 at
/// most. Filling up from eight to 18 raised recall@1 from .77 to .90 on prompts of a kind that the codebook had
/// not seen (`codebook.py recall`); more would help, but each is a record to keep and crowds the others.
pub const ANNOUNCED_MIN: usize = 18;

/// How far down its list of nearest cells one embedding may go: beyond the third the match is chance.
pub(crate) const RANKS_MAX: usize = 3;

/// Components that a codebook's centres may have; the largest sentence encoders in use have 4,096.
pub const DIMENSION_MAX: usize = 4_096;

/// Cells that a codebook may have: a lookup compares with all of them, and 1,024 of 384 components take 0.1 ms.
pub const CELLS_MAX: usize = 16_384;

/// Cells that a text's surroundings are judged by.
pub const SURVEYED: usize = 32;

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
    /// Unit vectors, one after another.
    centres: Vec<f32>,
    bytes: Vec<u8>,
    hash: Sha256Hash,
}

impl Codebook {
    /// Reads a codebook file: header, then for each cell a scale and int8 steps. Refuses anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodebookError> {
        let (level, dimension, centres) = format::decode(bytes)?;
        Ok(Self { level, dimension, centres, bytes: bytes.to_vec(), hash: Sha256Hash::of(bytes) })
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
        self.centres.len() / self.dimension
    }

    /// Always false: a codebook without cells is refused.
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
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
        let query = embedding.as_slice();
        if query.len() != self.dimension || n == 0 {
            return Vec::new();
        }
        let rows = self.centres.chunks_exact(self.dimension);
        let mut scored: Vec<(f32, u32)> =
            rows.zip(0..).map(|(row, index)| (dot(row, query), index)).collect();
        let nearer = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if n < scored.len() {
            scored.select_nth_unstable_by(n - 1, nearer);
            scored.truncate(n);
        }
        scored.sort_unstable_by(nearer);
        scored
    }

    /// The cells an expert is announced in, each once: the nearest of each of its embeddings (description, then
    /// exemplars) in that order, then, up to [`ANNOUNCED_MIN`] cells, the second nearest of each, then the third.
    pub fn cells_of(&self, embeddings: &[Embedding]) -> Vec<CellId> {
        let ranked: Vec<Vec<CellId>> = embeddings.iter().map(|own| self.nearest(own, RANKS_MAX)).collect();
        announced(&ranked.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

/// The same, from the [`RANKS_MAX`] nearest cells of each embedding.
pub(crate) fn announced(ranked: &[&[CellId]]) -> Vec<CellId> {
    let mut cells = Vec::with_capacity(ranked.len().max(ANNOUNCED_MIN));
    for rank in 0..RANKS_MAX {
        for cell in ranked.iter().filter_map(|own| own.get(rank)) {
            if (rank == 0 || cells.len() < ANNOUNCED_MIN) && !cells.contains(cell) {
                cells.push(*cell);
            }
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
