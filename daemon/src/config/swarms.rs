//! The private swarms that this machine's user is a member of: a folder each below the state folder, with the invitation that made
//! him one. A node of a private swarm keeps everything else there too: its identity, its store, its socket.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polymath_swarm::private::{INVITATION_CHARS_MAX, Invitation, is_name};
use zeroize::Zeroizing;

use super::paths::{self, PRIVATE_MODE};
use super::{Error, default};

/// The folder of folders, below the state folder.
const FOLDER: &str = "swarms";
/// The invitation's file: whoever reads it is a member.
const KEY_NAME: &str = "swarm.key";
const FOLDER_MODE: u32 = 0o700;

/// Where a private swarm's node keeps what it has.
///
/// # Errors
/// [`Error::Swarm`] if nobody can be called so.
pub fn folder(state_dir: &Path, name: &str) -> Result<PathBuf, Error> {
    if is_name(name) {
        return Ok(state_dir.join(FOLDER).join(name));
    }
    let reason =
        "a swarm's name has 1 to 32 letters, digits, '-', '_' and '.', and begins with a letter or digit";
    Err(Error::Swarm { name: name.to_owned(), reason: reason.to_owned() })
}

/// The names of all of them, sorted.
pub fn names(state_dir: &Path) -> Vec<String> {
    let folders = fs::read_dir(state_dir.join(FOLDER)).into_iter().flatten().flatten();
    let named = folders.filter(|folder| folder.path().join(KEY_NAME).is_file());
    let mut names: Vec<String> = named.filter_map(|folder| folder.file_name().into_string().ok()).collect();
    names.retain(|name| is_name(name));
    names.sort();
    names
}

/// The invitation that made this machine's user a member.
///
/// # Errors
/// [`Error::Swarm`] says what to do: join first, or that the file is damaged.
pub fn read(state_dir: &Path, name: &str) -> Result<Invitation, Error> {
    let path = folder(state_dir, name)?.join(KEY_NAME);
    let fault = |reason: String| Error::Swarm { name: name.to_owned(), reason };
    let mut text = Zeroizing::new(String::new());
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(fault(match &names(state_dir)[..] {
                [] => {
                    "you are in no private swarm: daemon swarm join, or daemon swarm create NAME".to_owned()
                }
                known => format!("you are in no such swarm, only in {}", known.join(", ")),
            }));
        }
        Err(error) => return Err(fault(format!("cannot read {}: {error}", path.display()))),
    };
    (&mut file)
        .take(INVITATION_CHARS_MAX as u64)
        .read_to_string(&mut text)
        .map_err(|error| fault(format!("cannot read {}: {error}", path.display())))?;
    let mode = file.metadata().map(|m| m.permissions().mode() & 0o777);
    if mode.is_ok_and(|mode| mode != PRIVATE_MODE) {
        tracing::warn!(path = %path.display(), "others could read a swarm's key; permissions set to 0600");
        // Where it cannot be set, the warning stands.
        let _ = file.set_permissions(Permissions::from_mode(PRIVATE_MODE));
    }
    Invitation::decode(&text).map_err(|error| {
        fault(format!("{}: {error}; restore it from a copy, or leave and join again", path.display()))
    })
}

/// The port, UDP and TCP, that a swarm's nodes listen on unless they are told otherwise.
pub fn port(invitation: &Invitation) -> u16 {
    default::private_port(&invitation.secret.keys())
}

/// Makes its holder a member; `is_new` refuses to touch what is there.
///
/// # Errors
/// [`Error::Swarm`] if there is one of that name already, [`Error::StateDir`] if it cannot be written.
pub fn write(state_dir: &Path, invitation: &Invitation, is_new: bool) -> Result<PathBuf, Error> {
    let folder = folder(state_dir, &invitation.name)?;
    let path = folder.join(KEY_NAME);
    if is_new && path.exists() {
        let reason = "you are in a swarm of that name already: daemon swarm leave it first".to_owned();
        return Err(Error::Swarm { name: invitation.name.clone(), reason });
    }
    let failed = |source| Error::StateDir { path: folder.clone(), source: Arc::new(source) };
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder).map_err(failed)?;
    let text = Zeroizing::new(format!("{}\n", *invitation.encode()));
    paths::write_private(&path, text.as_bytes()).map_err(failed)?;
    Ok(folder)
}

/// Removes everything that the user's node of this swarm has here.
///
/// # Errors
/// [`Error::Swarm`] if there is none of that name, [`Error::StateDir`] if it cannot be removed.
pub fn remove(state_dir: &Path, name: &str) -> Result<(), Error> {
    let folder = folder(state_dir, name)?;
    if !folder.is_dir() {
        return read(state_dir, name).map(drop);
    }
    fs::remove_dir_all(&folder).map_err(|source| Error::StateDir { path: folder, source: Arc::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::private::SwarmSecret;

    fn invitation(name: &str, secret: u8) -> Invitation {
        Invitation { name: name.into(), secret: SwarmSecret::new([secret; 32]), addresses: vec![] }
    }

    #[test]
    fn a_member_keeps_its_key_to_itself() {
        let state = tempfile::tempdir().unwrap();
        let folder = write(state.path(), &invitation("family", 1), true).unwrap();
        assert_eq!(read(state.path(), "family").unwrap(), invitation("family", 1));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(KEY_NAME))), (0o700, 0o600));
        fs::set_permissions(folder.join(KEY_NAME), Permissions::from_mode(0o644)).unwrap();
        read(state.path(), "family").unwrap();
        assert_eq!(mode(&folder.join(KEY_NAME)), 0o600);
        assert_eq!(names(state.path()), ["family"]);
        remove(state.path(), "family").unwrap();
        assert!(names(state.path()).is_empty() && !folder.exists());
    }

    #[test]
    fn what_is_there_is_not_lost_and_errors_say_what_to_do() {
        let state = tempfile::tempdir().unwrap();
        let text = |error: Error| error.to_string();
        assert!(text(read(state.path(), "family").unwrap_err()).contains("swarm join"));
        let folder = write(state.path(), &invitation("family", 1), true).unwrap();
        assert!(text(write(state.path(), &invitation("family", 2), true).unwrap_err()).contains("leave"));
        assert_eq!(read(state.path(), "family").unwrap(), invitation("family", 1));
        write(state.path(), &invitation("family", 2), false).unwrap();
        assert_eq!(read(state.path(), "family").unwrap(), invitation("family", 2));
        assert!(text(read(state.path(), "work").unwrap_err()).contains("only in family"));
        assert!(text(read(state.path(), "../x").unwrap_err()).contains("letters"));
        fs::write(folder.join(KEY_NAME), "polymath1:zzzz").unwrap();
        assert!(text(read(state.path(), "family").unwrap_err()).contains("copy"));
        assert!(remove(state.path(), "work").is_err());
    }
}
