//! Small bodies that want to become large, lie about it, or cost time. The time bounds are an order of magnitude
//! above what an unoptimised build takes, so only a change in kind fails them.

use std::time::Duration;

use super::*;

const CAP: usize = 4 << 20;

fn refused(codec: Codec, body: &[u8]) -> CodecError {
    let (pool, ledger) = (Pool::new(), Ledger::new(CAP as u64));
    let mut permit = ledger.try_reserve(0).unwrap();
    let started = std::time::SystemTime::now();
    let caps = Caps { max_output: CAP, ratio: None };
    let error = decompress(codec, body, &caps, &mut permit, &pool).expect_err("a bomb");
    assert!(started.elapsed().unwrap_or_default() < Duration::from_secs(2), "{codec:?} took too long");
    assert_eq!((ledger.used(), permit.bytes(), pool.stats().in_use()), (0, 0, 0));
    assert!(ledger.peak() <= CAP as u64);
    error
}

#[test]
fn body_of_a_thousand_to_one_stops_at_the_cap() {
    for codec in Codec::ALL {
        let bomb = encode(codec, &vec![0; 64 << 20]);
        assert_eq!(refused(codec, &bomb), CodecError::TooLarge { limit: CAP }, "{codec:?}");
    }
    let streamed = super::cross::streamed_zstd(&vec![0; 64 << 20], 1, None);
    assert_eq!(refused(Codec::Zstd, &streamed), CodecError::TooLarge { limit: CAP });
}

#[test]
fn joined_bodies_share_one_cap() {
    for codec in [Codec::Gzip, Codec::Zstd, Codec::Lz4, Codec::SnappyFramed] {
        let bomb = encode(codec, &vec![0; CAP / 4]).repeat(5);
        assert_eq!(refused(codec, &bomb), CodecError::TooLarge { limit: CAP }, "{codec:?}");
    }
}

#[test]
fn million_empty_frames_end_early() {
    for codec in [Codec::Gzip, Codec::Zstd, Codec::Lz4] {
        let bomb = encode(codec, b"").repeat(1_000_000);
        assert!(matches!(refused(codec, &bomb), CodecError::TooManyFrames { .. }));
    }
    let chunks = [&b"\xff\x06\0\0sNaPpY"[..], &b"\xfe\0\0\0".repeat(1_000_000)].concat();
    assert!(matches!(refused(Codec::SnappyFramed, &chunks), CodecError::TooManyFrames { .. }));
}

#[test]
fn giant_zstd_window_is_refused_without_being_allocated() {
    let wide = super::cross::streamed_zstd(b"small", 1, Some(27));
    assert_eq!(refused(Codec::Zstd, &wide), CodecError::WindowTooLarge { limit: 8 << 20 });
    let just_above = super::cross::streamed_zstd(b"small", 1, Some(24));
    assert_eq!(refused(Codec::Zstd, &just_above), CodecError::WindowTooLarge { limit: 8 << 20 });
    let allowed = super::cross::streamed_zstd(b"small", 1, Some(23));
    assert_eq!(decode(Codec::Zstd, &allowed).unwrap(), "small");
    // 2 GiB and more, by hand: magic, no flags, largest exponent, one empty last block.
    let largest = b"\x28\xb5\x2f\xfd\x00\xff\x01\0\0";
    assert_eq!(refused(Codec::Zstd, largest), CodecError::WindowTooLarge { limit: 8 << 20 });
}

#[test]
fn declared_sizes_take_no_memory_by_themselves() {
    let lies: [(Codec, &[u8]); 6] = [
        // A snappy block of 4 GiB - 1, and one of 1 MiB, in a few bytes.
        (Codec::Snappy, b"\xff\xff\xff\xff\x0f\0a"),
        (Codec::Snappy, b"\x80\x80\x40\0a"),
        // A framed chunk that declares 64 KiB.
        (Codec::SnappyFramed, b"\xff\x06\0\0sNaPpY\0\x09\0\0\x11\x22\x33\x44\x80\x80\x04\0a"),
        // A zstd frame of one segment of 2^63 bytes.
        (Codec::Zstd, b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x80\x01\0\0"),
        // A gzip member whose trailer says 16 KiB.
        (Codec::Gzip, b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\x40\0\0"),
        // An lz4 frame of 2^40 bytes.
        (Codec::Lz4, b"\x04\x22\x4d\x18\x68\x40\0\0\0\0\0\x01\0\0\xdd\0\0\0\0"),
    ];
    for (codec, body) in lies {
        let ledger = Ledger::new(1 << 30);
        let result = decode_capped(codec, body, &AMPLE, &ledger);
        assert!(corrupt(result.clone()), "{codec:?}: {result:?}");
        assert!(ledger.peak() <= 20 << 10, "{codec:?} reserved {}", ledger.peak());
    }
}

#[test]
fn content_size_above_the_cap_is_refused_before_memory_is_taken() {
    for codec in [Codec::Zstd, Codec::Snappy] {
        let bomb = encode(codec, &vec![0; CAP + 1]);
        let ledger = Ledger::new(1 << 30);
        let caps = Caps { max_output: CAP, ratio: None };
        assert_eq!(decode_capped(codec, &bomb, &caps, &ledger), Err(CodecError::TooLarge { limit: CAP }));
        assert_eq!(ledger.peak(), 3);
    }
}

#[test]
fn zero_cap_takes_empty_messages_only() {
    let caps = Caps { max_output: 0, ratio: None };
    for codec in Codec::ALL {
        let ledger = Ledger::new(3);
        assert_eq!(decode_capped(codec, &encode(codec, b""), &caps, &ledger).unwrap(), "");
        let refused = decode_capped(codec, &encode(codec, b"x"), &caps, &ledger);
        assert_eq!(refused, Err(CodecError::TooLarge { limit: 0 }), "{codec:?}");
    }
}

#[test]
fn ledger_that_runs_out_on_the_way_gets_everything_back() {
    let content = vec![0; 1 << 20];
    for codec in Codec::ALL {
        let body = encode(codec, &content);
        for budget in [4, 1000, 5000, 100_000, (1 << 20) + 2] {
            let result = decode_capped(codec, &body, &AMPLE, &Ledger::new(budget));
            assert!(matches!(result, Err(CodecError::Exhausted(_))), "{codec:?}: {result:?}");
        }
    }
}
