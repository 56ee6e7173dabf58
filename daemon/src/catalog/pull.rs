//! Models brought to this machine: from Hugging Face or a mirror that speaks its protocol, from Ollama's store, from a file.
//!
//! Whatever arrives is written beside its place, hashed, and moved there once it is whole and is what it should be; a transfer that
//! broke off is taken up where it ended. No other file of its name is overwritten, unless this very one was asked for by its hash.

mod hub;
mod ollama;

pub use hub::{About, GgufFile, Hub};
pub use ollama::Stored;

use super::verify::{self, Verified};
use polymath_swarm::identity::Sha256Hash;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Bytes that stay free on the disk.
const ROOM_BYTES: u64 = 64 << 20;
/// The first bytes of a GGUF file.
const SIGNATURE: [u8; 4] = *b"GGUF";
/// Bytes copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A repository of Hugging Face's hub, or of a mirror.
    Hub {
        /// `owner/name`.
        repo: String,
        /// The file in it, if said.
        file: Option<String>,
    },
    /// A model that Ollama has.
    Ollama {
        /// `name`, or `owner/name`.
        name: String,
        /// `latest` if not said.
        tag: String,
    },
    /// A file on this machine.
    File(PathBuf),
}

/// Why a model did not come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source is of no form that is known.
    #[error(
        "`{0}` is no source: write an id of `daemon models recommend`, owner/repository[/file.gguf], ollama:name[:tag], or the path of a GGUF file"
    )]
    Source(String),
    /// The source is the path of a GGUF file, and there is none.
    #[error("there is no file {} here; one on the hub is named OWNER/REPO/FILE.gguf", path.display())]
    NotHere {
        /// As it was written.
        path: PathBuf,
    },
    /// The hub has nothing of that name.
    #[error("{url}: is not there: is the name right?")]
    Missing {
        /// What was asked.
        url: String,
    },
    /// The hub gives it to others only.
    #[error(
        "{url}: is not public: accept its terms on its page and set HF_TOKEN to a token of yours that may read it"
    )]
    NotPublic {
        /// What was asked.
        url: String,
    },
    /// The hub does not answer, or not as it should.
    #[error("{url}: {reason}")]
    Hub {
        /// What was asked.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The repository has no file that could be served.
    #[error("{repo} has no GGUF file that fits: {reason}")]
    NoFile {
        /// The repository.
        repo: String,
        /// What it has.
        reason: String,
    },
    /// None of a repository's files fits into this machine's memory.
    #[error("the smallest file of {repo} has {bytes} bytes, which is more than this machine's memory holds")]
    TooLarge {
        /// The repository.
        repo: String,
        /// The smallest file's size.
        bytes: u64,
    },
    /// Ollama's store does not hold it.
    #[error("Ollama has no model {name}:{tag} in {}; fetch it with `ollama pull {name}:{tag}`, or set OLLAMA_MODELS", store.display())]
    NotStored {
        /// Asked for.
        name: String,
        /// Asked for.
        tag: String,
        /// Looked in.
        store: PathBuf,
    },
    /// What arrived is something else.
    #[error("{}: SHA-256 is {found}, it should be {wanted}; it was not kept", path.display())]
    Mismatch {
        /// Where it was to go.
        path: PathBuf,
        /// Its hash.
        found: Sha256Hash,
        /// The one promised.
        wanted: Sha256Hash,
    },
    /// What arrived is no model file.
    #[error("{}: what came is no GGUF file; it was not kept", path.display())]
    NotGguf {
        /// Where it was to go.
        path: PathBuf,
    },
    /// Another file of its name is there.
    #[error(
        "{}: another file of this name is there, and was kept: move it away, choose another place with --to, or say --sha256 {coming} to replace it",
        path.display()
    )]
    Another {
        /// The file that is there.
        path: PathBuf,
        /// The hash of the one that was to come.
        coming: Sha256Hash,
    },
    /// The disk is too small.
    #[error("{} has {free} bytes free, {needed} are needed; choose another place with --to", path.display())]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// There are.
        free: u64,
        /// There should be.
        needed: u64,
    },
    /// Another command, or the node, is at it.
    #[error("{} is being written by another fetch: wait for that one", path.display())]
    UnderWay {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::Source(text.to_owned());
        if let Some(named) = text.strip_prefix("ollama:") {
            let (name, tag) = named.rsplit_once(':').unwrap_or((named, "latest"));
            let parts: Vec<&str> = name.split('/').collect();
            let is_sound = parts.len() <= 2 && parts.iter().all(|part| is_plain(part)) && is_plain(tag);
            return is_sound
                .then(|| Self::Ollama { name: name.to_owned(), tag: tag.to_owned() })
                .ok_or_else(unknown);
        }
        if Path::new(text).is_file() {
            return Ok(Self::File(text.into()));
        }
        match on_hub(text.strip_prefix("hf:").unwrap_or(text)) {
            // `folder/model.gguf` is rather a path with a slip than a repository of that name.
            None | Some(Self::Hub { file: None, .. }) if is_path(text) => {
                Err(Error::NotHere { path: text.into() })
            }
            found => found.ok_or_else(unknown),
        }
    }
}

