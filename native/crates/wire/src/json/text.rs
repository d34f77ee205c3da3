//! Finds and writes what a JSON string cannot hold as it is.

/// Length of the start of `bytes` that holds no quote, no backslash and no control character.
#[inline]
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let mut length = 0;
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let found = specials(u64::from_le_bytes(*chunk));
        if found != 0 {
            return length + found.trailing_zeros() as usize / 8;
        }
        length += 8;
        rest = after;
    }
    length + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}

/// Appends a JSON string; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    match std::str::from_utf8(bytes) {
        Ok(text) => put_escaped(text, out),
        Err(_) => {
            for chunk in bytes.utf8_chunks() {
                put_escaped(chunk.valid(), out);
                if !chunk.invalid().is_empty() {
                    out.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
        }
    }
    out.push(b'"');
}

/// Appends lower-case hexadecimal digits.
pub(super) fn put_hex(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.extend([byte >> 4, byte & 15].map(hex_digit));
    }
}

fn put_escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                put_hex(&[byte], out);
            }
        }
        rest = after;
    }
}

const fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// A value below 16 as a digit.
const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// The high bit of each special byte, exact up to the first one; higher ones may be wrong.
#[inline]
const fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    const fn below(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(ONES * limit) & !word
    }
    let quote = below(word ^ (ONES * b'"' as u64), 1);
    let backslash = below(word ^ (ONES * b'\\' as u64), 1);
    (quote | backslash | below(word, 0x20)) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_run_ends_at_the_first_special_byte_wherever_it_stands() {
        for byte in 0..=255_u8 {
            for length in 0..20 {
                for at in 0..length {
                    let mut bytes = vec![0xff; length];
                    bytes[at] = byte;
                    assert_eq!(plain_len(&bytes), if is_special(byte) { at } else { length }, "{byte} {at} {length}");
                }
            }
        }
    }

    #[test]
    fn strings_are_what_serde_json_reads_back() {
        let all: String = (0..0x3000).filter_map(char::from_u32).chain("\u{1f6a0}".chars()).collect();
        for text in ["", "plain", "\"\\/\u{8}\u{c}\n\r\t", "\u{0}\u{1f}\u{7f}\u{2028}", all.as_str()] {
            let mut out = Vec::new();
            put_string(text.as_bytes(), &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn broken_text_is_repaired() {
        let mut out = Vec::new();
        put_string(b"a\xff\xc3(\xf0\x9f\x9a", &mut out);
        assert_eq!(out, "\"a\u{fffd}\u{fffd}(\u{fffd}\"".as_bytes());
    }
}
