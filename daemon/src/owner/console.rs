//! Where the owner opens his console: the page's address with the owner's key, in a file that nobody else can read. Other users of
//! the machine reach a loopback port too; they must not get at a private swarm's key by it.

use super::{Error, write_private};
use crate::config::lock;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The file in the state folder.
const NAME: &str = "console.url";
/// A page beside it that leads a browser there.
const PAGE: &str = "console.html";
/// Bytes of an address with a key.
const BYTES_MAX: u64 = 1_024;

/// Where the address is kept.
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// Keeps the address for as long as this node runs.
///
/// # Errors
/// [`Error::Io`].
pub fn keep(state_dir: &Path, address: &str) -> Result<(), Error> {
    write_private(&path(state_dir), format!("{address}\n").as_bytes())
}

/// The address; none if no node runs here, or it serves no page.
pub fn address(state_dir: &Path) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(path(state_dir)).ok()?.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    let is_told = lock::is_held(state_dir) && text.ends_with('\n');
    is_told.then(|| text.trim_end().to_owned())
}

/// Writes a page that leads there, and says where it is. A browser is given that, and not the address: everybody on this machine can read
/// a command line.
///
/// # Errors
/// [`Error::Io`].
pub fn leading_page(state_dir: &Path, address: &str) -> Result<PathBuf, Error> {
    let page = state_dir.join(PAGE);
    let text = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Polymath</title><meta http-equiv=\"refresh\" content=\"0;url={address}\">\
         <p><a href=\"{address}\">Open the console</a></p>\n"
    );
    write_private(&page, text.as_bytes())?;
    Ok(page)
}

/// Removes what a node left.
pub fn forget(state_dir: &Path) {
    for path in [path(state_dir), state_dir.join(PAGE)] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the console's address cannot be removed");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn it_is_told_while_a_node_runs_and_to_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock::StateLock::take(folder.path()).unwrap();
        assert_eq!(address(folder.path()), None);
        keep(folder.path(), "http://127.0.0.1:8080/#key=pmk_owner_x").unwrap();
        assert_eq!(address(folder.path()).as_deref(), Some("http://127.0.0.1:8080/#key=pmk_owner_x"));
        let mode = std::fs::metadata(path(folder.path())).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let page = leading_page(folder.path(), "http://127.0.0.1:8080/#key=pmk_owner_x").unwrap();
        assert!(
            std::fs::read_to_string(&page).unwrap().contains("url=http://127.0.0.1:8080/#key=pmk_owner_x")
        );
        drop(held);
        assert_eq!(address(folder.path()), None, "of a node that is gone");
        forget(folder.path());
        forget(folder.path());
        assert!(!path(folder.path()).exists() && !page.exists());
    }
}
