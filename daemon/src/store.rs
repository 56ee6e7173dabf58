//! What a node must not forget, in one file of its state folder (redb: transactions, copy on write). A change is on disk
//! when the call returns.

mod audits;
mod conducts;
mod ledger;

pub use audits::{AuditRecord, SignedRecord, SuspicionRow};
pub use ledger::Books;

use polymath_swarm::identity::{PeerKey, Sha256Hash};
use polymath_swarm::score::Outcomes;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction as Change,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The file's name in the state folder.
pub const NAME: &str = "node.redb";
/// Node and model of an expert, and a cell of the embedding space, to good and bad outcomes there and what
/// was claimed for them.
const OUTCOMES: TableDefinition<'_, Place<'_>, (f32, f32, f32)> = TableDefinition::new("outcomes");
/// Node, model file, cell.
type Place<'a> = (&'a [u8; 32], &'a [u8; 32], u32);
/// What the tables are made for: the hash of the embedding space, whose cells they count by.
const SPACE: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("space");
/// Memory for pages: the store is small and rarely read.
const CACHE_BYTES: usize = 1024 * 1024;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened.
    #[error(
        "cannot use the node's store {}: if it is damaged, put back a copy or move it away and start anew",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: Box<redb::Error>,
    },
    /// It could not be read or changed; what was there before still is. The next call opens it anew.
    #[error("the node's store cannot be used: is there room on its disk, and can it be written?")]
    Failed(#[source] Box<redb::Error>),
}

/// What went wrong in a transaction.
pub type Fault = redb::Error;

/// An expert as experience knows it: the node, and the file of its model.
pub type ExpertKey = (PeerKey, Sha256Hash);

/// Handle to the store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    path: PathBuf,
    space: Sha256Hash,
    /// None once a disk has failed under it: redb then wants to be closed and opened anew.
    database: RwLock<Option<Database>>,
}

impl Store {
    /// Opens the store of a state folder, or makes it. Outcomes of another embedding space are dropped: its cells are
    /// not ours.
    pub fn open(folder: &Path, space: Sha256Hash) -> Result<Self, Error> {
        let path = folder.join(NAME);
        match opened(&path, space) {
            Ok(database) => {
                let held = Held { path, space, database: RwLock::new(Some(database)) };
                Ok(Self { held: Arc::new(held) })
            }
            Err(source) => Err(Error::Unusable { path, source: Box::new(source) }),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, Error> {
        self.with(look).map_err(|source| Error::Failed(Box::new(source)))
    }

    /// On disk when it returns; nothing is changed if it fails.
    fn write<T>(&self, alter: impl FnOnce(&Change) -> Result<T, redb::Error>) -> Result<T, Error> {
        let altered = |database: &Database| -> Result<T, redb::Error> {
            let change = database.begin_write()?;
            let done = alter(&change)?;
            change.commit()?;
            Ok(done)
        };
        self.with(altered).map_err(|source| Error::Failed(Box::new(source)))
    }

    /// Calls with the database, opened anew if the disk has failed under it.
    fn with<T>(&self, call: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let Held { path, space, database } = &*self.held;
        if database.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            let mut place = database.write().unwrap_or_else(PoisonError::into_inner);
            if place.is_none() {
                *place = Some(opened(path, *space)?);
                tracing::info!("the node's store is open again");
            }
        }
        let called = {
            let place = database.read().unwrap_or_else(PoisonError::into_inner);
            // Closed again in between: as if it had failed here.
            call(place.as_ref().ok_or(redb::Error::PreviousIo)?)
        };
        if let Err(error @ (redb::Error::Io(_) | redb::Error::PreviousIo)) = &called {
            tracing::error!(%error, "the node's store has failed; it is opened anew when it is wanted next");
            *database.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        called
    }

    /// Every outcome there is.
    pub fn outcomes(&self) -> Result<Vec<(ExpertKey, u32, Outcomes)>, Error> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(OUTCOMES)?;
            let mut all = Vec::new();
            for row in table.iter()? {
                let (key, value) = row?;
                let ((peer, model, cell), (good, bad, claimed)) = (key.value(), value.value());
                all.push(((PeerKey(*peer), Sha256Hash(*model)), cell, Outcomes { good, bad, claimed }));
            }
            Ok(all)
        })
    }

    /// Sets the outcomes of an expert: those of cells that are not in `cells` are gone.
    pub fn set_outcomes(&self, expert: ExpertKey, cells: &[(u32, Outcomes)]) -> Result<(), Error> {
        self.write(|change| {
            let mut table = change.open_table(OUTCOMES)?;
            let (peer, model) = (&expert.0.0, &expert.1.0);
            let held = table.range((peer, model, 0)..=(peer, model, u32::MAX))?;
            let held = held.map(|row| row.map(|(key, _)| key.value().2)).collect::<Result<Vec<u32>, _>>()?;
            for cell in held.into_iter().filter(|cell| !cells.iter().any(|(kept, _)| kept == cell)) {
                table.remove((peer, model, cell))?;
            }
            for (cell, outcomes) in cells {
                table.insert((peer, model, *cell), (outcomes.good, outcomes.bad, outcomes.claimed))?;
            }
            Ok(())
        })
    }
}

