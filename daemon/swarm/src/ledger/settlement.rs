//! What the two sides make of each other's words.

use super::{Entry, Receipt, ReceiptError, State, Version};
use crate::identity::PeerKey;
use ed25519_dalek::SigningKey;

/// Receipts that are settled in one exchange.
pub const SETTLED_AT_ONCE_MAX: usize = 64;

/// What an expert answers to a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It signs the same.
    Countersigned([u8; 64]),
    /// It says something else.
    Disputed(Version),
    /// It does not take it at all.
    Refused(String),
}

impl Entry {
    /// As the expert: what becomes of what it has of a task, and what it answers, when the asker says `theirs`. `theirs` is verified by
    /// now. Hearing the same again changes nothing.
    pub fn heard(held: Option<Self>, theirs: Version, key: &SigningKey) -> (Self, Settlement) {
        match held {
            Some(entry @ Self { ours, state: State::Settled { .. } }) if ours.receipt == theirs.receipt => {
                (entry, Settlement::Countersigned(ours.signature))
            }
            // It has signed one thing before: that stands.
            Some(entry @ Self { ours, state: State::Settled { .. } | State::Disputed { .. } }) => {
                (entry, Settlement::Disputed(ours))
            }
            Some(Self { ours, state: State::Open }) if !ours.receipt.agrees_with(&theirs.receipt) => {
                (Self { ours, state: State::Disputed { theirs } }, Settlement::Disputed(ours))
            }
            Some(Self { state: State::Open, .. }) | None => {
                let signature = theirs.receipt.sign(key);
                let state = State::Settled { countersignature: theirs.signature };
                let ours = Version { receipt: theirs.receipt, signature };
                (Self { ours, state }, Settlement::Countersigned(signature))
            }
        }
    }

    /// As the asker: what becomes of its own word when `expert` answers; `None` if the answer changes nothing.
    ///
    /// # Errors
    /// The answer is not the expert's, or of another task.
    pub fn answered(self, settlement: &Settlement, expert: PeerKey) -> Result<Option<Self>, ReceiptError> {
        let Receipt { expert: named, .. } = self.ours.receipt;
        if named != expert {
            return Err(ReceiptError::OtherParties);
        }
        let state = match (self.state, settlement) {
            (State::Open, Settlement::Countersigned(countersignature)) => {
                State::Settled { countersignature: *countersignature }
            }
            (State::Open, Settlement::Disputed(theirs)) => State::Disputed { theirs: *theirs },
            (_, Settlement::Refused(_)) | (State::Settled { .. } | State::Disputed { .. }, _) => {
                return Ok(None);
            }
        };
        let entry = Self { state, ..self };
        entry.verify(self.ours.receipt.asker)?;
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::receipt::tests::{keys, receipt};

    fn open(receipt: Receipt, key: &SigningKey) -> Entry {
        Entry { ours: Version { receipt, signature: receipt.sign(key) }, state: State::Open }
    }

    #[test]
    fn both_sides_come_to_hold_the_same_receipt() {
        let (asker, expert) = keys();
        let owed = open(receipt(1), &asker);
        // The expert's clock is another one.
        let claimed = open(Receipt { at_ms: 1_500, ..receipt(1) }, &expert);
        for held in [None, Some(claimed)] {
            let (experts, settlement) = Entry::heard(held, owed.ours, &expert);
            let askers = owed.answered(&settlement, receipt(1).expert).unwrap().unwrap();
            assert_eq!(experts.ours.receipt, askers.ours.receipt);
            assert_eq!(experts.verify(receipt(1).expert), Ok(()));
            assert_eq!(askers.verify(receipt(1).asker), Ok(()));
            // Once more, since the answer was lost.
            assert_eq!(Entry::heard(Some(experts), owed.ours, &expert), (experts, settlement.clone()));
            assert_eq!(askers.answered(&settlement, receipt(1).expert), Ok(None));
        }
    }

    #[test]
    fn disputes_keep_both_versions_and_stand() {
        let (asker, expert) = keys();
        let owed = open(Receipt { tokens: 10, ..receipt(1) }, &asker);
        let claimed = open(receipt(1), &expert);
        let (experts, settlement) = Entry::heard(Some(claimed), owed.ours, &expert);
        let askers = owed.answered(&settlement, receipt(1).expert).unwrap().unwrap();
        assert_eq!(experts.state, State::Disputed { theirs: owed.ours });
        assert_eq!(askers.state, State::Disputed { theirs: claimed.ours });
        assert_eq!(experts.agreed(), askers.agreed());
        let changed_mind = open(receipt(1), &asker);
        assert_eq!(Entry::heard(Some(experts), changed_mind.ours, &expert).0, experts);
        // Nor does a settled one become another.
        let (settled, _) = Entry::heard(None, claimed_by_asker(&asker), &expert);
        let (after, settlement) = Entry::heard(Some(settled), owed.ours, &expert);
        assert_eq!((after, settlement), (settled, Settlement::Disputed(settled.ours)));
    }

    fn claimed_by_asker(asker: &SigningKey) -> Version {
        open(receipt(1), asker).ours
    }

    #[test]
    fn only_the_expert_can_answer_and_only_for_this_task() {
        let (asker, expert) = keys();
        let owed = open(receipt(1), &asker);
        let forged = Settlement::Countersigned(owed.ours.signature);
        assert!(owed.answered(&forged, receipt(1).expert).is_err());
        let elsewhere = open(receipt(2), &expert).ours;
        assert!(owed.answered(&Settlement::Disputed(elsewhere), receipt(1).expert).is_err());
        let right = Settlement::Countersigned(owed.ours.receipt.sign(&expert));
        assert_eq!(owed.answered(&right, PeerKey([8; 32])), Err(ReceiptError::OtherParties));
        assert_eq!(owed.answered(&Settlement::Refused("no".into()), receipt(1).expert), Ok(None));
    }
}
