//! LZ4 in its frame format (lz4/lz4, `doc/lz4_Frame_format.md`). Blocks are decoded straight into the output, which
//! is also the dictionary of blocks that refer to earlier ones.

use std::cell::RefCell;
use std::io::{self, Write};

use bytes::Bytes;
use lz4_flex::block::{DecompressError, decompress_into, decompress_into_with_dict};
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use teleferric_buf::{AllocError, Block, Pool};
use twox_hash::XxHash32;

use crate::CodecError;
use crate::output::Output;

const MAGIC: u32 = 0x184d_2204;
/// Sixteen values from here on start frames to be passed over.
const MAGIC_SKIPPABLE: u32 = 0x184d_2a50;

/// How far back a block may refer.
const WINDOW: usize = 64 << 10;

/// Most bytes one byte of a block can become: each byte of a long match stands for 255.
const EXPANSION_MAX: usize = 255;

/// In a block's length: its content is not compressed.
const UNCOMPRESSED: u32 = 1 << 31;

/// What the header of a frame says about its blocks and its end.
struct Frame {
    /// Most bytes of output of one block.
    block_max: usize,
    are_blocks_linked: bool,
    has_block_checksums: bool,
    has_content_checksum: bool,
    content_size: Option<u64>,
}

/// Decodes all frames, data or skippable.
pub(crate) fn decompress(input: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    let mut rest = input;
    while !rest.is_empty() {
        output.count_frame()?;
        let magic = take_u32(&mut rest).ok_or(output.corrupt("cut short"))?;
        if magic == MAGIC {
            decompress_frame(&mut rest, output)?;
        } else if magic & !0xf == MAGIC_SKIPPABLE {
            let length = take_u32(&mut rest).ok_or(output.corrupt("cut short"))?;
            take(&mut rest, length as usize).ok_or(output.corrupt("cut short"))?;
        } else {
            return Err(output.corrupt("not a frame"));
        }
    }
    Ok(())
}

fn decompress_frame(rest: &mut &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    let frame = read_header(rest, output)?;
    let start = output.len();
    if let Some(told) = frame.content_size {
        // A promise to be kept, and a hint as far as the bytes that are here can become it.
        let possible = rest.len().saturating_mul(EXPANSION_MAX);
        let told = usize::try_from(told).ok().filter(|told| *told <= possible);
        output.ensure(told.ok_or(output.corrupt("impossible content size"))?)?;
    }
    loop {
        let length = take_u32(rest).ok_or(output.corrupt("cut short"))?;
        if length == 0 {
            break;
        }
        let block = take(rest, (length & !UNCOMPRESSED) as usize).ok_or(output.corrupt("cut short"))?;
        if frame.has_block_checksums && take_u32(rest) != Some(XxHash32::oneshot(0, block)) {
            return Err(output.corrupt("block checksum mismatch"));
        }
        decompress_block(&frame, block, length & UNCOMPRESSED == 0, start, output)?;
    }
    let (content, _) = output.tail_and_room(start);
    if frame.content_size.is_some_and(|told| told != content.len() as u64) {
        return Err(output.corrupt("content size mismatch"));
    }
    if frame.has_content_checksum {
        let checksum = XxHash32::oneshot(0, content);
        if take_u32(rest) != Some(checksum) {
            return Err(output.corrupt("content checksum mismatch"));
        }
    }
    Ok(())
}

