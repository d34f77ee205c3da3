//! Header blocks of HTTP/2 (RFC 7541): decoding without a dynamic table, and blocks that are encoded once.
//!
//! Both ends announce a table of size 0 for what they receive, so a block means the same wherever it stands.

mod blocks;
mod huffman;
mod table;

use std::borrow::Cow;

pub use blocks::{Field, HeaderBlock, encode_blocks};

/// Why a header block cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Calls `each` with every field of `block`, name and value.
pub fn decode(block: &[u8], mut each: impl FnMut(&[u8], &[u8])) -> Result<(), Malformed> {
    let mut rest = block;
    while let Some(&first) = rest.first() {
        if first & 0x80 != 0 {
            let (name, value) = table::entry(integer(&mut rest, 7)?)?;
            each(name.as_bytes(), value.as_bytes());
            continue;
        }
        if first & 0xe0 == 0x20 {
            if integer(&mut rest, 5)? != 0 {
                return Err(Malformed("dynamic table is larger than was announced"));
            }
            continue;
        }
        // A literal: with indexing (which a table of size 0 turns into nothing), without, or never indexed.
        let index = integer(&mut rest, if first & 0x40 != 0 { 6 } else { 4 })?;
        let name = if index == 0 { text(&mut rest)? } else { Cow::Borrowed(table::entry(index)?.0.as_bytes()) };
        let value = text(&mut rest)?;
        each(&name, &value);
    }
    Ok(())
}

/// An integer whose first byte keeps `bits` of it (section 5.1).
fn integer(rest: &mut &[u8], bits: u32) -> Result<usize, Malformed> {
    let cut = Malformed("header block ends within a field");
    let mask = (1usize << bits) - 1;
    let (&first, mut tail) = rest.split_first().ok_or(cut)?;
    let mut value = usize::from(first) & mask;
    if value == mask {
        for shift in (0..).step_by(7) {
            let (&byte, after) = tail.split_first().ok_or(cut)?;
            tail = after;
            if shift > 21 {
                return Err(Malformed("integer is too large"));
            }
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = tail;
    Ok(value)
}

/// A string (section 5.2).
fn text<'a>(rest: &mut &'a [u8]) -> Result<Cow<'a, [u8]>, Malformed> {
    let coded = rest.first().is_some_and(|byte| byte & 0x80 != 0);
    let length = integer(rest, 7)?;
    let (bytes, tail) = rest.split_at_checked(length).ok_or(Malformed("header block ends within a string"))?;
    *rest = tail;
    if !coded {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut text = Vec::new();
    huffman::decode(bytes, &mut text)?;
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(block: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
        let mut out = Vec::new();
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decode(block, |name, value| out.push((lossy(name), lossy(value))))?;
        Ok(out)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn reads_indexed_and_literal_fields() {
        assert_eq!(fields(&[0x88]), Ok(vec![pair(":status", "200")]));
        let plain = b"\x00\x0bgrpc-status\x0214";
        assert_eq!(fields(plain), Ok(vec![pair("grpc-status", "14")]));
        // A literal with indexing, value in Huffman code: `location: 302`'s value from the specification.
        assert_eq!(fields(b"\x48\x82\x64\x02"), Ok(vec![pair(":status", "302")]));
        // An index that needs a second byte.
        assert_eq!(fields(b"\x0f\x10\x01x"), Ok(vec![pair("content-type", "x")]));
    }

    #[test]
    fn allows_only_an_empty_dynamic_table() {
        assert_eq!(fields(b"\x20\x88"), Ok(vec![pair(":status", "200")]));
        assert!(fields(b"\x3f\xe1\x1f").is_err());
        assert!(fields(&[0xbe]).is_err());
    }

    #[test]
    fn refuses_every_truncation() {
        let block = b"\x0f\x10\x03abc\x00\x0bgrpc-status\x0214";
        let ends = [0, 6, block.len()];
        for end in 0..=block.len() {
            assert_eq!(fields(&block[..end]).is_ok(), ends.contains(&end), "cut at {end}");
        }
    }
}
