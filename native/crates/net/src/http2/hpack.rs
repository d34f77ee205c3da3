//! Header compression (RFC 7541): a decoder with its table, and fields written without one.
//!
//! Fields are decoded into one reused run of text, so that a block which was seen before can be told by comparing bytes
//! and costs no header map.

use std::collections::VecDeque;

use super::huffman;
use super::static_table::FIELDS;

/// A block that cannot be decoded; the connection's table is unknown from then on, so the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header block is damaged")]
pub struct HpackError;

/// Decoded fields in their order.
#[derive(Debug, Default)]
pub struct Fields {
    text: Vec<u8>,
    /// Lengths of name and value, in the order of `text`.
    lengths: Vec<(u32, u32)>,
    /// Bytes as they count against the limit: names, values and 32 each (RFC 9113, section 10.5.1).
    size: usize,
    limit: usize,
    overflowed: bool,
    /// The value of the first field named [`ASIDE`].
    aside: Option<Vec<u8>>,
}

/// The field that is kept apart from the others: it tells each time another time, where all others are repeated.
pub(crate) const ASIDE: &str = "grpc-timeout";

impl Fields {
    /// No fields, and room for `limit` bytes of them.
    pub fn new(limit: usize) -> Fields {
        Fields { limit, ..Fields::default() }
    }

    /// The value of `grpc-timeout`, which is not among the others.
    pub fn aside(&self) -> Option<&[u8]> {
        self.aside.as_deref()
    }

    /// Forgets the fields and keeps the memory, now with room for `limit` bytes.
    pub fn restart(&mut self, limit: usize) {
        self.limit = limit;
        self.text.clear();
        self.lengths.clear();
        self.size = 0;
        self.overflowed = false;
        self.aside = None;
    }

    /// Whether there were more fields than the limit allows; those beyond it are missing.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.text[..];
        self.lengths.iter().map(move |(name, value)| {
            let (name, after) = rest.split_at_checked(*name as usize).unwrap_or_default();
            let (value, after) = after.split_at_checked(*value as usize).unwrap_or_default();
            rest = after;
            (name, value)
        })
    }

    /// The whole text, to compare with another's.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The lengths of names and values, to compare with another's.
    pub(crate) fn lengths(&self) -> &[(u32, u32)] {
        &self.lengths
    }

    /// Counts in the field that was just written from `start` on, or takes it back if there is no room.
    fn keep(&mut self, start: usize, name: usize) {
        let value = self.text.len() - start - name;
        self.size = self.size.saturating_add(name + value + ENTRY_BYTES);
        if self.size > self.limit {
            self.overflowed = true;
            self.text.truncate(start);
        } else if name == ASIDE.len() && self.aside.is_none() && self.text[start..].starts_with(ASIDE.as_bytes()) {
            self.aside = Some(self.text.split_off(start + name));
            self.text.truncate(start);
        } else {
            self.lengths.push((name as u32, value as u32));
        }
    }
}

/// One direction's decoder.
#[derive(Debug)]
pub struct Decoder {
    /// Newest first.
    entries: VecDeque<Entry>,
    size: usize,
    size_max: usize,
    /// Counts every change of the table.
    version: u64,
}

#[derive(Debug)]
struct Entry {
    text: Box<[u8]>,
    name: usize,
}

impl Decoder {
    /// A decoder with the table size that holds when no setting says otherwise.
    pub fn new() -> Decoder {
        Decoder { entries: VecDeque::new(), size: 0, size_max: TABLE_BYTES_MAX, version: 0 }
    }

    /// Tells whether the table is as it was: two equal blocks read at the same version mean the same.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Appends the fields of a whole block.
    ///
    /// # Errors
    /// [`HpackError`]; the decoder must not be used again.
    pub fn decode(&mut self, mut block: &[u8], fields: &mut Fields) -> Result<(), HpackError> {
        let mut begun = false;
        while let Some(first) = block.first().copied() {
            match first {
                0x80.. => {
                    let index = take_integer(&mut block, 7)?;
                    self.indexed(index, fields)?;
                }
                0x40..0x80 => self.literal(&mut block, 6, true, fields)?,
                0x20..0x40 if begun => return Err(HpackError),
                0x20..0x40 => {
                    let size = take_integer(&mut block, 5)?;
                    self.resize(size)?;
                    continue;
                }
                _ => self.literal(&mut block, 4, false, fields)?,
            }
            begun = true;
        }
        Ok(())
    }

