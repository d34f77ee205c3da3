//! The end of one thread's part of a delivery: what it holds is sent once more, left to its successor, or stays on disk.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use tokio::time::Instant;

use super::Inner;
use crate::admission::busy;
use crate::fault::{Fault, FaultCode};
use crate::stop::Level;
use crate::timer::passed;

impl Inner {
    pub(super) async fn drain(self: &Rc<Self>, deadline: Option<Instant>) {
        self.sender.stop.raise(Level::Draining);
        self.flush();
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
        left.into_iter().for_each(|batch| self.sender.give_up(batch));
    }

    /// Ends when nothing is held. Cancel safe.
    async fn empty(&self) {
        let is_idle = || [&self.waiting, &self.storing, &self.sending].iter().all(|count| count.get() == 0);
        self.fewer.until(|| is_idle() && self.ready.borrow().is_empty()).await;
    }
}

/// Counts a task in and, however it ends, out again.
pub(super) struct Leave {
    pub(super) inner: Rc<Inner>,
    count: fn(&Inner) -> &Cell<usize>,
}

impl Leave {
    pub(super) fn enter(inner: &Rc<Inner>, count: fn(&Inner) -> &Cell<usize>) -> Self {
        let cell = count(inner);
        cell.set(cell.get() + 1);
        Leave { inner: Rc::clone(inner), count }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let cell = (self.count)(&self.inner);
        cell.set(cell.get().saturating_sub(1));
        self.inner.fewer.tell();
    }
}

pub(super) fn draining() -> Fault {
    busy(FaultCode::Draining, "the collector is shutting down")
}
