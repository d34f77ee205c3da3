//! Opening a log: which files belong to it, where it ends, and what there is for its readers.

use std::collections::VecDeque;

use super::reading::Step;
use super::scrub::Scrub;
use super::survey::is_whole;
use super::{Log, LogError, LogSettings, Opened};
use crate::cursor::Cursor;
use crate::meta::{CursorState, Meta, Position, State};
use crate::record::{Outline, Record};
use crate::seal::{self, Key};
use crate::segment::{self, HEADER_BYTES, Header, NoHeader, Segment, Uuid};
use crate::tail::Tail;
use crate::vfs::{Vfs, VfsFile};
use crate::window::Window;

impl<V: Vfs> Log<V> {
    /// Opens the log in `vfs`, or begins one there that calls itself `uuid`. Reads no more of it than the segments that
    /// were written into since the last checkpoint.
    ///
    /// # Errors
    /// The folder cannot be read or written; or the log in it is a later version's, is encrypted and the key is another, or
    /// is damaged and not to be opened then, and is left as it is.
    pub fn open(vfs: V, settings: LogSettings, uuid: Uuid) -> Result<(Log<V>, Opened), LogError> {
        let mut files = Files::of(&vfs, settings.key.as_ref())?;
        let state = Meta::peek(&vfs)?;
        let forgotten = state.is_none() && !files.segments.is_empty();
        let uuid = state.as_ref().map(|state| state.uuid).or(files.oldest_uuid()).unwrap_or(uuid);
        files.keep_only(uuid);
        files.check_key(settings.key.as_ref())?;
        if settings.fail_on_damage && !is_whole(&files, state.as_ref())? {
            return Err(LogError::Damaged);
        }
        let (meta, state) = Meta::open(&vfs)?;
        let strays = files.put_aside(&vfs)?;
        // A segment that was written down and is gone keeps its number: what cursors have read in it is not what a new
        // one of that number would hold.
        let numbered = state.as_ref().map_or(0, |state| state.tail.segment.saturating_add(1));
        let opening = settings.key.as_ref().map(|_| seal::random()).transpose()?.unwrap_or_default();
        let mut log = Log {
            vfs,
            settings,
            opening,
            uuid,
            next_number: files.next_number.max(numbered),
            segments: files.segments,
            spares: files.spares,
            quarantined_bytes: files.quarantined_bytes,
            cursors: Vec::new(),
            next: 1,
            meta,
            failures: 0,
            has_refused: false,
            window: Window::default(),
            tail: Tail::at(Position::UNKNOWN),
            scrub: Scrub::default(),
            front: Vec::new(),
        };
        let lost_bytes = log.resume(state)?;
        if log.segments.is_empty() {
            log.begin_segment()?;
        }
        let opened = Opened { lost_bytes, strays, forgotten };
        Ok((log, opened))
    }

    /// Goes on from `state`, adding what was written since. The bytes between that are no records.
    fn resume(&mut self, state: Option<State>) -> Result<u64, LogError> {
        let start = self.start();
        let state = state.unwrap_or_default();
        self.next = state.next.max(1);
        let from_start = |cursor: CursorState| CursorState { read: cursor.read.max(start), ..cursor };
        self.cursors = state.cursors.into_iter().map(|cursor| Cursor::new(from_start(cursor))).collect();
        // The end of the last segment is what is looked for: until it is found, it may be anywhere.
        if let Some(last) = self.segments.back_mut() {
            last.end = last.bytes;
            self.next = self.next.max(last.header.first);
        }
        let (mut place, mut lost) = (state.tail.max(start), 0);
        loop {
            match self.find(place, u64::MAX)? {
                Step::Record { outline, front, at, next } => {
                    if outline.targets == 0
                        && let Some(front) = front
                        && let Some(names) = self.load(at, &front)?.as_ref().and_then(Record::roster)
                    {
                        self.enroll(names);
                    }
                    self.count(&outline);
                    place = next;
                }
                Step::Skip { to, .. } if self.is_end(to) => break,
                Step::Skip { to, lost_bytes } => {
                    lost += lost_bytes;
                    place = to;
                }
                Step::End => break,
            }
        }
        // A last segment that was not come to is older than what was written last: nothing goes into it any more.
        if let Some(last) = self.segments.back_mut()
            && place.segment == last.header.number
        {
            last.end = place.offset.min(last.bytes);
        }
        // What is encrypted and what is not do not share a segment.
        if let Some(last) = self.segments.back_mut()
            && last.header.seal.is_some() != self.settings.key.is_some()
        {
            last.bytes = last.end;
        }
        // It may have seen what is written over from now on.
        self.window.clear();
        self.tail = Tail::at(self.tail());
        Ok(lost)
    }

    /// Whether a place is behind everything that a segment can hold.
    fn is_end(&self, place: Position) -> bool {
        self.segments.back().is_some_and(|last| place.segment == last.header.number && place.offset >= last.bytes)
    }

