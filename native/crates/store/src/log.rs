//! The log: segments in a row, cursors over them, and what happens when a disk fails.

mod giving_up;
mod opening;
mod reading;
mod scrub;
mod survey;

use std::collections::VecDeque;
use std::io;

pub use giving_up::{GivenUp, LagPolicy};
pub use reading::Read;
pub use scrub::{Damage, Scrubbed};
pub use survey::{CursorSurvey, RecordSurvey, SegmentSurvey, Survey, survey};

use crate::cursor::Cursor;
use crate::meta::{CursorState, Meta, Position, State};
use crate::record::{NewRecord, Record, Tally};
use crate::seal::{Key, TAG_BYTES};
use crate::segment::{self, HEADER_BYTES, Header, Segment, Uuid};
use crate::tail::Tail;
use crate::totals::{End, Totals};
use crate::vfs::{Vfs, VfsFile};
use crate::window::Window;
use scrub::Scrub;

/// Sizes and habits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Bytes of a segment, reserved when it is made.
    pub segment_bytes: u64,
    /// Bytes of all segments together, quarantined ones included; room for two is always taken.
    pub max_bytes: u64,
    /// Bytes of the file system that are left to others.
    pub reserve_free_bytes: u64,
    /// Whether an append waits until it lasts. Without, a power cut may take what was appended; a crash of the process
    /// does not.
    pub sync: bool,
    /// What items count as that are given up for want of room.
    pub given_up_as: End,
    /// Whether a log that is damaged is not opened and left as it is. All of it is read for that.
    pub fail_on_damage: bool,
    /// What records are encrypted with from now on, and what was encrypted before.
    pub key: Option<Key>,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// All segments are full of what some cursor has not acknowledged.
    #[error("the log is full")]
    Full,
    /// The file system has less space left than is to be left to others.
    #[error("the disk is full")]
    NoSpace,
    /// A record is larger than a segment.
    #[error("a record of {bytes} bytes is larger than a segment")]
    TooLarge {
        /// Its size on disk.
        bytes: u64,
    },
    /// Syncs have failed twice: nothing is taken any more, what is there can be read.
    #[error("the log takes no more records, as the disk failed twice")]
    ReadOnly,
    /// There are as many cursors as a record can have targets.
    #[error("the log has {0} readers already")]
    TooManyCursors(usize),
    /// The disk failed; what was to be written may or may not be there after a restart.
    #[error("the log could not be written: {0}")]
    Disk(#[from] io::Error),
    /// Something in it is not what was written, and it is not to be opened then.
    #[error("the log is damaged")]
    Damaged,
    /// Its records are encrypted.
    #[error("the log is encrypted, and there is no key")]
    NoKey,
    /// Its records are encrypted with something else than what was given.
    #[error("the log is encrypted with another key")]
    OtherKey,
    /// A later version wrote the log.
    #[error("the log was written by a later version ({0})")]
    Version(u32),
}

/// What opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes between records of the last segments that are no records.
    pub lost_bytes: u64,
    /// Files that looked like segments and were none; they are put aside.
    pub strays: u64,
    /// There were records and no word about how far their readers are: all are read again.
    pub forgotten: bool,
}

/// What is in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Bytes that its segments take on the disk.
    pub bytes: u64,
    /// Whether it takes no more records.
    pub read_only: bool,
    /// Its readers, and what there is for each.
    pub cursors: Vec<(String, Tally)>,
}

/// As many readers as a record has bits for.
pub const CURSORS_MAX: usize = 64;

/// Failures to write after which nothing is written any more.
const FAILURES_MAX: u32 = 2;

