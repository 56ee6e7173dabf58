//! Ranking for directories of thousands.
//!
//! Ten thousand experts with eight exemplars hold 138 MB of vectors, more than memory delivers in a few
//! milliseconds. So a shelf keeps them side by side as int8, a quarter of that, looks at all of those first,
//! and scores exactly only the experts that come out on top.

use super::{Best, Profile, Query, RANKED_MAX, Ranked, best_of, combine, factors, finish, place};
use crate::embedding::Embedding;
use std::cmp::Ordering;

/// Experts scored exactly after the int8 pass: four times what is returned. The int8 error of a similarity is
/// about 0.002, so an expert would have to be that close to 192 others to be lost.
const EXACT_MAX: usize = 4 * RANKED_MAX;

/// Profiles of one embedding space. Gives [`super::rank`]'s answer, but for ties within the int8 error at the
/// far end of more than `EXACT_MAX` experts.
#[derive(Clone, Debug)]
pub struct Shelf<K> {
    dimension: usize,
    /// Of all profiles, description first, then exemplars; `dimension` values each.
    values: Vec<i8>,
    /// Value of one step of each vector.
    scales: Vec<f32>,
    profiles: Vec<Profile<K>>,
}

impl<K: Ord + Clone> Shelf<K> {
    /// Takes `profiles`; those with a vector of another dimension than `dimension` are left out.
    pub fn new(dimension: usize, profiles: impl IntoIterator<Item = Profile<K>>) -> Self {
        let mut shelf = Self { dimension, values: Vec::new(), scales: Vec::new(), profiles: Vec::new() };
        for profile in profiles {
            let vectors = std::iter::once(&profile.description).chain(&profile.exemplars);
            if dimension == 0 || vectors.clone().any(|v| v.as_slice().len() != dimension) {
                continue;
            }
            for vector in vectors {
                let small = vector.quantise();
                shelf.values.extend_from_slice(&small.values);
                shelf.scales.push(small.scale);
            }
            shelf.profiles.push(profile);
        }
        shelf
    }

    /// Number of experts.
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// As [`super::rank`].
    pub fn rank(&self, query: &Query) -> Vec<Ranked<K>> {
        if query.embedding.as_slice().len() != self.dimension {
            return Vec::new();
        }
        let chosen: Vec<usize> = if self.profiles.len() <= EXACT_MAX {
            (0..self.profiles.len()).collect()
        } else {
            let mut rough = self.rough(&query.embedding);
            rough.select_nth_unstable_by(EXACT_MAX - 1, better_first);
            rough[..EXACT_MAX].iter().map(|(_, at)| *at).collect()
        };
        let profiles: Vec<&Profile<K>> = chosen.into_iter().map(|at| &self.profiles[at]).collect();
        let places = profiles.iter().enumerate().map(|(at, profile)| place(at, query, profile));
        finish(query, best_of(places.collect()), &profiles)
    }

    /// Score from int8 vectors and index of every profile.
    fn rough(&self, query: &Embedding) -> Vec<(f32, usize)> {
        let small = query.quantise();
        let query: Vec<i16> = small.values.iter().map(|v| i16::from(*v)).collect();
        let mut vectors = self.values.chunks_exact(self.dimension).zip(&self.scales);
        let mut next =
            || vectors.next().map_or(0.0, |(v, scale)| dot_int8(&query, v) as f32 * scale * small.scale);
        let mut scored = Vec::with_capacity(self.profiles.len());
        for (at, profile) in self.profiles.iter().enumerate() {
            let description = next();
            let mut best = Best::default();
            for _ in &profile.exemplars {
                best.add(next());
            }
            let raw = combine(description, &best);
            scored.push((factors(profile, raw).score(), at));
        }
        scored
    }
}

fn better_first(a: &(f32, usize), b: &(f32, usize)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
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
