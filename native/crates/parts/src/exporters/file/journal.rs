//! Records on their way into a file: whole ones or none, and what was taken stays until it is written.

use std::io::{self, Write};

/// What records are written to.
pub(super) trait Target: Write {
    /// Bytes in it, or nothing where that means nothing (a pipe, a terminal).
    fn length(&self) -> io::Result<Option<u64>>;

    /// Cuts it to this length.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Target for std::fs::File {
    fn length(&self) -> io::Result<Option<u64>> {
        let metadata = self.metadata()?;
        Ok(metadata.is_file().then_some(metadata.len()))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// A buffer in front of a target.
pub(super) struct Journal<T> {
    target: T,
    /// Whole records.
    buffer: Vec<u8>,
    /// Items in the buffer.
    items: u64,
    /// The length to cut back to before anything else, after a write that ended within a record.
    torn: Option<u64>,
    /// Whether the last attempt to write failed.
    failing: bool,
}

/// The buffer is written once it holds this much, and holds no more than this while it cannot be, bytes.
const BUFFER_BYTES_MAX: usize = 64 << 10;

impl<T: Target> Journal<T> {
    pub(super) fn new(target: T) -> Self {
        Journal { target, buffer: Vec::new(), items: 0, torn: None, failing: false }
    }

    /// Takes a record, writing if there is no room for it or writing failed before.
    ///
    /// # Errors
    /// When it cannot be written: then it is not taken, and the records before it still wait.
    pub(super) fn push(&mut self, record: &[u8], items: u64) -> io::Result<()> {
        let (bytes_before, items_before) = (self.buffer.len(), self.items);
        self.buffer.extend_from_slice(record);
        self.items += items;
        if self.buffer.len() <= BUFFER_BYTES_MAX && !self.failing {
            return Ok(());
        }
        self.flush().inspect_err(|_| {
            self.buffer.truncate(bytes_before);
            self.items = items_before;
            self.buffer.shrink_to(BUFFER_BYTES_MAX);
        })
    }

    /// Writes what is in the buffer. After an error all of it is there still, and none of it in the target.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = self.write_all();
        self.failing = result.is_err();
        if result.is_ok() {
            self.buffer.clear();
            self.buffer.shrink_to(BUFFER_BYTES_MAX);
            self.items = 0;
        }
        result
    }

    fn write_all(&mut self) -> io::Result<()> {
        if let Some(length) = self.torn {
            self.target.cut(length)?;
            self.torn = None;
        }
        let before = self.target.length()?;
        let result = self.target.write_all(&self.buffer);
        if result.is_err()
            && let Some(length) = before
            && self.target.cut(length).is_err()
        {
            self.torn = Some(length);
        }
        result
    }

    /// Items that wait in the buffer.
    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// Bytes that wait in the buffer.
    pub(super) fn waiting(&self) -> u64 {
        self.buffer.len() as u64
    }

    /// The target.
    pub(super) fn target(&mut self) -> &mut T {
        &mut self.target
    }

    /// Goes on in another target. What waits goes there.
    pub(super) fn replace(&mut self, target: T) {
        self.target = target;
        self.torn = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with `room` bytes left.
    #[derive(Default)]
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
        cuts_fail: bool,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            self.room -= taken;
            self.bytes.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Target for Disk {
        fn length(&self) -> io::Result<Option<u64>> {
            Ok(Some(self.bytes.len() as u64))
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            if self.cuts_fail {
                return Err(io::Error::from(io::ErrorKind::PermissionDenied));
            }
            let length = usize::try_from(length).unwrap();
            self.room += self.bytes.len() - length;
            self.bytes.truncate(length);
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_holds_no_half_record_and_loses_none_that_was_taken() {
        let mut journal = Journal::new(Disk { room: 10, ..Disk::default() });
        journal.push(b"first--", 1).unwrap();
        journal.flush().unwrap();
        journal.push(b"second--", 2).unwrap();
        assert!(journal.flush().is_err());
        assert_eq!(journal.target().bytes, b"first--", "half of the second record is gone again");
        assert!(journal.push(b"third", 3).is_err(), "nothing more is taken");
        assert_eq!(journal.items(), 2);
        journal.target().room = 100;
        journal.push(b"fourth", 4).unwrap();
        assert_eq!(journal.target().bytes, b"first--second--fourth");
        assert_eq!(journal.items(), 0);
    }

    #[test]
    fn a_cut_that_fails_is_made_up_for_before_the_next_write() {
        let mut journal = Journal::new(Disk { room: 3, cuts_fail: true, ..Disk::default() });
        journal.push(b"record", 1).unwrap();
        assert!(journal.flush().is_err());
        assert_eq!(journal.target().bytes, b"rec");
        *journal.target() = Disk { room: 100, bytes: b"rec".to_vec(), cuts_fail: false };
        journal.flush().unwrap();
        assert_eq!(journal.target().bytes, b"record");
    }

    #[test]
    fn a_record_larger_than_the_buffer_is_written_at_once_or_refused() {
        let large = vec![7; 2 * BUFFER_BYTES_MAX];
        let mut journal = Journal::new(Disk { room: large.len() / 2, ..Disk::default() });
        journal.push(b"small", 1).unwrap();
        assert!(journal.push(&large, 1).is_err());
        assert_eq!((journal.waiting(), journal.items()), (5, 1));
        assert!(journal.target().bytes.is_empty());
        journal.target().room = 3 * large.len();
        journal.push(&large, 1).unwrap();
        assert_eq!(journal.target().bytes.len(), large.len() + 5);
    }
}