/// An open log. Belongs to one thread: whoever calls waits for the disk.
pub struct Log<V: Vfs> {
    vfs: V,
    settings: LogSettings,
    uuid: Uuid,
    /// Oldest first; the last is written into.
    segments: VecDeque<Segment<V::File>>,
    /// The number of the segment that comes after those.
    next_number: u64,
    /// Names of segments that nobody needs, kept to be used again.
    spares: Vec<String>,
    /// Bytes of files that were put aside.
    quarantined_bytes: u64,
    cursors: Vec<Cursor>,
    next: u64,
    meta: Meta<V::File>,
    failures: u32,
    /// Whether there was no room for something, and none was made since.
    has_refused: bool,
    /// What was read from the disk last.
    window: Window,
    /// What was appended last.
    tail: Tail,
    scrub: Scrub,
    /// Tells the records that this opening encrypts from those of others.
    opening: [u8; 4],
    front: Vec<u8>,
}

impl<V: Vfs> Log<V> {
    /// What it calls itself: no other log does, and it keeps to that for as long as it exists.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The bit of the cursor with this name, which begins with what is appended from now on if there is none yet.
    ///
    /// # Errors
    /// There are too many, or it could not be written down.
    pub fn cursor(&mut self, name: &str) -> Result<u32, LogError> {
        if let Some(place) = self.cursors.iter().position(|cursor| cursor.name == name) {
            return Ok(place as u32);
        }
        if self.cursors.len() == CURSORS_MAX {
            return Err(LogError::TooManyCursors(CURSORS_MAX));
        }
        let state = CursorState { name: name.to_owned(), from: self.next, read: self.tail(), ..CursorState::default() };
        self.cursors.push(Cursor::new(state));
        let roster = self.roster();
        let fits = self.fitting(&[roster.record()]) > 0;
        let written = if fits { self.write(&[roster.record()]) } else { self.begin_segment() };
        if let Err(error) = written.and_then(|()| self.checkpoint()) {
            self.cursors.pop();
            return Err(error);
        }
        Ok(self.cursors.len() as u32 - 1)
    }

    /// Appends `records` and makes them last: one write and one sync for each segment they go to. The sequence of
    /// each.
    ///
    /// # Errors
    /// None of them is taken, though after [`LogError::Disk`] some may be read all the same.
    pub fn append(&mut self, records: &[NewRecord<'_>]) -> Result<Vec<u64>, LogError> {
        if self.is_read_only() {
            return Err(LogError::ReadOnly);
        }
        self.make_room(records)?;
        let mut sequences = Vec::with_capacity(records.len());
        let mut rest = records;
        while !rest.is_empty() {
            let count = self.fitting(rest);
            if count == 0 {
                self.begin_segment()?;
                continue;
            }
            let (now, later) = rest.split_at(count);
            sequences.extend(self.next..self.next + count as u64);
            self.write(now)?;
            rest = later;
        }
        Ok(sequences)
    }

    /// `cursor` needs the record with this sequence no more: it was delivered. It lasts with the next
    /// [`checkpoint`](Self::checkpoint).
    pub fn acknowledge(&mut self, cursor: u32, sequence: u64) {
        self.settle(cursor, sequence, &[]);
    }

    /// As [`acknowledge`](Self::acknowledge) for a record of which some items were not delivered, but ended as `ends`
    /// say.
    pub fn settle(&mut self, cursor: u32, sequence: u64, ends: &[(End, u64)]) {
        if let Some(cursor) = self.cursors.get_mut(cursor as usize) {
            cursor.settle(sequence, ends);
        }
    }

    /// `cursor` is to read the record with this sequence again. Where it has been overwritten by now, for want of room,
    /// it is given up instead.
    pub fn release(&mut self, cursor: u32, sequence: u64) -> Option<GivenUp> {
        let tally = self.cursors.get_mut(cursor as usize).and_then(|cursor| cursor.release(sequence))?;
        Some(self.given_up(cursor, tally, sequence..sequence + 1))
    }

    /// Gives up what there is for `cursor`; how much that was.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub fn purge(&mut self, cursor: u32) -> Result<Tally, LogError> {
        let (next, tail) = (self.next, self.tail());
        let gone = self.cursors.get_mut(cursor as usize).map(|cursor| cursor.purge(next, tail));
        self.tail.restart(tail);
        self.checkpoint()?;
        Ok(gone.unwrap_or_default())
    }

