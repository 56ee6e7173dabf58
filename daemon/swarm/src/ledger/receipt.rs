//! What one finished task comes to.

use crate::identity::{Domain, Envelope, EnvelopeError, PeerKey, Sha256Hash};
use crate::task::TOKENS_MAX;
use ed25519_dalek::SigningKey;

/// Bytes of a receipt's canonical form.
pub const RECEIPT_BYTES: usize = 16 + 3 * 32 + 4 + 3 * 8;
/// The highest price of a token, in millionths of a credit: a thousand credits. The dearest answer stays far below what 64 bits hold.
pub const PRICE_MICRO_MAX: u64 = 1_000_000_000;
/// How far ahead another node's clock may be.
const SKEW_MS: u64 = 10 * 60 * 1_000;

/// One finished task: who delivered what to whom, at which price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The task, as its asker named it.
    pub task_id: [u8; 16],
    /// Who asked, and owes.
    pub asker: PeerKey,
    /// Who delivered.
    pub expert: PeerKey,
    /// Hash of the card of the expert that answered.
    pub card: Sha256Hash,
    /// Generated tokens, as delivered.
    pub tokens: u32,
    /// The price of one, in millionths of a credit, as the expert accepted the task.
    pub price_micro: u64,
    /// The most that the asker had offered for one.
    pub price_micro_max: u64,
    /// When it was finished, by the signer's clock; milliseconds since 1970.
    pub at_ms: u64,
}

/// Why a receipt is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not of the form that receipts have.
    #[error("it is no receipt")]
    Malformed,
    /// Its sender is not who owes, or its receiver not who delivered.
    #[error("it is not between these two nodes")]
    OtherParties,
    /// The price is above the cap, or one of the numbers is out of all proportion.
    #[error("its numbers are out of bounds")]
    OutOfBounds,
    /// It is from the future.
    #[error("it is from the future")]
    FromTheFuture,
    /// The signature is wrong.
    #[error(transparent)]
    Signature(#[from] EnvelopeError),
}

impl Receipt {
    /// What both sides know the task by: a hash of the task and both peers, so that neither can be charged for another's task.
    pub fn id(&self) -> Sha256Hash {
        Sha256Hash::of(&[&self.task_id[..], &self.asker.0, &self.expert.0].concat())
    }

    /// What is owed, in millionths of a credit.
    pub fn amount_micro(&self) -> u64 {
        self.price_micro.saturating_mul(self.tokens.into())
    }

    /// The bytes that are signed; numbers little-endian, in the order of the fields.
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = [self.price_micro, self.price_micro_max, self.at_ms].map(u64::to_le_bytes).concat();
        let tokens = self.tokens.to_le_bytes();
        [&self.task_id[..], &self.asker.0, &self.expert.0, &self.card.0, &tokens, &numbers].concat()
    }

    /// Reads [`Self::to_bytes`]. Whether it makes sense is for [`Self::check`] to say.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] for any other number of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let mut rest = bytes;
        let receipt = Self {
            task_id: take(&mut rest)?,
            asker: PeerKey(take(&mut rest)?),
            expert: PeerKey(take(&mut rest)?),
            card: Sha256Hash(take(&mut rest)?),
            tokens: u32::from_le_bytes(take(&mut rest)?),
            price_micro: u64::from_le_bytes(take(&mut rest)?),
            price_micro_max: u64::from_le_bytes(take(&mut rest)?),
            at_ms: u64::from_le_bytes(take(&mut rest)?),
        };
        if rest.is_empty() { Ok(receipt) } else { Err(ReceiptError::Malformed) }
    }

    /// Whether `expert` may take this from `asker` at `now_ms`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self, asker: PeerKey, expert: PeerKey, now_ms: u64) -> Result<(), ReceiptError> {
        if (self.asker, self.expert) != (asker, expert) || asker == expert {
            return Err(ReceiptError::OtherParties);
        }
        let in_bounds = self.tokens <= TOKENS_MAX
            && self.price_micro <= self.price_micro_max
            && self.price_micro <= PRICE_MICRO_MAX;
        if !in_bounds {
            return Err(ReceiptError::OutOfBounds);
        }
        if self.at_ms > now_ms.saturating_add(SKEW_MS) {
            return Err(ReceiptError::FromTheFuture);
        }
        Ok(())
    }

    /// Whether two versions of one task say the same of what was delivered; clocks may differ.
    pub fn agrees_with(&self, other: &Self) -> bool {
        Self { at_ms: other.at_ms, ..*self } == *other
    }

    /// Signs it, as either side.
    pub fn sign(&self, key: &SigningKey) -> [u8; 64] {
        Envelope::seal(key, Domain::Receipt, self.to_bytes()).signature
    }

    /// Whether `signer` signed it.
    ///
    /// # Errors
    /// [`ReceiptError::Signature`].
    pub fn verify(&self, signer: PeerKey, signature: [u8; 64]) -> Result<(), ReceiptError> {
        Ok(Envelope { payload: self.to_bytes(), signer, signature }.verify(Domain::Receipt)?)
    }
}

