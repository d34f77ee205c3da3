//! Reading protobuf fields from borrowed bytes: tags, varints, bounded payloads; and writing prefixes.
//!
//! A [`Cursor`] never panics and never reads past its slice. It knows nothing of OTLP: which fields exist is the
//! schema's business. Source: protobuf.dev, "Encoding".

use crate::error::WireError;
pub use crate::schema::WireType;

/// The highest field number protobuf allows.
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// A field number and the layout of what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// From 1 to 2^29 - 1.
    pub number: u32,
    /// The layout of the payload.
    pub wire: WireType,
}

/// One field's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A varint.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Length-delimited bytes.
    Bytes(&'a [u8]),
    /// Four bytes.
    Fixed32(u32),
}

impl<'a> Payload<'a> {
    /// The bytes of a length-delimited payload; empty for any other.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Payload::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// The number of a numeric payload; 0 for bytes.
    pub fn number(self) -> u64 {
        match self {
            Payload::Varint(value) | Payload::Fixed64(value) => value,
            Payload::Fixed32(value) => u64::from(value),
            Payload::Bytes(_) => 0,
        }
    }
}

/// One whole field as it stands in a message.
#[derive(Clone, Copy, Debug)]
pub struct RawField<'a> {
    /// The field number.
    pub number: u32,
    /// The decoded payload.
    pub payload: Payload<'a>,
    /// Tag, length and payload together.
    pub raw: &'a [u8],
}

/// A position in one message.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    /// The offset of the message's end within the request, for error texts.
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte of a request.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, end: bytes.len() }
    }

    /// Whether the message is read to its end.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left of the message.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes from the start of the request to the next unread byte.
    #[inline]
    pub fn offset(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    /// Steps over the next byte if it is this one.
    #[inline]
    pub fn take_if(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Goes on at `rest`, which is an end of what is left.
    #[inline]
    pub(crate) fn skip_to(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// Reads a tag.
    ///
    /// # Errors
    /// [`WireError::BadTag`] for field number 0, numbers above 2^29 - 1, groups and undefined wire types;
    /// [`WireError::Truncated`] and [`WireError::BadVarint`] for the varint itself.
    #[inline]
    pub fn tag(&mut self) -> Result<Tag, WireError> {
        self.take_tag().ok_or_else(|| self.tag_error())
    }

    /// Reads a varint of at most ten bytes and 64 bits.
    ///
    /// # Errors
    /// [`WireError::Truncated`] at the end of the message, [`WireError::BadVarint`] past 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        self.take_varint().ok_or_else(|| self.varint_error())
    }

    /// Reads a length and as many bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when the message holds fewer bytes than declared.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        self.take_bytes().ok_or_else(|| self.bytes_error())
    }

    /// Reads a length-delimited message and starts a cursor on it that keeps request offsets.
    ///
    /// # Errors
    /// As [`Cursor::bytes`].
    #[inline]
    pub fn message(&mut self) -> Result<Cursor<'a>, WireError> {
        let rest = self.bytes()?;
        Ok(Cursor { rest, end: self.offset() })
    }

    /// Reads eight little-endian bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        self.take_fixed64().ok_or(WireError::Truncated { offset: self.offset() })
    }

    /// Reads four little-endian bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        self.take_fixed32().ok_or(WireError::Truncated { offset: self.offset() })
    }

    /// Steps over the payload of a field with this wire type.
    ///
    /// # Errors
    /// As the reader of that wire type.
    #[inline]
    pub fn skip(&mut self, wire: WireType) -> Result<(), WireError> {
        match wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Delimited => self.bytes().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
        }
    }

    /// Reads the payload of a field with this wire type.
    ///
    /// # Errors
    /// As the reader of that wire type.
    #[inline]
    pub fn payload(&mut self, wire: WireType) -> Result<Payload<'a>, WireError> {
        Ok(match wire {
            WireType::Varint => Payload::Varint(self.varint()?),
            WireType::Fixed64 => Payload::Fixed64(self.fixed64()?),
            WireType::Delimited => Payload::Bytes(self.bytes()?),
            WireType::Fixed32 => Payload::Fixed32(self.fixed32()?),
        })
    }

    /// Reads one field whole, or `None` at the end of the message.
    ///
    /// # Errors
    /// As [`Cursor::tag`] and [`Cursor::payload`].
    #[inline]
    pub fn field(&mut self) -> Result<Option<RawField<'a>>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let start = self.rest;
        let tag = self.tag()?;
        let payload = self.payload(tag.wire)?;
        let raw = start.get(..start.len().saturating_sub(self.rest.len())).unwrap_or_default();
        Ok(Some(RawField { number: tag.number, payload, raw }))
    }
}

