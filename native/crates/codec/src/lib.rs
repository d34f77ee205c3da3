//! Compression and capped decompression of whole bodies, synchronous, for every content coding the Collector knows.
//!
//! [`decompress`] trusts nothing: output has a hard cap, memory is reserved in the caller's permit before it is
//! taken, a declared length is a hint at most, frames are counted, and damage is an error, never a panic.
//! [`compress`] takes a rope of chunks and gathers it only where a format needs it whole. Both write into pooled
//! blocks and keep their contexts per thread.
//!
//! It knows no transport: what a refusal becomes (400, 413, a gRPC status) is the caller's to say.

#![forbid(unsafe_code)]

pub mod crc32c;
mod deflate;
mod error;
mod lz4;
mod output;
mod snappy;
mod zstd;

use bytes::Bytes;
use teleferric_buf::{Permit, Pool};

pub use error::CodecError;
use output::Output;

/// A compression format as OTLP senders and receivers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// zlib (RFC 1950).
    Zlib,
    /// What HTTP calls `deflate`, which is the zlib format too (RFC 9110 §8.4.1.2).
    Deflate,
    /// Zstandard (RFC 8878), any number of frames, windows up to 8 MiB (RFC 9659).
    Zstd,
    /// Snappy: written as one block; read as one block, or framed if it starts like a framed stream.
    Snappy,
    /// Snappy in its framing format.
    SnappyFramed,
    /// LZ4 in its frame format, any number of frames.
    Lz4,
}

impl Codec {
    /// All codecs.
    pub const ALL: [Codec; 7] =
        [Codec::Gzip, Codec::Zlib, Codec::Deflate, Codec::Zstd, Codec::Snappy, Codec::SnappyFramed, Codec::Lz4];

    /// The codec of an HTTP content coding; coding names ignore case. None for `identity` and unknown names.
    pub fn from_http(coding: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(coding))
    }

    /// The codec of a gRPC message encoding: gzip, zstd, and snappy, which on gRPC means the framing format, as the
    /// Collector's compressor writes it.
    pub fn from_grpc(encoding: &str) -> Option<Codec> {
        [Codec::Gzip, Codec::Zstd, Codec::SnappyFramed].into_iter().find(|codec| codec.grpc_name() == Some(encoding))
    }

    /// The HTTP content coding, which is also the configuration's word.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Gzip => "gzip",
            Codec::Zlib => "zlib",
            Codec::Deflate => "deflate",
            Codec::Zstd => "zstd",
            Codec::Snappy => "snappy",
            Codec::SnappyFramed => "x-snappy-framed",
            Codec::Lz4 => "lz4",
        }
    }

    /// The gRPC message encoding, if the codec has one there.
    pub fn grpc_name(self) -> Option<&'static str> {
        match self {
            Codec::Gzip => Some("gzip"),
            Codec::Zstd => Some("zstd"),
            Codec::SnappyFramed => Some("snappy"),
            Codec::Zlib | Codec::Deflate | Codec::Snappy | Codec::Lz4 => None,
        }
    }
}

/// How much a body may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Most bytes of output.
    pub max_output: usize,
    /// A bound on the ratio of output to input, if one is wanted.
    pub ratio: Option<Ratio>,
}

/// A bound on the ratio of output to input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Most bytes of output per byte of input.
    pub max: u32,
    /// Output up to this many bytes is allowed at any ratio.
    pub after: usize,
}

/// Most frames (gzip members, zstd and lz4 frames, chunks of framed snappy, skippable and empty ones too) in one
/// body. Senders write one, joined bodies one per request, and snappy a chunk per 64 KiB.
pub const FRAMES_MAX: usize = 10_000;

/// Decompresses a whole body.
///
/// The permit grows with the output, before the memory is taken; afterwards it holds as many bytes more than before
/// as the output has, or on an error exactly what it held before. An empty body is an error where the reference
/// Collector says so (gzip, zlib, snappy block) and empty output otherwise. Runs to the end at the codec's speed
/// (0.1 to 0.5 ms per MB of output): it cannot be cancelled.
///
/// # Errors
/// [`CodecError`]; nothing is returned of a body that is damaged or over a cap anywhere.
///
/// ```
/// use bytes::Bytes;
/// use teleferric_buf::{Ledger, Pool};
/// use teleferric_codec::{Caps, Codec, CodecError, compress, decompress};
///
/// let (pool, ledger) = (Pool::new(), Ledger::new(1 << 20));
/// let body = compress(Codec::Gzip, None, &[Bytes::from("telemetry ".repeat(100))], &pool)?;
///
/// let mut permit = ledger.try_reserve(0).expect("nothing is free");
/// let caps = Caps { max_output: 1000, ratio: None };
/// assert_eq!(decompress(Codec::Gzip, &body, &caps, &mut permit, &pool)?, "telemetry ".repeat(100));
/// assert_eq!(ledger.used(), 1000);
///
/// let caps = Caps { max_output: 999, ratio: None };
/// let refusal = decompress(Codec::Gzip, &body, &caps, &mut permit, &pool);
/// assert_eq!(refusal, Err(CodecError::TooLarge { limit: 999 }));
/// assert_eq!(ledger.used(), 1000);
/// # Ok::<(), CodecError>(())
/// ```
pub fn decompress(
    codec: Codec,
    input: &[u8],
    caps: &Caps,
    permit: &mut Permit,
    pool: &Pool,
) -> Result<Bytes, CodecError> {
    unpack(codec, input, caps, permit, pool).map(|unpacked| unpacked.bytes)
}

