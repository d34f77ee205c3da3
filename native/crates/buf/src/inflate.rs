//! One whole-buffer inflate step that says how much of its input it used.
//!
//! It stands in this crate because libdeflate's safe binding hides the end of a member, without which members that
//! follow (or garbage) cannot be told; asking for it takes unsafe code. Formats, caps and growth belong to
//! `teleferric-codec`, the only user.

use std::fmt;
use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result, libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE,
    libdeflate_result_LIBDEFLATE_SUCCESS, libdeflate_zlib_decompress_ex,
};

/// A reusable decompressor of whole gzip members and zlib streams.
pub struct Inflater {
    context: NonNull<libdeflate_decompressor>,
}

/// What one step used and made, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inflated {
    /// Input used, header and trailer included.
    pub read: usize,
    /// Output made.
    pub written: usize,
}

/// Why a step made nothing; the output's content is then unspecified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// The input is damaged or ends early.
    Corrupt,
    /// The output is too small. Also the answer to damage that lies behind the end of the output.
    OutputTooSmall,
}

type Decompress = unsafe extern "C" fn(
    *mut libdeflate_decompressor,
    *const std::ffi::c_void,
    usize,
    *mut std::ffi::c_void,
    usize,
    *mut usize,
    *mut usize,
) -> libdeflate_result;

impl Inflater {
    /// A decompressor (about 12 KiB); none if the allocator has no memory.
    pub fn new() -> Option<Inflater> {
        // SAFETY: no arguments; null means no memory, which NonNull::new turns into none.
        NonNull::new(unsafe { libdeflate_alloc_decompressor() }).map(|context| Inflater { context })
    }

    /// Inflates the first gzip member (RFC 1952) of `input` and checks its checksum and length.
    ///
    /// # Errors
    /// [`InflateError`]; nothing is kept between steps, so the same input may be tried again with more room.
    pub fn gzip(&mut self, input: &[u8], output: &mut [u8]) -> Result<Inflated, InflateError> {
        self.run(libdeflate_gzip_decompress_ex, input, output)
    }

    /// Inflates the zlib stream (RFC 1950) at the start of `input` and checks its checksum.
    ///
    /// # Errors
    /// As [`gzip`](Inflater::gzip).
    pub fn zlib(&mut self, input: &[u8], output: &mut [u8]) -> Result<Inflated, InflateError> {
        self.run(libdeflate_zlib_decompress_ex, input, output)
    }

    fn run(&mut self, decompress: Decompress, input: &[u8], output: &mut [u8]) -> Result<Inflated, InflateError> {
        let (mut read, mut written) = (0, 0);
        // SAFETY: `context` is live and, through `&mut self`, used by this call alone. Input and output are given
        // as the pointers and lengths of live slices that do not overlap; libdeflate reads and writes within those
        // lengths and keeps no pointer. `read` and `written` outlive the call.
        let result = unsafe {
            decompress(
                self.context.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                output.len(),
                &raw mut read,
                &raw mut written,
            )
        };
        #[expect(non_upper_case_globals, reason = "names of the C library")]
        match result {
            libdeflate_result_LIBDEFLATE_SUCCESS => Ok(Inflated { read, written }),
            libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Err(InflateError::OutputTooSmall),
            _ => Err(InflateError::Corrupt),
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: `context` came from libdeflate_alloc_decompressor and is freed once, here.
        unsafe { libdeflate_free_decompressor(self.context.as_ptr()) }
    }
}

// SAFETY: the context is plain memory without thread affinity, and it is only used through `&mut self`.
unsafe impl Send for Inflater {}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inflater")
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    /// "hello" as gzip and as zlib in one stored block each.
    const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x05\0\xfa\xffhello\x86\xa6\x10\x36\x05\0\0\0";
    const ZLIB: &[u8] = b"\x78\x01\x01\x05\0\xfa\xffhello\x06\x2c\x02\x15";

    #[test]
    fn says_where_the_member_ends() {
        let mut inflater = Inflater::new().unwrap();
        let mut output = [0; 8];
        let two = [GZIP, GZIP].concat();
        let expected = Inflated { read: GZIP.len(), written: 5 };
        assert_eq!(inflater.gzip(&two, &mut output), Ok(expected));
        assert_eq!(&output[..5], b"hello");
        let trailing = [ZLIB, b"garbage"].concat();
        assert_eq!(inflater.zlib(&trailing, &mut output), Ok(Inflated { read: ZLIB.len(), written: 5 }));
    }

    #[test]
    fn output_must_hold_everything_and_input_must_be_whole() {
        let mut inflater = Inflater::new().unwrap();
        assert_eq!(inflater.gzip(GZIP, &mut [0; 4]), Err(InflateError::OutputTooSmall));
        assert_eq!(inflater.gzip(GZIP, &mut []), Err(InflateError::OutputTooSmall));
        for len in 0..GZIP.len() {
            assert_eq!(inflater.gzip(&GZIP[..len], &mut [0; 8]), Err(InflateError::Corrupt));
        }
        assert_eq!(inflater.zlib(GZIP, &mut [0; 8]), Err(InflateError::Corrupt));
    }
}
