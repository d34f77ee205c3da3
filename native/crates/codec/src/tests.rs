//! Every codec against itself, against other implementations, and against hostile input.

mod bombs;
mod cross;
mod damage;
mod frames;
mod plain;
mod round_trip;

use std::sync::Arc;

use bytes::Bytes;
use teleferric_buf::{Ledger, Pool};

use crate::{Caps, Codec, CodecError, compress, decompress};

/// A cap that is in nobody's way.
const AMPLE: Caps = Caps { max_output: 64 << 20, ratio: None };

/// Decompresses with a ledger of its own and checks that it is exact: it holds the output as long as the permit
/// lives, nothing of a refused body, and nothing at all in the end.
fn decode_capped(codec: Codec, input: &[u8], caps: &Caps, ledger: &Arc<Ledger>) -> Result<Bytes, CodecError> {
    let before = ledger.used();
    let mut permit = ledger.try_reserve(3).expect("the test's ledger has room to start");
    let pool = Pool::new();
    let result = decompress(codec, input, caps, &mut permit, &pool);
    let held = 3 + result.as_ref().map_or(0, |output| output.len() as u64);
    assert_eq!((permit.bytes(), ledger.used()), (held, before + held));
    assert!(result.as_ref().map_or(0, Bytes::len) <= caps.max_output);
    drop(permit);
    assert_eq!(ledger.used(), before);
    if result.is_err() {
        assert_eq!(pool.stats().in_use(), 0, "a refused body keeps no memory");
    }
    result
}

fn decode(codec: Codec, input: &[u8]) -> Result<Bytes, CodecError> {
    decode_capped(codec, input, &AMPLE, &Ledger::new(1 << 30))
}

fn encode(codec: Codec, input: &[u8]) -> Bytes {
    compress(codec, None, &[Bytes::copy_from_slice(input)], &Pool::new()).expect("compresses")
}

/// Something like telemetry: repeated keys, varying values, some noise. At least `bytes` long.
fn telemetry(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(bytes + 200);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(b"\x12\x84\x02\x0a\x10");
        out.extend_from_slice(&state.to_le_bytes());
        out.extend_from_slice(
            b"\x2a\x0bGET /orders\x4a\x1d\x0a\x0bhttp.method\x12\x05\x0a\x03GET\x4a\x20\x0a\x10http.status_code",
        );
        out.extend_from_slice([b"200", b"404", b"503"][(state % 3) as usize]);
        out.extend_from_slice(format!("customer-{}", state % 1000).as_bytes());
    }
    out
}

fn corrupt(result: Result<Bytes, CodecError>) -> bool {
    matches!(result, Err(CodecError::Corrupt { .. }))
}
