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
    /// As either side: what becomes of what it has of a task when it has its own word to say, signed with its `key`; `None` if that changes
    /// nothing. What an asker said before, without the expert's word, is held against that.
    pub fn said(held: Option<Self>, receipt: Receipt, key: &SigningKey) -> Option<Self> {
        let state = match held {
            None => State::Open,
            // What costs nothing has no say: its name may be that of a task before.
            Some(Self { ours: theirs, state: State::Settled { countersignature } })
                if receipt.expert == PeerKey(key.verifying_key().to_bytes())
                    && receipt.amount_micro() > 0
                    && !receipt.agrees_with(&theirs.receipt) =>
            {
                let theirs = Version { receipt: theirs.receipt, signature: countersignature };
                State::Disputed { theirs }
            }
            Some(_) => return None,
        };
        Some(Self { ours: Version { receipt, signature: receipt.sign(key) }, state })
    }

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

    #[test]
    fn an_asker_that_speaks_first_does_not_silence_the_expert() {
        let (asker, expert) = keys();
        let of = receipt(1);
        let heard = |of: Receipt| Entry::heard(None, open(of, &asker).ours, &expert).0;
        for less in [Receipt { tokens: 0, ..of }, Receipt { tokens: 0, price_micro: 0, ..of }] {
            let entry = Entry::said(Some(heard(less)), of, &expert).unwrap();
            assert_eq!(
                (entry.ours, entry.state),
                (open(of, &expert).ours, State::Disputed { theirs: open(less, &asker).ours })
            );
            assert_eq!((entry.agreed(), entry.disputed_micro()), ((0, 0), 120));
            assert_eq!(entry.verify(of.expert), Ok(()));
            assert_eq!(Entry::from_bytes(&entry.to_bytes()), Ok(entry));
            // It stands, whoever says it again.
            assert_eq!(Entry::said(Some(entry), of, &expert), None);
            assert_eq!(
                Entry::heard(Some(entry), open(less, &asker).ours, &expert),
                (entry, Settlement::Disputed(entry.ours))
            );
        }
        let more = Entry::said(Some(heard(Receipt { tokens: 50, ..of })), of, &expert).unwrap();
        assert_eq!((more.agreed(), more.disputed_micro()), ((40, 120), 30));
    }

    #[test]
    fn the_first_task_of_a_name_counts() {
        let (asker, expert) = keys();
        let of = receipt(1);
        assert_eq!(Entry::said(None, of, &asker), Some(open(of, &asker)));
        let (settled, _) = Entry::heard(None, claimed_by_asker(&asker), &expert);
        // The asker was heard first, and says the same; its clock is another one.
        assert_eq!(Entry::said(Some(settled), Receipt { at_ms: 7, ..of }, &expert), None);
        // A free task has no say about a priced one before, nor has a second word.
        assert_eq!(Entry::said(Some(settled), Receipt { price_micro: 0, ..of }, &expert), None);
        assert_eq!(Entry::said(Some(settled), Receipt { tokens: 0, ..of }, &expert), None);
        assert_eq!(Entry::said(Some(open(of, &expert)), Receipt { tokens: 9, ..of }, &expert), None);
        let countersigned = Settlement::Countersigned(of.sign(&expert));
        let askers = open(of, &asker).answered(&countersigned, of.expert).unwrap();
        assert_eq!(Entry::said(askers, Receipt { tokens: 9, ..of }, &asker), None);
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
