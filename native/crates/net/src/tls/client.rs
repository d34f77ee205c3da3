//! TLS towards a target: the Collector's client keys as a rustls configuration that follows its files.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Connect, TlsConnector};

use super::{Identity, ReloadStats, Reloading, Source, Suite, TlsConfig, TlsError, material, set};

/// The keys of a client's `tls` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTlsConfig {
    /// The keys shared with listeners.
    pub common: TlsConfig,
    /// No TLS at all, unless an authority is named or the endpoint asks for it.
    pub insecure: bool,
    /// Any certificate will do; the connection is encrypted to whoever answers.
    pub insecure_skip_verify: bool,
    /// The name to ask for and to verify, instead of the host that is dialled.
    pub server_name_override: Option<String>,
}

/// Client TLS, shared between workers. Files are looked at again by a handshake, at most once per `reload_interval`;
/// what cannot be used keeps the configuration in place and is counted.
pub struct ClientTls {
    config: Reloading<ClientConfig>,
    server_name_override: Option<String>,
}

/// The protocols a client offers in the handshake (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// HTTP/2, then HTTP/1.1.
    Http2OrHttp1,
    /// HTTP/2 alone, as gRPC does.
    Http2,
    /// HTTP/1.1 alone.
    Http1,
}

impl ClientTlsConfig {
    /// Whether connections go in the clear: `insecure`, which naming an authority overrules.
    pub fn is_plaintext(&self) -> bool {
        self.insecure && self.common.ca().is_none()
    }
}

impl ClientTls {
    /// Reads certificates and keys and checks that they fit together.
    ///
    /// # Errors
    /// As [`TlsConfig::validate`], and what the files bring with them.
    pub fn new(config: &ClientTlsConfig, offer: Offer) -> Result<Arc<ClientTls>, TlsError> {
        config.common.validate()?;
        let (ca, identity, suite) = (config.common.ca(), config.common.identity()?, config.common.suite()?);
        let files = identity.iter().flat_map(|identity| identity.sources()).chain(ca.clone()).collect();
        let recipe = Recipe {
            ca,
            include_system: config.common.include_system_ca_certs_pool,
            identity,
            suite,
            skip_verify: config.insecure_skip_verify,
            offer,
        };
        let config_of = Reloading::new(files, config.common.reload_interval, move || recipe.build())?;
        let server_name_override = set(&config.server_name_override).map(str::to_owned);
        Ok(Arc::new(ClientTls { config: config_of, server_name_override }))
    }

    /// The settings for an `https://` proxy: the system's authorities, read once; HTTP/1.1.
    pub(crate) fn for_proxy() -> Result<Arc<ClientTls>, TlsError> {
        static SETTINGS: OnceLock<Result<Arc<ClientTls>, TlsError>> = OnceLock::new();
        SETTINGS.get_or_init(|| ClientTls::new(&ClientTlsConfig::default(), Offer::Http1)).clone()
    }

    /// The handshake with `host` over `stream`.
    ///
    /// # Errors
    /// The name to verify is neither a DNS name nor an address.
    pub(crate) fn connect<S>(&self, host: &str, stream: S) -> Result<Connect<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.server_name_override.as_deref().unwrap_or(host);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| TlsError::Config(format!("\"{name}\" is no server name")))?;
        Ok(TlsConnector::from(self.config.get()).connect(server_name, stream))
    }

    /// How often changed files were taken and refused.
    pub fn reload_stats(&self) -> ReloadStats {
        self.config.stats()
    }

    /// The name that is verified instead of the host.
    pub fn server_name_override(&self) -> Option<&str> {
        self.server_name_override.as_deref()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("server_name_override", &self.server_name_override).finish_non_exhaustive()
    }
}

/// Everything a rustls configuration is made from, kept to make it again.
struct Recipe {
    ca: Option<Source>,
    include_system: bool,
    identity: Option<Identity>,
    suite: Suite,
    skip_verify: bool,
    offer: Offer,
}

impl Recipe {
    fn build(&self) -> Result<ClientConfig, TlsError> {
        let provider = &self.suite.provider;
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(provider)).with_protocol_versions(&self.suite.versions)?;
        let builder = if self.skip_verify {
            // A named authority is still read, so that a wrong path fails at start as it does with verification.
            self.ca.as_ref().map(material::authorities).transpose()?;
            let verifier = Arc::new(AnyCertificate { provider: Arc::clone(provider) });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        } else {
            builder.with_root_certificates(material::roots(self.ca.as_ref(), self.include_system)?)
        };
        let mut config = match &self.identity {
            Some(identity) => {
                let (chain, key) = identity.load()?;
                builder.with_client_auth_cert(chain, key)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.offer.protocols();
        Ok(config)
    }
}

impl Offer {
    fn protocols(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Offer::Http2OrHttp1 => &[b"h2", b"http/1.1"],
            Offer::Http2 => &[b"h2"],
            Offer::Http1 => &[b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// `insecure_skip_verify`: the chain and the name are not looked at; the peer still proves to hold the key it shows.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
