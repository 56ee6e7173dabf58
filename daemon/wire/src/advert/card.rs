//! Capability cards to bytes and back.

use super::{WireError, decode, hash};
use polymath_proto::v1 as pb;
use polymath_swarm::capability::{
    CARD_BYTES_MAX, Card, EXEMPLARS_MAX, ExpertKind, LABELS_MAX, ModelFacts, Refusal,
};
use polymath_swarm::embedding::Int8Vector;
use polymath_swarm::identity::Sha256Hash;
use prost::Message as _;

/// Encodes a card.
///
/// # Errors
/// [`WireError::TooLarge`] if nobody would accept it.
pub fn encode_card(card: &Card) -> Result<Vec<u8>, WireError> {
    let kind = match card.kind {
        ExpertKind::Model => pb::ExpertKind::Model,
        ExpertKind::Service => pb::ExpertKind::Service,
    };
    let bytes = pb::Card {
        id: card.id.clone(),
        kind: kind.into(),
        description: card.description.clone(),
        exemplars: card.exemplars.clone(),
        model: Some(encode_model(&card.model)),
        licence: card.licence.clone(),
        languages: card.languages.clone(),
        abilities: card.abilities.clone(),
        space: card.space.0.to_vec(),
        embeddings: card.embeddings.iter().map(encode_vector).collect(),
        temperature: card.temperature,
    }
    .encode_to_vec();
    if bytes.len() > CARD_BYTES_MAX {
        return Err(WireError::TooLarge { what: "card", bytes: bytes.len(), max: CARD_BYTES_MAX });
    }
    Ok(bytes)
}

/// What a card is called by everywhere: the hash of its bytes.
///
/// # Errors
/// [`WireError::TooLarge`] if nobody would accept it.
pub fn card_hash(card: &Card) -> Result<Sha256Hash, WireError> {
    Ok(Sha256Hash::of(&encode_card(card)?))
}

/// Decodes a card and checks every bound.
///
/// # Errors
/// [`WireError`] for what is too large, no card, or refused by [`Card::check`].
pub fn decode_card(bytes: &[u8]) -> Result<Card, WireError> {
    let message: pb::Card = decode("card", bytes, CARD_BYTES_MAX)?;
    if message.exemplars.len() > EXEMPLARS_MAX || message.embeddings.len() > 1 + EXEMPLARS_MAX {
        return Err(Refusal::Bounds { field: "exemplars", reason: "at most 16" }.into());
    }
    if message.languages.len().max(message.abilities.len()) > LABELS_MAX {
        return Err(Refusal::Bounds { field: "languages or abilities", reason: "at most 32" }.into());
    }
    let kind = match pb::ExpertKind::try_from(message.kind) {
        Ok(pb::ExpertKind::Model) => ExpertKind::Model,
        Ok(pb::ExpertKind::Service) => ExpertKind::Service,
        _ => return Err(WireError::Field("kind")),
    };
    let card = Card {
        id: message.id,
        kind,
        description: message.description,
        exemplars: message.exemplars,
        model: decode_model(message.model.ok_or(WireError::Field("model"))?)?,
        licence: message.licence,
        languages: message.languages,
        abilities: message.abilities,
        space: hash(&message.space, "space")?,
        embeddings: message.embeddings.into_iter().map(decode_vector).collect(),
        temperature: message.temperature,
    };
    card.check()?;
    Ok(card)
}

fn encode_model(model: &ModelFacts) -> pb::Model {
    pb::Model {
        sha256: model.sha256.0.to_vec(),
        architecture: model.architecture.clone(),
        parameters: model.parameters,
        quantisation: model.quantisation.clone(),
        context_tokens: model.context_tokens,
        flash_attention: model.flash_attention,
        unified_kv: model.unified_kv,
    }
}

fn decode_model(message: pb::Model) -> Result<ModelFacts, WireError> {
    Ok(ModelFacts {
        sha256: hash(&message.sha256, "model.sha256")?,
        architecture: message.architecture,
        parameters: message.parameters,
        quantisation: message.quantisation,
        context_tokens: message.context_tokens,
        flash_attention: message.flash_attention,
        unified_kv: message.unified_kv,
    })
}

fn encode_vector(vector: &Int8Vector) -> pb::Int8Vector {
    pb::Int8Vector { scale: vector.scale, values: vector.values.iter().map(|v| v.cast_unsigned()).collect() }
}

fn decode_vector(message: pb::Int8Vector) -> Int8Vector {
    let values = message.values.into_iter().map(u8::cast_signed).collect();
    Int8Vector { scale: message.scale, values }
}
