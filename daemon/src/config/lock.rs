//! One node a state folder: an advisory lock that the kernel drops with the process, however it dies.

use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lock's file name in the state folder.
const NAME: &str = "lock";
/// How often it is tried by those who wait for it.
const POLL: Duration = Duration::from_millis(50);

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made or written.
    #[error("the state folder {} cannot be used; choose another with --state-dir", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Another node holds it.
    #[error("another node uses the state folder {}; stop it or choose another with --state-dir", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

/// The lock; released when dropped.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl StateLock {
    /// Makes the folder (mode 0700) if needed and takes its lock.
    ///
    /// # Errors
    /// [`Error::InUse`] if another node holds it, [`Error::Unusable`].
    pub fn take(folder: &Path) -> Result<Self, Error> {
        let unusable = |source| Error::Unusable { path: folder.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(NAME))
            .map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::InUse { path: folder.to_owned() }),
            Err(errno) => Err(unusable(errno.into())),
        }
    }
}

/// Whether a node holds `folder`, its last moments included: the lock goes with the process.
pub fn is_held(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(NAME)) else { return false };
    matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
}

/// Waits until no node holds `folder` any more.
pub async fn released(folder: &Path) {
    while is_held(folder) {
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_and_freed_on_drop() {
        let folder = tempfile::tempdir().unwrap();
        let lock = StateLock::take(folder.path()).unwrap();
        assert!(matches!(StateLock::take(folder.path()), Err(Error::InUse { .. })));
        assert!(is_held(folder.path()));
        drop(lock);
        assert!(!is_held(folder.path()));
        StateLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_below_a_file_is_unusable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = StateLock::take(&file.path().join("state")).unwrap_err();
        assert!(matches!(error, Error::Unusable { .. }));
    }
}
