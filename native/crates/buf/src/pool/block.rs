//! A buffer with one owner, which grows from class to class and ends as shared bytes.

use std::io;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::{fmt, mem};

use bytes::buf::UninitSlice;
use bytes::{BufMut, Bytes};

use super::cache::{self, Room};
use super::shared::{OVERSIZE, Shared};
use super::{AllocError, CLASS_BYTES, class_for};

/// A growable buffer from a [`Pool`](super::Pool); its memory returns to the pool on drop, on any thread.
///
/// It dereferences to its content. Growing moves the content to a larger class; the memory behind the content is
/// initialised, so writers need no unsafe code: write into [`spare_mut`](Block::spare_mut), then
/// [`advance`](Block::advance).
pub struct Block {
    room: ManuallyDrop<Box<Room>>,
    len: usize,
}

impl Block {
    pub(super) fn take(shared: &Arc<Shared>, capacity: usize) -> Result<Block, AllocError> {
        let class = class_for(capacity);
        let room = cache::take(shared, class, CLASS_BYTES.get(class).copied().unwrap_or(capacity))?;
        Ok(Block { room: ManuallyDrop::new(room), len: 0 })
    }

    /// Bytes that fit without growing.
    pub fn capacity(&self) -> usize {
        self.room.memory.len()
    }

    /// Removes the content.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Cuts the content down to `len` bytes; shorter content stays as it is.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Appends `bytes`, growing as needed.
    ///
    /// # Panics
    /// When the allocator has no memory.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.room.memory.len() - self.len < bytes.len() {
            self.reserve(bytes.len());
        }
        self.append(bytes);
    }

    /// Makes room for `additional` bytes behind the content.
    ///
    /// # Panics
    /// When the allocator has no memory; see [`try_reserve`](Block::try_reserve) for sizes that others choose.
    pub fn reserve(&mut self, additional: usize) {
        if let Err(error) = self.try_reserve(additional) {
            panic!("{error}");
        }
    }

    /// Makes room for `additional` bytes behind the content: in the next class that has it, or above the largest
    /// class in at least half as much again as there was, so that appending costs constant time on average.
    ///
    /// # Errors
    /// [`AllocError`] when the allocator has no memory; the block stays as it was.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        if self.room.memory.len() - self.len >= additional {
            return Ok(());
        }
        let needed = self.len.checked_add(additional).ok_or(AllocError { bytes: usize::MAX })?;
        if self.room.class == OVERSIZE {
            return self.grow_in_place(needed.max(self.room.memory.len().saturating_add(self.room.memory.len() / 2)));
        }
        let mut larger = Block::take(&self.room.home.shared, needed)?;
        larger.append(self);
        *self = larger;
        Ok(())
    }

    /// The memory behind the content, to write into before [`advance`](Block::advance). What it holds is unspecified
    /// (zeros, or leftovers of earlier use) and must not be shown to anyone.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.room.memory[self.len..]
    }

    /// The content, and the memory behind it as [`spare_mut`](Block::spare_mut) gives it.
    pub fn split_spare_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        self.room.memory.split_at_mut(self.len)
    }

    /// Makes the next `count` bytes behind the content part of it; they must have been written through
    /// [`spare_mut`](Block::spare_mut), else the content is unspecified.
    ///
    /// # Panics
    /// If `count` is above the spare memory.
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.room.memory.len() - self.len, "advanced past the end of a block");
        self.len += count;
    }

    /// Moves the content to the smallest memory that holds it, if that saves at least half of what the block pins.
    /// For content that is to be kept. If the allocator has no memory the block stays as it is.
    #[must_use]
    pub fn fit(mut self) -> Block {
        let class = class_for(self.len);
        let smallest = CLASS_BYTES.get(class).copied().unwrap_or(self.len);
        if smallest > self.room.memory.len() / 2 {
            return self;
        }
        if class == OVERSIZE {
            self.shrink_in_place();
            return self;
        }
        match Block::take(&self.room.home.shared, self.len) {
            Ok(mut smaller) => {
                smaller.append(&self);
                smaller
            }
            Err(_) => self,
        }
    }

    /// The content as shared bytes; the memory returns to the pool with the last of their clones and slices, which
    /// pins all of it until then.
    pub fn freeze(self) -> Bytes {
        if self.len == 0 { Bytes::new() } else { Bytes::from_owner(self) }
    }

    /// Appends what is known to fit.
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.room.memory[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Lets the allocator extend memory above the largest class, which it may do without copying.
    fn grow_in_place(&mut self, bytes: usize) -> Result<(), AllocError> {
        let before = self.room.memory.len();
        let mut memory = mem::take(&mut self.room.memory).into_vec();
        let grown = memory.try_reserve_exact(bytes - before).map_err(|_| AllocError { bytes });
        if grown.is_ok() {
            memory.resize(bytes, 0);
        }
        self.room.memory = memory.into_boxed_slice();
        self.room.home.shared.note_oversize(self.room.class, before, self.room.memory.len());
        grown
    }

    fn shrink_in_place(&mut self) {
        let before = self.room.memory.len();
        let mut memory = mem::take(&mut self.room.memory).into_vec();
        memory.truncate(self.len);
        self.room.memory = memory.into_boxed_slice();
        self.room.home.shared.note_oversize(self.room.class, before, self.room.memory.len());
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the room is not used after this, for the block ends here.
        cache::give(unsafe { ManuallyDrop::take(&mut self.room) });
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room.memory[..self.len]
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room.memory[..self.len]
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("len", &self.len).field("capacity", &self.capacity()).finish()
    }
}

/// Appends; fails with [`io::ErrorKind::OutOfMemory`] when the allocator does.
impl io::Write for Block {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.try_reserve(bytes.len()).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// SAFETY: `chunk_mut` is exactly the spare memory, which stays in place until the block grows, and `advance_mut`
// moves the length within it (it panics past the end). The memory is initialised throughout.
unsafe impl BufMut for Block {
    fn remaining_mut(&self) -> usize {
        isize::MAX as usize - self.len
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        self.advance(count);
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        if self.len == self.room.memory.len() {
            self.reserve(1);
        }
        UninitSlice::new(self.spare_mut())
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
