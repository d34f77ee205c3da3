//! `google.rpc.Status`: the body of an HTTP error and of the trailer `grpc-status-details-bin`.
//!
//! Of the details, the two that OTLP names are known; others are skipped. JSON follows protobuf's mapping of `Any` and
//! `Duration`.

use std::time::Duration;

use serde_json::Value;

use super::fit;
use crate::cursor::{Cursor, Payload, WireType, put_bytes, put_tag, put_varint};
use crate::encoding::Encoding;
use crate::error::WireError;
use crate::json::put_string;

/// An error as it travels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// A gRPC status code; any number may come from a peer.
    pub code: i32,
    /// For people.
    pub message: String,
    /// `RetryInfo`: how long to wait at least before the next attempt. Zero leaves it to the client's own backoff.
    pub retry_delay: Option<Duration>,
    /// `BadRequest`: what is wrong with the request.
    pub violations: Vec<FieldViolation>,
}

/// One thing wrong with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path to the field; may be empty.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl Status {
    /// An error without details.
    pub fn new(code: i32, message: impl Into<String>) -> Status {
        Status { code, message: message.into(), ..Status::default() }
    }

    /// Writes the status. A long message is cut so that it stays below
    /// [`RESPONSE_BYTES_MAX`](super::RESPONSE_BYTES_MAX), unless the violations alone are longer.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let message = fit(&self.message, encoding);
        match encoding {
            Encoding::Proto => self.encode_proto(message),
            Encoding::Json => self.encode_json(message),
        }
    }

    /// Reads a status. Unknown fields and details are skipped, text that is not UTF-8 is repaired.
    ///
    /// # Errors
    /// When the body is not a status.
    pub fn decode(encoding: Encoding, body: &[u8]) -> Result<Status, WireError> {
        match encoding {
            Encoding::Proto => decode_proto(body),
            Encoding::Json => decode_json(body),
        }
    }

    fn encode_proto(&self, message: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 16);
        put_int(1, self.code.into(), &mut out);
        put_text(2, message, &mut out);
        let mut detail = Vec::new();
        if let Some(delay) = self.retry_delay {
            let mut duration = Vec::new();
            let delay = delay.min(DURATION_MAX);
            put_int(1, i64::try_from(delay.as_secs()).unwrap_or(i64::MAX), &mut duration);
            put_int(2, delay.subsec_nanos().into(), &mut duration);
            put_bytes(1, &duration, &mut detail);
            put_any(RETRY_INFO, &detail, &mut out);
        }
        if !self.violations.is_empty() {
            detail.clear();
            for violation in &self.violations {
                let mut inner = Vec::new();
                put_text(1, &violation.field, &mut inner);
                put_text(2, &violation.description, &mut inner);
                put_bytes(1, &inner, &mut detail);
            }
            put_any(BAD_REQUEST, &detail, &mut out);
        }
        out
    }

    fn encode_json(&self, message: &str) -> Vec<u8> {
        let mut details = Vec::new();
        if let Some(delay) = self.retry_delay {
            details.push(format!(
                r#"{{"@type":"{TYPES}{RETRY_INFO}","retryDelay":"{}"}}"#,
                duration_text(delay.min(DURATION_MAX))
            ));
        }
        if !self.violations.is_empty() {
            let violations: Vec<String> = self.violations.iter().map(FieldViolation::json).collect();
            let violations = violations.join(",");
            details.push(format!(r#"{{"@type":"{TYPES}{BAD_REQUEST}","fieldViolations":[{violations}]}}"#));
        }
        let details = if details.is_empty() { String::new() } else { format!(r#","details":[{}]"#, details.join(",")) };
        format!(r#"{{"code":{},"message":{}{details}}}"#, self.code, quoted(message)).into_bytes()
    }
}

impl FieldViolation {
    fn json(&self) -> String {
        format!(r#"{{"field":{},"description":{}}}"#, quoted(&self.field), quoted(&self.description))
    }
}

fn decode_proto(body: &[u8]) -> Result<Status, WireError> {
    let mut status = Status::default();
    let mut cursor = Cursor::new(body);
    while let Some(field) = cursor.field()? {
        match (field.number, field.payload) {
            (1, Payload::Varint(code)) => status.code = code as i32,
            (2, Payload::Bytes(text)) => status.message = repaired(text),
            (3, Payload::Bytes(any)) => decode_any(any, &mut status)?,
            _ => {}
        }
    }
    Ok(status)
}

fn decode_any(any: &[u8], status: &mut Status) -> Result<(), WireError> {
    let (mut type_url, mut value) = (&[][..], &[][..]);
    let mut cursor = Cursor::new(any);
    while let Some(field) = cursor.field()? {
        match (field.number, field.payload) {
            (1, Payload::Bytes(bytes)) => type_url = bytes,
            (2, Payload::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    let mut cursor = Cursor::new(value);
    match type_name(std::str::from_utf8(type_url).unwrap_or_default()) {
        RETRY_INFO => {
            let mut delay = Duration::ZERO;
            while let Some(field) = cursor.field()? {
                if let (1, Payload::Bytes(duration)) = (field.number, field.payload) {
                    delay = decode_duration(duration)?;
                }
            }
            status.retry_delay = Some(delay);
        }
        BAD_REQUEST => {
            while let Some(field) = cursor.field()? {
                if let (1, Payload::Bytes(violation)) = (field.number, field.payload) {
                    status.violations.push(decode_violation(violation)?);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// A duration; a negative one counts as none at all.
fn decode_duration(duration: &[u8]) -> Result<Duration, WireError> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    let mut cursor = Cursor::new(duration);
    while let Some(field) = cursor.field()? {
        match (field.number, field.payload) {
            (1, Payload::Varint(value)) => seconds = value.cast_signed(),
            (2, Payload::Varint(value)) => nanos = value.cast_signed(),
            _ => {}
        }
    }
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    Ok(match (u64::try_from(seconds), nanos) {
        (Ok(seconds), Some(nanos)) => Duration::new(seconds, nanos).min(DURATION_MAX),
        _ => Duration::ZERO,
    })
}

fn decode_violation(violation: &[u8]) -> Result<FieldViolation, WireError> {
    let mut found = FieldViolation::default();
    let mut cursor = Cursor::new(violation);
    while let Some(field) = cursor.field()? {
        match (field.number, field.payload) {
            (1, Payload::Bytes(text)) => found.field = repaired(text),
            (2, Payload::Bytes(text)) => found.description = repaired(text),
            _ => {}
        }
    }
    Ok(found)
}

/// A tree does here: errors are rare, and whoever reads a response caps its size.
fn decode_json(body: &[u8]) -> Result<Status, WireError> {
    let json: Value = serde_json::from_slice(body).map_err(|_| WireError::json(0, "expected a status"))?;
    if !json.is_object() {
        return Err(WireError::json(0, "expected a status"));
    }
    let text = |json: &Value, key| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let code = json.get("code").and_then(|code| code.as_i64().or_else(|| code.as_str()?.parse().ok()));
    let code = code.and_then(|code| i32::try_from(code).ok()).unwrap_or_default();
    let mut status = Status::new(code, text(&json, "message"));
    for detail in json.get("details").and_then(Value::as_array).into_iter().flatten() {
        match type_name(detail.get("@type").and_then(Value::as_str).unwrap_or_default()) {
            RETRY_INFO => {
                let delay = detail.get("retryDelay").or_else(|| detail.get("retry_delay")).and_then(Value::as_str);
                status.retry_delay = Some(delay.and_then(parse_duration).unwrap_or_default());
            }
            BAD_REQUEST => {
                let list = detail.get("fieldViolations").or_else(|| detail.get("field_violations"));
                for violation in list.and_then(Value::as_array).into_iter().flatten() {
                    let (field, description) = (text(violation, "field"), text(violation, "description"));
                    status.violations.push(FieldViolation { field, description });
                }
            }
            _ => {}
        }
    }
    Ok(status)
}

/// `1.5s` and its kin, with as many digits after the point as protobuf writes: none, three, six or nine.
fn duration_text(delay: Duration) -> String {
    let (seconds, nanos) = (delay.as_secs(), delay.subsec_nanos());
    if nanos == 0 {
        format!("{seconds}s")
    } else if nanos % 1_000_000 == 0 {
        format!("{seconds}.{:03}s", nanos / 1_000_000)
    } else if nanos % 1000 == 0 {
        format!("{seconds}.{:06}s", nanos / 1000)
    } else {
        format!("{seconds}.{nanos:09}s")
    }
}

/// Reads what [`duration_text`] writes, with any number of digits up to nine.
fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(seconds.parse().ok()?, nanos).min(DURATION_MAX))
}

fn type_name(type_url: &str) -> &str {
    type_url.rsplit_once('/').map_or("", |(_, name)| name)
}

fn put_any(type_name: &str, value: &[u8], out: &mut Vec<u8>) {
    let mut any = Vec::with_capacity(value.len() + 64);
    put_bytes(1, format!("{TYPES}{type_name}").as_bytes(), &mut any);
    put_bytes(2, value, &mut any);
    put_bytes(3, &any, out);
}

fn put_int(number: u32, value: i64, out: &mut Vec<u8>) {
    if value != 0 {
        put_tag(number, WireType::Varint, out);
        put_varint(value.cast_unsigned(), out);
    }
}

fn put_text(number: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        put_bytes(number, text.as_bytes(), out);
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    put_string(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn repaired(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The longest duration that protobuf allows (`google/protobuf/duration.proto`), as which longer ones count.
const DURATION_MAX: Duration = Duration::new(315_576_000_000, 999_999_999);

const TYPES: &str = "type.googleapis.com/";
const RETRY_INFO: &str = "google.rpc.RetryInfo";
const BAD_REQUEST: &str = "google.rpc.BadRequest";
