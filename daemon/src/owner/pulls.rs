//! Models that are fetched: what a source is, where it comes from, what came of it; and, in a running node, fetches that go on while
//! nobody looks.

mod jobs;

pub use jobs::{Pull, Pulls, State};

use super::Error;
use crate::catalog::pull::{self, Expected, Fetched, Hub, Source, Stored};
use crate::catalog::{self, Known};
use crate::config::{Environment as _, ProcessEnvironment};
use crate::inference;
use polymath_swarm::identity::Sha256Hash;
use std::path::PathBuf;
use std::sync::Arc;

/// The hub where no mirror is named.
const HUB: &str = "https://huggingface.co";
/// The hub's branch where none is named.
pub const REVISION: &str = "main";

/// What is to be fetched.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// An id of the catalogue, or a source.
    pub source: String,
    /// The hub's branch, tag or commit.
    pub revision: String,
    /// Another hub; else `HF_ENDPOINT`, else Hugging Face's.
    pub mirror: Option<String>,
    /// What the file must hash to.
    pub sha256: Option<Sha256Hash>,
    /// Where models go.
    pub folder: PathBuf,
}

/// What is told while a model comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What will come: its name and size, and its licence if there is one stated.
    Found {
        /// For people.
        what: String,
        /// As it is stated.
        licence: Option<String>,
    },
    /// So many bytes of so many are there.
    Progress(u64, u64),
}

/// Who is told.
pub type Telling = Arc<dyn Fn(Told) + Send + Sync>;

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The file.
    pub fetched: Fetched,
    /// As it is stated.
    pub licence: Option<String>,
    /// What it takes in memory, estimated.
    pub memory_bytes: u64,
}

/// Fetches a model, and puts a card beside one of the catalogue. What broke off is taken up where it ended.
///
/// # Errors
/// [`Error::Pull`] if it does not come, is another, is no GGUF file, or another file has its place: then it is not kept;
/// [`Error::Unservable`] if it came and cannot be served.
pub async fn bring(wanted: &Wanted, catalogue: &[Known], told: Telling) -> Result<Pulled, Error> {
    let of_catalogue = catalogue.iter().find(|known| known.id == wanted.source);
    let source = match of_catalogue {
        Some(known) => Source::Hub { repo: known.repo.clone(), file: Some(known.file.clone()) },
        None => wanted.source.parse()?,
    };
    let (fetched, licence) = match source {
        Source::Hub { repo, file } => from_hub(wanted, &repo, file.as_deref(), told).await?,
        Source::Ollama { name, tag } => from_ollama(wanted, &name, &tag, told).await?,
        Source::File(path) => from_file(wanted, path, told).await?,
    };
    let model = inference::Config { model_path: fetched.path.clone(), ..inference::Config::default() };
    let unservable = |source| Error::Unservable { path: fetched.path.clone(), source };
    let memory_bytes = inference::memory_needed(&model).map_err(unservable)?;
    if let Some(known) = of_catalogue {
        write_card(known, &fetched)?;
    }
    Ok(Pulled { fetched, licence, memory_bytes })
}

impl Pulled {
    /// Where its card is to be.
    pub fn place_of_card(&self) -> PathBuf {
        self.fetched.path.with_file_name(catalog::CARD_NAME)
    }

    /// The card beside it, if there is one that speaks of this very file.
    pub fn card(&self) -> Option<PathBuf> {
        let card = self.place_of_card();
        let config = catalog::Config { card: Some(card.clone()), ..catalog::Config::default() };
        let speaks_of_it = card.is_file()
            && catalog::resolve(&config).is_ok_and(|entry| entry.sha256 == Some(self.fetched.sha256));
        speaks_of_it.then_some(card)
    }
}

async fn from_hub(
    wanted: &Wanted,
    repo: &str,
    file: Option<&str>,
    told: Telling,
) -> Result<(Fetched, Option<String>), Error> {
    let environment = |name: &str| ProcessEnvironment.variable(name).filter(|value| !value.is_empty());
    let mirror = wanted.mirror.clone().or_else(|| environment("HF_ENDPOINT"));
    let hub = Hub::new(mirror.as_deref().unwrap_or(HUB), environment("HF_TOKEN"))?;
    let about = hub.about(repo, &wanted.revision).await?;
    let file = about.choose(file, inference::memory_available())?;
    if let (Some(wanted), Some(stated)) = (wanted.sha256, file.sha256)
        && wanted != stated
    {
        let reason = format!("{} hashes to {stated}, not to {wanted}", file.name);
        return Err(Error::Invalid { field: "sha256", reason });
    }
    let licence = about.licence.clone();
    told(Told::Found { what: format!("{repo}: {}", file.name), licence: licence.clone() });
    let folder = wanted.folder.join(repo.replace('/', "__"));
    let progress = move |there, all| told(Told::Progress(there, all));
    Ok((hub.fetch(&about, file, wanted.sha256, &folder, &progress).await?, licence))
}

