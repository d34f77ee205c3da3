//! An allocator that counts what the measuring thread asks for, and only when it is told to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator with counters.
pub struct Counting;

/// Allocations of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocations {
    /// Calls that gave memory, growing included.
    pub count: u64,
    /// Bytes those calls asked for.
    pub bytes: u64,
}

/// How many threads count. None while time is measured, when a load of this is all that counting costs.
static COUNTING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// What this thread allocates while `run` runs.
pub fn counted<T>(run: impl FnOnce() -> T) -> (T, Allocations) {
    let now = || Allocations { count: COUNT.get(), bytes: BYTES.get() };
    let before = now();
    COUNTING.fetch_add(1, Ordering::Relaxed);
    let result = run();
    COUNTING.fetch_sub(1, Ordering::Relaxed);
    let after = now();
    (result, Allocations { count: after.count - before.count, bytes: after.bytes - before.bytes })
}

fn note(bytes: usize) {
    if COUNTING.load(Ordering::Relaxed) > 0 {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() + bytes as u64);
    }
}

// SAFETY: every call goes to the system's allocator as it is; the cells beside it need no allocation and no destructor,
// so they may be touched at any time.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(bytes);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, bytes) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_this_thread_while_asked_to() {
        let (kept, seen) = counted(|| Vec::<u8>::with_capacity(100));
        assert_eq!(seen, Allocations { count: 1, bytes: 100 });
        drop(kept);
    }
}
