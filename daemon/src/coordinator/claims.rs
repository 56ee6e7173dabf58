//! Checks what a card claims: its embeddings must be those of its own text.
//!
//! Claims cost nothing, so an advert could carry the average of all embeddings and win every query. Whoever
//! uses a card therefore embeds its description and exemplars again.

use crate::embedding::Encoder;
use crate::network::ClaimCheck;
use futures::future::BoxFuture;
use polymath_swarm::capability::Card;
use std::sync::Arc;

/// Cosine that a carried embedding must reach with our own of the same text. Int8 rounding costs 1e-4, another
/// CPU's int8 kernels at most 1e-2 (measured for this encoder); texts that differ in meaning are below 0.9.
const SIMILARITY_MIN: f32 = 0.98;

/// The check by embedding again with this node's encoder.
pub struct ReEmbedding {
    encoder: Encoder,
}

impl ReEmbedding {
    /// Uses `encoder`.
    pub fn new(encoder: Encoder) -> Self {
        Self { encoder }
    }
}

impl ClaimCheck for ReEmbedding {
    fn check(&self, card: Arc<Card>) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            if card.space != self.encoder.space() {
                return false;
            }
            let texts = std::iter::once(&card.description).chain(&card.exemplars).cloned().collect();
            match self.encoder.embed(texts).await {
                Ok(ours) => ours.iter().zip(&card.embeddings).all(|(our, claimed)| {
                    claimed.restore().is_some_and(|claimed| our.similarity(&claimed) >= SIMILARITY_MIN)
                }),
                Err(error) => {
                    tracing::warn!(%error, card = %card.id, "claim could not be checked");
                    false
                }
            }
        })
    }
}