// The same without a reason: small enough to inline everywhere. On `None` the cursor has not moved, so that the error
// can be worked out afterwards.
impl<'a> Cursor<'a> {
    #[inline]
    fn take_tag(&mut self) -> Option<Tag> {
        // Nearly every tag is one byte, with a number that is in range.
        if let [byte @ 8..0x80, rest @ ..] = self.rest {
            let wire = WireType::of(byte & 7)?;
            self.rest = rest;
            return Some(Tag { number: u32::from(byte >> 3), wire });
        }
        self.take_long_tag()
    }

    fn take_long_tag(&mut self) -> Option<Tag> {
        let mut ahead = *self;
        let key = ahead.take_varint()?;
        let number = key >> 3;
        let wire = WireType::of((key & 7) as u8)?;
        if number == 0 || number > MAX_FIELD_NUMBER {
            return None;
        }
        *self = ahead;
        // The bound above makes the number fit.
        Some(Tag { number: number as u32, wire })
    }

    #[inline]
    fn take_varint(&mut self) -> Option<u64> {
        let (value, rest) = match self.rest {
            [byte @ 0..0x80, rest @ ..] => (u64::from(*byte), rest),
            // Most lengths of records.
            [low, high @ 0..0x80, rest @ ..] => (u64::from(low & 0x7f) | u64::from(*high) << 7, rest),
            longer => long_varint(longer)?,
        };
        self.rest = rest;
        Some(value)
    }

    #[inline]
    fn take_bytes(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = usize::try_from(ahead.take_varint()?).ok()?;
        let (bytes, rest) = ahead.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline]
    fn take_fixed64(&mut self) -> Option<u64> {
        let (chunk, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*chunk))
    }

    #[inline]
    fn take_fixed32(&mut self) -> Option<u32> {
        let (chunk, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*chunk))
    }

    #[inline]
    fn take_field(&mut self) -> Option<RawField<'a>> {
        let start = self.rest;
        let tag = self.take_tag()?;
        let payload = match tag.wire {
            WireType::Varint => Payload::Varint(self.take_varint()?),
            WireType::Fixed64 => Payload::Fixed64(self.take_fixed64()?),
            WireType::Delimited => Payload::Bytes(self.take_bytes()?),
            WireType::Fixed32 => Payload::Fixed32(self.take_fixed32()?),
        };
        let raw = start.get(..start.len().wrapping_sub(self.rest.len()))?;
        Some(RawField { number: tag.number, payload, raw })
    }

    #[inline]
    fn take_skip(&mut self, wire: WireType) -> Option<()> {
        match wire {
            WireType::Varint => self.take_varint().map(drop),
            WireType::Fixed64 => self.take_fixed64().map(drop),
            WireType::Delimited => self.take_bytes().map(drop),
            WireType::Fixed32 => self.take_fixed32().map(drop),
        }
    }

    #[cold]
    fn tag_error(&self) -> WireError {
        match { *self }.take_varint() {
            None => self.varint_error(),
            Some(_) => WireError::BadTag { offset: self.offset() },
        }
    }

    #[cold]
    fn varint_error(&self) -> WireError {
        let unended = self.rest.iter().take(10).all(|byte| *byte >= 0x80);
        if unended && self.rest.len() < 10 {
            return WireError::Truncated { offset: self.end };
        }
        WireError::BadVarint { offset: self.offset() }
    }

    #[cold]
    fn bytes_error(&self) -> WireError {
        let mut ahead = *self;
        match ahead.take_varint() {
            None => self.varint_error(),
            Some(_) => WireError::Truncated { offset: ahead.offset() },
        }
    }
}

/// A varint of any length, and what follows it.
#[inline(never)]
fn long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let fits = index < 9 || byte <= 1;
            return if fits { Some((value, bytes.get(index + 1..)?)) } else { None };
        }
    }
    None
}

/// The fields of a message that was checked before: stops at the first thing that is not a field, so that unchecked
/// bytes give fewer fields and never a panic.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(Cursor<'a>);

impl<'a> Fields<'a> {
    /// Starts at the first field of a message.
    #[inline]
    pub fn new(message: &'a [u8]) -> Self {
        Self(Cursor::new(message))
    }

    /// What is left of the message.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = RawField<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawField<'a>> {
        self.0.take_field()
    }
}

