//! Expert files on disk: capability cards in TOML and the GGUF models beside them.
//!
//! A card comes from whoever packed the expert, so it is read as input from a stranger: bounded in size,
//! unknown keys refused, its model file confined to its own folder, and every text held against the same
//! bounds that a card from the network must keep ([`polymath_swarm::capability`]). [`resolve`] joins a card with
//! what the settings override; [`verify`] compares the model's hash; [`pull`] brings models here. Opening the model is inference's business.

mod card;
mod known;
pub mod pull;
mod verify;
mod writing;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use polymath_swarm::capability::{Card, ExpertKind, ModelFacts, Refusal};
use polymath_swarm::embedding::{Int8Vector, SpaceId};
use polymath_swarm::identity::Sha256Hash;

pub use known::{Known, recommended};
pub use verify::{Verified, verify};
pub use writing::{CardEdit, NewCard};

/// A card's file name in its expert's folder.
pub const CARD_NAME: &str = "card.toml";
/// What a model can do of which nothing else is said.
pub const BARE_ABILITIES: [&str; 2] = ["chat", "conversation"];
/// Experts that a folder may hold: far more than anyone bundles, few enough to list.
const BUNDLED_MAX: usize = 1_024;

/// Which expert, and what overrides its card. Without a card the rest describes a bare GGUF file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// A card.toml, or the folder that holds one.
    pub card: Option<PathBuf>,
    /// Short name; without a card it defaults to the file's name.
    pub id: Option<String>,
    /// One sentence: what it is good at.
    pub description: Option<String>,
    /// Prompts that it answers well.
    pub exemplars: Option<Vec<String>>,
    /// `chat`, `scratchpad` and so on.
    pub abilities: Option<Vec<String>>,
    /// BCP 47 tags.
    pub languages: Option<Vec<String>>,
    /// The GGUF file.
    pub model_path: Option<PathBuf>,
    /// In place of a file: the name that a server has for its model.
    pub served: Option<String>,
    /// Tokens of context a slot, 0 for the model's own.
    pub max_context: Option<u32>,
    /// Of sampling when a question does not say.
    pub temperature: Option<f32>,
}

/// An expert as its files describe it, within bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Short name.
    pub id: String,
    /// What answers.
    pub kind: ExpertKind,
    /// One sentence: what it is good at.
    pub description: String,
    /// Prompts that it answers well.
    pub exemplars: Vec<String>,
    /// SPDX expression.
    pub licence: String,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// `chat`, `planner` and so on.
    pub abilities: Vec<String>,
    /// The GGUF file.
    pub model_path: PathBuf,
    /// What the card says the file hashes to; a bare model has no such claim.
    pub sha256: Option<Sha256Hash>,
    /// Tokens of context a slot, 0 for the model's own.
    pub max_context: u32,
    /// Of sampling when a question does not say.
    pub temperature: f32,
}

/// What is wrong with an expert's files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A card cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The card is too large to be one.
    #[error("{}: larger than {bytes_max} bytes, so it is no card", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// The card is not TOML of the form expected.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// What the parser says.
        message: String,
    },
    /// A field of the card breaks its bounds.
    #[error("{} is no valid card", path.display())]
    Card {
        /// Which.
        path: PathBuf,
        /// The field and its bounds.
        #[source]
        source: Refusal,
    },
    /// The card points outside its folder.
    #[error("{}: the model file must lie beside its card, `{file}` does not", path.display())]
    Outside {
        /// The card.
        path: PathBuf,
        /// What it says.
        file: String,
    },
    /// The model is not what the card says.
    #[error("{}: SHA-256 is {found}, its card says {claimed}; fetch or train the model again", path.display())]
    Mismatch {
        /// The model.
        path: PathBuf,
        /// Its hash.
        found: Sha256Hash,
        /// The card's.
        claimed: Sha256Hash,
    },
    /// Two experts of one node share an id.
    #[error("two experts are called `{id}`: {} and {}; give one another id", first.display(), second.display())]
    Twice {
        /// The id.
        id: String,
        /// The first model.
        first: PathBuf,
        /// The second.
        second: PathBuf,
    },
    /// Neither a card nor a model was named.
    #[error("an expert needs a card (card.toml) or a model file with a description")]
    Nothing,
}

