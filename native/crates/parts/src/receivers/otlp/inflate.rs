//! Decompressing request bodies within their limit, with the codec's errors turned into refusals.

use bytes::Bytes;
use teleferric_buf::{Permit, Pool};
use teleferric_codec::{Caps, Codec, decompress};
use teleferric_flow::{Fault, FaultCode};

/// The body as it was before compression, at most `max` bytes; the permit ends up covering it.
pub(super) fn inflate(
    codec: Codec,
    body: &Bytes,
    max: usize,
    permit: &mut Permit,
    pool: &Pool,
) -> Result<Bytes, Fault> {
    // The permit covers the compressed bytes; those are let go of once the others are there.
    let caps = Caps { max_output: max, ratio: None };
    let plain = decompress(codec, body, &caps, permit, pool).map_err(|error| {
        if error.is_memory() {
            return super::pressure(&error);
        }
        let code = if error.is_too_large() { FaultCode::TooLarge } else { FaultCode::BadCompression };
        Fault::new(code, error.to_string())
    })?;
    permit.shrink_to(plain.len() as u64);
    Ok(plain)
}
