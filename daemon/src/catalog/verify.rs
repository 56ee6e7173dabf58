//! Whether a model file is the one that its card speaks of.

use std::fs::File;
use std::io::{self, Read as _};

use polymath_swarm::identity::Sha256Hash;
use sha2::{Digest as _, Sha256};

use super::{Entry, Error};

/// Bytes read at a time: large enough that hashing, not reading, is the limit.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A model file that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub sha256: Sha256Hash,
}

/// Hashes the entry's model and compares with its card. Blocks while it reads; memory stays bounded.
pub fn verify(entry: &Entry) -> Result<Verified, Error> {
    let path = &entry.model_path;
    let found =
        File::open(path).and_then(hash).map_err(|source| Error::Read { path: path.clone(), source })?;
    entry.check_model(found.sha256)?;
    Ok(found)
}

/// Reads a file to its end.
pub(super) fn hash(mut file: File) -> io::Result<Verified> {
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(Verified { bytes, sha256: Sha256Hash(digest.finalize().into()) });
        }
        digest.update(chunk.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}
