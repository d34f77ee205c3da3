//! TLS of a listener: its certificate, the clients' authorities, and the handshake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::material::{Identity, Source, authorities};
use super::names::CertificateNames;
use super::reload::{ReloadStats, Reloading};
use super::{Suite, TlsConfig, TlsError, set};
use crate::listen::Protocol;
use crate::service::TlsInfo;

/// The keys of a listener's `tls` block, as the user wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTlsConfig {
    /// What listeners and clients share. A server needs certificate and key; `ca_file` is read and otherwise unused.
    pub common: TlsConfig,
    /// Authorities for the clients' certificates, as a PEM file; set, it makes a client certificate required.
    pub client_ca_file: Option<String>,
    /// Whether `client_ca_file` is looked at again, at most once a second.
    pub client_ca_file_reload: bool,
}

/// A listener's TLS, ready for handshakes. What files changed takes effect with the next handshake; connections that
/// are open keep what they have.
#[derive(Debug)]
pub struct ServerTls {
    configs: Reloading<Configs>,
    identity: Arc<Reloading<CertifiedKey>>,
}

impl ServerTlsConfig {
    /// Checks everything that can be checked without touching a file.
    ///
    /// # Errors
    /// [`TlsError::Config`].
    pub fn validate(&self) -> Result<(), TlsError> {
        self.common.validate()?;
        self.identity().map(drop)
    }

    fn identity(&self) -> Result<Identity, TlsError> {
        let missing = || {
            TlsError::Config("TLS configuration must include both certificate and key for server connections".into())
        };
        self.common.identity().map_err(|_| missing())?.ok_or_else(missing)
    }
}

impl ServerTls {
    /// Reads all files. Blocks on the file system.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(config: &ServerTlsConfig) -> Result<ServerTls, TlsError> {
        config.validate()?;
        let suite = config.common.suite()?;
        if let Some(ca) = config.common.ca() {
            authorities(&ca)?;
        }
        let identity = Arc::new(watch_identity(config, suite.provider.clone())?);
        let configs = watch_clients(config, suite, identity.clone())?;
        Ok(ServerTls { configs, identity })
    }

    /// How often own certificates were reloaded, or could not be.
    pub fn identity_stats(&self) -> ReloadStats {
        self.identity.stats()
    }

    /// How often the clients' authorities were reloaded, or could not be.
    pub fn client_ca_stats(&self) -> ReloadStats {
        self.configs.stats()
    }

    /// Why a file that changed was not taken, if the last change was bad.
    pub fn failure(&self) -> Option<TlsError> {
        self.identity.failure().or_else(|| self.configs.failure())
    }

    /// Own certificate chain as it is now, leaf first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.identity.get().cert.clone()
    }

    pub(crate) async fn handshake<IO>(&self, io: IO, protocol: Protocol) -> io::Result<(TlsStream<IO>, TlsInfo)>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let configs = self.configs.get();
        let config = match protocol {
            Protocol::Http => configs.http.clone(),
            Protocol::Grpc => configs.grpc.clone(),
        };
        let stream = TlsAcceptor::from(config).accept(io).await?;
        let connection = stream.get_ref().1;
        let client_chain = connection.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
        let info = TlsInfo {
            version: if connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
                "1.3"
            } else {
                "1.2"
            },
            server_name: connection.server_name().map(str::to_owned),
            client_names: client_chain.first().map(CertificateNames::of).unwrap_or_default(),
            client_chain,
        };
        Ok((stream, info))
    }
}

/// One rustls configuration per protocol: they differ in what they offer by ALPN.
struct Configs {
    http: Arc<ServerConfig>,
    grpc: Arc<ServerConfig>,
}

/// Hands rustls the present certificate; asking for it causes the look at the files.
#[derive(Debug)]
struct Present(Arc<Reloading<CertifiedKey>>);

impl ResolvesServerCert for Present {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.get())
    }
}

fn watch_identity(
    config: &ServerTlsConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Reloading<CertifiedKey>, TlsError> {
    let identity = config.identity()?;
    let sources = identity.sources().to_vec();
    Reloading::new(sources, config.common.reload_interval, move || {
        let (chain, key) = identity.load()?;
        Ok(CertifiedKey::from_der(chain, key, &provider)?)
    })
}

fn watch_clients(
    config: &ServerTlsConfig,
    suite: Suite,
    identity: Arc<Reloading<CertifiedKey>>,
) -> Result<Reloading<Configs>, TlsError> {
    let ca = set(&config.client_ca_file).map(|path| Source::File(path.to_owned()));
    let interval = config.client_ca_file_reload.then_some(CLIENT_CA_INTERVAL);
    let sources = ca.iter().cloned().collect();
    Reloading::new(sources, interval, move || {
        let build = |alpn: &[&[u8]]| build(&suite, ca.as_ref(), &identity, alpn);
        Ok(Configs { http: build(&[b"h2", b"http/1.1"])?, grpc: build(&[b"h2"])? })
    })
}

fn build(
    suite: &Suite,
    client_ca: Option<&Source>,
    identity: &Arc<Reloading<CertifiedKey>>,
    alpn: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    let builder =
        ServerConfig::builder_with_provider(suite.provider.clone()).with_protocol_versions(&suite.versions)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(source) => builder.with_client_cert_verifier(verifier(source, suite.provider.clone())?),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Present(identity.clone())));
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

fn verifier(source: &Source, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots = Arc::new(authorities(source)?);
    WebPkiClientVerifier::builder_with_provider(roots, provider)
        .build()
        .map_err(|error| TlsError::Material { what: "client CA file", reason: error.to_string() })
}

/// The Collector looks at the file at most once a second.
const CLIENT_CA_INTERVAL: Duration = Duration::from_secs(1);
