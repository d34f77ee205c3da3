//! Segments: files of one size that records are written into from front to end.

use std::io;

use teleferric_codec::crc32c::crc32c;

use crate::record::{FRONT_BYTES, Front, PREFIX_BYTES, Record};
use crate::seal::{Key, Seal, Sealer, TAG_BYTES};
use crate::vfs::VfsFile;
use crate::window::{WINDOW_BYTES, Window};

/// A log's name for itself, different for each.
pub(crate) type Uuid = [u8; 16];

/// Where the first record stands.
pub(crate) const HEADER_BYTES: u64 = 64;
const MAGIC: [u8; 8] = *b"TFCLOG\r\n";
pub(crate) const VERSION: u32 = 1;
/// Of segments whose records are encrypted.
pub(crate) const VERSION_SEALED: u32 = 2;

/// What the beginning of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) uuid: Uuid,
    pub(crate) number: u64,
    /// The lowest sequence that a record in it can have.
    pub(crate) first: u64,
    /// How its records are encrypted, if they are.
    pub(crate) seal: Option<Seal>,
}

/// Why a file is no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHeader {
    /// It was begun and not finished, or is damaged.
    Damaged,
    /// A later version wrote it.
    Version(u32),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        bytes[..8].copy_from_slice(&MAGIC);
        let version = if self.seal.is_some() { VERSION_SEALED } else { VERSION };
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.uuid);
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first.to_le_bytes());
        let checksum = crc32c(0, &bytes[..48]);
        bytes[48..52].copy_from_slice(&checksum.to_le_bytes());
        // A version that does not know seals finds the rest in order, and so the version that it must leave alone.
        if let Some(Seal { key, salt }) = &self.seal {
            bytes[12..16].copy_from_slice(salt);
            bytes[52..60].copy_from_slice(key);
            let checksum = crc32c(0, &bytes[..48]);
            bytes[48..52].copy_from_slice(&checksum.to_le_bytes());
            let checksum = crc32c(0, &bytes[..60]);
            bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Header, NoHeader> {
        let header = bytes.first_chunk::<{ HEADER_BYTES as usize }>().ok_or(NoHeader::Damaged)?;
        let u32_at =
            |at: usize| header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four));
        let u64_at =
            |at: usize| header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight));
        if header[..8] != MAGIC || crc32c(0, &header[..48]) != u32_at(48) {
            return Err(NoHeader::Damaged);
        }
        let seal = match u32_at(8) {
            VERSION => None,
            VERSION_SEALED if crc32c(0, &header[..60]) == u32_at(60) => {
                let (mut key, mut salt) = ([0; 8], [0; 4]);
                key.copy_from_slice(&header[52..60]);
                salt.copy_from_slice(&header[12..16]);
                Some(Seal { key, salt })
            }
            VERSION_SEALED => return Err(NoHeader::Damaged),
            later => return Err(NoHeader::Version(later)),
        };
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&header[16..32]);
        Ok(Header { uuid, number: u64_at(32), first: u64_at(40), seal })
    }

    /// What seals and opens its records; none if they are not encrypted, or with another key.
    pub(crate) fn sealer(&self, key: Option<&Key>) -> Option<Sealer> {
        let seal = self.seal?;
        let key = key.filter(|key| key.id() == seal.key)?;
        Some(key.sealer(&[&self.uuid[..], &self.number.to_le_bytes(), &seal.salt].concat()))
    }

    /// What the checksums of its records begin with.
    pub(crate) fn salt(&self) -> u32 {
        crc32c(crc32c(0, &self.uuid), &self.number.to_le_bytes())
    }
}

pub(crate) fn name(number: u64) -> String {
    format!("seg-{number:016x}.log")
}

pub(crate) fn number_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix("seg-")?.strip_suffix(".log")?, 16).ok()
}

/// What a segment is called that waits to be used again.
pub(crate) fn spare_name(number: u64) -> String {
    format!("spare-{number:016x}.log")
}

pub(crate) fn is_spare(name: &str) -> bool {
    name.starts_with("spare-") && name.ends_with(".log")
}

