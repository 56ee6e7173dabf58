//! Adverts and their exchange: between the bytes on the wire and the policy crate's types, with every bound checked on the way in.
//!
//! The protobuf types stop here. Size is checked before anything is decoded; what a decoder here returns has
//! the right lengths and kinds, and `Card::check` and `Status::check` have the last word on meaning.

mod card;
mod status;

pub use card::{card_hash, decode_card, encode_card};
pub use status::{decode_status, encode_status};

use polymath_proto::v1 as pb;
use polymath_swarm::capability::{CARD_BYTES_MAX, Refusal, STATUS_BYTES_MAX};
use polymath_swarm::cells::LOOKUPS_MAX;
use polymath_swarm::identity::{Domain, Envelope, EnvelopeError, PeerKey, Sha256Hash};
use prost::Message as _;

/// Bytes an envelope adds to its payload: key, signature, tags and lengths (about 110).
const ENVELOPE_BYTES: usize = 128;
/// Bytes of one address: a long DNS name with its protocols fits, a blob does not.
pub const ADDRESS_BYTES_MAX: usize = 128;
/// Bytes of a gossiped message: one status in its envelope.
pub const GOSSIP_BYTES_MAX: usize = STATUS_BYTES_MAX + ENVELOPE_BYTES;
/// Cards that one request may ask for, and adverts that one response may carry: as many as a peer may have.
pub const ADVERTS_MAX: usize = 64;
/// Bytes of a request: 64 hashes with their tags and lengths.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a response: thirty to forty experts with eight exemplars each in 384 dimensions. What does not
/// fit is asked for by hash when its status is heard.
pub const RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// Why bytes were refused.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// More bytes than allowed.
    #[error("{what} has {bytes} bytes, {max} are allowed")]
    TooLarge {
        /// What was decoded.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// No protobuf of this type.
    #[error("{what} is not valid protobuf")]
    Malformed {
        /// What was decoded.
        what: &'static str,
        /// prost's reason.
        #[source]
        source: prost::DecodeError,
    },
    /// A field is missing, too long or malformed.
    #[error("{0} is missing, of the wrong length or malformed")]
    Field(&'static str),
    /// The signature or its key.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The content.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Signed by somebody else than the peer that sent it, or card and status by different keys.
    #[error("the signer is not the peer that it should be")]
    OtherSigner,
}

/// Card and status as they were signed.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedAdvert {
    /// Its payload is a card's.
    pub card: Envelope,
    /// Its payload is a status's.
    pub status: Envelope,
}

/// Asks for a peer's experts: all if it names nothing, else those that it names in any way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdvertRequest {
    /// Those with these cards.
    pub cards: Vec<Sha256Hash>,
    /// Those that are announced under these keys of the DHT.
    pub keys: Vec<Sha256Hash>,
}

/// The answer; signatures are not yet checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdvertResponse {
    /// In no order.
    pub adverts: Vec<SignedAdvert>,
}

impl AdvertRequest {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let card_sha256 = self.cards.iter().map(|hash| hash.0.to_vec()).collect();
        let keys = self.keys.iter().map(|key| key.0.to_vec()).collect();
        pb::AdvertRequest { card_sha256, keys }.encode_to_vec()
    }

    /// Decodes one.
    ///
    /// # Errors
    /// [`WireError`] for what is too large, no request, or out of bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message: pb::AdvertRequest = decode("advert request", bytes, REQUEST_BYTES_MAX)?;
        if message.card_sha256.len() > ADVERTS_MAX {
            return Err(WireError::Field("card_sha256"));
        }
        let cards: Result<_, _> =
            message.card_sha256.iter().map(|bytes| hash(bytes, "card_sha256")).collect();
        if message.keys.len() > LOOKUPS_MAX {
            return Err(WireError::Field("keys"));
        }
        let keys: Result<_, _> = message.keys.iter().map(|bytes| hash(bytes, "keys")).collect();
        Ok(Self { cards: cards?, keys: keys? })
    }
}

impl AdvertResponse {
    /// Encodes as many adverts, in order, as the size limit allows.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = pb::AdvertResponse::default();
        let mut bytes = 0;
        for advert in self.adverts.iter().take(ADVERTS_MAX) {
            let message =
                pb::Advert { card: Some(signed(&advert.card)), status: Some(signed(&advert.status)) };
            // Tag and length of a repeated message take at most four bytes at these sizes.
            bytes += message.encoded_len() + 4;
            if bytes > RESPONSE_BYTES_MAX {
                break;
            }
            out.adverts.push(message);
        }
        out.encode_to_vec()
    }

    /// Decodes one; neither signatures nor payloads are looked at.
    ///
    /// # Errors
    /// As [`AdvertRequest::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message: pb::AdvertResponse = decode("advert response", bytes, RESPONSE_BYTES_MAX)?;
        if message.adverts.len() > ADVERTS_MAX {
            return Err(WireError::Field("adverts"));
        }
        let adverts: Result<_, WireError> = message.adverts.into_iter().map(signed_advert).collect();
        Ok(Self { adverts: adverts? })
    }
}

/// Encodes a signed status for gossip.
pub fn encode_gossip(status: &Envelope) -> Vec<u8> {
    signed(status).encode_to_vec()
}

/// Decodes a gossiped status and checks its signature. Its payload is for [`decode_status`].
///
/// # Errors
/// [`WireError`] for what is too large, no envelope, or wrongly signed.
pub fn decode_gossip(bytes: &[u8]) -> Result<Envelope, WireError> {
    let message: pb::Signed = decode("gossip", bytes, GOSSIP_BYTES_MAX)?;
    let envelope = envelope(message, "status", STATUS_BYTES_MAX)?;
    envelope.verify(Domain::Status)?;
    Ok(envelope)
}

fn signed_advert(message: pb::Advert) -> Result<SignedAdvert, WireError> {
    let card = message.card.ok_or(WireError::Field("card"))?;
    let status = message.status.ok_or(WireError::Field("status"))?;
    Ok(SignedAdvert {
        card: envelope(card, "card", CARD_BYTES_MAX)?,
        status: envelope(status, "status", STATUS_BYTES_MAX)?,
    })
}

fn signed(envelope: &Envelope) -> pb::Signed {
    pb::Signed {
        payload: envelope.payload.clone(),
        public_key: envelope.signer.0.to_vec(),
        signature: envelope.signature.to_vec(),
    }
}

fn envelope(message: pb::Signed, what: &'static str, max: usize) -> Result<Envelope, WireError> {
    if message.payload.len() > max {
        return Err(WireError::TooLarge { what, bytes: message.payload.len(), max });
    }
    let key: [u8; 32] = message.public_key.try_into().map_err(|_| WireError::Field("public_key"))?;
    let signature = message.signature.try_into().map_err(|_| WireError::Field("signature"))?;
    Ok(Envelope { payload: message.payload, signer: PeerKey(key), signature })
}

fn decode<M: prost::Message + Default>(what: &'static str, bytes: &[u8], max: usize) -> Result<M, WireError> {
    if bytes.len() > max {
        return Err(WireError::TooLarge { what, bytes: bytes.len(), max });
    }
    M::decode(bytes).map_err(|source| WireError::Malformed { what, source })
}

fn hash(bytes: &[u8], field: &'static str) -> Result<Sha256Hash, WireError> {
    bytes.try_into().map(Sha256Hash).map_err(|_| WireError::Field(field))
}

#[cfg(test)]
mod tests;
