//! The end of one thread's part of a delivery: what it holds is sent once more, left to its successor, or stays on disk.

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use tokio::time::Instant;

use super::Inner;
use crate::admission::busy;
use crate::epochs::{Epoch, Epochs};
use crate::fault::{Fault, FaultCode};
use crate::stop::Level;
use crate::timer::passed;

impl Inner {
    pub(super) async fn drain(self: &Rc<Self>, deadline: Option<Instant>) {
        self.sender.stop.raise(Level::Draining);
        self.ready_all();
        if self.shared.0.stored.is_some() || self.sender.successor.get().is_some() {
            // What is stored waits for the next life rather than for its turn, and what has a successor for that.
            self.give_up_ready();
        }
        self.dispatch();
        // Finishing wins over a deadline that passes at the same moment.
        if let Either::Right(_) = select(pin!(self.empty()), pin!(passed(deadline))).await {
            self.sender.stop.raise(Level::Cut);
            self.give_up_ready();
            self.empty().await;
        }
        // Nobody waits any longer for what stays in a storage.
        self.sender.stop.raise(Level::Cut);
        self.sender.endpoints.close(deadline).await;
    }

    fn give_up_ready(&self) {
        let left = self.ready.borrow_mut().take_all();
        for batch in left {
            self.sending.leave(batch.epoch);
            self.sender.give_up(batch);
        }
    }

    /// Ends when nothing is held. Cancel safe.
    async fn empty(&self) {
        let counts = [&self.waiting, &self.storing, &self.sending];
        while counts.iter().any(|count| count.count() > 0) {
            for count in counts {
                count.emptied().await;
            }
        }
    }
}

/// Counts a task in and, however it ends, out again.
pub(super) struct Leave {
    pub(super) inner: Rc<Inner>,
    count: fn(&Inner) -> &Epochs,
    epoch: Epoch,
}

impl Leave {
    pub(super) fn enter(inner: &Rc<Inner>, count: fn(&Inner) -> &Epochs) -> Self {
        Leave::entered(inner, count, count(inner).enter())
    }

    /// For what was counted in before.
    pub(super) fn entered(inner: &Rc<Inner>, count: fn(&Inner) -> &Epochs, epoch: Epoch) -> Self {
        Leave { inner: Rc::clone(inner), count, epoch }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        (self.count)(&self.inner).leave(self.epoch);
    }
}

pub(super) fn draining() -> Fault {
    busy(FaultCode::Draining, "the collector is shutting down")
}