/// A repository of the hub, with or without a file in it.
fn on_hub(text: &str) -> Option<Source> {
    let mut parts = text.splitn(3, '/');
    let (owner, name, file) = (parts.next()?, parts.next()?, parts.next());
    let is_sound = is_plain(owner) && is_plain(name) && file.is_none_or(is_file_name);
    is_sound.then(|| Source::Hub { repo: format!("{owner}/{name}"), file: file.map(str::to_owned) })
}

/// Whether it reads like the path of a model file, not like an address.
fn is_path(text: &str) -> bool {
    let is_gguf = Path::new(text).extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    is_gguf && !text.starts_with("hf:") && !text.contains("://")
}

/// A name that is safe in a path and in an address.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= 96 && !text.starts_with('.') && text.chars().all(allowed)
}

/// A GGUF file's path within a repository.
fn is_file_name(text: &str) -> bool {
    text.len() <= 256 && text.ends_with(".gguf") && text.split('/').all(is_plain)
}

/// A model that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub sha256: Sha256Hash,
    /// Whether it was here already.
    pub was_there: bool,
}

/// What a file must hash to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// As its source states it.
    pub stated: Option<Sha256Hash>,
    /// As whoever fetches it asked for it: then it may take the place of another file.
    pub asked: Option<Sha256Hash>,
}

impl Expected {
    fn sha256(self) -> Option<Sha256Hash> {
        self.asked.or(self.stated)
    }
}

/// Told how many bytes of how many are there.
pub type Progress<'p> = &'p (dyn Fn(u64, u64) + Send + Sync);

/// Copies a file of this machine into `folder`.
///
/// # Errors
/// [`Error::Mismatch`] if it is not what is `expected`, [`Error::NotGguf`], [`Error::Another`], [`Error::NoRoom`], [`Error::Io`].
pub fn copy(
    from: &Path,
    folder: &Path,
    name: &str,
    expected: Expected,
    progress: Progress<'_>,
) -> Result<Fetched, Error> {
    let mut source = File::open(from).map_err(Error::io(from))?;
    let bytes = source.metadata().map_err(Error::io(from))?.len();
    let place = Place::prepare(folder, name, "copy")?;
    if place.path.exists() {
        // It may be the very file that it is copied from.
        let coming = match expected.sha256() {
            Some(promised) => promised,
            None => hash(from)?.sha256,
        };
        if let Some(there) = place.if_right(coming)? {
            return Ok(there);
        }
        place.spare(coming, expected)?;
    }
    place.check_room(bytes)?;
    let mut part = File::create(&place.part).map_err(Error::io(&place.part))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut copied = 0;
    loop {
        let read = source.read(&mut chunk).map_err(Error::io(from))?;
        if read == 0 {
            break;
        }
        part.write_all(chunk.get(..read).unwrap_or_default()).map_err(Error::io(&place.part))?;
        copied += read as u64;
        progress(copied, bytes);
    }
    place.take(expected)
}

