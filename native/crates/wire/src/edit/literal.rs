//! Values that users write in a configuration.

use crate::cursor::{WireType, put_bytes, put_tag, put_varint};
use crate::numbers::{any_value, key_value, list};

/// A value of any type OTLP knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// No value.
    Empty,
    /// A string.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list of values.
    Array(Vec<Literal>),
    /// A list of keys and values.
    Map(Vec<(String, Literal)>),
}

impl Literal {
    /// The value as the bytes of an AnyValue. Recurses as deep as the value is nested.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Literal::Empty => {}
            Literal::Text(text) => put_bytes(any_value::STRING, text.as_bytes(), &mut out),
            Literal::Bool(flag) => {
                put_tag(any_value::BOOL, WireType::Varint, &mut out);
                put_varint(u64::from(*flag), &mut out);
            }
            Literal::Int(int) => {
                put_tag(any_value::INT, WireType::Varint, &mut out);
                put_varint(*int as u64, &mut out);
            }
            Literal::Double(double) => {
                put_tag(any_value::DOUBLE, WireType::Fixed64, &mut out);
                out.extend_from_slice(&double.to_le_bytes());
            }
            Literal::Bytes(bytes) => put_bytes(any_value::BYTES, bytes, &mut out),
            Literal::Array(values) => {
                let mut content = Vec::new();
                values.iter().for_each(|value| put_bytes(list::VALUES, &value.encode(), &mut content));
                put_bytes(any_value::ARRAY, &content, &mut out);
            }
            Literal::Map(members) => {
                let mut content = Vec::new();
                for (key, value) in members {
                    let mut member = Vec::new();
                    put_bytes(key_value::KEY, key.as_bytes(), &mut member);
                    put_bytes(key_value::VALUE, &value.encode(), &mut member);
                    put_bytes(list::VALUES, &member, &mut content);
                }
                put_bytes(any_value::KVLIST, &content, &mut out);
            }
        }
        out
    }
}
