//! What threads did with blocks, counted where they did it. `native/crates/models` runs this file under loom.

use super::CLASSES;
use super::atomic::{AtomicU64, Ordering};

/// Numbers per class, oversize last. The `own_` methods are for the one thread that writes a home's numbers and
/// need no read-modify-write; the `shared_` methods are for numbers that several threads write. Padded, so that
/// threads do not share a line.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counts([ClassCounts; CLASSES + 1]);

#[derive(Default)]
struct ClassCounts {
    hits: AtomicU64,
    misses: AtomicU64,
    returned: AtomicU64,
    cached: AtomicU64,
}

impl Counts {
    pub(crate) fn hits(&self, class: usize) -> u64 {
        self.read(class, |counts| &counts.hits)
    }

    pub(crate) fn misses(&self, class: usize) -> u64 {
        self.read(class, |counts| &counts.misses)
    }

    pub(crate) fn returned(&self, class: usize) -> u64 {
        self.read(class, |counts| &counts.returned)
    }

    pub(crate) fn cached(&self, class: usize) -> u64 {
        self.read(class, |counts| &counts.cached)
    }

    pub(crate) fn own_take(&self, class: usize, is_hit: bool) {
        self.own_change(class, |counts| if is_hit { &counts.hits } else { &counts.misses }, |count| count + 1);
    }

    pub(crate) fn own_return(&self, class: usize) {
        self.own_change(class, |counts| &counts.returned, |count| count + 1);
    }

    pub(crate) fn own_cached(&self, class: usize, blocks: usize) {
        self.own_change(class, |counts| &counts.cached, |_| blocks as u64);
    }

    pub(crate) fn shared_take(&self, class: usize, is_hit: bool) {
        if let Some(counts) = self.0.get(class) {
            if is_hit { &counts.hits } else { &counts.misses }.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn shared_return(&self, class: usize) {
        if let Some(counts) = self.0.get(class) {
            counts.returned.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds the totals of a thread that ended.
    pub(crate) fn absorb(&self, ended: &Counts) {
        for (class, into) in self.0.iter().enumerate() {
            into.hits.fetch_add(ended.hits(class), Ordering::Relaxed);
            into.misses.fetch_add(ended.misses(class), Ordering::Relaxed);
            into.returned.fetch_add(ended.returned(class), Ordering::Relaxed);
        }
    }

    fn read(&self, class: usize, which: impl Fn(&ClassCounts) -> &AtomicU64) -> u64 {
        self.0.get(class).map_or(0, |counts| which(counts).load(Ordering::Relaxed))
    }

    fn own_change(&self, class: usize, which: impl Fn(&ClassCounts) -> &AtomicU64, change: impl FnOnce(u64) -> u64) {
        if let Some(counts) = self.0.get(class) {
            let cell = which(counts);
            cell.store(change(cell.load(Ordering::Relaxed)), Ordering::Relaxed);
        }
    }
}
