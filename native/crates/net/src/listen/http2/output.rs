//! What goes out: answers, credit, and the connection's own words, gathered into one run of bytes for one write.

use std::cell::RefCell;
use std::task::{Context, Poll};

use http::{HeaderMap, header};

use super::stream::Outgoing;
use super::{Connection, Fault};
use crate::http2::frame::{
    ACK, DATA, END_STREAM, ErrorCode, FRAME_BYTES_DEFAULT, FrameHead, PING, SETTINGS, Setting, WINDOW_DEFAULT,
    WINDOW_MAX, frame_bytes_for, put_block, put_frame, put_goaway, put_reset, put_settings, put_window_update,
    read_settings, read_window_update, widen,
};
use crate::http2::hpack::{put_field, put_status};
use crate::listen::config::{ConnLimits, Protocol};
use crate::listen::date;
use crate::service::Response;

/// The state of writing, and both directions' windows of the connection.
pub(super) struct Output {
    bytes: Vec<u8>,
    written: usize,
    /// Bytes the client may still send, and those to be given back to it.
    receive_window: i64,
    receive_window_full: i64,
    owed: i64,
    /// Credit to be taken in again: see [`Stream::extra`](super::stream::Stream).
    surplus: i64,
    /// Bytes the client still takes on all streams, and on a new one.
    send_window: i64,
    initial_window: i64,
    frame_bytes_max: usize,
}

impl Output {
    /// Begins with our settings.
    pub(super) fn new(limits: &ConnLimits) -> Output {
        let mut bytes = Vec::new();
        let mut settings = vec![
            (Setting::InitialWindowSize, limits.initial_stream_window),
            (Setting::MaxFrameSize, limits.max_frame_size),
            (Setting::MaxHeaderListSize, limits.max_header_bytes),
        ];
        settings.extend(limits.max_concurrent_streams.map(|most| (Setting::MaxConcurrentStreams, most)));
        put_settings(&mut bytes, &settings);
        let full = i64::from(limits.initial_connection_window).max(WINDOW_DEFAULT);
        if full > WINDOW_DEFAULT {
            put_window_update(&mut bytes, 0, (full - WINDOW_DEFAULT) as u32);
        }
        Output {
            bytes,
            written: 0,
            receive_window: full,
            receive_window_full: full,
            owed: 0,
            surplus: 0,
            send_window: WINDOW_DEFAULT,
            initial_window: WINDOW_DEFAULT,
            frame_bytes_max: FRAME_BYTES_DEFAULT,
        }
    }

    pub(super) fn pending(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.written += count;
        if self.written >= self.bytes.len() {
            self.written = 0;
            self.bytes.clear();
        }
    }

    /// Makes the thread's memory for output this connection's.
    pub(super) fn take_memory(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes = SPARE.take();
        }
    }

    /// Leaves the memory to other connections, unless something in it still waits.
    pub(super) fn leave_memory(&mut self) {
        if self.bytes.is_empty() {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.shrink_to(SPARE_BYTES_MAX);
            SPARE.set(bytes);
        }
    }

    /// Whether so much waits that more should not be caused.
    pub(super) fn is_congested(&self) -> bool {
        self.pending().len() > WAITING_BYTES_MAX
    }

    /// What a client takes on a new stream.
    pub(super) fn initial_window(&self) -> i64 {
        self.initial_window
    }

    /// Payload came in.
    pub(super) fn receive(&mut self, bytes: usize) -> Result<(), Fault> {
        self.receive_window -= bytes as i64;
        if self.receive_window < 0 { Err(ErrorCode::FlowControl.into()) } else { Ok(()) }
    }

    /// Payload was taken care of: the client may send as much again.
    pub(super) fn owe(&mut self, bytes: usize) {
        let taken_in = self.surplus.min(bytes as i64);
        self.surplus -= taken_in;
        self.owed += bytes as i64 - taken_in;
        if self.owed * 2 >= self.receive_window_full {
            self.grant(self.owed);
            self.owed = 0;
        }
    }

    fn grant(&mut self, bytes: i64) {
        put_window_update(&mut self.bytes, 0, bytes as u32);
        self.receive_window += bytes;
    }

    pub(super) fn reset(&mut self, stream: u32, error: ErrorCode) {
        put_reset(&mut self.bytes, stream, error);
    }

    pub(super) fn goaway(&mut self, last: u32, error: ErrorCode, text: &str) {
        put_goaway(&mut self.bytes, last, error, text);
    }

    pub(super) fn ping(&mut self, payload: [u8; 8]) {
        put_frame(&mut self.bytes, PING, 0, 0, &payload);
    }

    pub(super) fn pong(&mut self, payload: [u8; 8]) {
        put_frame(&mut self.bytes, PING, ACK, 0, &payload);
    }

    /// Appends a block of fields.
    fn fields(&mut self, stream: u32, ends: bool, write: impl FnOnce(&mut Vec<u8>)) {
        put_block(&mut self.bytes, self.frame_bytes_max, stream, ends, write);
    }
}

