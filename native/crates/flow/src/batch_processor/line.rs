//! Senders in front of a batch that is on its way: who may not stay as long as it takes is refused when its time for
//! admission is over.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::time::Instant;

use crate::parcel::Parcel;
use crate::queue::full;
use crate::timer::Timed;

#[derive(Default)]
pub(super) struct Line {
    pub(super) waiting: RefCell<VecDeque<Waiting>>,
    armed: Cell<bool>,
}

pub(super) struct Waiting {
    pub(super) parcel: Parcel,
    /// Whether its sender has been told OK.
    pub(super) answered: bool,
    /// Whether its sender waits for more than a place in the next batch, and so for as long as that takes.
    pub(super) stays: bool,
}

impl Waiting {
    fn leaves_at(&self) -> Option<Instant> {
        if self.answered || self.stays { None } else { self.parcel.admission_ends() }
    }
}

impl Timed for Line {
    fn armed(&self) -> &Cell<bool> {
        &self.armed
    }

    /// Those in front came first, and leave first where they are given the same time.
    fn due(&self) -> Option<Instant> {
        self.waiting.borrow().iter().find(|waiting| !waiting.answered).and_then(Waiting::leaves_at)
    }

    fn fire(self: &Rc<Self>) {
        while self.due().is_some_and(|due| due <= Instant::now()) {
            let first = self.waiting.borrow().iter().position(|waiting| !waiting.answered);
            let first = first.and_then(|at| self.waiting.borrow_mut().remove(at));
            if let Some(Waiting { parcel, .. }) = first {
                parcel.reply.refuse(full());
            }
        }
    }
}
