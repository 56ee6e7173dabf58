//! The TOML form of a capability card.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use polymath_swarm::capability::{CARD_BYTES_MAX, ExpertKind, Refusal};
use polymath_swarm::identity::Sha256Hash;
use serde::Deserialize;

use super::{CARD_NAME, Entry, Error};

/// Bytes of a card file: twice an encoded card, for TOML's quotes and what `[training]` says.
const FILE_BYTES_MAX: u64 = 2 * CARD_BYTES_MAX as u64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardFile {
    id: String,
    description: String,
    #[serde(default)]
    exemplars: Vec<String>,
    licence: String,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    abilities: Vec<String>,
    model: ModelSection,
    /// How it was made: for people and for the recipe, free in form.
    #[serde(default, rename = "training")]
    _training: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelSection {
    file: String,
    sha256: String,
    #[serde(default)]
    max_context: u32,
    #[serde(default)]
    temperature: f32,
}

/// Reads a card by its file or by the folder that holds it.
pub(super) fn read(path: &Path) -> Result<Entry, Error> {
    let path = file_of(path);
    parse(&text(&path)?, &path)
}

/// A card's file, said itself or by its folder.
pub(super) fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(CARD_NAME) } else { path.to_owned() }
}

/// What a card's file says.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::TooLarge { path: path.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    Ok(text)
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Entry, Error> {
    let card: CardFile = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count();
        // The message may quote the card; a card is not to write to the terminal as it likes.
        let message: String = error.message().chars().filter(|c| !c.is_control()).take(300).collect();
        Error::Syntax { path: path.to_owned(), message: format!("line {line}: {message}") }
    })?;
    let refused =
        |field, reason| Error::Card { path: path.to_owned(), source: Refusal::Bounds { field, reason } };
    let sha256 = Sha256Hash::from_hex(&card.model.sha256)
        .ok_or_else(|| refused("model.sha256", "64 hexadecimal digits"))?;
    let entry = Entry {
        id: card.id,
        kind: ExpertKind::Model,
        description: card.description,
        exemplars: card.exemplars,
        licence: card.licence,
        languages: card.languages,
        abilities: card.abilities,
        model_path: beside(path, &card.model.file)?,
        sha256: Some(sha256),
        max_context: card.model.max_context,
        temperature: card.model.temperature,
    };
    entry.check().map_err(|source| Error::Card { path: path.to_owned(), source })?;
    Ok(entry)
}

/// The model's path: a plain file name, so that a card cannot point at the rest of the disk.
fn beside(card: &Path, file: &str) -> Result<PathBuf, Error> {
    let mut components = Path::new(file).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(name)), None) if !file.chars().any(char::is_control) => {
            Ok(card.parent().unwrap_or(Path::new("")).join(name))
        }
        _ => Err(Error::Outside { path: card.to_owned(), file: file.escape_debug().take(200).collect() }),
    }
}
