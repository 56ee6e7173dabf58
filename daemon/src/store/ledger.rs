//! Receipts with other nodes, and the accounts that follow from them: always changed together.

use super::{Change, Error, Store};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::{Account, Entry, State};
use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition};

/// Numbered from 1 in the order in which they came, in their canonical form.
pub(super) const RECEIPTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("receipts");
/// The receipt's id to its number.
pub(super) const NUMBERS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("receipt_numbers");
/// Numbers of those that this node owes for and the other has not answered yet.
pub(super) const UNANSWERED: TableDefinition<'_, u64, ()> = TableDefinition::new("receipts_unanswered");
/// Numbers of those that nothing is owed for: they make way first.
pub(super) const FREE: TableDefinition<'_, u64, ()> = TableDefinition::new("receipts_free");
/// A node to what all receipts with it come to.
pub(super) const ACCOUNTS: TableDefinition<'_, &[u8; 32], Numbers> = TableDefinition::new("accounts");
/// In the order of [`Account`]'s fields.
type Numbers = (u64, u64, u64, u64, u64, u64, u64, u64);
/// Receipts that are kept; of those before, the accounts remain, and free ones go first. Some 40 MB.
const RECEIPTS_MAX: u64 = 100_000;

/// The ledger while it is changed.
pub struct Books<'t> {
    own: PeerKey,
    receipts: Table<'t, u64, &'static [u8]>,
    numbers: Table<'t, &'static [u8; 32], u64>,
    unanswered: Table<'t, u64, ()>,
    free: Table<'t, u64, ()>,
    accounts: Table<'t, &'static [u8; 32], Numbers>,
    changed: Vec<(PeerKey, Account)>,
    receipts_max: u64,
}

impl<'t> Books<'t> {
    fn open(change: &'t Change, own: PeerKey) -> Result<Self, redb::Error> {
        Ok(Self {
            own,
            receipts: change.open_table(RECEIPTS)?,
            numbers: change.open_table(NUMBERS)?,
            unanswered: change.open_table(UNANSWERED)?,
            free: change.open_table(FREE)?,
            accounts: change.open_table(ACCOUNTS)?,
            changed: Vec::new(),
            receipts_max: RECEIPTS_MAX,
        })
    }

    /// What is kept of this task.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn entry(&self, id: Sha256Hash) -> Result<Option<Entry>, redb::Error> {
        let Some(number) = self.numbers.get(&id.0)?.map(|held| held.value()) else { return Ok(None) };
        Ok(self.receipts.get(number)?.and_then(|bytes| Entry::from_bytes(bytes.value()).ok()))
    }

    /// Keeps this of its task, instead of what was kept of it, and sets its account right.
    ///
    /// # Errors
    /// The store cannot be changed.
    pub fn put(&mut self, entry: &Entry) -> Result<(), redb::Error> {
        let id = entry.ours.receipt.id();
        let other = entry.other(self.own);
        let held = self.numbers.get(&id.0)?.map(|held| held.value());
        let number = match held {
            Some(number) => number,
            None => self.receipts.last()?.map_or(0, |(number, _)| number.value()) + 1,
        };
        let before =
            self.receipts.insert(number, &entry.to_bytes()[..])?.map(|b| Entry::from_bytes(b.value()));
        self.numbers.insert(&id.0, number)?;
        let is_unanswered = !entry.has_given(self.own) && entry.state == State::Open;
        match is_unanswered {
            true => self.unanswered.insert(number, ())?.is_some(),
            false => self.unanswered.remove(number)?.is_some(),
        };
        // What turns out to cost something makes way no more.
        match entry.ours.receipt.price_micro == 0 {
            true => self.free.insert(number, ())?.is_some(),
            false => self.free.remove(number)?.is_some(),
        };
        let own = self.own;
        self.account(other, |account| {
            if let Some(Ok(before)) = before {
                account.take_back(&before, own);
            }
            account.add(entry, own);
        })?;
        while self.receipts.len()? > self.receipts_max {
            self.forget_oldest()?;
        }
        Ok(())
    }

    /// What was settled or disputed stays in its account; what was never answered is given up.
    fn forget_oldest(&mut self) -> Result<(), redb::Error> {
        // Many free tasks must not push out what is owed.
        let free = self.free.pop_first()?.map(|(number, _)| number.value());
        let oldest = match free {
            Some(number) => Some(number),
            None => self.receipts.first()?.map(|(number, _)| number.value()),
        };
        let Some(number) = oldest else { return Ok(()) };
        let entry = self.receipts.remove(number)?.map(|bytes| Entry::from_bytes(bytes.value()));
        self.unanswered.remove(number)?;
        let Some(Ok(entry)) = entry else { return Ok(()) };
        self.numbers.remove(&entry.ours.receipt.id().0)?;
        if entry.state == State::Open {
            let own = self.own;
            self.account(entry.other(own), |account| account.take_back(&entry, own))?;
        }
        Ok(())
    }

    fn account(&mut self, of: PeerKey, alter: impl FnOnce(&mut Account)) -> Result<(), redb::Error> {
        let mut account = self.accounts.get(&of.0)?.map(|held| account_of(held.value())).unwrap_or_default();
        alter(&mut account);
        self.accounts.insert(&of.0, numbers_of(account))?;
        self.changed.retain(|(peer, _)| *peer != of);
        self.changed.push((of, account));
        Ok(())
    }
}

