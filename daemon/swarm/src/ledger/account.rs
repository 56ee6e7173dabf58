//! What all receipts with one node come to, and what follows from it.

use super::{Entry, State};
use crate::identity::PeerKey;
use crate::trust::Tier;

/// What this node and another have delivered to each other. Amounts in millionths of a credit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Tokens delivered to the other, as both say.
    pub given_tokens: u64,
    /// What it owes for those.
    pub given_micro: u64,
    /// Tokens that it delivered, as both say.
    pub taken_tokens: u64,
    /// What is owed for those.
    pub taken_micro: u64,
    /// What was delivered to the other, and it has not signed yet.
    pub claimed_micro: u64,
    /// What this node owes by its own word, and the other has not signed yet.
    pub owed_micro: u64,
    /// What the two do not agree on.
    pub disputed_micro: u64,
    /// Tasks that both sides have spoken on.
    pub receipts: u64,
}

impl Account {
    /// Counts an entry, `own` being this node.
    pub fn add(&mut self, entry: &Entry, own: PeerKey) {
        self.count(entry, own, u64::saturating_add);
    }

    /// Counts an entry no more: it has become another, or is forgotten before the other side has spoken.
    pub fn take_back(&mut self, entry: &Entry, own: PeerKey) {
        self.count(entry, own, u64::saturating_sub);
    }

    fn count(&mut self, entry: &Entry, own: PeerKey, by: impl Fn(u64, u64) -> u64) {
        let (tokens, micro) = entry.agreed();
        let change = |of: &mut u64, n: u64| *of = by(*of, n);
        match (entry.state, entry.has_given(own)) {
            (State::Open, true) => change(&mut self.claimed_micro, micro),
            (State::Open, false) => change(&mut self.owed_micro, micro),
            (State::Settled { .. } | State::Disputed { .. }, given) => {
                let (all_tokens, all_micro) = match given {
                    true => (&mut self.given_tokens, &mut self.given_micro),
                    false => (&mut self.taken_tokens, &mut self.taken_micro),
                };
                change(all_tokens, tokens.into());
                change(all_micro, micro);
                change(&mut self.disputed_micro, entry.disputed_micro());
                change(&mut self.receipts, 1);
            }
        }
    }

    /// What the other owes this node, as both say; negative if this node owes.
    pub fn balance_micro(&self) -> i64 {
        difference(self.given_micro, self.taken_micro)
    }

    /// What the other owes by this node's own account, which is what credit is measured by: what is claimed counts, and so does
    /// what is disputed.
    pub fn exposure_micro(&self) -> i64 {
        let given = self.given_micro.saturating_add(self.claimed_micro).saturating_add(self.disputed_micro);
        difference(given, self.taken_micro.saturating_add(self.owed_micro))
    }

    /// Who comes first where several wait: those who have given more than they took.
    pub fn priority(&self) -> Priority {
        // Where nothing has a price, tokens tell.
        let given = self.taken_tokens.cmp(&self.given_tokens);
        match self.balance_micro().cmp(&0).reverse().then(given) {
            std::cmp::Ordering::Greater => Priority::Giver,
            std::cmp::Ordering::Equal => Priority::Stranger,
            std::cmp::Ordering::Less => Priority::Debtor,
        }
    }
}

fn difference(more: u64, less: u64) -> i64 {
    i64::try_from(i128::from(more) - i128::from(less)).unwrap_or(if more > less {
        i64::MAX
    } else {
        i64::MIN
    })
}

/// Who is served first where several wait, the last first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Has taken more than it gave.
    Debtor,
    /// Has done neither, or both alike.
    #[default]
    Stranger,
    /// Has given more than it took.
    Giver,
    /// The node's own.
    Owner,
}

/// How much others may owe, in millionths of a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// For those that are trusted.
    pub most_micro: u64,
}

impl Credit {
    /// What a node of this tier may owe. A stranger nothing: a fresh identity gains nothing.
    pub fn limit_micro(self, tier: Tier) -> u64 {
        match tier {
            Tier::Unknown => 0,
            Tier::Known => self.most_micro / 10,
            Tier::Verified => self.most_micro / 2,
            Tier::Trusted => self.most_micro,
        }
    }

    /// Whether a node with this account may take on another `cost_micro`. What costs nothing needs no credit.
    pub fn allows(self, account: &Account, tier: Tier, cost_micro: u64) -> bool {
        let after = i128::from(account.exposure_micro()) + i128::from(cost_micro);
        cost_micro == 0 || after <= i128::from(self.limit_micro(tier))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::receipt::tests::{keys, receipt};
    use crate::ledger::{Receipt, Version};

    fn entries(tokens: u32) -> (Entry, Entry) {
        let (asker, expert) = keys();
        let of = Receipt { tokens, ..receipt(1) };
        let signatures = (of.sign(&asker), of.sign(&expert));
        let ours = |signature| Version { receipt: of, signature };
        let settled = |countersignature| State::Settled { countersignature };
        (
            Entry { ours: ours(signatures.0), state: settled(signatures.1) },
            Entry { ours: ours(signatures.1), state: settled(signatures.0) },
        )
    }

    #[test]
    fn two_ledgers_of_the_same_receipts_agree() {
        let (askers, experts) = entries(40);
        let (asker, expert) = (askers.ours.receipt.asker, askers.ours.receipt.expert);
        let (mut takes, mut gives) = (Account::default(), Account::default());
        takes.add(&askers, asker);
        gives.add(&experts, expert);
        assert_eq!((takes.taken_tokens, takes.taken_micro), (gives.given_tokens, gives.given_micro));
        assert_eq!((takes.balance_micro(), gives.balance_micro()), (-120, 120));
        assert_eq!((takes.priority(), gives.priority()), (Priority::Giver, Priority::Debtor));
        gives.take_back(&experts, expert);
        assert_eq!(gives, Account::default());
        assert_eq!(gives.priority(), Priority::Stranger);
    }

    #[test]
    fn what_is_not_signed_yet_counts_for_credit_alone() {
        let (askers, experts) = entries(40);
        let (asker, expert) = (askers.ours.receipt.asker, askers.ours.receipt.expert);
        let (mut takes, mut gives) = (Account::default(), Account::default());
        takes.add(&Entry { state: State::Open, ..askers }, asker);
        gives.add(&Entry { state: State::Open, ..experts }, expert);
        assert_eq!((takes.balance_micro(), takes.exposure_micro()), (0, -120));
        assert_eq!((gives.balance_micro(), gives.exposure_micro()), (0, 120));
    }

    #[test]
    fn strangers_have_no_credit_and_givers_need_none() {
        let credit = Credit { most_micro: 1_000 };
        let (mut account, stranger) = (Account::default(), Tier::Unknown);
        assert!(credit.allows(&account, stranger, 0));
        assert!(!credit.allows(&account, stranger, 1));
        assert!(credit.allows(&account, Tier::Trusted, 1_000));
        assert!(!credit.allows(&account, Tier::Trusted, 1_001));
        account.taken_micro = 500;
        assert!(credit.allows(&account, stranger, 500));
        assert!(!credit.allows(&account, stranger, 501));
        account.disputed_micro = 1;
        assert!(!credit.allows(&account, stranger, 500));
        let most = Account { given_micro: u64::MAX, claimed_micro: u64::MAX, ..Account::default() };
        assert!(!Credit { most_micro: u64::MAX }.allows(&most, Tier::Trusted, u64::MAX));
    }
}