async fn from_ollama(
    wanted: &Wanted,
    name: &str,
    tag: &str,
    told: Telling,
) -> Result<(Fetched, Option<String>), Error> {
    let store = ProcessEnvironment.variable("OLLAMA_MODELS").map(PathBuf::from);
    let home = || ProcessEnvironment.variable("HOME").map(|home| PathBuf::from(home).join(".ollama/models"));
    let store = store.or_else(home).ok_or_else(|| Error::Invalid {
        field: "source",
        reason: "HOME is not set: set OLLAMA_MODELS".to_owned(),
    })?;
    let stored = Stored::find(&store, name, tag)?;
    told(Told::Found { what: format!("{name}:{tag}"), licence: stored.licence.clone() });
    let plain = name.replace('/', "__");
    let folder = wanted.folder.join(format!("ollama__{plain}__{tag}"));
    let expected = Expected { stated: Some(stored.sha256), asked: wanted.sha256 };
    Ok((copied(stored.blob, folder, format!("{plain}-{tag}.gguf"), expected, told).await?, stored.licence))
}

async fn from_file(
    wanted: &Wanted,
    path: PathBuf,
    told: Telling,
) -> Result<(Fetched, Option<String>), Error> {
    let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let (Some(name), Some(stem)) = (part(path.file_name()), part(path.file_stem())) else {
        return Err(pull::Error::Source(wanted.source.clone()).into());
    };
    told(Told::Found { what: name.clone(), licence: None });
    let expected = Expected { stated: None, asked: wanted.sha256 };
    Ok((copied(path, wanted.folder.join(stem), name, expected, told).await?, None))
}

async fn copied(
    from: PathBuf,
    folder: PathBuf,
    name: String,
    expected: Expected,
    told: Telling,
) -> Result<Fetched, Error> {
    let progress = move |there, all| told(Told::Progress(there, all));
    let copying = move || pull::copy(&from, &folder, &name, expected, &progress);
    Ok(tokio::task::spawn_blocking(copying).await.map_err(|_| Error::Broken)??)
}

/// Puts a card beside a model of the catalogue, unless its owner has put one there.
fn write_card(known: &Known, fetched: &Fetched) -> Result<(), Error> {
    let path = fetched.path.with_file_name(catalog::CARD_NAME);
    if !path.exists() {
        catalog::NewCard::of(known).write(&path, &fetched.path, fetched.sha256)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    async fn brought(file: &Path, folder: &Path) -> Result<Pulled, Error> {
        let wanted = Wanted {
            source: file.display().to_string(),
            revision: REVISION.to_owned(),
            mirror: None,
            sha256: None,
            folder: folder.to_owned(),
        };
        bring(&wanted, &[], Arc::new(|_| {})).await
    }

    #[tokio::test]
    async fn what_is_no_model_is_taken_away_again() {
        let home = tempfile::tempdir().unwrap();
        let (file, models) = (home.path().join("notes.gguf"), home.path().join("models"));
        fs::write(&file, "no model").unwrap();
        let error = brought(&file, &models).await.unwrap_err();
        assert!(matches!(error, Error::Pull(pull::Error::NotGguf { .. })), "{error}");
        assert_eq!(fs::read_dir(&models).unwrap().count(), 0, "nothing of it is left");
        assert!(file.exists(), "the original is");
        let beside = models.join("notes/card.toml");
        fs::create_dir_all(models.join("notes")).unwrap();
        fs::write(&beside, "").unwrap();
        brought(&file, &models).await.unwrap_err();
        assert!(beside.exists() && !models.join("notes/notes.gguf").exists());
    }

    #[tokio::test]
    async fn what_was_here_before_stays() {
        let home = tempfile::tempdir().unwrap();
        let own = home.path().join("notes/notes.gguf");
        fs::create_dir(home.path().join("notes")).unwrap();
        fs::write(&own, "no model").unwrap();
        let error = brought(&own, home.path()).await.unwrap_err();
        assert!(matches!(error, Error::Unservable { .. }), "{error}");
        assert_eq!(fs::read(&own).unwrap(), b"no model");
    }

    #[tokio::test]
    async fn a_model_that_is_here_outlives_what_comes_under_its_name() {
        let home = tempfile::tempdir().unwrap();
        let (file, models) = (home.path().join("notes.gguf"), home.path().join("models"));
        let here = models.join("notes/notes.gguf");
        fs::create_dir_all(models.join("notes")).unwrap();
        fs::write(&here, "GGUF, the good one").unwrap();
        for other in ["no model", "GGUF, another one"] {
            fs::write(&file, other).unwrap();
            let error = brought(&file, &models).await.unwrap_err();
            let Error::Pull(pull::Error::Another { path, coming }) = &error else { panic!("{error}") };
            assert_eq!((path, *coming), (&here, Sha256Hash::of(other.as_bytes())));
            assert!(
                error.to_string().contains("notes.gguf") && error.to_string().contains("--to"),
                "{error}"
            );
            assert_eq!(fs::read(&here).unwrap(), b"GGUF, the good one");
            assert_eq!(fs::read_dir(models.join("notes")).unwrap().count(), 1, "nothing is left beside it");
        }
    }
}
