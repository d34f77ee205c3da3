//! What a server answers: full success, partial success, and in [`Status`] an error; written and read in both encodings.
//!
//! Reading is lenient, because a client must not send accepted data again over a detail of the answer: an empty body is
//! a success, unknown fields are skipped, text is repaired.

mod status;

use std::time::Duration;

use crate::cursor::{Cursor, Payload, WireType, put_bytes, put_tag, put_varint};
use crate::error::WireError;
use crate::json;
use crate::signal::Signal;

pub use crate::encoding::Encoding;
pub use status::{FieldViolation, Status};

/// The most bytes a response may have. Source: OTLP specification, response size limits.
pub const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// What a peer did not take of a request that it answered with success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// How many spans, data points, log records or profiles were rejected. With 0 the message is a warning.
    pub rejected: u64,
    /// Why, for people.
    pub message: String,
}

/// The answer to a request that was taken whole. It carries an empty partial success, as the reference collector's does.
pub const fn success(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Proto => b"\x0a\x00",
        Encoding::Json => br#"{"partialSuccess":{}}"#,
    }
}

/// The answer to a request of which some items were rejected, or that was taken with a warning. A long message is cut so
/// that the response stays below [`RESPONSE_BYTES_MAX`].
pub fn write_partial_success(signal: Signal, encoding: Encoding, rejected: u64, message: &str) -> Vec<u8> {
    let mut inner = Vec::new();
    if rejected != 0 {
        put_tag(1, WireType::Varint, &mut inner);
        put_varint(rejected.min(i64::MAX.cast_unsigned()), &mut inner);
    }
    let message = fit(message, encoding);
    if !message.is_empty() {
        put_bytes(2, message.as_bytes(), &mut inner);
    }
    let mut response = Vec::with_capacity(inner.len() + 6);
    put_bytes(1, &inner, &mut response);
    match encoding {
        Encoding::Proto => response,
        // Every response this function builds has the shape of the schema.
        Encoding::Json => json::from_message(signal.response(), &response).unwrap_or_default(),
    }
}

/// Reads the body of a successful answer as [`PartialSuccess::decode`] does, taking one that is no response for a full
/// success: the request was accepted, whatever the body says.
pub fn partial_success(signal: Signal, encoding: Encoding, body: &[u8]) -> Option<PartialSuccess> {
    PartialSuccess::decode(signal, encoding, body).ok().flatten()
}

/// The body of an error, with a `RetryInfo` if the client should wait at least so long; see [`Status::encode`].
pub fn write_status(encoding: Encoding, code: i32, message: &str, retry_delay: Option<Duration>) -> Vec<u8> {
    Status { retry_delay, ..Status::new(code, message) }.encode(encoding)
}

/// The wait that an error body asks for; `None` if there is none or the body is no status.
pub fn retry_delay(encoding: Encoding, body: &[u8]) -> Option<Duration> {
    Status::decode(encoding, body).ok()?.retry_delay
}

/// The message of an error body; `None` if the body is no status.
pub fn status_message(encoding: Encoding, body: &[u8]) -> Option<String> {
    Status::decode(encoding, body).ok().map(|status| status.message)
}

impl PartialSuccess {
    /// Reads the body of a successful answer. `None` is a full success: an empty body or message, or nothing rejected
    /// and nothing said.
    ///
    /// # Errors
    /// When the body is not a response. The request was accepted nevertheless and must not be sent again.
    pub fn decode(signal: Signal, encoding: Encoding, body: &[u8]) -> Result<Option<PartialSuccess>, WireError> {
        let found = match encoding {
            Encoding::Proto => read(body)?,
            Encoding::Json if body.trim_ascii().is_empty() => return Ok(None),
            Encoding::Json => read(&json::to_message(signal.response(), body)?)?,
        };
        Ok(Some(found).filter(|found| *found != PartialSuccess::default()))
    }
}

fn read(response: &[u8]) -> Result<PartialSuccess, WireError> {
    let mut found = PartialSuccess::default();
    let mut response = Cursor::new(response);
    while let Some(field) = response.field()? {
        let (1, Payload::Bytes(inner)) = (field.number, field.payload) else { continue };
        let mut inner = Cursor::new(inner);
        while let Some(field) = inner.field()? {
            match (field.number, field.payload) {
                // A negative count says nothing.
                (1, Payload::Varint(count)) => found.rejected = u64::try_from(count.cast_signed()).unwrap_or_default(),
                (2, Payload::Bytes(text)) => found.message = String::from_utf8_lossy(text).into_owned(),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// The start of a text that leaves room for the rest of a response, measured as the encoding writes it.
fn fit(text: &str, encoding: Encoding) -> &str {
    const ROOM: usize = RESPONSE_BYTES_MAX - 1024;
    let cost = |c: char| match (encoding, c) {
        (Encoding::Json, '"' | '\\') => 2,
        (Encoding::Json, '\0'..='\x1f') => 6,
        _ => c.len_utf8(),
    };
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += cost(c);
        if used > ROOM {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

#[cfg(test)]
mod tests;
