//! A piece of a segment in memory: many records with one read. What is taken out of it is copied, so that a record that
//! is held long holds no more than itself.

use std::io;

use crate::segment::Segment;
use crate::vfs::VfsFile;

/// Bytes read at once, and the most that is asked for; a log holds as much, once it has been read.
pub(crate) const WINDOW_BYTES: usize = 256 << 10;

/// What was read last.
#[derive(Default)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    /// The number of the segment it is of, and from where.
    segment: u64,
    start: u64,
    filled: usize,
}

impl Window {
    /// `count` bytes of a segment from `at` on, at most [`WINDOW_BYTES`]; fewer where what can be read of it ends.
    pub(crate) fn bytes<F: VfsFile>(&mut self, segment: &Segment<F>, at: u64, count: usize) -> io::Result<&[u8]> {
        let count = count.min(WINDOW_BYTES).min(segment.end.saturating_sub(at) as usize);
        if !self.has(segment.header.number, at, count) {
            self.fill(segment, at)?;
        }
        let from = (at - self.start) as usize;
        Ok(self.bytes.get(from..(from + count).min(self.filled)).unwrap_or_default())
    }

    /// Forgets what was read, for when the same place may read otherwise.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    fn has(&self, segment: u64, at: u64, count: usize) -> bool {
        self.segment == segment && at >= self.start && at + count as u64 <= self.start + self.filled as u64
    }

    fn fill<F: VfsFile>(&mut self, segment: &Segment<F>, at: u64) -> io::Result<()> {
        self.bytes.resize(WINDOW_BYTES, 0);
        self.filled = 0;
        (self.segment, self.start) = (segment.header.number, at);
        let there = segment.end.saturating_sub(at).min(WINDOW_BYTES as u64) as usize;
        self.filled = segment.file.read_at(&mut self.bytes[..there], at)?;
        Ok(())
    }
}