fn account_of(numbers: Numbers) -> Account {
    let (
        given_tokens,
        given_micro,
        taken_tokens,
        taken_micro,
        claimed_micro,
        owed_micro,
        disputed_micro,
        receipts,
    ) = numbers;
    Account {
        given_tokens,
        given_micro,
        taken_tokens,
        taken_micro,
        claimed_micro,
        owed_micro,
        disputed_micro,
        receipts,
    }
}

fn numbers_of(a: Account) -> Numbers {
    (
        a.given_tokens,
        a.given_micro,
        a.taken_tokens,
        a.taken_micro,
        a.claimed_micro,
        a.owed_micro,
        a.disputed_micro,
        a.receipts,
    )
}

impl Store {
    /// Changes the ledger of the node `own`: everything that `alter` does, or nothing. Returns what it returns, and the accounts that
    /// are others now.
    pub fn change_ledger<T>(
        &self,
        own: PeerKey,
        alter: impl FnOnce(&mut Books<'_>) -> Result<T, redb::Error>,
    ) -> Result<(T, Vec<(PeerKey, Account)>), Error> {
        self.write(|change| {
            let mut books = Books::open(change, own)?;
            let done = alter(&mut books)?;
            Ok((done, books.changed))
        })
    }

    /// Every account.
    pub fn accounts(&self) -> Result<Vec<(PeerKey, Account)>, Error> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(ACCOUNTS)?;
            let mut all = Vec::new();
            for row in table.iter()? {
                let (peer, numbers) = row?;
                all.push((PeerKey(*peer.value()), account_of(numbers.value())));
            }
            Ok(all)
        })
    }

    /// The latest entries below number `before`, latest first, with their numbers.
    pub fn entries(&self, before: u64, most: usize) -> Result<Vec<(u64, Entry)>, Error> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(RECEIPTS)?;
            let mut all = Vec::new();
            for row in table.range(..before)?.rev().take(most) {
                let (number, bytes) = row?;
                all.extend(Entry::from_bytes(bytes.value()).ok().map(|entry| (number.value(), entry)));
            }
            Ok(all)
        })
    }

    /// What is kept of a task.
    pub fn entry(&self, id: Sha256Hash) -> Result<Option<Entry>, Error> {
        self.read(|database| {
            let reading = database.begin_read()?;
            let Some(number) = reading.open_table(NUMBERS)?.get(&id.0)?.map(|held| held.value()) else {
                return Ok(None);
            };
            let bytes = reading.open_table(RECEIPTS)?.get(number)?;
            Ok(bytes.and_then(|bytes| Entry::from_bytes(bytes.value()).ok()))
        })
    }

    /// What this node owes for and the other has not answered yet, oldest first.
    pub fn unanswered(&self) -> Result<Vec<Entry>, Error> {
        self.read(|database| {
            let reading = database.begin_read()?;
            let receipts = reading.open_table(RECEIPTS)?;
            let mut all = Vec::new();
            for row in reading.open_table(UNANSWERED)?.iter()? {
                let bytes = receipts.get(row?.0.value())?;
                all.extend(bytes.and_then(|bytes| Entry::from_bytes(bytes.value()).ok()));
            }
            Ok(all)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::ledger::{Receipt, Version};

    const OWN: PeerKey = PeerKey([1; 32]);
    const OTHER: PeerKey = PeerKey([2; 32]);

    fn entry(task: u8, tokens: u32, state: State) -> Entry {
        let receipt = Receipt {
            task_id: [task; 16],
            asker: OWN,
            expert: OTHER,
            card: Sha256Hash::default(),
            tokens,
            price_micro: 2,
            price_micro_max: 2,
            at_ms: 0,
        };
        Entry { ours: Version { receipt, signature: [0; 64] }, state }
    }

    const SETTLED: State = State::Settled { countersignature: [3; 64] };

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(folder.path(), Sha256Hash::default()).unwrap()
    }

    #[test]
    fn a_task_counts_once_whatever_becomes_of_it() {
        let folder = tempfile::tempdir().unwrap();
        {
            let store = store(&folder);
            let (open, settled) = (entry(1, 10, State::Open), entry(1, 10, SETTLED));
            let (_, changed) = store.change_ledger(OWN, |books| books.put(&open)).unwrap();
            assert_eq!(changed[0].1.owed_micro, 20);
            assert_eq!(store.unanswered().unwrap(), [open]);
            for _ in 0..2 {
                store.change_ledger(OWN, |books| books.put(&settled)).unwrap();
            }
            store.change_ledger(OWN, |books| books.put(&entry(2, 5, State::Open))).unwrap();
        }
        let store = store(&folder);
        let account =
            Account { taken_tokens: 10, taken_micro: 20, owed_micro: 10, receipts: 1, ..Account::default() };
        assert_eq!(store.accounts().unwrap(), [(OTHER, account)]);
        assert_eq!(store.unanswered().unwrap(), [entry(2, 5, State::Open)]);
        assert_eq!(store.entry(entry(1, 0, SETTLED).ours.receipt.id()).unwrap(), Some(entry(1, 10, SETTLED)));
        let all = store.entries(u64::MAX, 10).unwrap();
        assert_eq!(all, [(2, entry(2, 5, State::Open)), (1, entry(1, 10, SETTLED))]);
        assert_eq!(store.entries(2, 10).unwrap(), all[1..]);
    }

    #[test]
    fn nothing_is_changed_where_something_fails() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let failed = store.change_ledger(OWN, |books| {
            books.put(&entry(1, 10, SETTLED))?;
            Err::<(), _>(redb::Error::Corrupted("as a test wants it".to_owned()))
        });
        assert!(failed.is_err());
        assert!(store.accounts().unwrap().is_empty() && store.entries(u64::MAX, 10).unwrap().is_empty());
    }

    #[test]
    fn what_nothing_is_owed_for_makes_way_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let free = |task| {
            let mut entry = entry(task, 10, SETTLED);
            entry.ours.receipt.price_micro = 0;
            entry
        };
        store
            .change_ledger(OWN, |books| {
                books.receipts_max = 2;
                books.put(&entry(1, 10, State::Open))?;
                (2..9).try_for_each(|task| books.put(&free(task)))
            })
            .unwrap();
        let kept = |store: &Store| -> Vec<u8> {
            let entries = store.entries(u64::MAX, 10).unwrap();
            entries.iter().map(|(_, entry)| entry.ours.receipt.task_id[0]).collect()
        };
        assert_eq!(kept(&store), [8, 1]);
        assert_eq!(store.unanswered().unwrap().len(), 1);
        // One that was free by the other's word alone.
        store
            .change_ledger(OWN, |books| {
                books.receipts_max = 2;
                books.put(&entry(8, 10, SETTLED))?;
                books.put(&entry(9, 10, SETTLED))
            })
            .unwrap();
        assert_eq!(kept(&store), [9, 8], "the oldest went, which it was not");
    }

    #[test]
    fn the_oldest_are_forgotten_and_stay_in_the_account() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store
            .change_ledger(OWN, |books| {
                books.receipts_max = 2;
                books.put(&entry(1, 10, State::Open))?;
                books.put(&entry(2, 10, SETTLED))?;
                books.put(&entry(3, 10, SETTLED))?;
                books.put(&entry(4, 10, SETTLED))
            })
            .unwrap();
        let (_, account) = store.accounts().unwrap()[0];
        assert_eq!((account.taken_tokens, account.owed_micro, account.receipts), (30, 0, 3));
        assert_eq!(store.entries(u64::MAX, 10).unwrap().len(), 2);
        assert!(store.unanswered().unwrap().is_empty());
        assert_eq!(store.entry(entry(1, 0, SETTLED).ours.receipt.id()).unwrap(), None);
    }
}
