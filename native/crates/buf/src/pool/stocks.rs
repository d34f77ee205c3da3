//! Blocks between threads: the lists of idle ones, one for each size class, and how many exist. `native/crates/models`
//! runs this file under loom.

use super::ArrayQueue;
use super::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

/// What there is of each class of `M`, which is a block's memory.
pub(crate) struct Stocks<M, const CLASSES: usize> {
    classes: [Stock<M>; CLASSES],
    closed: AtomicBool,
}

struct Stock<M> {
    /// Idle blocks for any thread; none are kept of a class without room.
    idle: Option<Idle<M>>,
    /// Blocks that exist, wherever they are.
    existing: AtomicU64,
    high_water: AtomicU64,
    released: AtomicU64,
}

struct Idle<M> {
    blocks: ArrayQueue<M>,
    /// The shortest the list has been since the last decay: that many blocks lay there unneeded.
    unneeded: AtomicUsize,
}

/// Numbers of one class, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stocked {
    pub(crate) idle: u64,
    /// The most that existed at once.
    pub(crate) high_water: u64,
    /// Given back to the allocator.
    pub(crate) released: u64,
}

impl<M, const CLASSES: usize> Stocks<M, CLASSES> {
    /// Nothing yet, with room for so many idle blocks of each class.
    pub(crate) fn new(room: [usize; CLASSES]) -> Self {
        let stock = |room| Stock {
            idle: (room > 0).then(|| Idle { blocks: ArrayQueue::new(room), unneeded: AtomicUsize::new(0) }),
            existing: AtomicU64::new(0),
            high_water: AtomicU64::new(0),
            released: AtomicU64::new(0),
        };
        Stocks { classes: room.map(stock), closed: AtomicBool::new(false) }
    }

    /// An idle block.
    pub(crate) fn pop(&self, class: usize) -> Option<M> {
        let idle = self.idle(class)?;
        let memory = idle.blocks.pop();
        idle.note_length();
        memory
    }

    /// Keeps a block for any thread.
    ///
    /// # Errors
    /// The block, if there is no room or the stocks are closed. It is then to be [`free`](Stocks::free)d.
    pub(crate) fn push(&self, class: usize, memory: M) -> Result<(), M> {
        let Some(idle) = self.idle(class).filter(|_| !self.is_closed()) else { return Err(memory) };
        idle.blocks.push(memory)?;
        // Either this sees the close, or the close sees the block: a block that stayed would keep what it refers to.
        fence(Ordering::SeqCst);
        if self.is_closed() {
            self.drain(class);
        }
        Ok(())
    }

    /// Frees half of the idle blocks that nobody needed since the last call.
    pub(crate) fn decay(&self) {
        for class in 0..CLASSES {
            let Some(idle) = self.idle(class) else { continue };
            let surplus = idle.unneeded.load(Ordering::Relaxed).div_ceil(2);
            for memory in (0..surplus).map_while(|_| idle.blocks.pop()) {
                self.free(class, memory);
            }
            // In this order, so that a block that is taken meanwhile counts as needed.
            idle.unneeded.store(usize::MAX, Ordering::SeqCst);
            idle.note_length();
        }
    }

    /// Frees idle blocks and keeps no more of them.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        (0..CLASSES).for_each(|class| self.drain(class));
    }

    /// Frees the idle blocks of a class.
    fn drain(&self, class: usize) {
        while let Some(memory) = self.idle(class).and_then(|idle| idle.blocks.pop()) {
            self.free(class, memory);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Counts a block that was allocated.
    pub(crate) fn note_allocated(&self, class: usize) {
        if let Some(stock) = self.classes.get(class) {
            let now = stock.existing.fetch_add(1, Ordering::Relaxed) + 1;
            stock.high_water.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Gives a block back to the allocator.
    pub(crate) fn free(&self, class: usize, memory: M) {
        if let Some(stock) = self.classes.get(class) {
            stock.existing.fetch_sub(1, Ordering::Relaxed);
            stock.released.fetch_add(1, Ordering::Relaxed);
        }
        drop(memory);
    }

    pub(crate) fn numbers(&self, class: usize) -> Stocked {
        self.classes.get(class).map_or_else(Stocked::default, |stock| Stocked {
            idle: stock.idle.as_ref().map_or(0, |idle| idle.blocks.len() as u64),
            high_water: stock.high_water.load(Ordering::Relaxed),
            released: stock.released.load(Ordering::Relaxed),
        })
    }

    fn idle(&self, class: usize) -> Option<&Idle<M>> {
        self.classes.get(class)?.idle.as_ref()
    }
}

impl<M> Idle<M> {
    fn note_length(&self) {
        self.unneeded.fetch_min(self.blocks.len(), Ordering::SeqCst);
    }
}
