//! One table of every OTLP message: field numbers, names, types and presence.
//!
//! The table is written from `proto/*.proto` by `cargo run -p teleferric-wire --example generate-schema` and read by
//! everything that walks a message without knowing it: the framing check, JSON in both directions, the debug text.
//! It holds no bytes and decodes nothing.

#[rustfmt::skip]
mod generated;

pub use generated::*;

/// A message type.
#[derive(Debug)]
pub struct Message {
    /// Full name, such as `opentelemetry.proto.trace.v1.Span`.
    pub name: &'static str,
    /// What the message stands for when a request is counted.
    pub role: Role,
    /// Fields by rising number.
    pub fields: &'static [Field],
    /// Names of the oneofs; [`oneof`](field@Field::oneof) is an index into them.
    pub oneofs: &'static [&'static str],
    /// What a tag of one byte asks for: the fast half of [`Message::field`].
    pub(crate) steps: [Step; 128],
}

/// What stands behind a tag of one byte, when field and wire type belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A message, an unknown field, a run of packed numbers, or a wire type that is wrong: looked at with care.
    Other,
    Varint,
    Fixed64,
    Fixed32,
    Bytes,
    /// An identifier of this length.
    Id(u8),
    /// An attribute.
    Attribute,
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// Number on the wire.
    pub number: u32,
    /// Name in the definition, `snake_case`.
    pub name: &'static str,
    /// Key in OTLP/JSON, `lowerCamelCase`.
    pub json_name: &'static str,
    /// Type of the value, or of one element if repeated.
    pub kind: Kind,
    /// Whether the field is a list.
    pub repeated: bool,
    /// Whether a scalar tells absent from default (`optional` in the definition). Members of a oneof and messages
    /// always do, and are not marked.
    pub optional: bool,
    /// The oneof this field belongs to, as an index into [`Message::oneofs`].
    pub oneof: Option<u8>,
}

/// Type of a field. Identifiers are bytes on the wire and hexadecimal in JSON.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Eight bytes, IEEE 754.
    Double,
    /// Eight bytes, unsigned.
    Fixed64,
    /// Eight bytes, signed.
    Sfixed64,
    /// Four bytes, unsigned.
    Fixed32,
    /// Varint, signed; ten bytes when negative.
    Int32,
    /// Varint, unsigned.
    Uint32,
    /// Varint, zigzag.
    Sint32,
    /// Varint, signed; ten bytes when negative.
    Int64,
    /// Varint, unsigned.
    Uint64,
    /// Varint, 0 or 1.
    Bool,
    /// Varint; numbers without a name are legal.
    Enum(&'static EnumTable),
    /// Length-delimited UTF-8.
    String,
    /// Length-delimited bytes, base64 in JSON.
    Bytes,
    /// 0 or 16 bytes.
    TraceId,
    /// 0 or 8 bytes.
    SpanId,
    /// 0 or 16 bytes.
    ProfileId,
    /// Length-delimited message.
    Message(&'static Message),
}

/// The names of an enumeration.
#[derive(Debug)]
pub struct EnumTable {
    /// Full name, such as `opentelemetry.proto.trace.v1.Span.SpanKind`.
    pub name: &'static str,
    /// Names and numbers in the order of the definition.
    pub values: &'static [(&'static str, i32)],
}

/// What a message stands for when a request is counted or limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing of the below.
    Other,
    /// A resource with its scopes: `ResourceSpans` and its kin.
    ResourceEntry,
    /// A scope with its records: `ScopeSpans` and its kin.
    ScopeEntry,
    /// Holds items without being one: a metric, a profile.
    Record,
    /// What the signal counts: a span, a data point, a log record, a profile sample.
    Item,
    /// `AnyValue`, the only message that can contain itself.
    Value,
}

/// How a value is framed on the wire: the low three bits of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WireType {
    /// Up to ten bytes, seven bits each.
    Varint = 0,
    /// Eight bytes, little endian.
    Fixed64 = 1,
    /// A varint length and that many bytes.
    Delimited = 2,
    /// Four bytes, little endian.
    Fixed32 = 5,
}

