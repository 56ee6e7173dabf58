//! The answer nearest to all: the opinion whose embedding is closest to the weighted mean of all of them, the
//! minimum-Bayes-risk choice (Kumar and Byrne 2004) under cosine similarity.

use super::{Opinion, Verdict};
use crate::embedding::Embedding;

/// Cosine similarity from which two texts count as saying the same. Paraphrases by the bundled encoder lie above,
/// texts on one topic that say different things mostly below; it decides only what is shown as a conflict.
const SAME_SIMILARITY_MIN: f32 = 0.8;

/// The opinion nearest to the weighted centroid; `embeddings` in the opinions' order. None without opinions, or if
/// the two do not go together.
pub fn centroid(opinions: &[Opinion], embeddings: &[Embedding]) -> Option<Verdict> {
    if opinions.is_empty() || opinions.len() != embeddings.len() {
        return None;
    }
    let dimension = embeddings.first()?.as_slice().len();
    let mut sum = vec![0.0f32; dimension];
    for (opinion, embedding) in opinions.iter().zip(embeddings) {
        if embedding.as_slice().len() != dimension {
            return None;
        }
        // The same model twice pulls no harder than once.
        let echoes = opinions.iter().filter(|o| o.voice == opinion.voice).count().max(1) as f32;
        for (sum, value) in sum.iter_mut().zip(embedding.as_slice()) {
            *sum += opinion.weight() / echoes * value;
        }
    }
    // Opposed or weightless opinions have no middle: the first stands, as routing had it.
    let nearness: Vec<f32> = match Embedding::new(&sum) {
        Some(middle) => embeddings.iter().map(|e| e.similarity(&middle)).collect(),
        None => vec![0.0; opinions.len()],
    };
    let chosen = (0..opinions.len()).reduce(|a, b| if nearness[b] > nearness[a] { b } else { a })?;
    let agrees: Vec<bool> = embeddings
        .iter()
        .enumerate()
        .map(|(at, e)| at == chosen || e.similarity(&embeddings[chosen]) >= SAME_SIMILARITY_MIN)
        .collect();
    let all: f32 = opinions.iter().map(Opinion::weight).sum();
    let behind: f32 = opinions.iter().zip(&agrees).filter(|(_, a)| **a).map(|(o, _)| o.weight()).sum();
    Some(Verdict { chosen, agreement: if all > 0.0 { behind / all } else { 0.0 }, agrees })
}
