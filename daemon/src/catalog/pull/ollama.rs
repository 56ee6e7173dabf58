//! Models that Ollama has fetched: its manifest names the blob, which is a GGUF file named by its hash.

use super::{Error, Source};
use polymath_swarm::identity::Sha256Hash;
use serde::Deserialize;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Bytes of a manifest; they have a few thousand.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a licence that are looked at for its name.
const LICENCE_BYTES_MAX: u64 = 64 << 10;

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
}

/// A model in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its GGUF file.
    pub blob: PathBuf,
    /// Its hash, by which it is named.
    pub sha256: Sha256Hash,
    /// The first line of its licence's text.
    pub licence: Option<String>,
}

impl Stored {
    /// Finds a model in the store whose folder is `store`.
    ///
    /// # Errors
    /// [`Error::NotStored`].
    pub fn find(store: &Path, name: &str, tag: &str) -> Result<Self, Error> {
        let missing =
            || Error::NotStored { name: name.to_owned(), tag: tag.to_owned(), store: store.to_owned() };
        // Paths are made of it.
        if format!("ollama:{name}:{tag}").parse::<Source>().is_err() {
            return Err(missing());
        }
        let owned = if name.contains('/') { name.to_owned() } else { format!("library/{name}") };
        let manifest = store.join("manifests/registry.ollama.ai").join(owned).join(tag);
        let text = read(&manifest, MANIFEST_BYTES_MAX).ok_or_else(missing)?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| missing())?;
        let blob = |kind: &str| {
            let layer = manifest.layers.iter().find(|layer| layer.media_type.ends_with(kind))?;
            let hash = Sha256Hash::from_hex(layer.digest.strip_prefix("sha256:")?)?;
            Some((store.join("blobs").join(format!("sha256-{hash}")), hash))
        };
        let (model, sha256) = blob(".image.model").filter(|(path, _)| path.is_file()).ok_or_else(missing)?;
        let licence = blob(".image.license").and_then(|(path, _)| read(&path, LICENCE_BYTES_MAX));
        let licence = licence.and_then(|text| {
            let text = String::from_utf8_lossy(&text).into_owned();
            text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
        });
        Ok(Self { blob: model, sha256, licence })
    }
}

fn read(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
