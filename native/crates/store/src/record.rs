//! Records as bytes.
//!
//! ```text
//! length u32 │ CRC-32C u32 │ sequence u64 │ time u64 │ targets u64 │ items u64 │ head length u32 │ 0 u32 │ head │ payload │ 0…
//! ```
//! All little-endian, each record on a multiple of eight bytes. The length counts from the sequence to the payload's end.
//! The checksum covers the same, and begins with a salt of the log and the segment, so that what stood there before the
//! segment was used again never looks like a record of it.

use bytes::Bytes;
use teleferric_codec::crc32c::crc32c;

/// What is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// Milliseconds since 1970.
    pub time: u64,
    /// A bit for each cursor that is to read it.
    pub targets: u64,
    /// Items in the payload.
    pub items: u64,
    /// What is known about the payload, in the caller's own form.
    pub head: &'a [u8],
    /// The payload, in pieces.
    pub payload: &'a [Bytes],
}

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number in the log; later ones have higher numbers.
    pub sequence: u64,
    /// Milliseconds since 1970.
    pub time: u64,
    /// A bit for each cursor that is to read it.
    pub targets: u64,
    /// Items in the payload.
    pub items: u64,
    /// What is known about the payload.
    pub head: Bytes,
    /// The payload.
    pub payload: Bytes,
}

/// How much there is of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Items in their payloads.
    pub items: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

impl Tally {
    /// Adds `more`.
    pub fn add(&mut self, more: Tally) {
        self.records += more.records;
        self.items += more.items;
        self.bytes += more.bytes;
    }

    /// Takes `less` away, down to nothing.
    pub fn subtract(&mut self, less: Tally) {
        self.records = self.records.saturating_sub(less.records);
        self.items = self.items.saturating_sub(less.items);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}

impl Record {
    /// One record, as much as it holds.
    pub fn tally(&self) -> Tally {
        Tally { records: 1, items: self.items, bytes: self.payload.len() as u64 }
    }

    /// Bytes that it takes in a segment.
    pub(crate) fn disk_bytes(&self) -> u64 {
        on_disk(FIXED_BYTES + self.head.len() + self.payload.len()) as u64
    }
}

/// Length and checksum.
pub(crate) const PREFIX_BYTES: usize = 8;
/// From the sequence to the head.
pub(crate) const FIXED_BYTES: usize = 40;
const ALIGNMENT: usize = 8;

/// What the fixed part of a record says, before its checksum has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) length: usize,
    checksum: u32,
    pub(crate) sequence: u64,
}

impl NewRecord<'_> {
    fn payload_bytes(&self) -> usize {
        self.payload.iter().map(Bytes::len).sum()
    }

    fn length(&self) -> usize {
        FIXED_BYTES + self.head.len() + self.payload_bytes()
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { records: 1, items: self.items, bytes: self.payload_bytes() as u64 }
    }

    /// Bytes that it takes in a segment.
    pub(crate) fn bytes(&self) -> usize {
        on_disk(self.length())
    }

    /// Everything in front of the payload.
    pub(crate) fn front(&self, salt: u32, sequence: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&(self.length() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let body = out.len();
        for number in [sequence, self.time, self.targets, self.items] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&(self.head.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.head);
        let checksum = self.payload.iter().fold(crc32c(salt, &out[body..]), |sum, piece| crc32c(sum, piece));
        out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// What fills the record up behind the payload.
    pub(crate) fn padding(&self) -> &'static [u8] {
        &[0; ALIGNMENT][..self.bytes() - PREFIX_BYTES - self.length()]
    }
}

/// Bytes that a record of this length takes.
pub(crate) fn on_disk(length: usize) -> usize {
    (PREFIX_BYTES + length).next_multiple_of(ALIGNMENT)
}

impl Prefix {
    /// What `bytes` begin with, if that can be a record at all.
    pub(crate) fn read(bytes: &[u8]) -> Option<Prefix> {
        let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let checksum = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
        let sequence = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
        (length >= FIXED_BYTES).then_some(Prefix { length, checksum, sequence })
    }

    /// The record, if `body`, which has the prefix's length, is what was written.
    pub(crate) fn record(&self, salt: u32, body: Bytes) -> Option<Record> {
        if body.len() != self.length || crc32c(salt, &body) != self.checksum {
            return None;
        }
        let number = |at: usize| Some(u64::from_le_bytes(*body.get(at..)?.first_chunk()?));
        let head_length = u32::from_le_bytes(*body.get(32..)?.first_chunk()?) as usize;
        let payload = FIXED_BYTES.checked_add(head_length).filter(|end| *end <= body.len())?;
        Some(Record {
            sequence: number(0)?,
            time: number(8)?,
            targets: number(16)?,
            items: number(24)?,
            head: body.slice(FIXED_BYTES..payload),
            payload: body.slice(payload..),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_nothing_else_does() {
        let payload = [Bytes::from_static(b"abc"), Bytes::from_static(b"defg")];
        let new = NewRecord { time: 7, targets: 5, items: 3, head: b"head", payload: &payload };
        let mut bytes = Vec::new();
        new.front(9, 42, &mut bytes);
        payload.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.extend_from_slice(new.padding());
        assert_eq!((bytes.len(), bytes.len() % 8), (new.bytes(), 0));
        let prefix = Prefix::read(&bytes).unwrap();
        let body = |bytes: &[u8]| Bytes::copy_from_slice(&bytes[8..8 + prefix.length]);
        let record = prefix.record(9, body(&bytes)).unwrap();
        assert_eq!((record.sequence, record.time, record.targets, record.items), (42, 7, 5, 3));
        assert_eq!((&record.head[..], &record.payload[..]), (&b"head"[..], &b"abcdefg"[..]));
        assert_eq!(prefix.record(8, body(&bytes)), None, "another salt");
        for at in 4..8 + prefix.length {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            let read = Prefix::read(&bent).and_then(|prefix| prefix.record(9, body(&bent)));
            assert_eq!(read, None, "byte {at}");
        }
    }
}
