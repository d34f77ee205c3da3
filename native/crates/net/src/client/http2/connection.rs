//! The connection as a whole: what it knows, the task that drives it, and how it ends.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::Instant;

use super::Http2Config;
use super::head::ResponseHead;
use super::output::Output;
use super::stream::{Request, Stream};
use crate::client::error::{ClientError, ErrorKind};
use crate::client::io::Stream as Io;
use crate::http2::blocks::Blocks;
use crate::http2::conduct::{Conduct, Violation};
use crate::http2::frame::{ErrorCode, STREAM_MAX, error_name};
use crate::http2::pings::{Due, Pings};
use crate::http2::reader::{Reader, Scratch};
use crate::http2::streams::Streams;

/// What the handle, the exchanges and the driving task know of the connection.
pub(super) struct State {
    pub(super) reader: Reader,
    /// A response has two blocks, and most peers say the same in both each time.
    pub(super) blocks: Blocks<Rc<ResponseHead>, 2>,
    pub(super) output: Output,
    pub(super) streams: Streams<Stream>,
    pub(super) conduct: Conduct,
    /// Requests that are not begun, and those that wait for the peer's windows.
    waiting: VecDeque<usize>,
    pub(super) blocked: VecDeque<usize>,
    /// Streams that the peer takes at once.
    pub(super) streams_max: usize,
    /// Streams that are enough for one connection.
    streams_wanted: usize,
    pub(super) next_stream: u32,
    pub(super) stream_window: i64,
    in_flight: usize,
    idle_since: Instant,
    settled: bool,
    /// The peer takes no more requests, for this reason.
    left: Option<ClientError>,
    /// Why the connection ended.
    failure: Option<ClientError>,
    /// Nobody will send any more.
    let_go: bool,
    driver: Option<Waker>,
    /// The driver has been woken, and will look by itself.
    woken: bool,
}

/// An error of the whole connection, which the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault(ErrorCode);

impl From<ErrorCode> for Fault {
    fn from(error: ErrorCode) -> Fault {
        Fault(error)
    }
}

impl From<Violation> for Fault {
    fn from(_: Violation) -> Fault {
        Fault(ErrorCode::EnhanceYourCalm)
    }
}

impl State {
    fn new(config: &Http2Config) -> State {
        let frame_bytes_max = config.max_frame_size as usize;
        let head_bytes_max = config.max_header_list_size as usize;
        State {
            reader: Reader::new(0, frame_bytes_max, BLOCK_FACTOR_MAX * head_bytes_max),
            blocks: Blocks::new(head_bytes_max),
            output: Output::new(config),
            streams: Streams::new(),
            conduct: Conduct::new(None),
            waiting: VecDeque::new(),
            blocked: VecDeque::new(),
            streams_max: usize::MAX,
            streams_wanted: config.streams_max.max(1),
            next_stream: 1,
            stream_window: i64::from(config.stream_window),
            in_flight: 0,
            idle_since: Instant::now(),
            settled: false,
            left: None,
            failure: None,
            let_go: false,
            driver: None,
            woken: false,
        }
    }

    pub(super) fn failure(&self) -> Option<&ClientError> {
        self.failure.as_ref()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    pub(super) fn is_usable(&self) -> bool {
        self.failure.is_none() && self.left.is_none() && self.next_stream <= STREAM_MAX
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn is_full(&self) -> bool {
        self.in_flight >= self.streams_max.min(self.streams_wanted)
    }

    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.in_flight == 0).then_some(self.idle_since)
    }

    /// The peer's settings are known.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// Takes a request; the place where its response will be.
    pub(super) fn send(&mut self, request: Request) -> usize {
        self.in_flight += 1;
        let place = self.streams.insert(Stream::new(request));
        if !self.is_usable() {
            let why = self.failure.clone().or_else(|| self.left.clone());
            let why = why.unwrap_or_else(|| ClientError::new(ErrorKind::Reset, "connection has no streams left"));
            self.finish(place, Err(why.or_unprocessed(true)), None);
        } else {
            // Begun by the driver, so that one that is dropped before costs the peer nothing.
            self.waiting.push_back(place);
        }
        self.wake();
        place
    }

