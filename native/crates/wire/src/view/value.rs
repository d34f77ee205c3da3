//! Attribute lists and the values they hold.

use std::borrow::Cow;
use std::fmt;

use super::messages;
use crate::cursor::{Cursor, Fields, Payload, Selected, delimited_tag};
use crate::numbers::{any_value, key_value, list};

/// A string field as it came: UTF-8 by the protocol, unchecked in fact.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// The bytes.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing was sent.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text, with U+FFFD in place of what is not UTF-8.
    pub fn lossy(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// The text, unless it is not UTF-8.
    pub fn to_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lossy())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.lossy())
    }
}

/// An attribute list, which may be spread over several occurrences of the message that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
    /// The field of `bytes` whose occurrences hold the list; `None` if `bytes` holds it.
    holder: Option<u32>,
    /// The field of the list.
    number: u32,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(bytes: &'a [u8], number: u32) -> Self {
        Self { bytes, holder: None, number }
    }

    pub(crate) fn inside(bytes: &'a [u8], holder: u32, number: u32) -> Self {
        Self { bytes, holder: Some(holder), number }
    }

    /// A list without members.
    pub fn none() -> Self {
        Self::of(&[], list::VALUES)
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = Attribute<'a>> + Clone + use<'a> {
        let number = self.number;
        // One of the two chained parts is always empty.
        let (direct, nested, holder) = match self.holder {
            None => (self.bytes, &[][..], 0),
            Some(holder) => (&[][..], self.bytes, holder),
        };
        messages(direct, number)
            .chain(messages(nested, holder).flat_map(move |message| messages(message, number)))
            .map(|bytes| Attribute { bytes })
    }

    /// The value of the first member with this key.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        if self.holder.is_none() {
            let other =
                |content: &[u8]| Attribute::new(content).plain_key().is_some_and(|found| found != key.as_bytes());
            let found = Selected::new(self.bytes, self.number, other).map(|(_, content)| Attribute::new(content));
            return found.into_iter().find(|attribute| attribute.key() == key).map(|attribute| attribute.value());
        }
        self.iter().find(|attribute| attribute.key() == key).map(|attribute| attribute.value())
    }

    /// Whether the list has no member.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// A key with a value.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    bytes: &'a [u8],
}

impl<'a> Attribute<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The key.
    pub fn key(&self) -> Text<'a> {
        Text(self.parts().0)
    }

    /// The value; [`Value::Empty`] if there is none.
    pub fn value(&self) -> Value<'a> {
        Value::of(self.parts().1.unwrap_or_default())
    }

    /// The key of an attribute in the usual form, key before value and nothing else, without a look at the value.
    #[inline]
    pub(crate) fn plain_key(&self) -> Option<&'a [u8]> {
        const KEY: u8 = delimited_tag(key_value::KEY);
        const VALUE: u8 = delimited_tag(key_value::VALUE);
        let [KEY, length @ 0..0x80, rest @ ..] = self.bytes else { return None };
        let (key, rest) = rest.split_at_checked(usize::from(*length))?;
        let [VALUE, length @ 0..0x80, value @ ..] = rest else { return None };
        (value.len() == usize::from(*length)).then_some(key)
    }

    /// The key, and the bytes of the AnyValue if there is one.
    #[inline]
    pub(crate) fn parts(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let mut cursor = Cursor::new(self.bytes);
        if cursor.take_if(delimited_tag(key_value::KEY))
            && let Ok(key) = cursor.bytes()
            && cursor.take_if(delimited_tag(key_value::VALUE))
            && let Ok(value) = cursor.bytes()
            && cursor.is_empty()
        {
            return (key, Some(value));
        }
        self.scattered_parts()
    }

    /// For attributes that are not written as key, then value: the last of each counts.
    fn scattered_parts(&self) -> (&'a [u8], Option<&'a [u8]>) {
        let key = super::last(self.bytes, key_value::KEY).map(Payload::bytes).unwrap_or_default();
        (key, super::last(self.bytes, key_value::VALUE).map(Payload::bytes))
    }
}

/// An AnyValue.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// No value: the field is absent or the message is empty.
    Empty,
    /// A string.
    Text(Text<'a>),
    /// A boolean.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A list of values.
    Array(Array<'a>),
    /// A list of keys and values.
    Map(Attributes<'a>),
    /// Bytes without meaning to OTLP.
    Bytes(&'a [u8]),
    /// An index into the string table of a profiles dictionary; elsewhere to be taken as empty.
    TextIndex(i32),
}

impl<'a> Value<'a> {
    /// Reads the bytes of an AnyValue.
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut value = Value::Empty;
        for field in Fields::new(bytes) {
            value = match (field.number, field.payload) {
                (any_value::STRING, Payload::Bytes(text)) => Value::Text(Text(text)),
                (any_value::BOOL, Payload::Varint(flag)) => Value::Bool(flag != 0),
                (any_value::INT, Payload::Varint(int)) => Value::Int(int as i64),
                (any_value::DOUBLE, Payload::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
                (any_value::ARRAY, Payload::Bytes(bytes)) => Value::Array(Array { bytes }),
                (any_value::KVLIST, Payload::Bytes(bytes)) => Value::Map(Attributes::of(bytes, list::VALUES)),
                (any_value::BYTES, Payload::Bytes(bytes)) => Value::Bytes(bytes),
                (any_value::STRING_STRINDEX, Payload::Varint(index)) => Value::TextIndex(index as i32),
                _ => continue,
            };
        }
        value
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<Text<'a>> {
        match self {
            Value::Text(text) => Some(*text),
            _ => None,
        }
    }
}

/// An ArrayValue.
#[derive(Clone, Copy, Debug)]
pub struct Array<'a> {
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + Clone + use<'a> {
        messages(self.bytes, list::VALUES).map(Value::of)
    }
}
