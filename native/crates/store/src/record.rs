//! Records as bytes.
//!
//! ```text
//! length u32 │ CRC-32C u32 │ sequence u64 │ time u64 │ targets u64 │ items u64 │ head length u32 │ opening u32 │ head │ payload │ 0…
//! ```
//! All little-endian, each record on a multiple of eight bytes. The length counts from the sequence to the payload's end.
//! The checksum covers the same, and begins with a salt of the log and the segment, so that what stood there before the
//! segment was used again never looks like a record of it. In a sealed segment head and payload are encrypted, a tag follows
//! them, and the opening is that of the log that wrote it; otherwise it is 0.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use teleferric_codec::crc32c::crc32c;

use crate::seal::{Sealer, TAG_BYTES};

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
    /// What pays for the payload until it is read; without it the payload is read from the disk.
    pub memory: Option<&'a Memory>,
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
    /// What pays for the payload, if that has stayed in memory since it was appended.
    pub memory: Option<Memory>,
}

/// What pays for a payload that is kept in memory, such as the permit of a budget. It is let go of with the last clone.
#[derive(Clone)]
pub struct Memory(#[expect(dead_code, reason = "kept for what its drop does")] Arc<dyn Send + Sync>);

impl Memory {
    /// Memory that is paid for for as long as `guard` is there.
    pub fn paid_by(guard: Arc<dyn Send + Sync>) -> Self {
        Memory(guard)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

/// What pays makes no difference to what a record is.
impl PartialEq for Memory {
    fn eq(&self, _: &Memory) -> bool {
        true
    }
}

impl Eq for Memory {}

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
}

/// As much of a record as says for whom it is and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) targets: u64,
    pub(crate) tally: Tally,
    /// Bytes that it takes in a segment.
    pub(crate) disk_bytes: u64,
}

/// Length and checksum.
pub(crate) const PREFIX_BYTES: usize = 8;
/// From the sequence to the head.
pub(crate) const FIXED_BYTES: usize = 40;
const ALIGNMENT: usize = 8;

/// Everything in front of the head.
pub(crate) const FRONT_BYTES: usize = PREFIX_BYTES + FIXED_BYTES;

/// What stands in front of the head, before the checksum has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    /// Bytes from the sequence to the payload's end.
    pub(crate) length: usize,
    pub(crate) checksum: u32,
    pub(crate) sequence: u64,
    time: u64,
    targets: u64,
    items: u64,
    head_length: usize,
    opening: [u8; 4],
    tag_bytes: usize,
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

    /// Bytes that it takes in a segment, with a tag of so many.
    pub(crate) fn bytes(&self, tag_bytes: usize) -> usize {
        on_disk(self.length() + tag_bytes)
    }

    pub(crate) fn outline(&self, sequence: u64, tag_bytes: usize) -> Outline {
        let NewRecord { time, targets, .. } = *self;
        Outline { sequence, time, targets, tally: self.tally(), disk_bytes: self.bytes(tag_bytes) as u64 }
    }

    /// The record as it will be read, in memory that is paid for; none if nothing pays.
    pub(crate) fn kept(&self, sequence: u64) -> Option<Record> {
        let memory = self.memory.cloned()?;
        let payload = match self.payload {
            [whole] => whole.clone(),
            pieces => {
                let mut whole = BytesMut::with_capacity(self.payload_bytes());
                pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                whole.freeze()
            }
        };
        let NewRecord { time, targets, items, head, .. } = *self;
        let head = Bytes::copy_from_slice(head);
        Some(Record { sequence, time, targets, items, head, payload, memory: Some(memory) })
    }

    /// Everything in front of the payload.
    pub(crate) fn front(&self, salt: u32, sequence: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&(self.length() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let body = out.len();
        self.fixed(sequence, [0; 4], out);
        out.extend_from_slice(self.head);
        let checksum = self.payload.iter().fold(crc32c(salt, &out[body..]), |sum, piece| crc32c(sum, piece));
        out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// The record as it stands in a sealed segment, but for what fills it up.
    pub(crate) fn sealed(
        &self,
        salt: u32,
        sequence: u64,
        opening: [u8; 4],
        sealer: &Sealer,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut body = Vec::with_capacity(self.length() + TAG_BYTES);
        self.fixed(sequence, opening, &mut body);
        body.extend_from_slice(self.head);
        self.payload.iter().for_each(|piece| body.extend_from_slice(piece));
        sealer.seal(sequence, opening, &mut body, FIXED_BYTES)?;
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(&crc32c(salt, &body).to_le_bytes());
        out.extend_from_slice(&body);
        Ok(())
    }

    /// From the sequence to the head.
    fn fixed(&self, sequence: u64, opening: [u8; 4], out: &mut Vec<u8>) {
        for number in [sequence, self.time, self.targets, self.items] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&(self.head.len() as u32).to_le_bytes());
        out.extend_from_slice(&opening);
    }

    /// What fills the record up behind the payload, or its tag.
    pub(crate) fn padding(&self, tag_bytes: usize) -> &'static [u8] {
        &[0; ALIGNMENT][..self.bytes(tag_bytes) - PREFIX_BYTES - self.length() - tag_bytes]
    }
}

/// Bytes that a record of this length takes.
pub(crate) fn on_disk(length: usize) -> usize {
    (PREFIX_BYTES + length).next_multiple_of(ALIGNMENT)
}

