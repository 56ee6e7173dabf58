//! The experts this node knows of: verified, alive, ranked by nobody yet.
//!
//! The event loop alone writes; everybody else reads through a clonable [`Directory`]. It is a table behind a
//! read-write lock rather than messages to the loop, because routing reads it on every question and must not
//! wait for the network; no lock is held across an await, and the longest critical section copies pointers.

mod table;

pub(super) use table::{ADVERTS_PER_PEER_MAX, Insert, Table};

use polymath_swarm::capability::{Advert, Card};
use polymath_swarm::identity::{PeerKey, Sha256Hash};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::watch;

/// A reader's view of the known experts, this node's own included. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    table: Arc<RwLock<Table>>,
    changed: watch::Receiver<u64>,
}

impl Directory {
    /// All adverts, in no particular order: card and status verified, claims checked, heard of lately.
    pub fn adverts(&self) -> Vec<Arc<Advert>> {
        self.read().adverts().collect()
    }

    /// The expert with this card on this node.
    pub fn get(&self, peer: PeerKey, card: Sha256Hash) -> Option<Arc<Advert>> {
        self.read().get(peer, card)
    }

    /// All nodes' experts with this card: one card may be served by many nodes.
    pub fn with_card(&self, card: Sha256Hash) -> Vec<Arc<Advert>> {
        self.read().with_card(card).collect()
    }

    /// A number that grows with every card that comes or goes; statuses leave it as it is.
    pub fn membership(&self) -> u64 {
        self.read().membership()
    }

    /// Every card that some node serves, with the number that [`Self::membership`] had at that moment.
    pub fn cards(&self) -> (u64, Vec<(Sha256Hash, Arc<Card>)>) {
        let table = self.read();
        (table.membership(), table.cards().collect())
    }

    /// How many experts are known.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether no expert is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A number that grows with every change; await its `changed` to notice one. It closes with the network.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // A panic while writing cannot leave the table half changed in a way that matters to readers.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The event loop's end: the only writer.
pub(super) struct Writer {
    table: Arc<RwLock<Table>>,
    changed: watch::Sender<u64>,
}

impl Writer {
    /// Makes an empty directory.
    pub(super) fn new() -> (Self, Directory) {
        let table = Arc::new(RwLock::new(Table::default()));
        let (sender, changed) = watch::channel(0);
        (Self { table: table.clone(), changed: sender }, Directory { table, changed })
    }

    /// Changes the table and tells the readers if `change` says that something changed.
    pub(super) fn write<T>(&self, change: impl FnOnce(&mut Table) -> (bool, T)) -> T {
        let (changed, result) = change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner));
        if changed {
            self.changed.send_modify(|version| *version += 1);
        }
        result
    }

    /// Looks at the table.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}
