//! TLS towards a target: who is trusted, by what name, with which certificate, over which protocol.

#![allow(clippy::unwrap_used)]

mod client_support;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use http::{HeaderMap, HeaderValue, Response, Version};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use teleferric_net::client::{
    Client, ClientConfig, ClientError, ConnectConfig, ErrorKind, GrpcCall, GrpcCallError, GrpcClient, GrpcConfig,
    GrpcTarget, Http2Config, Http2Mode, HttpUrl, Proxy, ProxyRule,
};
use teleferric_net::tls::client::{ClientTls, ClientTlsConfig};
use teleferric_net::tls::{TlsConfig, TlsError};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

const MAX: usize = 64 * 1024;

/// A certificate authority of the test's own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate and its key, as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A TLS server with a certificate for `name` that speaks `alpn`; `clients` asks for certificates of that authority.
async fn server(authority: &Authority, name: &str, alpn: &[&str], clients: Option<&Authority>) -> SocketAddr {
    let (certificate, key) = authority.issue(name);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let mut config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    listen(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            if http2 { serve_http2(stream, respond).await } else { echo(stream).await }
        }
    })
    .await
}

/// Echoes the body; gRPC gets its trailers.
async fn respond(mut request: http::Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let body = read_body(request.body_mut()).await;
    let head = Response::builder().header("content-type", "application/grpc");
    let head = head.header("x-authority", request.uri().authority().unwrap().as_str());
    let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
    stream.send_data(Bytes::from(body), false).unwrap();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from(0))]);
    stream.send_trailers(trailers).unwrap();
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    let common = TlsConfig { ca_pem: Some(authority.pem()), ..TlsConfig::default() };
    ClientTlsConfig { common, ..ClientTlsConfig::default() }
}

fn client(tls: &ClientTlsConfig, mode: Http2Mode) -> Client {
    let tls = ClientTls::new(tls, mode.offer()).unwrap();
    let connect = ConnectConfig { tls: Some(tls), ..ConnectConfig::default() };
    Client::new(ClientConfig { connect, http2_mode: mode, ..ClientConfig::default() })
}

fn https(host: &str, address: SocketAddr) -> HttpUrl {
    HttpUrl::parse(&format!("https://{host}:{}/", address.port())).unwrap()
}

/// The version one exchange used.
async fn exchange(tls: &ClientTlsConfig, host: &str, address: SocketAddr) -> Result<Version, ClientError> {
    let response = client(tls, Http2Mode::Alpn).request(post(https(host, address), "hello"), soon(), MAX).await?;
    assert_eq!(response.body, "hello");
    Ok(response.version)
}

#[test]
fn agrees_on_a_protocol() {
    run(async {
        let authority = Authority::new();
        let tls = trusting(&authority);
        let both = server(&authority, "localhost", &["h2", "http/1.1"], None).await;
        let old = server(&authority, "localhost", &["http/1.1"], None).await;
        let mute = server(&authority, "localhost", &[], None).await;
        assert_eq!(exchange(&tls, "localhost", both).await, Ok(Version::HTTP_2));
        assert_eq!(exchange(&tls, "localhost", old).await, Ok(Version::HTTP_11));
        assert_eq!(exchange(&tls, "localhost", mute).await, Ok(Version::HTTP_11));
        let never = client(&tls, Http2Mode::Never);
        let response = never.request(post(https("localhost", both), "x"), soon(), MAX).await.unwrap();
        assert_eq!(response.version, Version::HTTP_11);
        // Many first requests at once share the connection that turns out to be HTTP/2, and not the other kind.
        for address in [both, old] {
            let client = client(&tls, Http2Mode::Alpn);
            let requests = (0..10).map(|_| client.request(post(https("localhost", address), "x"), soon(), MAX));
            assert!(futures_util::future::join_all(requests).await.iter().all(Result::is_ok));
        }
    });
}

