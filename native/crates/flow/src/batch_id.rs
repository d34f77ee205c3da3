//! What tells a batch that is sent from a storage from all others, so that a destination can see that it has it already:
//! the same bytes have the same id whenever they are sent again, also by the next process.
//!
//! ```text
//! one whole record           <log, 32 hex digits>-<sequence>-<time taken, milliseconds since 1970>
//! records joined, or a part  <log, 32 hex digits>-<digest of which items of which records, 32 hex digits>
//! ```
//! The time is there because a sequence alone may be given twice: to a record that a power cut took, and to one after it.

use std::fmt;

use sha2::{Digest, Sha256};

/// Which record of which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordId {
    /// The log.
    pub(crate) log: [u8; 16],
    /// Its number there.
    pub(crate) sequence: u64,
    /// When it was taken, milliseconds since 1970.
    pub(crate) time: u64,
}

/// Items of a record. They stand for its bytes: a cut goes between items and repeats what stands above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extract {
    pub(crate) record: RecordId,
    /// The place of the first of them in the record.
    pub(crate) first: u64,
    pub(crate) items: u64,
    /// Items in the whole record.
    pub(crate) of: u64,
}

/// The id of a batch. Written as visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchId {
    log: [u8; 16],
    content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Content {
    Record { sequence: u64, time: u64 },
    Digest([u8; DIGEST_BYTES]),
}

impl BatchId {
    /// The header and the key of metadata that it travels in.
    pub const HEADER: &str = "x-teleferric-batch-id";

    /// The id of a batch of these extracts, in this order; none if it has none.
    pub(crate) fn of(extracts: &[Extract]) -> Option<Self> {
        let (first, rest) = extracts.split_first()?;
        let RecordId { log, sequence, time } = first.record;
        if rest.is_empty() && first.items == first.of {
            return Some(BatchId { log, content: Content::Record { sequence, time } });
        }
        let mut digest = Sha256::new();
        for Extract { record, first, items, .. } in extracts {
            digest.update(record.log);
            [record.sequence, record.time, *first, *items].iter().for_each(|part| digest.update(part.to_le_bytes()));
        }
        digest.finalize().first_chunk().map(|digest| BatchId { log, content: Content::Digest(*digest) })
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-", u128::from_be_bytes(self.log))?;
        match self.content {
            Content::Record { sequence, time } => write!(f, "{sequence}-{time}"),
            Content::Digest(digest) => write!(f, "{:032x}", u128::from_be_bytes(digest)),
        }
    }
}

/// As much of the digest as nobody finds a second batch for.
const DIGEST_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn extract(sequence: u64, first: u64, items: u64) -> Extract {
        let record = RecordId { log: [0xab; 16], sequence, time: 1_700_000_000_000 };
        Extract { record, first, items, of: 10 }
    }

    #[test]
    fn a_whole_record_is_called_by_its_place_and_its_time() {
        let id = BatchId::of(&[extract(7, 0, 10)]).unwrap();
        assert_eq!(id.to_string(), format!("{}-7-1700000000000", "ab".repeat(16)));
        assert_eq!(BatchId::of(&[]), None);
    }

    #[test]
    fn whatever_else_is_sent_has_an_id_of_its_own_that_says_nothing_but_what_is_in_it() {
        let batches: [&[Extract]; 7] = [
            &[extract(7, 0, 10)],
            &[extract(7, 0, 5)],
            &[extract(7, 5, 5)],
            &[extract(7, 0, 10), extract(8, 0, 10)],
            &[extract(8, 0, 10), extract(7, 0, 10)],
            &[extract(7, 0, 5), extract(8, 0, 10)],
            &[extract(7, 0, 10), extract(8, 0, 10), extract(9, 0, 1)],
        ];
        let ids: Vec<_> = batches.iter().map(|extracts| BatchId::of(extracts).unwrap()).collect();
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id), "{id}");
            assert_eq!(BatchId::of(batches[place]).as_ref(), Some(id));
            assert!(id.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
