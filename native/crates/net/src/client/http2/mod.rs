//! HTTP/2 as a client speaks it (RFC 9113): one connection shared by many requests, driven by one task.
//!
//! ```text
//! send ─ head and body ─▶ output ─ one write for all that asked in the meantime ─▶ socket
//! Exchange ◀─ woken once, when the response is complete ─ streams ◀─ input (frames) ◀─ socket
//! ```
//! A request costs no task and no queue of its own: its stream lives in its connection, where [`Exchange`] finds it. See
//! `docs/decisions.md` for why this is not a library.

mod connection;
mod head;
mod input;
mod output;
mod stream;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use self::connection::{Connection, State};
use super::age::Age;
use super::error::{ClientError, ErrorKind};
use super::io::Stream;

pub(crate) use self::head::{RequestHead, ResponseHead};
pub(crate) use self::stream::{Answer, Request, Want};

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
    /// Requests under way on one connection before another is opened, if the peer takes as many; at least 1.
    pub streams_max: usize,
    /// Connections to one host, or to one address of a gRPC target. Requests beyond what they take by `streams_max` use
    /// them all the same, as far as the peer's own limit allows. At least 1.
    pub connections_max: usize,
}

impl Default for Http2Config {
    /// Small windows, because responses are small; 32 KiB of headers; no pings; one connection for as many requests as
    /// the peer takes.
    fn default() -> Self {
        Self {
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            max_frame_size: 16 * 1024,
            max_header_list_size: 32 * 1024,
            ping: None,
            streams_max: usize::MAX,
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

/// A handle on an open connection. The connection closes when the handle and the last exchange are dropped.
pub(crate) struct Http2Connection {
    state: Rc<RefCell<State>>,
    age: Age,
}

impl Http2Connection {
    /// Exchanges prefaces on `io` and spawns the driving task on the current `LocalSet`. Resolves with the peer's
    /// settings: from then on its limits are known, and a peer that is no HTTP/2 server has shown itself.
    pub(crate) async fn handshake(
        io: Box<dyn Stream>,
        config: &Http2Config,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        match timeout(limit, Self::exchange_prefaces(io, config)).await {
            Ok(result) => result.map_err(|error| error.or_unprocessed(true)),
            Err(_) => Err(ClientError::connect("http2 handshake: no settings from the peer in time")),
        }
    }

    async fn exchange_prefaces(io: Box<dyn Stream>, config: &Http2Config) -> Result<Self, ClientError> {
        let mut connection = Connection::new(io, config);
        let handle = Self { state: Rc::clone(connection.state()), age: Age::default() };
        poll_fn(|cx| {
            let _ = Pin::new(&mut connection).poll(cx);
            let state = handle.state.borrow();
            match state.failure() {
                Some(error) => Poll::Ready(Err(explain(error.clone()))),
                None if state.is_settled() => Poll::Ready(Ok(())),
                None => Poll::Pending,
            }
        })
        .await?;
        teleferric_tasks::spawn_local("client.http2", connection);
        Ok(handle)
    }

    /// The connection with this age; one that was just opened has no limit to it.
    pub(crate) fn aging(mut self, age: Age) -> Self {
        self.age = age;
        self
    }

    /// Whether it has been used for long enough.
    pub(crate) fn is_old(&self, now: Instant) -> bool {
        self.age.is_old(now)
    }

    /// Whether new requests may use the connection: open, and no GOAWAY seen.
    pub(crate) fn is_usable(&self) -> bool {
        self.state.borrow().is_usable()
    }

    /// Requests under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.state.borrow().in_flight()
    }

    /// Whether another request belongs on another connection, or would have to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.state.borrow().is_full()
    }

    /// Since when no request is under way; `None` while one is.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.state.borrow().idle_since()
    }

    /// Sends a request; resolves with the response. Dropping the exchange before resets the stream; the connection and
    /// its other streams are not touched.
    pub(crate) fn send(&self, request: Request) -> Exchange {
        let place = self.state.borrow_mut().send(request);
        Exchange { state: Rc::clone(&self.state), place }
    }
}

impl Drop for Http2Connection {
    fn drop(&mut self) {
        self.state.borrow_mut().let_go();
    }
}

/// A handshake that failed, in the words of somebody who wanted a connection.
fn explain(error: ClientError) -> ClientError {
    match error.kind {
        ErrorKind::Tls => error.context("tls handshake failed"),
        ErrorKind::Protocol => ClientError::protocol("http2 handshake: peer does not speak http2"),
        _ => ClientError { kind: ErrorKind::Connect, ..error }.context("http2 handshake"),
    }
}

/// A request under way.
pub(crate) struct Exchange {
    state: Rc<RefCell<State>>,
    place: usize,
}

impl Future for Exchange {
    type Output = Result<Answer, ClientError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.state.borrow_mut().poll_outcome(self.place, cx)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.state.borrow_mut().forget(self.place);
    }
}
