//! Hyperplane hashing, to compare cells with: signs of random projections (Charikar 2002) in several tables, probed by
//! margin (multi-probe LSH, Lv et al. 2007), over the whole space or its principal components.

use super::draw::Draw;
use crate::embedding::{Embedding, dot};

/// Rounds of orthogonal iteration; the leading components of sentence embeddings have settled by then.
const ROUNDS: usize = 60;

/// Where hyperplanes are drawn from.
#[derive(Clone, Debug)]
pub struct Directions(Option<Vec<Vec<f32>>>);

impl Directions {
    /// All directions alike.
    pub fn any() -> Self {
        Self(None)
    }

    /// The span of the first `count` principal components of `sample`, by orthogonal iteration on its covariance.
    pub fn principal(sample: &[Embedding], count: usize) -> Self {
        let dimension = sample.first().map_or(0, |first| first.as_slice().len());
        let mut mean = vec![0.0f32; dimension];
        for own in sample {
            mean.iter_mut().zip(own.as_slice()).for_each(|(sum, v)| *sum += v / sample.len() as f32);
        }
        let centred: Vec<Vec<f32>> =
            sample.iter().map(|own| own.as_slice().iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
        let mut covariance = vec![vec![0.0f32; dimension]; dimension];
        for own in &centred {
            for (row, left) in covariance.iter_mut().zip(own) {
                row.iter_mut().zip(own).for_each(|(sum, right)| *sum += left * right);
            }
        }
        let mut draw = Draw::new(0);
        let mut basis: Vec<Vec<f32>> =
            (0..count.min(dimension)).map(|_| (0..dimension).map(|_| draw.normal()).collect()).collect();
        for _ in 0..ROUNDS {
            for axis in &mut basis {
                *axis = covariance.iter().map(|row| dot(row, axis)).collect();
            }
            orthonormalise(&mut basis);
        }
        Self(Some(basis))
    }

    fn draw(&self, dimension: usize, draw: &mut Draw) -> Vec<f32> {
        match &self.0 {
            None => (0..dimension).map(|_| draw.normal()).collect(),
            Some(basis) => {
                let mut normal = vec![0.0; dimension];
                for axis in basis {
                    let share = draw.normal();
                    normal.iter_mut().zip(axis).for_each(|(sum, v)| *sum += share * v);
                }
                normal
            }
        }
    }
}

/// Gram-Schmidt, in place.
fn orthonormalise(basis: &mut [Vec<f32>]) {
    for place in 0..basis.len() {
        let (done, rest) = basis.split_at_mut(place);
        let Some(axis) = rest.first_mut() else { return };
        for other in done.iter() {
            let share = dot(axis, other);
            axis.iter_mut().zip(other).for_each(|(v, o)| *v -= share * o);
        }
        let norm = dot(axis, axis).sqrt().max(f32::MIN_POSITIVE);
        axis.iter_mut().for_each(|v| *v /= norm);
    }
}

/// Tables of sign bits.
#[derive(Clone, Debug)]
pub struct Hyperplanes {
    bits: usize,
    /// Normals, table by table.
    normals: Vec<Vec<f32>>,
}

impl Hyperplanes {
    /// `tables` tables of `bits` bits each (16 at most), of vectors with `dimension` components.
    pub fn new(directions: &Directions, dimension: usize, bits: usize, tables: usize, seed: u64) -> Self {
        let bits = bits.clamp(1, 16);
        let mut draw = Draw::new(seed);
        Self { bits, normals: (0..bits * tables).map(|_| directions.draw(dimension, &mut draw)).collect() }
    }

    /// The vector's bucket in each table; buckets of different tables have different numbers.
    pub fn buckets(&self, own: &Embedding) -> Vec<u32> {
        self.margins(own)
            .chunks(self.bits)
            .zip(0u32..)
            .map(|(margins, table)| self.bucket(table, margins))
            .collect()
    }

    /// The `n` buckets that the vector's neighbours are likeliest in: its own in each table, and those across one
    /// hyperplane, by how near it is.
    pub fn probes(&self, own: &Embedding, n: usize) -> Vec<u32> {
        let margins = self.margins(own);
        let mut probes: Vec<(f32, u32)> = Vec::new();
        for (table, margins) in (0u32..).zip(margins.chunks(self.bits)) {
            let bucket = self.bucket(table, margins);
            probes.push((0.0, bucket));
            probes
                .extend(margins.iter().zip(0u32..).map(|(margin, bit)| (margin.abs(), bucket ^ (1 << bit))));
        }
        probes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        probes.into_iter().take(n).map(|(_, bucket)| bucket).collect()
    }

    fn margins(&self, own: &Embedding) -> Vec<f32> {
        self.normals.iter().map(|normal| dot(normal, own.as_slice())).collect()
    }

    fn bucket(&self, table: u32, margins: &[f32]) -> u32 {
        margins.iter().zip(0u32..).fold(table << self.bits, |key, (m, bit)| key | u32::from(*m >= 0.0) << bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(count: usize, dimension: usize) -> Vec<Embedding> {
        let mut draw = Draw::new(3);
        (0..count)
            .map(|_| {
                // The first components vary most.
                let values: Vec<f32> = (0..dimension).map(|at| draw.normal() / (1.0 + at as f32)).collect();
                Embedding::new(&values).unwrap()
            })
            .collect()
    }

    #[test]
    fn principal_components_are_those_that_vary() {
        let Directions(Some(basis)) = Directions::principal(&vectors(500, 24), 3) else { panic!("no basis") };
        for (place, axis) in basis.iter().enumerate() {
            assert!(axis[place].abs() > 0.9, "{place}: {axis:?}");
            assert!((dot(axis, axis) - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn a_vector_probes_its_own_buckets_first() {
        let own = &vectors(1, 24)[0];
        for directions in [Directions::any(), Directions::principal(&vectors(50, 24), 8)] {
            let planes = Hyperplanes::new(&directions, 24, 6, 4, 1);
            let (mut buckets, probes) = (planes.buckets(own), planes.probes(own, 8));
            buckets.sort_unstable();
            assert_eq!(probes.len(), 8);
            assert_eq!(probes[..4], buckets);
            assert!(probes[4..].iter().all(|probe| buckets.iter().any(|b| (b ^ probe).count_ones() == 1)));
            assert!(probes.iter().all(|probe| *probe < 4 << 6));
        }
    }
}
