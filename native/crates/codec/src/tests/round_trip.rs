//! What goes in comes out, at every level, however it is cut into chunks.

use proptest::prelude::*;

use super::*;

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3000),
        prop::collection::vec(0..3_u8, 0..3000),
        (0..200_000_usize).prop_map(telemetry),
    ]
}

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(Codec::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn output_is_the_chunks_side_by_side(
        codec in codec(),
        content in content(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        level in prop::option::of(-3..12),
    ) {
        let content = Bytes::from(content);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
        ends.extend([0, content.len()]);
        ends.sort_unstable();
        let chunks: Vec<Bytes> = ends.windows(2).map(|pair| content.slice(pair[0]..pair[1])).collect();
        let compressed = compress(codec, level, &chunks, &Pool::new()).unwrap();
        prop_assert_eq!(decode(codec, &compressed).unwrap(), content);
    }

    #[test]
    fn caps_and_budgets_hold_to_the_byte(codec in codec(), content in content()) {
        prop_assume!(!content.is_empty());
        let compressed = encode(codec, &content);
        let caps = |max_output| Caps { max_output, ratio: None };
        let (ample, n) = (Ledger::new(1 << 30), content.len());
        prop_assert_eq!(&decode_capped(codec, &compressed, &caps(n), &ample).unwrap()[..], &content[..]);
        prop_assert_eq!(decode_capped(codec, &compressed, &caps(n - 1), &ample), Err(CodecError::TooLarge { limit: n - 1 }));
        prop_assert_eq!(&decode_capped(codec, &compressed, &caps(n), &Ledger::new(n as u64 + 3)).unwrap()[..], &content[..]);
        let short = decode_capped(codec, &compressed, &caps(n), &Ledger::new(n as u64 + 2));
        prop_assert!(matches!(short, Err(CodecError::Exhausted(_))), "{:?}", short);
    }

    #[test]
    fn ratio_holds_to_the_byte(codec in codec(), bytes in 20_000..100_000_usize) {
        let content = vec![7; bytes];
        let compressed = encode(codec, &content);
        let ratio = |max: usize, after| Caps { max_output: 1 << 20, ratio: Some(crate::Ratio { max: max as u32, after }) };
        let ample = Ledger::new(1 << 30);
        let max = bytes.div_ceil(compressed.len());
        prop_assert!(decode_capped(codec, &compressed, &ratio(max, 0), &ample).is_ok());
        prop_assert_eq!(decode_capped(codec, &compressed, &ratio(max - 1, bytes - 1), &ample), Err(CodecError::Ratio { max: max as u32 - 1 }));
        prop_assert!(decode_capped(codec, &compressed, &ratio(1, bytes), &ample).is_ok());
    }
}

#[test]
fn no_chunks_and_empty_chunks_are_an_empty_message() {
    for codec in Codec::ALL {
        for chunks in [&[][..], &[Bytes::new()], &[Bytes::new(), Bytes::new()]] {
            let compressed = compress(codec, None, chunks, &Pool::new()).unwrap();
            assert_eq!(decode(codec, &compressed).unwrap(), "");
        }
    }
}

#[test]
fn large_body_is_handled_in_every_codec() {
    let content = telemetry(5 << 20);
    for codec in Codec::ALL {
        let compressed = encode(codec, &content);
        assert!(compressed.len() < content.len() * 3 / 4, "{codec:?} made {} bytes", compressed.len());
        assert!(decode(codec, &compressed).unwrap() == content);
    }
}

#[test]
fn higher_levels_are_smaller_and_written_defaults_are_the_default() {
    let content = [Bytes::from(telemetry(300_000))];
    let pool = Pool::new();
    let size = |codec, level| compress(codec, level, &content, &pool).unwrap().len();
    for codec in [Codec::Gzip, Codec::Zlib, Codec::Deflate] {
        assert!(size(codec, Some(9)) < size(codec, Some(1)));
        assert_eq!(size(codec, Some(-2)), size(codec, Some(1)));
        for level in [None, Some(0), Some(-1)] {
            assert_eq!(size(codec, level), size(codec, Some(crate::GZIP_LEVEL_DEFAULT)));
        }
    }
    assert!(size(Codec::Zstd, Some(9)) < size(Codec::Zstd, Some(-7)));
    assert_eq!(size(Codec::Zstd, None), size(Codec::Zstd, Some(crate::ZSTD_LEVEL_DEFAULT)));
    assert_eq!(size(Codec::Zstd, Some(i32::MAX)), size(Codec::Zstd, Some(19)));
    assert!(compress(Codec::Zstd, Some(i32::MIN), &content, &pool).is_ok());
}

#[test]
fn memory_returns_to_the_pool_and_small_output_pins_little() {
    let pool = Pool::new();
    for codec in Codec::ALL {
        let compressed = compress(codec, None, &[Bytes::from(vec![0; 600_000])], &pool).unwrap();
        assert!(pool.stats().in_use_bytes() <= 65_536, "{codec:?} pins {}", pool.stats().in_use_bytes());
        let mut permit = teleferric_buf::Permit::none();
        let output = decompress(codec, &compressed, &AMPLE, &mut permit, &pool).unwrap();
        assert_eq!(output.len(), 600_000);
        drop((compressed, output));
        assert_eq!(pool.stats().in_use(), 0, "{codec:?}");
    }
}

#[test]
fn names_lead_back_to_their_codec() {
    for codec in Codec::ALL {
        assert_eq!(Codec::from_http(codec.name()), Some(codec));
        if let Some(name) = codec.grpc_name() {
            assert_eq!(Codec::from_grpc(name), Some(codec));
        }
    }
    assert_eq!(Codec::from_http("GZIP"), Some(Codec::Gzip));
    assert_eq!((Codec::from_http("identity"), Codec::from_http("br"), Codec::from_grpc("deflate")), (None, None, None));
    assert_eq!(Codec::from_grpc("snappy"), Some(Codec::SnappyFramed));
}
