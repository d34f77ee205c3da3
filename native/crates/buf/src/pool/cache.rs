//! Per-thread caches: the last blocks a thread gave back, for its next takes, without atomic operations.

use std::cell::RefCell;
use std::sync::Arc;

use super::CLASSES;
use super::counts::Counts;
use super::shared::Shared;

/// A thread's identity within one pool, and its numbers. Blocks carry it to find the way back.
pub(super) struct Home {
    pub(super) shared: Arc<Shared>,
    /// Written by the thread of this home alone, read by any.
    pub(super) counts: Counts,
}

/// Idle blocks of one thread for one pool; the last one given back is the first one taken, while it is still warm.
struct Cache {
    home: Arc<Home>,
    blocks: [Vec<Box<[u8]>>; CLASSES],
}

thread_local! {
    /// One cache per pool this thread has taken blocks from, which is one in all but tests.
    static CACHES: RefCell<Vec<Cache>> = const { RefCell::new(Vec::new()) };
}

/// Takes an idle block of `class` from this thread's cache or the shared list, and counts a hit or a miss; on a
/// miss the caller allocates. The home is where the block shall return.
pub(super) fn take(shared: &Arc<Shared>, class: usize) -> (Option<Box<[u8]>>, Arc<Home>) {
    with_caches(|caches| {
        let index = caches.iter().position(|cache| Arc::ptr_eq(&cache.home.shared, shared)).unwrap_or_else(|| {
            caches.retain(|cache| !cache.home.shared.is_closed());
            caches.push(Cache::new(shared));
            caches.len() - 1
        });
        let cache = &mut caches[index];
        let memory = cache.pop(class).or_else(|| shared.pop(class));
        cache.home.counts.own_take(class, memory.is_some());
        (memory, Arc::clone(&cache.home))
    })
    .unwrap_or_else(|| {
        let memory = shared.pop(class);
        shared.strays().shared_take(class, memory.is_some());
        (memory, Arc::new(Home { shared: Arc::clone(shared), counts: Counts::default() }))
    })
}

/// Brings a block back: to this thread's cache if it was taken here and there is room, else to the shared list.
pub(super) fn give(home: &Arc<Home>, class: usize, memory: Box<[u8]>) {
    let mut memory = Some(memory);
    let is_own = with_caches(|caches| {
        let Some(cache) = caches.iter_mut().find(|cache| Arc::ptr_eq(&cache.home, home)) else { return false };
        cache.home.counts.own_return(class);
        cache.push(class, &mut memory);
        true
    });
    if is_own != Some(true) {
        home.shared.strays().shared_return(class);
    }
    if let Some(memory) = memory {
        home.shared.push(class, memory);
    }
}

/// Moves what this thread caches for a pool to the pool's shared list.
pub(super) fn flush(shared: &Arc<Shared>) {
    with_caches(|caches| {
        if let Some(cache) = caches.iter_mut().find(|cache| Arc::ptr_eq(&cache.home.shared, shared)) {
            cache.flush();
        }
    });
}

/// None while the thread ends and its caches are gone. Nothing run inside comes back here, as it only moves
/// memory; should that change, the borrow fails into the same path instead of a panic in a drop.
fn with_caches<T>(run: impl FnOnce(&mut Vec<Cache>) -> T) -> Option<T> {
    CACHES.try_with(|caches| caches.try_borrow_mut().ok().map(|mut caches| run(&mut caches))).ok().flatten()
}

impl Cache {
    fn new(shared: &Arc<Shared>) -> Cache {
        let home = Arc::new(Home { shared: Arc::clone(shared), counts: Counts::default() });
        shared.add_home(&home);
        Cache { home, blocks: Default::default() }
    }

    fn pop(&mut self, class: usize) -> Option<Box<[u8]>> {
        let blocks = self.blocks.get_mut(class)?;
        let memory = blocks.pop()?;
        self.home.counts.own_cached(class, blocks.len());
        Some(memory)
    }

    /// Takes the memory if there is room.
    fn push(&mut self, class: usize, memory: &mut Option<Box<[u8]>>) {
        let shared = &self.home.shared;
        if let Some(blocks) = self.blocks.get_mut(class)
            && blocks.len() < shared.cached_max(class)
            && !shared.is_closed()
        {
            blocks.extend(memory.take());
            self.home.counts.own_cached(class, blocks.len());
        }
    }

    fn flush(&mut self) {
        for (class, blocks) in self.blocks.iter_mut().enumerate() {
            blocks.drain(..).for_each(|memory| self.home.shared.push(class, memory));
            blocks.shrink_to_fit();
            self.home.counts.own_cached(class, 0);
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.flush();
        self.home.shared.remove_home(&self.home);
    }
}
