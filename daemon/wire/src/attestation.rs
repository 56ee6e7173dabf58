//! What nodes say of each other, by gossip: protobuf to the policy crate's types and back. Signatures are for the caller to verify.

use crate::field::{broken, exactly, hash};
use polymath_proto::v1::{self, attestation};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::{Commitment, TaskError};
use polymath_swarm::trust::{Attestation, Contradiction, Endorsement};
use prost::Message as _;

/// Bytes of an attestation: three keys or hashes and two signatures.
pub const ATTESTATION_BYTES_MAX: usize = 512;

/// Encodes one.
pub fn encode(attestation: &Attestation) -> Vec<u8> {
    let body = match attestation {
        Attestation::Endorsement(word) => attestation::Body::Endorsement(v1::Endorsement {
            issuer: word.issuer.0.to_vec(),
            subject: word.subject.0.to_vec(),
            at_s: word.at_s,
            revoked: word.revoked,
            signature: word.signature.to_vec(),
        }),
        Attestation::Contradiction(proof) => attestation::Body::Contradiction(v1::Contradiction {
            expert: proof.expert.0.to_vec(),
            task_id: proof.commitment.task_id.to_vec(),
            run_id: proof.commitment.run_id.to_vec(),
            transcript_sha256: proof.commitment.transcript.0.to_vec(),
            evidence_sha256: proof.commitment.evidence.0.to_vec(),
            signature: proof.commitment.signature.to_vec(),
            opened_sha256: proof.opened.0.to_vec(),
            opened_signature: proof.opened_signature.to_vec(),
        }),
    };
    v1::Attestation { body: Some(body) }.encode_to_vec()
}

/// Decodes one.
///
/// # Errors
/// [`TaskError::Protocol`] for what is none.
pub fn decode(bytes: &[u8]) -> Result<Attestation, TaskError> {
    if bytes.len() > ATTESTATION_BYTES_MAX {
        return Err(broken("too long"));
    }
    let attestation = v1::Attestation::decode(bytes).map_err(|error| broken(&error.to_string()))?;
    Ok(match attestation.body.ok_or_else(|| broken("empty"))? {
        attestation::Body::Endorsement(word) => Attestation::Endorsement(Endorsement {
            issuer: PeerKey(exactly(&word.issuer, "issuer")?),
            subject: PeerKey(exactly(&word.subject, "subject")?),
            at_s: word.at_s,
            revoked: word.revoked,
            signature: exactly(&word.signature, "signature")?,
        }),
        attestation::Body::Contradiction(proof) => Attestation::Contradiction(Contradiction {
            expert: PeerKey(exactly(&proof.expert, "expert")?),
            commitment: Commitment {
                task_id: exactly(&proof.task_id, "task_id")?,
                run_id: exactly(&proof.run_id, "run_id")?,
                transcript: hash(&proof.transcript_sha256, "transcript_sha256")?,
                evidence: hash(&proof.evidence_sha256, "evidence_sha256")?,
                signature: exactly(&proof.signature, "signature")?,
            },
            opened: hash(&proof.opened_sha256, "opened_sha256")?,
            opened_signature: exactly(&proof.opened_signature, "opened_signature")?,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use polymath_swarm::identity::Sha256Hash;
    use proptest::prelude::*;

    #[test]
    fn what_is_said_arrives() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let word = Attestation::Endorsement(Endorsement::sign(&key, PeerKey([2; 32]), 77, true));
        let commitment = Commitment::sign(&key, [[3; 16], [9; 16]], Sha256Hash([4; 32]), Sha256Hash([5; 32]));
        let (opened, opened_signature) = (Sha256Hash([6; 32]), [7; 64]);
        let proof = Contradiction { expert: PeerKey([8; 32]), commitment, opened, opened_signature };
        for said in [word, Attestation::Contradiction(proof)] {
            let bytes = encode(&said);
            assert!(bytes.len() <= ATTESTATION_BYTES_MAX);
            assert_eq!(decode(&bytes), Ok(said));
            assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        }
        assert!(decode(&[0; ATTESTATION_BYTES_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
