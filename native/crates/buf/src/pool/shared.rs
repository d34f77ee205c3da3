//! What all threads of a pool share: the stocks, the numbers, and the allocator's edge.

use std::alloc::{Layout, alloc_zeroed};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::cache::{Home, Room};
use super::counts::Counts;
use super::stocks::Stocks;
use super::{AllocError, CLASS_BYTES, CLASSES, ClassStats, PoolConfig, PoolStats};

/// The class index of blocks larger than any class.
pub(super) const OVERSIZE: usize = CLASSES;

/// Most blocks of one class in a thread's cache and in the shared list, whatever their bytes.
const CACHED_BLOCKS_MAX: usize = 32;
const FREE_BLOCKS_MAX: usize = 1_024;

pub(super) struct Shared {
    /// One for each class, and that of oversize blocks, of which none lie idle.
    stocks: Stocks<Box<Room>, { CLASSES + 1 }>,
    cached_max: [usize; CLASSES],
    oversize_bytes: AtomicU64,
    /// Steps of threads that have no cache: foreign drops, and everything after a thread's caches are gone.
    strays: Counts,
    homes: Mutex<Homes>,
}

/// The numbers of threads with a cache, and the sum of those that ended.
#[derive(Default)]
struct Homes {
    live: Vec<Weak<Home>>,
    ended: Counts,
}

impl Shared {
    pub(super) fn new(config: &PoolConfig) -> Shared {
        let room = |class: usize| {
            CLASS_BYTES.get(class).map_or(0, |bytes| (config.free_bytes_max / bytes).min(FREE_BLOCKS_MAX))
        };
        Shared {
            stocks: Stocks::new(std::array::from_fn(room)),
            cached_max: CLASS_BYTES.map(|bytes| (config.cached_bytes_max / bytes).min(CACHED_BLOCKS_MAX)),
            oversize_bytes: AtomicU64::new(0),
            strays: Counts::default(),
            homes: Mutex::default(),
        }
    }

    /// Most blocks of `class` in one thread's cache.
    pub(super) fn cached_max(&self, class: usize) -> usize {
        self.cached_max.get(class).copied().unwrap_or(0)
    }

    pub(super) fn strays(&self) -> &Counts {
        &self.strays
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stocks.is_closed()
    }

    /// Frees idle blocks and keeps no more of them.
    pub(super) fn close(&self) {
        self.stocks.close();
    }

    /// An idle block of `class` from the stock of all threads.
    pub(super) fn pop(&self, class: usize) -> Option<Box<Room>> {
        self.stocks.pop(class)
    }

    /// Keeps an idle block for any thread, or frees it if there is no room.
    pub(super) fn push(&self, room: Box<Room>) {
        let class = room.class;
        if let Err(room) = self.stocks.push(class, room) {
            self.note_oversize(class, room.memory.len(), 0);
            self.stocks.free(class, room);
        }
    }

    /// Frees half of what nobody needed since the last call.
    pub(super) fn decay(&self) {
        self.stocks.decay();
    }

    /// New memory of `bytes`, zeroed, counted as existing in `class`.
    pub(super) fn allocate(&self, class: usize, bytes: usize) -> Result<Box<[u8]>, AllocError> {
        let memory = zeroed(bytes)?;
        self.stocks.note_allocated(class);
        self.note_oversize(class, 0, memory.len());
        Ok(memory)
    }

    /// Follows an oversize block that grew or shrank in place.
    pub(super) fn note_oversize(&self, class: usize, before: usize, after: usize) {
        if class == OVERSIZE {
            self.oversize_bytes.fetch_add(after as u64, Ordering::Relaxed);
            self.oversize_bytes.fetch_sub(before as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn add_home(&self, home: &Arc<Home>) {
        self.homes.lock().live.push(Arc::downgrade(home));
    }

    /// Keeps the numbers of a thread whose cache is gone.
    pub(super) fn remove_home(&self, home: &Arc<Home>) {
        let mut homes = self.homes.lock();
        homes.live.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(home)));
        homes.ended.absorb(&home.counts);
    }

    pub(super) fn stats(&self) -> PoolStats {
        let homes = self.homes.lock();
        let live: Vec<_> = homes.live.iter().filter_map(Weak::upgrade).collect();
        let class_stats = |class: usize| {
            let sources = || live.iter().map(|home| &home.counts).chain([&self.strays, &homes.ended]);
            let sum = |read: fn(&Counts, usize) -> u64| sources().map(|counts| read(counts, class)).sum::<u64>();
            let (hits, misses, returned) = (sum(Counts::hits), sum(Counts::misses), sum(Counts::returned));
            let stocked = self.stocks.numbers(class);
            ClassStats {
                bytes: CLASS_BYTES.get(class).copied().unwrap_or(0),
                in_use: (hits + misses).saturating_sub(returned),
                cached: sum(Counts::cached),
                free: stocked.idle,
                high_water: stocked.high_water,
                hits,
                misses,
                released: stocked.released,
            }
        };
        PoolStats {
            classes: std::array::from_fn(class_stats),
            oversize: class_stats(OVERSIZE),
            oversize_bytes: self.oversize_bytes.load(Ordering::Relaxed),
        }
    }
}

/// Zeroed memory, fresh pages as the system gives them where it can; an error instead of an abort.
fn zeroed(bytes: usize) -> Result<Box<[u8]>, AllocError> {
    let layout = Layout::array::<u8>(bytes).map_err(|_| AllocError { bytes })?;
    if layout.size() == 0 {
        return Ok(Box::default());
    }
    // SAFETY: the layout has a size above zero.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return Err(AllocError { bytes });
    }
    // SAFETY: `start` was just allocated by the global allocator with exactly the layout of a `[u8]` of `bytes`
    // elements, is not null, is zeroed (so every element is initialised), and nothing else refers to it.
    Ok(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, bytes)) })
}
