//! TLS by rustls: certificate and key from PEM files, TLS 1.2 and 1.3, the protocol agreed on by ALPN.

use super::Protocol;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig, crypto::aws_lc_rs};

/// Bytes of a PEM file: a chain of certificates has some ten thousand.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where certificate and key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, then the rest of its chain.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {} ([api] {setting})", path.display())]
    Read {
        /// `tls_certificate` or `tls_key`.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It holds nothing of the kind.
    #[error("{} ([api] {setting}) holds no {wanted} in PEM form", path.display())]
    Empty {
        /// `tls_certificate` or `tls_key`.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// It is damaged.
    #[error("{} ([api] {setting}) is damaged", path.display())]
    Damaged {
        /// `tls_certificate` or `tls_key`.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key do not go together, or are of a kind that rustls does not know.
    #[error("{} and {} cannot be used together for TLS", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
}

impl Files {
    /// Reads both and proves that they go together.
    pub fn check(&self) -> Result<(), Error> {
        self.acceptor(Protocol::Http1).map(drop)
    }

    pub(super) fn acceptor(&self, protocol: Protocol) -> Result<TlsAcceptor, Error> {
        let (setting, path) = ("tls_certificate", &self.certificate);
        let certificates = CertificateDer::pem_slice_iter(&read(setting, path)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| Error::Damaged { setting, path: path.clone(), source })?;
        if certificates.is_empty() {
            return Err(Error::Empty { setting, path: path.clone(), wanted: "certificate" });
        }
        let (setting, path) = ("tls_key", &self.key);
        let key = PrivateKeyDer::from_pem_slice(&read(setting, path)?).map_err(|source| match source {
            pem::Error::NoItemsFound => Error::Empty { setting, path: path.clone(), wanted: "private key" },
            source => Error::Damaged { setting, path: path.clone(), source },
        })?;
        let pair =
            |source| Error::Pair { certificate: self.certificate.clone(), key: self.key.clone(), source };
        // The provider is named, for another crate may bring a second one, and then there is no default.
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(pair)?;
        config.alpn_protocols = match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|source| Error::Read { setting, path: path.to_owned(), source })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
    }

    fn fault(certificate: PathBuf, key: PathBuf) -> String {
        let error = Files { certificate, key }.check().unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    #[test]
    fn a_pair_is_taken_and_faults_name_the_file_and_the_setting() {
        let (certificate, key) = (data("certificate.pem"), data("key.pem"));
        Files { certificate: certificate.clone(), key: key.clone() }.check().unwrap();
        let missing = fault("/nonexistent/c.pem".into(), key.clone());
        assert!(missing.contains("/nonexistent/c.pem") && missing.contains("tls_certificate"), "{missing}");
        let swapped = fault(key, certificate.clone());
        assert!(swapped.contains("holds no certificate"), "{swapped}");
        let no_key = fault(certificate.clone(), certificate.clone());
        assert!(no_key.contains("holds no private key") && no_key.contains("tls_key"), "{no_key}");
        let damaged = tempfile::NamedTempFile::new().unwrap();
        let text = "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n";
        std::fs::write(damaged.path(), text).unwrap();
        let told = fault(certificate, damaged.path().to_owned());
        assert!(told.contains("damaged"), "{told}");
    }
}
