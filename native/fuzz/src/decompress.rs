//! Decompression of any bytes: within its caps, paid for exactly, and giving everything back.

use bytes::Bytes;
use teleferric_buf::{Ledger, Pool};
use teleferric_codec::{Caps, Codec, CodecError, Ratio, compress, decompress};

const LEDGER_BYTES: u64 = 256 << 10;

/// One byte says the codec, one the caps; the rest is the body.
pub fn run(data: &[u8]) {
    let Some(([first, second], body)) = data.split_first_chunk() else { return };
    let codec = Codec::ALL[usize::from(*first) % Codec::ALL.len()];
    let max_output = match second & 3 {
        0 => 0,
        1 => 1000,
        2 => 64 << 10,
        // More than the ledger has.
        _ => 1 << 20,
    };
    let ratio = (second & 4 != 0).then_some(Ratio { max: 20, after: 4096 });
    let caps = Caps { max_output, ratio };
    let (pool, ledger) = (Pool::new(), Ledger::new(LEDGER_BYTES));
    let mut permit = ledger.try_reserve(100).expect("the ledger is empty");
    match decompress(codec, body, &caps, &mut permit, &pool) {
        Ok(output) => {
            assert!(output.len() <= max_output);
            assert_eq!(ledger.used(), 100 + output.len() as u64);
            if let Some(ratio) = ratio {
                let most = (body.len() * ratio.max as usize).max(ratio.after);
                assert!(output.len() <= most, "{} of {}", output.len(), body.len());
            }
        }
        Err(error) => {
            assert_eq!(ledger.used(), 100, "{error}");
            if let CodecError::TooLarge { limit } = error {
                assert_eq!(limit, max_output);
            }
        }
    }
    drop(permit);
    assert_eq!(ledger.used(), 0);
    if second & 8 != 0 {
        there_and_back(codec, body, &pool);
    }
}

fn there_and_back(codec: Codec, body: &[u8], pool: &Pool) {
    let chunks: Vec<Bytes> = body.chunks(100).map(Bytes::copy_from_slice).collect();
    let packed = compress(codec, None, &chunks, pool).expect("memory for a small body");
    let ledger = Ledger::new(1 << 30);
    let mut permit = ledger.try_reserve(0).expect("nothing is free");
    let caps = Caps { max_output: body.len(), ratio: None };
    assert_eq!(decompress(codec, &packed, &caps, &mut permit, pool).as_deref(), Ok(body));
}
