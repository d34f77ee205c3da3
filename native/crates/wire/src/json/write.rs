//! Protobuf to JSON: one loop over fields, writing as it reads.
//!
//! Protobuf lets a writer spread a list over a message and repeat any field; JSON needs each key once. A first look at
//! the tags of a message tells whether its fields come in runs, as every real writer sends them; then they are written
//! in that order. Otherwise each known field is collected by a pass of its own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;

use super::text::{put_hex, put_string};
use crate::cursor::{Cursor, Tag, WireType};
use crate::error::WireError;
use crate::schema::{Field, Kind, Message};

/// Appends the JSON form of a message whose bytes are those of all chunks in turn.
pub(super) fn message<'a>(
    message: &'static Message,
    chunks: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    let mut top = Frame::open(message, chunks.map(Cursor::new).collect(), out)?;
    let mut parents = Vec::with_capacity(16);
    loop {
        match top.step(out)? {
            Some((inner, parts)) => {
                let inner = Frame::open(inner, parts, out)?;
                parents.push(std::mem::replace(&mut top, inner));
            }
            None => {
                top.end_list(out);
                out.push(b'}');
                match parents.pop() {
                    Some(parent) => top = parent,
                    None => return Ok(()),
                }
            }
        }
    }
}

/// The bytes of a message: several pieces if a field that is no list occurred several times.
type Parts<'a> = SmallVec<[Cursor<'a>; 1]>;

/// A message being written; its opening brace is out.
struct Frame<'a> {
    message: &'static Message,
    parts: Parts<'a>,
    /// The piece being read and the position in it.
    part: usize,
    cursor: Cursor<'a>,
    order: Order,
    /// The list whose bracket is open.
    list: Option<&'static Field>,
    /// Whether something stands in the object.
    comma: bool,
}

/// How the fields are visited.
enum Order {
    /// As they come.
    Wire,
    /// One pass for each field of the message; the index of the current one.
    Field(usize),
}

impl<'a> Frame<'a> {
    fn open(message: &'static Message, parts: Parts<'a>, out: &mut Vec<u8>) -> Result<Self, WireError> {
        let order = if in_runs(message, &parts)? { Order::Wire } else { Order::Field(0) };
        out.push(b'{');
        let cursor = parts.first().copied().unwrap_or(Cursor::new(&[]));
        Ok(Self { message, parts, part: 0, cursor, order, list: None, comma: false })
    }

