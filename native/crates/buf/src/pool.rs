//! Reusable buffers by size class.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::buf::UninitSlice;
use bytes::{BufMut, Bytes};

/// Size classes in bytes; a larger block is allocated directly.
pub const CLASS_BYTES: [usize; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// Bounds of a pool.
#[derive(Clone, Debug, Default)]
pub struct PoolConfig {}

/// What a pool holds.
#[derive(Clone, Debug, Default)]
pub struct PoolStats {
    /// Blocks held by users now.
    pub in_use: u64,
}

/// The allocator had no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of memory: could not allocate {bytes} bytes")]
pub struct AllocError {
    /// Bytes asked for.
    pub bytes: usize,
}

/// A source of [`Block`]s.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    in_use: Arc<AtomicU64>,
}

impl Pool {
    /// A pool with the default bounds.
    pub fn new() -> Pool {
        Pool::default()
    }

    /// An empty block of at least `capacity` bytes.
    ///
    /// # Panics
    /// Above `isize::MAX` bytes. Aborts the process when the allocator fails.
    pub fn block(&self, capacity: usize) -> Block {
        self.in_use.fetch_add(1, Ordering::Relaxed);
        Block { memory: Vec::with_capacity(class_bytes(capacity)), pool: self.clone() }
    }

    /// An empty block of at least `capacity` bytes.
    ///
    /// # Errors
    /// [`AllocError`] when the allocator has no memory.
    pub fn try_block(&self, capacity: usize) -> Result<Block, AllocError> {
        let mut memory = Vec::new();
        let bytes = class_bytes(capacity);
        memory.try_reserve_exact(bytes).map_err(|_| AllocError { bytes })?;
        self.in_use.fetch_add(1, Ordering::Relaxed);
        Ok(Block { memory, pool: self.clone() })
    }

    /// What the pool holds now.
    pub fn stats(&self) -> PoolStats {
        PoolStats { in_use: self.in_use.load(Ordering::Relaxed) }
    }

    /// Gives memory that is not needed back.
    pub fn release_idle(&self) {}
}

fn class_bytes(capacity: usize) -> usize {
    CLASS_BYTES.into_iter().find(|bytes| *bytes >= capacity).unwrap_or(capacity)
}

/// A buffer with one owner that grows.
pub struct Block {
    memory: Vec<u8>,
    pool: Pool,
}

impl Block {
    /// Bytes that fit without growing.
    pub fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// Removes the content.
    pub fn clear(&mut self) {
        self.memory.clear();
    }

    /// Cuts the content down to `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.memory.truncate(len);
    }

    /// Appends `bytes`, growing as needed.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.memory.extend_from_slice(bytes);
    }

    /// Makes room for `additional` bytes.
    pub fn reserve(&mut self, additional: usize) {
        if self.memory.capacity() - self.memory.len() < additional {
            let needed = self.memory.len().checked_add(additional).map_or(usize::MAX, class_bytes);
            self.memory.reserve(needed - self.memory.len());
        }
    }

    /// The memory behind the content.
    pub fn spare_capacity_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.memory.spare_capacity_mut()
    }

    /// Sets the length of the content.
    ///
    /// # Safety
    /// `len` is within the capacity and the first `len` bytes have been written.
    pub unsafe fn set_len(&mut self, len: usize) {
        // SAFETY: the caller promises what Vec::set_len asks for.
        unsafe { self.memory.set_len(len) }
    }

    /// Makes the content shareable.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.pool.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

// SAFETY: `chunk_mut` is exactly the spare capacity, and `advance_mut` moves the length within it.
unsafe impl BufMut for Block {
    fn remaining_mut(&self) -> usize {
        isize::MAX as usize - self.memory.len()
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        let len = self.memory.len() + count;
        // SAFETY: the caller promises that the next `count` bytes of the spare capacity are written.
        unsafe { self.memory.set_len(len) }
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        if self.memory.len() == self.memory.capacity() {
            self.reserve(64);
        }
        UninitSlice::uninit(self.memory.spare_capacity_mut())
    }
}