/// An open segment.
pub(crate) struct Segment<F> {
    /// What the file is called, which need not be what it should be called.
    pub(crate) name: String,
    pub(crate) header: Header,
    /// With what its records are read, and written, if they are encrypted and the key is known.
    pub(crate) sealer: Option<Sealer>,
    pub(crate) file: F,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Where what can be read ends; of the segment that is written into, where the next record goes.
    pub(crate) end: u64,
}

/// What stands at a place of a segment.
pub(crate) enum Found {
    /// A whole record, and where the next begins.
    Record(Front, u64),
    /// Damage from here to `to`, where a record stands again.
    Gap { to: u64 },
    /// Nothing more.
    End,
}

impl<F> Segment<F> {
    /// What each of its records is longer by.
    pub(crate) fn tag_bytes(&self) -> usize {
        if self.header.seal.is_some() { TAG_BYTES } else { 0 }
    }
}

impl<F: VfsFile> Segment<F> {
    /// Looks at `at` for a record with a sequence from `from` up to, but not including, `below`.
    pub(crate) fn find(&self, at: u64, from: u64, below: u64, window: &mut Window) -> io::Result<Found> {
        if let Some(front) = self.front(at, from, below, window)? {
            return Ok(Found::Record(front, at + front.disk_bytes()));
        }
        Ok(self.next_valid(at, from, below, window)?.map_or(Found::End, |to| Found::Gap { to }))
    }

    /// The front of the record at `at`, if one is there that fits and is whole.
    pub(crate) fn front(&self, at: u64, from: u64, below: u64, window: &mut Window) -> io::Result<Option<Front>> {
        let front = Front::read(window.bytes(self, at, FRONT_BYTES)?, self.tag_bytes());
        let Some(front) = front else { return Ok(None) };
        if at + front.disk_bytes() > self.end || !(from..below).contains(&front.sequence) {
            return Ok(None);
        }
        let (mut sum, mut place) = (self.header.salt(), at + PREFIX_BYTES as u64);
        let end = place + front.length as u64;
        while place < end {
            let part = window.bytes(self, place, (end - place).min(WINDOW_BYTES as u64) as usize)?;
            if part.is_empty() {
                return Ok(None);
            }
            sum = crc32c(sum, part);
            place += part.len() as u64;
        }
        Ok((sum == front.checksum).then_some(front))
    }

    /// The record at `at` whose front was found there, in memory of its own; none if it is not whole any more.
    pub(crate) fn load(&self, at: u64, front: &Front, window: &mut Window) -> io::Result<Option<Record>> {
        let body = at + PREFIX_BYTES as u64;
        let body = if front.length <= WINDOW_BYTES {
            window.bytes(self, body, front.length)?.to_vec()
        } else {
            let mut whole = vec![0; front.length];
            let filled = self.file.read_at(&mut whole, body)?;
            whole.truncate(filled);
            whole
        };
        Ok(front.record(self.header.salt(), body, self.sealer.as_ref()))
    }

    /// The first place behind `at` where a record stands that fits.
    fn next_valid(&self, at: u64, from: u64, below: u64, window: &mut Window) -> io::Result<Option<u64>> {
        let mut searched = vec![0; SEARCH_BYTES];
        let mut start = at + 8;
        while start < self.end {
            let there = (self.end - start).min(SEARCH_BYTES as u64) as usize;
            let filled = self.file.read_at(&mut searched[..there], start)?;
            let mut offset = 0;
            while offset + FRONT_BYTES <= filled {
                let place = start + offset as u64;
                let front = searched.get(offset..filled).and_then(|bytes| Front::read(bytes, self.tag_bytes()));
                let looks_like = front.is_some_and(|front| {
                    (from..below).contains(&front.sequence) && place + front.disk_bytes() <= self.end
                });
                if looks_like && self.front(place, from, below, window)?.is_some() {
                    return Ok(Some(place));
                }
                offset += 8;
            }
            if filled < searched.len() {
                break;
            }
            // The last few bytes are looked at again with what follows them.
            start += offset as u64;
        }
        Ok(None)
    }
}

/// How much of a segment is searched at once.
const SEARCH_BYTES: usize = 1 << 16;
