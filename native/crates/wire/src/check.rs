//! The one pass that turns bytes into a [`ValidRequest`]: structure checked, items counted, nothing copied.
//!
//! The walk follows the schema table. Known fields must have their wire type, lengths must stay inside their message,
//! ids must have their length, values may nest only so deep. Unknown fields are stepped over and kept. Text is not
//! checked for UTF-8, and meaning (times, kinds, duplicate keys) is nobody's business here.

use crate::cursor::{Cursor, WireType, delimited_tag, fixed64_tag, varint_tag};
use crate::error::WireError;
use crate::limits::Limits;
use crate::numbers::{any_value, key_value};
use crate::schema::{self, Field, Kind, Message, Role, Step};
use crate::signal::Signal;

/// What a request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans, data points, log records or profile samples.
    pub items: u64,
    /// Resource entries.
    pub resources: u64,
    /// Scope entries.
    pub scopes: u64,
    /// Spans, metrics, log records or profiles: what stands directly in a scope entry.
    pub records: u64,
}

/// The bytes of an export request that [`check`] accepted.
#[derive(Clone, Copy, Debug)]
pub struct ValidRequest<'a> {
    signal: Signal,
    bytes: &'a [u8],
    counts: Counts,
}

impl<'a> ValidRequest<'a> {
    /// What kind of request it is.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The bytes as they were given.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What it holds.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

/// Checks a request down to its last field and counts what it holds, in one pass and without allocating.
///
/// A scan that stops at the records can be added as another private walk behind this signature, because callers only
/// learn the counts and that the views may read the bytes.
///
/// # Errors
/// The first thing found wrong, in the order of the bytes; see [`WireError`].
pub fn check<'a>(signal: Signal, bytes: &'a [u8], limits: &Limits) -> Result<ValidRequest<'a>, WireError> {
    let mut walk = Walk { limits, items_left: limits.max_items, counts: Counts::default() };
    walk.message(signal.request(), Cursor::new(bytes), limits.depth())?;
    let mut counts = walk.counts;
    counts.items = limits.max_items - walk.items_left;
    if matches!(signal, Signal::Traces | Signal::Logs) {
        counts.records = counts.items;
    }
    Ok(ValidRequest { signal, bytes, counts })
}

struct Walk<'l> {
    limits: &'l Limits,
    items_left: u64,
    /// `items` stays 0 here; it follows from `items_left`.
    counts: Counts,
}

impl Walk<'_> {
    /// Checks one message. Recursion follows the schema, which is finite but for values, and those spend `depth`; this
    /// function holds as little as it can on the stack.
    fn message(&mut self, message: &'static Message, mut cursor: Cursor<'_>, depth: u32) -> Result<(), WireError> {
        let mut attributes = 0_u32;
        while let Some(child) = self.next_child(message, &mut cursor, depth, &mut attributes)? {
            self.message(child.message, child.cursor, child.depth)?;
        }
        Ok(())
    }

    /// Steps over fields up to the next message that has to be walked.
    #[inline]
    fn next_child<'a>(
        &mut self,
        message: &'static Message,
        cursor: &mut Cursor<'a>,
        depth: u32,
        attributes: &mut u32,
    ) -> Result<Option<Child<'a>>, WireError> {
        // Attributes that are counted, or too deep for a value, are looked at one by one.
        let plain_attributes = depth > 0 && self.limits.max_attributes == 0;
        loop {
            cursor.skip_to(after_plain_fields(message, cursor.rest(), plain_attributes));
            if cursor.is_empty() {
                return Ok(None);
            }
            if let Some(child) = self.field(message, cursor, depth, attributes)? {
                return Ok(Some(child));
            }
        }
    }

    /// Checks one field of any kind; the message that it is, if that has to be walked.
    #[inline]
    fn field<'a>(
        &mut self,
        message: &'static Message,
        cursor: &mut Cursor<'a>,
        depth: u32,
        attributes: &mut u32,
    ) -> Result<Option<Child<'a>>, WireError> {
        let tag = cursor.tag()?;
        let Some(field) = message.field(tag.number) else {
            return cursor.skip(tag.wire).map(|()| None);
        };
        match field.kind {
            Kind::Message(child) if tag.wire == WireType::Delimited => {
                let depth = self.enter(message, child, depth, attributes)?;
                Ok(Some(Child { message: child, cursor: cursor.message()?, depth }))
            }
            kind => scalar(message, field, kind, tag.wire, cursor).map(|()| None),
        }
    }

    /// Counts a message about to be read; gives the depth left inside it.
    #[inline]
    fn enter(
        &mut self,
        parent: &'static Message,
        child: &'static Message,
        depth: u32,
        attributes: &mut u32,
    ) -> Result<u32, WireError> {
        match child.role {
            Role::Value => {
                return depth.checked_sub(1).ok_or(WireError::TooDeep { limit: self.limits.depth() });
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
                if limit != 0 && child.is(&schema::KEY_VALUE) && !parent.is(&schema::KEY_VALUE_LIST) {
                    *attributes += 1;
                    if *attributes > limit {
                        return Err(WireError::TooManyAttributes { limit });
                    }
                }
            }
        }
        Ok(depth)
    }
}

/// A message to be walked.
struct Child<'a> {
    message: &'static Message,
    cursor: Cursor<'a>,
    depth: u32,
}

