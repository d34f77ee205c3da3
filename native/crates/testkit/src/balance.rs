//! The promise that nothing vanishes: what was taken was delivered, is held, or is counted as dropped.

use std::cell::RefCell;

use teleferric_flow::{Account, DropReason, Outcome};

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
        let taken = |(items, answer): &(u64, Answer)| match answer.get() {
            Some(Outcome::Accepted) => *items,
            Some(Outcome::Partial { rejected, .. }) => items.saturating_sub(rejected),
            Some(Outcome::Refused(_)) | None => 0,
        };
        self.0.borrow().iter().map(taken).sum()
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> usize {
        self.0.borrow().iter().filter(|(_, answer)| answer.get().is_none()).count()
    }

    /// Checks `received = delivered + held + dropped`. To be called at a quiet moment; `delivered` counts what the
    /// destination kept, but for parts of requests that were refused.
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
