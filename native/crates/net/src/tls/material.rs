//! Certificates, keys and authorities: where they come from and how they are read.

use std::fmt;
use std::fs;

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsError, set};

/// PEM material: a file that may change, or a text that does not.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A file's path.
    File(String),
    /// PEM text out of the configuration.
    Pem(String),
}

/// Own certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain, leaf first.
    pub cert: Source,
    /// The leaf's private key.
    pub key: Source,
}

impl Source {
    /// The file, else the text, else nothing; empty strings count as absent.
    pub fn choose(file: &Option<String>, pem: &Option<String>) -> Option<Source> {
        let file = set(file).map(|path| Source::File(path.to_owned()));
        file.or_else(|| set(pem).map(|text| Source::Pem(text.to_owned())))
    }

    /// The path, unless it is a text.
    pub fn path(&self) -> Option<&str> {
        match self {
            Source::File(path) => Some(path),
            Source::Pem(_) => None,
        }
    }

    /// Reads it; blocks on the file system.
    ///
    /// # Errors
    /// [`TlsError::File`], also for a file above 4 MiB.
    pub fn read(&self, what: &'static str) -> Result<Vec<u8>, TlsError> {
        let path = match self {
            Source::Pem(text) => return Ok(text.clone().into_bytes()),
            Source::File(path) => path,
        };
        let failed = |reason: String| TlsError::File { what, path: path.clone(), reason };
        let size = fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if size > MATERIAL_BYTES_MAX {
            return Err(failed(format!("larger than {MATERIAL_BYTES_MAX} bytes")));
        }
        fs::read(path).map_err(|error| failed(error.to_string()))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => f.debug_tuple("File").field(path).finish(),
            Source::Pem(_) => f.write_str("Pem([REDACTED])"),
        }
    }
}

impl Identity {
    /// Reads and parses chain and key.
    ///
    /// # Errors
    /// [`TlsError::File`] and [`TlsError::Material`].
    pub fn load(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = parse_certs(&self.cert.read("certificate")?, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key.read("key")?)
            .map_err(|error| TlsError::Material { what: "key", reason: error.to_string() })?;
        Ok((chain, key))
    }

    /// Both sources, for a watch on their files.
    pub fn sources(&self) -> [Source; 2] {
        [self.cert.clone(), self.key.clone()]
    }
}

/// The trust store: the named authorities, and the system's when asked for or when none are named.
///
/// # Errors
/// [`TlsError::File`], [`TlsError::Material`] when a named source has no usable certificate, [`TlsError::Config`] when
/// the system has none and nothing else was named.
pub fn roots(ca: Option<&Source>, include_system: bool) -> Result<RootCertStore, TlsError> {
    let mut store = match ca {
        Some(source) => authorities(source)?,
        None => RootCertStore::empty(),
    };
    if include_system || ca.is_none() {
        let system = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(system.certs);
    }
    Ok(store)
}

/// A trust store of exactly the certificates in `source`.
///
/// # Errors
/// As [`roots`].
pub fn authorities(source: &Source) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for cert in parse_certs(&source.read("CA file")?, "CA file")? {
        store.add(cert).map_err(|error| TlsError::Material { what: "CA file", reason: error.to_string() })?;
    }
    Ok(store)
}

/// All certificates of a PEM text, at least one.
///
/// # Errors
/// [`TlsError::Material`].
pub fn parse_certs(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certs = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::Material { what, reason: error.to_string() })?;
    if certs.is_empty() {
        return Err(TlsError::Material { what, reason: "no PEM-encoded certificate found".into() });
    }
    Ok(certs)
}

/// Bound on one file of certificates or keys; a system bundle has some 250 KiB.
const MATERIAL_BYTES_MAX: u64 = 4 << 20;
