//! Answers: a message with status OK in the trailers, or a status alone in the headers ("trailers-only").

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::message::PREFIX_BYTES;
use super::{ENCODING, percent};
use crate::client::Pushback;
use crate::service::Response;

/// The call was broken off.
pub(crate) const CANCELLED: u32 = 1;
/// The request is wrong and stays wrong.
pub const INVALID_ARGUMENT: u32 = 3;
/// The time was over.
pub const DEADLINE_EXCEEDED: u32 = 4;
/// A bound was passed; retryable for OTLP only with RetryInfo.
pub const RESOURCE_EXHAUSTED: u32 = 8;
/// No such method or compression.
pub const UNIMPLEMENTED: u32 = 12;
/// The server is at fault, or the protocol was broken.
pub const INTERNAL: u32 = 13;
/// Not now; retryable.
pub const UNAVAILABLE: u32 = 14;
/// Who are you?
pub const UNAUTHENTICATED: u32 = 16;

/// A status other than OK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The gRPC code, 1 to 16.
    pub code: u32,
    /// Words for people; sent percent-encoded and cut at 4 KiB.
    pub message: Cow<'static, str>,
    /// A serialised `google.rpc.Status`, sent as `grpc-status-details-bin`; left out above 4 KiB.
    pub details: Option<Bytes>,
    /// Whether and when to try again, for clients that retry by themselves.
    pub pushback: Option<Pushback>,
}

impl Status {
    /// A status with words alone.
    pub fn new(code: u32, message: impl Into<Cow<'static, str>>) -> Status {
        Status { code, message: message.into(), details: None, pushback: None }
    }
}

/// The answer OK with one message; `encoding` is how the message is compressed already, if it is.
pub fn ok(message: Bytes, encoding: Option<HeaderValue>) -> Response {
    let mut body = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    body.put_u8(encoding.is_some().into());
    body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    body.put_slice(&message);
    let mut headers = Cow::Borrowed(&*OK_HEADERS);
    if let Some(encoding) = encoding {
        headers.to_mut().insert(ENCODING, encoding);
    }
    let trailers = Some(Cow::Borrowed(&*OK_TRAILERS));
    Response { status: StatusCode::OK, headers, body: body.freeze(), trailers }
}

/// An answer without message: the status, in the headers.
pub fn error(status: &Status) -> Response {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(STATUS, HeaderValue::from(status.code));
    let message = percent::encode(&status.message, TEXT_BYTES_MAX);
    if let Ok(message) = HeaderValue::try_from(message)
        && !message.is_empty()
    {
        headers.insert(MESSAGE, message);
    }
    let details = status.details.as_ref().filter(|details| details.len() <= DETAILS_BYTES_MAX);
    if let Some(Ok(details)) = details.map(|details| HeaderValue::try_from(STANDARD_NO_PAD.encode(details))) {
        headers.insert(DETAILS, details);
    }
    let pushback = status.pushback.map(|pushback| match pushback {
        Pushback::After(wait) => HeaderValue::from(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        Pushback::Never => HeaderValue::from_static("-1"),
    });
    headers.extend(pushback.map(|pushback| (PUSHBACK, pushback)));
    Response { status: StatusCode::OK, headers: Cow::Owned(headers), body: Bytes::new(), trailers: None }
}

static OK_HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| HeaderMap::from_iter([(header::CONTENT_TYPE, CONTENT_TYPE)]));
static OK_TRAILERS: LazyLock<HeaderMap> =
    LazyLock::new(|| HeaderMap::from_iter([(STATUS, HeaderValue::from_static("0"))]));

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Clients bound their header lists, some at 8 KiB.
const TEXT_BYTES_MAX: usize = 4 << 10;
const DETAILS_BYTES_MAX: usize = 4 << 10;
