//! One reader of the log: what it has read, what of that it still needs, and how much there is for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::LagPolicy;
use crate::meta::{CursorState, Position};
use crate::record::{Outline, Tally};
use crate::totals::{End, Totals};

pub(crate) struct Cursor {
    pub(crate) name: String,
    /// Where it reads next.
    pub(crate) read: Position,
    /// All below have been read, if they are there.
    seen: u64,
    /// Where reading ended in an earlier life: below, only what was left over then is needed.
    resumes_at: u64,
    /// What was left over and is still to be come to; what stands at a known place is in `again`.
    left_over: BTreeSet<u64>,
    /// Read and not acknowledged.
    outstanding: BTreeMap<u64, Taken>,
    /// Read and given back: read again before anything else.
    again: BTreeMap<u64, Taken>,
    /// Outstanding, and not there any more to be read again.
    forsaken: BTreeMap<u64, Tally>,
    held: Tally,
    lost: Tally,
    /// What was ever there, which is what is held and what left.
    totals: Totals,
    /// What it loses when there is no room because of it.
    pub(crate) lag_policy: LagPolicy,
}

/// A record that was read, in an earlier life perhaps: then its tally is not known before it is read again.
#[derive(Clone, Copy)]
struct Taken {
    at: Position,
    tally: Tally,
}

impl Cursor {
    pub(crate) fn new(state: CursorState) -> Cursor {
        let CursorState { name, from, read, pending, held, totals } = state;
        let (placed, unplaced): (Vec<_>, Vec<_>) = pending.into_iter().partition(|(_, at)| *at != Position::UNKNOWN);
        let taken = |(sequence, at)| (sequence, Taken { at, tally: Tally::default() });
        Cursor {
            name,
            read,
            seen: 0,
            resumes_at: from,
            left_over: unplaced.into_iter().map(|(sequence, _)| sequence).collect(),
            outstanding: BTreeMap::new(),
            again: placed.into_iter().map(taken).collect(),
            forsaken: BTreeMap::new(),
            held,
            lost: Tally::default(),
            totals,
            lag_policy: LagPolicy::default(),
        }
    }

    pub(crate) fn state(&self) -> CursorState {
        let placed = self.outstanding.iter().chain(&self.again).map(|(sequence, taken)| (*sequence, taken.at));
        let unplaced = self.left_over.iter().map(|sequence| (*sequence, Position::UNKNOWN));
        let pending = placed.chain(unplaced).collect();
        let (name, from) = (self.name.clone(), self.from());
        CursorState { name, from, read: self.read, pending, held: self.held, totals: self.totals }
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

    /// What was ever there for it, and what became of that.
    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// A record for it was appended.
    pub(crate) fn hold(&mut self, tally: Tally) {
        self.held.add(tally);
        self.totals.enqueued += tally.items;
    }

    /// What was held is not any more; the items of `ends` ended so, the others as `rest`.
    fn leave(&mut self, tally: Tally, ends: &[(End, u64)], rest: End) {
        let before = self.held.items;
        self.held.subtract(tally);
        self.totals.leave(before - self.held.items, ends, rest);
    }

    /// Whether a record that it comes to is for this cursor, whose bit is `bit`, and still needed.
    pub(crate) fn needs(&self, bit: u32, record: &Outline) -> bool {
        let addressed = record.targets >> bit & 1 == 1;
        addressed && (record.sequence >= self.resumes_at || self.left_over.contains(&record.sequence))
    }

    /// Passes a record; reads on at `next`.
    pub(crate) fn pass(&mut self, record: &Outline, next: Position) {
        self.read = next;
        self.seen = self.seen.max(record.sequence + 1);
        self.left_over.remove(&record.sequence);
    }

    /// The record at `at`, which it has passed or given back, is outstanding from now on.
    pub(crate) fn take(&mut self, record: &Outline, at: Position) {
        self.again.remove(&record.sequence);
        self.outstanding.insert(record.sequence, Taken { at, tally: record.tally });
    }

    /// Has passed all there is below `next`. What was to be there and was not is lost.
    pub(crate) fn at_end(&mut self, next: u64) {
        self.seen = self.seen.max(next);
        self.left_over.clear();
        if self.outstanding.is_empty() && self.again.is_empty() {
            let lost = self.held;
            self.leave(lost, &[], End::Damaged);
            self.lost.add(lost);
        }
    }

    /// The first record that was given back, and where it stands.
    pub(crate) fn first_again(&self) -> Option<(u64, Position)> {
        self.again.first_key_value().map(|(sequence, taken)| (*sequence, taken.at))
    }

    /// An outstanding record is needed no more. What of it is not in `ends` was delivered.
    pub(crate) fn settle(&mut self, sequence: u64, ends: &[(End, u64)]) {
        if let Some(taken) = self.outstanding.remove(&sequence) {
            self.leave(taken.tally, ends, End::Delivered);
        } else if let Some(tally) = self.forsaken.remove(&sequence) {
            self.totals.leave_otherwise(tally.items, End::QueueFull, ends, End::Delivered);
        }
    }

    /// An outstanding record is to be read again; how much it was, if it is not there for that any more.
    pub(crate) fn release(&mut self, sequence: u64) -> Option<Tally> {
        match self.outstanding.remove(&sequence) {
            Some(taken) => {
                self.again.insert(sequence, taken);
                None
            }
            None => self.forsaken.remove(&sequence),
        }
    }

    /// Needs nothing below `end` any more: whoever has it brings it to an end, which counts then, or it is lost.
    pub(crate) fn forsake(&mut self, end: u64) {
        let kept = self.outstanding.split_off(&end);
        for (sequence, taken) in std::mem::replace(&mut self.outstanding, kept) {
            self.leave(taken.tally, &[], End::QueueFull);
            self.forsaken.insert(sequence, taken.tally);
        }
    }

    /// Gives up what was not read, or was given back, below `next`, and reads on there; how much that was.
    pub(crate) fn detach(&mut self, next: u64, tail: Position) -> Tally {
        let mut gone = self.held;
        self.outstanding.values().for_each(|taken| gone.subtract(taken.tally));
        self.leave(gone, &[], End::QueueFull);
        self.again.clear();
        self.left_over.clear();
        (self.read, self.seen) = (tail, self.seen.max(next));
        gone
    }

    /// A record that was given back is not there any more. What an earlier life read counts as lost in the end.
    pub(crate) fn lose(&mut self, sequence: u64) {
        if let Some(taken) = self.again.remove(&sequence) {
            self.leave(taken.tally, &[], End::Damaged);
            self.lost.add(taken.tally);
        }
    }

    /// Gives up all there is for it below `next`, where it reads on; how much that was.
    pub(crate) fn purge(&mut self, next: u64, tail: Position) -> Tally {
        let (name, gone) = (std::mem::take(&mut self.name), self.held);
        self.leave(gone, &[], End::Purged);
        let state = CursorState { name, from: next, read: tail, totals: self.totals, ..CursorState::default() };
        *self = Cursor { lost: self.lost, lag_policy: self.lag_policy, ..Cursor::new(state) };
        gone
    }

    /// What was found missing since the last call.
    pub(crate) fn take_lost(&mut self) -> Tally {
        std::mem::take(&mut self.lost)
    }
}
