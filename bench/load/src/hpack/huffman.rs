//! The Huffman code of HPACK (RFC 7541, appendix B), decoding only.
//!
//! The code is canonical: the code words follow from their lengths, so the lengths are all there is to write down.

use std::sync::OnceLock;

use super::Malformed;

/// Appends the decoded `bytes` to `out`.
pub fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    static CODE: OnceLock<Code> = OnceLock::new();
    let code = CODE.get_or_init(Code::new);
    let (mut word, mut length) = (0u32, 0usize);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |shift| (byte >> shift) & 1)) {
        word = word << 1 | u32::from(bit);
        length += 1;
        if length > LENGTH_MAX {
            return Err(Malformed("huffman code word is too long"));
        }
        if let Some(symbol) = code.symbol(word, length) {
            out.push(symbol.ok_or(Malformed("huffman text contains the end mark"))?);
            (word, length) = (0, 0);
        }
    }
    // What is left is padding: the first bits of the end mark, which are all ones.
    if length > 7 || word != (1 << length) - 1 { Err(Malformed("huffman padding is wrong")) } else { Ok(()) }
}

/// Where the code words of each length begin, and the symbols in the order of their code words.
struct Code {
    first: [u32; LENGTH_MAX + 1],
    count: [u32; LENGTH_MAX + 1],
    start: [u32; LENGTH_MAX + 1],
    symbols: Vec<u16>,
}

impl Code {
    fn new() -> Self {
        let length_of = |symbol: u16| LENGTHS.get(usize::from(symbol)).copied().unwrap_or(LENGTH_MAX as u8);
        let mut symbols: Vec<u16> = (0..=END).collect();
        symbols.sort_by_key(|&symbol| (length_of(symbol), symbol));
        let mut code = Self { first: [0; 31], count: [0; 31], start: [0; 31], symbols };
        for &symbol in &code.symbols {
            code.count[usize::from(length_of(symbol))] += 1;
        }
        for length in 1..=LENGTH_MAX {
            code.first[length] = (code.first[length - 1] + code.count[length - 1]) << 1;
            code.start[length] = code.start[length - 1] + code.count[length - 1];
        }
        code
    }

    /// The symbol of a whole code word; within it, `None` for the end mark.
    fn symbol(&self, word: u32, length: usize) -> Option<Option<u8>> {
        let nth = word.checked_sub(self.first[length]).filter(|nth| *nth < self.count[length])?;
        let symbol = self.symbols[(self.start[length] + nth) as usize];
        Some(u8::try_from(symbol).ok())
    }
}

/// Length of the longest code word, which is also that of the end mark.
const LENGTH_MAX: usize = 30;
/// The end mark comes after the 256 bytes.
const END: u16 = 256;

/// Length of the code word of each byte, in bits.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(hex: &str) -> Result<String, Malformed> {
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("test text is hex"))
            .collect();
        let mut out = Vec::new();
        decode(&bytes, &mut out)?;
        Ok(String::from_utf8(out).expect("test text is UTF-8"))
    }

    #[test]
    fn reads_the_examples_of_the_specification() {
        assert_eq!(decoded("f1e3c2e5f23a6ba0ab90f4ff").as_deref(), Ok("www.example.com"));
        assert_eq!(decoded("a8eb10649cbf").as_deref(), Ok("no-cache"));
        assert_eq!(decoded("6402").as_deref(), Ok("302"));
        assert_eq!(
            decoded("d07abe941054d444a8200595040b8166e082a62d1bff").as_deref(),
            Ok("Mon, 21 Oct 2013 20:13:21 GMT")
        );
    }

    #[test]
    fn lengths_fill_the_code_space_exactly() {
        let space: u64 = LENGTHS.iter().map(|&length| 1u64 << (LENGTH_MAX - usize::from(length))).sum();
        assert_eq!(space + 1, 1 << LENGTH_MAX);
    }

    #[test]
    fn refuses_padding_that_is_not_ones_and_the_end_mark() {
        assert!(decoded("f1e3c2e5f23a6ba0ab90f400").is_err());
        assert!(decoded("ffffffff").is_err());
        assert!(decoded("ff").is_err());
    }
}