/// Reads what the settings name and applies their overrides.
pub fn resolve(config: &Config) -> Result<Entry, Error> {
    let mut entry = match (&config.card, &config.model_path, &config.served) {
        (Some(card), _, _) => card::read(card)?,
        (None, Some(model), _) => bare(model),
        // There is no file behind it.
        (None, None, Some(name)) => {
            Entry { kind: ExpertKind::Service, ..bare(Path::new(&format!("{name}.gguf"))) }
        }
        (None, None, None) => return Err(Error::Nothing),
    };
    if let Some(model) = &config.model_path {
        // Another file than the card's: the claimed hash is not about it.
        if *model != entry.model_path {
            entry.sha256 = None;
        }
        entry.model_path.clone_from(model);
    }
    let overridden = (config.id.clone(), config.description.clone(), config.exemplars.clone());
    entry.id = overridden.0.unwrap_or(entry.id);
    entry.description = overridden.1.unwrap_or(entry.description);
    entry.exemplars = overridden.2.unwrap_or(entry.exemplars);
    entry.abilities = config.abilities.clone().unwrap_or(entry.abilities);
    entry.languages = config.languages.clone().unwrap_or(entry.languages);
    entry.max_context = config.max_context.unwrap_or(entry.max_context);
    entry.temperature = config.temperature.unwrap_or(entry.temperature);
    let path = config.card.as_ref().unwrap_or(&entry.model_path).clone();
    entry.check().map_err(|source| Error::Card { path, source })?;
    Ok(entry)
}

/// Resolves several experts and refuses ids that occur twice.
pub fn resolve_all<'a>(configs: impl IntoIterator<Item = &'a Config>) -> Result<Vec<Entry>, Error> {
    let entries = configs.into_iter().map(resolve).collect::<Result<Vec<_>, _>>()?;
    distinct(&entries)?;
    Ok(entries)
}

/// Refuses ids that occur twice.
///
/// # Errors
/// [`Error::Twice`].
pub fn distinct(entries: &[Entry]) -> Result<(), Error> {
    let mut seen: HashMap<&str, &Entry> = HashMap::new();
    for entry in entries {
        if let Some(first) = seen.insert(&entry.id, entry) {
            return Err(Error::Twice {
                id: entry.id.clone(),
                first: first.model_path.clone(),
                second: entry.model_path.clone(),
            });
        }
    }
    Ok(())
}

/// The cards in `experts_dir`, sorted by folder name.
pub fn bundled(experts_dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: experts_dir.to_owned(), source };
    let mut cards = Vec::new();
    for folder in std::fs::read_dir(experts_dir).map_err(failed)?.take(BUNDLED_MAX) {
        let card = folder.map_err(failed)?.path().join(CARD_NAME);
        if card.is_file() {
            cards.push(card);
        }
    }
    cards.sort();
    Ok(cards)
}

impl Entry {
    /// It with a change to its card.
    ///
    /// # Errors
    /// [`Error::Card`] if that breaks a bound.
    pub fn with(mut self, edit: &CardEdit) -> Result<Self, Error> {
        let CardEdit { description, exemplars, languages, abilities } = edit.clone();
        (self.description, self.exemplars) = (description, exemplars);
        (self.languages, self.abilities) = (languages, abilities);
        let path = self.model_path.clone();
        self.check().map_err(|source| Error::Card { path, source })?;
        Ok(self)
    }

    /// The card to announce: this entry with what only the opened model and the encoder know.
    pub fn card(&self, model: ModelFacts, space: SpaceId, embeddings: Vec<Int8Vector>) -> Card {
        Card {
            id: self.id.clone(),
            kind: self.kind,
            description: self.description.clone(),
            exemplars: self.exemplars.clone(),
            model,
            licence: self.licence.clone(),
            languages: self.languages.clone(),
            abilities: self.abilities.clone(),
            space,
            embeddings,
            temperature: self.temperature,
        }
    }

    /// Whether the opened model is the one that the card speaks of.
    pub fn check_model(&self, found: Sha256Hash) -> Result<(), Error> {
        match self.sha256 {
            Some(claimed) if claimed != found => {
                Err(Error::Mismatch { path: self.model_path.clone(), found, claimed })
            }
            _ => Ok(()),
        }
    }

    /// Holds the texts against the bounds of a card on the network, the parts still unknown filled in.
    fn check(&self) -> Result<(), Refusal> {
        let model = ModelFacts {
            sha256: Sha256Hash::default(),
            architecture: "unknown".to_owned(),
            parameters: 0,
            quantisation: "unknown".to_owned(),
            context_tokens: 1,
            flash_attention: false,
            unified_kv: false,
        };
        let any = Int8Vector { scale: 1.0, values: vec![1] };
        // Bounded before the copies below are made: a card of a megabyte of exemplars is refused by its size.
        self.card(model, SpaceId::default(), vec![any; 1 + self.exemplars.len()]).check()
    }
}

/// A GGUF without a card: named after its file, nothing claimed.
fn bare(model: &Path) -> Entry {
    let stem = model.file_stem().map(|s| s.to_string_lossy().to_lowercase()).unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let id: String = stem.chars().map(|c| if fits(c) { c } else { '-' }).take(64).collect();
    Entry {
        id: if id.is_empty() { "model".to_owned() } else { id },
        kind: ExpertKind::Model,
        description: String::new(),
        exemplars: Vec::new(),
        licence: "unknown".to_owned(),
        languages: Vec::new(),
        abilities: BARE_ABILITIES.map(str::to_owned).to_vec(),
        model_path: model.to_owned(),
        sha256: None,
        max_context: 0,
        temperature: 0.0,
    }
}

#[cfg(test)]
mod tests;