#[test]
fn trusts_the_named_authority_and_name_only() {
    run(async {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let address = server(&authority, "collector.example", &["h2"], None).await;
        let wrong_name = exchange(&trusting(&authority), "localhost", address).await.unwrap_err();
        assert_eq!(wrong_name.kind, ErrorKind::Tls);
        assert!(wrong_name.cause.starts_with("tls handshake failed: tls: invalid peer certificate"), "{wrong_name}");
        let renamed =
            ClientTlsConfig { server_name_override: Some("collector.example".to_owned()), ..trusting(&authority) };
        assert_eq!(exchange(&renamed, "localhost", address).await, Ok(Version::HTTP_2));
        let unknown = ClientTlsConfig { common: trusting(&stranger).common, ..renamed };
        assert_eq!(exchange(&unknown, "localhost", address).await.unwrap_err().kind, ErrorKind::Tls);
        let system = ClientTlsConfig::default();
        assert_eq!(exchange(&system, "localhost", address).await.unwrap_err().kind, ErrorKind::Tls);
        let skips = ClientTlsConfig { insecure_skip_verify: true, ..ClientTlsConfig::default() };
        assert_eq!(exchange(&skips, "localhost", address).await, Ok(Version::HTTP_2));
        let by_address = server(&authority, "127.0.0.1", &["h2"], None).await;
        assert_eq!(exchange(&trusting(&authority), "127.0.0.1", by_address).await, Ok(Version::HTTP_2));
    });
}

#[test]
fn shows_its_certificate_where_one_is_asked_for() {
    run(async {
        let (authority, clients) = (Authority::new(), Authority::new());
        let address = server(&authority, "localhost", &["h2", "http/1.1"], Some(&clients)).await;
        let (certificate, key) = clients.issue("me");
        let mut tls = trusting(&authority);
        let error = exchange(&tls, "localhost", address).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
        tls.common.cert_pem = Some(certificate);
        tls.common.key_pem = Some(key);
        assert_eq!(exchange(&tls, "localhost", address).await, Ok(Version::HTTP_2));
    });
}

#[test]
fn takes_renewed_files_with_the_next_connection() {
    run(async {
        let (old, new) = (Authority::new(), Authority::new());
        let address = server(&new, "localhost", &["http/1.1"], None).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, old.pem()).unwrap();
        let common = TlsConfig {
            ca_file: Some(path.display().to_string()),
            reload_interval: Some(Duration::from_millis(1)),
            ..TlsConfig::default()
        };
        let tls =
            ClientTls::new(&ClientTlsConfig { common, ..ClientTlsConfig::default() }, Http2Mode::Alpn.offer()).unwrap();
        let connect = ConnectConfig { tls: Some(Arc::clone(&tls)), ..ConnectConfig::default() };
        let client = Client::new(ClientConfig { connect, ..ClientConfig::default() });
        let request = || client.request(post(https("localhost", address), "x"), soon(), MAX);
        assert_eq!(request().await.unwrap_err().kind, ErrorKind::Tls);
        std::fs::write(&path, "no certificate").unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(request().await.unwrap_err().kind, ErrorKind::Tls);
        std::fs::write(&path, new.pem()).unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(request().await.unwrap().body, "x");
        let stats = tls.reload_stats();
        assert_eq!((stats.reloads, stats.failures), (1, 1));
    });
}

#[test]
fn refuses_settings_that_cannot_work() {
    let refusal = |config: &ClientTlsConfig| ClientTls::new(config, Http2Mode::Alpn.offer()).unwrap_err();
    let missing = TlsConfig { ca_file: Some("/nowhere/ca.pem".to_owned()), ..TlsConfig::default() };
    for insecure_skip_verify in [false, true] {
        let config = ClientTlsConfig { common: missing.clone(), insecure_skip_verify, ..ClientTlsConfig::default() };
        assert!(matches!(refusal(&config), TlsError::File { .. }));
    }
    let authority = Authority::new();
    let mut mixed = trusting(&authority);
    mixed.common.cert_pem = Some(authority.issue("a").0);
    assert!(matches!(refusal(&mixed), TlsError::Config(_)));
    mixed.common.key_pem = Some(authority.issue("b").1);
    assert!(matches!(refusal(&mixed), TlsError::Rustls(_)));
    let plain = ClientTlsConfig { insecure: true, ..ClientTlsConfig::default() };
    assert!(plain.is_plaintext());
    assert!(!ClientTlsConfig { insecure: true, ..trusting(&authority) }.is_plaintext());
}

#[test]
fn says_when_the_handshake_takes_too_long() {
    run(async {
        let silent = listen(|_, stream| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(stream);
        })
        .await;
        let tls = ClientTls::new(&ClientTlsConfig::default(), Http2Mode::Alpn.offer()).unwrap();
        let handshake_timeout = Duration::from_millis(50);
        let connect = ConnectConfig { tls: Some(tls), handshake_timeout, ..ConnectConfig::default() };
        let client = Client::new(ClientConfig { connect, ..ClientConfig::default() });
        let error = client.request(post(https("localhost", silent), "x"), soon(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.cause.as_str()), (ErrorKind::Tls, "tls handshake timed out"));

        let plain = listen(|_, mut stream| async move {
            answer(&mut stream, "400 Bad Request", &[], b"plain http here").await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        })
        .await;
        let error = exchange(&ClientTlsConfig::default(), "localhost", plain).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Tls);
    });
}