/// Takes the first bytes off.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ReceiptError> {
    let (first, others) = rest.split_first_chunk::<N>().ok_or(ReceiptError::Malformed)?;
    *rest = others;
    Ok(*first)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::ledger) fn keys() -> (SigningKey, SigningKey) {
        (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]))
    }

    pub(in crate::ledger) fn receipt(task: u8) -> Receipt {
        let (asker, expert) = keys();
        Receipt {
            task_id: [task; 16],
            asker: PeerKey(asker.verifying_key().to_bytes()),
            expert: PeerKey(expert.verifying_key().to_bytes()),
            card: Sha256Hash([9; 32]),
            tokens: 40,
            price_micro: 3,
            price_micro_max: 5,
            at_ms: 1_000,
        }
    }

    #[test]
    fn a_receipt_survives_its_bytes_and_no_change() {
        let (asker, _) = keys();
        let of = receipt(1);
        assert_eq!(of.to_bytes().len(), RECEIPT_BYTES);
        assert_eq!(Receipt::from_bytes(&of.to_bytes()), Ok(of));
        assert_eq!(Receipt::from_bytes(&of.to_bytes()[1..]), Err(ReceiptError::Malformed));
        assert_eq!(Receipt::from_bytes(&[&of.to_bytes()[..], &[0]].concat()), Err(ReceiptError::Malformed));
        let signature = of.sign(&asker);
        assert_eq!(of.verify(of.asker, signature), Ok(()));
        assert!(of.verify(of.expert, signature).is_err());
        for at in 0..RECEIPT_BYTES {
            let mut bytes = of.to_bytes();
            bytes[at] ^= 1;
            let changed = Receipt::from_bytes(&bytes).unwrap();
            assert!(changed.verify(of.asker, signature).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_id_is_of_the_task_and_both_peers_alone() {
        let of = receipt(1);
        assert_eq!(of.id(), Receipt { tokens: 1, at_ms: 7, price_micro: 0, ..of }.id());
        assert_ne!(of.id(), receipt(2).id());
        assert_ne!(of.id(), Receipt { asker: of.expert, expert: of.asker, ..of }.id());
    }

    #[test]
    fn only_sensible_receipts_between_the_two_are_taken() {
        let of = receipt(1);
        let check = |r: Receipt| r.check(of.asker, of.expert, 1_000);
        assert_eq!(check(of), Ok(()));
        assert_eq!(check(Receipt { asker: PeerKey([8; 32]), ..of }), Err(ReceiptError::OtherParties));
        assert_eq!(check(Receipt { price_micro: 6, ..of }), Err(ReceiptError::OutOfBounds));
        assert_eq!(check(Receipt { tokens: TOKENS_MAX + 1, ..of }), Err(ReceiptError::OutOfBounds));
        let dear = Receipt { price_micro: u64::MAX, price_micro_max: u64::MAX, ..of };
        assert_eq!(check(dear), Err(ReceiptError::OutOfBounds));
        assert_eq!(check(Receipt { at_ms: 1_000 + SKEW_MS + 1, ..of }), Err(ReceiptError::FromTheFuture));
        let with_oneself = Receipt { expert: of.asker, ..of };
        assert_eq!(with_oneself.check(of.asker, of.asker, 1_000), Err(ReceiptError::OtherParties));
    }
}
