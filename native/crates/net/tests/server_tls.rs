//! TLS of listeners: ALPN, client certificates, versions, and reload while connections live.

mod server_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use server_support::{PATIENCE, Running, ask, eventually, get, h2_over};
use teleferric_net::tls::{ServerTls, ServerTlsConfig, TlsConfig};
use teleferric_net::{ConnLimits, Protocol, ServerConfig};

/// An authority of the test's own, and a folder for what it signs.
struct Pki {
    dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Pki {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority");
        let pki = Pki { dir: tempfile::tempdir().expect("dir"), issuer };
        std::fs::write(pki.path("ca.pem"), pki.issuer.pem()).expect("write");
        pki
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A certificate for `localhost` and its key, as PEM.
    fn sign(&self) -> (String, String) {
        let key = KeyPair::generate().expect("key");
        let params = CertificateParams::new(vec!["localhost".into()]).expect("params");
        (params.signed_by(&key, &self.issuer).expect("signed").pem(), key.serialize_pem())
    }

    /// Puts a new certificate and key where the server looks.
    fn install(&self) {
        let (cert, key) = self.sign();
        std::fs::write(self.path("cert.pem"), cert).expect("write");
        std::fs::write(self.path("key.pem"), key).expect("write");
    }

    fn config(&self) -> ServerTlsConfig {
        let common = TlsConfig {
            cert_file: text(&self.path("cert.pem")),
            key_file: text(&self.path("key.pem")),
            ..TlsConfig::default()
        };
        ServerTlsConfig { common, ..ServerTlsConfig::default() }
    }

    fn client(&self) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("root");
        Client { roots, identity: None, alpn: Vec::new(), versions: rustls::ALL_VERSIONS.to_vec() }
    }
}

fn text(path: &Path) -> Option<String> {
    Some(path.display().to_string())
}

#[derive(Clone)]
struct Client {
    roots: RootCertStore,
    identity: Option<(String, String)>,
    alpn: Vec<&'static [u8]>,
    versions: Vec<&'static rustls::SupportedProtocolVersion>,
}

impl Client {
    fn config(&self) -> Arc<ClientConfig> {
        use rustls::pki_types::pem::PemObject;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .expect("versions")
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).expect("cert")];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("key");
                builder.with_client_auth_cert(chain, key).expect("identity")
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// Asks for `path` over HTTP/1; the answer and the server's certificate.
    fn get(&self, running: &Running, path: &str) -> std::io::Result<(String, CertificateDer<'static>)> {
        let mut stream = self.open(running);
        let request = get(path).replace("host: x", "host: x\r\nconnection: close");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        match stream.read_to_string(&mut answer) {
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        let leaf = stream.conn.peer_certificates().and_then(<[_]>::first).cloned().expect("certificate");
        Ok((answer, leaf))
    }

    fn open(&self, running: &Running) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").expect("name");
        let connection = ClientConnection::new(self.config(), name).expect("client");
        let stream = TcpStream::connect(running.addr()).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        StreamOwned::new(connection, stream)
    }
}

fn start(protocol: Protocol, tls: &ServerTlsConfig) -> (Running, Arc<ServerTls>) {
    let tls = Arc::new(ServerTls::new(tls).expect("tls"));
    (Running::start(ServerConfig { tls: Some(tls.clone()), ..ServerConfig::new(protocol) }), tls)
}

#[test]
fn serves_http1_over_tls() {
    let pki = Pki::new();
    pki.install();
    let (running, _) = start(Protocol::Http, &pki.config());
    for alpn in [vec![], vec![&b"http/1.1"[..]]] {
        let (answer, _) = Client { alpn, ..pki.client() }.get(&running, "/name").expect("answer");
        assert!(answer.ends_with("\r\n\r\nfirst"), "{answer}");
    }
}

#[tokio::test]
async fn chooses_http2_by_alpn_and_knows_it_without() {
    let pki = Pki::new();
    pki.install();
    for (protocol, alpn) in
        [(Protocol::Http, vec![&b"h2"[..]]), (Protocol::Grpc, vec![&b"h2"[..]]), (Protocol::Grpc, vec![])]
    {
        let (running, _) = start(protocol, &pki.config());
        let connector = tokio_rustls::TlsConnector::from(Client { alpn, ..pki.client() }.config());
        let stream = tokio::net::TcpStream::connect(running.addr()).await.expect("connect");
        let name = ServerName::try_from("localhost").expect("name");
        let stream = connector.connect(name, stream).await.expect("handshake");
        let (mut send, _connection) = h2_over(stream).await;
        assert_eq!(ask(&mut send, "/echo", "over tls").await.expect("answer").1, "over tls");
    }
}

#[test]
fn a_grpc_port_offers_http2_alone() {
    let pki = Pki::new();
    pki.install();
    let (running, _) = start(Protocol::Grpc, &pki.config());
    let only_http1 = Client { alpn: vec![b"http/1.1"], ..pki.client() };
    assert!(only_http1.get(&running, "/name").is_err());
    eventually("counted", || running.server.stats().handshake_failures == 1);
}

