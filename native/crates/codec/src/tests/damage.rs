//! Bodies cut short, bodies with flipped bits, and no bodies at all: an error or other content, never a panic.

use proptest::prelude::*;

use super::*;

#[test]
fn body_cut_short_anywhere_is_an_error() {
    for codec in Codec::ALL {
        let content = telemetry(1500);
        let body = encode(codec, &content);
        for len in 0..body.len() {
            let result = decode(codec, &body[..len]);
            // A snappy stream has no end of its own, so its start is a whole (empty) stream; so is nothing at all.
            let is_whole = match codec {
                Codec::SnappyFramed => len == 0 || len == 10,
                Codec::Zstd | Codec::Lz4 => len == 0,
                _ => false,
            };
            if is_whole {
                assert_eq!(result.unwrap(), "");
            } else {
                assert!(corrupt(result.clone()), "{codec:?} cut at {len}: {result:?}");
            }
        }
    }
}

#[test]
fn streamed_frames_cut_short_are_errors() {
    let body = super::cross::streamed_zstd(&telemetry(3000), 3, None);
    for len in 1..body.len() {
        assert!(corrupt(decode(Codec::Zstd, &body[..len])));
    }
}

#[test]
fn every_flipped_bit_is_noticed_where_there_is_a_checksum() {
    let content = telemetry(700);
    for codec in Codec::ALL {
        let body = encode(codec, &content).to_vec();
        for bit in 0..body.len() * 8 {
            let mut damaged = body.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let result = decode(codec, &damaged);
            // Flags, time and system of a gzip header are not covered, nor is a chunk's kind in snappy, which may
            // make it skippable; zstd and snappy blocks carry no checksum unless the sender adds one.
            if let Ok(output) = result
                && output != content
            {
                let is_unprotected = match codec {
                    Codec::Zstd | Codec::Snappy => true,
                    Codec::SnappyFramed => output.is_empty(),
                    _ => false,
                };
                assert!(is_unprotected, "{codec:?} took bit {bit} for other content");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_panics_and_costs_no_more_than_the_cap(
        codec in prop::sample::select(Codec::ALL.to_vec()),
        noise in prop::collection::vec(any::<u8>(), 0..300),
        start in 0..12_usize,
    ) {
        let caps = Caps { max_output: 10_000, ratio: None };
        let ledger = Ledger::new(1 << 20);
        // The start of an honest body leads deeper into the decoder.
        let mut body = encode(codec, b"an honest body to start with")[..start].to_vec();
        body.extend_from_slice(&noise);
        let _ = decode_capped(codec, &body, &caps, &ledger);
        prop_assert!(ledger.peak() <= 10_003);
    }

    #[test]
    fn several_changes_to_joined_frames_never_panic(
        codec in prop::sample::select(Codec::ALL.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        bytes in 0..4000_usize,
    ) {
        let mut body = [encode(codec, &telemetry(bytes)), encode(codec, &telemetry(bytes / 2))].concat();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let caps = Caps { max_output: 20_000, ratio: None };
        let _ = decode_capped(codec, &body, &caps, &Ledger::new(20_003));
    }
}
