//! JSON to protobuf: one loop over members and elements, writing as it reads.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::lexer::Lexer;
use super::nested::{Nested, Open};
use crate::check::Counts;
use crate::cursor::{put_bytes, put_tag, put_varint};
use crate::error::WireError;
use crate::limits::Limits;
use crate::schema::{self, EnumTable, Field, Kind, Message, Role};
use crate::signal::Signal;

/// Appends the protobuf form of a request. On an error `out` holds part of it.
pub(super) fn request(signal: Signal, json: &[u8], limits: &Limits, out: &mut Vec<u8>) -> Result<Counts, WireError> {
    let mut counts = message(signal.request(), json, limits, out)?;
    if matches!(signal, Signal::Traces | Signal::Logs) {
        counts.records = counts.items;
    }
    Ok(counts)
}

/// Appends the protobuf form of any message of the schema.
pub(super) fn message(
    message: &'static Message,
    json: &[u8],
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<Counts, WireError> {
    let lexer = Lexer::new(json)?;
    let out = Nested::new(out);
    let mut reader = Reader { lexer, out, limits, items_left: limits.max_items, counts: Counts::default() };
    reader.run(message)?;
    reader.out.finish();
    Ok(Counts { items: limits.max_items - reader.items_left, ..reader.counts })
}

struct Reader<'a, 'o> {
    lexer: Lexer<'a>,
    out: Nested<'o>,
    limits: &'a Limits,
    items_left: u64,
    /// `items` stays 0 here; it follows from `items_left`.
    counts: Counts,
}

/// An object being read.
struct Frame {
    message: &'static Message,
    /// The message being written; `None` for the request itself.
    open: Option<Open>,
    /// The list of messages being read within the object.
    list: Option<&'static Field>,
    /// Whether the object or the list was just opened.
    fresh: bool,
    /// Where in the fields the next key is expected: writers keep the order of the definition.
    expected: usize,
    /// Fields written, by index, and oneofs written.
    seen: u32,
    oneofs: u32,
    attributes: u32,
    /// Levels of values that may still begin inside.
    depth: u32,
}

/// What to do after one member or element.
enum Step {
    /// Go on in the same object.
    Stay,
    /// A message begins; its brace is read.
    Enter(&'static Field, &'static Message),
    /// The object ends.
    Leave,
}

impl<'a> Reader<'a, '_> {
    fn run(&mut self, request: &'static Message) -> Result<(), WireError> {
        self.lexer.expect(b'{', EXPECTED_OBJECT)?;
        let mut top = Frame::new(request, None, self.limits.depth());
        let mut parents = Vec::with_capacity(16);
        loop {
            let step = match top.list {
                None => self.member(&mut top)?,
                Some(field) => self.element(&mut top, field)?,
            };
            match step {
                Step::Stay => {}
                Step::Enter(field, message) => {
                    let inner = self.enter(&mut top, field, message)?;
                    parents.push(std::mem::replace(&mut top, inner));
                }
                Step::Leave => {
                    if let Some(open) = top.open {
                        self.out.close(open);
                    }
                    match parents.pop() {
                        Some(parent) => top = parent,
                        None => return self.lexer.end(),
                    }
                }
            }
        }
    }

    /// Reads one member of the object, or the start of it.
    fn member(&mut self, top: &mut Frame) -> Result<Step, WireError> {
        let (message, expected) = (top.message, top.expected);
        let Some(key) = self.lexer.key(&mut top.fresh)? else { return Ok(Step::Leave) };
        let Some((index, field)) = find(message, key, expected) else {
            self.lexer.skip()?;
            return Ok(Step::Stay);
        };
        top.expected = index + 1;
        if self.lexer.null()? {
            return Ok(Step::Stay);
        }
        if let Some(oneof) = field.oneof {
            let bit = 1 << (oneof & 31);
            if top.oneofs & bit != 0 {
                return Err(self.lexer.error("more than one value for a oneof"));
            }
            top.oneofs |= bit;
        }
        let bit = 1 << (index & 31);
        let again = top.seen & bit != 0;
        top.seen |= bit;
        match field.kind {
            _ if field.repeated => self.list(top, field),
            Kind::Message(inner) => {
                self.lexer.expect(b'{', EXPECTED_OBJECT)?;
                Ok(Step::Enter(field, inner))
            }
            // Once a field is written, only its default undoes it.
            _ => self.scalar(field, again || field.has_presence()).map(|()| Step::Stay),
        }
    }

    /// Begins a list of messages, or reads a whole list of anything else.
    fn list(&mut self, top: &mut Frame, field: &'static Field) -> Result<Step, WireError> {
        self.lexer.expect(b'[', "expected an array")?;
        let mut fresh = true;
        if let Kind::Message(_) = field.kind {
            (top.list, top.fresh) = (Some(field), true);
        } else if !field.is_packable() {
            while self.lexer.element(&mut fresh)? {
                if self.lexer.null()? {
                    put_bytes(field.number, &[], self.out.out());
                } else {
                    self.scalar(field, true)?;
                }
            }
        } else if self.lexer.element(&mut fresh)? {
            let open = self.out.open(field.number);
            self.number(field.kind, None, true)?;
            while self.lexer.element(&mut fresh)? {
                self.number(field.kind, None, true)?;
            }
            self.out.close(open);
        }
        Ok(Step::Stay)
    }

    /// Reads one element of a list of messages, or the start of it.
    fn element(&mut self, top: &mut Frame, field: &'static Field) -> Result<Step, WireError> {
        if !self.lexer.element(&mut top.fresh)? {
            (top.list, top.fresh) = (None, false);
            return Ok(Step::Stay);
        }
        let Kind::Message(inner) = field.kind else { return Ok(Step::Stay) };
        if self.lexer.null()? {
            // Leaving it out would move the elements behind it.
            if let Some(open) = self.enter(top, field, inner)?.open {
                self.out.close(open);
            }
            return Ok(Step::Stay);
        }
        self.lexer.expect(b'{', EXPECTED_OBJECT)?;
        Ok(Step::Enter(field, inner))
    }

    /// Opens a message and counts it; the same rules as in `check`.
    fn enter(&mut self, top: &mut Frame, field: &Field, message: &'static Message) -> Result<Frame, WireError> {
        let mut depth = top.depth;
        match message.role {
            Role::Value => {
                depth = depth.checked_sub(1).ok_or(WireError::TooDeep { limit: self.limits.depth() })?;
            }
            Role::Item => match self.items_left.checked_sub(1) {
                Some(left) => self.items_left = left,
                None => return Err(WireError::TooManyItems { limit: self.limits.max_items }),
            },
            Role::ResourceEntry => self.counts.resources += 1,
            Role::ScopeEntry => self.counts.scopes += 1,
            Role::Record => self.counts.records += 1,
            Role::Other => {
                let limit = self.limits.max_attributes;
                if limit != 0 && message.is(&schema::KEY_VALUE) && !top.message.is(&schema::KEY_VALUE_LIST) {
                    top.attributes += 1;
                    if top.attributes > limit {
                        return Err(WireError::TooManyAttributes { limit });
                    }
                }
            }
        }
        Ok(Frame::new(message, Some(self.out.open(field.number)), depth))
    }

    /// Reads a value that is no message and writes it with its tag, unless it is a default that need not be kept.
    fn scalar(&mut self, field: &'static Field, keep_default: bool) -> Result<(), WireError> {
        match field.kind {
            Kind::String => {
                let text = self.lexer.string()?;
                if keep_default || !text.is_empty() {
                    put_bytes(field.number, text.as_bytes(), self.out.out());
                }
                Ok(())
            }
            Kind::Bytes => self.base64(field, keep_default),
            Kind::TraceId | Kind::SpanId | Kind::ProfileId => self.id(field, keep_default),
            kind => self.number(kind, Some(field.number), keep_default),
        }
    }

    fn base64(&mut self, field: &'static Field, keep_default: bool) -> Result<(), WireError> {
        self.lexer.peek();
        let start = self.lexer.offset();
        let text = self.lexer.string()?;
        if text.is_empty() && !keep_default {
            return Ok(());
        }
        let open = self.out.open(field.number);
        BASE64.decode_vec(text, self.out.out()).map_err(|_| invalid(start, field, "is not standard base64"))?;
        self.out.close(open);
        Ok(())
    }

    fn id(&mut self, field: &'static Field, keep_default: bool) -> Result<(), WireError> {
        self.lexer.peek();
        let start = self.lexer.offset();
        let text = self.lexer.string()?;
        let mut id = [0; 16];
        let length = if text.is_empty() { 0 } else { field.kind.id_length().unwrap_or_default() };
        let id = id.get_mut(..length).unwrap_or_default();
        if !decode_hex(text.as_bytes(), id) {
            let expected = if length == 16 { "is not 32 hexadecimal digits" } else { "is not 16 hexadecimal digits" };
            return Err(invalid(start, field, expected));
        }
        if keep_default || length != 0 {
            put_bytes(field.number, id, self.out.out());
        }
        Ok(())
    }

    /// Reads a number, an enumeration or a boolean. An element of a packed list has no tag.
    #[inline]
    fn number(&mut self, kind: Kind, number: Option<u32>, keep_default: bool) -> Result<(), WireError> {
        self.lexer.peek();
        let start = self.lexer.offset();
        let range = |reason| WireError::json(start, reason);
        let value = match kind {
            Kind::Double => self.lexer.double()?.to_bits(),
            Kind::Bool => u64::from(self.lexer.boolean()?),
            Kind::Enum(table) => varint_i64(self.enumeration(table)?.into()),
            Kind::Fixed64 | Kind::Uint64 => self.lexer.integer().and_then(|i| i.unsigned().map_err(range))?,
            Kind::Fixed32 | Kind::Uint32 => self.lexer.integer().and_then(|i| i.unsigned_32().map_err(range))?.into(),
            Kind::Sfixed64 | Kind::Int64 => varint_i64(self.lexer.integer().and_then(|i| i.signed().map_err(range))?),
            Kind::Int32 => varint_i64(self.signed_32(start)?.into()),
            Kind::Sint32 => {
                let value = self.signed_32(start)?;
                u64::from(((value << 1) ^ (value >> 31)).cast_unsigned())
            }
            Kind::String | Kind::Bytes | Kind::TraceId | Kind::SpanId | Kind::ProfileId | Kind::Message(_) => {
                return Ok(());
            }
        };
        if value == 0 && !keep_default {
            return Ok(());
        }
        let out = self.out.out();
        if let Some(number) = number {
            put_tag(number, kind.wire_type(), out);
        }
        match kind.wire_type() {
            schema::WireType::Fixed64 => out.extend_from_slice(&value.to_le_bytes()),
            schema::WireType::Fixed32 => out.extend_from_slice(&(value as u32).to_le_bytes()),
            schema::WireType::Varint | schema::WireType::Delimited => put_varint(value, out),
        }
        Ok(())
    }

    fn signed_32(&mut self, start: usize) -> Result<i32, WireError> {
        self.lexer.integer().and_then(|integer| integer.signed_32().map_err(|reason| WireError::json(start, reason)))
    }

    /// A number, with or without a name, or a name.
    fn enumeration(&mut self, table: &'static EnumTable) -> Result<i32, WireError> {
        let quoted = self.lexer.peek() == Some(b'"');
        let start = self.lexer.offset();
        if !quoted {
            return self.signed_32(start);
        }
        let name = self.lexer.string()?;
        table.number(name).ok_or(WireError::json(start, "unknown name of an enumeration"))
    }
}

