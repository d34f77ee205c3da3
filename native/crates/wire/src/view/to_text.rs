//! A value as one line of text, in the words the Collector uses (`pcommon.Value.AsString`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Value;

impl<'a> Value<'a> {
    /// Strings as they are, scalars in decimal, bytes in base64, lists and maps as JSON with sorted keys; nothing for an
    /// empty value, and for a list or map that holds NaN or an infinity, which JSON cannot say.
    ///
    /// Recurses as deep as the value is nested, which [`check`](crate::check()) bounds.
    pub fn to_text(&self) -> Cow<'a, str> {
        match self {
            Value::Empty | Value::TextIndex(_) => Cow::Borrowed(""),
            Value::Text(text) => text.lossy(),
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Int(int) => Cow::Owned(int.to_string()),
            Value::Double(double) => Cow::Owned(double_to_text(*double)),
            Value::Bytes(bytes) => Cow::Owned(STANDARD.encode(bytes)),
            Value::Array(_) | Value::Map(_) => {
                let mut out = String::new();
                match write_json(*self, &mut out) {
                    Some(()) => Cow::Owned(out),
                    None => Cow::Borrowed(""),
                }
            }
        }
    }
}

/// Shortest digits that read back the same; exponents below 1e-6 and from 1e21 on, as ECMAScript writes numbers.
fn double_to_text(double: f64) -> String {
    let size = double.abs();
    if double.is_nan() {
        "json: unsupported value: NaN".to_owned()
    } else if double.is_infinite() {
        format!("json: unsupported value: {}Inf", if double > 0.0 { '+' } else { '-' })
    } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{double:e}");
        if size < 1.0 { text } else { text.replace('e', "e+") }
    } else {
        double.to_string()
    }
}

/// `None` if the value holds something JSON cannot say.
fn write_json(value: Value<'_>, out: &mut String) -> Option<()> {
    match value {
        Value::Empty | Value::TextIndex(_) => out.push_str("null"),
        Value::Text(text) => write_string(&text.lossy(), out),
        Value::Bytes(bytes) => write_string(&STANDARD.encode(bytes), out),
        Value::Double(double) if !double.is_finite() => return None,
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => out.push_str(&value.to_text()),
        Value::Array(array) => {
            out.push('[');
            for (index, element) in array.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(element, out)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            let members: BTreeMap<_, _> =
                map.iter().map(|member| (member.key().as_bytes(), (member.key(), member.value()))).collect();
            out.push('{');
            for (index, (key, value)) in members.into_values().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(&key.lossy(), out);
                out.push(':');
                write_json(value, out)?;
            }
            out.push('}');
        }
    }
    Some(())
}

/// A JSON string with the escapes of Go's encoder, which also hides what HTML or JavaScript would misread.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
