//! Several frames in one body, what may stand between and behind them, and empty bodies.

use super::*;
use crate::FRAMES_MAX;

/// Codecs whose bodies may hold several frames.
const JOINABLE: [Codec; 4] = [Codec::Gzip, Codec::Zstd, Codec::Lz4, Codec::SnappyFramed];

#[test]
fn joined_frames_are_read_as_joined_content() {
    for codec in JOINABLE {
        let parts = [telemetry(40_000), Vec::new(), vec![1], telemetry(200_000), telemetry(40_000)];
        let body: Vec<u8> = parts.iter().flat_map(|part| encode(codec, part)).collect();
        assert!(decode(codec, &body).unwrap() == parts.concat(), "{codec:?}");
    }
}

#[test]
fn identical_members_are_all_read() {
    let member = encode(Codec::Gzip, b"the same request, sent twice");
    let body = [&member[..], &member[..]].concat();
    assert_eq!(decode(Codec::Gzip, &body).unwrap(), "the same request, sent twice".repeat(2));
}

#[test]
fn frames_that_do_not_tell_their_size_may_follow_those_that_do() {
    let first = telemetry(100_000);
    let streamed = super::cross::streamed_zstd(&first, 1, None);
    let body = [&encode(Codec::Zstd, &first)[..], &streamed, &streamed, &encode(Codec::Zstd, b"end")].concat();
    assert!(decode(Codec::Zstd, &body).unwrap() == [&first[..], &first, &first, b"end"].concat());
}

#[test]
fn skippable_frames_are_passed_over() {
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    for codec in [Codec::Zstd, Codec::Lz4] {
        let frame = encode(codec, b"data");
        let body = [skippable, &frame[..], skippable, skippable, &frame[..]].concat();
        assert_eq!(decode(codec, &body).unwrap(), "datadata");
        assert_eq!(decode(codec, skippable).unwrap(), "");
        assert!(corrupt(decode(codec, &skippable[..10])));
    }
    let padding = b"\xfe\x02\0\0\0\0";
    let body = [&encode(Codec::SnappyFramed, b"data")[..], padding].concat();
    assert_eq!(decode(Codec::SnappyFramed, &body).unwrap(), "data");
}

#[test]
fn anything_else_behind_the_end_is_damage() {
    for codec in Codec::ALL {
        let frame = encode(codec, &telemetry(5000));
        for garbage in [&b"\0"[..], &[0; 64], b"{\"x\":1}", &frame[..frame.len() - 1]] {
            assert!(corrupt(decode(codec, &[&frame[..], garbage].concat())), "{codec:?} took {garbage:?}");
        }
    }
}

#[test]
fn empty_body_is_an_error_where_the_format_has_a_frame_to_miss() {
    for codec in [Codec::Gzip, Codec::Zlib, Codec::Deflate, Codec::Snappy] {
        assert!(corrupt(decode(codec, b"")), "{codec:?}");
    }
    for codec in [Codec::Zstd, Codec::SnappyFramed, Codec::Lz4] {
        assert_eq!(decode(codec, b"").unwrap(), "", "{codec:?}");
    }
}

#[test]
fn frames_are_counted() {
    for codec in [Codec::Gzip, Codec::Zstd, Codec::Lz4] {
        let empty = encode(codec, b"");
        assert_eq!(decode(codec, &empty.repeat(FRAMES_MAX)).unwrap(), "");
        let refused = decode(codec, &empty.repeat(FRAMES_MAX + 1));
        assert_eq!(refused, Err(CodecError::TooManyFrames { limit: FRAMES_MAX }));
    }
}

#[test]
fn one_format_is_not_another() {
    let content = telemetry(1000);
    let foreign = [
        (Codec::Gzip, Codec::Zlib),
        (Codec::Zlib, Codec::Gzip),
        (Codec::Zstd, Codec::Lz4),
        (Codec::Lz4, Codec::Zstd),
        (Codec::SnappyFramed, Codec::Snappy),
        (Codec::Gzip, Codec::SnappyFramed),
    ];
    for (codec, written) in foreign {
        assert!(corrupt(decode(codec, &encode(written, &content))), "{codec:?} took {written:?}");
    }
}
