//! The ledger: what this node and others have delivered to each other, by receipts that both sides sign.
//!
//! ```text
//! a task is finished ─▶ own word (asker: "I owe", expert: "I gave") ─▶ store ─▶ asker sends it ─▶ expert stores, countersigns ─▶ store
//! ```
//!
//! Everything is stored before it is said to anybody: own words before they are sent, the other's before they are signed, the
//! answers before the next is asked for. What is repeated changes nothing, so whatever a crash or a lost connection swallows is said
//! again. One task writes, and takes what has come meanwhile together in one transaction; all of it is off the answer's path.

mod outbox;

use super::Error;
use super::reputation::Reputations;
use crate::network::task::Delivery;
use crate::network::{Identity, Network, receipts};
use crate::store::{Books, Error as StoreError, Store};
use futures::future::BoxFuture;
use outbox::Outbox;
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::ledger::{Account, Credit, Entry, Priority, Receipt, Settlement, State, Version};
use polymath_swarm::task::TaskError;
use polymath_swarm::trust::Tier;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Words that wait to be written: some seconds of the fastest small experts.
const WORDS_MAX: usize = 4_096;
/// Words that are written together.
const BATCH_MAX: usize = 256;
/// How long to wait before a store that has failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// When others should come back meanwhile.
const RETRY_MS: u32 = 1_000;
/// How long a task that has ended stays reserved: until its receipt is stored, on a slow disk too.
const STORED_AFTER: Duration = Duration::from_secs(3);
/// Accounts listed.
const ACCOUNTS_LISTED: usize = 1_000;
/// Receipts of tasks that this node does not know of, which it takes while it runs: what it may have lost in a crash. From one
/// peer, and from all; a flood of them would push honest ones out.
const UNKNOWN_MAX: (u32, u32) = (256, 4_096);

/// What others may owe this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Millionths of a credit that a trusted node may owe; those less known get a part of it, strangers none.
    pub credit_micro: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { credit_micro: 10_000_000 }
    }
}

/// An account with what follows from it.
#[derive(Clone, Copy, Debug)]
pub struct KnownAccount {
    /// The other node.
    pub peer: PeerKey,
    /// What both have delivered.
    pub account: Account,
    /// How well it is known.
    pub tier: Tier,
    /// Millionths of a credit that it may owe.
    pub limit_micro: u64,
}

/// Handle to the ledger; cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

struct Shared {
    identity: Identity,
    own: PeerKey,
    store: Store,
    credit: Credit,
    accounts: RwLock<HashMap<PeerKey, Account>>,
    outbox: Outbox,
    words: mpsc::Sender<Word>,
    unknown: Mutex<HashMap<PeerKey, u32>>,
    reserved: Mutex<Vec<Reserved>>,
    /// Weak: what it knows comes by the network, which asks this.
    reputations: OnceLock<Weak<Reputations>>,
}

/// What a task under way may cost, and its name.
struct Reserved {
    peer: PeerKey,
    task_id: [u8; 16],
    cost_micro: u64,
    /// Once it has ended; its receipt is stored soon after.
    ended: Option<Instant>,
}

/// Holds a reservation while a task runs.
pub(super) struct Reservation {
    shared: Arc<Shared>,
    task: (PeerKey, [u8; 16]),
    /// Whether there will be a receipt.
    is_done: bool,
}

impl Reservation {
    /// The work is done: it is reserved until its receipt is stored.
    pub(super) fn done(&mut self) {
        self.is_done = true;
    }
}

impl Drop for Reservation {
    /// What was refused, or broke off, costs nothing from now on.
    fn drop(&mut self) {
        let mut reserved = self.shared.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |r: &Reserved| (r.peer, r.task_id) == self.task && r.ended.is_none();
        if self.is_done {
            let own = reserved.iter_mut().find(|r| is_own(r));
            own.into_iter().for_each(|own| own.ended = Some(Instant::now()));
        } else {
            reserved.retain(|r| !is_own(r));
        }
    }
}

