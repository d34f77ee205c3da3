//! One HTTP/2 connection shared by many requests: the exchange of one stream, and the task that drives the rest.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{PingPong, RecvStream};
use http::response::Parts;
use http::{HeaderMap, Request};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::{ClientError, ErrorKind};
use super::io::{Meter, MeteredIo};
use super::rope::Rope;

/// Settings of outgoing HTTP/2 connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Config {
    /// Credit for the responses of one stream, in bytes.
    pub stream_window: u32,
    /// Credit for the responses of all streams together, in bytes.
    pub connection_window: u32,
    /// Largest frame the peer may send, 16 384 to 16 777 215 bytes.
    pub max_frame_size: u32,
    /// Largest header list the peer may send, in bytes.
    pub max_header_list_size: u32,
    /// Pings that find out whether the peer is still there.
    pub ping: Option<Ping>,
    /// Connections to one host before requests wait for the peer's stream limit; at least 1.
    pub connections_max: usize,
}

impl Default for Http2Config {
    /// Small windows, because responses are small; 32 KiB of headers; no pings; one connection.
    fn default() -> Self {
        Self {
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            max_frame_size: 16 * 1024,
            max_header_list_size: 32 * 1024,
            ping: None,
            connections_max: 1,
        }
    }
}

/// When to ping, and how long to wait for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Silence of the peer before a ping.
    pub time: Duration,
    /// Silence after a ping before the connection is given up.
    pub timeout: Duration,
    /// Whether to ping while no request is under way.
    pub while_idle: bool,
}

/// A handle on an open connection. The connection closes when the last handle and the last exchange are dropped.
pub(crate) struct Http2Connection {
    sender: RefCell<SendRequest<Rope>>,
    shared: Rc<Shared>,
}

/// What the handle, the exchanges and the driving task know of each other.
struct Shared {
    meter: Rc<Meter>,
    in_flight: Cell<usize>,
    last_used: Cell<Instant>,
    /// Why the connection ended, for the requests that were on it.
    failure: RefCell<Option<ClientError>>,
    /// Wakes pings that stopped for want of requests.
    started: Notify,
}

impl Http2Connection {
    /// Exchanges prefaces on `io` and spawns the driving task on the current `LocalSet`. Resolves with the peer's
    /// settings: from then on its limits are known, and a peer that is no HTTP/2 server has shown itself.
    pub(crate) async fn handshake(io: MeteredIo, config: &Http2Config, limit: Duration) -> Result<Self, ClientError> {
        match timeout(limit, Self::exchange_prefaces(io, config)).await {
            Ok(result) => result.map_err(|error| error.or_unprocessed(true)),
            Err(_) => Err(ClientError::connect("http2 handshake: no settings from the peer in time")),
        }
    }

    async fn exchange_prefaces(io: MeteredIo, config: &Http2Config) -> Result<Self, ClientError> {
        let meter = io.meter();
        let failed = |error: h2::Error| match meter.failure().unwrap_or_else(|| ClientError::from_h2(&error)) {
            error if error.kind == ErrorKind::Tls => error.context("tls handshake failed"),
            error if meter.read() > 0 && error.kind == ErrorKind::Protocol => {
                ClientError::protocol("http2 handshake: peer does not speak http2")
            }
            error => ClientError { kind: ErrorKind::Connect, ..error }.context("http2 handshake"),
        };
        let (sender, mut connection) = builder(config).handshake::<_, Rope>(io).await.map_err(failed)?;
        poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(ClientError::connect("http2 handshake: connection closed by peer"))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(failed(error))),
            Poll::Pending if meter.read() > 0 => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        let shared = Rc::new(Shared {
            meter: Rc::clone(&meter),
            in_flight: Cell::new(0),
            last_used: Cell::new(Instant::now()),
            failure: RefCell::new(None),
            started: Notify::new(),
        });
        let pings = connection.ping_pong().zip(config.ping);
        tokio::task::spawn_local(drive(connection, pings, Rc::clone(&shared)));
        Ok(Self { sender: RefCell::new(sender), shared })
    }

    /// Whether new requests may use the connection: open, and no GOAWAY seen.
    pub(crate) fn is_usable(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        !matches!(self.sender.borrow_mut().clone().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// Requests under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.get()
    }

    /// Whether the peer's stream limit is reached, so that another request would have to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.in_flight() >= self.sender.borrow().current_max_send_streams()
    }

    /// Since when no request is under way; `None` while one is.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.in_flight() == 0).then(|| self.shared.last_used.get())
    }

    /// Sends a request and waits for the response head. Dropping the future resets the stream; the connection and its
    /// other streams are not touched.
    pub(crate) async fn send(&self, head: Request<()>, body: Rope) -> Result<Exchange, ClientError> {
        let written = self.shared.meter.written();
        let guard = InFlight::new(&self.shared);
        let failed = |error: h2::Error| guard.explain(&error).or_unprocessed(self.shared.meter.written() == written);
        // A clone per request: only a handle that never sent anything lets h2 queue beyond the peer's stream limit.
        let mut sender = self.sender.borrow().clone();
        let (response, mut stream) = sender.send_request(head, body.is_empty()).map_err(failed)?;
        drop(sender);
        if !body.is_empty() {
            // All of it at once: the chunks are in memory anyway, h2 cuts frames from them as the windows allow.
            stream.send_data(body, true).map_err(failed)?;
        }
        drop(stream);
        let (head, body) = response.await.map_err(failed)?.into_parts();
        Ok(Exchange { head, body, guard })
    }
}

