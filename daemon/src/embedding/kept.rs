//! Vectors of texts that are part of the program, embedded once and kept in a file beside the encoder.
//!
//! The file opens with a hash of the embedding space and of the texts, and ends with one of everything before: after
//! a change of encoder, or of the texts, it is written anew, and so it is when it is damaged. A folder that cannot be
//! written to costs the time of embedding at each start, nothing else.

use super::{Encoder, Error, TEXTS_MAX};
use polymath_swarm::embedding::Embedding;
use polymath_swarm::identity::Sha256Hash;
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Bytes of the hashes at both ends.
const HASH_BYTES: usize = 32;
/// Bytes of a file that is read: ten thousand vectors of 384 components.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl Encoder {
    /// The vectors of `texts`, in their order, from the file `name` beside the encoder where it holds them; else they
    /// are embedded, [`TEXTS_MAX`] at a time so that questions get between, and kept there.
    pub async fn embed_kept(&self, name: &str, texts: Vec<String>) -> Result<Vec<Embedding>, Error> {
        let (path, key) = (self.facts.folder.join(name), self.key(&texts));
        let (read, count, dimension) = (path.clone(), texts.len(), self.dimension());
        let kept = tokio::task::spawn_blocking(move || load(&read, key, count, dimension)).await;
        if let Ok(Some(vectors)) = kept {
            return Ok(vectors);
        }
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(TEXTS_MAX) {
            vectors.extend(self.embed(batch.to_vec()).await?);
        }
        let (bytes, target) = (encode(key, &vectors), path.clone());
        let written = tokio::task::spawn_blocking(move || store(&target, &bytes)).await;
        if let Ok(Err(error)) = written {
            tracing::debug!(%error, path = %path.display(), "vectors are not kept");
        }
        Ok(vectors)
    }

    fn key(&self, texts: &[String]) -> Sha256Hash {
        let mut hash = Sha256::new();
        hash.update(b"polymath/1/kept\0");
        hash.update(self.space().0);
        for text in texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        Sha256Hash(hash.finalize().into())
    }
}

fn encode(key: Sha256Hash, vectors: &[Embedding]) -> Vec<u8> {
    let mut bytes = key.0.to_vec();
    let values = vectors.iter().flat_map(|vector| vector.as_slice());
    bytes.extend(values.flat_map(|value| value.to_le_bytes()));
    let hash = Sha256Hash::of(&bytes);
    bytes.extend(hash.0);
    bytes
}

/// The vectors in the file; None unless it is whole and theirs.
fn load(path: &PathBuf, key: Sha256Hash, count: usize, dimension: usize) -> Option<Vec<Embedding>> {
    let size = 2 * HASH_BYTES + count * dimension * size_of::<f32>();
    let found = std::fs::metadata(path).ok()?.len();
    if found != size as u64 || found > FILE_BYTES_MAX {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH_BYTES)?)?;
    if hash != Sha256Hash::of(body).0 || body.get(..HASH_BYTES)? != key.0 {
        return None;
    }
    let values: Vec<f32> =
        body[HASH_BYTES..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    values.chunks_exact(dimension).map(Embedding::new).collect()
}

/// Writes the file as a whole: another node may read it, or write it as well, at the same time.
fn store(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> Vec<Embedding> {
        [[1.0, 0.0], [0.6, 0.8]].iter().map(|v| Embedding::new(v).unwrap()).collect()
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("kept"), Sha256Hash([7; 32]));
        store(&path, &encode(key, &vectors())).unwrap();
        assert_eq!(load(&path, key, 2, 2), Some(vectors()));
        assert_eq!(load(&path, Sha256Hash([8; 32]), 2, 2), None, "another encoder's");
        assert_eq!(load(&path, key, 4, 1), None, "no unit vectors of this dimension");
        assert_eq!(load(&path, key, 3, 2), None, "too few");
        assert_eq!(load(&folder.path().join("absent"), key, 2, 2), None);
    }

    #[test]
    fn a_damaged_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("kept"), Sha256Hash([7; 32]));
        let mut bytes = encode(key, &vectors());
        bytes[HASH_BYTES + 1] ^= 1;
        store(&path, &bytes).unwrap();
        assert_eq!(load(&path, key, 2, 2), None);
    }

    #[tokio::test]
    async fn kept_vectors_are_those_of_the_encoder() {
        let encoder = Encoder::open(super::super::tests::config()).await.unwrap();
        let texts = vec!["a cat".to_owned(), "a dog".to_owned()];
        let name = format!("test-kept-{}.vectors", std::process::id());
        let first = encoder.embed_kept(&name, texts.clone()).await.unwrap();
        let path = encoder.facts.folder.join(&name);
        assert!(path.is_file());
        let again = encoder.embed_kept(&name, texts.clone()).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let fresh = encoder.embed(texts).await.unwrap();
        for (kept, fresh) in first.iter().chain(&again).zip(fresh.iter().chain(&fresh)) {
            assert!(kept.similarity(fresh) > 0.9999);
        }
    }
}
