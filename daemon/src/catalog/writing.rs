//! Cards that are written here: new ones beside models that were fetched, and changes that an owner makes to his. What is written has been
//! read back first, so that no card is lost to one that nobody could read.

use super::{Error, Known, card};
use polymath_swarm::identity::Sha256Hash;
use std::io::{self, Write as _};
use std::path::Path;
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

/// What a new card says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCard {
    /// Short name.
    pub id: String,
    /// SPDX expression.
    pub licence: String,
    /// What its owner may change later.
    pub text: CardEdit,
}

/// What of a card its owner changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardEdit {
    /// One sentence: what it is good at.
    pub description: String,
    /// Prompts that it answers well.
    pub exemplars: Vec<String>,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// `chat`, `planner` and so on.
    pub abilities: Vec<String>,
}

impl NewCard {
    /// That of a model of the catalogue.
    pub fn of(known: &Known) -> Self {
        let Known { id, licence, description, exemplars, languages, abilities, .. } = known.clone();
        Self { id, licence, text: CardEdit { description, exemplars, languages, abilities } }
    }

    /// Writes it to `path`, for the model beside it.
    ///
    /// # Errors
    /// [`Error::Card`] if a field breaks its bounds, [`Error::Outside`], [`Error::Write`].
    pub fn write(&self, path: &Path, model: &Path, sha256: Sha256Hash) -> Result<(), Error> {
        let mut document = DocumentMut::new();
        document["id"] = value(&self.id);
        document["licence"] = value(&self.licence);
        self.text.apply(&mut document);
        let mut section = Table::new();
        section["file"] = value(model.file_name().unwrap_or_default().to_string_lossy().into_owned());
        section["sha256"] = value(sha256.to_string());
        document["model"] = Item::Table(section);
        put(path, &document)
    }
}

impl CardEdit {
    /// Changes the card at `path`, or in that folder; what else it says stays as it is, comments included.
    ///
    /// # Errors
    /// [`Error::Card`] if a field breaks its bounds, [`Error::Read`], [`Error::Syntax`], [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let path = card::file_of(path);
        let text = card::text(&path)?;
        let mut document = text.parse::<DocumentMut>().map_err(|error| Error::Syntax {
            path: path.clone(),
            message: error.message().chars().filter(|c| !c.is_control()).take(300).collect(),
        })?;
        self.apply(&mut document);
        put(&path, &document)
    }

    fn apply(&self, document: &mut DocumentMut) {
        set(document, "description", Value::from(&self.description));
        for (key, texts) in
            [("exemplars", &self.exemplars), ("languages", &self.languages), ("abilities", &self.abilities)]
        {
            set(document, key, Value::Array(lines(texts)));
        }
    }
}

/// Sets a value, and keeps what stands around the old one.
fn set(document: &mut DocumentMut, key: &str, mut new: Value) {
    if let Some(old) = document.get(key).and_then(Item::as_value) {
        *new.decor_mut() = old.decor().clone();
    }
    document[key] = Item::Value(new);
}

/// One text a line, if there are several.
fn lines(texts: &[String]) -> Array {
    let mut array: Array = texts.iter().collect();
    if texts.len() > 1 {
        array.iter_mut().for_each(|text| text.decor_mut().set_prefix("\n    "));
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    array
}

/// Reads what would be written as a card, and then writes it: beside its place first.
fn put(path: &Path, document: &DocumentMut) -> Result<(), Error> {
    let text = document.to_string();
    card::parse(&text, path)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let written = || -> io::Result<()> {
        let mut file = std::fs::File::create(&draft)?;
        // Whoever may read the card may read the new one.
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|source| Error::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Config, Entry, resolve};

    fn read(path: &Path) -> Entry {
        resolve(&Config { card: Some(path.to_owned()), ..Config::default() }).unwrap()
    }

    fn new_card() -> NewCard {
        let text = CardEdit {
            description: "Answers questions about rivers".into(),
            exemplars: vec!["How long is the \"Nile\"?".into(), "Where does the Po end?".into()],
            abilities: vec!["chat".into()],
            languages: Vec::new(),
        };
        NewCard { id: "rivers".into(), licence: "MIT".into(), text }
    }

    #[test]
    fn a_new_card_is_read_as_it_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.toml");
        let hash = Sha256Hash::of(b"model");
        new_card().write(&path, &folder.path().join("rivers-q4.gguf"), hash).unwrap();
        let entry = read(&path);
        assert_eq!((entry.id.as_str(), entry.exemplars.len(), entry.sha256), ("rivers", 2, Some(hash)));
        assert_eq!(entry.model_path, folder.path().join("rivers-q4.gguf"));
    }

    #[test]
    fn a_change_keeps_all_that_it_does_not_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.toml");
        let text = format!(
            "# Mine.\nid = \"a\"\ndescription = \"Old\" # for people\nexemplars = [\"x\"]\nlicence = \"MIT\"\n\n[model]\n\
             file = \"a.gguf\"\nsha256 = \"{}\"\nmax_context = 512\n\n[training]\nsteps = 3 # few\n",
            Sha256Hash::of(b"model")
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let edit = CardEdit {
            description: "New".into(),
            exemplars: vec!["one".into(), "two".into()],
            languages: vec!["en".into()],
            abilities: vec!["chat".into()],
        };
        edit.write(folder.path()).unwrap();
        let entry = read(&path);
        assert_eq!((entry.description.as_str(), entry.exemplars), ("New", vec!["one".into(), "two".into()]));
        assert_eq!((entry.max_context, entry.languages), (512, vec!["en".to_owned()]));
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o640);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("# Mine.") && text.contains("# for people") && text.contains("steps = 3 # few")
        );
    }

    #[test]
    fn what_could_not_be_read_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.toml");
        new_card().write(&path, Path::new("a.gguf"), Sha256Hash::of(b"model")).unwrap();
        let before = std::fs::read_to_string(&path).unwrap();
        let edit = CardEdit { description: "x".repeat(5_000), ..CardEdit::default() };
        assert!(matches!(edit.write(&path), Err(Error::Card { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    }
}