/// What is left behind all fields that are known, framed as they should be and of usual length: scalars, identifiers
/// and, if they may be taken, plain attributes. The first that is anything else is left for a closer look, so this
/// holds on to nothing but a place and says nothing about errors.
#[inline(always)]
fn after_plain_fields<'a>(message: &Message, mut rest: &'a [u8], attributes: bool) -> &'a [u8] {
    while let [tag @ 0..0x80, after @ ..] = rest {
        let next = match message.steps[usize::from(*tag)] {
            Step::Attribute if attributes => after_plain_attribute(after),
            Step::Bytes => after_bytes(after),
            Step::Varint => match after {
                [0..0x80, next @ ..] => Some(next),
                _ => None,
            },
            Step::Fixed64 => after.get(8..),
            Step::Fixed32 => after.get(4..),
            Step::Id(length) => match after {
                [told, id @ ..] if *told == length => id.get(usize::from(length)..),
                _ => None,
            },
            Step::Attribute | Step::Other => None,
        };
        match next {
            Some(next) => rest = next,
            None => break,
        }
    }
    rest
}

/// What is left behind a length of one or two bytes and as many bytes.
#[inline(always)]
fn after_bytes(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [length @ 0..0x80, rest @ ..] => rest.get(usize::from(*length)..),
        [low, high @ 0..0x80, rest @ ..] => rest.get(usize::from(low & 0x7f) | usize::from(*high) << 7..),
        _ => None,
    }
}

/// What is left behind a plain attribute whose tag was taken.
#[inline(always)]
fn after_plain_attribute(bytes: &[u8]) -> Option<&[u8]> {
    let [length @ 0..0x80, rest @ ..] = bytes else { return None };
    let (attribute, rest) = rest.split_at_checked(usize::from(*length))?;
    is_plain_attribute(attribute).then_some(rest)
}

/// Whether an attribute is a key and a value that is one string or number, and nothing else, each in the usual form.
/// Most bytes of most requests are such attributes; any other is walked by the table.
#[inline(always)]
fn is_plain_attribute(attribute: &[u8]) -> bool {
    let [KEY_TAG, key @ 0..0x80, rest @ ..] = attribute else { return false };
    let Some([VALUE_TAG, length @ 0..0x80, value @ ..]) = rest.get(usize::from(*key)..) else { return false };
    if usize::from(*length) != value.len() {
        return false;
    }
    match value {
        [STRING_TAG, length @ 0..0x80, string @ ..] => usize::from(*length) == string.len(),
        [DOUBLE_TAG, double @ ..] => double.len() == 8,
        [INT_TAG | BOOL_TAG, 0..0x80] => true,
        // Nine bytes hold 63 bits; the tenth is left to who looks more closely.
        [INT_TAG, start @ .., 0..0x80] => start.len() < 9 && start.iter().all(|byte| *byte >= 0x80),
        _ => false,
    }
}

const KEY_TAG: u8 = delimited_tag(key_value::KEY);
const VALUE_TAG: u8 = delimited_tag(key_value::VALUE);
const STRING_TAG: u8 = delimited_tag(any_value::STRING);
const BOOL_TAG: u8 = varint_tag(any_value::BOOL);
const INT_TAG: u8 = varint_tag(any_value::INT);
const DOUBLE_TAG: u8 = fixed64_tag(any_value::DOUBLE);

/// Steps over the payload of a field that is not a message, or that should be one and is framed as something else.
#[inline]
fn scalar(
    message: &'static Message,
    field: &'static Field,
    kind: Kind,
    wire: WireType,
    cursor: &mut Cursor<'_>,
) -> Result<(), WireError> {
    match (kind, wire) {
        (Kind::String | Kind::Bytes, WireType::Delimited) => cursor.bytes().map(drop),
        (Kind::TraceId | Kind::ProfileId, WireType::Delimited) => id(message, field.number, 16, cursor),
        (Kind::SpanId, WireType::Delimited) => id(message, field.number, 8, cursor),
        (Kind::Double | Kind::Fixed64 | Kind::Sfixed64, WireType::Fixed64) => cursor.fixed64().map(drop),
        (Kind::Fixed32, WireType::Fixed32) => cursor.fixed32().map(drop),
        (
            Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Int64 | Kind::Uint64 | Kind::Bool | Kind::Enum(_),
            WireType::Varint,
        ) => cursor.varint().map(drop),
        (kind, WireType::Delimited) if field.repeated => packed(kind.wire_type(), cursor),
        _ => Err(WireError::WrongWireType { message: message.name, field: field.name, offset: cursor.offset() }),
    }
}

/// An identifier: absent in effect, or of its one length.
#[inline]
fn id(message: &Message, number: u32, length: usize, cursor: &mut Cursor<'_>) -> Result<(), WireError> {
    let id = cursor.bytes()?;
    if id.is_empty() || id.len() == length {
        return Ok(());
    }
    let field = message.field(number).map_or("id", |field| field.name);
    Err(WireError::IdLength { field, length: id.len(), offset: cursor.offset() - id.len() })
}

/// A run of numbers without tags.
fn packed(element: WireType, cursor: &mut Cursor<'_>) -> Result<(), WireError> {
    let mut run = cursor.message()?;
    while !run.is_empty() {
        run.skip(element)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
