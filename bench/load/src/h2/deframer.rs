//! Cuts what a connection receives into frames.
//!
//! Bodies are handed on in the pieces in which they arrive and never gathered; other frames are handed on whole. Only the
//! part of a frame that has not arrived in full is kept, so a quiet connection keeps nothing.

use super::{Fault, FrameHead, HEAD_BYTES, flag, kind};

/// Takes the frames of a connection.
pub trait Handler {
    /// A DATA frame begins, which takes `length` bytes of both windows.
    fn data_arrived(&mut self, stream: u32, length: usize);
    /// A piece of a body; `end` with the last piece of the last one.
    fn data(&mut self, stream: u32, piece: &[u8], end: bool) -> Result<(), Fault>;
    /// A whole header block, continuations included; `end` if no body follows.
    fn headers(&mut self, stream: u32, block: &[u8], end: bool) -> Result<(), Fault>;
    /// Any other frame.
    fn control(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault>;
}

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Deframer {
    frame_bytes_max: usize,
    /// A frame that has not arrived in full, from its head on.
    held: Vec<u8>,
    /// The DATA frame whose payload is arriving.
    body: Option<OpenBody>,
    /// The header block whose continuations are arriving.
    block: Option<Box<OpenBlock>>,
}

#[derive(Debug)]
struct OpenBody {
    stream: u32,
    end: bool,
    /// The byte that tells the length of the padding is still to come.
    padding_unknown: bool,
    left: usize,
    padding_left: usize,
}

#[derive(Debug)]
struct OpenBlock {
    stream: u32,
    end: bool,
    bytes: Vec<u8>,
}

impl Deframer {
    /// `frame_bytes_max` is what was announced to the peer.
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, held: Vec::new(), body: None, block: None }
    }

    /// Hands everything in `bytes` to `handler`, or keeps it until the rest has come.
    pub fn feed(&mut self, mut bytes: &[u8], handler: &mut impl Handler) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if let Some(body) = &mut self.body {
                bytes = body.feed(bytes, handler)?;
                if body.left == 0 && body.padding_left == 0 && !body.padding_unknown {
                    self.body = None;
                }
            } else if self.held.is_empty() {
                bytes = self.feed_frame(bytes, handler)?;
            } else {
                bytes = self.fill_held(bytes, handler)?;
            }
        }
        Ok(())
    }

    /// Takes a frame, or the beginning of one, from `bytes`; answers with the rest.
    #[inline]
    fn feed_frame<'a>(&mut self, bytes: &'a [u8], handler: &mut impl Handler) -> Result<&'a [u8], Fault> {
        let Some(head) = FrameHead::parse(bytes) else {
            self.held.extend_from_slice(bytes);
            return Ok(&[]);
        };
        self.check(head)?;
        let payload = &bytes[HEAD_BYTES..];
        if head.kind == kind::DATA {
            handler.data_arrived(head.stream, head.length);
            if payload.len() >= head.length && !head.has(flag::PADDED) {
                let (body, rest) = payload.split_at(head.length);
                handler.data(head.stream, body, head.has(flag::END_STREAM))?;
                return Ok(rest);
            }
            self.open_body(head)?;
            return Ok(payload);
        }
        if payload.len() < head.length {
            self.held.extend_from_slice(bytes);
            return Ok(&[]);
        }
        let (payload, rest) = payload.split_at(head.length);
        self.frame(head, payload, handler)?;
        Ok(rest)
    }

    /// Completes the frame that is held; answers with what lies behind it.
    fn fill_held<'a>(&mut self, bytes: &'a [u8], handler: &mut impl Handler) -> Result<&'a [u8], Fault> {
        let wanted = FrameHead::parse(&self.held).map_or(HEAD_BYTES, |head| HEAD_BYTES + head.length);
        let (piece, rest) = bytes.split_at(bytes.len().min(wanted - self.held.len()));
        self.held.extend_from_slice(piece);
        let Some(head) = FrameHead::parse(&self.held) else { return Ok(rest) };
        self.check(head)?;
        if head.kind == kind::DATA {
            self.held = Vec::new();
            handler.data_arrived(head.stream, head.length);
            if head.length == 0 && !head.has(flag::PADDED) {
                handler.data(head.stream, &[], head.has(flag::END_STREAM))?;
            } else {
                self.open_body(head)?;
            }
        } else if self.held.len() == HEAD_BYTES + head.length {
            let held = std::mem::take(&mut self.held);
            self.frame(head, &held[HEAD_BYTES..], handler)?;
        }
        Ok(rest)
    }

    fn check(&self, head: FrameHead) -> Result<(), Fault> {
        if head.length > self.frame_bytes_max {
            return Err(Fault("frame is larger than was announced"));
        }
        match &self.block {
            Some(block) if head.kind != kind::CONTINUATION || head.stream != block.stream => {
                Err(Fault("header block is interrupted"))
            }
            _ => Ok(()),
        }
    }

    fn open_body(&mut self, head: FrameHead) -> Result<(), Fault> {
        let padded = head.has(flag::PADDED);
        if padded && head.length == 0 {
            return Err(Fault("padded frame is empty"));
        }
        self.body = Some(OpenBody {
            stream: head.stream,
            end: head.has(flag::END_STREAM),
            padding_unknown: padded,
            left: head.length,
            padding_left: 0,
        });
        Ok(())
    }

    fn frame(&mut self, head: FrameHead, payload: &[u8], handler: &mut impl Handler) -> Result<(), Fault> {
        match head.kind {
            kind::HEADERS => {
                let fragment = header_fragment(head, payload)?;
                let end = head.has(flag::END_STREAM);
                if head.has(flag::END_HEADERS) {
                    return handler.headers(head.stream, fragment, end);
                }
                self.block = Some(Box::new(OpenBlock { stream: head.stream, end, bytes: fragment.to_vec() }));
                Ok(())
            }
            kind::CONTINUATION => {
                let mut block = self.block.take().ok_or(Fault("continuation of nothing"))?;
                block.bytes.extend_from_slice(payload);
                if head.has(flag::END_HEADERS) {
                    return handler.headers(block.stream, &block.bytes, block.end);
                }
                if block.bytes.len() > BLOCK_BYTES_MAX {
                    return Err(Fault("header block is too large"));
                }
                self.block = Some(block);
                Ok(())
            }
            _ => handler.control(head, payload),
        }
    }
}

