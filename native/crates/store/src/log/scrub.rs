//! Looking through what was written a while ago, a little at a time, so that damage is known before a reader comes to it.

use std::io;

use super::{Log, LogError};
use crate::record::FRONT_BYTES;
use crate::segment::{HEADER_BYTES, Segment};
use crate::vfs::{Vfs, VfsFile};
use crate::window::Window;

/// What was found in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The name of its file.
    pub segment: String,
    /// Records that should be there and cannot be read. Those of a write that failed count too.
    pub records: u64,
}

/// What one step has done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Bytes that it has looked at.
    pub bytes: u64,
    /// What is wrong with the segment that it has come to the end of.
    pub damage: Option<Damage>,
}

/// Bytes that one step looks at; the last record may have more.
const STEP_BYTES: u64 = 256 << 10;
/// Records stand on multiples of this.
const ALIGNMENT: u64 = 8;

/// How far a pass over the segments is.
#[derive(Default)]
pub(super) struct Scrub {
    /// The number of the segment that is looked at, and where in it; nowhere yet if that is 0.
    segment: u64,
    at: u64,
    /// The sequence that comes next if nothing is missing.
    expected: u64,
    missing: u64,
    window: Window,
}

impl<V: Vfs> Log<V> {
    /// Whether there is a segment that nothing is written into any more.
    pub fn has_sealed(&self) -> bool {
        self.segments.len() > 1
    }

    /// Looks at the next few hundred kilobytes of the segments that nothing is written into any more; none if all have
    /// been looked at, and the next call begins anew. What is damaged stays as it is: its readers lose it, and count it,
    /// when they come to it.
    ///
    /// # Errors
    /// The disk failed; the next call goes on with the next segment.
    pub fn scrub(&mut self) -> Result<Option<Scrubbed>, LogError> {
        let Log { segments, scrub, .. } = self;
        let index = segments.partition_point(|segment| segment.header.number < scrub.segment);
        let (Some(segment), Some(successor)) = (segments.get(index), segments.get(index + 1)) else {
            *scrub = Scrub::default();
            return Ok(None);
        };
        if segment.header.number != scrub.segment || scrub.at == 0 {
            scrub.begin(segment);
        }
        let from = scrub.at;
        let is_done = scrub.step(segment, successor.header.first).inspect_err(|_| scrub.skip())?;
        let bytes = scrub.at - from;
        if !is_done {
            return Ok(Some(Scrubbed { bytes, damage: None }));
        }
        let damage = (scrub.missing > 0).then(|| Damage { segment: segment.name.clone(), records: scrub.missing });
        scrub.skip();
        Ok(Some(Scrubbed { bytes, damage }))
    }
}

impl Scrub {
    fn begin<F>(&mut self, segment: &Segment<F>) {
        (self.segment, self.at) = (segment.header.number, HEADER_BYTES);
        (self.expected, self.missing) = (segment.header.first, 0);
    }

    /// Leaves the segment.
    fn skip(&mut self) {
        (self.segment, self.at) = (self.segment + 1, 0);
    }

    /// Looks on in a segment behind which sequences begin with `end`. Whether that was all of it.
    fn step<F: VfsFile>(&mut self, segment: &Segment<F>, end: u64) -> io::Result<bool> {
        let stop = self.at + STEP_BYTES;
        while self.expected < end && self.at + FRONT_BYTES as u64 <= segment.end {
            if self.at >= stop {
                return Ok(false);
            }
            match segment.front(self.at, self.expected, end, &mut self.window)? {
                Some(front) => {
                    self.missing += front.sequence - self.expected;
                    self.expected = front.sequence + 1;
                    self.at += front.disk_bytes();
                }
                None => self.at += ALIGNMENT,
            }
        }
        self.missing += end.saturating_sub(self.expected);
        Ok(true)
    }
}
