//! From what is ready to the parallel sends: each batch is sent by a task, as many at once as the exporter has consumers
//! over all data-plane threads.

use std::cell::Cell;
use std::rc::Rc;

use teleferric_tasks::{spawn_local, spawn_supervised};

use super::{Inner, Leave};
use crate::batch::Batch;
use crate::consumers;
use crate::queue::Room;
use crate::turns::Turn;

/// A batch to be sent, with the leave to do so.
pub(super) struct Errand {
    held: Held,
    batch: Batch,
    _consumer: Option<consumers::Consumer>,
}

impl Errand {
    async fn run(self) {
        let Errand { held, batch, _consumer } = self;
        held.sending.inner.sender.deliver(batch, &held.items).await;
    }
}

/// What an errand holds. Should it end in a panic, that is given back too.
struct Held {
    sending: Leave,
    items: Cell<u64>,
    is_detached: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.items.get() > 0 {
            self.sending.inner.sender.lost(self.items.get(), self.is_detached);
        }
    }
}

impl Inner {
    /// Sends a batch of the queue at once if none waits and there is a consumer for it, else in its turn.
    pub(super) fn send_in_turn(self: &Rc<Self>, mut batch: Batch, turn: impl FnOnce(&Batch) -> Turn) {
        let Some(room) = &self.shared.0.room else { return };
        batch.epoch = self.sending.enter();
        // While a task waits for a consumer, the next one is that task's.
        let idle = !self.dispatching.get() && self.ready.borrow().is_empty();
        match if idle { room.consumers().try_acquire() } else { None } {
            Some(consumer) => self.start_queued(batch, consumer),
            None => {
                self.ready.borrow_mut().push(turn(&batch), batch);
                self.dispatch();
            }
        }
    }

    /// Sends what is ready as far as the parallel sends allow, and leaves the rest to a task.
    pub(super) fn dispatch(self: &Rc<Self>) {
        let Some(room) = &self.shared.0.room else { return };
        if self.dispatching.get() {
            return;
        }
        while !self.ready.borrow().is_empty() {
            let Some(consumer) = room.consumers().try_acquire() else {
                self.dispatching.set(true);
                let (me, room) = (Rc::clone(self), room.clone());
                spawn_supervised("queue.dispatch", async move || me.dispatch_later(&room).await);
                return;
            };
            self.start_next(consumer);
        }
    }

    /// Takes turns with the other threads for each send.
    async fn dispatch_later(self: &Rc<Self>, room: &Room) {
        while !self.ready.borrow().is_empty() {
            match room.consumers().acquire().await {
                Some(consumer) => self.start_next(consumer),
                None => break,
            }
        }
        self.dispatching.set(false);
    }

    fn start_next(self: &Rc<Self>, consumer: consumers::Consumer) {
        let next = self.ready.borrow_mut().pop();
        if let Some(batch) = next {
            self.start_queued(batch, consumer);
        }
    }

    fn start_queued(self: &Rc<Self>, batch: Batch, consumer: consumers::Consumer) {
        if self.batching.is_some() {
            self.sender.metrics.batched(batch.parcel.items, batch.parcel.payload.bytes());
        }
        self.start(batch, Some(consumer));
    }

    pub(super) fn start(self: &Rc<Self>, batch: Batch, consumer: Option<consumers::Consumer>) {
        let held = Held {
            sending: Leave::entered(self, |inner| &inner.sending, batch.epoch),
            items: Cell::new(batch.parcel.items),
            is_detached: self.sender.metrics.queue.is_some() && batch.is_detached(),
        };
        let errand = Errand { held, batch, _consumer: consumer };
        if let Err(errand) = self.couriers.hand(errand) {
            spawn_local("delivery.send", self.couriers.courier(errand, Errand::run));
        }
    }
}
