//! One HTTP/2 connection as its server sees it (RFC 9113), driven by one future.
//!
//! ```text
//! socket ─ input (frames) ─▶ streams (bodies into blocks) ─ ready ─▶ service ─▶ output ─ one write ─▶ socket
//! ```
//! Everything that one read brought is taken in before a service is asked, and everything they answer leaves in one
//! write. A request costs no task: its future lives in its stream. See `docs/decisions.md` for why this is not a library.

mod heads;
mod inflow;
mod input;
mod output;
mod ready;
mod stream;

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use heads::{Head, Heads};
pub(crate) use inflow::{Arrived, Inflow};

use self::input::Input;
use self::output::Output;
use self::ready::Ready;
use self::stream::Stream;
use super::hub::Hub;
use super::state::ConnState;
use super::wire::Wire;
use crate::http2::conduct::{Conduct, Violation};
use crate::http2::frame::{ErrorCode, STREAM_MAX};
use crate::http2::pings::{Due, Pings};
use crate::http2::reader::Scratch;
use crate::http2::streams::Streams;

/// A connection from its preface to its end.
pub(crate) struct Connection {
    wire: Wire,
    hub: Rc<Hub>,
    conn: Rc<ConnState>,
    input: Input,
    output: Output,
    streams: Streams<Stream>,
    ready: Ready,
    conduct: Conduct,
    /// Streams whose answers wait for the client to take more.
    waiting_answers: usize,
    /// The highest stream begun.
    last_stream: u32,
    end: Ending,
    pings: Option<Pings>,
}

/// Why serving a connection ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The protocol or the socket failed.
    Failed,
    /// The client was sent away for its conduct, which has been counted.
    Dismissed,
}

/// How far the connection is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Not,
    /// The client was told that the end is near, and a ping asks whether it has heard.
    Announced,
    /// It has heard; later streams are not looked at.
    Last,
    Broken(Broken),
}

/// An error of the whole connection, with what the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    error: ErrorCode,
    violation: Option<Violation>,
}

impl From<ErrorCode> for Fault {
    fn from(error: ErrorCode) -> Fault {
        Fault { error, violation: None }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Fault {
        Fault { error: ErrorCode::EnhanceYourCalm, violation: Some(violation) }
    }
}

impl Connection {
    /// Takes over `wire`, from which the preface has not been taken.
    pub(crate) fn new(wire: Wire, hub: &Rc<Hub>, conn: &Rc<ConnState>) -> Connection {
        let (limits, keepalive) = (&hub.config.limits, &hub.config.keepalive);
        Connection {
            wire,
            hub: hub.clone(),
            conn: conn.clone(),
            input: Input::new(limits),
            output: Output::new(limits),
            streams: Streams::new(),
            ready: Ready::new(),
            conduct: Conduct::new(keepalive.enforcement),
            waiting_answers: 0,
            last_stream: 0,
            end: Ending::Not,
            pings: keepalive.time.map(|time| Pings::new(time, keepalive.timeout.unwrap_or(PING_TIMEOUT), false)),
        }
    }

    /// Tells the client to take its requests elsewhere, and ends when those it has sent are answered.
    pub(crate) fn graceful_shutdown(&mut self) {
        if self.end == Ending::Not {
            self.end = Ending::Announced;
            self.output.goaway(STREAM_MAX, ErrorCode::No, "");
            self.output.ping(DRAIN_PING);
        }
    }

