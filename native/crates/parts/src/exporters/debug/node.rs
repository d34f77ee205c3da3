//! A message read by the names of its fields, as the schema has them: slow and general, for text made for people.

use std::borrow::Cow;

use teleferric_wire::cursor::{Cursor, Fields, Occurrences, Payload};
use teleferric_wire::schema::{Field, Kind, Message, WireType};
use teleferric_wire::view::Value;

/// A message. Where protobuf merges occurrences of one field, so does this.
pub(super) struct Node<'a> {
    message: &'static Message,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Node<'a> {
    /// A message of this type.
    pub(super) fn new(message: &'static Message, bytes: &'a [u8]) -> Self {
        Node { message, bytes: Cow::Borrowed(bytes) }
    }

    /// Its type.
    pub(super) fn message(&self) -> &'static Message {
        self.message
    }

    /// Whether the field was sent.
    pub(super) fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// A text or bytes field.
    pub(super) fn bytes(&self, name: &str) -> &[u8] {
        self.last(name).map(Payload::bytes).unwrap_or_default()
    }

    /// The bits of a numeric field, 0 if it is absent.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.last(name).map(Payload::number).unwrap_or_default()
    }

    /// A double, if it was sent.
    pub(super) fn double(&self, name: &str) -> Option<f64> {
        self.last(name).map(|payload| f64::from_bits(payload.number()))
    }

    /// A zigzag number.
    pub(super) fn sint(&self, name: &str) -> i32 {
        // Varints of 32-bit types may be longer; readers keep the low bits.
        unzigzag(self.number(name))
    }

    /// A repeated text or bytes field.
    pub(super) fn texts(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        Occurrences::new(&self.bytes, self.number_of(name)).map(|(_, bytes)| bytes)
    }

    /// A repeated message field.
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = Node<'_>> {
        let inner = self.field(name).and_then(inner);
        let number = if inner.is_some() { self.number_of(name) } else { 0 };
        Occurrences::new(&self.bytes, number)
            .filter_map(move |(_, bytes)| inner.map(|message| Node { message, bytes: Cow::Borrowed(bytes) }))
    }

    /// A message field, if it was sent.
    pub(super) fn child(&self, name: &str) -> Option<Node<'_>> {
        let message = self.field(name).and_then(inner)?;
        let mut occurrences = self.texts(name);
        let mut bytes = Cow::Borrowed(occurrences.next()?);
        // Messages side by side are one, by protobuf's own rule.
        occurrences.for_each(|more| bytes.to_mut().extend_from_slice(more));
        Some(Node { message, bytes })
    }

    /// A repeated numeric field, packed or not: the bits of each.
    pub(super) fn numbers(&self, name: &str) -> Vec<u64> {
        let Some(field) = self.field(name) else { return Vec::new() };
        let mut found = Vec::new();
        for part in Fields::new(&self.bytes).filter(|part| part.number == field.number) {
            match part.payload {
                Payload::Bytes(run) => read_run(run, field.kind.wire_type(), &mut found),
                single => found.push(single.number()),
            }
        }
        found
    }

    /// The member of a oneof that came last, and so counts.
    pub(super) fn oneof(&self) -> Option<&'static Field> {
        let known = |number| self.message.field(number).filter(|field| field.oneof.is_some());
        Fields::new(&self.bytes).filter_map(|part| known(part.number)).last()
    }

    /// This message as an AnyValue.
    pub(super) fn value(&self) -> Value<'_> {
        Value::of(&self.bytes)
    }

    fn last(&self, name: &str) -> Option<Payload<'_>> {
        let number = self.number_of(name);
        Fields::new(&self.bytes).filter(|part| part.number == number).last().map(|part| part.payload)
    }

    fn field(&self, name: &str) -> Option<&'static Field> {
        let field = self.message.field_by_name(name);
        debug_assert!(field.is_some(), "{} has no {name}", self.message.name);
        field
    }

    /// 0, which no field has, for names that are not in the schema.
    fn number_of(&self, name: &str) -> u32 {
        self.field(name).map_or(0, |field| field.number)
    }
}

/// Undoes protobuf's zigzag.
pub(super) fn unzigzag(bits: u64) -> i32 {
    let bits = bits as u32;
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}

fn inner(field: &'static Field) -> Option<&'static Message> {
    match field.kind {
        Kind::Message(message) => Some(message),
        _ => None,
    }
}

fn read_run(run: &[u8], element: WireType, found: &mut Vec<u64>) {
    let mut cursor = Cursor::new(run);
    while !cursor.is_empty() {
        let Ok(payload) = cursor.payload(element) else { return };
        found.push(payload.number());
    }
}

#[cfg(test)]
mod tests {
    use teleferric_wire::cursor::{put_bytes, put_tag, put_varint};
    use teleferric_wire::schema;

    use super::*;

    #[test]
    fn occurrences_of_one_message_are_merged_and_runs_are_read_either_way() {
        let mut status = Vec::new();
        put_bytes(2, b"first", &mut status);
        let mut more = Vec::new();
        put_tag(3, WireType::Varint, &mut more);
        put_varint(2, &mut more);
        let mut span = Vec::new();
        put_bytes(15, &status, &mut span);
        put_bytes(15, &more, &mut span);
        let span = Node::new(&schema::SPAN, &span);
        let status = span.child("status").unwrap();
        assert_eq!((status.bytes("message"), status.number("code")), (&b"first"[..], 2));

        let mut buckets = Vec::new();
        put_bytes(2, &[1, 2], &mut buckets);
        put_tag(2, WireType::Varint, &mut buckets);
        put_varint(300, &mut buckets);
        let buckets = Node::new(&schema::EXPONENTIAL_HISTOGRAM_DATA_POINT_BUCKETS, &buckets);
        assert_eq!(buckets.numbers("bucket_counts"), [1, 2, 300]);
    }

    #[test]
    fn damaged_bytes_show_less_and_do_no_harm() {
        let span = Node::new(&schema::SPAN, &[0x7a, 0x05, 0x10]);
        assert!(span.child("status").is_none() && span.list("events").next().is_none());
        assert_eq!(span.bytes("name"), b"");
    }
}
