//! Header blocks that are encoded once and sent again and again.
//!
//! Real OTLP clients and servers put their fields into the peer's dynamic table with the first request and send one byte
//! for each field afterwards. Doing the same keeps the peer's work, which is what gets measured, as it is in the field.

/// A header field to send.
#[derive(Clone, Debug)]
pub enum Field<'a> {
    /// Name and value stand in the static table.
    Indexed(u8),
    /// The name stands in the static table.
    Value(u8, &'a str),
    /// Neither does.
    Literal(&'a str, &'a str),
}

/// One block in several encodings.
#[derive(Clone, Debug, Default)]
pub struct HeaderBlock {
    /// Literals without indexing: says the same on every connection at any time.
    plain: Vec<u8>,
    /// The same, after word that the dynamic table is not used, for which a peer with a smaller one waits.
    tableless: Vec<u8>,
    /// Literals that enter the dynamic table: for the first time on a connection.
    first: Vec<u8>,
    /// Indices into the dynamic table: for all later times.
    later: Vec<u8>,
}

impl HeaderBlock {
    /// The block to send again and again, given whether the peer keeps a dynamic table and has seen the block.
    pub fn repeated(&self, table: bool, seen: bool) -> &[u8] {
        match (table, seen) {
            (false, _) => &self.tableless,
            (true, false) => &self.first,
            (true, true) => &self.later,
        }
    }

    /// The block to send now and then, which leaves the table as it is.
    pub fn single(&self, table: bool) -> &[u8] {
        if table { &self.plain } else { &self.tableless }
    }
}

/// Encodes blocks that share a connection. The order of their `first` encodings on it must be the order given here,
/// nothing else may enter the table, and the table must have its default size, 4,096 bytes.
pub fn encode_blocks<const N: usize>(blocks: [&[Field<'_>]; N]) -> [HeaderBlock; N] {
    let entries = blocks.iter().flat_map(|fields| fields.iter()).filter(|field| !matches!(field, Field::Indexed(_)));
    // The newest entry has the lowest index.
    let mut index = STATIC_ENTRIES + entries.count();
    blocks.map(|fields| {
        let mut block = HeaderBlock::default();
        for field in fields {
            match *field {
                Field::Indexed(at) => {
                    for out in [&mut block.plain, &mut block.first, &mut block.later] {
                        out.push(0x80 | at);
                    }
                    continue;
                }
                Field::Value(name, value) => {
                    integer(&mut block.plain, 0x00, 4, usize::from(name));
                    text(&mut block.plain, value);
                    integer(&mut block.first, 0x40, 6, usize::from(name));
                    text(&mut block.first, value);
                }
                Field::Literal(name, value) => {
                    for (out, kind) in [(&mut block.plain, 0x00), (&mut block.first, 0x40)] {
                        out.push(kind);
                        text(out, name);
                        text(out, value);
                    }
                }
            }
            integer(&mut block.later, 0x80, 7, index);
            index -= 1;
        }
        block.tableless = [&[TABLE_OF_SIZE_0], &block.plain[..]].concat();
        block
    })
}

fn text(out: &mut Vec<u8>, text: &str) {
    integer(out, 0, 7, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// An integer whose first byte keeps `bits` of it beside `kind` (RFC 7541, section 5.1).
fn integer(out: &mut Vec<u8>, kind: u8, bits: u32, value: usize) {
    let mask = (1usize << bits) - 1;
    if value < mask {
        out.push(kind | value as u8);
        return;
    }
    out.push(kind | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

const STATIC_ENTRIES: usize = 61;
/// A dynamic table size update (RFC 7541, section 6.3).
const TABLE_OF_SIZE_0: u8 = 0x20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack::decode;

    #[test]
    fn plain_block_reads_back() {
        let long = "v".repeat(300);
        let [block] = encode_blocks([&[Field::Indexed(3), Field::Value(31, &long), Field::Literal("te", "trailers")]]);
        let mut seen = Vec::new();
        decode(block.repeated(false, false), |name, value| seen.push((name.to_vec(), value.to_vec())))
            .expect("readable");
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[0], (b":method".to_vec(), b"POST".to_vec()));
        assert_eq!(seen[1], (b"content-type".to_vec(), long.into_bytes()));
        assert_eq!(seen[2], (b"te".to_vec(), b"trailers".to_vec()));
    }

    #[test]
    fn later_blocks_name_entries_newest_first() {
        let [head, trailers] = encode_blocks([
            &[Field::Indexed(8), Field::Value(31, "application/grpc")],
            &[Field::Literal("grpc-status", "0")],
        ]);
        assert_eq!(head.later, [0x88, 0x80 | 63]);
        assert_eq!(trailers.later, [0x80 | 62]);
        assert_eq!(head.first[1], 0x40 | 31);
    }
}