/// A decompressed body, and what was found out about its compressed form on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The output.
    pub bytes: Bytes,
    /// Whether every reader of the codec takes the input, because there is nothing in it that is optional to support or
    /// hidden from view: for gzip one member without name, comment or extra field, for zstd one data frame without a
    /// dictionary and with a window of at most 8 MiB. Such a body can be sent on as it is. Never so for other codecs.
    pub is_plain: bool,
}

/// [`decompress`], with a word about the input that costs no second look at it.
///
/// # Errors
/// As [`decompress`].
pub fn unpack(
    codec: Codec,
    input: &[u8],
    caps: &Caps,
    permit: &mut Permit,
    pool: &Pool,
) -> Result<Unpacked, CodecError> {
    let mut output = Output::new(codec, input.len(), caps, permit, pool);
    match codec {
        Codec::Gzip => deflate::decompress_gzip(input, &mut output),
        Codec::Zlib | Codec::Deflate => deflate::decompress_zlib(input, &mut output),
        Codec::Zstd => zstd::decompress(input, &mut output),
        Codec::Snappy if snappy::is_framed(input) => snappy::decompress_framed(input, &mut output),
        Codec::Snappy => snappy::decompress_block(input, &mut output),
        Codec::SnappyFramed => snappy::decompress_framed(input, &mut output),
        Codec::Lz4 => lz4::decompress(input, &mut output),
    }?;
    let is_plain = output.frames() == 1
        && match codec {
            Codec::Gzip => deflate::is_plain_gzip(input),
            Codec::Zstd => zstd::is_plain(input, output.len()),
            _ => false,
        };
    Ok(Unpacked { bytes: output.finish(), is_plain })
}

/// Compresses `chunks`, laid side by side, into one frame.
///
/// `level` has the Collector's meaning (`compression_params.level`): none and 0 are the default of the codec; for
/// gzip, zlib and deflate -1 is the default too, -2 the fastest, 1 to 9 ever smaller; for zstd any number, larger is
/// smaller. Codecs without levels ignore it, and numbers outside a codec's range count as its nearest. The defaults
/// and the reasons for them stand with the codecs: `GZIP_LEVEL_DEFAULT`, `ZSTD_LEVEL_DEFAULT`.
///
/// # Errors
/// [`CodecError::OutOfMemory`], and [`CodecError::TooLarge`] for a snappy block above 4 GiB.
pub fn compress(codec: Codec, level: Option<i32>, chunks: &[Bytes], pool: &Pool) -> Result<Bytes, CodecError> {
    let level = level.filter(|level| *level != 0);
    let block = match codec {
        Codec::Gzip => deflate::compress(deflate::Format::Gzip, level, &gather(chunks, pool)?, pool),
        Codec::Zlib | Codec::Deflate => deflate::compress(deflate::Format::Zlib, level, &gather(chunks, pool)?, pool),
        Codec::Zstd => zstd::compress(level, &gather(chunks, pool)?, pool),
        Codec::Snappy => snappy::compress_block(&gather(chunks, pool)?, pool),
        Codec::SnappyFramed => snappy::compress_framed(chunks, pool),
        Codec::Lz4 => lz4::compress(chunks, pool),
    }?;
    Ok(block.fit().freeze())
}

pub use deflate::GZIP_LEVEL_DEFAULT;
pub use zstd::ZSTD_LEVEL_DEFAULT;

/// The chunks as one: the only one as it is, several copied into a pooled block.
fn gather(chunks: &[Bytes], pool: &Pool) -> Result<Bytes, CodecError> {
    if let [chunk] = chunks {
        return Ok(chunk.clone());
    }
    let mut block = pool.try_block(chunks.iter().map(Bytes::len).sum())?;
    chunks.iter().for_each(|chunk| block.extend_from_slice(chunk));
    Ok(block.freeze())
}

#[cfg(test)]
mod tests;