impl Frame {
    fn new(message: &'static Message, open: Option<Open>, depth: u32) -> Frame {
        Frame { message, open, list: None, fresh: true, expected: 0, seen: 0, oneofs: 0, attributes: 0, depth }
    }
}

/// The field of a key, looked for from the expected place on.
#[inline]
fn find(message: &'static Message, key: &str, expected: usize) -> Option<(usize, &'static Field)> {
    let fields = message.fields;
    if let Some(field) = fields.get(expected)
        && field.json_name == key
    {
        return Some((expected, field));
    }
    fields.iter().enumerate().find(|(_, field)| field.json_name == key || field.name == key)
}

/// Fills an identifier from digits of any case; tells whether they were as many digits as it takes.
fn decode_hex(text: &[u8], id: &mut [u8]) -> bool {
    let (pairs, odd) = text.as_chunks::<2>();
    if pairs.len() != id.len() || !odd.is_empty() {
        return false;
    }
    for (byte, [high, low]) in id.iter_mut().zip(pairs) {
        match (char::from(*high).to_digit(16), char::from(*low).to_digit(16)) {
            (Some(high), Some(low)) => *byte = (high << 4 | low) as u8,
            _ => return false,
        }
    }
    true
}

/// The bits of a signed number as varints and fixed fields carry them.
const fn varint_i64(value: i64) -> u64 {
    value.cast_unsigned()
}

fn invalid(offset: usize, field: &Field, what: &str) -> WireError {
    WireError::json(offset, format!("{} {what}", field.json_name))
}

const EXPECTED_OBJECT: &str = "expected an object";

/// The standard alphabet with padding. Bits that no byte uses are ignored, as Go's decoder does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);