    /// Writes down how far the cursors are, then gives segments free that none of them needs.
    ///
    /// # Errors
    /// The disk failed: after a crash more is read again than must be.
    pub fn checkpoint(&mut self) -> Result<(), LogError> {
        let cursors = self.cursors.iter().map(Cursor::state).collect();
        self.meta.write(&State { uuid: self.uuid, next: self.next, tail: self.tail(), cursors })?;
        self.reclaim()?;
        Ok(())
    }

    /// Whether memory is kept for records that were appended and not read.
    pub fn keeps(&self) -> bool {
        !self.tail.is_empty()
    }

    /// Gives up memory that was kept already when this was called last: its reader does not keep up.
    pub fn age(&mut self) {
        self.tail.age(self.next);
    }

    /// What there is for `cursor`, read or not, and not acknowledged.
    pub fn held(&self, cursor: u32) -> Tally {
        self.cursors.get(cursor as usize).map_or_else(Tally::default, Cursor::held)
    }

    /// Items that were ever there for `cursor`, and what became of those that left: the difference is held. What was
    /// acknowledged after the last checkpoint before a crash is held again.
    pub fn totals(&self, cursor: u32) -> Totals {
        self.cursors.get(cursor as usize).map_or_else(Totals::default, Cursor::totals)
    }

    /// What is in it.
    pub fn status(&self) -> Status {
        Status {
            bytes: self.taken_bytes(),
            read_only: self.is_read_only(),
            cursors: self.cursors.iter().map(|cursor| (cursor.name.clone(), cursor.held())).collect(),
        }
    }

    /// How full it is of what no policy gives up, percent. One that takes nothing any more is full.
    pub fn fill_percent(&self) -> u64 {
        if self.is_read_only() {
            return 100;
        }
        let block = |cursor: &&Cursor| cursor.lag_policy == LagPolicy::Block;
        let Some(needed) = self.cursors.iter().filter(block).map(Cursor::low).min() else { return 0 };
        if self.has_refused {
            return 100;
        }
        let free = self.segments.iter().skip(1).take_while(|segment| segment.header.first <= needed).count();
        let full = (self.segments.len() - free).saturating_sub(1) as u64;
        let bytes = full * self.settings.segment_bytes + self.segments.back().map_or(0, |last| last.end);
        (bytes.saturating_mul(100) / (self.most_segments() * self.settings.segment_bytes)).min(100)
    }

    /// Whether it takes nothing any more, as the disk has failed.
    pub fn is_read_only(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    fn taken_bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        segments + self.spares.len() as u64 * self.settings.segment_bytes + self.quarantined_bytes
    }

    fn start(&self) -> Position {
        let segment = self.segments.front().map_or(0, |segment| segment.header.number);
        Position { segment, offset: HEADER_BYTES }
    }

    fn tail(&self) -> Position {
        let last = self.segments.back();
        last.map_or_else(|| self.start(), |last| Position { segment: last.header.number, offset: last.end })
    }

    /// What each record that is written is longer by.
    fn tag_bytes(&self) -> usize {
        if self.settings.key.is_some() { TAG_BYTES } else { 0 }
    }