fn opened(path: &Path, space: Sha256Hash) -> Result<Database, redb::Error> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(path)?;
    let change = database.begin_write()?;
    {
        let mut spaces = change.open_table(SPACE)?;
        let known = spaces.get("cells")?.map(|held| *held.value());
        if known != Some(space.0) {
            change.delete_table(OUTCOMES)?;
            spaces.insert("cells", &space.0)?;
        }
        change.open_table(OUTCOMES)?;
        change.open_table(audits::SUSPICIONS)?;
        change.open_table(audits::LOG)?;
        change.open_table(conducts::CONDUCTS)?;
        change.open_table(conducts::ENDORSED)?;
        change.open_table(conducts::BLOCKED)?;
        change.open_table(ledger::RECEIPTS)?;
        change.open_table(ledger::NUMBERS)?;
        change.open_table(ledger::UNANSWERED)?;
        change.open_table(ledger::FREE)?;
        change.open_table(ledger::ACCOUNTS)?;
    }
    change.commit()?;
    Ok(database)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expert(n: u8) -> ExpertKey {
        (PeerKey([n; 32]), Sha256Hash([n; 32]))
    }

    #[test]
    fn after_a_disk_that_failed_it_is_opened_anew_with_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let good = Outcomes { good: 2.0, bad: 0.5, claimed: 2.25 };
        let store = Store::open(folder.path(), Sha256Hash([1; 32])).unwrap();
        store.set_outcomes(expert(1), &[(7, good)]).unwrap();
        for fault in [redb::Error::Io(std::io::ErrorKind::StorageFull.into()), redb::Error::PreviousIo] {
            let failed = store.write(|_| -> Result<(), _> { Err(fault) });
            assert!(matches!(failed, Err(Error::Failed(_))));
            assert!(store.held.database.read().unwrap().is_none(), "it is closed");
            std::thread::scope(|scope| {
                for n in 2..6 {
                    let store = &store;
                    scope.spawn(move || store.set_outcomes(expert(n), &[(7, good)]).unwrap());
                }
            });
            assert_eq!(store.outcomes().unwrap().len(), 5);
        }
        let other = store.read(|_| -> Result<(), _> { Err(redb::Error::TableDoesNotExist("x".into())) });
        assert!(
            other.is_err() && store.held.database.read().unwrap().is_some(),
            "that says nothing of the disk"
        );
    }

    #[test]
    fn outcomes_outlive_the_process_and_belong_to_their_space() {
        let folder = tempfile::tempdir().unwrap();
        let (space, other) = (Sha256Hash([1; 32]), Sha256Hash([2; 32]));
        let good = Outcomes { good: 2.0, bad: 0.5, claimed: 2.25 };
        {
            let store = Store::open(folder.path(), space).unwrap();
            store.set_outcomes(expert(1), &[(7, good), (9, good)]).unwrap();
            store.set_outcomes(expert(2), &[(7, good)]).unwrap();
            store.set_outcomes(expert(1), &[(7, good)]).unwrap();
        }
        let store = Store::open(folder.path(), space).unwrap();
        assert_eq!(store.outcomes().unwrap(), [(expert(1), 7, good), (expert(2), 7, good)]);
        drop(store);
        assert!(Store::open(folder.path(), other).unwrap().outcomes().unwrap().is_empty());
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), b"not a store").unwrap();
        let error = Store::open(folder.path(), Sha256Hash::default()).unwrap_err();
        assert!(error.to_string().contains(NAME), "{error}");
        assert_eq!(std::fs::read(folder.path().join(NAME)).unwrap(), b"not a store");
    }
}
