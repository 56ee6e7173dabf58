//! The state folder, and what a node must find whole in it. Everything is looked at without a change.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use polymath_swarm::identity::Sha256Hash;

use super::super::terminal;
use super::{Finding, State, chain, not_ok, ok};
use crate::api::access;
use crate::config::{Config, lock};
use crate::network::{IDENTITY_FILE, Identity};
use crate::store::{self, Store};

/// Free bytes below which nothing durable can be relied on, and below which it is time to make room.
const DISK_BYTES_MIN: u64 = 100 << 20;
const DISK_BYTES_FEW: u64 = 1 << 30;
/// The mode of an identity's file. Reading one of another mode sets it, so that only these are read here.
const IDENTITY_MODE: u32 = 0o600;

/// The folder, what is in it, and its disk.
pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let folder = &config.node.state_dir;
    let mut findings = vec![folder_itself(folder)];
    if folder.is_dir() {
        findings.extend(node_store(folder.clone()).await);
        findings.extend(keys(&config.api.access.keys));
    }
    findings.push(disk(folder));
    findings
}

fn folder_itself(folder: &Path) -> Finding {
    let (shown, there) = (folder.display(), existing(folder));
    if let Err(error) = tempfile::tempfile_in(there) {
        let fix = format!("chown it to whoever runs the node, or choose another: --state-dir ({shown})");
        let found = if there == folder {
            format!("{shown} cannot be written: {error}")
        } else {
            format!("{shown} cannot be made: {} cannot be written: {error}", there.display())
        };
        return not_ok("state", State::Fail, found, fix);
    }
    if there != folder {
        return ok("state", format!("{shown} will be made"));
    }
    let identity = folder.join(IDENTITY_FILE);
    let mode = fs::metadata(&identity).map(|about| about.permissions().mode() & 0o777).ok();
    match mode {
        Some(mode) if mode & 0o077 != 0 => {
            let found = format!("{} can be read by others (mode {mode:o})", identity.display());
            not_ok("state", State::Fail, found, format!("chmod 600 {}", identity.display()))
        }
        Some(IDENTITY_MODE) => match Identity::load_or_create(folder) {
            Ok(_) => ok("state", format!("{shown} can be written, its identity is for its owner alone")),
            Err(error) => {
                let fix = "put back a copy, or move it away: the node will then be another to everybody";
                not_ok("state", State::Fail, chain(error), fix)
            }
        },
        Some(_) => ok("state", format!("{shown} can be written, its identity is for its owner alone")),
        None => ok("state", format!("{shown} can be written; an identity will be made")),
    }
}

/// The folder itself, or the nearest above it that is there.
fn existing(folder: &Path) -> &Path {
    let rest = if folder.is_absolute() { "/" } else { "." };
    folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new(rest))
}

