//! The promise that nothing vanishes: what was taken was delivered, is held, or is counted as dropped.

use std::cell::RefCell;

use teleferric_buf::metrics::Metrics;
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

/// The account of a sending queue, as it is on the metrics page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueAccount {
    /// Items ever put in.
    pub enqueued: u64,
    /// Items that are there.
    pub held: u64,
    /// Items that left, by what became of them, without those of which there are none; in the order of the page.
    pub left: Vec<(String, u64)>,
}

impl QueueAccount {
    /// The account of the queues of `exporter`.
    ///
    /// # Panics
    /// If it does not balance.
    pub fn balanced(metrics: &Metrics, exporter: &str) -> Self {
        let mut account = QueueAccount::default();
        let catalogue = metrics.catalogue();
        let mut places = vec![f64::NAN; metrics.len()];
        metrics.snapshot(&mut places);
        for series in &catalogue.series {
            let label = |name: &str| series.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            let value = places.get(series.offset).copied().filter(|value| *value > 0.0);
            let (Some(value), true) = (value, label("exporter") == Some(exporter)) else { continue };
            match series.name {
                "teleferric_queue_enqueued_items_total" => account.enqueued += value as u64,
                "teleferric_queue_held_items" => account.held += value as u64,
                "teleferric_queue_left_items_total" => {
                    account.left.push((label("outcome").unwrap_or_default().to_owned(), value as u64));
                }
                _ => {}
            }
        }
        assert_eq!(account.enqueued, account.held + account.left_in_all(), "{account:?}");
        account
    }

    /// Items that left.
    pub fn left_in_all(&self) -> u64 {
        self.left.iter().map(|(_, items)| items).sum()
    }

    /// Items that left and ended so.
    pub fn left(&self, outcome: &str) -> u64 {
        self.left.iter().filter(|(end, _)| end == outcome).map(|(_, items)| items).sum()
    }
}
