//! What actions make of a value: digest and conversions. Results are the bytes of an AnyValue.

use sha2::{Digest, Sha256};

use super::{ConvertTo, Literal};
use crate::cursor::put_bytes;
use crate::numbers::any_value;
use crate::view::Value;

/// A string.
pub(super) fn text(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 6);
    put_bytes(any_value::STRING, text, &mut out);
    out
}

/// The digest of a value as a string; empty for an empty string and for values that are not scalar.
pub(super) fn hash(value: Value<'_>) -> Vec<u8> {
    let hex = match value {
        Value::Text(text) if text.is_empty() => String::new(),
        Value::Text(text) => sha256_hex(text.as_bytes()),
        Value::Bool(flag) => sha256_hex(&[u8::from(flag)]),
        Value::Int(int) => sha256_hex(&int.to_le_bytes()),
        Value::Double(double) => sha256_hex(&double.to_bits().to_le_bytes()),
        Value::Empty | Value::Array(_) | Value::Map(_) | Value::Bytes(_) | Value::TextIndex(_) => String::new(),
    };
    text(hex.as_bytes())
}

fn sha256_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    Sha256::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The value as another type, or `None` if it stays: it has the type already or cannot be converted.
pub(super) fn convert(value: Value<'_>, to: ConvertTo) -> Option<Vec<u8>> {
    let literal = match (to, value) {
        (ConvertTo::Text, Value::Text(_)) => return None,
        (ConvertTo::Text, value) => return Some(text(value.to_text().as_bytes())),
        (ConvertTo::Int, Value::Double(double)) => Literal::Int(double as i64),
        (ConvertTo::Int, Value::Bool(flag)) => Literal::Int(i64::from(flag)),
        (ConvertTo::Int, Value::Text(text)) => Literal::Int(text.to_str()?.parse().ok()?),
        (ConvertTo::Double, Value::Int(int)) => Literal::Double(int as f64),
        (ConvertTo::Double, Value::Bool(flag)) => Literal::Double(f64::from(u8::from(flag))),
        (ConvertTo::Double, Value::Text(text)) => Literal::Double(parse_double(text.to_str()?)?),
        (ConvertTo::Bool, Value::Int(int)) => Literal::Bool(int != 0),
        (ConvertTo::Bool, Value::Double(double)) => Literal::Bool(double != 0.0),
        (ConvertTo::Bool, Value::Text(text)) => Literal::Bool(parse_bool(text.as_bytes())?),
        _ => return None,
    };
    Some(literal.encode())
}

/// A decimal number, "inf" or "nan"; digits beyond the range of a double are refused, as by the Collector.
fn parse_double(text: &str) -> Option<f64> {
    let double: f64 = text.parse().ok()?;
    let overflowed = double.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit());
    (!overflowed).then_some(double)
}

/// The spellings that Go's `strconv.ParseBool` knows.
fn parse_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Some(false),
        _ => None,
    }
}
