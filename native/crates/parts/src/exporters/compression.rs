//! How exporters compress what they send, and when those for OTLP need not, because it came like that.

use std::borrow::Cow;

use bytes::Bytes;
use teleferric_buf::Pool;
use teleferric_codec::Codec;
use teleferric_flow::{Fault, FaultCode, Payload};

use crate::component::StartError;

/// What one OTLP exporter does to its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compression {
    codec: Option<Codec>,
    level: Option<i32>,
    /// Whether a request that came in this codec goes on as it came.
    passes_through: bool,
}

impl Compression {
    /// Compresses with `codec`, if any, at `level`, which is 0 for the default; `passthrough` is the exporter's
    /// `compressed_passthrough`. Who asks for a level gets it for every request, so nothing passes through then.
    ///
    /// # Errors
    /// A `passthrough` that is neither `off` nor `single`.
    pub(super) fn new(codec: Option<Codec>, level: i32, passthrough: &str) -> Result<Self, StartError> {
        let wanted = match passthrough {
            "off" => false,
            "single" => true,
            other => return Err(StartError::new(format!("invalid compressed_passthrough: {other}"))),
        };
        let level = (level != 0).then_some(level);
        Ok(Compression { codec, level, passes_through: wanted && level.is_none() })
    }

    /// A request as it is sent: the sender's own compressed bytes if they can be used, else compressed here, or as it is
    /// without a codec.
    ///
    /// # Errors
    /// As [`Compression::compress`].
    pub(super) fn request<'a>(&self, payload: &'a Payload, pool: &Pool) -> Result<Cow<'a, [Bytes]>, Fault> {
        let codec = self.codec.filter(|_| self.passes_through);
        match codec.and_then(|codec| payload.packed(codec.name())) {
            Some(packed) => Ok(Cow::Borrowed(std::slice::from_ref(packed))),
            None => self.compress(payload.chunks(), pool),
        }
    }

    /// What is written here, compressed.
    ///
    /// # Errors
    /// As [`compress`].
    pub(super) fn compress<'a>(&self, chunks: &'a [Bytes], pool: &Pool) -> Result<Cow<'a, [Bytes]>, Fault> {
        compress(self.codec, self.level, chunks, pool)
    }
}

/// The chunks as one compressed body, or as they are without a codec.
///
/// # Errors
/// When the codec fails, which it does for want of memory only.
pub(super) fn compress<'a>(
    codec: Option<Codec>,
    level: Option<i32>,
    chunks: &'a [Bytes],
    pool: &Pool,
) -> Result<Cow<'a, [Bytes]>, Fault> {
    let Some(codec) = codec else { return Ok(Cow::Borrowed(chunks)) };
    teleferric_codec::compress(codec, level, chunks, pool)
        .map(|body| Cow::Owned(vec![body]))
        .map_err(|error| Fault::new(FaultCode::MemoryPressure, format!("cannot compress the request: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use teleferric_buf::Permit;
    use teleferric_flow::Packed;

    const GZIP: Option<Codec> = Some(Codec::Gzip);

    #[test]
    fn request_passes_through_in_its_own_codec_unless_told_otherwise() {
        let packed = Packed::new("gzip", Bytes::from("as it came"), Permit::none());
        let payload = Payload::received(Bytes::from("request"), Some(packed));
        for (codec, level, word, passes) in [
            (GZIP, 0, "single", true),
            (GZIP, 0, "off", false),
            (GZIP, 6, "single", false),
            (Some(Codec::Zstd), 0, "single", false),
            (None, 0, "single", false),
        ] {
            let compression = Compression::new(codec, level, word).expect("known words");
            let sent = compression.request(&payload, &Pool::new()).expect("there is memory");
            assert_eq!(sent[0] == "as it came", passes, "{codec:?} {level} {word}");
            let joined: Payload = payload.chunks().iter().chain(payload.chunks()).cloned().collect();
            let sent = compression.request(&joined, &Pool::new()).expect("there is memory");
            assert_eq!(sent, compression.compress(joined.chunks(), &Pool::new()).expect("there is memory"));
        }
    }

    #[test]
    fn unknown_word_is_an_error() {
        let error = Compression::new(GZIP, 0, "multi").expect_err("no such word");
        assert_eq!(error.to_string(), "invalid compressed_passthrough: multi");
    }
}
