//! What is counted and when: the data-plane thread's own work between two marks, without that of the peers.
//!
//! Everything here is about the calling thread. Counting is on while the region is open and no peer runs.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{allocations, callgrind};

thread_local! {
    static OPEN: Cell<bool> = const { Cell::new(false) };
    static IN_PEER: Cell<bool> = const { Cell::new(false) };
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}

/// Begins the region.
pub fn open() {
    OPEN.set(true);
    settle();
}

/// Ends the region.
pub fn close() {
    OPEN.set(false);
    settle();
}

/// Runs a peer's future so that its work is not counted.
pub struct Peer<F>(Pin<Box<F>>);

impl<F: Future> Peer<F> {
    /// The peer that `work` is.
    pub fn new(work: F) -> Self {
        Peer(Box::pin(work))
    }
}

impl<F: Future> Future for Peer<F> {
    type Output = F::Output;

    /// Never inlined, so that its name in a call stack tells a peer's work from the collector's.
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        IN_PEER.set(true);
        settle();
        let polled = self.0.as_mut().poll(cx);
        IN_PEER.set(false);
        settle();
        polled
    }
}

fn settle() {
    let wanted = OPEN.get() && !IN_PEER.get();
    if wanted != COUNTING.replace(wanted) {
        allocations::count_on_this_thread(wanted);
        callgrind::toggle_collect();
    }
}
