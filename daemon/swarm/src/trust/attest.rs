//! What nodes say of each other: endorsements, and proofs that an expert contradicted itself. Each carries its own proof, so that it
//! does not matter who passes it on.

use super::Endorsed;
use crate::identity::{Domain, Envelope, PeerKey, Sha256Hash};
use crate::task::Commitment;
use ed25519_dalek::SigningKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Seconds that an endorsement holds: whoever still stands by it says so again.
const LIFETIME_S: u64 = 24 * 3_600;
/// Seconds that a clock may be ahead.
const SKEW_S: u64 = 60;
/// Seconds between two words of one issuer on one subject.
const PAUSE_S: u64 = 120;
/// Subjects of one issuer.
const SUBJECTS_MAX: usize = 256;
/// Issuers that are remembered; beyond, who spoke longest ago is forgotten.
const ISSUERS_MAX: usize = 4_096;
/// Experts that are proven to have cheated; beyond, no more are remembered.
const PROVEN_MAX: usize = 4_096;
/// Of others, so many of the latest.
const STRANGERS_MAX: usize = 512;

/// One owner's word that another node can be relied on, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endorsement {
    /// Who says so.
    pub issuer: PeerKey,
    /// Of whom.
    pub subject: PeerKey,
    /// When, in seconds since 1970.
    pub at_s: u64,
    /// Whether an earlier word is taken back.
    pub revoked: bool,
    /// The issuer's.
    pub signature: [u8; 64],
}

impl Endorsement {
    /// Signs one.
    pub fn sign(key: &SigningKey, subject: PeerKey, at_s: u64, revoked: bool) -> Self {
        let sealed = Envelope::seal(key, Domain::Endorsement, payload(subject, at_s, revoked));
        Self { issuer: sealed.signer, subject, at_s, revoked, signature: sealed.signature }
    }

    fn is_signed(&self) -> bool {
        let payload = payload(self.subject, self.at_s, self.revoked);
        Envelope { payload, signer: self.issuer, signature: self.signature }
            .verify(Domain::Endorsement)
            .is_ok()
    }
}

fn payload(subject: PeerKey, at_s: u64, revoked: bool) -> Vec<u8> {
    [&subject.0[..], &at_s.to_le_bytes(), &[u8::from(revoked)]].concat()
}

/// Proof that an expert opened something else than it had committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The expert's node.
    pub expert: PeerKey,
    /// What it signed when the task was done.
    pub commitment: Commitment,
    /// The hash of what it opened.
    pub opened: Sha256Hash,
    /// Its signature under that.
    pub opened_signature: [u8; 64],
}

impl Contradiction {
    /// Whether it proves anything.
    pub fn holds(&self) -> bool {
        let Self { expert, commitment, opened, opened_signature } = self;
        *opened != commitment.evidence
            && commitment.verify(*expert).is_ok()
            && commitment.verify_opening(*expert, *opened, *opened_signature).is_ok()
    }
}

/// Either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// A word for somebody.
    Endorsement(Endorsement),
    /// A proof against somebody.
    Contradiction(Contradiction),
}

/// Why an attestation is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Wrongly signed, about oneself, or no proof: whoever passed it on did not look.
    #[error("it is wrongly signed or proves nothing")]
    Invalid,
    /// Known, too old, too soon after the last, or one too many.
    #[error("it is known, out of date, or one too many")]
    Stale,
}

/// What a node has heard; bounded.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// By issuer and subject: when, and whether it was taken back.
    words: BTreeMap<PeerKey, BTreeMap<PeerKey, (u64, bool)>>,
    proven: BTreeSet<PeerKey>,
    /// The same of experts that are not known, oldest first: throwaway keys cost nothing.
    proven_strangers: VecDeque<PeerKey>,
    version: u64,
}

