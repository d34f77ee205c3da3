//! The system's allocator, counting what the data-plane thread asks of it, or keeping its work out of callgrind's count:
//! how many instructions an allocation takes depends on how the heap happens to lie, so allocations have a count of their
//! own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::{callgrind, sites};

/// Passes on what it is asked, and counts while counting is on.
pub struct CountingAllocator;

/// Calls that gave memory, and its bytes. A block that grows or shrinks counts as a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocations {
    /// Calls.
    pub count: u64,
    /// Bytes asked for.
    pub bytes: u64,
}

/// What is done with the allocations of a thread that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// They are counted.
    Count,
    /// They are counted, and where they come from is remembered.
    CountWithSites,
    /// Callgrind does not see the allocator's work.
    LeaveOut,
}

static MODE: AtomicU8 = AtomicU8::new(Mode::Count as u8);

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// Chooses for all threads.
pub fn set_mode(mode: Mode) {
    MODE.store(mode as u8, Ordering::Relaxed);
}

/// Turns counting for the calling thread on or off.
pub fn count_on_this_thread(on: bool) {
    COUNTING.set(on);
}

/// What the calling thread has allocated while counting was on.
pub fn of_this_thread() -> Allocations {
    Allocations { count: COUNT.get(), bytes: BYTES.get() }
}

fn is(mode: Mode) -> bool {
    MODE.load(Ordering::Relaxed) == mode as u8
}

/// Does `work` of the allocator that gives `bytes`.
fn give<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if COUNTING.get() && !is(Mode::LeaveOut) {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() + bytes as u64);
        if is(Mode::CountWithSites) {
            // What remembering allocates is not counted.
            COUNTING.set(false);
            sites::note(bytes);
            COUNTING.set(true);
        }
    }
    leave_out(work)
}

/// Does `work` of the allocator without callgrind, if that is wanted.
fn leave_out<T>(work: impl FnOnce() -> T) -> T {
    let unseen = COUNTING.get() && is(Mode::LeaveOut);
    if unseen {
        callgrind::toggle_collect();
    }
    let done = work();
    if unseen {
        callgrind::toggle_collect();
    }
    done
}

// SAFETY: every call goes to the system's allocator as it came; what is counted is in plain cells of the thread that
// neither allocate nor have destructors.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is the same one.
        give(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        give(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above; the block came from the system's allocator.
        give(new_size, || unsafe { System.realloc(block, layout, new_size) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block came from the system's allocator.
        leave_out(|| unsafe { System.dealloc(block, layout) });
    }
}
