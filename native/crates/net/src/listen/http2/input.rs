//! What comes in: bytes to frames, frames to what they mean for the connection and its streams.

use std::rc::Rc;
use std::time::Duration;

use super::heads::{Head, HeadLimits, Malformed};
use super::inflow::inflow;
use super::stream::Stream;
use super::{Connection, DRAIN_PING, Ending, Fault};
use crate::body::Body;
use crate::grpc::BadTimeout;
use crate::http2::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ErrorCode, FRAME_HEAD_BYTES, FrameHead, GOAWAY, HEADERS, PADDED,
    PING, PING_BYTES, PREFACE_BYTES, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY,
};
use crate::http2::hpack::{Decoder, Fields};
use crate::listen::config::ConnLimits;
use crate::listen::dispatch;

/// The state of reading.
pub(super) struct Input {
    /// An incomplete frame.
    carried: Vec<u8>,
    /// Bytes of the preface still to come.
    preface: usize,
    /// Whether the client has sent its settings, which come first.
    settled: bool,
    data: Option<Data>,
    block: Option<Block>,
    decoder: Decoder,
    last: Option<Last>,
    head_limits: HeadLimits,
    frame_bytes_max: usize,
}

/// A DATA frame whose payload is not all there.
#[derive(Clone, Copy)]
struct Data {
    stream: u32,
    left: usize,
    padding: usize,
    ends: bool,
}

/// A header block that goes on in CONTINUATION frames.
struct Block {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
}

/// The last block that was decoded, and what it meant.
struct Last {
    block: Vec<u8>,
    version: u64,
    asked: Asked,
}

/// What a header block asks for.
#[derive(Clone)]
struct Asked {
    head: Rc<Head>,
    timeout: Result<Option<Duration>, BadTimeout>,
}

impl Input {
    pub(super) fn new(limits: &ConnLimits) -> Input {
        Input {
            carried: Vec::new(),
            preface: PREFACE_BYTES,
            settled: false,
            data: None,
            block: None,
            decoder: Decoder::new(),
            last: None,
            head_limits: HeadLimits { headers: limits.max_headers, bytes: limits.max_header_bytes as usize },
            frame_bytes_max: limits.max_frame_size as usize,
        }
    }

    /// Puts what was left of the last read in front; its length.
    pub(super) fn restore(&mut self, scratch: &mut [u8]) -> usize {
        let count = self.carried.len();
        if let Some(place) = scratch.get_mut(..count) {
            place.copy_from_slice(&self.carried);
        }
        count
    }

    /// The client has sent its settings.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// Keeps what is no whole frame yet.
    pub(super) fn store(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.carried = Vec::new();
        } else {
            self.carried.clear();
            self.carried.extend_from_slice(rest);
        }
    }
}

