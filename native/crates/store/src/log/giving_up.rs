//! Giving up records for want of room: the oldest of a reader that is too far behind, or of all.

use std::ops::Range;

use super::reading::{Next, Passed};
use super::{Log, LogError};
use crate::cursor::Cursor;
use crate::record::Tally;
use crate::vfs::Vfs;

/// What a reader loses when there is no room for more because of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LagPolicy {
    /// Nothing: what is new is refused.
    #[default]
    Block,
    /// The oldest of what it has not read.
    DropOldest,
    /// All that it has not read.
    Detach,
}

/// What was given up of what there was for one reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The bit of its cursor.
    pub cursor: u32,
    /// The cursor's name.
    pub name: String,
    /// How much it was.
    pub tally: Tally,
    /// What was given up are all records with these sequences that it had not read, or had given back.
    pub sequences: Range<u64>,
}

impl GivenUp {
    fn is_nothing(&self) -> bool {
        self.tally == Tally::default()
    }
}

impl<V: Vfs> Log<V> {
    /// What `cursor` loses when there is no room because of it; nothing until this is called.
    pub fn set_lag_policy(&mut self, cursor: u32, policy: LagPolicy) {
        if let Some(cursor) = self.cursors.get_mut(cursor as usize) {
            cursor.lag_policy = policy;
        }
    }

    /// The sequence of the record that is appended next, or one before it.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Gives up what `cursor` has not read and has a sequence below `end`, as its policy says: all of it, or the oldest
    /// until what is gone is `enough`; nothing if that is so already. What was read and is not acknowledged stays. It
    /// lasts with the next [`checkpoint`](Self::checkpoint). What could not be read for that, as the disk failed, stays
    /// too.
    pub fn give_up(&mut self, cursor: u32, end: u64, mut enough: impl FnMut(Tally) -> bool) -> Option<GivenUp> {
        let gone = match self.policy_of(cursor) {
            LagPolicy::Block => return None,
            _ if enough(Tally::default()) => return None,
            LagPolicy::DropOldest => self.give_up_below(cursor, end, enough).0,
            LagPolicy::Detach if end < self.next => self.give_up_below(cursor, end, |_| false).0,
            LagPolicy::Detach => self.detach(cursor),
        };
        (!gone.is_nothing()).then_some(gone)
    }

    /// Gives the oldest segment free: what lies in it and has not been read is given up, which costs as much as reading
    /// it, and each part is `told`. What was read and is not acknowledged is its reader's to bring to an end, and cannot
    /// be read again. Readers whose policy is [`LagPolicy::Block`] lose something only if `of_all`.
    ///
    /// # Errors
    /// [`LogError::Full`] if a reader that does not lose anything needs the segment, or there is but the one that is
    /// written into; or the disk failed.
    pub fn give_up_oldest(&mut self, of_all: bool, mut told: impl FnMut(GivenUp)) -> Result<(), LogError> {
        let Some(end) = self.segments.get(1).map(|second| second.header.first) else { return Err(LogError::Full) };
        let needs = |cursor: &u32| self.cursors.get(*cursor as usize).is_some_and(|cursor| cursor.low() < end);
        let readers: Vec<u32> = (0..self.cursors.len() as u32).filter(needs).collect();
        if !of_all && readers.iter().any(|cursor| self.policy_of(*cursor) == LagPolicy::Block) {
            return Err(LogError::Full);
        }
        let (segments, mut is_given_up) = (self.segments.len(), false);
        for cursor in readers {
            let (gone, read) = match self.policy_of(cursor) {
                LagPolicy::Detach => (self.detach(cursor), Ok(())),
                _ => self.give_up_below(cursor, end, |_| false),
            };
            if !gone.is_nothing() {
                is_given_up = true;
                told(gone);
            }
            read?;
            if let Some(cursor) = self.cursors.get_mut(cursor as usize) {
                cursor.forsake(end);
            }
        }
        self.checkpoint()?;
        if is_given_up || self.segments.len() < segments { Ok(()) } else { Err(LogError::Full) }
    }

    fn policy_of(&self, cursor: u32) -> LagPolicy {
        self.cursors.get(cursor as usize).map_or(LagPolicy::Block, |cursor| cursor.lag_policy)
    }

    /// Gives up the next records of `cursor` with sequences below `end`, until what is gone is `enough`.
    fn give_up_below(
        &mut self,
        cursor: u32,
        end: u64,
        mut enough: impl FnMut(Tally) -> bool,
    ) -> (GivenUp, Result<(), LogError>) {
        let (mut tally, mut below) = (Tally::default(), 0);
        let read = loop {
            if enough(tally) {
                break Ok(());
            }
            match self.next_for(cursor, u64::MAX, &mut Passed::default()) {
                Ok(Next::Record(record)) if record.sequence < end => {
                    tally.add(record.tally());
                    below = record.sequence + 1;
                    self.settle(cursor, record.sequence, &[(self.settings.given_up_as, record.items)]);
                }
                Ok(Next::Record(record)) => {
                    self.release(cursor, record.sequence);
                    break Ok(());
                }
                Ok(Next::Larger(_) | Next::Enough) => {}
                Ok(Next::End) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        (self.given_up(cursor, tally, 0..below), read)
    }

    fn detach(&mut self, cursor: u32) -> GivenUp {
        let (next, tail) = (self.next, self.tail());
        let reader = self.cursors.get_mut(cursor as usize);
        let tally = reader.map(|reader| reader.detach(next, tail)).unwrap_or_default();
        self.given_up(cursor, tally, 0..next)
    }

    pub(super) fn given_up(&self, cursor: u32, tally: Tally, sequences: Range<u64>) -> GivenUp {
        let name = self.cursors.get(cursor as usize).map(|Cursor { name, .. }| name.clone()).unwrap_or_default();
        GivenUp { cursor, name, tally, sequences }
    }
}
