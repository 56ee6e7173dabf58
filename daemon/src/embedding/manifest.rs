//! `encoder.toml`: what must be known of an encoder's files, and the files themselves, checked against it.

use super::Error;
use polymath_swarm::cells::{Codebook, DIMENSION_MAX};
use polymath_swarm::embedding::SpaceId;
use polymath_swarm::identity::Sha256Hash;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Tokens a text may have; the longest context of sentence encoders in use.
const TOKENS_MAX: usize = 8_192;
/// Texts in one run; more gain nothing on a CPU.
const BATCH_TEXTS_MAX: usize = 64;

/// How token vectors become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pooling {
    /// The graph does it, and gives one vector a text.
    Inside,
    /// Mean over the tokens of the text.
    Mean,
    /// The first token's vector.
    Cls,
}

/// The file form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    /// SPDX expression, for people.
    #[serde(rename = "licence")]
    _licence: String,
    file: PathBuf,
    tokenizer: PathBuf,
    pooling: Pooling,
    dimension: usize,
    max_tokens: usize,
    /// Above 1 only if a text's vector does not depend on its batch.
    #[serde(default = "alone")]
    batch_texts: usize,
    sha256: Hashes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashes {
    file: String,
    tokenizer: String,
}

/// An encoder's files, read and verified.
pub(super) struct Manifest {
    /// For people, and what clients of `/v1/embeddings` ask for.
    pub(super) name: String,
    pub(super) encoder_path: PathBuf,
    pub(super) encoder: Vec<u8>,
    pub(super) tokenizer_path: PathBuf,
    pub(super) tokenizer: Vec<u8>,
    pub(super) pooling: Pooling,
    pub(super) dimension: usize,
    pub(super) tokens_max: usize,
    pub(super) batch_texts_max: usize,
    encoder_hash: Sha256Hash,
    tokenizer_hash: Sha256Hash,
}

impl Manifest {
    /// Reads `encoder.toml` in `folder` and the two files it names.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("encoder.toml");
        let fault = |reason: String| Error::Manifest { path: path.clone(), reason };
        let text = String::from_utf8(read(&path)?).map_err(|_| fault("it is not UTF-8".to_owned()))?;
        let file: File = toml::from_str(&text).map_err(|error| fault(error.to_string()))?;
        let bounds = [
            ("dimension", file.dimension, 1, DIMENSION_MAX),
            // Two are the marks at start and end.
            ("max_tokens", file.max_tokens, 3, TOKENS_MAX),
            ("batch_texts", file.batch_texts, 1, BATCH_TEXTS_MAX),
        ];
        for (field, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(fault(format!("{field} is {value}, must be {least} to {most}")));
            }
        }
        let load = |name: &Path, pinned: &str| {
            let pinned = Sha256Hash::from_hex(pinned)
                .ok_or_else(|| fault("sha256 must be 64 hexadecimal digits".to_owned()))?;
            let path = folder.join(name);
            let bytes = read(&path)?;
            if Sha256Hash::of(&bytes) == pinned {
                Ok((path, bytes, pinned))
            } else {
                Err(Error::Altered { path })
            }
        };
        let (encoder_path, encoder, encoder_hash) = load(&file.file, &file.sha256.file)?;
        let (tokenizer_path, tokenizer, tokenizer_hash) = load(&file.tokenizer, &file.sha256.tokenizer)?;
        Ok(Self {
            name: file.name,
            encoder_path,
            encoder,
            tokenizer_path,
            tokenizer,
            pooling: file.pooling,
            dimension: file.dimension,
            tokens_max: file.max_tokens,
            batch_texts_max: file.batch_texts,
            encoder_hash,
            tokenizer_hash,
        })
    }

    /// The space of this encoder with `codebook`: a hash of everything that a vector or its cell depends on.
    pub(super) fn space(&self, codebook: &Codebook) -> SpaceId {
        let mut hash = Sha256::new();
        hash.update(b"polymath/1/space\0");
        hash.update(self.encoder_hash.0);
        hash.update(self.tokenizer_hash.0);
        hash.update([match self.pooling {
            Pooling::Inside => 0,
            Pooling::Mean => 1,
            Pooling::Cls => 2,
        }]);
        hash.update((self.tokens_max as u64).to_le_bytes());
        hash.update(codebook.hash().0);
        Sha256Hash(hash.finalize().into())
    }
}

/// The bytes of a file of the set-up; says so if it is missing.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::Missing { path: path.to_path_buf() },
        _ => Error::Read { path: path.to_path_buf(), source },
    })
}

fn alone() -> usize {
    1
}
