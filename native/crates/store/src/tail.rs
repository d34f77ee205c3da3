//! The end of the log in memory: what was appended last, for readers that keep up. They never ask the disk.

use std::collections::VecDeque;

use crate::meta::Position;
use crate::record::{Outline, Record};

/// Payload bytes of one log that are kept.
const TAIL_BYTES_MAX: u64 = 8 << 20;
/// Records of one log that are kept.
const TAIL_RECORDS_MAX: usize = 16_384;

/// All records from a place to the end of the log.
pub(crate) struct Tail {
    begins: Position,
    kept: VecDeque<Kept>,
    bytes: u64,
    /// Records below were here already when [`age`](Tail::age) was called last.
    old: u64,
}

/// One of them.
pub(crate) struct Kept {
    pub(crate) outline: Outline,
    pub(crate) at: Position,
    pub(crate) next: Position,
    /// A bit for each cursor that has not read it.
    unread: u64,
    /// There until nobody needs it.
    record: Option<Record>,
}

impl Tail {
    /// Nothing; the log ends at `end`.
    pub(crate) fn at(end: Position) -> Tail {
        Tail { begins: end, kept: VecDeque::new(), bytes: 0, old: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether it has everything from `place` on.
    pub(crate) fn covers(&self, place: Position) -> bool {
        place >= self.begins
    }

    /// The first record at or behind `place`, which it covers.
    pub(crate) fn first(&self, place: Position) -> Option<&Kept> {
        self.kept.get(self.kept.partition_point(|kept| kept.at < place))
    }

    /// Adds the record at the end of the log, for the cursors of `readers`. What there is no room for any more is read
    /// from the disk.
    pub(crate) fn push(&mut self, at: Position, next: Position, outline: Outline, record: Record, readers: u64) {
        self.bytes += outline.tally.bytes;
        let unread = record.targets & readers;
        self.kept.push_back(Kept { outline, at, next, unread, record: Some(record) });
        while self.bytes > TAIL_BYTES_MAX || self.kept.len() > TAIL_RECORDS_MAX {
            self.drop_first();
        }
        self.drop_read();
    }

    /// A record that was appended and is not here: the log ends at `end`, and so does what is kept.
    pub(crate) fn restart(&mut self, end: Position) {
        *self = Tail { old: self.old, ..Tail::at(end) };
    }

    /// The record at `at`, for the cursor with this bit, which has read it then and does not come back to it.
    pub(crate) fn take(&mut self, at: Position, cursor: u32) -> Option<Record> {
        let index = self.kept.binary_search_by_key(&at, |kept| kept.at).ok()?;
        let kept = self.kept.get_mut(index)?;
        kept.unread &= !(1 << cursor);
        let record = if kept.unread == 0 { kept.record.take() } else { kept.record.clone() };
        if kept.unread == 0 && record.is_some() {
            self.bytes -= kept.outline.tally.bytes;
        }
        self.drop_read();
        record
    }

    /// Drops what was here before the last call, as its reader does not keep up. Below `next` is all that is here.
    pub(crate) fn age(&mut self, next: u64) {
        while self.kept.front().is_some_and(|first| first.outline.sequence < self.old) {
            self.drop_first();
        }
        self.old = next;
    }

    fn drop_read(&mut self) {
        while self.kept.front().is_some_and(|first| first.unread == 0) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        let Some(first) = self.kept.pop_front() else { return };
        self.begins = first.next;
        if first.record.is_some() {
            self.bytes -= first.outline.tally.bytes;
        }
    }
}
