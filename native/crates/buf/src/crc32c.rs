//! The processor's own step of CRC-32C, where it has one.
//!
//! It stands in this crate because asking for instructions that not every processor has takes unsafe code. The checksum
//! itself, and the way without them, belong to `teleferric-codec`, the only user.

/// Goes on from `crc`, a checksum as it is before its last inversion, over `words`; none if the processor cannot.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub fn fold(crc: u32, words: &[[u8; 8]]) -> Option<u32> {
    use std::arch::x86_64::_mm_crc32_u64;

    #[target_feature(enable = "sse4.2")]
    fn fold(crc: u32, words: &[[u8; 8]]) -> u32 {
        words.iter().fold(u64::from(crc), |crc, word| _mm_crc32_u64(crc, u64::from_le_bytes(*word))) as u32
    }

    // SAFETY: the processor has just said that it has what the function is compiled for.
    std::arch::is_x86_feature_detected!("sse4.2").then(|| unsafe { fold(crc, words) })
}

/// Goes on from `crc`, a checksum as it is before its last inversion, over `words`; none if the processor cannot.
#[cfg(all(target_arch = "aarch64", not(miri)))]
pub fn fold(crc: u32, words: &[[u8; 8]]) -> Option<u32> {
    use std::arch::aarch64::__crc32cd;

    #[target_feature(enable = "crc")]
    #[allow(unused_unsafe, reason = "the oldest compilers that are supported ask for it")]
    fn fold(crc: u32, words: &[[u8; 8]]) -> u32 {
        // SAFETY: this function is compiled for processors that have the instruction.
        words.iter().fold(crc, |crc, word| unsafe { __crc32cd(crc, u64::from_le_bytes(*word)) })
    }

    // SAFETY: the processor has just said that it has what the function is compiled for.
    std::arch::is_aarch64_feature_detected!("crc").then(|| unsafe { fold(crc, words) })
}

/// Goes on from `crc`, a checksum as it is before its last inversion, over `words`; none if the processor cannot.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub fn fold(_crc: u32, _words: &[[u8; 8]]) -> Option<u32> {
    None
}