impl Connection {
    /// Asks the service at `place` to go on, and takes its answer.
    pub(super) fn serve(&mut self, place: usize) {
        let waker = self.ready.waker(place);
        let Some(stream) = self.streams.get_mut(place) else { return };
        let Some(work) = &mut stream.work else { return };
        stream.polled = true;
        let answer = work.as_mut().poll(&mut Context::from_waker(&waker));
        match answer {
            Poll::Ready(response) => self.answer(place, response),
            Poll::Pending => self.credit(place),
        }
    }

    fn answer(&mut self, place: usize, response: Response) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        // With it goes the service's end of the body.
        stream.work = None;
        stream.active = None;
        let Response { status, headers, body, trailers } = response;
        let ends = body.is_empty() && trailers.is_none();
        let http = self.hub.config.protocol == Protocol::Http;
        self.conduct.answered();
        self.output.fields(stream.id, ends, |out| {
            put_status(out, status);
            put_headers(out, &headers);
            if !body.is_empty() && trailers.is_none() && !headers.contains_key(header::CONTENT_LENGTH) {
                put_field(out, "content-length", body.len().to_string().as_bytes());
            }
            if http && !headers.contains_key(header::DATE) {
                date::with_now(|now| put_field(out, "date", now));
            }
        });
        if ends {
            self.finish(place);
            return;
        }
        let writing = (!body.is_empty()).then(|| self.conn.answer());
        stream.answer = Some(Outgoing { body, trailers, _writing: writing });
        self.write_body(place);
    }

    /// Writes what the windows allow of all answers.
    pub(super) fn write_bodies(&mut self) {
        if self.waiting_answers == 0 {
            return;
        }
        for place in self.streams.places() {
            self.write_body(place);
        }
    }

    /// Writes what the windows allow of one answer.
    fn write_body(&mut self, place: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        let Some(answer) = &mut stream.answer else { return };
        while !answer.body.is_empty() {
            let window = self.output.send_window.min(stream.send_window);
            let room = usize::try_from(window).unwrap_or(0).min(self.output.frame_bytes_max);
            let count = room.min(answer.body.len());
            if count == 0 || self.output.is_congested() {
                if !stream.waits {
                    stream.waits = true;
                    self.waiting_answers += 1;
                }
                return;
            }
            let part = answer.body.split_to(count);
            let ends = answer.body.is_empty() && answer.trailers.is_none();
            put_frame(&mut self.output.bytes, DATA, if ends { END_STREAM } else { 0 }, stream.id, &part);
            self.output.send_window -= count as i64;
            stream.send_window -= count as i64;
        }
        if let Some(trailers) = answer.trailers.take() {
            self.output.fields(stream.id, true, |out| put_headers(out, &trailers));
        }
        self.finish(place);
    }

    /// The answer is written: the stream is over, and what the client still sends on it is not wanted.
    fn finish(&mut self, place: usize) {
        if let Some(stream) = self.streams.get_mut(place)
            && stream.receiving
        {
            let id = stream.id;
            self.output.reset(id, ErrorCode::No);
        }
        self.drop_stream(place);
    }

    /// Forgets a stream; whether its request was still without an answer.
    pub(super) fn drop_stream(&mut self, place: usize) -> bool {
        let Some(mut stream) = self.streams.remove(place) else { return false };
        if let Some(feed) = &stream.feed
            && stream.receiving
        {
            feed.abort();
        }
        let unanswered = stream.work.take().is_some();
        self.waiting_answers -= usize::from(stream.waits);
        let credit = stream.feed.as_ref().map_or(0, super::inflow::Feed::take_credit);
        self.output.owe(credit);
        self.output.surplus += stream.extra;
        unanswered
    }

    /// Gives the client credit for what the service has taken note of, and for all that it says it expects.
    pub(super) fn credit(&mut self, place: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        let Some(feed) = &stream.feed else { return };
        let credit = feed.take_credit();
        let taken_in = stream.extra.min(credit as i64);
        stream.extra -= taken_in;
        self.output.owe(credit - taken_in as usize);
        if !stream.receiving {
            return;
        }
        stream.owed += credit as i64;
        let expected = (feed.expected() as i64).min(EXPECTED_BYTES_MAX);
        let missing = expected - stream.received as i64 - stream.receive_window;
        if missing > 0 && stream.extra == 0 {
            // All of it at once, so that the client need not stop on the way. The memory is reserved already.
            put_window_update(&mut self.output.bytes, stream.id, missing as u32);
            stream.receive_window += missing;
            stream.owed = (stream.owed - missing).max(0);
            stream.extra = missing;
            self.output.grant(missing);
        } else if stream.owed * 2 >= i64::from(self.hub.config.limits.initial_stream_window) {
            put_window_update(&mut self.output.bytes, stream.id, stream.owed as u32);
            stream.receive_window += stream.owed;
            stream.owed = 0;
        }
    }

    pub(super) fn settings(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let Some(settings) = read_settings(head, payload)? else { return Ok(()) };
        for (setting, value) in settings {
            match setting {
                Setting::EnablePush if value > 1 => return Err(ErrorCode::Protocol.into()),
                Setting::InitialWindowSize => self.set_initial_window(i64::from(value))?,
                Setting::MaxFrameSize => self.output.frame_bytes_max = frame_bytes_for(value)?,
                _ => {}
            }
        }
        put_frame(&mut self.output.bytes, SETTINGS, ACK, 0, &[]);
        Ok(())
    }

    fn set_initial_window(&mut self, window: i64) -> Result<(), Fault> {
        if window > WINDOW_MAX {
            return Err(ErrorCode::FlowControl.into());
        }
        let more = window - std::mem::replace(&mut self.output.initial_window, window);
        Ok(self.streams.widen_all(more)?)
    }

    pub(super) fn window_update(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let more = read_window_update(payload)?;
        if head.stream == 0 {
            return Ok(widen(&mut self.output.send_window, more)?);
        }
        if head.stream > self.last_stream {
            return Err(ErrorCode::Protocol.into());
        }
        let Some(place) = self.streams.find(head.stream) else { return Ok(()) };
        let Some(stream) = self.streams.get_mut(place) else { return Ok(()) };
        match widen(&mut stream.send_window, more) {
            Ok(()) => Ok(()),
            Err(error) => self.refuse(place, error),
        }
    }
}

fn put_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        put_field(out, name.as_str(), value.as_bytes());
    }
}

/// Bytes that may wait for the client before no more is read from it.
const WAITING_BYTES_MAX: usize = 128 << 10;

thread_local! {
    /// Memory for output, of whichever connection is at work.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Memory for output that an idle thread keeps.
const SPARE_BYTES_MAX: usize = 256 << 10;

/// The most credit that is given at once; of a larger body the rest follows as it is taken note of.
const EXPECTED_BYTES_MAX: i64 = 8 << 20;
