//! The Huffman code of header strings (RFC 7541, section 5.2 and appendix B), decoding only: a server that answers in
//! few bytes gains nothing from encoding.
//!
//! The code is canonical: the lengths alone determine it, shorter codes first, equal lengths in the order of symbols.

/// Appends what `input` stands for.
///
/// Returns `None` for a code that is none, the end-of-string symbol, and padding that is not up to seven ones.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut bits = 0_u64;
    let mut have = 0_u32;
    let mut bytes = input.iter();
    loop {
        while have <= 56 {
            let Some(byte) = bytes.next() else { break };
            bits |= u64::from(*byte) << (56 - have);
            have += 8;
        }
        if have == 0 {
            return Some(());
        }
        let (symbol, length) = match SHORT.get((bits >> 56) as usize) {
            Some(&(symbol, length)) if length > 0 => (u16::from(symbol), u32::from(length)),
            _ => match long(bits) {
                Some(found) => found,
                None => return is_padding(bits, have).then_some(()),
            },
        };
        if length > have {
            return is_padding(bits, have).then_some(());
        }
        // 256 is the end of the string, which must not be written.
        out.push(u8::try_from(symbol).ok()?);
        bits <<= length;
        have -= length;
    }
}

/// Up to seven ones.
fn is_padding(bits: u64, have: u32) -> bool {
    have < 8 && bits >> (64 - have) == (1 << have) - 1
}

/// The symbol of a code longer than eight bits.
#[cold]
fn long(bits: u64) -> Option<(u16, u32)> {
    let mut length = 9;
    while length <= LENGTH_MAX {
        let code = (bits >> (64 - length)) as u32;
        let (first, start, count) = LEVELS[length];
        let offset = code.wrapping_sub(first);
        if offset < count {
            return Some((*SORTED.get((start + offset) as usize)?, length as u32));
        }
        length += 1;
    }
    None
}

const LENGTH_MAX: usize = 30;
const SYMBOLS: usize = 257;

/// All symbols by length of code, then value: the order of the codes.
static SORTED: [u16; SYMBOLS] = {
    let mut sorted = [0; SYMBOLS];
    let (mut at, mut length) = (0, 1);
    while length <= LENGTH_MAX {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                sorted[at] = symbol as u16;
                at += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    sorted
};

/// For each length: the first code, its place in [`SORTED`], and how many codes there are.
static LEVELS: [(u32, u32, u32); LENGTH_MAX + 1] = levels();

const fn levels() -> [(u32, u32, u32); LENGTH_MAX + 1] {
    let mut levels = [(0, 0, 0); LENGTH_MAX + 1];
    let (mut code, mut start, mut length) = (0_u32, 0_u32, 1);
    while length <= LENGTH_MAX {
        code <<= 1;
        let (mut count, mut symbol) = (0, 0);
        while symbol < SYMBOLS {
            count += (LENGTHS[symbol] as usize == length) as u32;
            symbol += 1;
        }
        levels[length] = (code, start, count);
        code += count;
        start += count;
        length += 1;
    }
    levels
}

/// By the next eight bits: the symbol of a code of at most eight bits and its length; length 0 for longer codes.
static SHORT: [(u8, u8); 256] = {
    let mut short = [(0, 0); 256];
    let levels = levels();
    let (mut symbol, mut seen) = (0, [0_u32; 9]);
    while symbol < 256 {
        let length = LENGTHS[symbol] as usize;
        if length <= 8 {
            let code = levels[length].0 + seen[length];
            seen[length] += 1;
            let free = 8 - length;
            let mut rest = 0;
            while rest < 1 << free {
                short[((code as usize) << free) | rest] = (symbol as u8, length as u8);
                rest += 1;
            }
        }
        symbol += 1;
    }
    short
};

/// Bits of each symbol's code.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(input: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(input, &mut out).map(|()| out)
    }

    /// The code of a symbol and its length, from the definition.
    fn code(symbol: usize) -> (u64, u32) {
        let place = SORTED.iter().position(|each| usize::from(*each) == symbol).unwrap() as u32;
        let length = usize::from(LENGTHS[symbol]);
        let (first, start, _) = LEVELS[length];
        (u64::from(first + place - start), length as u32)
    }

    /// `symbols` in code, padded with ones.
    fn encoded(symbols: &[usize]) -> Vec<u8> {
        let mut bits = Vec::new();
        for symbol in symbols {
            let (code, length) = code(*symbol);
            bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
        }
        bits.resize(bits.len().div_ceil(8) * 8, true);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
    }

    #[test]
    fn reads_the_examples_of_the_rfc() {
        // RFC 7541, C.4.1 and C.6.1.
        let domain = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decoded(&domain).unwrap(), b"www.example.com");
        assert_eq!(decoded(&[0xae, 0xc3, 0x77, 0x1a, 0x4b]).unwrap(), b"private");
    }

    #[test]
    fn every_symbol_reads_back_wherever_it_stands() {
        for symbol in 0..256 {
            for before in 0..3 {
                let symbols: Vec<_> = std::iter::repeat_n(usize::from(b'X'), before).chain([symbol]).collect();
                let bytes: Vec<_> = symbols.iter().map(|symbol| *symbol as u8).collect();
                assert_eq!(decoded(&encoded(&symbols)), Some(bytes), "{symbol}");
            }
        }
    }

    #[test]
    fn refuses_wrong_padding_and_the_end_of_string() {
        assert_eq!(decoded(&[0xff]), None, "eight bits of padding");
        assert_eq!(decoded(&encoded(&[256])), None, "end of string");
        let mut zeros = encoded(&[usize::from(b'w')]);
        *zeros.last_mut().unwrap() &= !1;
        assert_eq!(decoded(&zeros), None, "padding of zeros");
        assert_eq!(decoded(&[]), Some(Vec::new()));
    }
}
