//! What threads did with blocks, counted where they did it. `native/crates/models` runs this file under loom.

use super::CLASSES;
use super::atomic::{AtomicU64, Ordering};

/// Numbers per class, oversize last. The `own_` methods are for the one thread that writes a home's numbers and
/// need no read-modify-write; the `shared_` methods are for numbers that several threads write. Padded, so that
/// threads do not share a line.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counts([ClassCounts; CLASSES + 1]);

/// Of one class. What a thread does most, to keep a block and to use it again, is one step each; the rest is derived.
#[derive(Default)]
struct ClassCounts {
    /// Taken from the thread's own cache.
    reused: AtomicU64,
    /// Taken from the shared list.
    found: AtomicU64,
    misses: AtomicU64,
    /// Brought back into the thread's own cache.
    kept: AtomicU64,
    /// Brought back to the shared list.
    passed: AtomicU64,
    /// Moved from the thread's own cache to the shared list.
    flushed: AtomicU64,
}

impl Counts {
    pub(crate) fn hits(&self, class: usize) -> u64 {
        self.read(class, |counts| &counts.reused) + self.read(class, |counts| &counts.found)
    }

    pub(crate) fn misses(&self, class: usize) -> u64 {
        self.read(class, |counts| &counts.misses)
    }

    pub(crate) fn returned(&self, class: usize) -> u64 {
        self.read(class, |counts| &counts.kept) + self.read(class, |counts| &counts.passed)
    }

    /// In the thread's own cache.
    pub(crate) fn cached(&self, class: usize) -> u64 {
        let gone = self.read(class, |counts| &counts.reused) + self.read(class, |counts| &counts.flushed);
        self.read(class, |counts| &counts.kept).saturating_sub(gone)
    }

    pub(crate) fn own_reuse(&self, class: usize) {
        self.own_add(class, |counts| &counts.reused, 1);
    }

    /// From elsewhere than the cache.
    pub(crate) fn own_take(&self, class: usize, is_hit: bool) {
        self.own_add(class, |counts| if is_hit { &counts.found } else { &counts.misses }, 1);
    }

    pub(crate) fn own_keep(&self, class: usize) {
        self.own_add(class, |counts| &counts.kept, 1);
    }

    pub(crate) fn own_pass(&self, class: usize) {
        self.own_add(class, |counts| &counts.passed, 1);
    }

    pub(crate) fn own_flush(&self, class: usize, blocks: usize) {
        self.own_add(class, |counts| &counts.flushed, blocks as u64);
    }

    pub(crate) fn shared_take(&self, class: usize, is_hit: bool) {
        if let Some(counts) = self.0.get(class) {
            if is_hit { &counts.found } else { &counts.misses }.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn shared_return(&self, class: usize) {
        if let Some(counts) = self.0.get(class) {
            counts.passed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds the totals of a thread that ended.
    pub(crate) fn absorb(&self, ended: &Counts) {
        for (class, into) in self.0.iter().enumerate() {
            into.found.fetch_add(ended.hits(class), Ordering::Relaxed);
            into.misses.fetch_add(ended.misses(class), Ordering::Relaxed);
            into.passed.fetch_add(ended.returned(class), Ordering::Relaxed);
        }
    }

    fn read(&self, class: usize, which: impl Fn(&ClassCounts) -> &AtomicU64) -> u64 {
        self.0.get(class).map_or(0, |counts| which(counts).load(Ordering::Relaxed))
    }

    #[inline]
    fn own_add(&self, class: usize, which: impl Fn(&ClassCounts) -> &AtomicU64, steps: u64) {
        if let Some(counts) = self.0.get(class) {
            let cell = which(counts);
            cell.store(cell.load(Ordering::Relaxed) + steps, Ordering::Relaxed);
        }
    }
}
