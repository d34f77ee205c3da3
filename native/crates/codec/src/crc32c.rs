//! CRC-32C (Castagnoli, RFC 3720 §12.1), as the log on disk uses it, and as snappy's framing format masks it.

use ::crc32c::crc32c_append;

/// The checksum, rotated and offset so that data which contains checksums keeps them apart (`framing_format.txt` §3).
pub(crate) fn masked_crc32c(data: &[u8]) -> u32 {
    crc32c(0, data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The checksum of what `crc` is the checksum of, followed by `data`; 0 is that of nothing.
pub fn crc32c(crc: u32, data: &[u8]) -> u32 {
    crc32c_append(crc, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, a bit at a time.
    fn by_definition(crc: u32, data: &[u8]) -> u32 {
        !data.iter().fold(!crc, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
        })
    }

    #[test]
    fn matches_the_published_values() {
        // RFC 3720 appendix B.4, and the usual check value.
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(0, &[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, b""), 0);
        assert_eq!(crc32c(crc32c(0, b"12345"), b"6789"), 0xe306_9283);
    }

    /// The library takes other ways for other lengths and alignments.
    #[test]
    fn matches_the_definition_at_every_length_and_place() {
        let data: Vec<u8> = (0..30_000_u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
        for (from, length) in
            [(0, 0), (1, 7), (3, 64), (5, 767), (8, 768), (2, 769), (7, 8191), (1, 24_576), (3, 29_997)]
        {
            let data = &data[from..from + length];
            assert_eq!(crc32c(7, data), by_definition(7, data), "{length} bytes from {from}");
        }
    }
}
