//! Against other implementations: theirs is read here, ours is read there.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use zstd_safe::{CCtx, CParameter, DCtx, InBuffer, OutBuffer};

use super::*;

fn read_all(mut reader: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    reader.read_to_end(&mut out).expect("their reader takes ours");
    out
}

fn their_gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .filename("request.bin")
        .comment("from another implementation")
        .extra(vec![1, 2, 3, 4])
        .mtime(1_700_000_000)
        .write(Vec::new(), Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn their_zlib(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A streamed frame: no content size, as senders write that do not know the length beforehand.
pub(super) fn streamed_zstd(content: &[u8], level: i32, window_log: Option<u32>) -> Vec<u8> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(level)).unwrap();
    context.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
    if let Some(log) = window_log {
        context.set_parameter(CParameter::WindowLog(log)).unwrap();
    }
    let mut out = vec![0; zstd_safe::compress_bound(content.len()) + 100];
    let mut buffer = OutBuffer::around(&mut out[..]);
    let mut input = InBuffer::around(content);
    context.compress_stream(&mut buffer, &mut input).unwrap();
    assert_eq!(input.pos(), content.len());
    while context.end_stream(&mut buffer).unwrap() > 0 {}
    let written = buffer.pos();
    out.truncate(written);
    out
}

fn their_lz4(content: &[u8], info: FrameInfo) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn theirs_is_read_and_ours_is_read_by_them(bytes in 0..300_000_usize, level in 0..10_u32) {
        let content = telemetry(bytes);
        prop_assert!(decode(Codec::Gzip, &their_gzip(&content, level)).unwrap() == content);
        prop_assert!(decode(Codec::Zlib, &their_zlib(&content, level)).unwrap() == content);
        prop_assert!(decode(Codec::Deflate, &their_zlib(&content, level)).unwrap() == content);
        prop_assert!(read_all(MultiGzDecoder::new(&encode(Codec::Gzip, &content)[..])) == content);
        prop_assert!(read_all(ZlibDecoder::new(&encode(Codec::Zlib, &content)[..])) == content);

        let streamed = streamed_zstd(&content, level as i32, None);
        prop_assert!(decode(Codec::Zstd, &streamed).unwrap() == content);
        let mut theirs = vec![0; content.len()];
        let written = DCtx::create().decompress(&mut theirs[..], &encode(Codec::Zstd, &content)).unwrap();
        prop_assert!(theirs[..written] == content);
    }

    #[test]
    fn snappy_streams_are_read_both_ways(bytes in 0..300_000_usize, noise in prop::collection::vec(any::<u8>(), 0..70_000)) {
        let content = [telemetry(bytes), noise].concat();
        let theirs = read_all(snap::read::FrameEncoder::new(&content[..]));
        prop_assert!(decode(Codec::SnappyFramed, &theirs).unwrap() == content);
        prop_assert!(decode(Codec::Snappy, &theirs).unwrap() == content, "recognised by its start");
        prop_assert!(read_all(snap::read::FrameDecoder::new(&encode(Codec::SnappyFramed, &content)[..])) == content);
    }

    #[test]
    fn lz4_frames_of_every_kind_are_read(
        bytes in 0..900_000_usize,
        size in prop::sample::select(vec![BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB]),
        linked: bool,
        block_checksums: bool,
        content_checksum: bool,
        has_size: bool,
    ) {
        let content = telemetry(bytes);
        let info = FrameInfo::new()
            .block_size(size)
            .block_mode(if linked { BlockMode::Linked } else { BlockMode::Independent })
            .block_checksums(block_checksums)
            .content_checksum(content_checksum)
            .content_size(has_size.then_some(content.len() as u64));
        prop_assert!(decode(Codec::Lz4, &their_lz4(&content, info)).unwrap() == content);
        prop_assert!(read_all(FrameDecoder::new(&encode(Codec::Lz4, &content)[..])) == content);
    }
}

#[test]
fn incompressible_content_is_read_from_stored_blocks() {
    let mut state = 1_u64;
    let content: Vec<u8> = (0..300_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    for codec in Codec::ALL {
        let ours = encode(codec, &content);
        assert!(ours.len() < content.len() + content.len() / 100);
        assert!(decode(codec, &ours).unwrap() == content);
    }
    assert!(decode(Codec::Gzip, &their_gzip(&content, 0)).unwrap() == content);
    assert!(decode(Codec::Lz4, &their_lz4(&content, FrameInfo::new())).unwrap() == content);
}
