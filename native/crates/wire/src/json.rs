//! OTLP/JSON to protobuf and back, driven by the schema table, without an object tree in between.
//!
//! Both directions are loops over an explicit stack, so nesting costs heap in proportion to the input and never
//! the thread's stack. The mapping is proto3 JSON with OTLP's own rules: identifiers are hexadecimal, enumerations are
//! integers, keys are lowerCamelCase. Source: OTLP specification, "JSON Protobuf Encoding"; where that is silent, what
//! the reference collector does.

mod lexer;
mod nested;
mod number;
mod read;
mod text;
mod write;

use crate::check::Counts;
use crate::error::WireError;
use crate::limits::Limits;
use crate::schema::Message;
use crate::signal::Signal;

pub(crate) use text::put_string;

/// Appends the protobuf form of a JSON request to `out` and counts what it holds.
///
/// Lenient where peers differ: integers and doubles may be strings, enumerations may be names, keys may be
/// `snake_case`, `null` is absence (an empty element in a list of messages or strings), keys that are not in the schema
/// are skipped with their values. A key given twice acts as a field given twice: lists are joined, messages merge,
/// the last scalar wins. Two members of one oneof are an error. Half of a surrogate pair becomes U+FFFD.
///
/// Costs time linear in the text. The protobuf form takes at most four times the bytes of the JSON (a list of doubles
/// of one digit each).
///
/// # Errors
/// [`WireError::Json`] with the offset of the offending token, or one of the limits. `out` is then as it was.
pub fn to_proto(signal: Signal, json: &[u8], limits: &Limits, out: &mut Vec<u8>) -> Result<Counts, WireError> {
    let start = out.len();
    let result = read::request(signal, json, limits, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends the JSON form of a request to `out`. Several chunks, each a request, become one object.
///
/// Fields at their default and fields that are not in the schema are absent. Text that is not UTF-8 is repaired with
/// U+FFFD. What this writes, [`to_proto`] accepts.
///
/// Costs time linear in the bytes.
///
/// # Errors
/// Where the bytes of a chunk cannot be read on, for chunks that [`check`](crate::check()) has not accepted. `out` is then
/// as it was.
pub fn from_proto(signal: Signal, chunks: &[impl AsRef<[u8]>], out: &mut Vec<u8>) -> Result<(), WireError> {
    let start = out.len();
    let result = write::message(signal.request(), chunks.iter().map(AsRef::as_ref), out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// The protobuf form of a message that is no request.
pub(crate) fn to_message(message: &'static Message, json: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    read::message(message, json, &Limits::default(), &mut out)?;
    Ok(out)
}

/// The JSON form of a message that is no request.
pub(crate) fn from_message(message: &'static Message, bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    write::message(message, [bytes].into_iter(), &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
