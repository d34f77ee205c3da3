//! What all threads of a pool share: the free lists, the numbers, and the allocator's edge.

use std::alloc::{Layout, alloc_zeroed};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use crossbeam_queue::ArrayQueue;
use parking_lot::Mutex;

use super::cache::{Counts, Home};
use super::{AllocError, CLASS_BYTES, CLASSES, ClassStats, PoolConfig, PoolStats};

/// The class index of blocks larger than any class.
pub(super) const OVERSIZE: usize = CLASSES;

/// Most blocks of one class in a thread's cache and in the shared list, whatever their bytes.
const CACHED_BLOCKS_MAX: usize = 32;
const FREE_BLOCKS_MAX: usize = 1_024;

pub(super) struct Shared {
    lists: [Option<FreeList>; CLASSES],
    cached_max: [usize; CLASSES],
    existing: [Existing; CLASSES + 1],
    oversize_bytes: AtomicU64,
    /// Steps of threads that have no cache: foreign drops, and everything after a thread's caches are gone.
    strays: Counts,
    homes: Mutex<Homes>,
    closed: AtomicBool,
}

/// Idle blocks of one class for any thread.
struct FreeList {
    blocks: ArrayQueue<Box<[u8]>>,
    /// The shortest the list has been since the last decay: that many blocks lay there unneeded.
    unneeded: AtomicUsize,
}

/// Blocks of one class that exist, wherever they are.
#[derive(Default)]
struct Existing {
    now: AtomicU64,
    peak: AtomicU64,
    released: AtomicU64,
}

/// The numbers of threads with a cache, and the sum of those that ended.
#[derive(Default)]
struct Homes {
    live: Vec<Weak<Home>>,
    ended: Counts,
}

impl Shared {
    pub(super) fn new(config: &PoolConfig) -> Shared {
        let list = |bytes: usize| {
            let capacity = (config.free_bytes_max / bytes).min(FREE_BLOCKS_MAX);
            (capacity > 0).then(|| FreeList { blocks: ArrayQueue::new(capacity), unneeded: AtomicUsize::new(0) })
        };
        Shared {
            lists: CLASS_BYTES.map(list),
            cached_max: CLASS_BYTES.map(|bytes| (config.cached_bytes_max / bytes).min(CACHED_BLOCKS_MAX)),
            existing: Default::default(),
            oversize_bytes: AtomicU64::new(0),
            strays: Counts::default(),
            homes: Mutex::default(),
            closed: AtomicBool::new(false),
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
        self.closed.load(Ordering::Relaxed)
    }

    /// Frees idle blocks and keeps no more of them. A block dropped at the same moment may slip into the list; it
    /// is freed with the list, when the last block and cache of this pool are gone.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for (class, list) in self.lists.iter().enumerate() {
            while let Some(memory) = list.as_ref().and_then(|list| list.blocks.pop()) {
                self.free(class, memory);
            }
        }
    }

    /// An idle block of `class` from the list of all threads.
    pub(super) fn pop(&self, class: usize) -> Option<Box<[u8]>> {
        let list = self.lists.get(class)?.as_ref()?;
        let memory = list.blocks.pop();
        list.unneeded.fetch_min(list.blocks.len(), Ordering::Relaxed);
        memory
    }

    /// Keeps an idle block for any thread, or frees it if there is no room.
    pub(super) fn push(&self, class: usize, memory: Box<[u8]>) {
        let kept = match self.lists.get(class) {
            Some(Some(list)) if !self.is_closed() => list.blocks.push(memory),
            _ => Err(memory),
        };
        if let Err(memory) = kept {
            self.free(class, memory);
        }
    }

    /// Frees half of what nobody needed since the last call.
    pub(super) fn decay(&self) {
        for (class, list) in self.lists.iter().enumerate() {
            let Some(list) = list else { continue };
            let surplus = list.unneeded.load(Ordering::Relaxed).div_ceil(2);
            for memory in (0..surplus).map_while(|_| list.blocks.pop()) {
                self.free(class, memory);
            }
            list.unneeded.store(list.blocks.len(), Ordering::Relaxed);
        }
    }

    /// New memory of `bytes`, zeroed, counted as existing in `class`.
    pub(super) fn allocate(&self, class: usize, bytes: usize) -> Result<Box<[u8]>, AllocError> {
        let memory = zeroed(bytes)?;
        if let Some(existing) = self.existing.get(class) {
            let now = existing.now.fetch_add(1, Ordering::Relaxed) + 1;
            existing.peak.fetch_max(now, Ordering::Relaxed);
        }
        self.note_oversize(class, 0, memory.len());
        Ok(memory)
    }

    /// Gives memory back to the allocator.
    pub(super) fn free(&self, class: usize, memory: Box<[u8]>) {
        if let Some(existing) = self.existing.get(class) {
            existing.now.fetch_sub(1, Ordering::Relaxed);
            existing.released.fetch_add(1, Ordering::Relaxed);
        }
        self.note_oversize(class, memory.len(), 0);
        drop(memory);
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
            let list = self.lists.get(class).and_then(Option::as_ref);
            let existing = self.existing.get(class);
            ClassStats {
                bytes: CLASS_BYTES.get(class).copied().unwrap_or(0),
                in_use: (hits + misses).saturating_sub(returned),
                cached: sum(Counts::cached),
                free: list.map_or(0, |list| list.blocks.len() as u64),
                high_water: existing.map_or(0, |existing| existing.peak.load(Ordering::Relaxed)),
                hits,
                misses,
                released: existing.map_or(0, |existing| existing.released.load(Ordering::Relaxed)),
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
