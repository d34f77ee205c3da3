//! What goes out: requests, credit, and the connection's own words, for one vectored write. Small pieces are gathered,
//! large ones stay where they are.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite as _;

use super::Http2Config;
use super::connection::{Fault, State};
use super::head::RequestHead;
use super::stream::Request;
use crate::client::io::Stream as Io;
use crate::client::rope::Rope;
use crate::http2::encoder::Encoder;
use crate::http2::frame::{
    ACK, DATA, END_STREAM, ErrorCode, FRAME_BYTES_DEFAULT, FRAME_HEAD_BYTES, FrameHead, PING, PREFACE, SETTINGS,
    Setting, WINDOW_DEFAULT, WINDOW_MAX, frame_bytes_for, put_block, put_frame, put_goaway, put_head, put_reset,
    put_settings, put_window_update, read_settings, read_window_update, widen,
};
use crate::http2::hpack::put_field;

/// The state of writing, and both directions' windows of the connection.
pub(super) struct Output {
    bytes: Vec<u8>,
    written: usize,
    /// Pieces of bodies, each with the place in `bytes` before which it goes out.
    shared: VecDeque<(usize, Bytes)>,
    /// Bytes that wait to be written, and all that were.
    pending: usize,
    sent: u64,
    encoder: Encoder,
    /// The head that was written last, at which version of the table, and as what.
    last: Option<(Rc<RequestHead>, u64, Vec<u8>)>,
    receive_window: i64,
    receive_window_full: i64,
    owed: i64,
    send_window: i64,
    initial_window: i64,
    frame_bytes_max: usize,
}

impl Output {
    /// Begins with the preface and our settings.
    pub(super) fn new(config: &Http2Config) -> Output {
        let mut bytes = PREFACE.to_vec();
        put_settings(
            &mut bytes,
            &[
                (Setting::EnablePush, 0),
                (Setting::InitialWindowSize, config.stream_window),
                (Setting::MaxFrameSize, config.max_frame_size),
                (Setting::MaxHeaderListSize, config.max_header_list_size),
            ],
        );
        let full = i64::from(config.connection_window).clamp(WINDOW_DEFAULT, WINDOW_MAX);
        if full > WINDOW_DEFAULT {
            put_window_update(&mut bytes, 0, (full - WINDOW_DEFAULT) as u32);
        }
        Output {
            pending: bytes.len(),
            bytes,
            written: 0,
            shared: VecDeque::new(),
            sent: 0,
            encoder: Encoder::new(),
            last: None,
            receive_window: full,
            receive_window_full: full,
            owed: 0,
            send_window: WINDOW_DEFAULT,
            initial_window: WINDOW_DEFAULT,
            frame_bytes_max: FRAME_BYTES_DEFAULT,
        }
    }

    /// Where the next byte goes in all that this connection sends.
    pub(super) fn position(&self) -> u64 {
        self.sent + self.pending as u64
    }

    /// Bytes that the socket has taken.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// What the peer takes on a new stream.
    pub(super) fn initial_window(&self) -> i64 {
        self.initial_window
    }

    /// Whether so much waits that more should not be begun.
    pub(super) fn is_full(&self) -> bool {
        self.pending > PENDING_BYTES_MAX
    }