impl OpenBody {
    fn feed<'a>(&mut self, mut bytes: &'a [u8], handler: &mut impl Handler) -> Result<&'a [u8], Fault> {
        if self.padding_unknown {
            let Some((&padding, rest)) = bytes.split_first() else { return Ok(bytes) };
            bytes = rest;
            self.padding_unknown = false;
            self.padding_left = usize::from(padding);
            self.left = (self.left - 1).checked_sub(self.padding_left).ok_or(Fault("padding exceeds its frame"))?;
            if self.left == 0 {
                handler.data(self.stream, &[], self.end)?;
            }
        }
        if self.left > 0 {
            let (piece, rest) = bytes.split_at(bytes.len().min(self.left));
            bytes = rest;
            self.left -= piece.len();
            handler.data(self.stream, piece, self.end && self.left == 0)?;
        }
        let padding = bytes.len().min(self.padding_left);
        self.padding_left -= padding;
        Ok(&bytes[padding..])
    }
}

/// The part of a HEADERS payload that is the block: without padding and priority.
fn header_fragment(head: FrameHead, payload: &[u8]) -> Result<&[u8], Fault> {
    let short = Fault("header frame is too short");
    let mut fragment = payload;
    if head.has(flag::PADDED) {
        let (&padding, rest) = fragment.split_first().ok_or(short)?;
        let length = rest.len().checked_sub(usize::from(padding)).ok_or(Fault("padding exceeds its frame"))?;
        fragment = &rest[..length];
    }
    if head.has(flag::PRIORITY) {
        fragment = fragment.get(5..).ok_or(short)?;
    }
    Ok(fragment)
}

