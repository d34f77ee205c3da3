//! Per-thread caches: the last blocks a thread gave back, for its next takes, without atomic operations.

use std::array;
use std::cell::RefCell;
use std::sync::Arc;

use super::counts::Counts;
use super::shared::Shared;
use super::{AllocError, CLASSES};

/// A thread's identity within one pool, and its numbers. Blocks carry it to find the way back.
pub(super) struct Home {
    pub(super) shared: Arc<Shared>,
    /// Written by the thread of this home alone, read by any.
    pub(super) counts: Counts,
}

/// The memory of a block and where it shall return. It lies on the heap so that a block is two words, which move in
/// registers, and keeps its home while it lies idle, so that using it again touches no reference count.
pub(super) struct Room {
    pub(super) memory: Box<[u8]>,
    pub(super) class: usize,
    pub(super) home: Arc<Home>,
}

/// Idle rooms of one thread for one pool.
struct Cache {
    shared: Arc<Shared>,
    home: Arc<Home>,
    shelves: [Shelf; CLASSES],
}

/// Of one class; the last one given back is the first one taken, while it is still warm.
struct Shelf {
    #[expect(clippy::vec_box, reason = "a room moves between blocks and lists as one word")]
    rooms: Vec<Box<Room>>,
    rooms_max: usize,
}

thread_local! {
    /// One cache per pool this thread has taken blocks from, which is one in all but tests.
    static CACHES: RefCell<Vec<Cache>> = const { RefCell::new(Vec::new()) };
}

/// Takes an idle room of `class` from this thread's cache or the shared list, else allocates one of `bytes`; counts a hit
/// or a miss.
pub(super) fn take(shared: &Arc<Shared>, class: usize, bytes: usize) -> Result<Box<Room>, AllocError> {
    let idle = with_caches(|caches| cache_of(caches, shared).take(class)).unwrap_or_else(|| take_stray(shared, class));
    idle.or_else(|home| allocate(home, class, bytes))
}

#[cold]
fn allocate(home: Arc<Home>, class: usize, bytes: usize) -> Result<Box<Room>, AllocError> {
    let shared = &home.shared;
    let memory = shared.allocate(class, bytes).inspect_err(|_| shared.strays().shared_return(class))?;
    Ok(Box::new(Room { memory, class, home }))
}

/// Brings a room back: to this thread's cache if it was taken here and there is space, else to the shared list.
pub(super) fn give(room: Box<Room>) {
    let mut stray = Some(room);
    with_caches(|caches| {
        let is_home = |cache: &&mut Cache| stray.as_ref().is_some_and(|room| Arc::ptr_eq(&cache.home, &room.home));
        if let Some(cache) = caches.iter_mut().find(is_home)
            && let Some(room) = stray.take()
        {
            cache.give(room);
        }
    });
    if let Some(room) = stray {
        give_stray(room);
    }
}

/// Of another thread, or of one that is about to end.
#[cold]
fn give_stray(room: Box<Room>) {
    let shared = Arc::clone(&room.home.shared);
    shared.strays().shared_return(room.class);
    shared.push(room);
}

/// Moves what this thread caches for a pool to the pool's shared list.
pub(super) fn flush(shared: &Arc<Shared>) {
    with_caches(|caches| {
        if let Some(cache) = caches.iter_mut().find(|cache| Arc::ptr_eq(&cache.shared, shared)) {
            cache.flush();
        }
    });
}

/// None while the thread ends and its caches are gone. Nothing run inside comes back here, as it only moves
/// memory; should that change, the borrow fails into the same path instead of a panic in a drop.
fn with_caches<T>(run: impl FnOnce(&mut Vec<Cache>) -> T) -> Option<T> {
    CACHES.try_with(|caches| caches.try_borrow_mut().ok().map(|mut caches| run(&mut caches))).ok().flatten()
}

/// This thread's cache for a pool.
#[inline]
fn cache_of<'a>(caches: &'a mut Vec<Cache>, shared: &Arc<Shared>) -> &'a mut Cache {
    let index = caches.iter().position(|cache| Arc::ptr_eq(&cache.shared, shared));
    let index = index.unwrap_or_else(|| open(caches, shared));
    &mut caches[index]
}

/// Adds a cache, in the place of those whose pools are closed.
#[cold]
fn open(caches: &mut Vec<Cache>, shared: &Arc<Shared>) -> usize {
    caches.retain(|cache| !cache.shared.is_closed());
    caches.push(Cache::new(shared));
    caches.len() - 1
}

/// Where there is no cache any more: an idle room, or a home for a new one.
#[cold]
fn take_stray(shared: &Arc<Shared>, class: usize) -> Result<Box<Room>, Arc<Home>> {
    let home = Arc::new(Home { shared: Arc::clone(shared), counts: Counts::default() });
    let idle = shared.pop(class);
    shared.strays().shared_take(class, idle.is_some());
    settle(idle, home)
}

/// Gives an idle room its new home, or the home back.
fn settle(idle: Option<Box<Room>>, home: Arc<Home>) -> Result<Box<Room>, Arc<Home>> {
    match idle {
        Some(mut room) => {
            room.home = home;
            Ok(room)
        }
        None => Err(home),
    }
}

impl Cache {
    fn new(shared: &Arc<Shared>) -> Cache {
        let home = Arc::new(Home { shared: Arc::clone(shared), counts: Counts::default() });
        shared.add_home(&home);
        let shelves = array::from_fn(|class| Shelf { rooms: Vec::new(), rooms_max: shared.cached_max(class) });
        Cache { shared: Arc::clone(shared), home, shelves }
    }

    /// An idle room, or the home for a new one.
    #[inline]
    fn take(&mut self, class: usize) -> Result<Box<Room>, Arc<Home>> {
        match self.shelves.get_mut(class).and_then(|shelf| shelf.rooms.pop()) {
            Some(room) => {
                self.home.counts.own_reuse(class);
                Ok(room)
            }
            None => self.find(class),
        }
    }

    /// The same from what other threads left.
    #[cold]
    fn find(&mut self, class: usize) -> Result<Box<Room>, Arc<Home>> {
        let idle = self.shared.pop(class);
        self.home.counts.own_take(class, idle.is_some());
        settle(idle, Arc::clone(&self.home))
    }

    /// Keeps a room of this home, or passes it on to the shared list.
    #[inline]
    fn give(&mut self, room: Box<Room>) {
        let class = room.class;
        match self.shelves.get_mut(class) {
            Some(shelf) if shelf.rooms.len() < shelf.rooms_max && !self.shared.is_closed() => {
                shelf.rooms.push(room);
                self.home.counts.own_keep(class);
            }
            _ => {
                self.home.counts.own_pass(class);
                self.shared.push(room);
            }
        }
    }

    fn flush(&mut self) {
        for (class, Shelf { rooms, .. }) in self.shelves.iter_mut().enumerate() {
            self.home.counts.own_flush(class, rooms.len());
            rooms.drain(..).for_each(|room| self.shared.push(room));
            rooms.shrink_to_fit();
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.flush();
        self.shared.remove_home(&self.home);
    }
}