    fn indexed(&self, index: usize, fields: &mut Fields) -> Result<(), HpackError> {
        let start = fields.text.len();
        let name = match self.entry(index)? {
            Found::Static((name, value)) => {
                fields.text.extend_from_slice(name.as_bytes());
                fields.text.extend_from_slice(value.as_bytes());
                name.len()
            }
            Found::Dynamic(entry) => {
                fields.text.extend_from_slice(&entry.text);
                entry.name
            }
        };
        fields.keep(start, name);
        Ok(())
    }

    fn literal(&mut self, block: &mut &[u8], bits: u32, insert: bool, fields: &mut Fields) -> Result<(), HpackError> {
        let start = fields.text.len();
        match take_integer(block, bits)? {
            0 => take_string(block, &mut fields.text)?,
            index => match self.entry(index)? {
                Found::Static((name, _)) => fields.text.extend_from_slice(name.as_bytes()),
                Found::Dynamic(entry) => {
                    fields.text.extend_from_slice(entry.text.get(..entry.name).unwrap_or_default())
                }
            },
        }
        let name = fields.text.len() - start;
        take_string(block, &mut fields.text)?;
        if insert {
            self.insert(fields.text.get(start..).unwrap_or_default(), name);
        }
        fields.keep(start, name);
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<Found<'_>, HpackError> {
        let index = index.checked_sub(1).ok_or(HpackError)?;
        match FIELDS.get(index) {
            Some(field) => Ok(Found::Static(*field)),
            None => self.entries.get(index - FIELDS.len()).map(Found::Dynamic).ok_or(HpackError),
        }
    }

    /// Section 4.4: a field larger than the table empties it, and is no error.
    fn insert(&mut self, text: &[u8], name: usize) {
        self.version += 1;
        let bytes = text.len() + ENTRY_BYTES;
        self.shrink_to(self.size_max.saturating_sub(bytes));
        if bytes <= self.size_max {
            self.entries.push_front(Entry { text: text.into(), name });
            self.size += bytes;
        }
    }

    fn resize(&mut self, size: usize) -> Result<(), HpackError> {
        if size > TABLE_BYTES_MAX {
            return Err(HpackError);
        }
        self.version += 1;
        self.size_max = size;
        self.shrink_to(size);
        Ok(())
    }

    fn shrink_to(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.entries.pop_back() else { return };
            self.size -= oldest.text.len() + ENTRY_BYTES;
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new()
    }
}

enum Found<'a> {
    Static((&'static str, &'static str)),
    Dynamic(&'a Entry),
}

/// An integer whose first byte has `bits` bits for it (section 5.1).
fn take_integer(block: &mut &[u8], bits: u32) -> Result<usize, HpackError> {
    let (first, mut rest) = block.split_first().ok_or(HpackError)?;
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(*first) & most;
    if value == most {
        let mut shift = 0;
        loop {
            let (byte, after) = rest.split_first().ok_or(HpackError)?;
            rest = after;
            value += usize::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                break;
            }
            shift += 7;
            // No length or index of ours needs more.
            if shift > 21 {
                return Err(HpackError);
            }
        }
    }
    *block = rest;
    Ok(value)
}

/// A string, appended to `out` (section 5.2).
fn take_string(block: &mut &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let coded = block.first().ok_or(HpackError)? & 0x80 != 0;
    let length = take_integer(block, 7)?;
    let (string, rest) = block.split_at_checked(length).ok_or(HpackError)?;
    *block = rest;
    if coded {
        huffman::decode(string, out).ok_or(HpackError)
    } else {
        out.extend_from_slice(string);
        Ok(())
    }
}

/// Appends a field that enters no table; the names of most answers are known to the static table.
pub(crate) fn put_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    let index = match name {
        ":status" => 8,
        "allow" => 22,
        "content-length" => 28,
        "content-type" => 31,
        "date" => 33,
        "retry-after" => 53,
        _ => 0,
    };
    put_integer(out, 4, 0, index);
    if index == 0 {
        put_string(out, name.as_bytes());
    }
    put_string(out, value);
}

/// Appends `:status`.
pub(crate) fn put_status(out: &mut Vec<u8>, status: http::StatusCode) {
    let index = match status.as_u16() {
        200 => 8,
        204 => 9,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => return put_field(out, ":status", status.as_str().as_bytes()),
    };
    put_integer(out, 7, 0x80, index);
}