/// What is to be written.
enum Word {
    /// This node's own, on either side of a task.
    Own(Receipt),
    /// What an asker says that it owes.
    Heard { peer: PeerKey, versions: Vec<Version>, reply: oneshot::Sender<Vec<Settlement>> },
    /// What an expert says to what this node owes.
    Answered { peer: PeerKey, answers: Vec<(Sha256Hash, Settlement)>, done: oneshot::Sender<()> },
    /// Everything before this.
    Flush { done: oneshot::Sender<()> },
}

/// What is to be done once the words are stored.
enum After {
    Nothing,
    Send(Version),
    Reply(Vec<Settlement>),
    Forget(PeerKey, Vec<Sha256Hash>),
}

impl Ledger {
    /// Opens the ledger in `store`, and begins to write.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(config: Config, identity: Identity, store: Store) -> Result<Self, StoreError> {
        let accounts = RwLock::new(store.accounts()?.into_iter().collect());
        let outbox = Outbox::default();
        store.unanswered()?.into_iter().for_each(|entry| outbox.put(entry.ours));
        let (words, waiting) = mpsc::channel(WORDS_MAX);
        let shared = Arc::new(Shared {
            own: identity.peer(),
            identity,
            store,
            credit: Credit { most_micro: config.credit_micro },
            accounts,
            outbox,
            words,
            unknown: Mutex::default(),
            reserved: Mutex::default(),
            reputations: OnceLock::new(),
        });
        // Weak: it ends with the last handle.
        tokio::spawn(write(Arc::downgrade(&shared), waiting));
        Ok(Self { shared })
    }

    /// Says what this node owes to those it owes, until `stop`.
    pub(super) async fn settle_up(self, network: Network, stop: CancellationToken) {
        stop.run_until_cancelled(outbox::send_all(self, network)).await;
    }

    /// Lets tiers decide about credit.
    pub(super) fn judge_by(&self, reputations: &Arc<Reputations>) {
        // The first is the only one.
        let _ = self.shared.reputations.set(Arc::downgrade(reputations));
    }

    /// Writes down what this node owes for a finished task.
    pub(super) fn owe(&self, expert: PeerKey, delivery: Delivery) {
        self.say(receipt(self.shared.own, expert, delivery));
    }

    /// Writes down what `asker` owes for a finished task.
    pub(super) fn gave(&self, asker: PeerKey, delivery: Delivery) {
        self.say(receipt(asker, self.shared.own, delivery));
    }

    fn say(&self, receipt: Receipt) {
        if let Err(error) = self.shared.words.try_send(Word::Own(receipt)) {
            tracing::error!(%error, "a receipt is lost: the store does not keep up");
        }
    }

    /// What this node and `peer` have delivered to each other.
    pub fn account(&self, peer: PeerKey) -> Account {
        let accounts = self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&peer).copied().unwrap_or_default()
    }

    /// The thousand accounts in which most is owed, either way; those that owe most first.
    pub fn accounts(&self) -> Vec<KnownAccount> {
        let accounts = self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut most: Vec<(PeerKey, Account)> = accounts.into_iter().collect();
        most.sort_by_key(|(peer, account)| {
            (std::cmp::Reverse(account.exposure_micro().unsigned_abs()), *peer)
        });
        most.truncate(ACCOUNTS_LISTED);
        let mut all: Vec<KnownAccount> = most
            .into_iter()
            .map(|(peer, account)| {
                let tier = self.tier_of(peer);
                KnownAccount { peer, account, tier, limit_micro: self.shared.credit.limit_micro(tier) }
            })
            .collect();
        all.sort_by_key(|known| (std::cmp::Reverse(known.account.exposure_micro()), known.peer));
        all
    }

    /// The latest entries below number `before`, latest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn entries(&self, before: u64, most: usize) -> Result<Vec<(u64, Entry)>, Error> {
        let store = self.shared.store.clone();
        let reading = tokio::task::spawn_blocking(move || store.entries(before, most));
        Ok(reading.await.map_err(|error| Error::Failed(error.to_string()))??)
    }

    /// This node.
    pub fn own(&self) -> PeerKey {
        self.shared.own
    }

    fn tier_of(&self, peer: PeerKey) -> Tier {
        let reputations = self.shared.reputations.get().and_then(Weak::upgrade);
        reputations.map_or(Tier::Unknown, |reputations| reputations.tier_of(peer))
    }

    /// Whether `peer` may owe for a task that costs so much at the most, besides those under way, and has not used its name before; of one
    /// that costs nothing, whether its name is free. The reservation holds while the task runs.
    ///
    /// # Errors
    /// [`TaskError::Refused`] says why not.
    pub(super) async fn admit(
        &self,
        peer: PeerKey,
        task_id: [u8; 16],
        cost_micro: u64,
    ) -> Result<Option<Reservation>, TaskError> {
        let refused = |code: &str, message: String| TaskError::Refused { code: code.to_owned(), message };
        let Some((reservation, under_way)) = self.reserve(peer, task_id, cost_micro) else {
            return Err(refused("invalid", "another task has this name".to_owned()));
        };
        if cost_micro == 0 {
            // It takes nobody's place in the store: the first task of a name counts.
            return Ok(Some(reservation));
        }
        let (account, tier) = (self.account(peer), self.tier_of(peer));
        if !self.shared.credit.allows(&account, tier, cost_micro.saturating_add(under_way)) {
            let limit = self.shared.credit.limit_micro(tier);
            let owed = account.exposure_micro().saturating_add_unsigned(under_way);
            return Err(refused(
                "no_credit",
                format!(
                    "it may cost {cost_micro} millionths of a credit; you owe {owed} and may owe {limit}: \
                     answer this node's questions, or ask its owner to endorse you"
                ),
            ));
        }
        let (store, own) = (self.shared.store.clone(), self.shared.own);
        let named = move || {
            let delivery = Delivery { task_id, ..Delivery::default() };
            store.entry(receipt(peer, own, delivery).id())
        };
        match tokio::task::spawn_blocking(named).await {
            Ok(Ok(None)) => Ok(Some(reservation)),
            Ok(Ok(Some(_))) => Err(refused("invalid", "another task had this name".to_owned())),
            Ok(Err(_)) | Err(_) => Err(TaskError::Busy { retry_after_ms: RETRY_MS }),
        }
    }

    /// Reserves what a task may cost; says what others of this peer may cost that are under way. `None` if one of them has this name.
    fn reserve(&self, peer: PeerKey, task_id: [u8; 16], cost_micro: u64) -> Option<(Reservation, u64)> {
        let mut reserved = self.shared.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        reserved.retain(|r| r.ended.is_none_or(|ended| ended.elapsed() < STORED_AFTER));
        let of_peer = || reserved.iter().filter(|r| r.peer == peer);
        if of_peer().any(|r| r.task_id == task_id) {
            return None;
        }
        let under_way = of_peer().map(|r| r.cost_micro).fold(0, u64::saturating_add);
        reserved.push(Reserved { peer, task_id, cost_micro, ended: None });
        Some((Reservation { shared: self.shared.clone(), task: (peer, task_id), is_done: false }, under_way))
    }

    /// Who of those that wait comes first.
    pub(super) fn priority_of(&self, peer: PeerKey) -> Priority {
        self.account(peer).priority()
    }

    /// Writes everything that has been said so far.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.shared.words.send(Word::Flush { done }).await.is_ok() {
            // Gone only with the ledger.
            let _ = written.await;
        }
    }
}