    /// Writes up to the next message, or to the end.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<Option<(&'static Message, Parts<'a>)>, WireError> {
        match self.order {
            Order::Wire => self.step_in_wire_order(out),
            Order::Field(index) => self.step_by_field(index, out),
        }
    }

    fn step_in_wire_order(&mut self, out: &mut Vec<u8>) -> Result<Option<(&'static Message, Parts<'a>)>, WireError> {
        while let Some(tag) = self.next_tag()? {
            let Some(field) = self.message.field(tag.number) else {
                self.cursor.skip(tag.wire)?;
                continue;
            };
            if let Kind::Message(inner) = field.kind {
                self.begin_value(field, out);
                let parts = SmallVec::from_buf([self.cursor.message()?]);
                return Ok(Some((inner, parts)));
            }
            self.scalar(field, tag.wire, out)?;
        }
        Ok(None)
    }

    /// The next field, from the next piece if need be.
    #[inline]
    fn next_tag(&mut self) -> Result<Option<Tag>, WireError> {
        while self.cursor.is_empty() {
            self.part += 1;
            match self.parts.get(self.part) {
                Some(next) => self.cursor = *next,
                None => return Ok(None),
            }
        }
        self.cursor.tag().map(Some)
    }

    fn step_by_field(
        &mut self,
        mut index: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<(&'static Message, Parts<'a>)>, WireError> {
        while let Some(field) = self.message.fields.get(index) {
            self.order = Order::Field(index);
            if field.repeated {
                if let Some(found) = self.next_of(field.number)? {
                    if let Kind::Message(inner) = field.kind {
                        self.begin_value(field, out);
                        return Ok(Some((inner, SmallVec::from_buf([self.cursor.message()?]))));
                    }
                    self.scalar(field, found.wire, out)?;
                    continue;
                }
            } else if let Some(inner) = self.merged(field, out)? {
                self.order = Order::Field(index + 1);
                return Ok(Some(inner));
            }
            index += 1;
            self.rewind();
        }
        Ok(None)
    }

    /// Writes the last occurrence of a scalar, or begins a message made of all its occurrences. A oneof holds its last
    /// member only, from where that member took over.
    fn merged(
        &mut self,
        field: &'static Field,
        out: &mut Vec<u8>,
    ) -> Result<Option<(&'static Message, Parts<'a>)>, WireError> {
        let mut last = None;
        let mut parts = Parts::new();
        self.rewind();
        while let Some(tag) = self.next_tag()? {
            let Some(found) = self.message.field(tag.number) else {
                self.cursor.skip(tag.wire)?;
                continue;
            };
            let before = (self.part, self.cursor);
            if found.number == field.number {
                last = Some((before, tag.wire));
                if matches!(field.kind, Kind::Message(_)) {
                    parts.push(self.cursor.message()?);
                    continue;
                }
            } else if found.oneof.is_some() && found.oneof == field.oneof {
                last = None;
                parts.clear();
            }
            self.cursor.skip(tag.wire)?;
        }
        let Some((at, wire)) = last else { return Ok(None) };
        if let Kind::Message(inner) = field.kind {
            self.begin_value(field, out);
            self.rewind();
            return Ok(Some((inner, parts)));
        }
        (self.part, self.cursor) = at;
        self.scalar(field, wire, out)?;
        Ok(None)
    }

    /// Moves behind the tag of the next field with this number.
    fn next_of(&mut self, number: u32) -> Result<Option<Tag>, WireError> {
        while let Some(tag) = self.next_tag()? {
            if tag.number == number {
                return Ok(Some(tag));
            }
            self.cursor.skip(tag.wire)?;
        }
        Ok(None)
    }

    fn rewind(&mut self) {
        self.part = 0;
        self.cursor = self.parts.first().copied().unwrap_or(Cursor::new(&[]));
    }

    /// Writes what precedes a value: a comma, and the key with its bracket unless the list is open already.
    fn begin_value(&mut self, field: &'static Field, out: &mut Vec<u8>) {
        if self.list.is_some_and(|list| list.number == field.number) {
            // The bracket is only written with a first element.
            out.push(b',');
            return;
        }
        self.end_list(out);
        if std::mem::replace(&mut self.comma, true) {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(field.json_name.as_bytes());
        out.extend_from_slice(b"\":");
        if field.repeated {
            out.push(b'[');
            self.list = Some(field);
        }
    }

    fn end_list(&mut self, out: &mut Vec<u8>) {
        if self.list.take().is_some() {
            out.push(b']');
        }
    }

    /// Writes the value or the packed values at the cursor, unless it is a default that stands for absence.
    fn scalar(&mut self, field: &'static Field, wire: WireType, out: &mut Vec<u8>) -> Result<(), WireError> {
        let expected = field.kind.wire_type();
        if expected == WireType::Delimited {
            let offset = self.cursor.offset();
            let bytes = self.cursor.bytes()?;
            if !bytes.is_empty() || field.repeated || field.has_presence() {
                self.begin_value(field, out);
                put_text(field, bytes, offset, out)?;
            }
        } else if wire == expected {
            let value = read_number(&mut self.cursor, expected)?;
            self.number(field, value, out);
        } else {
            let mut run = self.cursor.message()?;
            while !run.is_empty() {
                let value = read_number(&mut run, expected)?;
                self.number(field, value, out);
            }
        }
        Ok(())
    }

    fn number(&mut self, field: &'static Field, value: u64, out: &mut Vec<u8>) {
        if value != 0 || field.repeated || field.has_presence() {
            self.begin_value(field, out);
            put_number(field.kind, value, out);
        }
    }
}

/// Whether each known field comes in one run, of one if it is no list, and each oneof has one member. Checks the
/// framing of all fields on the way.
fn in_runs(message: &'static Message, parts: &[Cursor<'_>]) -> Result<bool, WireError> {
    let (mut seen, mut oneofs, mut last, mut runs) = (0_u32, 0_u32, 0, true);
    for part in parts {
        let mut cursor = *part;
        while !cursor.is_empty() {
            let tag = cursor.tag()?;
            let offset = cursor.offset();
            cursor.skip(tag.wire)?;
            let Some(field) = message.field(tag.number) else { continue };
            if tag.wire != field.kind.wire_type() && !(field.is_packable() && tag.wire == WireType::Delimited) {
                return Err(WireError::WrongWireType { message: message.name, field: field.name, offset });
            }
            if field.number == last {
                runs &= field.repeated;
                continue;
            }
            // OTLP numbers fields below 32, which a test of the table holds it to.
            let bit = 1 << (field.number & 31);
            let oneof = field.oneof.map_or(0, |oneof| 1 << (oneof & 31));
            runs &= seen & bit == 0 && oneofs & oneof == 0;
            seen |= bit;
            oneofs |= oneof;
            last = field.number;
        }
    }
    Ok(runs)
}