impl Front {
    /// What `bytes` begin with, if that can be a record at all, with a tag of so many bytes.
    pub(crate) fn read(bytes: &[u8], tag_bytes: usize) -> Option<Front> {
        let four = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let eight = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let front = Front {
            length: four(0)? as usize,
            checksum: four(4)?,
            sequence: eight(8)?,
            time: eight(16)?,
            targets: eight(24)?,
            items: eight(32)?,
            head_length: four(40)? as usize,
            opening: *bytes.get(44..)?.first_chunk()?,
            tag_bytes,
        };
        let least = FIXED_BYTES + tag_bytes;
        (front.length >= least && front.head_length <= front.length - least).then_some(front)
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        on_disk(self.length) as u64
    }

    pub(crate) fn outline(&self) -> Outline {
        let Front { sequence, time, targets, items, .. } = *self;
        let bytes = (self.length - FIXED_BYTES - self.head_length - self.tag_bytes) as u64;
        Outline { sequence, time, targets, tally: Tally { records: 1, items, bytes }, disk_bytes: self.disk_bytes() }
    }

    /// The record, if `body`, which begins with the sequence, is what was written, and can be read if it is sealed.
    pub(crate) fn record(&self, salt: u32, mut body: Vec<u8>, sealer: Option<&Sealer>) -> Option<Record> {
        if body.len() != self.length || crc32c(salt, &body) != self.checksum {
            return None;
        }
        if self.tag_bytes > 0 {
            sealer?.open(self.sequence, self.opening, &mut body, FIXED_BYTES)?;
            body.truncate(self.length - self.tag_bytes);
        }
        let body = Bytes::from(body);
        let Front { sequence, time, targets, items, .. } = *self;
        let payload = FIXED_BYTES + self.head_length;
        let head = body.slice(FIXED_BYTES..payload);
        Some(Record { sequence, time, targets, items, head, payload: body.slice(payload..), memory: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{KEY_BYTES, Key};

    #[test]
    fn a_record_reads_back_and_nothing_else_does() {
        let payload = [Bytes::from_static(b"abc"), Bytes::from_static(b"defg")];
        let new = NewRecord { time: 7, targets: 5, items: 3, head: b"head", payload: &payload, memory: None };
        let mut bytes = Vec::new();
        new.front(9, 42, &mut bytes);
        payload.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.extend_from_slice(new.padding(0));
        assert_eq!((bytes.len(), bytes.len() % 8), (new.bytes(0), 0));
        let front = Front::read(&bytes, 0).unwrap();
        assert_eq!(front.outline(), new.outline(42, 0));
        let body = |bytes: &[u8]| bytes[8..8 + front.length].to_vec();
        let record = front.record(9, body(&bytes), None).unwrap();
        assert_eq!((record.sequence, record.time, record.targets, record.items), (42, 7, 5, 3));
        assert_eq!((&record.head[..], &record.payload[..]), (&b"head"[..], &b"abcdefg"[..]));
        let memory = Memory::paid_by(Arc::new(()));
        assert_eq!(
            NewRecord { memory: Some(&memory), ..new }.kept(42).map(|kept| (kept.head, kept.payload)),
            Some((record.head, record.payload))
        );
        assert_eq!(front.record(8, body(&bytes), None), None, "another salt");
        for at in 4..8 + front.length {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            let read = Front::read(&bent, 0).and_then(|front| front.record(9, body(&bent), None));
            assert_eq!(read, None, "byte {at}");
        }
    }
    #[test]
    fn a_sealed_record_is_read_with_its_key_alone_and_not_if_anything_was_changed() {
        let sealer = |secret: u8, context: &[u8]| Key::new(&[secret; KEY_BYTES]).sealer(context);
        let payload = [Bytes::from_static(b"secret"), Bytes::from_static(b" words")];
        let new = NewRecord { time: 7, targets: 5, items: 3, head: b"head", payload: &payload, memory: None };
        let mut bytes = Vec::new();
        new.sealed(9, 42, [1, 2, 3, 4], &sealer(1, b"a"), &mut bytes).unwrap();
        bytes.extend_from_slice(new.padding(TAG_BYTES));
        assert_eq!((bytes.len(), bytes.len() % 8), (new.bytes(TAG_BYTES), 0));
        assert!(!bytes.windows(4).any(|window| window == b"head" || window == b"word"));
        let front = Front::read(&bytes, TAG_BYTES).unwrap();
        assert_eq!(front.outline(), new.outline(42, TAG_BYTES));
        let body = bytes[8..8 + front.length].to_vec();
        let record = front.record(9, body.clone(), Some(&sealer(1, b"a"))).unwrap();
        assert_eq!((&record.head[..], &record.payload[..]), (&b"head"[..], &b"secret words"[..]));
        assert_eq!(front.record(9, body.clone(), None), None);
        for other in [sealer(2, b"a"), sealer(1, b"b")] {
            assert_eq!(front.record(9, body.clone(), Some(&other)), None);
        }
        // Whoever changes something can make the checksum fit, and the tag not.
        for at in 0..body.len() {
            let mut bent = body.clone();
            bent[at] ^= 1;
            let sum = crc32c(9, &bent);
            let whole = [&(bent.len() as u32).to_le_bytes()[..], &sum.to_le_bytes(), &bent].concat();
            let read = Front::read(&whole, TAG_BYTES).and_then(|front| front.record(9, bent, Some(&sealer(1, b"a"))));
            assert_eq!(read, None, "byte {at}");
        }
    }
}