impl receipts::Service for Ledger {
    fn settle(
        &self,
        peer: PeerKey,
        versions: Vec<Version>,
    ) -> BoxFuture<'_, Result<Vec<Settlement>, TaskError>> {
        Box::pin(async move {
            let (reply, settled) = oneshot::channel();
            let busy = TaskError::Busy { retry_after_ms: RETRY_MS };
            let word = Word::Heard { peer, versions, reply };
            self.shared.words.try_send(word).map_err(|_| busy.clone())?;
            settled.await.map_err(|_| busy)
        })
    }
}

fn receipt(asker: PeerKey, expert: PeerKey, delivery: Delivery) -> Receipt {
    let Delivery { task_id, card, tokens, price_micro, price_micro_max } = delivery;
    Receipt { task_id, asker, expert, card, tokens, price_micro, price_micro_max, at_ms: now_ms() }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Writes what there is to write, as much together as has come meanwhile.
async fn write(shared: Weak<Shared>, mut words: mpsc::Receiver<Word>) {
    let mut batch = Vec::new();
    loop {
        if batch.is_empty() && words.recv_many(&mut batch, BATCH_MAX).await == 0 {
            return;
        }
        let Some(ledger) = shared.upgrade() else { return };
        let writing = tokio::task::spawn_blocking(move || ledger.take_in(batch));
        batch = writing.await.unwrap_or_else(|error| {
            tracing::error!(%error, "writing receipts broke off");
            Vec::new()
        });
        if !batch.is_empty() {
            tokio::time::sleep(RETRY).await;
        }
    }
}

impl Shared {
    /// Stores a batch, then lets it count. Returns what has to be tried again: whoever waits for an answer comes back by himself, what
    /// this node has to say does not.
    fn take_in(&self, batch: Vec<Word>) -> Vec<Word> {
        let stored = self.store.change_ledger(self.own, |books| {
            batch.iter().map(|word| self.apply(books, word)).collect::<Result<Vec<After>, _>>()
        });
        let (after, changed) = match stored {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "receipts could not be stored");
                return batch.into_iter().filter(|word| matches!(word, Word::Own(_))).collect();
            }
        };
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).extend(changed);
        for (word, after) in batch.into_iter().zip(after) {
            match after {
                After::Nothing | After::Reply(_) => {}
                After::Send(version) => self.outbox.put(version),
                After::Forget(peer, ref ids) => self.outbox.forget(peer, ids),
            }
            // Whoever waited may have given up.
            match (word, after) {
                (Word::Heard { reply, .. }, After::Reply(settled)) => _ = reply.send(settled),
                (Word::Answered { done, .. } | Word::Flush { done }, _) => _ = done.send(()),
                _ => {}
            }
        }
        Vec::new()
    }

    fn apply(&self, books: &mut Books<'_>, word: &Word) -> Result<After, StoreFault> {
        match word {
            Word::Own(receipt) => {
                let held = books.entry(receipt.id())?;
                let Some(entry) = Entry::said(held, *receipt, self.identity.signing_key()) else {
                    // The asker was heard before it, or a task before had its name: the first one counts.
                    tracing::debug!(task = %receipt.id(), "a task is in the ledger already");
                    return Ok(After::Nothing);
                };
                if let State::Disputed { .. } = entry.state {
                    tracing::info!(task = %receipt.id(), "an asker said something else while its task ran");
                }
                books.put(&entry)?;
                Ok(if entry.has_given(self.own) { After::Nothing } else { After::Send(entry.ours) })
            }
            Word::Heard { peer, versions, .. } => {
                let settled = versions.iter().map(|version| self.hear(books, *peer, *version));
                Ok(After::Reply(settled.collect::<Result<_, _>>()?))
            }
            Word::Answered { peer, answers, .. } => {
                for (id, settlement) in answers {
                    self.take_answer(books, *peer, (*id, settlement))?;
                }
                Ok(After::Forget(*peer, answers.iter().map(|(id, _)| *id).collect()))
            }
            Word::Flush { .. } => Ok(After::Nothing),
        }
    }

    fn hear(&self, books: &mut Books<'_>, peer: PeerKey, theirs: Version) -> Result<Settlement, StoreFault> {
        let checked = theirs.receipt.check(peer, self.own, now_ms());
        if let Err(error) = checked.and_then(|()| theirs.receipt.verify(peer, theirs.signature)) {
            return Ok(Settlement::Refused(error.to_string()));
        }
        let held = books.entry(theirs.receipt.id())?;
        if held.is_none() && !self.takes_unknown(peer) {
            return Ok(Settlement::Refused("this node knows of no such task".to_owned()));
        }
        let (entry, settlement) = Entry::heard(held, theirs, self.identity.signing_key());
        if held != Some(entry) {
            books.put(&entry)?;
        }
        Ok(settlement)
    }

    fn takes_unknown(&self, peer: PeerKey) -> bool {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let (of_peer, of_all) = UNKNOWN_MAX;
        if unknown.values().sum::<u32>() >= of_all {
            return false;
        }
        let taken = unknown.entry(peer).or_default();
        let takes = *taken < of_peer;
        *taken += u32::from(takes);
        takes
    }

    fn take_answer(
        &self,
        books: &mut Books<'_>,
        peer: PeerKey,
        (id, settlement): (Sha256Hash, &Settlement),
    ) -> Result<(), StoreFault> {
        let Some(entry) = books.entry(id)? else { return Ok(()) };
        match entry.answered(settlement, peer) {
            Ok(Some(after)) => books.put(&after)?,
            Ok(None) => {
                if let Settlement::Refused(reason) = settlement {
                    tracing::info!(task = %id, reason, "an expert does not take a receipt");
                }
            }
            Err(error) => tracing::warn!(task = %id, %error, "an expert answers a receipt with nonsense"),
        }
        Ok(())
    }
}

