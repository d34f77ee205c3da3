//! The server side of unary gRPC with raw bytes for messages: framing, status, deadlines. The client's side is in
//! `client`.

mod message;
mod percent;
mod status;
mod timeout;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

pub use message::{GrpcReadError, Message, read_message};
pub use percent::encode as percent_encode;
pub use status::{
    DEADLINE_EXCEEDED, INTERNAL, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, Status, UNAUTHENTICATED, UNAVAILABLE,
    UNIMPLEMENTED, error, ok,
};
pub use timeout::{BadTimeout, parse_timeout};

use crate::service::Response;

/// The compression of a message, also what [`ok`] is given.
pub const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The compressions a side understands, as a list with commas.
pub const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Whether a request says it is gRPC carrying protobuf: `application/grpc` or `application/grpc+proto`, with or
/// without parameters.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    let value = value.as_bytes();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/grpc") || essence.eq_ignore_ascii_case(b"application/grpc+proto")
}

/// Refuses what is not a gRPC call: another content type with HTTP 415, another method than POST with HTTP 405.
///
/// # Errors
/// The answer to give.
#[allow(clippy::result_large_err, reason = "the error is the answer, made once per refused request")]
pub fn check(head: &http::request::Parts) -> Result<(), Response> {
    if head.method != Method::POST {
        let mut response = Response::text(StatusCode::METHOD_NOT_ALLOWED, "gRPC calls use POST");
        response.headers.to_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Err(response);
    }
    if !is_grpc(&head.headers) {
        return Err(Response::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid gRPC request content-type"));
    }
    Ok(())
}

/// The value of `grpc-encoding`; `None` when absent or `identity`.
///
/// # Errors
/// [`BadEncoding`] when it is no text.
pub fn encoding(headers: &HeaderMap) -> Result<Option<&str>, BadEncoding> {
    match headers.get(ENCODING).map(HeaderValue::to_str) {
        None | Some(Ok("" | "identity")) => Ok(None),
        Some(Ok(name)) => Ok(Some(name)),
        Some(Err(_)) => Err(BadEncoding),
    }
}

/// `grpc-encoding` holds something that cannot be the name of a compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("grpc-encoding is not text")]
pub struct BadEncoding;

#[cfg(test)]
mod tests;
