//! Zstandard frame by frame, each decoded straight into the output: no window is ever allocated.

use std::cell::RefCell;

use teleferric_buf::{AllocError, Block, Pool};
use zstd_safe::{CCtx, DCtx};

use crate::CodecError;
use crate::output::Output;

/// The level when none is written. Spans of 276 bytes, 8,000 a body, by ns a span and ratio: level 1 takes 300 for
/// 5.32, about what zlib 6 needs 1,944 for; 3 takes 459 for 5.38, -3 219 for 4.68.
pub const ZSTD_LEVEL_DEFAULT: i32 = 1;

/// The highest level used: those above want windows over [`WINDOW_LOG_MAX`] from whoever reads the frame.
const LEVEL_MAX: i32 = 19;

/// Largest window of a frame that is read, as a power of two: 8 MiB (RFC 9659 §3).
const WINDOW_LOG_MAX: u32 = 23;

/// Most bytes one byte of a frame can become: a block of 128 KiB from four bytes (RFC 8878 §3.1.1.2).
const EXPANSION_MAX: usize = (128 << 10) / 4;

/// What telemetry usually becomes; the guess for a frame that does not tell.
const EXPANSION_USUAL: usize = 8;

/// A compression context above this size (levels from about 10 on) is not kept.
const CONTEXT_BYTES_MAX: usize = 4 << 20;

thread_local! {
    static COMPRESS: RefCell<Option<CCtx<'static>>> = const { RefCell::new(None) };
    static DECOMPRESS: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// Decodes all frames, data or skippable.
pub(crate) fn decompress(input: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    DECOMPRESS.with_borrow_mut(|kept| {
        let context = match kept {
            Some(context) => context,
            None => kept.insert(DCtx::try_create().ok_or(NO_CONTEXT)?),
        };
        let mut rest = input;
        while !rest.is_empty() {
            output.count_frame()?;
            if window_bytes(rest).is_some_and(|bytes| bytes > 1 << WINDOW_LOG_MAX) {
                return Err(CodecError::WindowTooLarge { limit: 1 << WINDOW_LOG_MAX });
            }
            let size =
                zstd_safe::find_frame_compressed_size(rest).map_err(|_| output.corrupt("not a frame, or cut short"))?;
            let (frame, after) = rest.split_at_checked(size).ok_or(output.corrupt("cut short"))?;
            if !is_skippable(frame) {
                decompress_frame(context, frame, output)?;
            }
            rest = after;
        }
        Ok(())
    })
}

fn decompress_frame(context: &mut DCtx<'static>, frame: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    let told = zstd_safe::get_frame_content_size(frame).map_err(|_| output.corrupt("damaged header"))?;
    match told {
        Some(bytes) => {
            let possible = frame.len().saturating_mul(EXPANSION_MAX);
            let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= possible);
            output.ensure(bytes.ok_or(output.corrupt("impossible content size"))?)?;
        }
        None => output.ensure_up_to(frame.len().saturating_mul(EXPANSION_USUAL))?,
    }
    loop {
        match context.decompress(output.room(), frame) {
            Ok(written) => {
                output.advance(written);
                return Ok(());
            }
            Err(code) if code == OUTPUT_TOO_SMALL && told.is_none() => output.grow()?,
            Err(code) if code == NO_MEMORY => return Err(NO_CONTEXT.into()),
            Err(_) => return Err(output.corrupt("damaged")),
        }
    }
}

/// Whether the frame carries user data to be passed over (RFC 8878 §3.1.2).
fn is_skippable(frame: &[u8]) -> bool {
    frame.first_chunk::<4>().is_some_and(|magic| u32::from_le_bytes(*magic) & !0xf == 0x184d_2a50)
}

/// The window a data frame declares (RFC 8878 §3.1.1.1.2); none for one that is its own window (single segment),
/// whose size is bounded by the caps.
fn window_bytes(frame: &[u8]) -> Option<u64> {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, window, ..] = *frame else { return None };
    if descriptor & 0x20 != 0 {
        return None;
    }
    let base = 1_u64 << (10 + u32::from(window >> 3));
    Some(base + base / 8 * u64::from(window & 7))
}

/// Whether a frame that became `output` bytes is data, names no dictionary, leaves the unused bit of its descriptor
/// alone, and needs no window above the limit: one that is its own window is bounded by the caps alone when it is read,
/// but others may be asked for no more than RFC 9659 says.
pub(crate) fn is_plain(frame: &[u8], output: usize) -> bool {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, ..] = *frame else { return false };
    let is_single_segment = descriptor & 0x20 != 0;
    descriptor & 0x13 == 0 && !(is_single_segment && output > 1 << WINDOW_LOG_MAX)
}

/// Compresses the whole of `input` into one frame that tells its content size.
pub(crate) fn compress(level: Option<i32>, input: &[u8], pool: &Pool) -> Result<Block, CodecError> {
    let level = level.unwrap_or(ZSTD_LEVEL_DEFAULT).clamp(zstd_safe::min_c_level(), LEVEL_MAX);
    let mut block = pool.try_block(zstd_safe::compress_bound(input.len()))?;
    COMPRESS.with_borrow_mut(|kept| {
        let context = match kept {
            Some(context) => context,
            None => kept.insert(CCtx::try_create().ok_or(NO_CONTEXT)?),
        };
        // The output has zstd's own bound, so memory for the context is all that can be missing.
        let written = context.compress(block.spare_mut(), input, level).map_err(|_| NO_CONTEXT)?;
        block.advance(written);
        if context.sizeof() > CONTEXT_BYTES_MAX {
            *kept = None;
        }
        Ok(block)
    })
}

/// A context that could not be made or grown; zstd does not say how much it wanted.
const NO_CONTEXT: AllocError = AllocError { bytes: 128 << 10 };

/// zstd returns an error as its negated number, and keeps the numbers stable (zstd_errors.h).
const OUTPUT_TOO_SMALL: usize = 70_usize.wrapping_neg();
const NO_MEMORY: usize = 64_usize.wrapping_neg();