/// A response whose body has not been read yet. Dropping it resets the stream.
pub(crate) struct Exchange {
    pub(crate) head: Parts,
    body: RecvStream,
    guard: InFlight,
}

impl Exchange {
    /// The headers, to keep; empty ones stay behind.
    pub(crate) fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.head.headers)
    }

    /// The next piece of the body. Its credit is given back at once, the caller bounds the sum.
    pub(crate) async fn data(&mut self) -> Result<Option<Bytes>, ClientError> {
        match poll_fn(|cx| self.body.poll_data(cx)).await {
            None => Ok(None),
            Some(Ok(bytes)) => {
                // Fails only for a stream that is already closed, and then nobody wants the credit.
                let _ = self.body.flow_control().release_capacity(bytes.len());
                Ok(Some(bytes))
            }
            Some(Err(error)) => Err(self.guard.explain(&error)),
        }
    }

    /// The trailers, after the body.
    pub(crate) async fn trailers(&mut self) -> Result<Option<HeaderMap>, ClientError> {
        poll_fn(|cx| self.body.poll_trailers(cx)).await.map_err(|error| self.guard.explain(&error))
    }
}

/// Counts one request for as long as it lives.
struct InFlight {
    shared: Rc<Shared>,
}

impl InFlight {
    fn new(shared: &Rc<Shared>) -> Self {
        shared.in_flight.set(shared.in_flight.get().saturating_add(1));
        shared.last_used.set(Instant::now());
        shared.started.notify_one();
        Self { shared: Rc::clone(shared) }
    }

    /// The reason of the connection's end, where the stream only knows that there is one.
    fn explain(&self, error: &h2::Error) -> ClientError {
        if !error.is_io() {
            return ClientError::from_h2(error);
        }
        let known = self.shared.failure.borrow().clone().or_else(|| self.shared.meter.failure());
        known.unwrap_or_else(|| ClientError::from_h2(error))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.in_flight.set(self.shared.in_flight.get().saturating_sub(1));
        self.shared.last_used.set(Instant::now());
    }
}

fn builder(config: &Http2Config) -> h2::client::Builder {
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(config.stream_window)
        .initial_connection_window_size(config.connection_window)
        .max_frame_size(config.max_frame_size.clamp(16_384, 16_777_215))
        .max_header_list_size(config.max_header_list_size)
        .max_send_buffer_size(SEND_BUFFER_BYTES_MAX)
        .initial_max_send_streams(INITIAL_SEND_STREAMS_MAX)
        .max_concurrent_reset_streams(RESET_STREAMS_MAX)
        .max_pending_accept_reset_streams(REMOTE_RESETS_MAX)
        .max_local_error_reset_streams(Some(LOCAL_ERROR_RESETS_MAX))
        .enable_push(false);
    builder
}

/// Moves frames until the connection ends, for whatever reason.
async fn drive(
    connection: h2::client::Connection<MeteredIo, Rope>,
    pings: Option<(PingPong, Ping)>,
    shared: Rc<Shared>,
) {
    let silence = async {
        match pings {
            Some((ping_pong, ping)) => keep_alive(ping_pong, ping, &shared).await,
            None => pending().await,
        }
    };
    let mut connection = std::pin::pin!(connection);
    let failure = tokio::select! {
        // What has arrived is taken before the clock is asked.
        biased;
        result = &mut connection => result.err().map(|error| ClientError::from_h2(&error)),
        () = silence => Some(ClientError::new(ErrorKind::Reset, "peer does not answer http2 pings")),
    };
    // Set before the connection is dropped, which is what fails its streams.
    *shared.failure.borrow_mut() = shared.meter.failure().or(failure);
}

/// Ends when the peer has been silent for too long.
async fn keep_alive(mut ping_pong: PingPong, ping: Ping, shared: &Shared) {
    let mut since = Instant::now();
    loop {
        since = since.max(shared.meter.read_at());
        sleep_until(since + ping.time).await;
        if shared.meter.read_at() > since {
            continue;
        }
        if !ping.while_idle && shared.in_flight.get() == 0 {
            shared.started.notified().await;
            since = Instant::now();
            continue;
        }
        if ping_pong.send_ping(h2::Ping::opaque()).is_err() {
            // The connection is closing; its own poll says so.
            return pending().await;
        }
        let mut sent = Instant::now();
        loop {
            match timeout(ping.timeout, poll_fn(|cx| ping_pong.poll_pong(cx))).await {
                Ok(Ok(_)) => break,
                Ok(Err(_)) => return pending().await,
                Err(_) if shared.meter.read_at() > sent => sent = shared.meter.read_at(),
                Err(_) => return,
            }
        }
    }
}

/// Bodies are in memory before they are sent, so that queueing them in h2 costs nothing more.
const SEND_BUFFER_BYTES_MAX: usize = u32::MAX as usize;
/// Until the peer has said how many streams it takes.
const INITIAL_SEND_STREAMS_MAX: usize = 100;
/// Streams reset by us that are remembered, for frames still under way.
const RESET_STREAMS_MAX: usize = 100;
/// Limits against a peer that makes us do and undo work.
const REMOTE_RESETS_MAX: usize = 20;
const LOCAL_ERROR_RESETS_MAX: usize = 100;