fn read_number(cursor: &mut Cursor<'_>, wire: WireType) -> Result<u64, WireError> {
    match wire {
        WireType::Fixed64 => cursor.fixed64(),
        WireType::Fixed32 => cursor.fixed32().map(u64::from),
        WireType::Varint | WireType::Delimited => cursor.varint(),
    }
}

fn put_text(field: &Field, bytes: &[u8], offset: usize, out: &mut Vec<u8>) -> Result<(), WireError> {
    match field.kind.id_length() {
        Some(length) => {
            if !bytes.is_empty() && bytes.len() != length {
                return Err(WireError::IdLength { field: field.name, length: bytes.len(), offset });
            }
            out.push(b'"');
            put_hex(bytes, out);
            out.push(b'"');
        }
        None if matches!(field.kind, Kind::Bytes) => put_base64(bytes, out),
        None => put_string(bytes, out),
    }
    Ok(())
}

fn put_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = out.get_mut(start..).and_then(|place| STANDARD.encode_slice(bytes, place).ok()).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

/// Appends a number from its bits on the wire: 64-bit integers in quotes, all others bare.
fn put_number(kind: Kind, value: u64, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let mut quoted = |text: &str| {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    };
    match kind {
        Kind::Fixed64 | Kind::Uint64 => quoted(digits.format(value)),
        Kind::Sfixed64 | Kind::Int64 => quoted(digits.format(value.cast_signed())),
        Kind::Double => put_double(f64::from_bits(value), out),
        Kind::Bool => out.extend_from_slice(if value == 0 { b"false" } else { b"true" }),
        // Varints of 32-bit types may be longer; readers keep the low bits.
        Kind::Fixed32 | Kind::Uint32 => out.extend_from_slice(digits.format(value as u32).as_bytes()),
        Kind::Int32 | Kind::Enum(_) => out.extend_from_slice(digits.format(value as i32).as_bytes()),
        Kind::Sint32 => {
            let folded = value as u32;
            let value = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
            out.extend_from_slice(digits.format(value).as_bytes());
        }
        Kind::String | Kind::Bytes | Kind::TraceId | Kind::SpanId | Kind::ProfileId | Kind::Message(_) => {}
    }
}

fn put_double(value: f64, out: &mut Vec<u8>) {
    let text: &[u8] = if value.is_nan() {
        b"\"NaN\""
    } else if value == f64::INFINITY {
        b"\"Infinity\""
    } else if value == f64::NEG_INFINITY {
        b"\"-Infinity\""
    } else {
        let mut digits = ryu::Buffer::new();
        let text = digits.format_finite(value).as_bytes();
        out.extend_from_slice(text.strip_suffix(b".0").unwrap_or(text));
        return;
    };
    out.extend_from_slice(text);
}
