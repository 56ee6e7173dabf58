//! The codebook file.
//!
//! Magic `PMCELLS`, version (u8), level (u8), three zero bytes, dimension and count (u32, little-endian); then for
//! every cell its scale (f32) and `dimension` steps (i8). A centre is `scale × steps`, normalised. Nothing follows.

use super::{CELLS_MAX, DIMENSION_MAX};
use crate::embedding::Embedding;

const MAGIC: &[u8; 7] = b"PMCELLS";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 20;
const SCALE_BYTES: usize = 4;

/// Why bytes are no codebook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodebookError {
    /// The magic at the start is missing.
    #[error("this is not a codebook file")]
    NotACodebook,
    /// Made by another version of the format.
    #[error("the codebook has format version {0}, only version 1 is known")]
    Version(u8),
    /// A header field is out of bounds.
    #[error("the codebook's header is wrong: {0}")]
    Header(&'static str),
    /// Shorter or longer than its header says.
    #[error("the codebook has {actual} bytes where its header promises {expected}")]
    Length {
        /// By the header.
        expected: usize,
        /// Given.
        actual: usize,
    },
    /// A centre is zero or not finite.
    #[error("cell {0} of the codebook has no direction")]
    Centre(usize),
}

/// What a file holds.
pub(super) struct Centres {
    pub(super) level: u8,
    pub(super) dimension: usize,
    /// Of all cells, one after another.
    pub(super) steps: Vec<i8>,
    /// What a step of each cell is worth, so that its centre is a unit vector.
    pub(super) scales: Vec<f32>,
}

/// Reads a file.
pub(super) fn decode(bytes: &[u8]) -> Result<Centres, CodebookError> {
    let Some((header, body)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(CodebookError::NotACodebook);
    };
    if !header.starts_with(MAGIC) {
        return Err(CodebookError::NotACodebook);
    }
    if header[7] != VERSION {
        return Err(CodebookError::Version(header[7]));
    }
    let level = header[8];
    if level != 0 {
        return Err(CodebookError::Header("only level 0 is known"));
    }
    if header[9..12] != [0; 3] {
        return Err(CodebookError::Header("reserved bytes are not zero"));
    }
    let word =
        |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize;
    let (dimension, count) = (word(12), word(16));
    if !(1..=DIMENSION_MAX).contains(&dimension) {
        return Err(CodebookError::Header("the dimension is not within 1 to 4,096"));
    }
    if !(1..=CELLS_MAX).contains(&count) {
        return Err(CodebookError::Header("the number of cells is not within 1 to 16,384"));
    }
    let row_bytes = SCALE_BYTES + dimension;
    if body.len() != count * row_bytes {
        return Err(CodebookError::Length {
            expected: HEADER_BYTES + count * row_bytes,
            actual: bytes.len(),
        });
    }
    let mut steps = Vec::with_capacity(count * dimension);
    let mut scales = Vec::with_capacity(count);
    for (cell, row) in body.chunks_exact(row_bytes).enumerate() {
        let scale = f32::from_le_bytes([row[0], row[1], row[2], row[3]]);
        let row = row[SCALE_BYTES..].iter().map(|step| step.cast_signed());
        let norm = row.clone().map(|step| f32::from(step).powi(2)).sum::<f32>().sqrt();
        // A negative scale would turn the centre round, and is never written.
        let has_direction = scale.is_finite() && scale > 0.0 && norm > 0.0;
        if !has_direction {
            return Err(CodebookError::Centre(cell));
        }
        steps.extend(row);
        scales.push(1.0 / norm);
    }
    Ok(Centres { level, dimension, steps, scales })
}

/// The file for these centres; it is a valid one only if they are of one dimension and within bounds.
pub(super) fn encode(level: u8, centres: &[Embedding]) -> Vec<u8> {
    let dimension = centres.first().map_or(0, |centre| centre.as_slice().len());
    let mut out = Vec::with_capacity(HEADER_BYTES + centres.len() * (SCALE_BYTES + dimension));
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[VERSION, level, 0, 0, 0]);
    for number in [dimension, centres.len()] {
        out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }
    for centre in centres {
        let vector = centre.quantise();
        out.extend_from_slice(&vector.scale.to_le_bytes());
        out.extend(vector.values.iter().map(|step| step.cast_unsigned()));
    }
    out
}
