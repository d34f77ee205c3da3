//! The status of a call: read from headers or trailers, or made up from what arrived instead.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};

use super::super::error::{ClientError, ErrorKind};
use super::super::url::percent_decode;

/// The status that ended a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStatus {
    /// The code, as sent; 2 (UNKNOWN) when what was sent is no number.
    pub code: u32,
    /// The message, percent-decoded.
    pub message: String,
    /// The serialized `google.rpc.Status` of `grpc-status-details-bin`; empty when there is none or it is broken.
    pub details: Bytes,
    /// What the server says about calling again, beside the code.
    pub pushback: Option<Pushback>,
}

/// `grpc-retry-pushback-ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushback {
    /// Call again after this time.
    After(Duration),
    /// Do not call again: a negative or unreadable value.
    Never,
}

/// Why a call has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrpcCallError {
    /// The peer answered with a status other than OK.
    #[error("grpc status {}: {}", .0.code, .0.message)]
    Status(GrpcStatus),
    /// The peer did not answer.
    #[error("{0}")]
    Transport(#[from] ClientError),
    /// The reply is larger than allowed and was not read.
    #[error("received message larger than max ({size} vs. {limit})")]
    TooLarge {
        /// What its prefix says, in bytes.
        size: u64,
        /// What was allowed, in bytes.
        limit: usize,
    },
}

impl GrpcCallError {
    /// The status code that gRPC assigns to the failure.
    pub fn code(&self) -> u32 {
        match self {
            Self::Status(status) => status.code,
            Self::TooLarge { .. } => code::RESOURCE_EXHAUSTED,
            Self::Transport(error) => match (error.kind, error.http2_code) {
                (ErrorKind::Timeout, _) => code::DEADLINE_EXCEEDED,
                (ErrorKind::TooLarge, _) => code::RESOURCE_EXHAUSTED,
                // Also a peer that turned out to speak something else: a proxy may be answering for it.
                _ if error.unprocessed => code::UNAVAILABLE,
                (ErrorKind::Reset, Some(reset)) => of_reset(reset),
                (ErrorKind::Protocol, _) => code::INTERNAL,
                (ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Reset, _) => code::UNAVAILABLE,
            },
        }
    }
}

impl GrpcStatus {
    pub(super) fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Bytes::new(), pushback: None }
    }

    /// The status in a header block; `None` when it has none.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(STATUS)?;
        let code = text.to_str().ok().and_then(|text| text.parse().ok());
        let message = headers.get(MESSAGE).map(|value| percent_decode(value.as_bytes())).unwrap_or_default();
        let message = String::from_utf8_lossy(&message).into_owned();
        Some(Self {
            code: code.unwrap_or(code::UNKNOWN),
            message: if code.is_some() { message } else { format!("malformed grpc-status: {message}") },
            details: headers.get(DETAILS).and_then(binary).unwrap_or_default(),
            pushback: headers.get(PUSHBACK).map(Pushback::parse),
        })
    }

    /// What an answer without a gRPC status means (gRPC's table for HTTP statuses).
    pub(super) fn from_http(status: StatusCode, content_type: Option<&str>) -> Self {
        let code = match status.as_u16() {
            400 => code::INTERNAL,
            401 => code::UNAUTHENTICATED,
            403 => code::PERMISSION_DENIED,
            404 => code::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => code::UNAVAILABLE,
            _ => code::UNKNOWN,
        };
        let kind = content_type.map(|kind| format!(" with content-type {}", kind.escape_default()));
        Self::new(code, format!("answered http status {status} without a grpc status{}", kind.unwrap_or_default()))
    }
}

impl Pushback {
    fn parse(value: &http::HeaderValue) -> Self {
        match value.to_str().ok().and_then(|text| text.parse::<u32>().ok()) {
            Some(millis) => Self::After(Duration::from_millis(u64::from(millis))),
            None => Self::Never,
        }
    }
}

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// A binary header: base64, padded or not.
fn binary(value: &http::HeaderValue) -> Option<Bytes> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, ANY_PADDING).decode(value.as_bytes()).ok().map(Bytes::from)
}

/// What a stream reset by the peer means (gRPC over HTTP/2, "Errors").
fn of_reset(code: u32) -> u32 {
    match code {
        7 => code::UNAVAILABLE,
        8 => code::CANCELLED,
        11 => code::RESOURCE_EXHAUSTED,
        12 => code::PERMISSION_DENIED,
        _ => code::INTERNAL,
    }
}

/// gRPC's status codes, those that arise here.
pub(super) mod code {
    pub(crate) const CANCELLED: u32 = 1;
    pub(crate) const UNKNOWN: u32 = 2;
    pub(crate) const DEADLINE_EXCEEDED: u32 = 4;
    pub(crate) const PERMISSION_DENIED: u32 = 7;
    pub(crate) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(crate) const UNIMPLEMENTED: u32 = 12;
    pub(crate) const INTERNAL: u32 = 13;
    pub(crate) const UNAVAILABLE: u32 = 14;
    pub(crate) const UNAUTHENTICATED: u32 = 16;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn reads_a_status_with_everything() {
        let status = GrpcStatus::from_headers(&headers(&[
            ("grpc-status", "14"),
            ("grpc-message", "try%20later %C3%A9 100%"),
            ("grpc-status-details-bin", "CA4SBQ"),
            ("grpc-retry-pushback-ms", "1500"),
        ]))
        .unwrap();
        assert_eq!((status.code, status.message.as_str()), (14, "try later \u{e9} 100%"));
        assert_eq!(status.details.as_ref(), [8, 14, 0x12, 5]);
        assert_eq!(status.pushback, Some(Pushback::After(Duration::from_millis(1500))));
        let padded =
            GrpcStatus::from_headers(&headers(&[("grpc-status", "0"), ("grpc-status-details-bin", "CA4SBQ==")]));
        assert_eq!(padded.unwrap().details, status.details);
    }

    #[test]
    fn bears_broken_statuses() {
        assert_eq!(GrpcStatus::from_headers(&HeaderMap::new()), None);
        let status = GrpcStatus::from_headers(&headers(&[
            ("grpc-status", "many"),
            ("grpc-status-details-bin", "***"),
            ("grpc-retry-pushback-ms", "-1"),
        ]))
        .unwrap();
        assert_eq!((status.code, status.details.len(), status.pushback), (2, 0, Some(Pushback::Never)));
        assert_eq!(GrpcStatus::from_headers(&headers(&[("grpc-status", "99")])).unwrap().code, 99);
    }

    #[test]
    fn takes_the_code_from_http_when_there_is_none() {
        let code = |status: u16| GrpcStatus::from_http(StatusCode::from_u16(status).unwrap(), None).code;
        assert_eq!([200, 400, 401, 403, 404, 429, 500, 502, 503, 504].map(code), [2, 13, 16, 7, 12, 14, 2, 14, 14, 14]);
    }
}
