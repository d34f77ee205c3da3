//! TLS of both sides (compatibility contract, section 5.5).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_net::tls::TlsConfig;
use teleferric_net::tls::client::ClientTlsConfig;
use teleferric_net::tls::{ServerTls, ServerTlsConfig};

use super::{nanoseconds, non_zero};
use crate::component::StartError;

/// What servers and clients have in common.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TlsCommon {
    /// File of the certificate authorities to trust, PEM.
    pub ca_file: Option<String>,
    /// The authorities themselves, PEM.
    pub ca_pem: Option<String>,
    /// File of the own certificate chain, PEM.
    pub cert_file: Option<String>,
    /// The chain itself, PEM.
    pub cert_pem: Option<String>,
    /// File of the private key, PEM.
    pub key_file: Option<String>,
    /// The key itself, PEM.
    pub key_pem: Option<String>,
    /// Lowest protocol version, "1.2" or "1.3".
    pub min_version: Option<String>,
    /// Highest protocol version.
    pub max_version: Option<String>,
    /// Allowed cipher suites by their IANA names; empty: the library's.
    pub cipher_suites: Vec<String>,
    /// Whether suites known to be weak may be named.
    pub include_insecure_cipher_suites: bool,
    /// Allowed key exchange groups; empty: the library's.
    pub curve_preferences: Vec<String>,
    /// Whether the system's authorities are trusted beside the written ones.
    pub include_system_ca_certs_pool: bool,
    /// How often certificate files are looked at again, nanoseconds; 0: never.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub reload_interval: Duration,
}

/// TLS of a listener.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TlsServer {
    /// What clients have too.
    pub common: TlsCommon,
    /// Authorities that client certificates must come from; set: a client certificate is required.
    pub client_ca_file: Option<String>,
    /// Whether that file is looked at again when it changes.
    pub client_ca_file_reload: bool,
}

/// TLS of a client.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TlsClient {
    /// What servers have too.
    pub common: TlsCommon,
    /// Plaintext instead of TLS, unless an authority is given or the endpoint says https.
    pub insecure: bool,
    /// Whether the server's certificate is taken unchecked.
    pub insecure_skip_verify: bool,
    /// The name to ask for and to check instead of the endpoint's host.
    pub server_name_override: Option<String>,
}

impl TlsCommon {
    /// The settings as the network layer takes them.
    pub fn to_net(&self) -> TlsConfig {
        TlsConfig {
            ca_file: self.ca_file.clone(),
            ca_pem: self.ca_pem.clone(),
            cert_file: self.cert_file.clone(),
            cert_pem: self.cert_pem.clone(),
            key_file: self.key_file.clone(),
            key_pem: self.key_pem.clone(),
            min_version: self.min_version.clone(),
            max_version: self.max_version.clone(),
            cipher_suites: self.cipher_suites.clone(),
            include_insecure_cipher_suites: self.include_insecure_cipher_suites,
            curve_preferences: self.curve_preferences.clone(),
            include_system_ca_certs_pool: self.include_system_ca_certs_pool,
            reload_interval: non_zero(self.reload_interval),
        }
    }
}

impl TlsClient {
    /// The settings as the network layer takes them.
    pub fn to_net(&self) -> ClientTlsConfig {
        ClientTlsConfig {
            common: self.common.to_net(),
            insecure: self.insecure,
            insecure_skip_verify: self.insecure_skip_verify,
            server_name_override: self.server_name_override.clone(),
        }
    }
}

impl TlsServer {
    /// TLS for a listener; certificates are read here.
    ///
    /// # Errors
    /// Files or words that cannot be used.
    pub fn to_net(&self) -> Result<Arc<ServerTls>, StartError> {
        let config = ServerTlsConfig {
            common: self.common.to_net(),
            client_ca_file: self.client_ca_file.clone(),
            client_ca_file_reload: self.client_ca_file_reload,
        };
        ServerTls::new(&config).map(Arc::new).map_err(|error| StartError::new(error.to_string()))
    }
}
