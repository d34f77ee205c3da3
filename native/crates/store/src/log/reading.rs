//! Reading: what a cursor needs next. One call passes a bounded part of the log, so that appends need not wait long.

use super::{Log, LogError};
use crate::cursor::Cursor;
use crate::meta::Position;
use crate::record::{Front, Outline, Record, Tally};
use crate::segment::{Found, HEADER_BYTES};
use crate::tail::Kept;
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
    /// What has a sequence below was read and acknowledged, or is not there.
    pub settled_below: u64,
    /// Bytes of the next payload, if there are no records because it alone has more than was asked for.
    pub larger: Option<u64>,
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
    /// A record. Without its front it is in the tail.
    Record {
        outline: Outline,
        front: Option<Front>,
        at: Position,
        next: Position,
    },
    Skip {
        to: Position,
        lost_bytes: u64,
    },
    End,
}

/// What a cursor comes to.
pub(super) enum Next {
    Record(Record),
    /// A record with more payload bytes than are left to be read.
    Larger(u64),
    /// Enough was looked at for now.
    Enough,
    End,
}

impl<V: Vfs> Log<V> {
    /// The next records for `cursor`: at most `count`, and as far as their payloads fit `bytes` bytes; a first one that
    /// is larger comes alone. Looks at a bounded part of the log and says whether there may be more.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read(&mut self, cursor: u32, count: usize, bytes: u64) -> Result<Read, LogError> {
        let read = self.read_within(cursor, count, bytes)?;
        let Some(larger) = read.larger else { return Ok(read) };
        let mut whole = self.read_within(cursor, 1, larger)?;
        whole.lost.add(read.lost);
        whole.passed += read.passed;
        Ok(whole)
    }

    /// As [`read`](Self::read), for those who have reserved memory: payloads have no more than `bytes` bytes, and of a
    /// first one that is larger only the size is told.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read_within(&mut self, cursor: u32, count: usize, bytes: u64) -> Result<Read, LogError> {
        let (mut read, mut passed) = (Read::default(), Passed::default());
        let mut left = bytes;
        read.more = loop {
            if read.records.len() >= count {
                break true;
            }
            match self.next_for(cursor, left, &mut passed)? {
                Next::Record(record) => {
                    left -= record.payload.len() as u64;
                    read.records.push(record);
                }
                Next::Larger(bytes) => {
                    read.larger = read.records.is_empty().then_some(bytes);
                    break true;
                }
                Next::Enough => break true,
                Next::End => break false,
            }
        };
        read.passed = passed.records;
        if let Some(cursor) = self.cursors.get_mut(cursor as usize) {
            read.lost = cursor.take_lost();
            read.settled_below = cursor.low();
        }
        Ok(read)
    }

    /// The next record that `cursor` needs: what it gave back, then what it comes to.
    pub(super) fn next_for(&mut self, cursor: u32, left: u64, passed: &mut Passed) -> Result<Next, LogError> {
        let index = cursor as usize;
        while !passed.is_enough() {
            let Some((sequence, at)) = self.cursors.get(index).and_then(Cursor::first_again) else { break };
            let front = self.front_at(at, sequence)?;
            passed.records += 1;
            let record = match front {
                Some(front) if front.outline().tally.bytes > left => {
                    return Ok(Next::Larger(front.outline().tally.bytes));
                }
                Some(front) => self.load(at, &front)?.map(|record| (record, front.outline())),
                None => None,
            };
            let Some(reader) = self.cursors.get_mut(index) else { break };
            match record {
                Some((record, outline)) => {
                    passed.bytes += outline.disk_bytes;
                    reader.take(&outline, at);
                    return Ok(Next::Record(record));
                }
                None => reader.lose(sequence),
            }
        }
        while !passed.is_enough() {
            let Some(place) = self.cursors.get(index).map(|reader| reader.read) else { return Ok(Next::End) };
            let step = self.next_step(place)?;
            let Some(reader) = self.cursors.get_mut(index) else { return Ok(Next::End) };
            match step {
                Step::Record { outline, front, at, next } => {
                    passed.records += 1;
                    let needed = reader.needs(cursor, &outline);
                    if needed && outline.tally.bytes > left {
                        return Ok(Next::Larger(outline.tally.bytes));
                    }
                    passed.bytes += outline.disk_bytes;
                    let record = match (needed, front) {
                        (false, _) => None,
                        (true, None) => self.tail.take(at, cursor),
                        (true, Some(front)) => self.load(at, &front)?,
                    };
                    let Some(reader) = self.cursors.get_mut(index) else { return Ok(Next::End) };
                    reader.pass(&outline, next);
                    if let Some(record) = record {
                        reader.take(&outline, at);
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

    /// What stands at a place, in memory or on the disk.
    fn next_step(&mut self, place: Position) -> Result<Step, LogError> {
        if !self.tail.covers(place) {
            return self.find(place, self.next);
        }
        Ok(self.tail.first(place).map_or(Step::End, |kept| {
            let Kept { outline, at, next, .. } = *kept;
            Step::Record { outline, front: None, at, next }
        }))
    }

    fn front_at(&mut self, at: Position, sequence: u64) -> Result<Option<Front>, LogError> {
        let Log { segments, window, .. } = self;
        let segment = segments.iter().find(|segment| segment.header.number == at.segment);
        let Some(segment) = segment else { return Ok(None) };
        Ok(segment.front(at.offset, sequence, sequence + 1, window)?)
    }

    /// The record whose front was found at `at`.
    pub(super) fn load(&mut self, at: Position, front: &Front) -> Result<Option<Record>, LogError> {
        let Log { segments, window, .. } = self;
        let segment = segments.iter().find(|segment| segment.header.number == at.segment);
        let Some(segment) = segment else { return Ok(None) };
        Ok(segment.load(at.offset, front, window)?)
    }

    /// What stands at a place. Records of the last segment have sequences below `below`.
    pub(super) fn find(&mut self, place: Position, below: u64) -> Result<Step, LogError> {
        let Log { segments, window, .. } = self;
        let index = segments.partition_point(|segment| segment.header.number < place.segment);
        let Some(segment) = segments.get(index) else { return Ok(Step::End) };
        let successor = segments.get(index + 1).map(|next| next.header);
        let offset = if segment.header.number == place.segment { place.offset } else { HEADER_BYTES };
        let at = Position { segment: segment.header.number, offset };
        // Of the segment that is written into the end is known; in the others the records show it.
        if successor.is_none() && offset >= segment.end {
            return Ok(Step::End);
        }
        let below = successor.map_or(below, |next| next.first);
        Ok(match (segment.find(offset, segment.header.first, below, window)?, successor) {
            (Found::Record(front, next), _) => {
                let next = Position { offset: next, ..at };
                Step::Record { outline: front.outline(), front: Some(front), at, next }
            }
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
