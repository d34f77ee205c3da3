//! TLS for listeners and clients: the Collector's keys, the material they name, and its reload while running.
//!
//! The crypto provider (ring) is built here from the configuration and passed on explicitly; no process-wide default
//! is ever installed or read.

pub mod client;
pub mod material;
mod names;
pub mod reload;
pub mod server;
mod suites;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;

pub use material::{Identity, Source};
pub use names::CertificateNames;
pub use reload::{ReloadStats, Reloading};
pub use server::{ServerTls, ServerTlsConfig};

/// The keys that listeners and clients share, as the user wrote them; absent is `None`, an empty string counts as
/// absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Authorities to trust, as a PEM file. For servers see also `client_ca_file`.
    pub ca_file: Option<String>,
    /// Authorities to trust, as PEM text.
    pub ca_pem: Option<String>,
    /// Own certificate chain, as a PEM file.
    pub cert_file: Option<String>,
    /// Own certificate chain, as PEM text.
    pub cert_pem: Option<String>,
    /// Own private key, as a PEM file.
    pub key_file: Option<String>,
    /// Own private key, as PEM text.
    pub key_pem: Option<String>,
    /// Lowest protocol version, "1.0" to "1.3"; absent is 1.2.
    pub min_version: Option<String>,
    /// Highest protocol version; absent is the newest there is.
    pub max_version: Option<String>,
    /// IANA names of the TLS 1.2 suites to offer; empty is all secure ones. TLS 1.3 suites are always offered.
    pub cipher_suites: Vec<String>,
    /// Whether `cipher_suites` may name insecure suites. None is ever offered; see [`TlsConfig::notes`].
    pub include_insecure_cipher_suites: bool,
    /// Key exchange groups in order of preference (P256, P384, P521, X25519, X25519MLKEM768); empty is all.
    pub curve_preferences: Vec<String>,
    /// Whether the system's authorities are trusted in addition to `ca_file` or `ca_pem`.
    pub include_system_ca_certs_pool: bool,
    /// How often files are looked at again; `None` or zero is never.
    pub reload_interval: Option<Duration>,
}

/// Why TLS could not be set up. The texts follow the Collector's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The keys contradict each other or name something unknown.
    #[error("{0}")]
    Config(String),
    /// A file could not be read.
    #[error("failed to load {what} {path}: {reason}")]
    File {
        /// What the file was to hold: "CA file", "certificate", "key".
        what: &'static str,
        /// Its path.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// A file or a PEM text holds nothing of the kind, or something broken.
    #[error("failed to parse {what}: {reason}")]
    Material {
        /// As in [`TlsError::File`].
        what: &'static str,
        /// What is wrong with it; never its content.
        reason: String,
    },
    /// rustls refused the combination, for instance a key that does not belong to the certificate.
    #[error("failed to load TLS config: {0}")]
    Rustls(String),
}

/// What a TLS configuration is built with.
#[derive(Clone, Debug)]
pub struct Suite {
    /// ring, narrowed to the configured suites and groups.
    pub provider: Arc<CryptoProvider>,
    /// The versions from `min_version` to `max_version` that exist here.
    pub versions: Vec<&'static SupportedProtocolVersion>,
}

impl TlsConfig {
    /// Checks everything that can be checked without touching a file.
    ///
    /// # Errors
    /// [`TlsError::Config`].
    pub fn validate(&self) -> Result<(), TlsError> {
        let both = |file: &Option<String>, pem: &Option<String>, what: &str| match (set(file), set(pem)) {
            (Some(_), Some(_)) => {
                Err(TlsError::Config(format!("provide either {what} or the PEM-encoded string, but not both")))
            }
            _ => Ok(()),
        };
        both(&self.ca_file, &self.ca_pem, "a CA file")?;
        both(&self.cert_file, &self.cert_pem, "a certificate")?;
        both(&self.key_file, &self.key_pem, "a key")?;
        self.suite().map(drop)
    }

    /// The provider and versions for this configuration.
    ///
    /// # Errors
    /// [`TlsError::Config`] for unknown names, for versions in the wrong order, and when nothing that is left can be
    /// offered (TLS 1.0 and 1.1 do not exist here).
    pub fn suite(&self) -> Result<Suite, TlsError> {
        suites::build(self)
    }

    /// What is accepted but has no effect here, in words for a log line: suites and groups that the Collector knows
    /// and this build cannot offer.
    pub fn notes(&self) -> Vec<String> {
        suites::notes(self)
    }

    /// Where the authorities come from, if any are named.
    pub fn ca(&self) -> Option<Source> {
        Source::choose(&self.ca_file, &self.ca_pem)
    }

    /// Own certificate and key, if named.
    ///
    /// # Errors
    /// [`TlsError::Config`] when only one of the two is given.
    pub fn identity(&self) -> Result<Option<Identity>, TlsError> {
        let cert = Source::choose(&self.cert_file, &self.cert_pem);
        let key = Source::choose(&self.key_file, &self.key_pem);
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Identity { cert, key })),
            (None, None) => Ok(None),
            _ => Err(TlsError::Config(
                "TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)".into(),
            )),
        }
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |pem: &Option<String>| set(pem).map(|_| "[REDACTED]");
        f.debug_struct("TlsConfig")
            .field("ca_file", &self.ca_file)
            .field("ca_pem", &hidden(&self.ca_pem))
            .field("cert_file", &self.cert_file)
            .field("cert_pem", &hidden(&self.cert_pem))
            .field("key_file", &self.key_file)
            .field("key_pem", &hidden(&self.key_pem))
            .field("min_version", &self.min_version)
            .field("max_version", &self.max_version)
            .field("cipher_suites", &self.cipher_suites)
            .field("include_insecure_cipher_suites", &self.include_insecure_cipher_suites)
            .field("curve_preferences", &self.curve_preferences)
            .field("include_system_ca_certs_pool", &self.include_system_ca_certs_pool)
            .field("reload_interval", &self.reload_interval)
            .finish()
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> TlsError {
        TlsError::Rustls(error.to_string())
    }
}

/// The value of a key unless it is absent or empty.
pub(crate) fn set(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