impl WireType {
    /// The wire type of these three bits of a tag; none for groups and undefined ones.
    #[inline]
    pub(crate) const fn of(bits: u8) -> Option<WireType> {
        match bits {
            0 => Some(WireType::Varint),
            1 => Some(WireType::Fixed64),
            2 => Some(WireType::Delimited),
            5 => Some(WireType::Fixed32),
            _ => None,
        }
    }
}

impl Message {
    const fn new(name: &'static str, role: Role, fields: &'static [Field], oneofs: &'static [&'static str]) -> Message {
        let mut steps = [Step::Other; 128];
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            if field.number < 16 {
                steps[((field.number << 3) | field.kind.wire_type() as u32) as usize] = field.step();
            }
            index += 1;
        }
        Message { name, role, fields, oneofs, steps }
    }

    /// The field with this number. Costs one comparison for fields numbered without gaps.
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        if let Some(field) = self.fields.get((number as usize).wrapping_sub(1))
            && field.number == number
        {
            return Some(field);
        }
        let at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        self.fields.get(at)
    }

    /// The field with this name, in either spelling.
    pub fn field_by_name(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.json_name == name || field.name == name)
    }

    /// Whether both are the same message type.
    pub fn is(&self, other: &Message) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Field {
    const fn new(number: u32, name: &'static str, json_name: &'static str, kind: Kind) -> Field {
        Field { number, name, json_name, kind, repeated: false, optional: false, oneof: None }
    }

    const fn repeated(mut self) -> Field {
        self.repeated = true;
        self
    }

    const fn optional(mut self) -> Field {
        self.optional = true;
        self
    }

    const fn oneof(mut self, index: u8) -> Field {
        self.oneof = Some(index);
        self
    }

    const fn step(&self) -> Step {
        match (self.kind, self.kind.wire_type()) {
            // The message itself cannot be looked at here, for messages refer to each other; a test compares.
            (Kind::Message(_), _) if matches!(self.name.as_bytes(), b"attributes") => Step::Attribute,
            (Kind::Message(_), _) => Step::Other,
            (Kind::TraceId | Kind::ProfileId, _) => Step::Id(16),
            (Kind::SpanId, _) => Step::Id(8),
            (_, WireType::Varint) => Step::Varint,
            (_, WireType::Fixed64) => Step::Fixed64,
            (_, WireType::Fixed32) => Step::Fixed32,
            (_, WireType::Delimited) => Step::Bytes,
        }
    }

    /// Whether the wire may hold this list as one delimited run of numbers. OTLP writers do; readers accept both.
    pub const fn is_packable(&self) -> bool {
        self.repeated && !matches!(self.kind.wire_type(), WireType::Delimited)
    }

    /// Whether absence differs from the default value.
    pub const fn has_presence(&self) -> bool {
        self.optional || self.oneof.is_some() || matches!(self.kind, Kind::Message(_))
    }
}

impl Kind {
    /// How one value of this type is framed.
    pub const fn wire_type(self) -> WireType {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::Fixed64,
            Kind::Fixed32 => WireType::Fixed32,
            Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Int64 | Kind::Uint64 | Kind::Bool | Kind::Enum(_) => {
                WireType::Varint
            }
            Kind::String | Kind::Bytes | Kind::TraceId | Kind::SpanId | Kind::ProfileId | Kind::Message(_) => {
                WireType::Delimited
            }
        }
    }

    /// The only length other than 0 that an identifier may have, in bytes.
    pub const fn id_length(self) -> Option<usize> {
        match self {
            Kind::TraceId | Kind::ProfileId => Some(16),
            Kind::SpanId => Some(8),
            _ => None,
        }
    }
}

impl EnumTable {
    /// The number behind a name.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
    }

    /// The first name of a number; numbers from newer peers have none.
    pub fn label(&self, number: i32) -> Option<&'static str> {
        self.values.iter().find(|(_, known)| *known == number).map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests;