/// The store's own word for its faults.
type StoreFault = crate::store::Fault;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::receipts::Service as _;

    const TASK: [u8; 16] = [7; 16];

    fn ledger(folder: &tempfile::TempDir) -> Ledger {
        let store = Store::open(folder.path(), Sha256Hash::default()).unwrap();
        Ledger::open(Config::default(), Identity::ephemeral(), store).unwrap()
    }

    fn delivery(tokens: u32, price_micro: u64) -> Delivery {
        Delivery { task_id: TASK, tokens, price_micro, price_micro_max: 3, ..Delivery::default() }
    }

    /// What `asker` says that it owes for the task.
    fn word(asker: &Identity, expert: PeerKey, delivery: Delivery) -> Version {
        let receipt = receipt(asker.peer(), expert, delivery);
        Version { receipt, signature: receipt.sign(asker.signing_key()) }
    }

    #[tokio::test]
    async fn an_asker_that_settles_early_does_not_get_off() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, asker) = (ledger(&folder), Identity::ephemeral());
        let early = word(&asker, ledger.own(), delivery(0, 0));
        let settled = ledger.settle(asker.peer(), vec![early]).await.unwrap();
        assert!(
            matches!(settled[..], [Settlement::Countersigned(_)]),
            "it may be lost in a crash: {settled:?}"
        );
        ledger.gave(asker.peer(), delivery(40, 3));
        ledger.flush().await;
        let entries = ledger.entries(u64::MAX, 10).await.unwrap();
        let [(_, entry)] = entries[..] else { panic!("{entries:?}") };
        assert_eq!(entry.state, State::Disputed { theirs: early });
        assert_eq!(entry.verify(ledger.own()), Ok(()));
        let account = Account { disputed_micro: 120, receipts: 1, ..Account::default() };
        assert_eq!(ledger.account(asker.peer()), account);
        assert_eq!(account.exposure_micro(), 120, "it counts against its credit");
        let again = ledger.settle(asker.peer(), vec![early]).await.unwrap();
        assert_eq!(again, [Settlement::Disputed(entry.ours)]);
    }

    #[tokio::test]
    async fn who_is_heard_before_the_experts_own_word_and_says_the_same_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, asker) = (ledger(&folder), Identity::ephemeral());
        let owed = word(&asker, ledger.own(), delivery(40, 3));
        ledger.settle(asker.peer(), vec![owed]).await.unwrap();
        ledger.gave(asker.peer(), delivery(40, 3));
        // Another task of its name, for nothing.
        ledger.gave(asker.peer(), delivery(1, 0));
        ledger.flush().await;
        let account = Account { given_tokens: 40, given_micro: 120, receipts: 1, ..Account::default() };
        assert_eq!(ledger.account(asker.peer()), account);
    }

    #[tokio::test]
    async fn a_free_task_holds_its_name_and_needs_no_credit() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, asker) = (ledger(&folder), Identity::ephemeral().peer());
        let code = async |cost_micro| match ledger.admit(asker, TASK, cost_micro).await {
            Err(TaskError::Refused { code, .. }) => code,
            Err(error) => panic!("{error}"),
            Ok(_) => "taken".to_owned(),
        };
        let free = ledger.admit(asker, TASK, 0).await.unwrap();
        assert_eq!(code(120).await, "invalid", "it would be dropped for the free one");
        assert_eq!(code(0).await, "invalid");
        drop(free);
        // What was refused or broke off gives its name back.
        assert_eq!(code(0).await, "taken");
        assert_eq!(code(120).await, "no_credit");
    }
}