/// Where a model goes, and where it is while it comes.
#[derive(Clone)]
struct Place {
    path: PathBuf,
    part: PathBuf,
    folder: PathBuf,
    /// The folder, which nobody else writes to meanwhile.
    _lock: Arc<File>,
}

impl Place {
    /// Makes the folder, which nobody else may write to meanwhile. What came before under the same `version` is taken up.
    fn prepare(folder: &Path, name: &str, version: &str) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let lock = File::open(folder).map_err(Error::io(folder))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::UnderWay { path: folder.to_owned() }),
            locked => locked.map_err(|errno| Error::io(folder)(errno.into()))?,
        }
        let part = folder.join(format!("{name}.{version}.part"));
        Ok(Self { path: folder.join(name), part, folder: folder.to_owned(), _lock: Arc::new(lock) })
    }

    /// Sees that there is room for what is missing of so many bytes.
    fn check_room(&self, bytes: u64) -> Result<(), Error> {
        let there = fs::metadata(&self.part).map_or(0, |about| about.len());
        let about = rustix::fs::statvfs(&self.folder);
        let about = about.map_err(|errno| Error::io(&self.folder)(errno.into()))?;
        let free = about.f_bavail.saturating_mul(about.f_frsize);
        let needed = bytes.saturating_sub(there).saturating_add(ROOM_BYTES);
        if free < needed {
            return Err(Error::NoRoom { path: self.folder.clone(), free, needed });
        }
        Ok(())
    }

    /// The file, if it is there already and is the one that is wanted.
    fn if_right(&self, wanted: Sha256Hash) -> Result<Option<Fetched>, Error> {
        if !self.path.exists() {
            return Ok(None);
        }
        let Verified { sha256, bytes } = hash(&self.path)?;
        let is_right = wanted == sha256;
        Ok(is_right.then(|| Fetched { path: self.path.clone(), bytes, sha256, was_there: true }))
    }

    /// Refuses to put anything in the place of another file, unless it was asked for by its hash.
    fn spare(&self, coming: Sha256Hash, expected: Expected) -> Result<(), Error> {
        if expected.asked.is_none() && self.path.exists() {
            return Err(Error::Another { path: self.path.clone(), coming });
        }
        Ok(())
    }

    /// Moves what has come to its place, if it is what it should be and the place is free; else it is removed.
    fn take(self, expected: Expected) -> Result<Fetched, Error> {
        let Verified { sha256, bytes } = hash(&self.part)?;
        let there = self.check(sha256, expected);
        if !matches!(there, Ok(None)) {
            fs::remove_file(&self.part).map_err(Error::io(&self.part))?;
            // The folder was made for it, and stays if there is more in it.
            let _ = fs::remove_dir(&self.folder);
        }
        if let Some(there) = there? {
            return Ok(there);
        }
        let written = File::open(&self.part).and_then(|part| part.sync_all());
        written.map_err(Error::io(&self.part))?;
        fs::rename(&self.part, &self.path).map_err(Error::io(&self.path))?;
        Ok(Fetched { path: self.path, bytes, sha256, was_there: false })
    }

    /// Whether what has come may go to its place; says if the same is there already.
    fn check(&self, found: Sha256Hash, expected: Expected) -> Result<Option<Fetched>, Error> {
        if let Some(wanted) = expected.sha256().filter(|wanted| *wanted != found) {
            return Err(Error::Mismatch { path: self.path.clone(), found, wanted });
        }
        if !is_signed(&self.part)? {
            return Err(Error::NotGguf { path: self.path.clone() });
        }
        let there = self.if_right(found)?;
        if there.is_none() {
            self.spare(found, expected)?;
        }
        Ok(there)
    }
}

/// Whether it begins as every GGUF file does.
fn is_signed(path: &Path) -> Result<bool, Error> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SIGNATURE.len() as u64).read_to_end(&mut start));
    read.map_err(Error::io(path))?;
    Ok(start == SIGNATURE)
}

fn hash(path: &Path) -> Result<Verified, Error> {
    File::open(path).and_then(verify::hash).map_err(Error::io(path))
}

#[cfg(test)]
mod tests;
