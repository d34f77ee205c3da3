//! Scripted peers on loopback for the client's tests, and the little that every test repeats.
#![allow(dead_code, clippy::unwrap_used)]

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use teleferric_net::client::{Client, ClientConfig, ClientRequest, HttpUrl};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout};

/// Runs a test on one thread with a `LocalSet`, as a worker does, and not for longer than 20 s.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async { timeout(Duration::from_secs(20), test).await.expect("test hangs") })
}

/// A listener whose connections are served one by one or side by side by `serve(index, stream)`.
pub async fn listen<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let serve = Rc::new(serve);
        for index in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            stream.set_nodelay(true).unwrap();
            tokio::task::spawn_local(serve(index, stream));
        }
    });
    address
}

/// An address where nobody listens.
pub async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// One HTTP/1.1 request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Reads a head and as much body as `content-length` says; `None` at the end of the connection.
pub async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut seen = Seen { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    let length = seen.header("content-length").map_or(0, |value| value.parse().unwrap());
    seen.body = vec![0; length];
    stream.read_exact(&mut seen.body).await.ok()?;
    Some(seen)
}

/// Answers with a status line, headers and a body.
pub async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, status: &str, headers: &[(&str, &str)], body: &[u8]) {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    // A client that is gone already is part of some scripts.
    let _ = stream.write_all(&[text.as_bytes(), body].concat()).await;
}

/// Answers every request with 200 and its own body.
pub async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    while let Some(seen) = read_request(&mut stream).await {
        answer(&mut stream, "200 OK", &[], &seen.body).await;
    }
}

pub fn client() -> Client {
    Client::new(ClientConfig::default())
}

pub fn url(address: SocketAddr, path: &str) -> HttpUrl {
    HttpUrl::parse(&format!("http://{address}{path}")).unwrap()
}

pub fn post(url: HttpUrl, body: &'static str) -> ClientRequest {
    let body = vec![Bytes::from_static(body.as_bytes())];
    ClientRequest { method: Method::POST, url, headers: HeaderMap::new(), body }
}

pub fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(10))
}

pub fn after(millis: u64) -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(millis))
}

/// Waits for something that other tasks bring about.
pub async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// An HTTP/2 server connection that gives every stream to `serve`.
pub async fn serve_http2<S, F, Fut>(io: S, serve: F)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    F: Fn(http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>) -> Fut,
    Fut: Future<Output = ()> + 'static,
{
    // Tests that cancel a lot are no attack.
    let mut builder = h2::server::Builder::new();
    builder.max_pending_accept_reset_streams(1000);
    let Ok(mut connection) = builder.handshake(io).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::task::spawn_local(serve(request, respond));
    }
}

/// The whole body of an HTTP/2 request.
pub async fn read_body(body: &mut h2::RecvStream) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        body.flow_control().release_capacity(chunk.len()).unwrap();
        whole.extend_from_slice(&chunk);
    }
    whole
}

/// A frame by hand.
pub async fn frame(stream: &mut TcpStream, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let bytes = [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat();
    stream.write_all(&bytes).await.unwrap();
}

/// Settings exchanged, and all that arrives until the head of stream `id` is there.
pub async fn until_head_of(stream: &mut TcpStream, id: u32) {
    stream.read_exact(&mut [0; 24]).await.unwrap();
    frame(stream, 4, 0, 0, &[]).await;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        if head[3] == 1 && head[5..] == id.to_be_bytes() {
            return;
        }
    }
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const GOAWAY: u8 = 7;
pub const STATUS_200: &[u8] = &[0x88];
