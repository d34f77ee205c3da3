//! Undoes compression that is recognised by its magic bytes: every gzip member and every zstd frame of a body.

use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem;

use super::walk::Unreadable;

/// Contexts and the buffer that are used again and again.
pub struct Inflater {
    gzip: Decompressor,
    zstd: zstd_safe::DCtx<'static>,
    out: Vec<u8>,
}

/// Whether a body that begins so may be compressed. No OTLP request begins with these bytes.
pub fn may_be_compressed(first: u8) -> bool {
    first == GZIP_MAGIC[0] || first == ZSTD_MAGIC[0]
}

impl Inflater {
    pub fn new() -> Self {
        Self { gzip: Decompressor::new(), zstd: zstd_safe::DCtx::create(), out: Vec::new() }
    }

    /// The plain form of `body`, which is `body` itself if it is not compressed.
    pub fn plain<'a>(&'a mut self, body: &'a [u8]) -> Result<&'a [u8], Unreadable> {
        if body.starts_with(&GZIP_MAGIC) {
            let bytes = self.gunzip(body)?;
            Ok(&self.out[..bytes])
        } else if body.starts_with(&ZSTD_MAGIC) {
            self.unzstd(body)?;
            Ok(&self.out)
        } else {
            Ok(body)
        }
    }

    fn gunzip(&mut self, mut body: &[u8]) -> Result<usize, Unreadable> {
        let mut filled = 0;
        while !body.is_empty() {
            let bytes = self.gunzip_member(body, filled)?;
            let plain = &self.out[filled..filled + bytes];
            // The library does not tell where a member ends, but its last 8 bytes are known now.
            let mut trailer = [0; GZIP_TRAILER_BYTES];
            trailer[..4].copy_from_slice(&libdeflater::crc32(plain).to_le_bytes());
            trailer[4..].copy_from_slice(&(bytes as u32).to_le_bytes());
            let end = memmem::find(body, &trailer).ok_or(Unreadable)? + GZIP_TRAILER_BYTES;
            body = &body[end..];
            filled += bytes;
        }
        Ok(filled)
    }

    /// Inflates the first member of `body` behind what is in the buffer.
    fn gunzip_member(&mut self, body: &[u8], filled: usize) -> Result<usize, Unreadable> {
        loop {
            match self.gzip.gzip_decompress(body, &mut self.out[filled..]) {
                Ok(bytes) => return Ok(bytes),
                Err(DecompressionError::InsufficientSpace) => {
                    let wanted = (self.out.len() * 2).max(filled + body.len() * RATIO_GUESS);
                    if self.out.len() == PLAIN_BYTES_MAX {
                        return Err(Unreadable);
                    }
                    self.out.resize(wanted.min(PLAIN_BYTES_MAX), 0);
                }
                Err(DecompressionError::BadData) => return Err(Unreadable),
            }
        }
    }

    fn unzstd(&mut self, body: &[u8]) -> Result<(), Unreadable> {
        self.out.clear();
        self.out.reserve(body.len() * RATIO_GUESS);
        let mut input = zstd_safe::InBuffer::around(body);
        self.zstd.reset(zstd_safe::ResetDirective::SessionOnly).map_err(|_| Unreadable)?;
        loop {
            let filled = self.out.len();
            let mut output = zstd_safe::OutBuffer::around_pos(&mut self.out, filled);
            let wanted = self.zstd.decompress_stream(&mut output, &mut input).map_err(|_| Unreadable)?;
            let full = output.pos() == output.capacity();
            if input.pos() == body.len() && !full {
                // A wish for more at the end of the input means that the last frame is cut off.
                return if wanted == 0 { Ok(()) } else { Err(Unreadable) };
            }
            if full {
                if self.out.len() >= PLAIN_BYTES_MAX {
                    return Err(Unreadable);
                }
                self.out.reserve(self.out.capacity());
            }
        }
    }
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP_TRAILER_BYTES: usize = 8;
/// First guess of how much larger the plain form is.
const RATIO_GUESS: usize = 8;
/// What a body may become.
const PLAIN_BYTES_MAX: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Compression, compress};

    #[test]
    fn reads_every_member_and_frame() {
        let mut inflater = Inflater::new();
        let (small, large) = (b"one".to_vec(), b"telemetry ".repeat(50_000));
        for compression in [Compression::Gzip, Compression::Zstd] {
            let [small_packed, large_packed] = [&small, &large].map(|body| compress(compression, 1, body));
            let joined = [&small_packed[..], &large_packed, &small_packed].concat();
            assert!(may_be_compressed(joined[0]));
            assert_eq!(inflater.plain(&joined), Ok(&[&small[..], &large, &small].concat()[..]));
            assert_eq!(inflater.plain(&small_packed), Ok(&small[..]));
        }
    }

    #[test]
    fn leaves_plain_bodies_as_they_are() {
        assert_eq!(Inflater::new().plain(b"\x0a\x00"), Ok(&b"\x0a\x00"[..]));
    }

    #[test]
    fn refuses_cut_bodies() {
        let mut inflater = Inflater::new();
        for compression in [Compression::Gzip, Compression::Zstd] {
            let packed = compress(compression, 1, &b"telemetry".repeat(99));
            for end in 4..packed.len() {
                assert_eq!(inflater.plain(&packed[..end]), Err(Unreadable), "{compression:?} cut at {end}");
            }
        }
    }
}
