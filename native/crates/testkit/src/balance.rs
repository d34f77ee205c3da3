//! The promise that nothing vanishes: what was taken was delivered, is held, or is counted as dropped.

use std::cell::RefCell;

use teleferric_flow::{Account, DropReason};

use crate::answer::Answer;

/// Requests given to a stage, and what it said about each.
#[derive(Debug, Default)]
pub struct Balance(RefCell<Vec<(u64, Answer)>>);

impl Balance {
    /// Notes a request of `items` whose outcome arrives at `answer`.
    pub fn note(&self, items: u64, answer: &Answer) {
        self.0.borrow_mut().push((items, answer.clone()));
    }

    /// Items whose senders were told that they were taken.
    pub fn received(&self) -> u64 {
        self.0.borrow().iter().filter(|(_, answer)| answer.is_taken()).map(|(items, _)| items).sum()
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> usize {
        self.0.borrow().iter().filter(|(_, answer)| answer.get().is_none()).count()
    }

    /// Checks `received = delivered + held + dropped`. To be called at a quiet moment, on a path that answers before
    /// it delivers; `delivered` counts what the destination kept.
    ///
    /// # Panics
    /// If it does not hold.
    pub fn check(&self, delivered: u64, held: u64, account: &Account) {
        let dropped: u64 = DropReason::ALL.into_iter().map(|reason| account.dropped(reason)).sum();
        let received = self.received();
        assert_eq!(
            received,
            delivered + held + dropped,
            "received {received}, delivered {delivered}, held {held}, dropped {dropped}"
        );
    }
}
