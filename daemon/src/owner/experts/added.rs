//! The list of experts that were added while a node ran: a file in its state folder.

use super::super::{Error, write_private};
use crate::catalog;
use crate::config::ExpertConfig;
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Its name.
const NAME: &str = "served.json";
/// Bytes of it: a thousand long paths.
const BYTES_MAX: u64 = 1 << 20;
/// What this program writes and reads.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    cards: Vec<PathBuf>,
}

/// Where the list is.
#[derive(Clone, Debug)]
pub struct Added {
    path: PathBuf,
}

impl Added {
    /// That of a node.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join(NAME) }
    }

    /// The experts in it. A list that cannot be read is left as it is, and named.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is damaged, [`Error::Io`].
    pub fn read(&self) -> Result<Vec<ExpertConfig>, Error> {
        Ok(self.cards()?.into_iter().map(ExpertConfig::of_card).collect())
    }

    /// Their cards, whether they are served or did not load.
    pub(super) fn cards(&self) -> Result<Vec<PathBuf>, Error> {
        let mut text = Vec::new();
        match std::fs::File::open(&self.path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut text)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { path: self.path.clone(), source }),
            Ok(_) => {}
        }
        let damaged = |reason: String| {
            Error::Conflict(format!(
                "{} is damaged ({reason}): move it away and add the experts again",
                self.path.display()
            ))
        };
        let form: Form = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if form.version != VERSION {
            return Err(damaged(format!("version {}, and this program knows {VERSION}", form.version)));
        }
        Ok(form.cards)
    }

    /// Puts these into it. They are on disk when this returns.
    pub(super) fn keep(&self, cards: &[PathBuf]) -> Result<(), Error> {
        let form = Form { version: VERSION, cards: cards.to_vec() };
        let text = serde_json::to_vec_pretty(&form).unwrap_or_default();
        write_private(&self.path, &text)
    }
}

/// Whether this is the card of the expert `id`. One that cannot be read goes by its path, as what is said of it does.
pub(super) fn is_card_of(card: &Path, id: &str) -> bool {
    let config = catalog::Config { card: Some(card.to_owned()), ..catalog::Config::default() };
    match catalog::resolve(&config) {
        Ok(entry) => entry.id == id,
        Err(_) => card == Path::new(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_again_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let added = Added::new(folder.path());
        assert!(added.read().unwrap().is_empty());
        added.keep(&["/models/a/card.toml".into()]).unwrap();
        let read = added.read().unwrap();
        assert_eq!(read, [ExpertConfig::of_card("/models/a/card.toml".into())]);
        std::fs::write(&added.path, "{").unwrap();
        assert!(added.read().unwrap_err().to_string().contains("served.json is damaged"));
        std::fs::write(&added.path, r#"{"version": 9, "cards": []}"#).unwrap();
        assert!(added.read().unwrap_err().to_string().contains("version 9"));
    }

    #[test]
    fn a_card_is_found_by_its_id_and_a_damaged_one_by_its_path() {
        let card = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/experts/geography/card.toml");
        assert!(is_card_of(&card, "geography") && !is_card_of(&card, "chemistry"));
        let folder = tempfile::tempdir().unwrap();
        let damaged = folder.path().join("card.toml");
        std::fs::write(&damaged, "id =").unwrap();
        for path in [damaged, folder.path().join("gone.toml")] {
            assert!(is_card_of(&path, path.to_str().unwrap()) && !is_card_of(&path, "geography"));
        }
    }
}
