//! Header compression with a table (RFC 7541), for a side that sends the same few fields again and again.
//!
//! Fields enter the table until it is full and never leave it, so that nothing needs to be looked up in the order of its
//! age; what does not fit any more is written out each time.

use super::hpack::{ENTRY_BYTES, TABLE_BYTES_MAX, put_integer, put_string};
use super::static_table::FIELDS;

/// A field to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) keeping: Keeping,
}

/// What becomes of a field beside being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It will be said again: it enters the table.
    Table,
    /// It is another each time.
    Not,
    /// It is a secret: nobody on the way may put it into a table either (section 7.1.3).
    Never,
}

/// One direction's encoder.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// Oldest first; a field's text is its name and its value.
    entries: Vec<Entry>,
    size: usize,
    size_max: usize,
    /// Counts every change of the table.
    version: u64,
    /// The peer must be told first that its table was emptied and has a new size.
    resized: bool,
}

#[derive(Debug)]
struct Entry {
    text: Box<[u8]>,
    name: usize,
}

impl Encoder {
    /// An encoder for a peer that has said nothing about its table.
    pub(crate) fn new() -> Encoder {
        Encoder { entries: Vec::new(), size: 0, size_max: TABLE_BYTES_MAX, version: 0, resized: false }
    }

    /// Keeps to the size that the peer allows its table. One that is larger than ours is not made use of.
    pub(crate) fn limit(&mut self, bytes: usize) {
        let bytes = bytes.min(TABLE_BYTES_MAX);
        if bytes != self.size_max {
            self.entries.clear();
            (self.size, self.size_max, self.resized) = (0, bytes, true);
            self.version += 1;
        }
    }

    /// Tells whether the table is as it was: at the same version, a field is written in the same way.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Begins a block. Every block begins so.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.resized) {
            // The empty size between drops what the peer has (section 4.2).
            put_integer(out, 5, 0x20, 0);
            put_integer(out, 5, 0x20, self.size_max);
        }
    }

    /// Appends a field.
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, field: Field<'_>) {
        let Field { name, value, keeping } = field;
        if keeping == Keeping::Table {
            if let Some(index) = self.find(|each, text| each == name && text == value) {
                return put_integer(out, 7, 0x80, index);
            }
            let named = self.find(|each, _| each == name).unwrap_or(0);
            let entered = self.enter(name, value);
            let (bits, pattern) = if entered { (6, 0x40) } else { (4, 0) };
            return put_literal(out, bits, pattern, named, field);
        }
        let named = self.find(|each, _| each == name).unwrap_or(0);
        put_literal(out, 4, if keeping == Keeping::Never { 0x10 } else { 0 }, named, field);
    }

    /// The index of the first field that `matches`.
    fn find(&self, matches: impl Fn(&[u8], &[u8]) -> bool) -> Option<usize> {
        let known = FIELDS.iter().position(|(name, value)| matches(name.as_bytes(), value.as_bytes()));
        known.map(|place| place + 1).or_else(|| {
            let place = self.entries.iter().position(|entry| {
                let (name, value) = entry.text.split_at(entry.name);
                matches(name, value)
            })?;
            // The newest comes first after the known ones.
            Some(FIELDS.len() + self.entries.len() - place)
        })
    }

    fn enter(&mut self, name: &[u8], value: &[u8]) -> bool {
        let bytes = name.len() + value.len() + ENTRY_BYTES;
        if self.size + bytes > self.size_max {
            return false;
        }
        self.entries.push(Entry { text: [name, value].concat().into(), name: name.len() });
        self.size += bytes;
        self.version += 1;
        true
    }
}

fn put_literal(out: &mut Vec<u8>, bits: u32, pattern: u8, named: usize, field: Field<'_>) {
    put_integer(out, bits, pattern, named);
    if named == 0 {
        put_string(out, field.name);
    }
    put_string(out, field.value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::hpack::{Decoder, Fields};
    use proptest::prelude::*;

    fn write(encoder: &mut Encoder, fields: &[(&str, &str, Keeping)]) -> Vec<u8> {
        let mut block = Vec::new();
        encoder.begin(&mut block);
        for (name, value, keeping) in fields {
            let field = Field { name: name.as_bytes(), value: value.as_bytes(), keeping: *keeping };
            encoder.put(&mut block, field);
        }
        block
    }

    fn read(decoder: &mut Decoder, block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Fields::new(1 << 20);
        decoder.decode(block, &mut fields).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        fields.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn what_is_repeated_costs_a_byte() {
        let mut encoder = Encoder::new();
        let fields = [
            (":method", "POST", Keeping::Table),
            (":path", "/p.S/Export", Keeping::Table),
            ("content-type", "application/grpc", Keeping::Table),
            ("authorization", "secret", Keeping::Never),
        ];
        let (first, second) = (write(&mut encoder, &fields), write(&mut encoder, &fields));
        assert!(first.len() > 30);
        assert_eq!(second[..4], [0x83, 0x80 | 63, 0x80 | 62, 0x1f]);
        assert_eq!(encoder.version(), 2);
        let mut decoder = Decoder::new();
        let told = read(&mut decoder, &first);
        assert_eq!(told[3], ("authorization".to_owned(), "secret".to_owned()));
        assert_eq!(read(&mut decoder, &second), told);
    }

    #[test]
    fn a_smaller_table_is_agreed_upon_before_it_is_used() {
        let mut encoder = Encoder::new();
        let mut decoder = Decoder::new();
        let fields = [("a", "b", Keeping::Table)];
        assert_eq!(read(&mut decoder, &write(&mut encoder, &fields)).len(), 1);
        encoder.limit(0);
        let block = write(&mut encoder, &fields);
        assert_eq!(block[..2], [0x20, 0x20]);
        assert_eq!(read(&mut decoder, &block), [("a".to_owned(), "b".to_owned())]);
        assert!(encoder.entries.is_empty());
        encoder.limit(1 << 20);
        let block = write(&mut encoder, &fields);
        assert_eq!(read(&mut decoder, &block).len(), 1);
        assert_eq!(read(&mut decoder, &write(&mut encoder, &fields)).len(), 1);
        assert_eq!(encoder.entries.len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            blocks in prop::collection::vec(
                prop::collection::vec(("[a-d]{1,3}|grpc-timeout-x|accept", "[x-z]{0,4}|.{200}", 0..3_u8), 0..12),
                0..12,
            ),
            limits in prop::collection::vec(prop::option::weighted(0.2, 0..5000_usize), 12),
        ) {
            let mut encoder = Encoder::new();
            let mut decoder = Decoder::new();
            for (block, limit) in blocks.iter().zip(limits) {
                if let Some(limit) = limit {
                    encoder.limit(limit);
                }
                let fields: Vec<_> = block
                    .iter()
                    .map(|(name, value, keeping)| {
                        let keeping = [Keeping::Table, Keeping::Not, Keeping::Never][usize::from(*keeping)];
                        (name.as_str(), value.as_str(), keeping)
                    })
                    .collect();
                let told = read(&mut decoder, &write(&mut encoder, &fields));
                prop_assert_eq!(told, fields.iter().map(|(n, v, _)| (n.to_string(), v.to_string())).collect::<Vec<_>>());
            }
        }
    }
}
