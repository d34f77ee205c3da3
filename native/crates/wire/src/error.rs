//! Why bytes are not an acceptable request: one error for the protobuf check and for JSON.
//!
//! An error tells apart bytes that are wrong ([`WireError::is_limit`] is false) from bytes that are well formed
//! but above a limit of ours. Turning it into a status for the sender is not done here.

use std::borrow::Cow;

/// What is wrong with a request. Offsets count bytes from the start of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field reaches past the end of the message that holds it.
    #[error("message ends inside a field at offset {offset}")]
    Truncated {
        /// Where the missing bytes should have been.
        offset: usize,
    },
    /// A varint is longer than ten bytes or above 64 bits.
    #[error("invalid varint at offset {offset}")]
    BadVarint {
        /// The first byte of the varint.
        offset: usize,
    },
    /// The field number is zero or too large, or the wire type is a group or undefined.
    #[error("invalid field tag at offset {offset}")]
    BadTag {
        /// The first byte of the tag.
        offset: usize,
    },
    /// A known field has another wire type than its definition.
    #[error("wrong wire type for {message}.{field} at offset {offset}")]
    WrongWireType {
        /// The message that holds the field.
        message: &'static str,
        /// The field's name in the definition.
        field: &'static str,
        /// Where the field's value starts.
        offset: usize,
    },
    /// An id is neither absent nor of its one length.
    #[error("invalid length {length} for {field} at offset {offset}")]
    IdLength {
        /// The field's name in the definition.
        field: &'static str,
        /// The length found, in bytes.
        length: usize,
        /// Where the id starts.
        offset: usize,
    },
    /// Attribute values or log bodies are nested too deeply.
    #[error("values are nested deeper than {limit} levels")]
    TooDeep {
        /// The limit in AnyValue levels.
        limit: u32,
    },
    /// The request holds too many items.
    #[error("more than {limit} items in one request")]
    TooManyItems {
        /// The limit in items.
        limit: u64,
    },
    /// One attribute list is too long.
    #[error("more than {limit} attributes in one list")]
    TooManyAttributes {
        /// The limit in attributes.
        limit: u32,
    },
    /// The text is not the JSON form of a request.
    #[error("invalid json at offset {offset}: {reason}")]
    Json {
        /// Where the trouble was noticed.
        offset: usize,
        /// What was expected or found, in lower case and without text of the sender.
        reason: Cow<'static, str>,
    },
}

impl WireError {
    /// Whether the request is well formed but above one of our limits.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::TooDeep { .. } | Self::TooManyItems { .. } | Self::TooManyAttributes { .. })
    }

    /// A JSON error with a fixed reason.
    pub fn json(offset: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Json { offset, reason: reason.into() }
    }
}
