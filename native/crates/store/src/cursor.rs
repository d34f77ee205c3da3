//! One reader of the log: what it has read, what of that it still needs, and how much there is for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::meta::{CursorState, Position};
use crate::record::{Record, Tally};

pub(crate) struct Cursor {
    pub(crate) name: String,
    /// Where it reads next.
    pub(crate) read: Position,
    /// All below have been read, if they are there.
    seen: u64,
    /// Where reading ended in an earlier life: below, only what was left over then is needed.
    resumes_at: u64,
    left_over: BTreeSet<u64>,
    /// Read and not acknowledged.
    outstanding: BTreeMap<u64, Taken>,
    /// Read and given back: read again before anything else.
    again: BTreeMap<u64, Taken>,
    held: Tally,
    lost: Tally,
}

/// A record that was read.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) at: Position,
    tally: Tally,
}

impl Cursor {
    pub(crate) fn new(state: CursorState, read: Position) -> Cursor {
        Cursor {
            name: state.name,
            read,
            seen: 0,
            resumes_at: state.from,
            left_over: state.pending,
            outstanding: BTreeMap::new(),
            again: BTreeMap::new(),
            held: state.held,
            lost: Tally::default(),
        }
    }

    pub(crate) fn state(&self) -> CursorState {
        let needed = self.outstanding.keys().chain(self.again.keys()).chain(&self.left_over);
        let pending = needed.copied().collect();
        CursorState { name: self.name.clone(), from: self.from(), pending, held: self.held }
    }

    fn from(&self) -> u64 {
        self.seen.max(self.resumes_at)
    }

    /// No record below is needed.
    pub(crate) fn low(&self) -> u64 {
        let firsts = [self.outstanding.keys().next(), self.again.keys().next(), self.left_over.first()];
        firsts.into_iter().flatten().copied().fold(self.from(), u64::min)
    }

    /// What there is for it, whether read or not.
    pub(crate) fn held(&self) -> Tally {
        self.held
    }

    /// A record for it was appended.
    pub(crate) fn hold(&mut self, tally: Tally) {
        self.held.add(tally);
    }

    /// Passes the record at `at`. Whether it is for this cursor, whose bit is `bit`, and still needed: then it is
    /// outstanding.
    pub(crate) fn takes(&mut self, bit: u32, record: &Record, at: Position) -> bool {
        self.seen = self.seen.max(record.sequence + 1);
        let addressed = record.targets >> bit & 1 == 1;
        let needed = record.sequence >= self.resumes_at || self.left_over.remove(&record.sequence);
        let taken = addressed && needed;
        if taken {
            self.outstanding.insert(record.sequence, Taken { at, tally: record.tally() });
        }
        taken
    }

    /// Has passed all there is below `next`. What was to be there and was not is lost.
    pub(crate) fn at_end(&mut self, next: u64) {
        self.seen = self.seen.max(next);
        self.left_over.clear();
        if self.outstanding.is_empty() && self.again.is_empty() {
            self.lost.add(std::mem::take(&mut self.held));
        }
    }

    /// The first record that was given back; it is outstanding again.
    pub(crate) fn take_again(&mut self) -> Option<(u64, Taken)> {
        let (sequence, taken) = self.again.pop_first()?;
        self.outstanding.insert(sequence, taken);
        Some((sequence, taken))
    }

    /// An outstanding record is needed no more.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        if let Some(taken) = self.outstanding.remove(&sequence) {
            self.held.subtract(taken.tally);
        }
    }

    /// An outstanding record is to be read again.
    pub(crate) fn release(&mut self, sequence: u64) {
        if let Some(taken) = self.outstanding.remove(&sequence) {
            self.again.insert(sequence, taken);
        }
    }

    /// An outstanding record is not there any more.
    pub(crate) fn lose(&mut self, sequence: u64) {
        if let Some(taken) = self.outstanding.remove(&sequence) {
            self.held.subtract(taken.tally);
            self.lost.add(taken.tally);
        }
    }

    /// Gives up all there is for it below `next`, where it reads on; how much that was.
    pub(crate) fn purge(&mut self, next: u64, tail: Position) -> Tally {
        let name = std::mem::take(&mut self.name);
        let gone = self.held;
        *self =
            Cursor { lost: self.lost, ..Cursor::new(CursorState { name, from: next, ..CursorState::default() }, tail) };
        gone
    }

    /// What was found missing since the last call.
    pub(crate) fn take_lost(&mut self) -> Tally {
        std::mem::take(&mut self.lost)
    }
}
