//! Specialists that others have made (`models/catalog.toml`): what there is to fetch, and for which machine.

use super::Error;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Bytes of a weight in four and a half bits, with what else is in the file.
const BYTES_PER_PARAMETER: f64 = 0.62;
/// Memory that a model takes, over its file.
const MEMORY_FACTOR: f64 = 1.25;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Known>,
}

/// A model that can be fetched, with what its card will say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Short name.
    pub id: String,
    /// The repository that holds it.
    pub repo: String,
    /// The file in it.
    pub file: String,
    /// What it is for, in a word.
    pub field: String,
    /// Millions of parameters.
    pub parameters: u64,
    /// SPDX expression.
    pub licence: String,
    /// BCP 47 tags.
    pub languages: Vec<String>,
    /// As a card's.
    pub abilities: Vec<String>,
    /// One sentence: what it is good at.
    pub description: String,
    /// Prompts that it answers well.
    pub exemplars: Vec<String>,
}

impl Known {
    /// Reads the catalogue.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Syntax`].
    pub fn all(path: &Path) -> Result<Vec<Self>, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let file: File = toml::from_str(&text)
            .map_err(|error| Error::Syntax { path: path.to_owned(), message: error.message().to_owned() })?;
        Ok(file.model)
    }

    /// Bytes of its file, roughly.
    pub fn file_bytes(&self) -> u64 {
        (self.parameters as f64 * 1e6 * BYTES_PER_PARAMETER) as u64
    }

    /// Bytes of memory that it takes, roughly.
    pub fn memory_bytes(&self) -> u64 {
        (self.file_bytes() as f64 * MEMORY_FACTOR) as u64
    }
}

/// Of each field the largest that so much memory holds; fields by name.
pub fn recommended(known: &[Known], memory: Option<u64>) -> Vec<&Known> {
    let mut best: std::collections::BTreeMap<&str, &Known> = std::collections::BTreeMap::new();
    for model in known.iter().filter(|model| memory.is_none_or(|memory| model.memory_bytes() <= memory)) {
        let place = best.entry(&model.field).or_insert(model);
        if place.parameters < model.parameters {
            *place = model;
        }
    }
    best.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::identity::Sha256Hash;

    fn shipped() -> Vec<Known> {
        Known::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/catalog.toml")).unwrap()
    }

    #[test]
    fn what_is_shipped_makes_cards_that_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for model in shipped() {
            let path = folder.path().join("card.toml");
            let hash = Sha256Hash::of(b"model");
            crate::catalog::NewCard::of(&model).write(&path, Path::new("model.gguf"), hash).unwrap();
            let entry = crate::catalog::resolve(&crate::catalog::Config {
                card: Some(path),
                ..crate::catalog::Config::default()
            });
            assert_eq!(entry.unwrap().id, model.id);
            let source = format!("{}/{}", model.repo, model.file).parse::<crate::catalog::pull::Source>();
            assert!(source.is_ok(), "{}", model.id);
        }
    }

    #[test]
    fn a_machine_is_recommended_what_it_holds() {
        let known = shipped();
        let ids = |memory| recommended(&known, memory).iter().map(|m| m.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(Some(600 << 20)), ["talker-small", "coder-small"]);
        assert_eq!(ids(None), ["talker", "coder-large", "maths-large", "medic", "reasoner", "writer"]);
        assert!(ids(Some(1 << 20)).is_empty());
    }
}