pub(super) fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    put_integer(out, 7, 0, string.len());
    out.extend_from_slice(string);
}

pub(super) fn put_integer(out: &mut Vec<u8>, bits: u32, pattern: u8, value: usize) {
    let most = (1_usize << bits) - 1;
    if value < most {
        out.push(pattern | value as u8);
        return;
    }
    out.push(pattern | most as u8);
    let mut rest = value - most;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The size of a peer's table of ours: the protocol's default, since it is never asked to be another.
pub(super) const TABLE_BYTES_MAX: usize = 4096;

/// What a field costs beyond its text (section 4.1).
pub(super) const ENTRY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, HpackError> {
        let mut fields = Fields::new(1 << 16);
        decoder.decode(block, &mut fields)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn reads_the_requests_of_the_rfc() {
        // RFC 7541, C.4: three requests on one connection, with Huffman coding.
        let mut decoder = Decoder::new();
        let first =
            [0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        let head = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
        assert_eq!(decoded(&mut decoder, &first).unwrap(), pairs(&head));
        let second = [0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
        let mut expected = pairs(&head);
        expected.extend(pairs(&[("cache-control", "no-cache")]));
        assert_eq!(decoded(&mut decoder, &second).unwrap(), expected);
        let third = [
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f, 0x89, 0x25, 0xa8, 0x49,
            0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ];
        let expected = pairs(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ]);
        assert_eq!(decoded(&mut decoder, &third).unwrap(), expected);
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut block = Vec::new();
        put_status(&mut block, http::StatusCode::OK);
        put_status(&mut block, http::StatusCode::TOO_MANY_REQUESTS);
        let long = "y".repeat(5000);
        let names = ["allow", "content-length", "content-type", "date", "retry-after", "grpc-status", "x-long"];
        names.iter().for_each(|name| put_field(&mut block, name, long.as_bytes()));
        let expected = [(":status", "200"), (":status", "429")].into_iter().chain(names.map(|name| (name, &*long)));
        assert_eq!(decoded(&mut Decoder::new(), &block).unwrap(), pairs(&expected.collect::<Vec<_>>()));
        for status in [200, 204, 400, 404, 500, 501] {
            let mut block = Vec::new();
            put_status(&mut block, http::StatusCode::from_u16(status).unwrap());
            assert_eq!(decoded(&mut Decoder::new(), &block).unwrap(), pairs(&[(":status", &status.to_string())]));
        }
    }

    #[test]
    fn the_table_forgets_the_oldest_and_keeps_its_size() {
        let mut decoder = Decoder::new();
        for index in 0..200 {
            let mut block = vec![0x40];
            put_string(&mut block, format!("name-{index}").as_bytes());
            put_string(&mut block, &[b'v'; 100]);
            decoded(&mut decoder, &block).unwrap();
            assert!(decoder.size <= TABLE_BYTES_MAX);
        }
        assert_eq!(decoded(&mut decoder, &[0x80 | 62]).unwrap()[0].0, "name-199");
        let version = decoder.version();
        assert_eq!(decoded(&mut decoder, &[0x20]).unwrap(), []);
        assert!(decoder.version() > version && decoder.entries.is_empty());
        assert_eq!(decoded(&mut decoder, &[0x80 | 62]), Err(HpackError));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let bad: [&[u8]; 8] = [
            &[0x80],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x40, 0x03, b'a'],
            &[0x40],
            &[0x3f, 0xe2, 0x1f],
            &[0x82, 0x20],
            &[0x00, 0x81, 0x00],
            &[0x7f],
        ];
        for block in bad {
            assert_eq!(decoded(&mut Decoder::new(), block), Err(HpackError), "{block:?}");
        }
    }

    #[test]
    fn too_many_fields_are_left_out_and_the_table_stays_in_step() {
        let mut decoder = Decoder::new();
        let mut fields = Fields::new(100);
        let mut block = Vec::new();
        for index in 0..3 {
            block.push(0x40);
            put_string(&mut block, format!("n{index}").as_bytes());
            put_string(&mut block, b"value");
        }
        decoder.decode(&block, &mut fields).unwrap();
        assert!(fields.overflowed());
        assert_eq!(fields.iter().count(), 2);
        assert_eq!(decoded(&mut decoder, &[0x80 | 62]).unwrap(), pairs(&[("n2", "value")]));
    }
}
