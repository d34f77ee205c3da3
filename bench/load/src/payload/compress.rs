//! Compression of bodies, ahead of time.

use clap::ValueEnum;
use libdeflater::{CompressionLvl, Compressor};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// The name in `content-encoding` and `grpc-encoding`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The levels that exist.
    pub fn levels(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Self::None => i32::MIN..=i32::MAX,
            Self::Gzip => 0..=12,
            Self::Zstd => -7..=19,
        }
    }
}

/// Compresses `body` into one gzip member or zstd frame. The level must exist.
pub fn compress(compression: Compression, level: i32, body: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => body.to_vec(),
        Compression::Gzip => {
            let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap_or_default());
            let mut out = vec![0; compressor.gzip_compress_bound(body.len())];
            let bytes = compressor.gzip_compress(body, &mut out).expect("the buffer has the size of the worst case");
            out.truncate(bytes);
            out
        }
        Compression::Zstd => {
            let mut out = Vec::with_capacity(zstd_safe::compress_bound(body.len()));
            zstd_safe::compress(&mut out, body, level).expect("the buffer has the size of the worst case");
            out
        }
    }
}
