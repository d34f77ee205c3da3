//! HTTP/1.1 message framing (RFC 9112), the part that client and server share.
//!
//! Bodies are handed on in the pieces in which they arrive; only a head or a line that has not arrived in full is kept.

use std::sync::LazyLock;

use memchr::{memchr, memmem};

use crate::h2::Fault;

/// Takes the messages of a connection.
pub trait Handler {
    /// The head of a message, up to and with the empty line; tells what follows.
    fn head(&mut self, head: &[u8]) -> Result<Length, Fault>;
    /// A piece of its body; `end` with the last one, which may be empty.
    fn body(&mut self, piece: &[u8], end: bool) -> Result<(), Fault>;
}

/// How a head says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// An interim response: the next head follows.
    Interim,
    Fixed(u64),
    Chunked,
}

/// The receiving half of a connection. Between messages it holds no buffers.
#[derive(Debug, Default)]
pub struct Deframer {
    held: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Head,
    /// Within a body of known length.
    Fixed {
        left: u64,
    },
    /// Before the line that tells a chunk's size.
    ChunkSize,
    Chunk {
        left: u64,
    },
    /// Before the empty line that ends a chunk.
    ChunkEnd,
    /// Before the empty line that ends a chunked body.
    Trailers,
}

impl Deframer {
    /// Hands everything in `bytes` to `handler`, or keeps it until the rest has come.
    pub fn feed(&mut self, mut bytes: &[u8], handler: &mut impl Handler) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let line = match self.state {
                State::Fixed { left } | State::Chunk { left } => {
                    bytes = self.feed_body(bytes, left, handler)?;
                    continue;
                }
                State::Head => self.take(bytes, &HEAD_END, |head| handler.head(head).map(After::Head))?,
                state => self.take(bytes, &LINE_END, |line| after_line(state, line.trim_ascii()))?,
            };
            let Some((after, rest)) = line else { break };
            bytes = rest;
            self.state = match after {
                After::Head(Length::Interim) => State::Head,
                After::Head(Length::Chunked) => State::ChunkSize,
                After::Head(Length::Fixed(0)) | After::Message => {
                    handler.body(&[], true)?;
                    State::Head
                }
                After::Head(Length::Fixed(left)) => State::Fixed { left },
                After::Line(state) => state,
            };
        }
        Ok(())
    }

    fn feed_body<'a>(&mut self, bytes: &'a [u8], left: u64, handler: &mut impl Handler) -> Result<&'a [u8], Fault> {
        let (piece, rest) = bytes.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()));
        let left = left - piece.len() as u64;
        let fixed = matches!(self.state, State::Fixed { .. });
        self.state = match (fixed, left) {
            (true, 0) => State::Head,
            (true, left) => State::Fixed { left },
            (false, 0) => State::ChunkEnd,
            (false, left) => State::Chunk { left },
        };
        handler.body(piece, fixed && left == 0)?;
        Ok(rest)
    }

    /// Hands everything up to and with `end` to `read`, and answers with what lies behind. Holds it if the end has not
    /// come yet.
    fn take<'a, T>(
        &mut self,
        bytes: &'a [u8],
        end: &memmem::Finder<'_>,
        read: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<(T, &'a [u8])>, Fault> {
        if self.held.is_empty() {
            if let Some(at) = end.find(bytes) {
                let (text, rest) = bytes.split_at(at + end.needle().len());
                return Ok(Some((read(text)?, rest)));
            }
            self.held.extend_from_slice(bytes);
        } else {
            let known = self.held.len();
            self.held.extend_from_slice(bytes);
            if let Some(at) = end.find(&self.held) {
                let text_bytes = at + end.needle().len();
                let held = std::mem::take(&mut self.held);
                return Ok(Some((read(&held[..text_bytes])?, &bytes[text_bytes.saturating_sub(known)..])));
            }
        }
        if self.held.len() > HEAD_BYTES_MAX { Err(Fault("head is too large")) } else { Ok(None) }
    }
}

/// What a head or a line leads to.
enum After {
    Head(Length),
    Line(State),
    Message,
}

/// Reads a line of a chunked body.
fn after_line(state: State, line: &[u8]) -> Result<After, Fault> {
    match state {
        State::ChunkSize => {
            let digits = line[..memchr(b';', line).unwrap_or(line.len())].trim_ascii();
            let size = str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
            match size.ok_or(Fault("chunk size is not a number"))? {
                0 => Ok(After::Line(State::Trailers)),
                left => Ok(After::Line(State::Chunk { left })),
            }
        }
        State::ChunkEnd if !line.is_empty() => Err(Fault("chunk is longer than its size")),
        State::ChunkEnd => Ok(After::Line(State::ChunkSize)),
        _ if line.is_empty() => Ok(After::Message),
        _ => Ok(After::Line(State::Trailers)),
    }
}

/// Calls `each` with the fields of a head, name and value.
pub fn fields<'a>(head: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8])) {
    for line in head.split(|&byte| byte == b'\n').skip(1) {
        if let Some(colon) = memchr(b':', line) {
            each(&line[..colon], line[colon + 1..].trim_ascii());
        }
    }
}

/// The number in a field such as `content-length`.
pub fn decimal(value: &[u8]) -> Result<u64, Fault> {
    str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or(Fault("content length is not a number"))
}

static HEAD_END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\r\n\r\n"));
static LINE_END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\r\n"));
const HEAD_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the length from the first field of each head.
    #[derive(Default)]
    struct Seen(Vec<(Vec<u8>, bool)>);

    impl Handler for Seen {
        fn head(&mut self, head: &[u8]) -> Result<Length, Fault> {
            let mut length = Ok(Length::Interim);
            fields(head, |name, value| match name {
                b"content-length" => length = decimal(value).map(Length::Fixed),
                b"transfer-encoding" => length = Ok(Length::Chunked),
                _ => {}
            });
            length
        }
        fn body(&mut self, piece: &[u8], end: bool) -> Result<(), Fault> {
            match self.0.last_mut() {
                Some(last) if !last.1 => {
                    last.0.extend_from_slice(piece);
                    last.1 = end;
                }
                _ => self.0.push((piece.to_vec(), end)),
            }
            Ok(())
        }
    }

    #[test]
    fn reads_messages_whatever_the_size_of_the_reads() {
        let wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;name=value\r\nseco\r\n2\r\nnd\r\n0\r\ntrailer: 1\r\n\r\n\
            HTTP/1.1 204 No\r\ncontent-length: 0\r\n\r\n";
        for size in 1..=wire.len() {
            let (mut deframer, mut seen) = (Deframer::default(), Seen::default());
            for piece in wire.chunks(size) {
                deframer.feed(piece, &mut seen).expect("messages are valid");
            }
            let expected = [(b"first".to_vec(), true), (b"second".to_vec(), true), (Vec::new(), true)];
            assert_eq!(seen.0, expected, "reads of {size}");
            assert_eq!(deframer.held.capacity(), 0);
        }
    }

    #[test]
    fn refuses_bad_numbers_and_endless_heads() {
        let refused = |wire: &[u8]| Deframer::default().feed(wire, &mut Seen::default()).is_err();
        assert!(refused(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"));
        assert!(refused(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"));
        assert!(refused(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n"));
        assert!(refused(&[b'a'; HEAD_BYTES_MAX + 1]));
    }
}