/// The length-delimited occurrences of one field of a message: each whole, and without tag and length. Stops where
/// [`Fields`] stops.
#[derive(Clone, Copy, Debug)]
pub struct Occurrences<'a> {
    cursor: Cursor<'a>,
    number: u32,
}

impl<'a> Occurrences<'a> {
    /// Starts at the first field of a message.
    #[inline]
    pub fn new(message: &'a [u8], number: u32) -> Self {
        Self { cursor: Cursor::new(message), number }
    }
}

impl<'a> Iterator for Occurrences<'a> {
    /// The whole field, and its content.
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next_occurrence(&mut self.cursor, self.number, |_| false)
    }
}

/// As [`Occurrences`], without short ones whose content `passes`: which it may do for some and not for others of the
/// same content, as it is asked only where that saves something.
pub(crate) struct Selected<'a, P> {
    cursor: Cursor<'a>,
    number: u32,
    passes: P,
}

impl<'a, P: Fn(&[u8]) -> bool> Selected<'a, P> {
    /// Starts at the first field of a message.
    #[inline]
    pub(crate) fn new(message: &'a [u8], number: u32, passes: P) -> Self {
        Self { cursor: Cursor::new(message), number, passes }
    }
}

impl<'a, P: Fn(&[u8]) -> bool> Iterator for Selected<'a, P> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next_occurrence(&mut self.cursor, self.number, &self.passes)
    }
}

#[inline(always)]
fn next_occurrence<'a>(
    cursor: &mut Cursor<'a>,
    number: u32,
    passes: impl Fn(&[u8]) -> bool,
) -> Option<(&'a [u8], &'a [u8])> {
    loop {
        cursor.rest = after_short_fields(cursor.rest, number, &passes);
        let start = cursor.rest;
        let tag = cursor.take_tag()?;
        if tag.number == number && tag.wire == WireType::Delimited {
            let content = cursor.take_bytes()?;
            let raw = start.get(..start.len().wrapping_sub(cursor.rest.len()))?;
            return Some((raw, content));
        }
        cursor.take_skip(tag.wire)?;
    }
}

/// What is left behind all fields with short tags and lengths that are not field `wanted`, or are and have content that
/// `passes`: most of most messages, passed without leaving registers. Anything else is left for a closer look.
#[inline(always)]
fn after_short_fields(mut rest: &[u8], wanted: u32, passes: impl Fn(&[u8]) -> bool) -> &[u8] {
    while let [tag @ 8..0x80, after @ ..] = rest {
        let next = match (tag & 7, after) {
            _ if u32::from(tag >> 3) == wanted => match after {
                [length @ 0..0x80, bytes @ ..] if tag & 7 == 2 => {
                    let content = bytes.split_at_checked(usize::from(*length));
                    content.filter(|(content, _)| passes(content)).map(|(_, next)| next)
                }
                _ => None,
            },
            (2, [length @ 0..0x80, bytes @ ..]) => bytes.get(usize::from(*length)..),
            (0, [0..0x80, next @ ..]) => Some(next),
            (1, _) => after.get(8..),
            (5, _) => after.get(4..),
            _ => None,
        };
        match next {
            Some(next) => rest = next,
            None => break,
        }
    }
    rest
}

/// The one byte of the tag of a length-delimited field numbered below 16.
pub(crate) const fn delimited_tag(number: u32) -> u8 {
    (number << 3) as u8 | WireType::Delimited as u8
}

/// The one byte of the tag of a varint field numbered below 16.
pub(crate) const fn varint_tag(number: u32) -> u8 {
    (number << 3) as u8 | WireType::Varint as u8
}

/// The one byte of the tag of an eight-byte field numbered below 16.
pub(crate) const fn fixed64_tag(number: u32) -> u8 {
    (number << 3) as u8 | WireType::Fixed64 as u8
}

/// Bytes a varint takes.
#[inline]
pub fn varint_len(value: u64) -> usize {
    // Each byte carries seven bits; zero takes one byte.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends a varint in its shortest form.
#[inline]
pub fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the tag of a field.
#[inline]
pub fn put_tag(number: u32, wire: WireType, out: &mut Vec<u8>) {
    put_varint((u64::from(number) << 3) | wire as u64, out);
}

/// Appends a length-delimited field.
#[inline]
pub fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_tag(number, WireType::Delimited, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Bytes that a length-delimited field with this payload length takes, tag and length included.
#[inline]
pub fn bytes_field_len(number: u32, length: usize) -> usize {
    varint_len(u64::from(number) << 3) + varint_len(length as u64) + length
}

#[cfg(test)]
mod tests;
