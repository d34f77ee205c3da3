//! Giving up the oldest of a log, so that there is room for more.

use super::reading::{Next, Passed};
use super::{Log, LogError};
use crate::record::Tally;
use crate::totals::End;
use crate::vfs::Vfs;

/// How much there was for each cursor, by its bit, of what was given up.
pub type GivenUp = Vec<(u32, Tally)>;

impl<V: Vfs> Log<V> {
    /// Gives up what lies in the oldest segment and has not been read: how much that was for each cursor. Costs as much
    /// as reading it.
    ///
    /// # Errors
    /// [`LogError::Full`] if there is nothing to give up but what was read and is not acknowledged, or what is in the
    /// segment that is written into; or the disk failed.
    pub fn give_up_oldest(&mut self) -> Result<GivenUp, LogError> {
        let Some(end) = self.segments.get(1).map(|second| second.header.first) else { return Err(LogError::Full) };
        let segments = self.segments.len();
        let mut gone = GivenUp::new();
        for cursor in 0..self.cursors.len() as u32 {
            let tally = self.give_up_below(cursor, end)?;
            if tally != Tally::default() {
                gone.push((cursor, tally));
            }
        }
        let written = self.checkpoint();
        if gone.is_empty() {
            // What is gone is told in any case.
            written?;
            if self.segments.len() == segments {
                return Err(LogError::Full);
            }
        }
        Ok(gone)
    }

    fn give_up_below(&mut self, cursor: u32, end: u64) -> Result<Tally, LogError> {
        let mut gone = Tally::default();
        loop {
            match self.next_for(cursor, u64::MAX, &mut Passed::default())? {
                Next::Record(record) if record.sequence < end => {
                    gone.add(record.tally());
                    self.settle(cursor, record.sequence, &[(End::DeadLetterFull, record.items)]);
                }
                Next::Record(record) => {
                    self.release(cursor, record.sequence);
                    return Ok(gone);
                }
                Next::Larger(_) | Next::Enough => {}
                Next::End => return Ok(gone),
            }
        }
    }
}
