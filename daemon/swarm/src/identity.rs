//! Who said what: Ed25519 keys and signed envelopes.
//!
//! An [`Envelope`] keeps the bytes that were signed exactly as they arrived, so a hash or a signature never
//! depends on encoding something twice. Every signature covers a domain label, so a signed card can never be
//! passed off as a signed status.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// A node's Ed25519 public key, 32 bytes. Its libp2p peer id is the identity multihash of this key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey(pub [u8; 32]);

/// What precedes an Ed25519 public key in a multikey (0xed as a varint: multiformats' table of codecs).
const ED25519: [u8; 2] = [0xed, 0x01];
/// A DID of the method `key`, up to the multibase sign of base58btc.
const DID_KEY: &str = "did:key:z";
/// Characters of the longest DID that is looked at: one of this kind has 56.
const DID_CHARS_MAX: usize = 128;

impl PeerKey {
    /// The key as a decentralised identifier (W3C's did:key method): the same node in a form that other systems know.
    pub fn to_did(self) -> String {
        let bytes: Vec<u8> = ED25519.iter().chain(&self.0).copied().collect();
        format!("{DID_KEY}{}", bs58::encode(bytes).into_string())
    }

    /// Reads such an identifier; None if it is no Ed25519 key.
    pub fn from_did(did: &str) -> Option<Self> {
        let text = did.strip_prefix(DID_KEY).filter(|_| did.len() <= DID_CHARS_MAX)?;
        let bytes = bs58::decode(text).into_vec().ok()?;
        bytes.strip_prefix(&ED25519).and_then(|key| key.try_into().ok()).map(Self)
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({})", hex(&self.0[..6]))
    }
}

/// A SHA-256 digest, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Sha256Hash(pub [u8; 32]);

impl Sha256Hash {
    /// Hashes `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text.trim()).map(Self)
    }
}

impl fmt::Display for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({})", hex(&self.0[..6]))
    }
}

/// Lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads exactly so many bytes in hexadecimal digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; N];
    for (place, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(out)
}

/// What a signature is about; part of what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A capability card.
    Card,
    /// A live status.
    Status,
    /// The hashes of a finished task's transcript and evidence.
    Transcript,
    /// The same, when the evidence is opened.
    Opening,
    /// A word for another node.
    Endorsement,
    /// What one node delivered to another.
    Receipt,
}

impl Domain {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Card => b"polymath/1/card\0",
            Self::Status => b"polymath/1/status\0",
            Self::Transcript => b"polymath/1/transcript\0",
            Self::Opening => b"polymath/1/opening\0",
            Self::Endorsement => b"polymath/1/endorsement\0",
            Self::Receipt => b"polymath/1/receipt\0",
        }
    }
}

/// Why an envelope was refused.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The key is no point of the curve.
    #[error("the public key is not a valid Ed25519 key")]
    BadKey,
    /// The signature does not belong to these bytes, this domain and this key.
    #[error("the signature is wrong")]
    BadSignature,
}

/// Bytes with their signer and signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The signed bytes.
    pub payload: Vec<u8>,
    /// Who signed.
    pub signer: PeerKey,
    /// Ed25519 signature (RFC 8032), 64 bytes.
    pub signature: [u8; 64],
}

impl Envelope {
    /// Signs `payload` for `domain`.
    pub fn seal(key: &SigningKey, domain: Domain, payload: Vec<u8>) -> Self {
        let signature = key.sign(&message(domain, &payload)).to_bytes();
        Self { payload, signer: PeerKey(key.verifying_key().to_bytes()), signature }
    }

    /// Checks the signature (strictly: no small-order keys, no malleable signatures).
    pub fn verify(&self, domain: Domain) -> Result<(), EnvelopeError> {
        let key = VerifyingKey::from_bytes(&self.signer.0).map_err(|_| EnvelopeError::BadKey)?;
        key.verify_strict(&message(domain, &self.payload), &Signature::from_bytes(&self.signature))
            .map_err(|_| EnvelopeError::BadSignature)
    }

    /// The hash by which the payload is addressed.
    pub fn payload_hash(&self) -> Sha256Hash {
        Sha256Hash::of(&self.payload)
    }
}

fn message(domain: Domain, payload: &[u8]) -> Vec<u8> {
    let label = domain.label();
    let mut out = Vec::with_capacity(label.len() + payload.len());
    out.extend_from_slice(label);
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_did_is_that_of_the_method_s_own_example() {
        // The key of a secret of 32 zero bytes.
        let key = PeerKey(SigningKey::from_bytes(&[0; 32]).verifying_key().to_bytes());
        let did = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
        assert_eq!((key.to_did().as_str(), PeerKey::from_did(did)), (did, Some(key)));
        let long = format!("{DID_KEY}{}", "1".repeat(1_000));
        for bad in [
            "",
            "did:key:z",
            "did:web:example.org",
            "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
            &long,
            "did:key:z0OIl",
        ] {
            assert_eq!(PeerKey::from_did(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_envelope_verifies_only_unchanged_and_in_its_domain() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let sealed = Envelope::seal(&key, Domain::Card, b"card".to_vec());
        assert_eq!(sealed.verify(Domain::Card), Ok(()));
        assert_eq!(sealed.verify(Domain::Status), Err(EnvelopeError::BadSignature));
        let mut changed = sealed.clone();
        changed.payload.push(0);
        assert_eq!(changed.verify(Domain::Card), Err(EnvelopeError::BadSignature));
        let mut other = sealed;
        other.signer = PeerKey(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes());
        assert_eq!(other.verify(Domain::Card), Err(EnvelopeError::BadSignature));
    }

    #[test]
    fn hexadecimal_round_trip() {
        let hash = Sha256Hash::of(b"x");
        assert_eq!(Sha256Hash::from_hex(&hash.to_string()), Some(hash));
        for bad in ["zz", "+1", "é", "0", "", &"0".repeat(65)] {
            assert_eq!(Sha256Hash::from_hex(bad), None, "{bad}");
        }
    }
}