    fn begin(&mut self, place: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        stream.id = self.next_stream;
        self.next_stream += 2;
        stream.begun_at = self.output.position();
        stream.send_window = self.output.initial_window();
        stream.receive_window = self.stream_window;
        stream.sending = !stream.request.body.is_empty();
        self.output.head(stream.id, &stream.request, !stream.sending);
        let id = stream.id;
        self.streams.enter(id, place);
        self.write_body(place);
    }

    /// Begins requests, as far as the peer's stream limit and the socket allow.
    fn begin_waiting(&mut self) {
        while self.streams.len() < self.streams_max && !self.output.is_full() && self.is_usable() {
            let Some(place) = self.waiting.pop_front() else { return };
            self.begin(place);
        }
    }

    /// Gives the place of an exchange free, whose stream is reset if it is not over.
    pub(super) fn forget(&mut self, place: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        if stream.id > 0 {
            let cancelled = ClientError::new(ErrorKind::Reset, "request was cancelled");
            self.finish(place, Err(cancelled), Some(ErrorCode::Cancel));
            self.wake();
        } else if stream.outcome.is_none() {
            self.waiting.retain(|each| *each != place);
        }
        self.streams.remove(place);
        self.in_flight -= 1;
        if self.in_flight == 0 {
            self.idle_since = Instant::now();
            self.streams.rest();
            if self.let_go || self.left.is_some() {
                self.wake();
            }
        }
    }

    /// The handle is gone: the connection ends with its last exchange.
    pub(super) fn let_go(&mut self) {
        self.let_go = true;
        self.wake();
    }

    /// The peer takes no more requests and has not looked at streams above `last`.
    pub(super) fn leave(&mut self, last: u32, why: ClientError) {
        self.left.get_or_insert_with(|| why.clone());
        let why = why.or_unprocessed(true);
        for place in self.streams.places() {
            if self.streams.get_mut(place).is_some_and(|stream| stream.id > last) {
                self.finish(place, Err(why.clone()), None);
            }
        }
        for place in std::mem::take(&mut self.waiting) {
            self.finish(place, Err(why.clone()), None);
        }
    }

    /// Ends the connection: requests of which nothing was written were certainly not processed.
    fn fail(&mut self, error: ClientError) {
        if self.failure.is_some() {
            return;
        }
        // What the peer said at its farewell tells more than that it is gone.
        let told = self.left.take().filter(|left| left.http2_code != Some(ErrorCode::No as u32));
        let error = told.unwrap_or(error);
        self.failure = Some(error.clone());
        let sent = self.output.sent();
        for place in self.streams.places() {
            let unsent = self.streams.get_mut(place).is_some_and(|stream| stream.begun_at >= sent);
            self.finish(place, Err(error.clone().or_unprocessed(unsent)), None);
        }
        for place in std::mem::take(&mut self.waiting) {
            self.finish(place, Err(error.clone().or_unprocessed(true)), None);
        }
    }

    /// Ends the connection for the peer's fault.
    fn break_off(&mut self, Fault(error): Fault) {
        let text = format!("http2 error: {}", error_name(error as u32));
        self.fail(ClientError { http2_code: Some(error as u32), ..ClientError::protocol(text) });
        self.output.goaway(error);
    }

    /// Whether nothing is left to do but to close.
    fn is_over(&self) -> bool {
        self.failure.is_some() || (self.in_flight == 0 && (self.let_go || self.left.is_some()))
    }

    fn attend(&mut self, cx: &Context<'_>) {
        self.woken = false;
        if !self.driver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.driver = Some(cx.waker().clone());
        }
    }

    /// Wakes the driver, unless it is awake.
    fn wake(&mut self) {
        if let Some(driver) = self.driver.as_ref().filter(|_| !self.woken) {
            driver.wake_by_ref();
            self.woken = true;
        }
    }
}

/// The task that moves frames until the connection ends.
pub(super) struct Connection {
    io: Box<dyn Io>,
    state: Rc<RefCell<State>>,
    pings: Option<Pings>,
}

