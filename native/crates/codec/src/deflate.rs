//! gzip and zlib by libdeflate, which works on whole buffers: three to five times the speed of streaming zlib.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};
use teleferric_buf::inflate::{InflateError, Inflated, Inflater};
use teleferric_buf::{AllocError, Block, Pool};

use crate::CodecError;
use crate::output::Output;

/// The level when none is written: the fastest. Spans of 276 bytes, 8,000 a body, by ns a span and ratio: zlib 6
/// (what other senders default to) 1,944 and 5.41; here 1 takes 587 for 4.91, 5 1,151 for 5.13, 6 1,511 for 5.38.
/// A tenth more on the wire for a third of the time is the better default; who pays by the byte writes `level: 6`,
/// which is as small as zlib's.
pub const GZIP_LEVEL_DEFAULT: i32 = 1;

/// What stands around the deflate data.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    Gzip,
    Zlib,
}

/// Most bytes one byte of deflate data can become: a match of 258 bytes in two bits (RFC 1951 §3.2.5, with one-bit
/// codes for length and distance).
const EXPANSION_MAX: usize = 1032;

/// What telemetry usually becomes; the guess where nothing better is known.
const EXPANSION_USUAL: usize = 8;

/// The smallest gzip member, which ends with the length of its output.
const GZIP_MEMBER_MIN: usize = 18;

thread_local! {
    static INFLATER: RefCell<Option<Inflater>> = const { RefCell::new(None) };
    /// Compressors by level, last used first.
    static COMPRESSORS: RefCell<Vec<(i32, Compressor)>> = const { RefCell::new(Vec::new()) };
}

/// Levels whose compressor a thread keeps (0.1 to 0.7 MiB each).
const COMPRESSORS_MAX: usize = 3;

/// Inflates all members; what stands behind the last one must be another.
pub(crate) fn decompress_gzip(input: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    output.ensure_up_to(gzip_hint(input))?;
    with_inflater(|inflater| {
        let mut rest = input;
        loop {
            output.count_frame()?;
            let read = inflate(output, |room| inflater.gzip(rest, room))?;
            rest = rest.get(read..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
    })
}

/// Whether the header of a member that was inflated has no flags: no name, comment, extra field or checksum of its own
/// (RFC 1952 §2.3.1).
pub(crate) fn is_plain_gzip(member: &[u8]) -> bool {
    member.get(3) == Some(&0)
}

/// Inflates one stream; nothing may stand behind it.
pub(crate) fn decompress_zlib(input: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    output.ensure_up_to(input.len().saturating_mul(EXPANSION_USUAL))?;
    let read = with_inflater(|inflater| inflate(output, |room| inflater.zlib(input, room)))?;
    if read == input.len() { Ok(()) } else { Err(output.corrupt("bytes behind the end")) }
}

/// Runs one step until its output fits, and returns the input it used. The room doubles each time, so all attempts
/// of a body together cost at most as much again as the last.
fn inflate(
    output: &mut Output<'_>,
    mut step: impl FnMut(&mut [u8]) -> Result<Inflated, InflateError>,
) -> Result<usize, CodecError> {
    loop {
        match step(output.room()) {
            Ok(Inflated { read, written }) => {
                output.advance(written);
                return Ok(read);
            }
            Err(InflateError::OutputTooSmall) => output.grow()?,
            Err(InflateError::Corrupt) => return Err(output.corrupt("damaged or cut short")),
        }
    }
}

/// The length of the output as the end of the body tells it (RFC 1952 §2.3.1), if it can be true: it is exact for
/// an honest single member, and anything may stand there otherwise.
fn gzip_hint(input: &[u8]) -> usize {
    let told = input
        .last_chunk::<4>()
        .filter(|_| input.len() >= GZIP_MEMBER_MIN)
        .and_then(|length| usize::try_from(u32::from_le_bytes(*length)).ok())
        .filter(|length| length / EXPANSION_MAX <= input.len());
    told.unwrap_or_else(|| input.len().saturating_mul(EXPANSION_USUAL))
}

fn with_inflater<T>(run: impl FnOnce(&mut Inflater) -> Result<T, CodecError>) -> Result<T, CodecError> {
    INFLATER.with_borrow_mut(|kept| {
        let inflater = match kept {
            Some(inflater) => inflater,
            None => kept.insert(Inflater::new().ok_or(AllocError { bytes: size_of::<Inflater>() })?),
        };
        run(inflater)
    })
}

/// Compresses the whole of `input`.
pub(crate) fn compress(format: Format, level: Option<i32>, input: &[u8], pool: &Pool) -> Result<Block, CodecError> {
    with_compressor(libdeflate_level(level), |compressor| {
        let bound = match format {
            Format::Gzip => compressor.gzip_compress_bound(input.len()),
            Format::Zlib => compressor.zlib_compress_bound(input.len()),
        };
        let mut block = pool.try_block(bound)?;
        let written = match format {
            Format::Gzip => compressor.gzip_compress(input, block.spare_mut()),
            Format::Zlib => compressor.zlib_compress(input, block.spare_mut()),
        };
        // The bound is libdeflate's own; it would be wrong only if memory of that size did not exist.
        block.advance(written.map_err(|_| AllocError { bytes: bound })?);
        Ok(block)
    })
}

/// Go's levels in libdeflate's scale: the same numbers, a little smaller and much faster each. -2 is Huffman coding
/// alone, which libdeflate lacks; its level 1 costs about as little.
fn libdeflate_level(level: Option<i32>) -> i32 {
    match level {
        None | Some(-1) => GZIP_LEVEL_DEFAULT,
        Some(level) => level.clamp(1, 9),
    }
}

fn with_compressor<T>(level: i32, run: impl FnOnce(&mut Compressor) -> T) -> T {
    COMPRESSORS.with_borrow_mut(|kept| {
        let mut entry = match kept.iter().position(|(of, _)| *of == level) {
            Some(index) => kept.remove(index),
            None => (level, Compressor::new(CompressionLvl::new(level).unwrap_or_default())),
        };
        let result = run(&mut entry.1);
        kept.insert(0, entry);
        kept.truncate(COMPRESSORS_MAX);
        result
    })
}