fn read_header(rest: &mut &[u8], output: &Output<'_>) -> Result<Frame, CodecError> {
    let cut_short = || output.corrupt("cut short");
    let header = *rest;
    let [flags, descriptor] = *take(rest, 2).ok_or_else(cut_short)? else { return Err(cut_short()) };
    let content_size = match flags & 0x08 {
        0 => None,
        _ => Some(
            u64::from(take_u32(rest).ok_or_else(cut_short)?) | u64::from(take_u32(rest).ok_or_else(cut_short)?) << 32,
        ),
    };
    let described = header.get(..header.len() - rest.len()).unwrap_or_default();
    let checksum = (XxHash32::oneshot(0, described) >> 8) as u8;
    let block_max = match descriptor >> 4 & 0x07 {
        size @ 4..=7 => 1_usize << (8 + 2 * size),
        _ => return Err(output.corrupt("unknown block size")),
    };
    if flags >> 6 != 1 || flags & 0x02 != 0 || descriptor & 0x8f != 0 {
        return Err(output.corrupt("unknown version or reserved flags"));
    }
    if flags & 0x01 != 0 {
        return Err(output.corrupt("needs a dictionary"));
    }
    if take(rest, 1) != Some(&[checksum]) {
        return Err(output.corrupt("header checksum mismatch"));
    }
    Ok(Frame {
        block_max,
        are_blocks_linked: flags & 0x20 == 0,
        has_block_checksums: flags & 0x10 != 0,
        has_content_checksum: flags & 0x04 != 0,
        content_size,
    })
}

fn decompress_block(
    frame: &Frame,
    block: &[u8],
    is_compressed: bool,
    frame_start: usize,
    output: &mut Output<'_>,
) -> Result<(), CodecError> {
    if block.len() > frame.block_max {
        return Err(output.corrupt("block above its size"));
    }
    let most = if is_compressed { frame.block_max.min(block.len().saturating_mul(EXPANSION_MAX)) } else { block.len() };
    if output.room().len() < most {
        output.ensure_up_to(most)?;
    }
    let dictionary_start =
        if frame.are_blocks_linked { frame_start.max(output.len().saturating_sub(WINDOW)) } else { output.len() };
    let (dictionary, room) = output.tail_and_room(dictionary_start);
    let room_bytes = room.len().min(most);
    let room = room.get_mut(..room_bytes).unwrap_or_default();
    let result = match (is_compressed, dictionary) {
        (true, []) => decompress_into(block, room),
        (true, dictionary) => decompress_into_with_dict(block, room, dictionary),
        (false, _) if room.len() == block.len() => {
            room.copy_from_slice(block);
            Ok(block.len())
        }
        (false, _) => Err(DecompressError::OutputTooSmall { expected: block.len(), actual: room.len() }),
    };
    match result {
        Ok(written) => {
            output.advance(written);
            Ok(())
        }
        // With less room than the block may need, it is the cap that stands in the way.
        Err(DecompressError::OutputTooSmall { .. }) if room_bytes < most => output.ensure(most),
        Err(_) => Err(output.corrupt("damaged block")),
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (taken, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*taken))
}

/// A kept encoder and the block it writes to while it is in use.
struct Target(Option<Block>);

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_mut().ok_or(io::ErrorKind::NotConnected)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    static ENCODER: RefCell<Option<FrameEncoder<Target>>> = const { RefCell::new(None) };
}

/// Compresses `chunks` into one frame of independent 256 KiB blocks with a checksum over the content.
pub(crate) fn compress(chunks: &[Bytes], pool: &Pool) -> Result<Block, CodecError> {
    let input: usize = chunks.iter().map(Bytes::len).sum();
    let block = pool.try_block(input / 2 + 64)?;
    ENCODER.with_borrow_mut(|kept| {
        // Only a fresh encoder writes a frame for no content.
        let reused = kept.take().filter(|_| input > 0);
        let encoder = kept.insert(reused.unwrap_or_else(new_encoder));
        encoder.get_mut().0 = Some(block);
        let written = chunks.iter().try_for_each(|chunk| encoder.write_all(chunk));
        let finished = written.is_ok() && encoder.try_finish().is_ok();
        let block = encoder.get_mut().0.take();
        // Writing fails only for lack of memory; the encoder is then in the middle of a frame and of no more use.
        block.filter(|_| finished).ok_or_else(|| {
            *kept = None;
            AllocError { bytes: input }.into()
        })
    })
}

fn new_encoder() -> FrameEncoder<Target> {
    let info = FrameInfo::new().block_size(BlockSize::Max256KB).content_checksum(true);
    FrameEncoder::with_frame_info(info, Target(None))
}
