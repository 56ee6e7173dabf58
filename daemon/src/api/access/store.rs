//! The keys' file: read whole, written whole. A change takes a lock beside the file, so that two commands at once
//! lose nothing, and is on disk (draft, fsync, rename) before the command says that it is done.

use super::keys::{Record, Wish};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Keys of one node: a household or a team; who serves more people puts a gateway in front.
pub const KEYS_MAX: usize = 1_024;
/// Bytes of the file: that many keys with long names.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Only its owner reads it.
const FILE_MODE: u32 = 0o600;
/// What this program writes and reads.
const VERSION: u32 = 1;

/// Why the keys cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system says no.
    #[error("cannot use the keys' file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// It is not what this program wrote. It stays as it is.
    #[error(
        "the keys' file {} is damaged ({reason}): put back a copy, or move it away and make new keys",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The wish cannot be met.
    #[error("{0}")]
    Wish(String),
    /// There is no such key.
    #[error("no key has the id {0:?}; `daemon keys list` shows those there are")]
    Unknown(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    keys: Vec<Record>,
}

/// The keys in the file; none if there is no file.
pub fn read(path: &Path) -> Result<Vec<Record>, Error> {
    let mut text = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
    }
    let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(damaged(format!("more than {FILE_BYTES_MAX} bytes")));
    }
    let form: Form = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if form.version != VERSION {
        return Err(damaged(format!("version {}, and this program knows {VERSION}", form.version)));
    }
    if form.keys.len() > KEYS_MAX {
        return Err(damaged(format!("more than {KEYS_MAX} keys")));
    }
    let mut ids: Vec<&str> = form.keys.iter().map(|record| record.id.as_str()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(damaged("two keys have the same id".to_owned()));
    }
    if let Some(record) = form.keys.iter().find(|record| !record.is_whole()) {
        return Err(damaged(format!("the key {:?} is not whole", record.id)));
    }
    Ok(form.keys)
}

/// Makes a key; returns what is kept of it, and the key.
pub fn create(path: &Path, wish: Wish) -> Result<(Record, String), Error> {
    wish.check().map_err(Error::Wish)?;
    change(path, |records| {
        if records.len() >= KEYS_MAX {
            return Err(Error::Wish(format!("there are {KEYS_MAX} keys already; revoke one first")));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let issued = loop {
            let issued = Record::issue(wish.clone(), now);
            if records.iter().all(|record| record.id != issued.0.id) {
                break issued;
            }
        };
        records.push(issued.0.clone());
        Ok(issued)
    })
}

/// Removes a key; returns what was kept of it and how many are left.
pub fn revoke(path: &Path, id: &str) -> Result<(Record, usize), Error> {
    change(path, |records| {
        let found = records.iter().position(|record| record.id == id);
        let found = found.ok_or_else(|| Error::Unknown(id.chars().take(64).collect()))?;
        Ok((records.remove(found), records.len()))
    })
}

fn change<T>(path: &Path, edit: impl FnOnce(&mut Vec<Record>) -> Result<T, Error>) -> Result<T, Error> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    // A file of its own, for the rename replaces the other one. The lock goes with the handle.
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        .open(path.with_extension("lock"))
        .map_err(failed)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
    let mut records = read(path)?;
    let changed = edit(&mut records)?;
    write(path, records).map_err(failed)?;
    Ok(changed)
}

fn write(path: &Path, keys: Vec<Record>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let text = serde_json::to_vec_pretty(&Form { version: VERSION, keys }).map_err(io::Error::other)?;
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::keys::Scope;
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn wish(name: &str) -> Wish {
        Wish { name: name.into(), scopes: vec![Scope::Chat], rate_per_minute: None }
    }

    #[test]
    fn keys_are_kept_privately_until_they_are_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert_eq!(read(&path).unwrap(), []);
        let (first, key) = create(&path, wish("first")).unwrap();
        let (second, _) = create(&path, wish("second")).unwrap();
        assert_eq!(read(&path).unwrap(), [first.clone(), second.clone()]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let secret = super::super::keys::parse(&key).unwrap().1;
        assert!(!fs::read_to_string(&path).unwrap().contains(secret), "the secret is not kept");
        assert_eq!(revoke(&path, &first.id).unwrap(), (first.clone(), 1));
        assert!(matches!(revoke(&path, &first.id), Err(Error::Unknown(_))));
        assert_eq!(read(&path).unwrap(), [second]);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "no drafts: {left:?}");
    }

    #[test]
    fn commands_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || create(path, wish(&n.to_string())).unwrap());
            }
        });
        assert_eq!(read(&path).unwrap().len(), 8);
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let (record, _) = create(&path, wish("x")).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let twice = Form { version: 1, keys: vec![record.clone(), record] };
        for bad in [
            "",
            "{}",
            &good[..good.len() / 2],
            &good.replace("\"version\": 1", "\"version\": 9"),
            &good.replace("\"chat\"", "\"root\""),
            &good.replace("\"secret_sha256\": \"", "\"secret_sha256\": \"zz"),
            &serde_json::to_string(&twice).unwrap(),
            &" ".repeat(2 * 1024 * 1024),
        ] {
            fs::write(&path, bad).unwrap();
            let error = create(&path, wish("y")).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("keys.json"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), bad, "nothing is lost");
        }
    }
}
