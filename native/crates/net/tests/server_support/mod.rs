//! A service for tests of listeners, and the least of a client for each protocol.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use teleferric_buf::{Ledger, Pool};
use teleferric_net::{
    BodyError, BodyLimits, Bound, Endpoint, Request, Response, Server, ServerConfig, Service, Workers, grpc, serve,
};
use tokio::sync::Semaphore;

/// Longer than anything a test waits for; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What tests and services share.
pub struct Control {
    pub ledger: Arc<Ledger>,
    pub pool: Pool,
    /// `/wait` answers once per permit.
    pub gate: Semaphore,
    /// Requests that reached `/wait`.
    pub waiting: AtomicUsize,
    /// Requests whose future was dropped in `/wait`.
    pub dropped: AtomicUsize,
    pub limits: BodyLimits,
    pub name: &'static str,
}

impl Control {
    pub fn new() -> Arc<Control> {
        Control::named("first")
    }

    pub fn named(name: &'static str) -> Arc<Control> {
        Control::with_limits(name, BodyLimits::new(1 << 20))
    }

    pub fn with_limits(name: &'static str, limits: BodyLimits) -> Arc<Control> {
        Arc::new(Control {
            ledger: Ledger::new(64 << 20),
            pool: Pool::new(),
            gate: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            limits,
            name,
        })
    }

    /// Blocks until `count` requests wait.
    pub fn until_waiting(&self, count: usize) {
        eventually("requests wait", || self.waiting.load(Ordering::SeqCst) >= count);
    }

    pub fn make(self: &Arc<Control>) -> impl Fn(usize) -> Rc<Routes> + Send + Sync + Clone + 'static {
        let control = self.clone();
        move |worker| Rc::new(Routes { control: control.clone(), worker })
    }
}

/// Answers by path.
pub struct Routes {
    control: Arc<Control>,
    worker: usize,
}

impl Service for Routes {
    async fn call(&self, request: Request) -> Response {
        match request.head.uri.path() {
            "/echo" => self.echo(request, &self.control.limits.clone()).await,
            "/small" => self.echo(request, &BodyLimits { max: 10, ..self.control.limits.clone() }).await,
            "/refuse" => Response::text(StatusCode::FORBIDDEN, "refused"),
            "/panic" => panic!("asked to"),
            "/wait" => self.wait().await,
            "/name" => Response::text(StatusCode::OK, self.control.name),
            "/worker" => Response::text(StatusCode::OK, self.worker.to_string()),
            "/large" => Response::text(StatusCode::OK, vec![b'x'; 8 << 20]),
            "/grpc" => self.grpc(request).await,
            "/client" => {
                let tls = request.tls.as_deref();
                let (chain, name) = (tls.map_or(0, |tls| tls.client_chain.len()), tls.map(|tls| &tls.client_names));
                let name = name.and_then(|names| names.dns_name.as_deref()).unwrap_or("nobody");
                Response::text(StatusCode::OK, format!("{chain} {name}"))
            }
            _ => Response::text(StatusCode::NOT_FOUND, "not found"),
        }
    }
}

impl Routes {
    async fn echo(&self, request: Request, limits: &BodyLimits) -> Response {
        let control = &self.control;
        match request.body.read(limits, &control.ledger, &control.pool).await {
            Ok((bytes, permit)) => {
                assert_eq!(permit.bytes(), bytes.len() as u64);
                Response { body: bytes, ..Response::default() }
            }
            Err(error @ BodyError::TooLarge { .. }) => Response::text(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            Err(error @ BodyError::Timeout) => Response::text(StatusCode::REQUEST_TIMEOUT, error.to_string()),
            Err(error @ BodyError::Exhausted(_)) => Response::text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Err(error) => Response::text(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    async fn grpc(&self, request: Request) -> Response {
        if let Err(refusal) = grpc::check(&request.head) {
            return refusal;
        }
        let control = &self.control;
        match grpc::read_message(request.body, &control.limits, &control.ledger, &control.pool).await {
            Ok(message) => grpc::ok(message.bytes, None),
            Err(error) => grpc::error(&grpc::Status::new(error.code(), error.to_string())),
        }
    }

    async fn wait(&self) -> Response {
        struct Dropped(Arc<Control>, bool);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.dropped.fetch_add(usize::from(!self.1), Ordering::SeqCst);
            }
        }
        let mut dropped = Dropped(self.control.clone(), false);
        self.control.waiting.fetch_add(1, Ordering::SeqCst);
        self.control.gate.acquire().await.expect("gate").forget();
        dropped.1 = true;
        Response::text(StatusCode::OK, "waited")
    }
}

/// Runs a future that needs no runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

/// Workers and one server on a loopback port.
pub struct Running {
    pub workers: Arc<Workers>,
    pub server: Server,
    pub control: Arc<Control>,
}

impl Running {
    pub fn start(config: ServerConfig) -> Running {
        Running::with(config, Control::new(), 2)
    }

    pub fn with(config: ServerConfig, control: Arc<Control>, threads: usize) -> Running {
        let workers = Workers::start(threads, "test").expect("workers");
        let bound = Bound::bind(&Endpoint::parse("127.0.0.1:0", "tcp").expect("endpoint")).expect("bound");
        let server = serve(bound, config, &workers, control.make());
        Running { workers, server, control }
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.local_addr().and_then(|addr| addr.tcp()).expect("tcp")
    }

    pub fn connect(&self) -> Raw {
        Raw::connect(self.addr())
    }
}

/// A blocking HTTP/1 connection, byte by byte.
pub struct Raw(pub TcpStream);

impl Raw {
    pub fn connect(addr: SocketAddr) -> Raw {
        let stream = TcpStream::connect(addr).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_nodelay(true).expect("nodelay");
        Raw(stream)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("send");
    }

    /// One answer: its head, and its body by `content-length`.
    pub fn answer(&mut self) -> (String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            let count = self.0.read(&mut byte).expect("head");
            assert_eq!(count, 1, "closed within a head: {:?}", String::from_utf8_lossy(&head));
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("length"))];
        self.0.read_exact(&mut body).expect("body");
        (head, body)
    }

    /// Whatever comes until the peer closes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => rest,
            Err(error) => panic!("not closed: {error}"),
        }
    }
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

pub fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

pub type H2 = SendRequest<Full<Bytes>>;

/// An HTTP/2 connection by prior knowledge; the handle resolves when it is over.
pub async fn h2c(addr: SocketAddr) -> (H2, tokio::task::JoinHandle<hyper::Result<()>>) {
    let stream = tokio::net::TcpStream::connect(addr).await.expect("connect");
    h2_over(stream).await
}

pub async fn h2_over<IO>(stream: IO) -> (H2, tokio::task::JoinHandle<hyper::Result<()>>)
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (send, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .handshake(TokioIo::new(stream))
        .await
        .expect("handshake");
    (send, tokio::spawn(connection))
}

/// Sends one request and reads all of its answer.
pub async fn ask(send: &mut H2, path: &str, body: impl Into<Bytes>) -> hyper::Result<(http::response::Parts, Bytes)> {
    send.ready().await?;
    ask_now(send, path, body).await
}

pub async fn ask_now(
    send: &mut H2,
    path: &str,
    body: impl Into<Bytes>,
) -> hyper::Result<(http::response::Parts, Bytes)> {
    let request = http::Request::post(format!("http://x{path}")).body(Full::new(body.into())).expect("request");
    let (head, body) = send.send_request(request).await?.into_parts();
    let body = body.collect().await?;
    Ok((head, body.to_bytes()))
}

/// Polls a condition that another thread brings about.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 2 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("never: {what}");
}
