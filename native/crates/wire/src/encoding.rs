//! The two encodings of OTLP/HTTP and their media types.

/// How a request or a response is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Binary protobuf.
    Proto,
    /// Protobuf's JSON mapping with OTLP's rules.
    Json,
}

impl Encoding {
    /// The media type, without parameters, as OTLP wants it on requests and responses.
    pub const fn media_type(self) -> &'static str {
        match self {
            Encoding::Proto => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }

    /// The encoding that a Content-Type names in any letter case and with any parameters; `None` for another type.
    pub fn from_content_type(value: &str) -> Option<Encoding> {
        let media_type = value.split_once(';').map_or(value, |(media_type, _)| media_type).trim();
        [Encoding::Proto, Encoding::Json].into_iter().find(|known| known.media_type().eq_ignore_ascii_case(media_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_known_in_any_case_and_with_parameters() {
        for (value, encoding) in [
            ("application/json", Some(Encoding::Json)),
            ("Application/JSON; charset=utf-8", Some(Encoding::Json)),
            (" application/x-protobuf ;a=b;c", Some(Encoding::Proto)),
            ("application/protobuf", None),
            ("application/grpc", None),
            ("", None),
            (";", None),
        ] {
            assert_eq!(Encoding::from_content_type(value), encoding, "{value}");
        }
    }
}