impl Book {
    /// Takes what was heard, if it is true and new; `is_known` tells whether a node has experts that are known.
    pub fn take(
        &mut self,
        attestation: &Attestation,
        now_s: u64,
        is_known: impl FnOnce(PeerKey) -> bool,
    ) -> Result<(), NotTaken> {
        match attestation {
            Attestation::Endorsement(endorsement) => self.take_word(endorsement, now_s)?,
            Attestation::Contradiction(contradiction) => {
                let expert = contradiction.expert;
                let is_full = self.proven.len() >= PROVEN_MAX;
                if self.proven.contains(&expert) || is_full || self.proven_strangers.contains(&expert) {
                    return Err(NotTaken::Stale);
                }
                if !contradiction.holds() {
                    return Err(NotTaken::Invalid);
                }
                if is_known(expert) {
                    self.proven.insert(expert);
                } else {
                    self.proven_strangers.push_back(expert);
                    let too_many = self.proven_strangers.len().saturating_sub(STRANGERS_MAX);
                    self.proven_strangers.drain(..too_many);
                }
            }
        }
        self.version += 1;
        Ok(())
    }

    fn take_word(&mut self, word: &Endorsement, now_s: u64) -> Result<(), NotTaken> {
        if word.issuer == word.subject {
            return Err(NotTaken::Invalid);
        }
        let known = self.words.get(&word.issuer);
        let before = known.and_then(|of| of.get(&word.subject));
        // What is taken back is taken back at once.
        let is_soon = before.is_some_and(|(at_s, revoked)| match word.revoked && !revoked {
            true => word.at_s < *at_s,
            false => word.at_s < at_s.saturating_add(PAUSE_S),
        });
        let is_past =
            word.at_s.saturating_add(LIFETIME_S) <= now_s || word.at_s > now_s.saturating_add(SKEW_S);
        let is_too_many = before.is_none() && known.is_some_and(|of| of.len() >= SUBJECTS_MAX);
        if is_soon || is_past || is_too_many {
            return Err(NotTaken::Stale);
        }
        // The dearest check last.
        if !word.is_signed() {
            return Err(NotTaken::Invalid);
        }
        if known.is_none() && self.words.len() >= ISSUERS_MAX {
            let last_word = |of: &BTreeMap<PeerKey, (u64, bool)>| of.values().map(|(at_s, _)| *at_s).max();
            let oldest = self.words.iter().min_by_key(|(_, of)| last_word(of)).map(|(issuer, _)| *issuer);
            oldest.map(|issuer| self.words.remove(&issuer));
        }
        self.words.entry(word.issuer).or_default().insert(word.subject, (word.at_s, word.revoked));
        Ok(())
    }

    /// Every word that holds now.
    pub fn endorsed(&self, now_s: u64) -> Vec<Endorsed> {
        let all = self
            .words
            .iter()
            .flat_map(|(issuer, of)| of.iter().map(move |(subject, said)| (issuer, subject, said)));
        let holding =
            all.filter(|(_, _, (at_s, revoked))| !revoked && at_s.saturating_add(LIFETIME_S) > now_s);
        holding
            .map(|(issuer, subject, _)| Endorsed { issuer: *issuer, subject: *subject, weight: 1.0 })
            .collect()
    }

    /// Whether an expert of this node is proven to have contradicted itself.
    pub fn is_proven(&self, expert: PeerKey) -> bool {
        self.proven.contains(&expert) || self.proven_strangers.contains(&expert)
    }