impl Connection {
    pub(super) fn new(io: Box<dyn Io>, config: &Http2Config) -> Connection {
        let pings = config.ping.map(|ping| Pings::new(ping.time, ping.timeout, !ping.while_idle));
        Connection { io, state: Rc::new(RefCell::new(State::new(config))), pings }
    }

    pub(super) fn state(&self) -> &Rc<RefCell<State>> {
        &self.state
    }

    /// Reads and writes until nothing can go on.
    fn advance(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<()> {
        state.attend(cx);
        let mut reads = READS_MAX;
        while !state.is_over() {
            let read = self.read(state, cx);
            match &read {
                Poll::Ready(Ok(0)) => state.fail(ClientError::new(ErrorKind::Reset, "connection closed by peer")),
                Poll::Ready(Err(error)) => state.fail(ClientError::from_io(error)),
                Poll::Ready(Ok(_)) => reads -= 1,
                Poll::Pending => {}
            }
            let flushed = self.flush(state, cx);
            if let Poll::Ready(Err(error)) = &flushed {
                state.fail(ClientError::from_io(error));
            } else if read.is_pending() && !state.is_over() {
                return self.rest(state, cx);
            } else if reads == 0 {
                // Others have waited long enough.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        self.close(state, cx)
    }

    fn read(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = Scratch::take();
        let carried = state.reader.restore(&mut scratch);
        let mut buffer = ReadBuf::new(scratch.get_mut(carried..).unwrap_or_default());
        let outcome = Pin::new(&mut self.io).poll_read(cx, &mut buffer);
        let count = buffer.filled().len();
        if count > 0 {
            let bytes = scratch.get(..carried + count).unwrap_or_default();
            match state.take_in(bytes) {
                Ok(taken) => state.reader.store(bytes.get(taken..).unwrap_or_default()),
                Err(fault) => state.break_off(fault),
            }
            if let Some(pings) = &mut self.pings {
                pings.heard();
            }
        }
        scratch.give_back();
        ready!(outcome)?;
        Poll::Ready(Ok(count))
    }

    /// Begins and writes all that can be, and what can be when that is out.
    fn flush(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let position = state.output.position();
            state.begin_waiting();
            state.write_bodies();
            let flushed = ready!(state.output.flush(&mut self.io, cx));
            if flushed.is_err() || state.output.position() == position {
                return Poll::Ready(flushed);
            }
        }
    }

    /// Nothing can go on: asks the clock.
    fn rest(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(pings) = &mut self.pings {
            match ready!(pings.poll(state.in_flight > 0, cx)) {
                Due::Ping => state.output.ping(ALIVE_PING, 0),
                Due::Cut => {
                    state.fail(ClientError::new(ErrorKind::Reset, "peer does not answer http2 pings"));
                    return Poll::Ready(());
                }
            }
            if let Poll::Ready(Err(error)) = self.flush(state, cx) {
                state.fail(ClientError::from_io(&error));
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Tells the peer the end, if the socket takes it at once: nothing that matters is under way.
    fn close(&mut self, state: &mut State, cx: &mut Context<'_>) -> Poll<()> {
        if state.failure.is_none() {
            state.output.goaway(ErrorCode::No);
        }
        if let Poll::Ready(Ok(())) = state.output.flush(&mut self.io, cx) {
            let _ = Pin::new(&mut self.io).poll_shutdown(cx);
        }
        Poll::Ready(())
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let state = Rc::clone(&this.state);
        let mut state = state.borrow_mut();
        this.advance(&mut state, cx)
    }
}

impl Drop for Connection {
    /// However the task ended, nobody waits for it any longer.
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.driver = None;
            state.fail(ClientError::new(ErrorKind::Reset, "connection was closed"));
        }
    }
}

/// Reads before others get their turn.
const READS_MAX: usize = 4;

/// How much longer than the limit of decoded headers a header block may be.
const BLOCK_FACTOR_MAX: usize = 2;

/// What our pings carry.
const ALIVE_PING: [u8; 8] = *b"are you?";
