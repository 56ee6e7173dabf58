//! A card and a status that are plainly fake, for the tests of this crate.

use polymath_swarm::capability::{Card, ExpertKind, ModelFacts, Status};
use polymath_swarm::embedding::{Embedding, SpaceId};
use polymath_swarm::identity::Sha256Hash;

const DIMENSION: usize = 16;

fn space() -> SpaceId {
    Sha256Hash::of(b"test space")
}

/// A vector near axis `axis`.
fn vector(axis: usize) -> Embedding {
    let values: Vec<f32> = (0..DIMENSION).map(|i| if i == axis % DIMENSION { 1.0 } else { 0.05 }).collect();
    Embedding::new(&values).unwrap()
}

/// A card whose description lies on `axis` and whose exemplar on the next.
pub(crate) fn card(id: &str, axis: usize) -> Card {
    Card {
        id: id.to_owned(),
        kind: ExpertKind::Model,
        description: format!("Knows all about axis {axis}"),
        exemplars: vec![format!("What of axis {axis}?")],
        model: ModelFacts {
            sha256: Sha256Hash::of(id.as_bytes()),
            architecture: "llama".to_owned(),
            parameters: 1_000,
            quantisation: "F16".to_owned(),
            context_tokens: 256,
            flash_attention: false,
            unified_kv: false,
        },
        licence: "Apache-2.0".to_owned(),
        languages: vec!["en".to_owned()],
        abilities: vec!["chat".to_owned()],
        space: space(),
        embeddings: vec![vector(axis).quantise(), vector(axis + 1).quantise()],
        temperature: 0.0,
    }
}

pub(crate) fn status(card: Sha256Hash, sequence: u64, expires: u64) -> Status {
    Status {
        card,
        addresses: Vec::new(),
        slots: 2,
        free_slots: 2,
        tokens_per_second: 10.0,
        price_micro: 0,
        sequence,
        expires,
        leaving: false,
        cold: false,
    }
}
