//! Which bodies any reader of their codec takes, so that they can be sent on as they came.

use std::io::Write;

use flate2::{Compression, GzBuilder};

use super::cross::streamed_zstd;
use super::*;
use crate::{Unpacked, unpack};

fn is_plain(codec: Codec, body: &[u8]) -> bool {
    let unpacked = unpack(codec, body, &AMPLE, &mut teleferric_buf::Permit::none(), &Pool::new());
    let Unpacked { bytes, is_plain } = unpacked.expect("the body is whole");
    assert_eq!(decode(codec, body).expect("the body is whole"), bytes);
    is_plain
}

fn gzip(header: GzBuilder) -> Vec<u8> {
    let mut encoder = header.write(Vec::new(), Compression::new(6));
    encoder.write_all(&telemetry(5000)).expect("writes");
    encoder.finish().expect("writes")
}

#[test]
fn one_member_or_frame_is_plain() {
    for content in [telemetry(0), telemetry(1), telemetry(5000), telemetry(3_000_000)] {
        for codec in [Codec::Gzip, Codec::Zstd] {
            assert!(is_plain(codec, &encode(codec, &content)), "{codec:?} {}", content.len());
        }
        assert!(is_plain(Codec::Zstd, &streamed_zstd(&content, 3, None)));
    }
    assert!(is_plain(Codec::Gzip, &gzip(GzBuilder::new().mtime(1_700_000_000))));
}

#[test]
fn several_members_or_frames_are_not() {
    for codec in [Codec::Gzip, Codec::Zstd] {
        let (one, none) = (encode(codec, &telemetry(5000)), encode(codec, b""));
        for body in [[&one[..], &one].concat(), [&one[..], &none].concat(), [&none[..], &one].concat()] {
            assert!(!is_plain(codec, &body), "{codec:?}");
        }
    }
    assert!(!is_plain(Codec::Zstd, b""), "nothing is no frame");
}

#[test]
fn optional_gzip_fields_are_not() {
    for header in [
        GzBuilder::new().filename("request.bin"),
        GzBuilder::new().comment("hello"),
        GzBuilder::new().extra(vec![1, 2, 3, 4]),
    ] {
        assert!(!is_plain(Codec::Gzip, &gzip(header)));
    }
}

#[test]
fn skippable_frames_dictionaries_and_large_windows_are_not() {
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let frame = encode(Codec::Zstd, &telemetry(5000));
    assert!(!is_plain(Codec::Zstd, skippable));
    assert!(!is_plain(Codec::Zstd, &[&skippable[..], &frame].concat()));
    assert!(!is_plain(Codec::Zstd, &[&frame[..], skippable].concat()));
    // One raw block of one byte: without a dictionary, with the field for its id (zero, which names none), and with the
    // bit that nobody should set.
    assert!(is_plain(Codec::Zstd, b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0x"));
    assert!(!is_plain(Codec::Zstd, b"\x28\xb5\x2f\xfd\x21\0\x01\x09\0\0x"));
    assert!(!is_plain(Codec::Zstd, b"\x28\xb5\x2f\xfd\x30\x01\x09\0\0x"));
    // A frame that is its own window, of 8 MiB and of a byte more, made of runs of 128 KiB.
    let zeros = |bytes: u32| {
        let mut body = b"\x28\xb5\x2f\xfd\xa0".to_vec();
        body.extend_from_slice(&bytes.to_le_bytes());
        let mut left = bytes;
        while left > 0 {
            let run = left.min(128 << 10);
            left -= run;
            body.extend_from_slice(&(run << 3 | 1 << 1 | u32::from(left == 0)).to_le_bytes()[..3]);
            body.push(0);
        }
        body
    };
    assert!(is_plain(Codec::Zstd, &zeros(8 << 20)));
    assert!(!is_plain(Codec::Zstd, &zeros((8 << 20) + 1)));
}

#[test]
fn other_codecs_are_not() {
    for codec in Codec::ALL.into_iter().filter(|codec| ![Codec::Gzip, Codec::Zstd].contains(codec)) {
        assert!(!is_plain(codec, &encode(codec, &telemetry(5000))), "{codec:?}");
    }
}