const BLOCK_BYTES_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::write_frame;

    #[derive(Default, Debug, PartialEq)]
    struct Seen {
        headers: Vec<(u32, Vec<u8>, bool)>,
        bodies: Vec<(u32, Vec<u8>, bool)>,
        window: usize,
        controls: Vec<(u8, Vec<u8>)>,
    }

    impl Handler for Seen {
        fn data_arrived(&mut self, _: u32, length: usize) {
            self.window += length;
        }
        fn data(&mut self, stream: u32, piece: &[u8], end: bool) -> Result<(), Fault> {
            match self.bodies.last_mut() {
                Some(last) if last.0 == stream && !last.2 => {
                    last.1.extend_from_slice(piece);
                    last.2 = end;
                }
                _ => self.bodies.push((stream, piece.to_vec(), end)),
            }
            Ok(())
        }
        fn headers(&mut self, stream: u32, block: &[u8], end: bool) -> Result<(), Fault> {
            self.headers.push((stream, block.to_vec(), end));
            Ok(())
        }
        fn control(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
            self.controls.push((head.kind, payload.to_vec()));
            Ok(())
        }
    }

    /// Padded and prioritised headers, a continuation, padded bodies, an empty last body, a PING.
    fn conversation() -> Vec<u8> {
        let mut wire = Vec::new();
        let padded = [&[3u8][..], &[0, 0, 0, 9, 16], b"one", &[0; 3]].concat();
        write_frame(&mut wire, kind::HEADERS, flag::PADDED | flag::PRIORITY, 1, &padded);
        write_frame(&mut wire, kind::CONTINUATION, flag::END_HEADERS, 1, b"two");
        write_frame(&mut wire, kind::DATA, flag::PADDED, 1, &[&[2u8][..], b"body ", &[0; 2]].concat());
        write_frame(&mut wire, kind::PING, 0, 0, b"12345678");
        write_frame(&mut wire, kind::DATA, 0, 1, b"again");
        write_frame(&mut wire, kind::DATA, flag::END_STREAM, 1, b"");
        write_frame(&mut wire, kind::DATA, flag::END_STREAM | flag::PADDED, 3, &[1, 0]);
        wire
    }

    fn expected() -> Seen {
        Seen {
            headers: vec![(1, b"onetwo".to_vec(), false)],
            bodies: vec![(1, b"body again".to_vec(), true), (3, Vec::new(), true)],
            window: 8 + 5 + 2,
            controls: vec![(kind::PING, b"12345678".to_vec())],
        }
    }

    #[test]
    fn reads_the_same_whatever_the_size_of_the_reads() {
        let wire = conversation();
        for size in 1..=wire.len() {
            let (mut deframer, mut seen) = (Deframer::new(16_384), Seen::default());
            for piece in wire.chunks(size) {
                deframer.feed(piece, &mut seen).expect("conversation is valid");
            }
            assert_eq!(seen, expected(), "reads of {size}");
            assert_eq!(deframer.held.capacity(), 0);
        }
    }

    #[test]
    fn refuses_frames_that_break_the_rules() {
        let broken = |kind, flags, payload: &[u8]| {
            let mut wire = Vec::new();
            write_frame(&mut wire, kind, flags, 1, payload);
            Deframer::new(16_384).feed(&wire, &mut Seen::default()).is_err()
        };
        assert!(broken(kind::DATA, 0, &[0; 16_385]));
        assert!(broken(kind::DATA, flag::PADDED, &[]));
        assert!(broken(kind::DATA, flag::PADDED, &[9, 0]));
        assert!(broken(kind::HEADERS, flag::PRIORITY | flag::END_HEADERS, &[0; 4]));
        assert!(broken(kind::CONTINUATION, flag::END_HEADERS, &[]));
        let mut interrupted = Vec::new();
        write_frame(&mut interrupted, kind::HEADERS, 0, 1, b"x");
        write_frame(&mut interrupted, kind::PING, 0, 0, &[0; 8]);
        assert!(Deframer::new(16_384).feed(&interrupted, &mut Seen::default()).is_err());
    }
}