impl Connection {
    /// Takes in all that is complete; the number of bytes it was.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() && !matches!(self.end, Ending::Broken(_)) {
            match self.step(rest) {
                Ok(0) => break,
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(fault) => self.break_off(fault),
            }
        }
        bytes.len() - rest.len()
    }

    /// Takes in the next piece, if it is there: preface, payload of a DATA frame, or another whole frame.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        if self.input.preface > 0 {
            // Its bytes were looked at when the protocol was told.
            let count = self.input.preface.min(bytes.len());
            self.input.preface -= count;
            return Ok(count);
        }
        if self.input.data.is_some() {
            return self.payload(bytes);
        }
        let Some(head) = FrameHead::read(bytes) else { return Ok(0) };
        if head.length > self.input.frame_bytes_max {
            return Err(ErrorCode::FrameSize.into());
        }
        let in_place = match &self.input.block {
            Some(block) => head.kind == CONTINUATION && head.stream == block.stream,
            None => head.kind != CONTINUATION && (self.input.settled || head.kind == SETTINGS),
        };
        if !in_place {
            return Err(ErrorCode::Protocol.into());
        }
        let after = bytes.get(FRAME_HEAD_BYTES..).unwrap_or_default();
        if head.kind == DATA {
            return self.begin_data(&head, after);
        }
        let Some(payload) = after.get(..head.length) else { return Ok(0) };
        self.conduct.judge(&head, self.conn.active())?;
        self.frame(&head, payload)?;
        Ok(FRAME_HEAD_BYTES + head.length)
    }

    fn begin_data(&mut self, head: &FrameHead, after: &[u8]) -> Result<usize, Fault> {
        let padded = usize::from(head.has(PADDED));
        if after.len() < padded {
            return Ok(0);
        }
        self.conduct.judge(head, self.conn.active())?;
        let padding = if padded == 1 { after.first().copied().unwrap_or(0).into() } else { 0 };
        let left = head.length.checked_sub(padded + padding).ok_or(ErrorCode::Protocol)?;
        if head.stream == 0 || head.stream > self.last_stream {
            return Err(ErrorCode::Protocol.into());
        }
        self.output.receive(head.length)?;
        self.receive_data(head, left)?;
        self.output.owe(padded + padding);
        self.input.data = Some(Data { stream: head.stream, left, padding, ends: head.has(END_STREAM) });
        if left + padding == 0 {
            self.end_data()?;
        }
        Ok(FRAME_HEAD_BYTES + padded)
    }

    /// Holds a DATA frame against its stream's window and declared length.
    fn receive_data(&mut self, head: &FrameHead, bytes: usize) -> Result<(), Fault> {
        let Some(place) = self.streams.find(head.stream) else { return Ok(()) };
        let Some(stream) = self.streams.get_mut(place) else { return Ok(()) };
        stream.receive_window -= head.length as i64;
        stream.received += bytes as u64;
        let error = if !stream.receiving {
            ErrorCode::StreamClosed
        } else if stream.receive_window < 0 {
            ErrorCode::FlowControl
        } else if stream.declared.is_some_and(|declared| stream.received > declared) {
            ErrorCode::Protocol
        } else {
            return Ok(());
        };
        self.refuse(place, error)
    }

    fn payload(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let Some(data) = &mut self.input.data else { return Ok(0) };
        let count = data.left.min(bytes.len());
        data.left -= count;
        let skipped = data.padding.min(bytes.len() - count);
        data.padding -= skipped;
        let (stream, whole) = (data.stream, data.left + data.padding == 0);
        if count > 0 {
            self.feed(stream, bytes.get(..count).unwrap_or_default());
        }
        if whole {
            self.end_data()?;
        }
        Ok(count + skipped)
    }

    /// Gives bytes of a body to its stream, or their credit back where there is none.
    fn feed(&mut self, id: u32, bytes: &[u8]) {
        let place = self.streams.find(id);
        let stream = place.and_then(|place| self.streams.get_mut(place));
        let (Some(place), Some(stream)) = (place, stream) else {
            self.output.owe(bytes.len());
            return;
        };
        let Some(feed) = &stream.feed else {
            self.output.owe(bytes.len());
            return;
        };
        feed.push(bytes);
        if !stream.polled && stream.received > EARLY_BYTES {
            // So that the service can say how much it expects before more is copied than needs be.
            self.serve(place);
        } else if stream.work.is_none() {
            self.credit(place);
        }
    }

    fn end_data(&mut self) -> Result<(), Fault> {
        let Some(data) = self.input.data.take() else { return Ok(()) };
        match self.streams.find(data.stream) {
            Some(place) if data.ends => self.end_body(place),
            _ => Ok(()),
        }
    }

    /// The client has sent all of a request.
    fn end_body(&mut self, place: usize) -> Result<(), Fault> {
        let Some(stream) = self.streams.get_mut(place) else { return Ok(()) };
        if stream.declared.is_some_and(|declared| declared != stream.received) {
            return self.refuse(place, ErrorCode::Protocol);
        }
        stream.receiving = false;
        if let Some(feed) = &stream.feed {
            feed.end();
        }
        Ok(())
    }

    fn frame(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        match head.kind {
            HEADERS => self.headers(head, payload),
            CONTINUATION => self.continuation(head, payload),
            PRIORITY if head.stream == 0 => Err(ErrorCode::Protocol.into()),
            PRIORITY if payload.len() != PRIORITY_BYTES => Err(ErrorCode::FrameSize.into()),
            RST_STREAM => self.reset(head, payload),
            SETTINGS => self.settings(head, payload),
            PUSH_PROMISE => Err(ErrorCode::Protocol.into()),
            PING => self.ping(head, payload),
            GOAWAY if head.stream != 0 => Err(ErrorCode::Protocol.into()),
            WINDOW_UPDATE => self.window_update(head, payload),
            // Frames that do not exist yet are to be ignored (section 5.5).
            _ => Ok(()),
        }
    }

    fn headers(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let mut block = payload;
        if head.has(PADDED) {
            let (padding, rest) = block.split_first().ok_or(ErrorCode::FrameSize)?;
            let length = rest.len().checked_sub(usize::from(*padding)).ok_or(ErrorCode::Protocol)?;
            block = rest.get(..length).unwrap_or_default();
        }
        if head.has(WITH_PRIORITY) {
            block = block.get(PRIORITY_BYTES..).ok_or(ErrorCode::FrameSize)?;
        }
        if head.stream.is_multiple_of(2) {
            return Err(ErrorCode::Protocol.into());
        }
        if head.has(END_HEADERS) {
            return self.block(head.stream, head.has(END_STREAM), block);
        }
        self.input.block = Some(Block { stream: head.stream, ends: head.has(END_STREAM), bytes: block.to_vec() });
        Ok(())
    }

    fn continuation(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let most = BLOCK_FACTOR_MAX * self.input.head_limits.bytes;
        let Some(block) = &mut self.input.block else { return Err(ErrorCode::Protocol.into()) };
        block.bytes.extend_from_slice(payload);
        if block.bytes.len() > most {
            return Err(ErrorCode::EnhanceYourCalm.into());
        }
        if head.has(END_HEADERS)
            && let Some(block) = self.input.block.take()
        {
            return self.block(block.stream, block.ends, &block.bytes);
        }
        Ok(())
    }

    /// A whole header block: of a new request, or of trailers.
    fn block(&mut self, id: u32, ends: bool, block: &[u8]) -> Result<(), Fault> {
        // Decoded in any case, or the table would be out of step.
        let asked = self.asked(block)?;
        if let Some(place) = self.streams.find(id) {
            let reading = self.streams.get_mut(place).is_some_and(|stream| stream.receiving);
            return if ends && reading { self.end_body(place) } else { self.refuse(place, ErrorCode::Protocol) };
        }
        if id <= self.last_stream || self.end == Ending::Last {
            // Trailers of a stream that is over, or a stream that the client knows to be too late.
            return Ok(());
        }
        self.last_stream = id;
        let most = self.hub.config.limits.max_concurrent_streams.map_or(usize::MAX, |most| most as usize);
        let error = match asked {
            Ok(asked) if self.streams.len() < most => {
                self.begin(id, ends, asked);
                return Ok(());
            }
            Ok(_) => ErrorCode::RefusedStream,
            Err(Malformed) => ErrorCode::Protocol,
        };
        self.output.reset(id, error);
        Ok(self.conduct.broke_off()?)
    }

    /// What a block asks for. Most connections say the same again and again, and are not listened to twice.
    fn asked(&mut self, block: &[u8]) -> Result<Result<Asked, Malformed>, Fault> {
        let input = &mut self.input;
        if let Some(last) = &input.last
            && last.version == input.decoder.version()
            && last.block == block
        {
            return Ok(Ok(last.asked.clone()));
        }
        let mut fields = FIELDS.take().unwrap_or_else(|| Fields::new(input.head_limits.bytes));
        fields.restart(input.head_limits.bytes);
        let decoded = input.decoder.decode(block, &mut fields);
        let timeout = fields.aside().map(crate::grpc::parse_timeout).transpose();
        let head = self.hub.heads.of(&fields, &input.head_limits);
        FIELDS.set(Some(fields));
        decoded.map_err(|_| ErrorCode::Compression)?;
        let asked = head.map(|head| Asked { head, timeout });
        input.last = match &asked {
            Ok(asked) if block.len() <= KEPT_BLOCK_BYTES_MAX => {
                Some(Last { block: block.to_vec(), version: input.decoder.version(), asked: asked.clone() })
            }
            _ => None,
        };
        Ok(asked)
    }

    /// Begins a request; its service is asked when all that came with it has been taken in.
    fn begin(&mut self, id: u32, ends: bool, asked: Asked) {
        let limits = &self.hub.config.limits;
        let declared = if ends { Some(0) } else { asked.head.declared };
        let (feed, body) = if ends {
            (None, Body::empty())
        } else {
            let (feed, inflow) = inflow(&self.hub.config.pool);
            (Some(feed), Body::http2(inflow, declared))
        };
        let active = self.conn.begin();
        let work = dispatch::answer_http2(&self.hub, &self.conn, &asked.head, asked.timeout, body);
        let place = self.streams.insert(Stream {
            id,
            work: Some(work),
            active: Some(active),
            feed,
            receiving: !ends,
            declared,
            received: 0,
            polled: false,
            receive_window: limits.initial_stream_window.into(),
            owed: 0,
            extra: 0,
            send_window: self.output.initial_window(),
            answer: None,
            waits: false,
        });
        self.ready.push(place);
    }

    fn reset(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(ErrorCode::FrameSize.into());
        }
        if head.stream == 0 || head.stream > self.last_stream {
            return Err(ErrorCode::Protocol.into());
        }
        if let Some(place) = self.streams.find(head.stream)
            && self.drop_stream(place)
        {
            self.conduct.broke_off()?;
        }
        Ok(())
    }

    fn ping(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let Ok(payload) = <[u8; PING_BYTES]>::try_from(payload) else { return Err(ErrorCode::FrameSize.into()) };
        if head.stream != 0 {
            return Err(ErrorCode::Protocol.into());
        }
        if !head.has(ACK) {
            self.output.pong(payload);
        } else if payload == DRAIN_PING {
            self.announce_last();
        }
        Ok(())
    }

    /// Ends one stream for the client's fault.
    pub(super) fn refuse(&mut self, place: usize, error: ErrorCode) -> Result<(), Fault> {
        let Some(id) = self.streams.get_mut(place).map(|stream| stream.id) else { return Ok(()) };
        self.output.reset(id, error);
        self.drop_stream(place);
        Ok(self.conduct.broke_off()?)
    }
}

thread_local! {
    /// The fields being decoded.
    static FIELDS: std::cell::RefCell<Option<Fields>> = const { std::cell::RefCell::new(None) };
}

const PRIORITY_BYTES: usize = 5;

/// How much longer than the limit of decoded headers a header block may be: what is refused with 431 must be read.
const BLOCK_FACTOR_MAX: usize = 2;

/// Bytes of a body after which its service is asked although more of the same read waits.
const EARLY_BYTES: u64 = 8 << 10;

/// The longest block that a connection keeps to compare the next with.
const KEPT_BLOCK_BYTES_MAX: usize = 512;
