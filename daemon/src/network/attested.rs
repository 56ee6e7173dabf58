//! What nodes say of each other, by gossip: protobuf to the policy crate's types and back, and how much of it one peer may pass on.

use super::task::wire::{exactly, hash};
use libp2p::PeerId;
use lru::LruCache;
use polymath_proto::v1::{self, attestation};
use polymath_swarm::identity::PeerKey;
use polymath_swarm::task::{Commitment, TaskError};
use polymath_swarm::trust::{Attestation, Contradiction, Endorsement};
use prost::Message as _;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Bytes of an attestation: three keys or hashes and two signatures.
pub(super) const ATTESTATION_BYTES_MAX: usize = 512;
/// How often a node repeats its own words, for those who came since; they hold for a day.
pub(super) const REPEAT_EVERY: Duration = Duration::from_secs(10 * 60);
/// How soon after somebody came they are repeated.
pub(super) const REPEAT_SOON: Duration = Duration::from_secs(2);
/// How long an endorsement may still be believed after it was taken back by somebody who was not heard.
pub(super) const REVOKED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Proofs that a node repeats.
pub(super) const ACCUSATIONS_MAX: usize = 16;
/// The shortest time between two repetitions.
pub(super) const REPEAT_PAUSE: Duration = Duration::from_secs(10);
/// Attestations that one peer may pass on in a minute: checking one costs a signature or two.
const PER_MINUTE: u32 = 240;
/// Peers whose share is counted.
const PEERS: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");

/// Counts what each peer passes on.
pub(super) struct Shares(LruCache<PeerId, (Instant, u32)>);

impl Default for Shares {
    fn default() -> Self {
        Self(LruCache::new(PEERS))
    }
}

impl Shares {
    /// Takes one of this minute's, if any is left.
    pub(super) fn take(&mut self, peer: PeerId, now: Instant) -> bool {
        let (began, taken) = self.0.get_or_insert_mut(peer, || (now, 0));
        if now.duration_since(*began) >= Duration::from_secs(60) {
            (*began, *taken) = (now, 0);
        }
        *taken += 1;
        *taken <= PER_MINUTE
    }
}

pub(super) fn encode(attestation: &Attestation) -> Vec<u8> {
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

/// # Errors
/// [`TaskError::Protocol`] for what is none.
pub(super) fn decode(bytes: &[u8]) -> Result<Attestation, TaskError> {
    let broken = |reason: &str| TaskError::Protocol(reason.to_owned());
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

    #[test]
    fn nobody_passes_on_without_end() {
        let (mut shares, now, peer) = (Shares::default(), Instant::now(), PeerId::random());
        let taken = (0..PER_MINUTE + 9).filter(|_| shares.take(peer, now)).count();
        assert_eq!(taken, PER_MINUTE as usize);
        assert!(shares.take(PeerId::random(), now));
        assert!(shares.take(peer, now + Duration::from_secs(61)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
