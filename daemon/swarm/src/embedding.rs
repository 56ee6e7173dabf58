//! Sentence embeddings as values: unit vectors, their int8 form on cards, and the space they belong to.

use crate::identity::Sha256Hash;
use std::sync::Arc;

/// Which vectors may be compared: the hash of encoder file, pooling and codebook. Part of every DHT key and
/// advert, so swarms with different encoders never mix silently.
pub type SpaceId = Sha256Hash;

/// A unit vector (L2 norm 1) of the space's dimension; cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding(Arc<[f32]>);

impl Embedding {
    /// Normalises `values`. None if they are empty, not finite or all zero.
    pub fn new(values: &[f32]) -> Option<Self> {
        let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        if values.is_empty() || !norm.is_finite() || norm < f32::MIN_POSITIVE {
            return None;
        }
        Some(Self(values.iter().map(|v| v / norm).collect()))
    }

    /// The components.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Cosine similarity in [-1, 1]; 0 if the dimensions differ.
    pub fn similarity(&self, other: &Self) -> f32 {
        if self.0.len() != other.0.len() {
            return 0.0;
        }
        dot(&self.0, &other.0)
    }

    /// The int8 form carried by cards.
    pub fn quantise(&self) -> Int8Vector {
        let largest = self.0.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let scale = largest / 127.0;
        Int8Vector { scale, values: self.0.iter().map(|v| (v / scale).round() as i8).collect() }
    }
}

/// A unit vector as `scale * values[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8Vector {
    /// Value of one step.
    pub scale: f32,
    /// The steps.
    pub values: Vec<i8>,
}

impl Int8Vector {
    /// What a step is worth if the vector is to have length 1; 0 if it is degenerate.
    pub(crate) fn whole(&self) -> f32 {
        let squares: i32 = self.values.iter().map(|v| i32::from(*v) * i32::from(*v)).sum();
        if squares == 0 { 0.0 } else { (squares as f32).sqrt().recip() }
    }

    /// Restores (and normalises again) the vector; None if it is degenerate.
    pub fn restore(&self) -> Option<Embedding> {
        let values: Vec<f32> = self.values.iter().map(|v| f32::from(*v) * self.scale).collect();
        Embedding::new(&values)
    }
}

/// A vector in 16 bits, so that many others in int8 are compared with it.
pub(crate) struct Wide {
    values: Vec<i16>,
    scale: f32,
}

impl Wide {
    /// Rounded to int8, as cells are compared: the error of a similarity is about 0.002.
    pub(crate) fn of(embedding: &Embedding) -> Self {
        let small = embedding.quantise();
        Self::of_steps(&small.values, small.scale)
    }

    /// As fine as 16 bits are, and as sums of products with int8 stay within 32 bits, whatever the other vector is (for 384 components
    /// both are the same): the error is that of the other vector alone.
    pub(crate) fn fine(embedding: &Embedding) -> Self {
        let largest = embedding.0.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let most = i32::MAX / (127 * i32::try_from(embedding.0.len()).unwrap_or(i32::MAX / 127)).max(1);
        let scale = largest / most.min(i32::from(i16::MAX)) as f32;
        Self { scale, values: embedding.0.iter().map(|v| (v / scale).round() as i16).collect() }
    }

    pub(crate) fn of_steps(steps: &[i8], scale: f32) -> Self {
        Self { values: steps.iter().map(|v| i16::from(*v)).collect(), scale }
    }

    /// Similarity to `scale × steps`; 0 if the dimensions differ.
    pub(crate) fn similarity(&self, steps: &[i8], scale: f32) -> f32 {
        if steps.len() != self.values.len() {
            return 0.0;
        }
        dot_int8(&self.values, steps) as f32 * scale * self.scale
    }
}

/// Dot product in 32 bits (127 * 127 * 384 is 6 million). Whole blocks of a fixed width, and wrapping: compilers
/// turn that into multiply-add instructions, four times faster than a plain sum, whose checks forbid it.
fn dot_int8(query: &[i16], vector: &[i8]) -> i32 {
    const WIDTH: usize = 32;
    let ((query, query_rest), (vector, vector_rest)) =
        (query.as_chunks::<WIDTH>(), vector.as_chunks::<WIDTH>());
    let product = |q: i16, v: i8| i32::from(q).wrapping_mul(i32::from(v));
    let mut sum =
        query_rest.iter().zip(vector_rest).fold(0i32, |sum, (q, v)| sum.wrapping_add(product(*q, *v)));
    for (q, v) in query.iter().zip(vector) {
        let mut block = 0i32;
        for lane in 0..WIDTH {
            block = block.wrapping_add(product(q[lane], v[lane]));
        }
        sum = sum.wrapping_add(block);
    }
    sum
}

/// Dot product of two slices of equal length, in independent lanes so that the compiler vectorises it.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_keeps_the_direction() {
        let values: Vec<f32> = (0..384).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let embedding = Embedding::new(&values).unwrap();
        let restored = embedding.quantise().restore().unwrap();
        assert!(embedding.similarity(&restored) > 0.9999);
        assert!((embedding.similarity(&embedding) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn degenerate_vectors_are_refused() {
        assert!(Embedding::new(&[]).is_none());
        assert!(Embedding::new(&[0.0; 4]).is_none());
        assert!(Embedding::new(&[f32::NAN, 1.0]).is_none());
    }
}
