//! What comes in: bytes to frames, frames to what they mean for the connection and its streams.

use std::rc::Rc;
use std::time::Duration;

use super::heads::{Head, HeadLimits, Malformed};
use super::inflow::inflow;
use super::stream::Stream;
use super::{Connection, DRAIN_PING, Ending, Fault};
use crate::body::Body;
use crate::grpc::BadTimeout;
use crate::http2::blocks::Blocks;
use crate::http2::frame::{
    ACK, ErrorCode, FrameHead, GOAWAY, PING, PREFACE_BYTES, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, read_ping,
};
use crate::http2::reader::{Event, PRIORITY_BYTES, Reader};
use crate::listen::config::ConnLimits;
use crate::listen::dispatch;

/// The state of reading.
pub(super) struct Input {
    pub(super) reader: Reader,
    /// Most clients say the same with every request.
    blocks: Blocks<Asked, 1>,
    head_limits: HeadLimits,
}

/// What a header block asks for.
#[derive(Clone)]
struct Asked {
    head: Rc<Head>,
    timeout: Result<Option<Duration>, BadTimeout>,
}

impl Input {
    pub(super) fn new(limits: &ConnLimits) -> Input {
        let head_limits = HeadLimits { headers: limits.max_headers, bytes: limits.max_header_bytes as usize };
        // Its bytes were looked at when the protocol was told.
        let preface = PREFACE_BYTES;
        Input {
            reader: Reader::new(preface, limits.max_frame_size as usize, BLOCK_FACTOR_MAX * head_limits.bytes),
            blocks: Blocks::new(head_limits.bytes),
            head_limits,
        }
    }
}

impl Connection {
    /// Takes in all that is complete; the number of bytes it was.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !matches!(self.end, Ending::Broken(_)) {
            let taken = match self.input.reader.next(&mut rest) {
                Ok(None) => break,
                Ok(Some(event)) => self.event(event),
                Err(error) => Err(error.into()),
            };
            if let Err(fault) = taken {
                self.break_off(fault);
            }
        }
        bytes.len() - rest.len()
    }

    #[inline]
    fn event(&mut self, event: Event<'_>) -> Result<(), Fault> {
        match event {
            Event::Data { head, content } => self.data(&head, content),
            Event::Content { stream, bytes, ends } => self.content(stream, bytes, ends),
            Event::Part { head } if head.stream.is_multiple_of(2) => Err(ErrorCode::Protocol.into()),
            Event::Part { head } => Ok(self.conduct.judge(&head, self.conn.active())?),
            Event::Block { stream, .. } if stream.is_multiple_of(2) => Err(ErrorCode::Protocol.into()),
            Event::Block { head, stream, ends, block } => {
                self.conduct.judge(&head, self.conn.active())?;
                self.block(stream, ends, &block)
            }
            Event::Frame { head, payload } => {
                self.conduct.judge(&head, self.conn.active())?;
                self.frame(&head, payload)
            }
        }
    }

    fn data(&mut self, head: &FrameHead, content: usize) -> Result<(), Fault> {
        self.conduct.judge(head, self.conn.active())?;
        if head.stream == 0 || head.stream > self.last_stream {
            return Err(ErrorCode::Protocol.into());
        }
        self.output.receive(head.length)?;
        self.receive_data(head, content)?;
        self.output.owe(head.length - content);
        Ok(())
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

    fn content(&mut self, stream: u32, bytes: &[u8], ends: bool) -> Result<(), Fault> {
        if !bytes.is_empty() {
            self.feed(stream, bytes);
        }
        match self.streams.find(stream) {
            Some(place) if ends => self.end_body(place),
            _ => Ok(()),
        }
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

    /// A whole header block: of a new request, or of trailers.
    fn block(&mut self, id: u32, ends: bool, block: &[u8]) -> Result<(), Fault> {
        // Decoded in any case, or the table would be out of step.
        let (heads, limits) = (&self.hub.heads, &self.input.head_limits);
        let asked = self.input.blocks.read(block, |fields| {
            let timeout = fields.aside().map(crate::grpc::parse_timeout).transpose();
            heads.of(fields, limits).map(|head| Asked { head, timeout })
        })?;
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
        let payload = read_ping(head, payload)?;
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

/// How much longer than the limit of decoded headers a header block may be: what is refused with 431 must be read.
const BLOCK_FACTOR_MAX: usize = 2;

/// Bytes of a body after which its service is asked although more of the same read waits.
const EARLY_BYTES: u64 = 8 << 10;
