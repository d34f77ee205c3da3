//! What comes in: what frames mean for the connection and its streams.

use std::rc::Rc;

use super::connection::{Fault, State};
use super::head::{Malformed, ResponseHead};
use super::stream::was_reset;
use crate::client::error::{ClientError, ErrorKind};
use crate::http2::frame::{
    ACK, ErrorCode, FrameHead, GOAWAY, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_MAX, WINDOW_UPDATE,
    error_name, read_ping,
};
use crate::http2::reader::{Event, PRIORITY_BYTES};

impl State {
    /// Takes in all that is complete; the number of bytes it was.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut rest = bytes;
        while let Some(event) = self.reader.next(&mut rest)? {
            match event {
                Event::Data { head, content } => self.data(&head, content)?,
                Event::Content { stream, bytes, ends } => self.content(stream, bytes, ends),
                Event::Part { head } => self.conduct.judge(&head, self.in_flight())?,
                Event::Block { head, stream, ends, block } => {
                    self.conduct.judge(&head, self.in_flight())?;
                    self.block(stream, ends, &block)?;
                }
                Event::Frame { head, payload } => {
                    self.conduct.judge(&head, self.in_flight())?;
                    self.frame(&head, payload)?;
                }
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Holds a stream's number against those we have begun.
    pub(super) fn check_begun(&self, stream: u32) -> Result<(), Fault> {
        let begun = stream % 2 == 1 && stream < self.next_stream;
        if begun { Ok(()) } else { Err(ErrorCode::Protocol.into()) }
    }

    fn data(&mut self, head: &FrameHead, content: usize) -> Result<(), Fault> {
        self.conduct.judge(head, self.in_flight())?;
        self.check_begun(head.stream)?;
        self.output.receive(head.length)?;
        self.output.owe(head.length - content);
        let Some(place) = self.streams.find(head.stream) else { return Ok(()) };
        let Some(stream) = self.streams.get_mut(place) else { return Ok(()) };
        stream.receive_window -= head.length as i64;
        stream.owed += (head.length - content) as i64;
        if stream.receive_window < 0 {
            self.refuse(place, "more was sent than the window allows", ErrorCode::FlowControl);
        } else if stream.head.is_none() {
            self.refuse(place, "body without a head", ErrorCode::Protocol);
        }
        Ok(())
    }

    /// Content of a response, or of one that nobody waits for any more.
    fn content(&mut self, id: u32, bytes: &[u8], ends: bool) {
        self.output.owe(bytes.len());
        let Some(place) = self.streams.find(id) else { return };
        let window = self.stream_window;
        let Some(stream) = self.streams.get_mut(place) else { return };
        let wanted = stream.take_in(bytes);
        if ends {
            return self.complete(place);
        }
        if !wanted {
            return self.finish(place, Ok(()), Some(ErrorCode::Cancel));
        }
        stream.owed += bytes.len() as i64;
        if stream.owed * 2 >= window {
            let owed = std::mem::take(&mut stream.owed);
            stream.receive_window += owed;
            self.output.credit(id, owed);
        }
    }

    /// A whole header block: the head of a response, or its trailers.
    fn block(&mut self, id: u32, ends: bool, block: &[u8]) -> Result<(), Fault> {
        self.check_begun(id)?;
        // Decoded in any case, or the table would be out of step.
        let head = self.blocks.read(block, |fields| ResponseHead::new(fields).map(Rc::new))?;
        let Some(place) = self.streams.find(id) else { return Ok(()) };
        let Some(stream) = self.streams.get_mut(place) else { return Ok(()) };
        let begun = stream.head.is_some();
        match head {
            Ok(head) if head.oversized => {
                let error = ClientError::new(ErrorKind::TooLarge, "response has more bytes of headers than allowed");
                self.finish(place, Err(error), Some(ErrorCode::Cancel));
            }
            Ok(head) if begun && ends && head.status.is_none() => {
                stream.trailers = Some(head);
                self.complete(place);
            }
            Ok(head) if !begun && !ends && head.is_informational() => {}
            Ok(head) if !begun && head.status.is_some() && !head.is_informational() => {
                let refused = stream.request.want.refuses(&head);
                stream.head = Some(head);
                if ends {
                    self.complete(place);
                } else if refused {
                    self.finish(place, Ok(()), Some(ErrorCode::Cancel));
                }
            }
            Ok(_) | Err(Malformed) => self.refuse(place, "malformed response", ErrorCode::Protocol),
        }
        Ok(())
    }

    fn frame(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        match head.kind {
            PRIORITY if head.stream == 0 => Err(ErrorCode::Protocol.into()),
            PRIORITY if payload.len() != PRIORITY_BYTES => Err(ErrorCode::FrameSize.into()),
            RST_STREAM => self.reset(head, payload),
            SETTINGS => self.settings(head, payload),
            // We said that we want none.
            PUSH_PROMISE => Err(ErrorCode::Protocol.into()),
            PING => self.ping(head, payload),
            GOAWAY => self.goaway(head, payload),
            WINDOW_UPDATE => self.window_update(head, payload),
            // Frames that do not exist yet are to be ignored (section 5.5).
            _ => Ok(()),
        }
    }

    fn reset(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let Ok(code) = <[u8; 4]>::try_from(payload) else { return Err(ErrorCode::FrameSize.into()) };
        self.check_begun(head.stream)?;
        if let Some(place) = self.streams.find(head.stream) {
            self.finish(place, Err(was_reset(u32::from_be_bytes(code))), None);
        }
        Ok(())
    }

    fn ping(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let payload = read_ping(head, payload)?;
        if !head.has(ACK) {
            self.output.ping(payload, ACK);
        }
        Ok(())
    }

    /// The peer takes no more requests, and has not looked at those after the last it names.
    fn goaway(&mut self, head: &FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let Some(([a, b, c, d], rest)) = payload.split_first_chunk::<4>() else {
            return Err(ErrorCode::FrameSize.into());
        };
        let Some(code) = rest.first_chunk::<4>() else { return Err(ErrorCode::FrameSize.into()) };
        if head.stream != 0 {
            return Err(ErrorCode::Protocol.into());
        }
        let last = u32::from_be_bytes([*a, *b, *c, *d]) & STREAM_MAX;
        let code = u32::from_be_bytes(*code);
        let text = format!("peer is closing the connection ({})", error_name(code));
        let error = ClientError { http2_code: Some(code), ..ClientError::new(ErrorKind::Reset, text) };
        self.leave(last, error);
        Ok(())
    }
}
