//! Reading the answer to a unary call: head, at most one message, status.

use std::rc::Rc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::super::http2::{Answer, ResponseHead};
use super::super::rope::PREFIX_BYTES;
use super::status::{GrpcCallError, GrpcStatus, code};

/// The answer to a call that ended with OK.
#[derive(Clone, Debug)]
pub struct GrpcReply {
    /// The message as it came.
    pub message: Bytes,
    /// `grpc-encoding`, if the message is compressed.
    pub encoding: Option<String>,
    head: Rc<ResponseHead>,
    trailers: Rc<ResponseHead>,
}

impl GrpcReply {
    /// Headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Trailers.
    pub fn trailers(&self) -> &HeaderMap {
        &self.trailers.headers
    }
}

pub(super) fn read(answer: Answer, limit: usize) -> Result<GrpcReply, GrpcCallError> {
    let Answer { head, body, trailers } = answer;
    let status = head.status.unwrap_or_default();
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_grpc = content_type.is_some_and(|kind| kind.starts_with("application/grpc"));
    if let Some(found) = GrpcStatus::from_headers(&head.headers) {
        // Trailers-only. OK without a message is no reply to a unary call.
        return Err(GrpcCallError::Status(if found.code == 0 { no_message() } else { found }));
    }
    if status != StatusCode::OK || !is_grpc {
        return Err(GrpcCallError::Status(GrpcStatus::from_http(status, content_type)));
    }
    let (compressed, message) = message(&body, limit)?;
    let trailers = trailers.unwrap_or_default();
    let found = GrpcStatus::from_headers(&trailers.headers).unwrap_or_else(|| GrpcStatus::from_http(status, None));
    if found.code != 0 {
        return Err(GrpcCallError::Status(found));
    }
    let message = message.ok_or_else(|| GrpcCallError::Status(no_message()))?;
    let named = || head.headers.get("grpc-encoding").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let encoding = match compressed.then(named) {
        None => None,
        Some(Some(name)) if name != "identity" => Some(name),
        Some(_) => {
            let text = "reply has the compressed flag and names no encoding";
            return Err(GrpcCallError::Status(GrpcStatus::new(code::INTERNAL, text)));
        }
    };
    Ok(GrpcReply { message: Bytes::copy_from_slice(message), encoding, head, trailers })
}

fn no_message() -> GrpcStatus {
    GrpcStatus::new(code::INTERNAL, "reply has no complete message")
}

/// The one message in `body`, and whether it is compressed; none if it is not complete.
fn message(body: &[u8], limit: usize) -> Result<(bool, Option<&[u8]>), GrpcCallError> {
    let Some((prefix, message)) = body.split_first_chunk::<PREFIX_BYTES>() else { return Ok((false, None)) };
    let [flag, a, b, c, d] = *prefix;
    let declared = u32::from_be_bytes([a, b, c, d]) as usize;
    if declared > limit {
        return Err(GrpcCallError::TooLarge { size: declared as u64, limit });
    }
    if message.len() > declared {
        let text = "reply to a unary call has more than one message";
        return Err(GrpcCallError::Status(GrpcStatus::new(code::INTERNAL, text)));
    }
    Ok((flag == 1, (message.len() == declared && flag <= 1).then_some(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_message() {
        assert_eq!(message(b"\x01\0\0\0\x03abc", 3), Ok((true, Some(&b"abc"[..]))));
        assert_eq!(message(b"\0\0\0\0\0", 0), Ok((false, Some(&[][..]))));
    }

    #[test]
    fn refuses_what_is_too_long_too_short_or_two() {
        assert_eq!(message(b"\0\0\0\0\x03", 2), Err(GrpcCallError::TooLarge { size: 3, limit: 2 }));
        for incomplete in [&b"\0\0\0\0\x03ab"[..], b"\0\0\0", b"", b"\x02\0\0\0\0"] {
            assert_eq!(message(incomplete, 9).unwrap().1, None);
        }
        assert!(message(b"\0\0\0\0\x01a\0", 9).is_err());
    }
}