    /// Appends small things.
    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        self.pending += self.bytes.len() - before;
    }

    /// Appends the head of a request.
    pub(super) fn head(&mut self, stream: u32, request: &Request, ends: bool) {
        let Request { head, timeout, extra, .. } = request;
        let Output { bytes, encoder, last, frame_bytes_max, pending, .. } = self;
        let before = bytes.len();
        put_block(bytes, *frame_bytes_max, stream, ends, |out| {
            encoder.begin(out);
            match last {
                Some((known, version, block)) if Rc::ptr_eq(known, head) && *version == encoder.version() => {
                    out.extend_from_slice(block);
                }
                _ => {
                    let (start, version) = (out.len(), encoder.version());
                    head.write(encoder, out);
                    // A head that entered the table is written shorter the next time.
                    if version == encoder.version() {
                        *last = Some((Rc::clone(head), version, out.get(start..).unwrap_or_default().to_vec()));
                    }
                }
            }
            if let Some(timeout) = timeout {
                put_field(out, "grpc-timeout", timeout);
            }
            if let Some((name, value)) = extra.as_deref() {
                put_field(out, name, value.as_bytes());
            }
        });
        *pending += bytes.len() - before;
    }

    /// Appends the next frame of a body, as large as the windows allow; `None` if they allow none for now.
    fn data(&mut self, stream: u32, window: &mut i64, body: &mut Rope) -> Option<usize> {
        let room = usize::try_from(self.send_window.min(*window)).unwrap_or(0).min(self.frame_bytes_max);
        let count = room.min(body.len());
        if count == 0 || self.is_full() {
            return None;
        }
        let ends = count == body.len();
        put_head(&mut self.bytes, count, DATA, if ends { END_STREAM } else { 0 }, stream);
        let mut left = count;
        while left > 0 {
            let front = body.front();
            let piece = front.len().min(left);
            if piece > COPIED_BYTES_MAX {
                self.shared.push_back((self.bytes.len(), body.share(piece)));
            } else {
                self.bytes.extend_from_slice(front.get(..piece).unwrap_or_default());
            }
            body.advance(piece);
            left -= piece;
        }
        self.pending += FRAME_HEAD_BYTES + count;
        self.send_window -= count as i64;
        *window -= count as i64;
        Some(count)
    }

    /// Payload came in.
    pub(super) fn receive(&mut self, bytes: usize) -> Result<(), Fault> {
        self.receive_window -= bytes as i64;
        if self.receive_window < 0 { Err(ErrorCode::FlowControl.into()) } else { Ok(()) }
    }

    /// Payload was taken care of: the peer may send as much again.
    pub(super) fn owe(&mut self, bytes: usize) {
        self.owed += bytes as i64;
        if self.owed * 2 >= self.receive_window_full {
            let owed = std::mem::take(&mut self.owed);
            self.receive_window += owed;
            self.put(|out| put_window_update(out, 0, owed as u32));
        }
    }

    /// The peer may send `bytes` more on one stream.
    pub(super) fn credit(&mut self, stream: u32, bytes: i64) {
        self.put(|out| put_window_update(out, stream, bytes as u32));
    }

    pub(super) fn reset(&mut self, stream: u32, error: ErrorCode) {
        self.put(|out| put_reset(out, stream, error));
    }

    pub(super) fn goaway(&mut self, error: ErrorCode) {
        self.put(|out| put_goaway(out, 0, error, ""));
    }

    pub(super) fn ping(&mut self, payload: [u8; 8], flags: u8) {
        self.put(|out| put_frame(out, PING, flags, 0, &payload));
    }

    /// Writes all that waits.
    pub(super) fn flush(&mut self, io: &mut Box<dyn Io>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.pending > 0 {
            let count = ready!(self.write(io, cx))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        Pin::new(io).poll_flush(cx)
    }

    fn write(&self, io: &mut Box<dyn Io>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut filled = 0;
        let mut from = self.written;
        let pieces = self.shared.iter().map(|(at, piece)| (*at, Some(piece)));
        for (at, piece) in pieces.chain([(self.bytes.len(), None)]) {
            let own = self.bytes.get(from..at).unwrap_or_default();
            from = at;
            for slice in [own, piece.map_or(&[][..], |piece| piece)] {
                if !slice.is_empty() && filled < SLICES_MAX {
                    slices[filled] = IoSlice::new(slice);
                    filled += 1;
                }
            }
            if filled == SLICES_MAX {
                break;
            }
        }
        let slices = slices.get(..filled).unwrap_or_default();
        match slices {
            [one] => Pin::new(io).poll_write(cx, one),
            _ if io.is_write_vectored() => Pin::new(io).poll_write_vectored(cx, slices),
            _ => Pin::new(io).poll_write(cx, slices.first().map_or(&[], |slice| slice)),
        }
    }

    /// `count` bytes more were written.
    fn advance(&mut self, count: usize) {
        self.sent += count as u64;
        self.pending -= count.min(self.pending);
        let mut left = count;
        while left > 0 {
            let own = self.shared.front().map_or(self.bytes.len(), |(at, _)| *at) - self.written;
            let step = own.min(left);
            self.written += step;
            left -= step;
            let Some((_, piece)) = self.shared.front_mut().filter(|_| left > 0) else { break };
            if left < piece.len() {
                bytes::Buf::advance(piece, left);
                break;
            }
            left -= piece.len();
            self.shared.pop_front();
        }
        if self.pending == 0 {
            self.written = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES_MAX);
        }
    }
}

impl State {
    /// Writes what the windows allow of the request at `place`.
    pub(super) fn write_body(&mut self, place: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        while stream.sending {
            match self.output.data(stream.id, &mut stream.send_window, &mut stream.request.body) {
                Some(count) => self.conduct.sent(count),
                None => {
                    stream.blocked = true;
                    self.blocked.push_back(place);
                    return;
                }
            }
            stream.sending = !stream.request.body.is_empty();
        }
    }

    /// Writes what the windows allow of all requests, each in its turn.
    pub(super) fn write_bodies(&mut self) {
        for _ in 0..self.blocked.len() {
            if self.output.is_full() || self.output.send_window <= 0 {
                return;
            }
            let Some(place) = self.blocked.pop_front() else { return };
            if let Some(stream) = self.streams.get_mut(place) {
                stream.blocked = false;
            }
            self.write_body(place);
        }
    }

    pub(super) fn settings(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let Some(settings) = read_settings(head, payload)? else { return Ok(()) };
        for (setting, value) in settings {
            match setting {
                // We said that we want none (section 6.5.2).
                Setting::EnablePush if value > 0 => return Err(ErrorCode::Protocol.into()),
                Setting::HeaderTableSize => self.output.encoder.limit(value as usize),
                Setting::MaxConcurrentStreams => self.streams_max = value as usize,
                Setting::InitialWindowSize => self.set_initial_window(i64::from(value))?,
                Setting::MaxFrameSize => self.output.frame_bytes_max = frame_bytes_for(value)?,
                Setting::EnablePush | Setting::MaxHeaderListSize => {}
            }
        }
        self.output.put(|out| put_frame(out, SETTINGS, ACK, 0, &[]));
        self.settle();
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
        self.check_begun(head.stream)?;
        let Some(place) = self.streams.find(head.stream) else { return Ok(()) };
        let Some(stream) = self.streams.get_mut(place) else { return Ok(()) };
        if let Err(error) = widen(&mut stream.send_window, more) {
            self.refuse(place, "window update of nothing, or of too much", error);
        }
        Ok(())
    }
}

/// A piece of a body that is this small is copied, because a slice of a vectored write costs as much.
const COPIED_BYTES_MAX: usize = 1 << 10;

/// Slices of one vectored write.
const SLICES_MAX: usize = 64;

/// Bytes that may wait to be written before no more of the bodies is laid out.
const PENDING_BYTES_MAX: usize = 256 << 10;

/// Memory for small pieces that an idle connection keeps.
const KEPT_BYTES_MAX: usize = 64 << 10;