    /// Reads, lets services work, and writes, until nothing can go on.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.ready.attend(cx.waker());
        self.output.take_memory();
        let mut reads = READS_MAX;
        loop {
            let wanted = self.wants_input();
            let read = if reads > 0 && wanted { self.read(cx) } else { Poll::Pending };
            match read {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => reads -= 1,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Broken::Failed)),
                Poll::Pending => {}
            }
            let busy = self.work();
            let flushed = self.flush(cx);
            if let Poll::Ready(Err(_)) = flushed {
                return Poll::Ready(Err(Broken::Failed));
            }
            if flushed.is_ready() && self.is_over() {
                return self.close(cx);
            }
            if busy || reads == 0 {
                // Others have waited long enough.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // Reading may have stopped only until the client took what was written.
            let resumed = !wanted && self.wants_input();
            if read.is_pending() && !resumed && self.ready.leave() {
                return self.rest(cx);
            }
        }
    }

    /// Whether to read more: not while the client leaves what it was sent unread.
    fn wants_input(&self) -> bool {
        !self.output.is_congested() && !matches!(self.end, Ending::Broken(_))
    }

    /// One read into memory that all connections of the thread share, and what follows from it; the number of bytes.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = Scratch::take();
        let carried = self.input.reader.restore(&mut scratch);
        let mut buffer = ReadBuf::new(scratch.get_mut(carried..).unwrap_or_default());
        let outcome = Pin::new(&mut self.wire).poll_read(cx, &mut buffer);
        let count = buffer.filled().len();
        let taken = match outcome {
            Poll::Ready(Ok(())) if count > 0 => self.take_in(scratch.get(..carried + count).unwrap_or_default()),
            _ => 0,
        };
        self.input.reader.store(scratch.get(taken..carried + count).unwrap_or_default());
        scratch.give_back();
        ready!(outcome)?;
        if let Some(pings) = &mut self.pings {
            pings.heard();
        }
        Poll::Ready(Ok(count))
    }

    /// Asks every service that can go on, and writes what can be written; whether some could still go on.
    fn work(&mut self) -> bool {
        let mut places = PLACES.take();
        let mut rounds = 0;
        while rounds < ROUNDS_MAX {
            places.clear();
            self.ready.take(&mut places);
            if places.is_empty() {
                break;
            }
            for place in &places {
                self.serve(*place);
            }
            rounds += 1;
        }
        PLACES.set(places);
        self.write_bodies();
        rounds == ROUNDS_MAX
    }

    fn is_over(&self) -> bool {
        match self.end {
            Ending::Not | Ending::Announced => false,
            Ending::Last => self.streams.len() == 0,
            Ending::Broken(_) => true,
        }
    }

    /// Sends the end after what was written last.
    fn close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        // A client that is gone has nothing to be told.
        let _ = ready!(Pin::new(&mut self.wire).poll_shutdown(cx));
        Poll::Ready(if let Ending::Broken(broken) = self.end { Err(broken) } else { Ok(()) })
    }

    /// Nothing can go on: gives memory back and asks the clock.
    fn rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.streams.rest();
        self.output.leave_memory();
        while let Some(pings) = &mut self.pings {
            match ready!(pings.poll(true, cx)) {
                Due::Ping => self.output.ping(ALIVE_PING),
                Due::Cut => return Poll::Ready(Err(Broken::Failed)),
            }
            if let Poll::Ready(Err(_)) = self.flush(cx) {
                return Poll::Ready(Err(Broken::Failed));
            }
        }
        Poll::Pending
    }

    /// Writes all that waits to be written.
    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.pending().is_empty() {
            let count = ready!(Pin::new(&mut self.wire).poll_write(cx, self.output.pending()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(count);
            // There is room again for what did not fit.
            self.write_bodies();
        }
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    /// Ends the connection for `fault`: the client is told, its requests are dropped.
    fn break_off(&mut self, fault: Fault) {
        let text = fault.violation.map_or("", Violation::text);
        let broken = match fault.violation {
            None => Broken::Failed,
            Some(Violation::Pings) => {
                self.hub.stats.ping_abuse.add();
                Broken::Dismissed
            }
            Some(Violation::Frames) => {
                self.hub.stats.frame_abuse.add();
                Broken::Dismissed
            }
        };
        for place in self.streams.places() {
            self.drop_stream(place);
        }
        self.output.goaway(self.last_stream, fault.error, text);
        self.end = Ending::Broken(broken);
    }

    /// The client has heard that the end is near.
    fn announce_last(&mut self) {
        if self.end == Ending::Announced {
            self.output.goaway(self.last_stream, ErrorCode::No, "");
            self.end = Ending::Last;
        }
    }
}

impl Future for Connection {
    type Output = Result<(), Broken>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().advance(cx)
    }
}

impl Drop for Connection {
    /// Requests that were running end here, and their bodies with them.
    fn drop(&mut self) {
        for place in self.streams.places() {
            self.drop_stream(place);
        }
    }
}

/// Reads, and rounds of asking services between two of them, before other connections get their turn.
const READS_MAX: usize = 4;
const ROUNDS_MAX: usize = 8;

thread_local! {
    /// The streams being served.
    static PLACES: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What our pings carry, to tell their answers apart.
const DRAIN_PING: [u8; 8] = *b"draining";
const ALIVE_PING: [u8; 8] = *b"are you?";