#[test]
fn asks_for_client_certificates_and_refuses_others() {
    let (pki, strangers) = (Pki::new(), Pki::new());
    pki.install();
    let config = ServerTlsConfig { client_ca_file: text(&pki.path("ca.pem")), ..pki.config() };
    let (running, _) = start(Protocol::Http, &config);
    let known = Client { identity: Some(pki.sign()), ..pki.client() };
    let (answer, _) = known.get(&running, "/client").expect("answer");
    assert!(answer.ends_with("\r\n\r\n1 localhost"), "{answer}");
    assert!(pki.client().get(&running, "/client").is_err());
    let stranger = Client { identity: Some(strangers.sign()), ..pki.client() };
    assert!(stranger.get(&running, "/client").is_err());
    eventually("counted", || running.server.stats().handshake_failures == 2);
    assert_eq!(running.server.stats().requests, 1);
}

#[test]
fn holds_clients_to_the_lowest_version() {
    let pki = Pki::new();
    pki.install();
    let mut config = pki.config();
    config.common.min_version = Some("1.3".into());
    let (running, _) = start(Protocol::Http, &config);
    let old = Client { versions: vec![&rustls::version::TLS12], ..pki.client() };
    assert!(old.get(&running, "/name").is_err());
    let new = Client { versions: vec![&rustls::version::TLS13], ..pki.client() };
    new.get(&running, "/name").expect("answer");
}

#[test]
fn a_new_certificate_is_used_for_new_connections_and_old_ones_live() {
    let pki = Pki::new();
    pki.install();
    let mut config = pki.config();
    config.common.reload_interval = Some(Duration::from_nanos(1));
    let (running, tls) = start(Protocol::Http, &config);
    let mut old = pki.client().open(&running);
    old.write_all(get("/name").as_bytes()).expect("send");
    old.read_exact(&mut [0; 12]).expect("answer");
    let before = pki.client().get(&running, "/name").expect("answer").1;

    // Half of a new pair does not fit the other half.
    std::fs::write(pki.path("key.pem"), pki.sign().1).expect("write");
    assert_eq!(pki.client().get(&running, "/name").expect("answer").1, before);
    assert_eq!(tls.identity_stats().failures, 1);
    assert!(tls.failure().is_some());

    pki.install();
    let after = pki.client().get(&running, "/name").expect("answer").1;
    assert_ne!(after, before);
    assert_eq!((tls.identity_stats().reloads, tls.failure()), (1, None));
    assert_eq!(tls.chain(), [after]);
    old.write_all(get("/name").as_bytes()).expect("still open");
    old.read_exact(&mut [0; 100]).expect("answer");
    eventually("the others closed", || running.server.connections() == 1);
}

#[test]
fn new_client_authorities_count_for_new_connections() {
    let (pki, others) = (Pki::new(), Pki::new());
    pki.install();
    let config =
        ServerTlsConfig { client_ca_file: text(&pki.path("ca.pem")), client_ca_file_reload: true, ..pki.config() };
    let (running, tls) = start(Protocol::Http, &config);
    let other = Client { identity: Some(others.sign()), ..pki.client() };
    assert!(other.get(&running, "/name").is_err());
    std::fs::write(pki.path("ca.pem"), others.issuer.pem()).expect("write");
    eventually("taken", || other.get(&running, "/name").is_ok());
    assert_eq!(tls.client_ca_stats().reloads, 1);
}

#[test]
fn a_handshake_that_takes_too_long_is_broken_off() {
    let pki = Pki::new();
    pki.install();
    let tls = Arc::new(ServerTls::new(&pki.config()).expect("tls"));
    let limits = ConnLimits { tls_handshake_timeout: Some(Duration::from_millis(40)), ..ConnLimits::default() };
    let running = Running::start(ServerConfig { tls: Some(tls), limits, ..ServerConfig::new(Protocol::Http) });
    let mut raw = running.connect();
    raw.send(b"\x16\x03\x01");
    assert_eq!(raw.rest(), b"");
    eventually("counted", || running.server.stats().handshake_failures == 1);
}

#[test]
fn refuses_to_start_without_its_material() {
    let pki = Pki::new();
    let said = |config: &ServerTlsConfig| ServerTls::new(config).expect_err("refused").to_string();
    assert_eq!(
        said(&ServerTlsConfig::default()),
        "TLS configuration must include both certificate and key for server connections"
    );
    assert!(said(&pki.config()).starts_with("failed to load certificate "));
    pki.install();
    std::fs::write(pki.path("key.pem"), pki.sign().1).expect("write");
    assert!(said(&pki.config()).starts_with("failed to load TLS config: "));
    pki.install();
    let missing = ServerTlsConfig { client_ca_file: Some("/nowhere".into()), ..pki.config() };
    assert!(said(&missing).starts_with("failed to load CA file /nowhere: "));
    let mut broken = pki.config();
    broken.common.ca_pem = Some("no certificate".into());
    assert_eq!(said(&broken), "failed to parse CA file: no PEM-encoded certificate found");
}