    /// Takes a record into account that no checkpoint knows of.
    fn count(&mut self, record: &Outline) {
        self.next = self.next.max(record.sequence + 1);
        self.hold(record.targets, record.tally);
    }

    /// Adds the cursors that a segment's first record names and nothing else told of: they need all there is.
    fn enroll(&mut self, names: std::str::Lines<'_>) {
        let start = self.start();
        for name in names.skip(self.cursors.len()) {
            let state = CursorState { name: name.to_owned(), read: start, ..CursorState::default() };
            self.cursors.push(Cursor::new(state));
        }
    }
}

/// The files of a folder that have to do with a log.
pub(super) struct Files<F> {
    /// In their order.
    pub(super) segments: VecDeque<Segment<F>>,
    spares: Vec<String>,
    /// Files that are called segments and are none of this log.
    strays: Vec<(String, u64)>,
    /// Whether some of those were begun at least.
    pub(super) has_foreign: bool,
    pub(super) quarantined_bytes: u64,
    /// Above all numbers that segments have or are called by.
    next_number: u64,
}

impl<F: VfsFile> Files<F> {
    /// What is in a folder.
    ///
    /// # Errors
    /// It cannot be read, or a later version wrote it.
    pub(super) fn of<V: Vfs<File = F>>(vfs: &V, key: Option<&Key>) -> Result<Files<F>, LogError> {
        let mut files = Files {
            segments: VecDeque::new(),
            spares: Vec::new(),
            strays: Vec::new(),
            has_foreign: false,
            quarantined_bytes: 0,
            next_number: 0,
        };
        for name in vfs.list()? {
            if segment::is_spare(&name) {
                files.spares.push(name);
                continue;
            }
            if name.starts_with(QUARANTINE) {
                files.quarantined_bytes += vfs.open(&name)?.bytes()?;
                continue;
            }
            let Some(number) = segment::number_of(&name) else { continue };
            let file = vfs.open(&name)?;
            let mut front = [0; HEADER_BYTES as usize];
            let filled = file.read_at(&mut front, 0)?;
            let bytes = file.bytes()?;
            files.next_number = files.next_number.max(number + 1);
            match Header::decode(front.get(..filled).unwrap_or_default()) {
                // Its own word counts, not its name: names may be mixed up, and a segment that was about to be used
                // again when the power went has the new name and the old header.
                Ok(header) => {
                    files.next_number = files.next_number.max(header.number + 1);
                    let sealer = header.sealer(key);
                    files.segments.push_back(Segment { name, header, sealer, file, bytes, end: bytes });
                }
                Err(NoHeader::Version(version)) => return Err(LogError::Version(version)),
                Err(NoHeader::Damaged) => {
                    // The power may go between the making of a file and its header.
                    files.has_foreign |= front.iter().any(|byte| *byte != 0);
                    files.strays.push((name, bytes));
                }
            }
        }
        Ok(files)
    }

    /// Whether all of them can be read with `key`.
    fn check_key(&self, key: Option<&Key>) -> Result<(), LogError> {
        let is_closed = |segment: &Segment<F>| segment.header.seal.is_some() && segment.sealer.is_none();
        if !self.segments.iter().any(is_closed) {
            return Ok(());
        }
        Err(if key.is_some() { LogError::OtherKey } else { LogError::NoKey })
    }

    /// Sorts the segments of this log; copies and those of others are strays.
    pub(super) fn keep_only(&mut self, uuid: Uuid) {
        let mut segments = std::mem::take(&mut self.segments);
        segments.make_contiguous().sort_by(|a, b| (a.header.number, &a.name).cmp(&(b.header.number, &b.name)));
        for segment in segments {
            let known = self.segments.back().map(|last| last.header.number);
            if segment.header.uuid == uuid && known != Some(segment.header.number) {
                self.segments.push_back(segment);
            } else {
                self.has_foreign = true;
                self.strays.push((segment.name, segment.bytes));
            }
        }
    }

    /// What the oldest segment says it belongs to.
    pub(super) fn oldest_uuid(&self) -> Option<Uuid> {
        let oldest = self.segments.iter().min_by_key(|segment| segment.header.number);
        oldest.map(|segment| segment.header.uuid)
    }

    /// Gives strays another name: nothing of them can be read, but somebody may want to look. Their number.
    fn put_aside<V: Vfs>(&mut self, vfs: &V) -> Result<u64, LogError> {
        let strays = std::mem::take(&mut self.strays);
        for (name, bytes) in &strays {
            let aside = format!("{QUARANTINE}{name}");
            // One of that name is older, and is replaced.
            vfs.rename(name, &aside)?;
            self.quarantined_bytes += bytes;
        }
        Ok(strays.len() as u64)
    }
}

const QUARANTINE: &str = "quarantine-";
