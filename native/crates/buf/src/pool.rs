//! Reusable buffers by size class, so that payload memory is bounded, counted and free of allocator locks.
//!
//! A [`Block`] comes from the calling thread's cache (no atomic operation beyond its own reference count), else
//! from the list all threads share, else from the allocator. It returns to the cache of the thread that took it;
//! dropped anywhere else it goes to the shared list, and what fits in neither is freed. [`Pool::release_idle`]
//! gives back what has not been needed lately.
//!
//! Memory is zeroed once, when it is allocated: a block is initialised throughout its life, which keeps writers
//! into it free of unsafe code. Bytes behind a block's length may be what an earlier user wrote, and nothing but
//! [`Block::advance`] brings them into view.

mod block;
mod cache;
mod counts;
mod shared;
mod stocks;

use std::fmt;
use std::sync::{Arc, atomic};

use crossbeam_queue::ArrayQueue;

pub use block::Block;
use shared::{OVERSIZE, Shared};

/// Size classes in bytes. A larger block is allocated directly and freed when it is dropped.
///
/// The smallest is for the requests of single records, whose blocks are many at a time; half a mebibyte is what a
/// thousand records take.
pub const CLASS_BYTES: [usize; CLASSES] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 512 << 10, 1 << 20];

/// The number of size classes.
pub const CLASSES: usize = 7;

/// Bounds on idle memory. Blocks in use are bounded by the ledger, not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Most bytes of one class in one thread's cache (and at most 32 blocks). Default 4 MiB.
    pub cached_bytes_max: usize,
    /// Most bytes of one class in the shared list (and at most 1,024 blocks). Default 16 MiB.
    pub free_bytes_max: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig { cached_bytes_max: 4 << 20, free_bytes_max: 16 << 20 }
    }
}

/// The allocator had no memory, or the size is beyond what it can address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of memory: could not allocate {bytes} bytes")]
pub struct AllocError {
    /// Bytes asked for.
    pub bytes: usize,
}

/// A source of [`Block`]s. Clones share it; blocks may outlive it.
///
/// ```
/// use teleferric_buf::Pool;
///
/// let pool = Pool::new();
/// let mut block = pool.block(100);
/// block.extend_from_slice(b"hello");
/// let shared = block.freeze();
/// assert_eq!(&shared[..], b"hello");
/// drop(shared); // the memory is back in this thread's cache
/// assert_eq!(pool.stats().cached_bytes(), 1024);
/// ```
#[derive(Clone)]
pub struct Pool {
    handle: Arc<Handle>,
}

/// Closes the pool with its last clone: blocks still in use are then freed instead of kept.
struct Handle {
    shared: Arc<Shared>,
}

impl Pool {
    /// A pool with the default bounds.
    pub fn new() -> Pool {
        Pool::with_config(&PoolConfig::default())
    }

    /// A pool with these bounds.
    pub fn with_config(config: &PoolConfig) -> Pool {
        Pool { handle: Arc::new(Handle { shared: Arc::new(Shared::new(config)) }) }
    }

    /// An empty block with room for at least `capacity` bytes.
    ///
    /// # Panics
    /// When the allocator has no memory; see [`try_block`](Pool::try_block) for sizes that others choose.
    pub fn block(&self, capacity: usize) -> Block {
        match self.try_block(capacity) {
            Ok(block) => block,
            Err(error) => panic!("{error}"),
        }
    }

    /// An empty block with room for at least `capacity` bytes.
    ///
    /// # Errors
    /// [`AllocError`] when the allocator has no memory.
    pub fn try_block(&self, capacity: usize) -> Result<Block, AllocError> {
        Block::take(&self.handle.shared, capacity)
    }

    /// What the pool holds now and has done so far. Takes a lock that otherwise only starting and ending threads
    /// take; numbers of running threads may lie a few steps apart.
    pub fn stats(&self) -> PoolStats {
        self.handle.shared.stats()
    }

    /// Gives idle memory back: moves the calling thread's cache to the shared list, and frees half of what lay
    /// there unused since the last call, so that the list decays to what is needed at most. To be called about
    /// once a second by threads that have nothing to do.
    pub fn release_idle(&self) {
        cache::flush(&self.handle.shared);
        self.handle.shared.decay();
    }
}

impl Default for Pool {
    fn default() -> Self {
        Pool::new()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        cache::flush(&self.shared);
    }
}

/// Numbers of a pool by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// In the order of [`CLASS_BYTES`].
    pub classes: [ClassStats; CLASSES],
    /// Blocks larger than the largest class; they are never cached, so every one taken is a miss.
    pub oversize: ClassStats,
    /// Bytes of the oversize blocks in use.
    pub oversize_bytes: u64,
}

/// Numbers of one size class, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes per block; 0 for oversize.
    pub bytes: usize,
    /// Held by users, frozen or not.
    pub in_use: u64,
    /// Idle in threads' caches.
    pub cached: u64,
    /// Idle in the shared list.
    pub free: u64,
    /// The most that existed at once.
    pub high_water: u64,
    /// Taken without asking the allocator.
    pub hits: u64,
    /// Taken from the allocator.
    pub misses: u64,
    /// Given back to the allocator.
    pub released: u64,
}

impl PoolStats {
    /// Blocks held by users.
    pub fn in_use(&self) -> u64 {
        self.classes.iter().map(|class| class.in_use).sum::<u64>() + self.oversize.in_use
    }

    /// Bytes of blocks held by users: what is pinned, however little of it they use.
    pub fn in_use_bytes(&self) -> u64 {
        self.sum_bytes(|class| class.in_use) + self.oversize_bytes
    }

    /// Bytes idle in threads' caches.
    pub fn cached_bytes(&self) -> u64 {
        self.sum_bytes(|class| class.cached)
    }

    /// Bytes idle in the shared list.
    pub fn free_bytes(&self) -> u64 {
        self.sum_bytes(|class| class.free)
    }

    fn sum_bytes(&self, count: impl Fn(&ClassStats) -> u64) -> u64 {
        self.classes.iter().map(|class| count(class) * class.bytes as u64).sum()
    }
}

/// The smallest class that holds `capacity`, or [`OVERSIZE`].
fn class_for(capacity: usize) -> usize {
    CLASS_BYTES.iter().position(|bytes| *bytes >= capacity).unwrap_or(OVERSIZE)
}

#[cfg(test)]
mod tests;
