//! Snappy in its two formats: one block, and the framing format of checksummed chunks
//! (google/snappy, `format_description.txt` and `framing_format.txt`).

use std::cell::RefCell;

use bytes::Bytes;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};
use teleferric_buf::{Block, Pool};

use crate::CodecError;
use crate::crc32c::masked_crc32c;
use crate::output::Output;

/// The chunk every framed stream starts with.
const STREAM_START: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Most bytes of content in one chunk of the framing format.
const CHUNK_CONTENT_MAX: usize = 64 << 10;

/// A chunk starts with its kind and the length of what follows, in three bytes; content has a checksum first.
const CHUNK_HEADER: usize = 4;
const CHECKSUM: usize = 4;

const COMPRESSED: u8 = 0x00;
const UNCOMPRESSED: u8 = 0x01;
const START: u8 = 0xff;

/// Most bytes one byte of a block can become: copies make at most 64 bytes of three.
const EXPANSION_MAX: usize = 22;

thread_local! {
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder::new());
}

/// Whether the input starts as a framed stream does. No block does: its first bytes would declare a length of
/// 895 and then copy from before its start.
pub(crate) fn is_framed(input: &[u8]) -> bool {
    input.starts_with(STREAM_START)
}

/// Decodes one block, whose declared length is checked before memory is taken for it.
pub(crate) fn decompress_block(input: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    let length = declared_length(input, output)?;
    output.ensure(length)?;
    decode(input, output)
}

/// Decodes a stream of chunks.
pub(crate) fn decompress_framed(input: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    if !input.is_empty() && !is_framed(input) {
        return Err(output.corrupt("no stream identifier"));
    }
    let mut rest = input;
    while let Some((kind, chunk, after)) = split_chunk(rest) {
        output.count_frame()?;
        match kind {
            COMPRESSED | UNCOMPRESSED => decompress_chunk(kind, chunk, output)?,
            START if chunk == &STREAM_START[CHUNK_HEADER..] => {}
            START => return Err(output.corrupt("damaged stream identifier")),
            0x02..=0x7f => return Err(output.corrupt("unknown chunk that may not be skipped")),
            0x80..=0xfe => {}
        }
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(output.corrupt("cut short")) }
}

/// The kind and content of the first chunk, and what follows it; none if it is not whole.
fn split_chunk(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([kind, length @ ..], rest) = input.split_first_chunk::<CHUNK_HEADER>()?;
    let [low, middle, high] = *length;
    let (chunk, after) = rest.split_at_checked(u32::from_le_bytes([low, middle, high, 0]) as usize)?;
    Some((*kind, chunk, after))
}

fn decompress_chunk(kind: u8, chunk: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    let (checksum, content) =
        chunk.split_first_chunk::<CHECKSUM>().ok_or(output.corrupt("chunk without a checksum"))?;
    let length = if kind == COMPRESSED { declared_length(content, output)? } else { content.len() };
    if length > CHUNK_CONTENT_MAX {
        return Err(output.corrupt("chunk above 64 KiB"));
    }
    if output.room().len() < length {
        let guess = length.max(output.len()).min(output.allowance());
        output.ensure(length.max(guess))?;
    }
    let start = output.len();
    if kind == COMPRESSED {
        decode(content, output)?;
    } else if let Some(room) = output.room().get_mut(..length) {
        room.copy_from_slice(content);
        output.advance(length);
    }
    let (written, _) = output.tail_and_room(start);
    if masked_crc32c(written) == u32::from_le_bytes(*checksum) {
        Ok(())
    } else {
        Err(output.corrupt("checksum mismatch"))
    }
}

/// The length a block declares, if a block of that many bytes can have it.
fn declared_length(block: &[u8], output: &Output<'_>) -> Result<usize, CodecError> {
    let length = decompress_len(block).ok().filter(|_| !block.is_empty());
    let possible = block.len().saturating_mul(EXPANSION_MAX);
    length.filter(|length| *length <= possible).ok_or(output.corrupt("impossible declared length"))
}

fn decode(block: &[u8], output: &mut Output<'_>) -> Result<(), CodecError> {
    match Decoder::new().decompress(block, output.room()) {
        Ok(written) => {
            output.advance(written);
            Ok(())
        }
        Err(_) => Err(output.corrupt("damaged or cut short")),
    }
}

/// Compresses the whole of `input` into one block.
pub(crate) fn compress_block(input: &[u8], pool: &Pool) -> Result<Block, CodecError> {
    let mut block = pool.try_block(max_compress_len(input.len()))?;
    let written = ENCODER.with_borrow_mut(|encoder| encoder.compress(input, block.spare_mut()));
    // A block's length is 32 bits; the output has snap's own bound.
    block.advance(written.map_err(|_| CodecError::TooLarge { limit: u32::MAX as usize })?);
    Ok(block)
}

/// Compresses `chunks` into a framed stream. What does not get smaller by an eighth is kept as it is, which readers
/// copy faster than they decode it.
pub(crate) fn compress_framed(chunks: &[Bytes], pool: &Pool) -> Result<Block, CodecError> {
    let input: usize = chunks.iter().map(Bytes::len).sum();
    let mut block = pool.try_block(STREAM_START.len() + input / 2)?;
    block.extend_from_slice(STREAM_START);
    ENCODER.with_borrow_mut(|encoder| {
        for content in chunks.iter().flat_map(|chunk| chunk.chunks(CHUNK_CONTENT_MAX)) {
            compress_chunk(encoder, content, &mut block)?;
        }
        Ok(block)
    })
}

fn compress_chunk(encoder: &mut Encoder, content: &[u8], block: &mut Block) -> Result<(), CodecError> {
    const HEAD: usize = CHUNK_HEADER + CHECKSUM;
    block.try_reserve(HEAD + max_compress_len(content.len()))?;
    let (head, room) = block.spare_mut().split_at_mut(HEAD);
    let compressed = encoder.compress(content, room).ok().filter(|written| *written < content.len() / 8 * 7);
    let (kind, written) = match compressed {
        Some(written) => (COMPRESSED, written),
        None => {
            room[..content.len()].copy_from_slice(content);
            (UNCOMPRESSED, content.len())
        }
    };
    let length = ((CHECKSUM + written) as u32).to_le_bytes();
    head[..CHUNK_HEADER].copy_from_slice(&[kind, length[0], length[1], length[2]]);
    head[CHUNK_HEADER..].copy_from_slice(&masked_crc32c(content).to_le_bytes());
    block.advance(HEAD + written);
    Ok(())
}