fn grpc(target: &str, tls: Option<&ClientTlsConfig>, proxy: ProxyRule) -> Result<GrpcClient, ClientError> {
    let tls = tls.map(|tls| ClientTls::new(tls, Http2Mode::Prior.offer()).unwrap());
    GrpcClient::new(GrpcConfig {
        target: GrpcTarget::parse(target).unwrap(),
        connect: ConnectConfig { tls, ..ConnectConfig::default() },
        proxy,
        http2: Http2Config::default(),
        balancer: Default::default(),
        authority: None,
        user_agent: HeaderValue::from_static("test"),
        accept_encoding: None,
        wait_for_ready: false,
    })
}

/// The `:authority` one call was sent to.
async fn call(client: &GrpcClient) -> Result<String, GrpcCallError> {
    let message = [Bytes::from_static(b"hello")];
    let method = client.method("/p.S/M", None, &HeaderMap::new()).unwrap();
    let call = GrpcCall { method: &method, message: &message, metadata: None, deadline: soon(), max_response: MAX };
    let reply = client.unary(call).await?;
    assert_eq!(reply.message, "hello");
    Ok(reply.headers()["x-authority"].to_str().unwrap().to_owned())
}

#[test]
fn grpc_verifies_the_host_or_its_override() {
    run(async {
        let authority = Authority::new();
        let address = server(&authority, "localhost", &["h2"], None).await;
        let target = format!("https://localhost:{}", address.port());
        let client = grpc(&target, Some(&trusting(&authority)), ProxyRule::Never).unwrap();
        assert_eq!(call(&client).await.unwrap(), format!("localhost:{}", address.port()));

        let other = server(&authority, "collector.example", &["h2"], None).await.to_string();
        let wrong = grpc(&other, Some(&trusting(&authority)), ProxyRule::Never).unwrap();
        assert_eq!(call(&wrong).await.unwrap_err().code(), 14);
        let renamed =
            ClientTlsConfig { server_name_override: Some("collector.example".to_owned()), ..trusting(&authority) };
        let client = grpc(&other, Some(&renamed), ProxyRule::Never).unwrap();
        assert_eq!(call(&client).await.unwrap(), "collector.example");

        let old = server(&authority, "localhost", &["http/1.1"], None).await;
        let client = grpc(&format!("localhost:{}", old.port()), Some(&trusting(&authority)), ProxyRule::Never).unwrap();
        assert!(matches!(call(&client).await, Err(GrpcCallError::Transport(error)) if error.kind == ErrorKind::Tls));
        assert_eq!(grpc(&target, None, ProxyRule::Never).err().unwrap().kind, ErrorKind::Tls);
    });
}

#[test]
fn tunnels_tls_through_a_proxy() {
    run(async {
        let authority = Authority::new();
        let address = server(&authority, "localhost", &["h2", "http/1.1"], None).await;
        let seen = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&seen);
        let proxy = listen(move |_, mut stream| {
            let log = Rc::clone(&log);
            async move {
                let Some(request) = read_request(&mut stream).await else { return };
                let target = request.head.split(' ').nth(1).unwrap().to_owned();
                log.borrow_mut().push(request.head);
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                let mut upstream = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut upstream).await;
            }
        })
        .await;
        let rule = || ProxyRule::Always(Proxy::parse(&proxy.to_string()).unwrap());
        let tls = ClientTls::new(&trusting(&authority), Http2Mode::Alpn.offer()).unwrap();
        let connect = ConnectConfig { tls: Some(tls), ..ConnectConfig::default() };
        let client = Client::new(ClientConfig { connect, proxy: rule(), ..ClientConfig::default() });
        let response = client.request(post(https("localhost", address), "hi"), soon(), MAX).await.unwrap();
        assert_eq!((response.version, response.body.as_ref()), (Version::HTTP_2, b"hi".as_slice()));
        let client = grpc(&format!("localhost:{}", address.port()), Some(&trusting(&authority)), rule()).unwrap();
        call(&client).await.unwrap();
        let expected = format!("CONNECT localhost:{} HTTP/1.1\r\n", address.port());
        assert_eq!(seen.borrow().len(), 2);
        assert!(seen.borrow().iter().all(|head| head.starts_with(&expected)));
    });
}
