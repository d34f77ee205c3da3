//! CRC-32C (Castagnoli, RFC 3720 §12.1), as the log on disk uses it, and as snappy's framing format masks it. With the
//! processor's own instruction, or by tables, eight bytes a step.

use teleferric_buf::crc32c::fold;

/// The reflected polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[0]` advances by one byte; each further table by one byte more.
static TABLES: [[u32; 256]; 8] = tables();

/// The checksum, rotated and offset so that data which contains checksums keeps them apart (`framing_format.txt` §3).
pub(crate) fn masked_crc32c(data: &[u8]) -> u32 {
    crc32c(0, data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The checksum of what `crc` is the checksum of, followed by `data`; 0 is that of nothing.
pub fn crc32c(crc: u32, data: &[u8]) -> u32 {
    let (words, tail) = data.as_chunks::<8>();
    let crc = fold(!crc, words).unwrap_or_else(|| fold_by_tables(!crc, words));
    !tail.iter().fold(crc, |crc, byte| TABLES[0][usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

fn fold_by_tables(crc: u32, words: &[[u8; 8]]) -> u32 {
    words.iter().fold(crc, |crc, word| {
        let mixed = u64::from_le_bytes(*word) ^ u64::from(crc);
        let bytes = mixed.to_le_bytes();
        bytes.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)])
    })
}

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_values() {
        // RFC 3720 appendix B.4, and the usual check value.
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(0, &[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, b""), 0);
        assert_eq!(crc32c(crc32c(0, b"12345"), b"6789"), 0xe306_9283);
    }

    #[test]
    fn the_processor_and_the_tables_agree() {
        let words: Vec<[u8; 8]> =
            (0..1000_u64).map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
        for count in [0, 1, 2, 63, 1000] {
            let by_tables = fold_by_tables(7, &words[..count]);
            assert_eq!(fold(7, &words[..count]).unwrap_or(by_tables), by_tables);
        }
    }
}
