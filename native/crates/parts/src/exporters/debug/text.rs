//! How single values are written: text, identifiers, times, numbers, AnyValues.

use std::fmt::{self, Display, Write};

use teleferric_wire::schema::EnumTable;
use teleferric_wire::view::{Attributes, Value};

/// Text from data, repaired with U+FFFD, with whatever would steer a terminal, break a line or turn it around escaped.
pub(super) struct Plain<'a>(pub(super) &'a [u8]);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.0).chars().try_for_each(|character| put(character, f))
    }
}

/// Text in quotes, as JSON has it.
struct Quoted<'a>(&'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                other => put(other, f)?,
            }
        }
        f.write_char('"')
    }
}

fn put(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match character {
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        // Controls, and the marks that reorder or break what follows them (Unicode Bidirectional Algorithm, 2.1-2.6).
        character if character.is_control() => write!(f, "\\u{:04x}", u32::from(character)),
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            write!(f, "\\u{:04x}", u32::from(character))
        }
        other => f.write_char(other),
    }
}

/// An identifier in lower-case hexadecimal.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Nanoseconds since 1970 as a date in UTC.
pub(super) struct Time(pub(super) u64);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every 64-bit number of nanoseconds lies before the year 2555.
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.9}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// A double with the fewest digits that read back the same.
pub(super) struct Double(pub(super) f64);

impl Display for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            double if double.is_nan() => f.write_str("NaN"),
            double if double.is_infinite() => f.write_str(if double > 0.0 { "+Inf" } else { "-Inf" }),
            double => f.write_str(&Value::Double(double).to_text()),
        }
    }
}

/// The name of an enumeration's number without what all its names begin with, in words: `Server`, `Info2`.
pub(super) struct Word(pub(super) &'static EnumTable, pub(super) u64);

impl Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.1 as i32;
        let Some(label) = self.0.label(number) else { return write!(f, "{number}") };
        let zero = self.0.label(0).unwrap_or_default();
        // The zero is named after its enumeration: its last word is the only one of its own.
        let prefix = zero.rfind('_').map_or(0, |at| at + 1);
        let mut characters = label.get(prefix..).unwrap_or(label).chars();
        if let Some(first) = characters.next() {
            f.write_char(first)?;
        }
        characters.try_for_each(|character| f.write_char(character.to_ascii_lowercase()))
    }
}

/// An AnyValue with its type: `Str(x)`, `Map({"a":1})`.
pub(super) struct Typed<'a>(pub(super) Value<'a>);

impl Display for Typed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Empty => f.write_str("Empty()"),
            Value::Text(text) => write!(f, "Str({})", Plain(text.as_bytes())),
            Value::Bool(flag) => write!(f, "Bool({flag})"),
            Value::Int(int) => write!(f, "Int({int})"),
            Value::Double(double) => write!(f, "Double({})", Double(double)),
            Value::Bytes(_) => write!(f, "Bytes({})", Bare(self.0)),
            Value::Array(_) => write!(f, "Slice({})", Bare(self.0)),
            Value::Map(_) => write!(f, "Map({})", Bare(self.0)),
            Value::TextIndex(index) => write!(f, "StrIndex({index})"),
        }
    }
}

/// An AnyValue without its type: text as it is, the rest as JSON would have it.
pub(super) struct Bare<'a>(pub(super) Value<'a>);

impl Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Empty => Ok(()),
            Value::Text(text) => write!(f, "{}", Plain(text.as_bytes())),
            Value::Bytes(_) => f.write_str(&self.0.to_text()),
            other => write!(f, "{}", Nested(other)),
        }
    }
}

/// A value inside a list or map. Recurses as deep as values are nested, which the check of a request bounds.
struct Nested<'a>(Value<'a>);

impl Display for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Empty => f.write_str("null"),
            Value::Text(text) => write!(f, "{}", Quoted(text.as_bytes())),
            Value::Bytes(_) => write!(f, "\"{}\"", self.0.to_text()),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Int(int) => write!(f, "{int}"),
            Value::Double(double) => write!(f, "{}", Double(double)),
            Value::TextIndex(index) => write!(f, "StrIndex({index})"),
            Value::Array(array) => {
                f.write_char('[')?;
                for (index, element) in array.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{}", Nested(element))?;
                }
                f.write_char(']')
            }
            Value::Map(map) => {
                f.write_char('{')?;
                put_members(map, f)?;
                f.write_char('}')
            }
        }
    }
}

fn put_members(map: Attributes<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, member) in map.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(f, "{comma}{}:{}", Quoted(member.key().as_bytes()), Nested(member.value()))?;
    }
    Ok(())
}