    /// Whether the records fit, giving segments free if they do not.
    fn make_room(&mut self, records: &[NewRecord<'_>]) -> Result<(), LogError> {
        let tag_bytes = self.tag_bytes();
        let front = HEADER_BYTES + self.roster().bytes(tag_bytes) as u64;
        let room = self.settings.segment_bytes.saturating_sub(front);
        let bytes_of = |record: &NewRecord<'_>| record.bytes(tag_bytes) as u64;
        if let Some(large) = records.iter().map(bytes_of).find(|bytes| *bytes > room) {
            return Err(LogError::TooLarge { bytes: large });
        }
        let mut left = self.segments.back().map_or(0, |last| last.bytes - last.end);
        let mut more = 0;
        for record in records {
            let bytes = bytes_of(record);
            if bytes > left {
                (left, more) = (room, more + 1);
            }
            left -= bytes;
        }
        if more > 0 && self.check_segments(more).is_err() {
            self.checkpoint()?;
            let checked = self.check_segments(more);
            self.has_refused = matches!(checked, Err(LogError::Full));
            checked?;
        }
        Ok(())
    }

    /// Whether there is room for `more` segments.
    fn check_segments(&self, more: u64) -> Result<(), LogError> {
        if self.segments.len() as u64 + more > self.most_segments() {
            return Err(LogError::Full);
        }
        let reserved = self.settings.segment_bytes.saturating_mul(more.saturating_sub(self.spares.len() as u64));
        if reserved > 0 && self.vfs.free_bytes()? < self.settings.reserve_free_bytes.saturating_add(reserved) {
            return Err(LogError::NoSpace);
        }
        Ok(())
    }

    fn most_segments(&self) -> u64 {
        (self.settings.max_bytes.saturating_sub(self.quarantined_bytes) / self.settings.segment_bytes).max(2)
    }

    /// How many of `records` go into the segment that is written into.
    fn fitting(&self, records: &[NewRecord<'_>]) -> usize {
        let mut left = self.segments.back().map_or(0, |last| last.bytes - last.end);
        let tag_bytes = self.tag_bytes();
        let fits = |record: &&NewRecord<'_>| match left.checked_sub(record.bytes(tag_bytes) as u64) {
            Some(less) => {
                left = less;
                true
            }
            None => false,
        };
        records.iter().take_while(fits).count()
    }

    /// Writes and syncs records that fit.
    fn write(&mut self, records: &[NewRecord<'_>]) -> Result<(), LogError> {
        let Some(segment) = self.segments.back_mut() else { return Err(LogError::Full) };
        let (salt, tag_bytes, opening) = (segment.header.salt(), segment.tag_bytes(), self.opening);
        self.front.clear();
        self.front.shrink_to(FRONT_BYTES_MAX);
        let mut fronts = Vec::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            let start = self.front.len();
            let sequence = self.next + index as u64;
            match &segment.sealer {
                Some(sealer) => record.sealed(salt, sequence, opening, sealer, &mut self.front)?,
                None => record.front(salt, sequence, &mut self.front),
            }
            fronts.push(start..self.front.len());
        }
        let mut parts: Vec<&[u8]> = Vec::with_capacity(records.len() * 3);
        for (record, front) in records.iter().zip(fronts) {
            parts.push(&self.front[front]);
            if segment.sealer.is_none() {
                parts.extend(record.payload.iter().map(|piece| &piece[..]));
            }
            parts.push(record.padding(tag_bytes));
        }
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        // Given out whatever happens, so that what a failed write left behind is never taken for something else.
        let first = self.next;
        self.next += records.len() as u64;
        let written = segment.file.write_at(&parts, segment.end);
        let lasting = written.and_then(|()| if self.settings.sync { segment.file.sync() } else { Ok(()) });
        if let Err(error) = lasting {
            self.failures += 1;
            // What of it lasts is unknown, and asking again would tell nothing: the segment is not written any more.
            segment.bytes = segment.end;
            return Err(error.into());
        }
        let mut at = Position { segment: segment.header.number, offset: segment.end };
        segment.end += bytes as u64;
        for (record, sequence) in records.iter().zip(first..) {
            let next = Position { offset: at.offset + record.bytes(tag_bytes) as u64, ..at };
            self.hold(record.targets, record.tally());
            self.keep(record, sequence, at, next);
            at = next;
        }
        Ok(())
    }

    /// Keeps a record that was written for those that keep up, if its memory is paid for.
    fn keep(&mut self, record: &NewRecord<'_>, sequence: u64, at: Position, next: Position) {
        // Nobody reads a roster.
        if record.targets == 0 {
            return;
        }
        match record.kept(sequence) {
            Some(kept) => {
                let readers = (1_u128 << self.cursors.len()) - 1;
                self.tail.push(at, next, record.outline(sequence, self.tag_bytes()), kept, readers as u64);
            }
            None => self.tail.restart(next),
        }
    }

    /// Counts a record for those that are to read it.
    fn hold(&mut self, targets: u64, tally: Tally) {
        for (bit, cursor) in self.cursors.iter_mut().enumerate() {
            if targets >> bit & 1 == 1 {
                cursor.hold(tally);
            }
        }
    }

    /// Begins the segment that the next records go to, with a record that says which cursor has which bit.
    fn begin_segment(&mut self) -> Result<(), LogError> {
        let number = self.next_number;
        // Whatever becomes of it: half of a segment may stand under that name.
        self.next_number += 1;
        let seal = self.settings.key.as_ref().map(Key::seal).transpose()?;
        let header = Header { uuid: self.uuid, number, first: self.next, seal };
        let sealer = header.sealer(self.settings.key.as_ref());
        let name = segment::name(number);
        let mut file = match self.spares.pop() {
            Some(spare) => {
                self.vfs.rename(&spare, &name)?;
                self.vfs.open(&name)?
            }
            None => {
                let free = self.vfs.free_bytes()?;
                if free < self.settings.reserve_free_bytes.saturating_add(self.settings.segment_bytes) {
                    return Err(LogError::NoSpace);
                }
                self.vfs.create(&name, self.settings.segment_bytes)?
            }
        };
        file.write_at(&[&header.encode()], 0)?;
        file.sync()?;
        self.vfs.sync_names()?;
        let bytes = self.settings.segment_bytes;
        self.segments.push_back(Segment { name, header, sealer, file, bytes, end: HEADER_BYTES });
        let roster = self.roster();
        self.write(&[roster.record()])
    }

    fn roster(&self) -> Roster {
        Roster(self.cursors.iter().map(|cursor| cursor.name.as_str()).collect::<Vec<_>>().join("\n"))
    }

    /// Puts segments that lie below every cursor's mark aside to be used again.
    fn reclaim(&mut self) -> Result<(), LogError> {
        let needed = self.cursors.iter().map(Cursor::low).min().unwrap_or(self.next);
        while let Some(second) = self.segments.get(1) {
            if second.header.first > needed {
                break;
            }
            let Some(first) = self.segments.pop_front() else { break };
            self.has_refused = false;
            if self.spares.len() < SPARES_MAX && first.bytes == self.settings.segment_bytes {
                let spare = segment::spare_name(first.header.number);
                self.vfs.rename(&first.name, &spare)?;
                self.spares.push(spare);
            } else {
                self.vfs.remove(&first.name)?;
            }
        }
        let start = self.start();
        for cursor in &mut self.cursors {
            cursor.read = cursor.read.max(start);
        }
        Ok(())
    }
}

/// Bytes of the buffer that records are put together in which are kept for the next ones.
const FRONT_BYTES_MAX: usize = 1 << 20;

/// Segments that are kept to be used again.
const SPARES_MAX: usize = 2;

/// The names of all cursors in the order of their bits: the first record of a segment, for nobody to read, from which
/// the order is known when nothing else tells.
struct Roster(String);

impl Roster {
    fn record(&self) -> NewRecord<'_> {
        NewRecord { time: 0, targets: 0, items: 0, head: self.0.as_bytes(), payload: &[], memory: None }
    }

    fn bytes(&self, tag_bytes: usize) -> usize {
        self.record().bytes(tag_bytes)
    }
}

impl Record {
    /// The names in it, if it is a roster.
    fn roster(&self) -> Option<std::str::Lines<'_>> {
        if self.targets != 0 {
            return None;
        }
        std::str::from_utf8(&self.head).ok().map(str::lines)
    }
}

#[cfg(test)]
mod tests;