    /// Counts what was taken: the same number means that nothing is new.
    pub fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Evidence, Reported};

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn peer(n: u8) -> PeerKey {
        PeerKey(key(n).verifying_key().to_bytes())
    }

    fn contradiction(opened: &Evidence) -> Contradiction {
        let commitment =
            Commitment::sign(&key(7), [[1; 16], [4; 16]], Sha256Hash([2; 32]), Evidence::default().hash());
        let opened_signature = commitment.open(&key(7), opened);
        Contradiction { expert: peer(7), commitment, opened: opened.hash(), opened_signature }
    }

    fn other() -> Evidence {
        Evidence { end: Some(Reported { id: 1, steps: 2, top: vec![] }), ..Evidence::default() }
    }

    #[test]
    fn words_are_taken_once_while_they_hold_and_until_taken_back() {
        let mut book = Book::default();
        let mut say = |word: Endorsement, now_s| {
            (book.take(&Attestation::Endorsement(word), now_s, |_| true), book.endorsed(now_s).len())
        };
        let word = Endorsement::sign(&key(1), peer(2), 1_000, false);
        assert_eq!(say(word, 1_000), (Ok(()), 1));
        assert_eq!(say(word, 1_001), (Err(NotTaken::Stale), 1));
        assert_eq!(
            say(Endorsement::sign(&key(1), peer(2), 1_050, false), 1_050).0,
            Err(NotTaken::Stale),
            "too soon"
        );
        assert_eq!(
            say(Endorsement::sign(&key(1), peer(2), 999, true), 1_050).0,
            Err(NotTaken::Stale),
            "said before"
        );
        assert_eq!(
            say(Endorsement::sign(&key(1), peer(2), 1_001, true), 1_050),
            (Ok(()), 0),
            "taken back at once"
        );
        assert_eq!(
            say(Endorsement::sign(&key(1), peer(2), 1_060, false), 1_060).0,
            Err(NotTaken::Stale),
            "to and fro"
        );
        assert_eq!(
            say(Endorsement::sign(&key(3), peer(2), 9_999, false), 2_000).0,
            Err(NotTaken::Stale),
            "ahead"
        );
        assert_eq!(
            say(Endorsement::sign(&key(3), peer(2), 1_500, false), 1_500 + LIFETIME_S).0,
            Err(NotTaken::Stale)
        );
        assert_eq!(
            say(Endorsement::sign(&key(3), peer(3), 2_000, false), 2_000).0,
            Err(NotTaken::Invalid),
            "itself"
        );
        let forged = Endorsement { subject: peer(4), ..word };
        assert_eq!(say(forged, 1_000).0, Err(NotTaken::Invalid));
    }

    #[test]
    fn only_two_signatures_that_contradict_each_other_prove_anything() {
        let mut book = Book::default();
        let mut say = |c: Contradiction| book.take(&Attestation::Contradiction(c), 0, |_| true);
        assert_eq!(say(contradiction(&Evidence::default())), Err(NotTaken::Invalid), "the same thing");
        let slander = Contradiction { expert: peer(8), ..contradiction(&other()) };
        assert_eq!(say(slander), Err(NotTaken::Invalid));
        assert_eq!(say(contradiction(&other())), Ok(()));
        assert_eq!(say(contradiction(&other())), Err(NotTaken::Stale));
        assert!(book.is_proven(peer(7)) && !book.is_proven(peer(8)));
        assert_eq!(book.version(), 1);
        let mut unknown = Book::default();
        let proof = Attestation::Contradiction(contradiction(&other()));
        assert_eq!(unknown.take(&proof, 0, |_| false), Ok(()));
        assert!(unknown.is_proven(peer(7)));
        unknown.proven_strangers.extend((0..STRANGERS_MAX).map(|n| PeerKey([n as u8; 32])));
        let next = SigningKey::from_bytes(&[8; 32]);
        let commitment = Commitment::sign(&next, [[1; 16]; 2], Sha256Hash([2; 32]), Sha256Hash([3; 32]));
        let opened_signature = commitment.open(&next, &other());
        let proof = Contradiction { expert: peer(8), commitment, opened: other().hash(), opened_signature };
        assert_eq!(unknown.take(&Attestation::Contradiction(proof), 0, |_| false), Ok(()));
        assert!(!unknown.is_proven(peer(7)) && unknown.is_proven(peer(8)), "the latest are kept");
    }

    #[test]
    fn who_vouches_for_everybody_fills_nobodys_book() {
        let mut book = Book::default();
        for n in 0..300u16 {
            let mut subject = [9; 32];
            subject[..2].copy_from_slice(&n.to_be_bytes());
            let word = Endorsement::sign(&key(1), PeerKey(subject), 1_000, false);
            let taken = book.take(&Attestation::Endorsement(word), 1_000, |_| true);
            assert_eq!(taken.is_ok(), usize::from(n) < SUBJECTS_MAX);
        }
        assert_eq!(book.endorsed(1_000).len(), SUBJECTS_MAX);
    }
}
