//! What one side keeps of a task.

use super::receipt::take;
use super::{RECEIPT_BYTES, Receipt, ReceiptError};
use crate::identity::PeerKey;

/// Bytes of a receipt and one signature.
const VERSION_BYTES: usize = RECEIPT_BYTES + 64;

/// A receipt as one side signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// What was signed.
    pub receipt: Receipt,
    /// By whoever this is the version of.
    pub signature: [u8; 64],
}

/// How far the two sides have got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// This side has signed, the other has not answered yet.
    Open,
    /// The other has signed the same.
    Settled {
        /// The other's signature under the same bytes.
        countersignature: [u8; 64],
    },
    /// The other says something else, and signed that.
    Disputed {
        /// What it says.
        theirs: Version,
    },
}

impl State {
    /// As people and programs read it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled { .. } => "settled",
            Self::Disputed { .. } => "disputed",
        }
    }
}

/// What this side keeps of one task, on either side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its own version. Where the expert learns of a task from the asker alone, and where both agree, this is the asker's receipt
    /// under the expert's signature.
    pub ours: Version,
    /// What the other side says.
    pub state: State,
}

/// Why an entry cannot be read.
pub type EntryError = ReceiptError;

impl Entry {
    /// Whether `own` is who delivered.
    pub fn has_given(&self, own: PeerKey) -> bool {
        self.ours.receipt.expert == own
    }

    /// The other node.
    pub fn other(&self, own: PeerKey) -> PeerKey {
        let Receipt { asker, expert, .. } = self.ours.receipt;
        if expert == own { asker } else { expert }
    }

    /// What both sides say was delivered, and what is owed for it in millionths of a credit: of two versions the smaller.
    pub fn agreed(&self) -> (u32, u64) {
        let ours = self.ours.receipt;
        match self.state {
            State::Open | State::Settled { .. } => (ours.tokens, ours.amount_micro()),
            State::Disputed { theirs: Version { receipt, .. } } => {
                (ours.tokens.min(receipt.tokens), ours.amount_micro().min(receipt.amount_micro()))
            }
        }
    }

    /// Millionths of a credit that the two do not agree on.
    pub fn disputed_micro(&self) -> u64 {
        match self.state {
            State::Open | State::Settled { .. } => 0,
            State::Disputed { theirs } => {
                self.ours.receipt.amount_micro().abs_diff(theirs.receipt.amount_micro())
            }
        }
    }

    /// Whether every signature in it is `own`'s and the other's.
    ///
    /// # Errors
    /// Says which check failed.
    pub fn verify(&self, own: PeerKey) -> Result<(), ReceiptError> {
        let other = self.other(own);
        self.ours.receipt.verify(own, self.ours.signature)?;
        match self.state {
            State::Open => Ok(()),
            State::Settled { countersignature } => self.ours.receipt.verify(other, countersignature),
            State::Disputed { theirs } if theirs.receipt.id() != self.ours.receipt.id() => {
                Err(ReceiptError::OtherParties)
            }
            State::Disputed { theirs } => theirs.receipt.verify(other, theirs.signature),
        }
    }

    /// For the store: own version, then a byte that says what follows.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * VERSION_BYTES + 1);
        let mut put = |version: &Version| {
            bytes.extend(version.receipt.to_bytes());
            bytes.extend(version.signature);
        };
        put(&self.ours);
        match self.state {
            State::Open => bytes.push(0),
            State::Settled { countersignature } => {
                bytes.push(1);
                bytes.extend(countersignature);
            }
            State::Disputed { theirs } => {
                bytes.push(2);
                bytes.extend(theirs.receipt.to_bytes());
                bytes.extend(theirs.signature);
            }
        }
        bytes
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let mut rest = bytes;
        let version = |rest: &mut &[u8]| -> Result<Version, ReceiptError> {
            let receipt = Receipt::from_bytes(&take::<RECEIPT_BYTES>(rest)?)?;
            Ok(Version { receipt, signature: take(rest)? })
        };
        let ours = version(&mut rest)?;
        let state = match take::<1>(&mut rest)? {
            [0] => State::Open,
            [1] => State::Settled { countersignature: take(&mut rest)? },
            [2] => State::Disputed { theirs: version(&mut rest)? },
            _ => return Err(ReceiptError::Malformed),
        };
        if rest.is_empty() { Ok(Self { ours, state }) } else { Err(ReceiptError::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::receipt::tests::{keys, receipt};

    #[test]
    fn entries_survive_their_bytes_and_are_verified() {
        let (asker, expert) = keys();
        let of = receipt(1);
        let ours = Version { receipt: of, signature: of.sign(&asker) };
        let other = Receipt { tokens: 50, ..of };
        let theirs = Version { receipt: other, signature: other.sign(&expert) };
        let states =
            [State::Open, State::Settled { countersignature: of.sign(&expert) }, State::Disputed { theirs }];
        for state in states {
            let entry = Entry { ours, state };
            let bytes = entry.to_bytes();
            assert_eq!(Entry::from_bytes(&bytes), Ok(entry));
            assert!(Entry::from_bytes(&bytes[..bytes.len() - 1]).is_err());
            assert_eq!(entry.verify(of.asker), Ok(()));
            assert!(entry.verify(of.expert).is_err(), "the other side's signature is not one's own");
            assert_eq!((entry.has_given(of.asker), entry.has_given(of.expert)), (false, true));
            assert_eq!(entry.other(of.asker), of.expert);
        }
        let forged = State::Settled { countersignature: of.sign(&asker) };
        assert!(Entry { ours, state: forged }.verify(of.asker).is_err());
        let elsewhere = Receipt { task_id: [7; 16], ..of };
        let theirs = Version { receipt: elsewhere, signature: elsewhere.sign(&expert) };
        assert!(Entry { ours, state: State::Disputed { theirs } }.verify(of.asker).is_err());
    }

    #[test]
    fn of_two_versions_both_sides_count_the_smaller() {
        let (asker, expert) = keys();
        let (less, more) = (receipt(1), Receipt { tokens: 50, ..receipt(1) });
        let versions = (
            Version { receipt: less, signature: less.sign(&asker) },
            Version { receipt: more, signature: more.sign(&expert) },
        );
        let askers = Entry { ours: versions.0, state: State::Disputed { theirs: versions.1 } };
        let experts = Entry { ours: versions.1, state: State::Disputed { theirs: versions.0 } };
        assert_eq!(askers.agreed(), (40, 120));
        assert_eq!(experts.agreed(), askers.agreed());
        assert_eq!((askers.disputed_micro(), experts.disputed_micro()), (30, 30));
        assert_eq!(Entry { ours: versions.1, state: State::Open }.agreed(), (50, 150));
    }
}
