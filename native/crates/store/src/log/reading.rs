//! Reading: what a cursor needs next. One call passes a bounded part of the log, so that appends need not wait long.

use super::{Log, LogError};
use crate::cursor::Cursor;
use crate::meta::Position;
use crate::record::{Record, Tally};
use crate::segment::{Found, HEADER_BYTES};
use crate::vfs::Vfs;

/// What was read.
#[derive(Debug, Default)]
pub struct Read {
    /// Records, oldest first.
    pub records: Vec<Record>,
    /// What should have been there and was damaged.
    pub lost: Tally,
    /// Whether the end was not come to: there may be more, also if there are no records.
    pub more: bool,
    /// Records that were looked at, those of others included.
    pub passed: u64,
}

/// Records that one call looks at.
const PASSED_RECORDS_MAX: u64 = 1024;
/// Bytes that one call looks at, on the disk; the last record, or a gap, may have more.
const PASSED_BYTES_MAX: u64 = 2 << 20;

/// What one call has looked at.
#[derive(Default)]
pub(super) struct Passed {
    records: u64,
    bytes: u64,
}

impl Passed {
    fn is_enough(&self) -> bool {
        self.records >= PASSED_RECORDS_MAX || self.bytes >= PASSED_BYTES_MAX
    }
}

/// What stands at a place of the log.
pub(super) enum Step {
    Record { record: Record, at: Position, next: Position },
    Skip { to: Position, lost_bytes: u64 },
    End,
}

/// What a cursor comes to.
pub(super) enum Next {
    Record(Record),
    /// Enough was looked at for now.
    Enough,
    End,
}

impl<V: Vfs> Log<V> {
    /// The next records for `cursor`: at most `count`, and no more once their payloads have `bytes` bytes. Looks at a
    /// bounded part of the log and says whether there may be more.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read(&mut self, cursor: u32, count: usize, bytes: u64) -> Result<Read, LogError> {
        let (mut read, mut passed) = (Read::default(), Passed::default());
        let mut size = 0;
        read.more = loop {
            if read.records.len() >= count || size >= bytes {
                break true;
            }
            match self.next_for(cursor, &mut passed)? {
                Next::Record(record) => {
                    size += record.payload.len() as u64;
                    read.records.push(record);
                }
                Next::Enough => break true,
                Next::End => break false,
            }
        };
        read.passed = passed.records;
        if let Some(cursor) = self.cursors.get_mut(cursor as usize) {
            read.lost = cursor.take_lost();
        }
        Ok(read)
    }

    /// The next record that `cursor` needs.
    pub(super) fn next_for(&mut self, cursor: u32, passed: &mut Passed) -> Result<Next, LogError> {
        let index = cursor as usize;
        while !passed.is_enough() {
            let Some((sequence, at)) = self.cursors.get(index).and_then(Cursor::first_again) else { break };
            let record = self.read_at(at, sequence)?;
            passed.records += 1;
            let Some(reader) = self.cursors.get_mut(index) else { break };
            match record {
                Some(record) => {
                    passed.bytes += record.disk_bytes();
                    reader.take_again(&record, at);
                    return Ok(Next::Record(record));
                }
                None => reader.lose(sequence),
            }
        }
        while !passed.is_enough() {
            let Some(place) = self.cursors.get(index).map(|reader| reader.read) else { return Ok(Next::End) };
            let step = self.find(place, self.next)?;
            let Some(reader) = self.cursors.get_mut(index) else { return Ok(Next::End) };
            match step {
                Step::Record { record, at, next } => {
                    passed.records += 1;
                    passed.bytes += record.disk_bytes();
                    reader.read = next;
                    if reader.takes(cursor, &record, at) {
                        return Ok(Next::Record(record));
                    }
                }
                Step::Skip { to, lost_bytes } => {
                    passed.bytes += lost_bytes;
                    reader.read = to;
                }
                Step::End => {
                    reader.at_end(self.next);
                    return Ok(Next::End);
                }
            }
        }
        Ok(Next::Enough)
    }

    fn read_at(&self, at: Position, sequence: u64) -> Result<Option<Record>, LogError> {
        let segment = self.segments.iter().find(|segment| segment.header.number == at.segment);
        let Some(segment) = segment else { return Ok(None) };
        Ok(segment.read(at.offset, sequence, sequence + 1)?)
    }

    /// What stands at a place. Records of the last segment have sequences below `below`.
    pub(super) fn find(&self, place: Position, below: u64) -> Result<Step, LogError> {
        let index = self.segments.partition_point(|segment| segment.header.number < place.segment);
        let Some(segment) = self.segments.get(index) else { return Ok(Step::End) };
        let successor = self.segments.get(index + 1).map(|next| next.header);
        let offset = if segment.header.number == place.segment { place.offset } else { HEADER_BYTES };
        let at = Position { segment: segment.header.number, offset };
        // Of the segment that is written into the end is known; in the others the records show it.
        if successor.is_none() && offset >= segment.end {
            return Ok(Step::End);
        }
        let below = successor.map_or(below, |next| next.first);
        Ok(match (segment.find(offset, segment.header.first, below)?, successor) {
            (Found::Record(record, next), _) => Step::Record { record, at, next: Position { offset: next, ..at } },
            (Found::Gap { to }, _) => Step::Skip { to: Position { offset: to, ..at }, lost_bytes: to - offset },
            (Found::End, Some(next)) => {
                Step::Skip { to: Position { segment: next.number, offset: HEADER_BYTES }, lost_bytes: 0 }
            }
            // Damage up to the end of what was written.
            (Found::End, None) => {
                Step::Skip { to: Position { offset: segment.end, ..at }, lost_bytes: segment.end - offset }
            }
        })
    }
}
