//! What an expert signs when a task is finished, and again when it opens what it signed.

use crate::audit::Evidence;
use crate::identity::{Domain, Envelope, EnvelopeError, PeerKey, Sha256Hash};
use ed25519_dalek::SigningKey;

/// What backs a finished task.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Backing {
    /// Nothing: it was not asked for, or whoever did the work reports no distributions.
    #[default]
    None,
    /// Log-probabilities, as the worker noted them; these stay with the expert.
    Noted(Box<Evidence>),
    /// The expert's signature under their hash; verified.
    Signed(Box<Commitment>),
}

/// An expert's signed word on a task: which transcript, and which evidence, by their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The task, as its asker named it.
    pub task_id: [u8; 16],
    /// Drawn by the expert for this one execution: an asker may name two tasks alike, and two executions differ in their last bits.
    pub run_id: [u8; 16],
    /// See [`transcript_hash`](super::transcript_hash).
    pub transcript: Sha256Hash,
    /// See [`Evidence::hash`]; the hash of nothing where the expert has none.
    pub evidence: Sha256Hash,
    /// By the expert's node.
    pub signature: [u8; 64],
}

/// What is signed: under [`Domain::Transcript`] when a task is done, under [`Domain::Opening`] when its evidence is opened. Two
/// of one execution that differ contradict each other, and whoever sees both knows.
fn payload(ids: [[u8; 16]; 2], transcript: Sha256Hash, evidence: Sha256Hash) -> Vec<u8> {
    [&ids[0][..], &ids[1], &transcript.0, &evidence.0].concat()
}

impl Commitment {
    /// Signs a finished task; `ids` are the task's and the execution's.
    pub fn sign(key: &SigningKey, ids: [[u8; 16]; 2], transcript: Sha256Hash, evidence: Sha256Hash) -> Self {
        let sealed = Envelope::seal(key, Domain::Transcript, payload(ids, transcript, evidence));
        let [task_id, run_id] = ids;
        Self { task_id, run_id, transcript, evidence, signature: sealed.signature }
    }

    /// Whether `expert` signed this.
    pub fn verify(&self, expert: PeerKey) -> Result<(), EnvelopeError> {
        let payload = payload([self.task_id, self.run_id], self.transcript, self.evidence);
        Envelope { payload, signer: expert, signature: self.signature }.verify(Domain::Transcript)
    }

    /// Signs the evidence that this commits to, for whoever challenges it.
    pub fn open(&self, key: &SigningKey, evidence: &Evidence) -> [u8; 64] {
        let payload = payload([self.task_id, self.run_id], self.transcript, evidence.hash());
        Envelope::seal(key, Domain::Opening, payload).signature
    }

    /// Whether `expert` signed the opening of evidence with this hash. If it did and the hash is not [`Self::evidence`], it has
    /// contradicted itself.
    pub fn verify_opening(
        &self,
        expert: PeerKey,
        opened: Sha256Hash,
        signature: [u8; 64],
    ) -> Result<(), EnvelopeError> {
        let payload = payload([self.task_id, self.run_id], self.transcript, opened);
        Envelope { payload, signer: expert, signature }.verify(Domain::Opening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_and_its_opening_are_the_experts_and_of_this_task() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let (expert, other) = (PeerKey(key.verifying_key().to_bytes()), PeerKey([9; 32]));
        let evidence = Evidence::default();
        let signed = Commitment::sign(&key, [[1; 16], [4; 16]], Sha256Hash([2; 32]), evidence.hash());
        assert_eq!(signed.verify(expert), Ok(()));
        assert!(signed.verify(other).is_err());
        let changes: &[fn(&mut Commitment)] = &[
            |c| c.task_id[0] ^= 1,
            |c| c.run_id[0] ^= 1,
            |c| c.transcript.0[0] ^= 1,
            |c| c.evidence.0[0] ^= 1,
        ];
        for change in changes {
            let mut changed = signed;
            change(&mut changed);
            assert_eq!(changed.verify(expert), Err(EnvelopeError::BadSignature));
        }
        let opening = signed.open(&key, &evidence);
        assert_eq!(signed.verify_opening(expert, evidence.hash(), opening), Ok(()));
        assert!(signed.verify_opening(expert, Sha256Hash([3; 32]), opening).is_err());
        assert!(signed.verify_opening(expert, evidence.hash(), signed.signature).is_err(), "another domain");
        // The same task once more: what is opened of that says nothing about this.
        let again = Commitment::sign(&key, [[1; 16], [5; 16]], signed.transcript, Sha256Hash([8; 32]));
        let opened = again.open(&key, &evidence);
        assert!(signed.verify_opening(expert, evidence.hash(), opened).is_err());
    }
}
