//! Reading the answer to a unary call: head, at most one message, status.

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::super::http2::Exchange;
use super::status::{GrpcCallError, GrpcStatus, code};

/// The answer to a call that ended with OK.
#[derive(Clone, Debug)]
pub struct GrpcReply {
    /// The message as it came.
    pub message: Bytes,
    /// `grpc-encoding`, if the message is compressed.
    pub encoding: Option<String>,
    /// Headers.
    pub headers: HeaderMap,
    /// Trailers.
    pub trailers: HeaderMap,
}

pub(super) async fn read(mut exchange: Exchange, limit: usize) -> Result<GrpcReply, GrpcCallError> {
    let status = exchange.head.status;
    let content_type = exchange.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_grpc = content_type.is_some_and(|kind| kind.starts_with("application/grpc"));
    if let Some(found) = GrpcStatus::from_headers(&exchange.head.headers) {
        // Trailers-only. OK without a message is no reply to a unary call.
        return Err(GrpcCallError::Status(if found.code == 0 { no_message() } else { found }));
    }
    if status != StatusCode::OK || !is_grpc {
        return Err(GrpcCallError::Status(GrpcStatus::from_http(status, content_type)));
    }

    let mut message = Message::new(limit);
    while let Some(bytes) = exchange.data().await? {
        message.push(bytes)?;
    }
    let trailers = exchange.trailers().await?.unwrap_or_default();
    let found = GrpcStatus::from_headers(&trailers).unwrap_or_else(|| GrpcStatus::from_http(status, None));
    if found.code != 0 {
        return Err(GrpcCallError::Status(found));
    }
    let (compressed, message) = message.finish().ok_or_else(|| GrpcCallError::Status(no_message()))?;
    let headers = exchange.take_headers();
    let named = headers.get("grpc-encoding").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let encoding = match (compressed, named.filter(|name| name != "identity")) {
        (false, _) => None,
        (true, Some(name)) => Some(name),
        (true, None) => {
            let text = "reply has the compressed flag and names no encoding";
            return Err(GrpcCallError::Status(GrpcStatus::new(code::INTERNAL, text)));
        }
    };
    Ok(GrpcReply { message, encoding, headers, trailers })
}

fn no_message() -> GrpcStatus {
    GrpcStatus::new(code::INTERNAL, "reply has no complete message")
}

/// One length-prefixed message, growing under its limit. A message in one piece, the usual case, is not copied.
struct Message {
    whole: Bytes,
    parts: BytesMut,
    limit: usize,
}

impl Message {
    fn new(limit: usize) -> Self {
        Self { whole: Bytes::new(), parts: BytesMut::new(), limit }
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), GrpcCallError> {
        if self.whole.is_empty() && self.parts.is_empty() {
            self.whole = bytes;
        } else {
            let first = std::mem::take(&mut self.whole);
            self.parts.extend_from_slice(&first);
            self.parts.extend_from_slice(&bytes);
        }
        let Some((_, declared)) = self.prefix() else { return Ok(()) };
        if declared > self.limit as u64 {
            return Err(GrpcCallError::TooLarge { size: declared, limit: self.limit });
        }
        if self.bytes().len() as u64 > declared + PREFIX_BYTES as u64 {
            let text = "reply to a unary call has more than one message";
            return Err(GrpcCallError::Status(GrpcStatus::new(code::INTERNAL, text)));
        }
        Ok(())
    }

    fn finish(self) -> Option<(bool, Bytes)> {
        let (flag, declared) = self.prefix()?;
        let mut bytes = if self.parts.is_empty() { self.whole } else { self.parts.freeze() };
        bytes.advance(PREFIX_BYTES);
        (bytes.len() as u64 == declared && flag <= 1).then_some((flag == 1, bytes))
    }

    fn bytes(&self) -> &[u8] {
        if self.parts.is_empty() { &self.whole } else { &self.parts }
    }

    fn prefix(&self) -> Option<(u8, u64)> {
        let (flag, rest) = self.bytes().split_first()?;
        let length = rest.first_chunk::<4>()?;
        Some((*flag, u64::from(u32::from_be_bytes(*length))))
    }
}

/// A flag byte and four bytes of length.
const PREFIX_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(limit: usize, pieces: &[&'static [u8]]) -> Result<Option<(bool, Bytes)>, GrpcCallError> {
        let mut message = Message::new(limit);
        for piece in pieces {
            message.push(Bytes::from_static(piece))?;
        }
        Ok(message.finish())
    }

    #[test]
    fn reads_a_message_in_any_pieces() {
        let expected = Some((true, Bytes::from_static(b"abc")));
        assert_eq!(feed(3, &[b"\x01\0\0\0\x03abc"]), Ok(expected.clone()));
        assert_eq!(feed(3, &[b"\x01", b"\0\0", b"\0\x03a", b"bc"]), Ok(expected));
        assert_eq!(feed(0, &[b"\0\0\0\0\0"]), Ok(Some((false, Bytes::new()))));
    }

    #[test]
    fn refuses_what_is_too_long_too_short_or_two() {
        assert_eq!(feed(2, &[b"\0\0\0\0\x03"]), Err(GrpcCallError::TooLarge { size: 3, limit: 2 }));
        assert_eq!(feed(9, &[b"\0\0\0\0\x03ab"]), Ok(None));
        assert_eq!(feed(9, &[b"\0\0\0"]), Ok(None));
        assert_eq!(feed(9, &[]), Ok(None));
        assert_eq!(feed(9, &[b"\x02\0\0\0\0"]), Ok(None));
        assert!(feed(9, &[b"\0\0\0\0\x01a\0"]).is_err());
    }
}
