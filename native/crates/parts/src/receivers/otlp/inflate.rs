//! What request bodies may be, compressed and not, and decompressing them, with the codec's errors turned into refusals.

use bytes::Bytes;
use teleferric_buf::{Permit, Pool};
use teleferric_codec::{Caps, Codec, unpack};
use teleferric_flow::{Fault, FaultCode, Packed};
use teleferric_net::BodyError;

use super::ingest::Body;

/// What the bodies of one receiver's requests may be, but for those over gRPC.
pub struct BodyRules {
    /// Accepted codecs; none: what senders say of compression is ignored.
    pub codecs: Option<Vec<Codec>>,
    /// The most bytes, both as sent and decompressed.
    pub max: usize,
}

impl Default for BodyRules {
    fn default() -> Self {
        BodyRules { codecs: None, max: usize::MAX }
    }
}

impl BodyRules {
    /// The codec that a sender's word (HTTP's `Content-Encoding`) stands for.
    ///
    /// # Errors
    /// It is none of the accepted ones.
    pub fn codec(&self, word: &str) -> Result<Option<Codec>, Fault> {
        let Some(codecs) = &self.codecs else { return Ok(None) };
        let codec = Codec::from_http(word).filter(|codec| codecs.contains(codec));
        codec.map(Some).ok_or_else(|| {
            let word = word.chars().take(WORD_CHARS_MAX).collect::<String>();
            Fault::new(FaultCode::BadCompression, format!("unsupported Content-Encoding: {word}"))
        })
    }

    /// Whether a body of `bytes` as sent may be read.
    ///
    /// # Errors
    /// It is too large.
    pub fn admit(&self, bytes: usize) -> Result<(), Fault> {
        if bytes <= self.max {
            return Ok(());
        }
        let error = BodyError::TooLarge { limit: self.max, declared: Some(bytes as u64) };
        Err(Fault::new(FaultCode::TooLarge, error.to_string()))
    }

    /// The body as it was before compression, which `permit` ends up covering.
    ///
    /// # Errors
    /// It is damaged, too large by then, or there is no memory for it.
    pub fn open(&self, codec: Option<Codec>, body: Bytes, permit: &mut Permit, pool: &Pool) -> Result<Body, Fault> {
        match codec {
            None => Ok(body.into()),
            Some(codec) => inflate(codec, body, self.max, permit, pool),
        }
    }
}

/// How much of a sender's word is repeated to it.
const WORD_CHARS_MAX: usize = 64;

/// The body as it was before compression, at most `max` bytes, which `permit` ends up covering. A body that any receiver
/// would take as it is keeps its compressed bytes, and they keep their part of the permit: both forms have room in the
/// ledger by then, as they were both there while one became the other.
pub(super) fn inflate(codec: Codec, body: Bytes, max: usize, permit: &mut Permit, pool: &Pool) -> Result<Body, Fault> {
    let caps = Caps { max_output: max, ratio: None };
    let unpacked = unpack(codec, &body, &caps, permit, pool).map_err(|error| {
        if error.is_memory() {
            return crate::component::pressure(&error);
        }
        let code = if error.is_too_large() { FaultCode::TooLarge } else { FaultCode::BadCompression };
        Fault::new(code, error.to_string())
    })?;
    let packed = unpacked.is_plain.then(|| {
        let held = permit.split_off(body.len() as u64);
        // The codec's own name, which is the same whatever the transport called it.
        Packed::new(codec.name(), body, held)
    });
    permit.shrink_to(unpacked.bytes.len() as u64);
    Ok(Body { bytes: unpacked.bytes, packed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use teleferric_buf::Ledger;
    use teleferric_codec::compress;
    use teleferric_flow::Payload;

    const CODECS: [Codec; 2] = [Codec::Gzip, Codec::Zstd];

    fn compressed(codec: Codec) -> Bytes {
        compress(codec, None, &[Bytes::from("telemetry ".repeat(100))], &Pool::new()).expect("compresses")
    }

    #[test]
    fn permits_cover_both_forms_while_both_are_kept() {
        for codec in CODECS {
            let body = compressed(codec);
            let size = body.len() as u64;
            let ledger = Ledger::new(1000 + size);
            let mut permit = ledger.try_reserve(size).expect("fits");
            let inflated = inflate(codec, body.clone(), 1000, &mut permit, &Pool::new()).expect("is whole");
            assert_eq!((permit.bytes(), ledger.used()), (1000, 1000 + size), "{codec:?}");
            let mut payload = Payload::received(inflated.bytes, inflated.packed);
            assert_eq!(payload.packed(codec.name()), Some(&body), "{codec:?}");
            payload.forget_packed();
            assert_eq!(ledger.used(), 1000, "{codec:?}");
            drop(permit);
            assert_eq!(ledger.used(), 0, "{codec:?}");
        }
    }

    #[test]
    fn bodies_that_not_every_receiver_takes_are_not_kept() {
        let twice = |codec| [compressed(codec), compressed(codec)].concat().into();
        let bodies = CODECS.map(|codec| (codec, twice(codec))).into_iter();
        for (codec, body) in bodies.chain([(Codec::Snappy, compressed(Codec::Snappy))]) {
            let body: Bytes = body;
            let ledger = Ledger::new(1 << 20);
            let mut permit = ledger.try_reserve(body.len() as u64).expect("fits");
            let inflated = inflate(codec, body, 2000, &mut permit, &Pool::new()).expect("is whole");
            assert!(inflated.packed.is_none(), "{codec:?}");
            assert_eq!(ledger.used(), inflated.bytes.len() as u64, "{codec:?}");
        }
    }

    #[test]
    fn body_that_has_no_room_to_be_inflated_is_refused_for_the_moment() {
        let body = compressed(Codec::Gzip);
        let size = body.len() as u64;
        let ledger = Ledger::new(999 + size);
        let mut permit = ledger.try_reserve(size).expect("fits");
        let fault = inflate(Codec::Gzip, body, 1000, &mut permit, &Pool::new()).map(|_| ()).expect_err("no room");
        assert_eq!((fault.code, permit.bytes()), (FaultCode::MemoryPressure, size));
    }
}