/// What is wrong with the node's store. One that a node holds is left alone: it has been opened, and changes.
async fn node_store(folder: PathBuf) -> Option<Finding> {
    let path = folder.join(store::NAME);
    let broken_off = unusable(&path, "looking at it broke off");
    let look = move || {
        if lock::is_held(&folder) {
            return None;
        }
        // A node that has begun meanwhile has changed it under the copy.
        opened_as_copy(&path).err().filter(|_| !lock::is_held(&folder))
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(Some(broken_off))
}

/// Opens a copy of a store as a node opens the store: that alters it.
fn opened_as_copy(path: &Path) -> Result<(), Finding> {
    // Nothing is written to it, but a node must be able to.
    let mut original = match fs::File::options().read(true).write(true).open(path) {
        Ok(original) => original,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    let copy = copy_of(&mut original).map_err(|error| {
        let found = format!("{} is not looked at, since no copy can be made: {error}", path.display());
        not_ok(
            "state",
            State::Unknown,
            found,
            "make room for temporary files, or have them elsewhere: TMPDIR",
        )
    })?;
    match Store::open(copy.path(), Sha256Hash::default()) {
        Ok(_) => Ok(()),
        // The error itself names the copy.
        Err(store::Error::Unusable { source, .. }) => Err(unusable(path, &chain(source))),
        Err(error) => Err(unusable(path, &chain(error))),
    }
}

fn unusable(path: &Path, why: &str) -> Finding {
    let fix = "put back a copy, or move it away and start anew: it holds what this node thinks of others, and who owes whom";
    not_ok("state", State::Fail, format!("{} cannot be used: {why}", path.display()), fix)
}

fn copy_of(original: &mut fs::File) -> io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    io::copy(original, &mut fs::File::create(folder.path().join(store::NAME))?)?;
    Ok(folder)
}

fn keys(path: &Path) -> Option<Finding> {
    let error = access::store::read(path).err()?;
    let fix = "put back a copy, or move it away and make new keys: `daemon keys create NAME`";
    Some(not_ok("state", State::Fail, chain(error), fix))
}

fn disk(folder: &Path) -> Finding {
    let there = existing(folder);
    let free = match rustix::fs::statvfs(there) {
        Ok(about) => about.f_bavail.saturating_mul(about.f_frsize),
        Err(error) => {
            let found = format!("free space is not told: {error}");
            return not_ok("disk", State::Unknown, found, "see what `df` says");
        }
    };
    let found = format!("{} free at {}", terminal::bytes(free), there.display());
    let fix = "make room, or choose another disk: --state-dir";
    match free {
        free if free < DISK_BYTES_MIN => not_ok("disk", State::Fail, found, fix),
        free if free < DISK_BYTES_FEW => not_ok("disk", State::Warn, found, fix),
        _ => ok("disk", found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::access::keys::{Scope, Wish};

    fn told(finding: Option<Finding>) -> (State, String) {
        finding.map_or((State::Ok, String::new()), |finding| (finding.state, finding.found))
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_folder_that_will_be_made() {
        let home = tempfile::tempdir().unwrap();
        let sound = folder_itself(&home.path().join("polymath/state"));
        assert!(sound.state == State::Ok && sound.found.ends_with("will be made"), "{sound:?}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is made");
        let file = home.path().join("file");
        fs::write(&file, b"").unwrap();
        let (state, found) = told(Some(folder_itself(&file.join("state"))));
        assert!(state == State::Fail && found.contains("cannot be made"), "{found}");
        assert_eq!(existing(Path::new("nowhere/state")), Path::new("."));
    }

    #[test]
    fn a_damaged_identity_is_found_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(folder_itself(folder.path()).state, State::Ok);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "none is made");
        Identity::load_or_create(folder.path()).unwrap();
        assert_eq!(folder_itself(folder.path()).state, State::Ok);
        let identity = folder.path().join(IDENTITY_FILE);
        fs::write(&identity, b"not a key").unwrap();
        let (state, found) = told(Some(folder_itself(folder.path())));
        assert!(state == State::Fail && found.contains("does not hold a key pair"), "{found}");
        assert_eq!(fs::read(&identity).unwrap(), b"not a key");
        fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(folder_itself(folder.path()).state, State::Fail);
        assert_eq!(fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[tokio::test]
    async fn a_damaged_store_is_found_unless_a_node_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let look = async || told(node_store(folder.path().to_owned()).await);
        assert_eq!(look().await.0, State::Ok, "none is there yet");
        drop(Store::open(folder.path(), Sha256Hash([1; 32])).unwrap());
        let path = folder.path().join(store::NAME);
        let whole = fs::read(&path).unwrap();
        assert_eq!(look().await.0, State::Ok);
        assert_eq!(fs::read(&path).unwrap(), whole, "looking changes nothing");
        fs::write(&path, b"not a store").unwrap();
        let (state, found) = look().await;
        assert!(state == State::Fail && found.starts_with(&path.display().to_string()), "{found}");
        assert_eq!(fs::read(&path).unwrap(), b"not a store");
        let _node = lock::StateLock::take(folder.path()).unwrap();
        assert_eq!(look().await.0, State::Ok);
    }

    #[test]
    fn damaged_keys_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(access::KEYS_FILE);
        assert_eq!(told(keys(&path)).0, State::Ok);
        let wish = Wish { name: "phone".into(), scopes: vec![Scope::Chat], rate_per_minute: None };
        access::store::create(&path, wish).unwrap();
        assert_eq!(told(keys(&path)).0, State::Ok);
        fs::write(&path, b"{").unwrap();
        let (state, found) = told(keys(&path));
        assert!(state == State::Fail && found.contains(access::KEYS_FILE), "{found}");
    }
}
