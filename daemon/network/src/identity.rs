//! The node's Ed25519 key: created once, kept in the state folder, never overwritten.
//!
//! The file holds libp2p's protobuf encoding of the key pair. It repeats the public key, so a damaged file is
//! noticed instead of silently becoming another identity.

use super::{Error, peer_id_text};
use ed25519_dalek::SigningKey;
use libp2p::identity::{Keypair, ed25519};
use polymath_swarm::identity::PeerKey;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Name of the file inside the state folder.
pub const FILE: &str = "identity.key";
/// Bytes that are read of it at most: the encoding takes 68; whatever is larger is no key.
const FILE_BYTES_MAX: u64 = 256;
/// Owner may read and write, nobody else anything: the file is the node's whole identity.
const FILE_MODE: u32 = 0o600;

/// The key pair by which a node is known. Cheap to clone; never printed.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identity").field(&self.peer()).finish()
    }
}

impl Identity {
    /// Reads `identity.key` from `dir`, or creates it there if it does not exist.
    ///
    /// # Errors
    /// [`Error::Identity`] names the file: it cannot be read or written, or does not hold a key. A damaged
    /// file is left as it is.
    pub fn load_or_create(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let fault = |cause: io::Error| Error::Identity { path: path.clone(), cause };
        match read(&path) {
            Ok(identity) => Ok(identity),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let identity = Self::ephemeral();
                match create(dir, &path, &identity) {
                    Ok(()) => Ok(identity),
                    // Another process was faster: its key is the node's key.
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => read(&path).map_err(fault),
                    Err(e) => Err(fault(e)),
                }
            }
            Err(e) => Err(fault(e)),
        }
    }

    /// Makes a key that lives as long as this value: for tests and embedded swarms.
    pub fn ephemeral() -> Self {
        Self { key: SigningKey::from_bytes(&rand::random()) }
    }

    /// The public key.
    pub fn peer(&self) -> PeerKey {
        PeerKey(self.key.verifying_key().to_bytes())
    }

    /// The libp2p peer id in its text form.
    pub fn peer_id(&self) -> String {
        peer_id_text(self.peer())
    }

    /// The key that signs cards, statuses and transcripts.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    /// The same key as libp2p wants it.
    pub(super) fn keypair(&self) -> Result<Keypair, Error> {
        Keypair::ed25519_from_bytes(self.key.to_bytes()).map_err(|e| Error::Setup(Box::new(e)))
    }
}

fn read(path: &Path) -> io::Result<Identity> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    (&mut file).take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let damaged = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "it does not hold a key pair; restore it from a backup, or move it away to get a new identity",
        )
    };
    let keypair = Keypair::from_protobuf_encoding(&bytes).map_err(|_| damaged())?;
    let pair = keypair.try_into_ed25519().map_err(|_| damaged())?;
    let seed: [u8; 32] = pair.secret().as_ref().try_into().map_err(|_| damaged())?;
    if file.metadata()?.permissions().mode() & 0o777 != FILE_MODE {
        tracing::warn!(path = %path.display(), "others could read the identity file; permissions set to 0600");
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(Identity { key: SigningKey::from_bytes(&seed) })
}

/// Writes the file beside its place and links it there, which fails rather than replace an existing file.
fn create(dir: &Path, path: &Path, identity: &Identity) -> io::Result<()> {
    let mut seed = identity.key.to_bytes();
    let secret = ed25519::SecretKey::try_from_bytes(&mut seed).map_err(io::Error::other)?;
    let bytes =
        Keypair::from(ed25519::Keypair::from(secret)).to_protobuf_encoding().map_err(io::Error::other)?;
    let draft = dir.join(format!("{FILE}.{:016x}", rand::random::<u64>()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::hard_link(&draft, path)
    })();
    // The draft is of no use any more, whether the link was made or not.
    let _ = fs::remove_file(&draft);
    written?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_a_restart_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::load_or_create(dir.path()).unwrap();
        let again = Identity::load_or_create(dir.path()).unwrap();
        assert_eq!(first.peer(), again.peer());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
        let path = dir.path().join(FILE);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        Identity::load_or_create(dir.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        Identity::load_or_create(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        let good = fs::read(&path).unwrap();
        let mut flipped = good.clone();
        flipped[10] ^= 1;
        let long = vec![b'x'; 10_000];
        for bad in [&b""[..], &good[..40], &flipped, &long, b"not a key"] {
            fs::write(&path, bad).unwrap();
            let error = Identity::load_or_create(dir.path()).unwrap_err();
            let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
            assert!(text.contains("identity.key") && text.contains("backup"), "{text}");
            assert_eq!(fs::read(&path).unwrap(), bad, "never overwritten");
        }
    }

    #[test]
    fn a_folder_that_does_not_exist_is_named() {
        let error = Identity::load_or_create(Path::new("/nonexistent/state")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/state"), "{error}");
    }
}
