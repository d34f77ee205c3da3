//! The account of items that ended here: every item that leaves without reaching anyone is counted with a reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use teleferric_store::End;

use crate::fate::Follows;

/// Why items ended inside the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum DropReason {
    /// The next hop refused for good, after the sender had been told OK.
    Permanent,
    /// Retries ended (`max_elapsed_time`), or it lay in storage for too long (`max_age`), after the sender had been told
    /// OK.
    Expired,
    /// The next hop took the request but rejected these items.
    Rejected,
    /// The drain deadline passed.
    Shutdown,
    /// A queue had no room for a batch whose senders had been told OK, or gave up old requests for new ones.
    QueueFull,
    /// A dead letter had to make room for newer ones.
    DeadLetterFull,
    /// The disk gave back something else than was written.
    Damaged,
    /// A component dropped a parcel without an outcome: a bug.
    Abandoned,
}

impl DropReason {
    /// All reasons, in the order of their slots.
    pub const ALL: [DropReason; 8] = [
        DropReason::Permanent,
        DropReason::Expired,
        DropReason::Rejected,
        DropReason::Shutdown,
        DropReason::QueueFull,
        DropReason::DeadLetterFull,
        DropReason::Damaged,
        DropReason::Abandoned,
    ];

    /// The metric label.
    pub fn label(self) -> &'static str {
        self.end().label()
    }

    /// The same in the account of a queue.
    pub(crate) fn end(self) -> End {
        match self {
            DropReason::Permanent => End::Permanent,
            DropReason::Expired => End::Expired,
            DropReason::Rejected => End::Rejected,
            DropReason::Shutdown => End::Shutdown,
            DropReason::QueueFull => End::QueueFull,
            DropReason::DeadLetterFull => End::DeadLetterFull,
            DropReason::Damaged => End::Damaged,
            DropReason::Abandoned => End::Abandoned,
        }
    }

    /// The reason for an end that is a loss.
    pub(crate) fn of(end: End) -> Option<Self> {
        DropReason::ALL.into_iter().find(|reason| reason.end() == end)
    }
}

/// Items dropped by reason, and the panics that were caught. Written off the hot path only, so plain atomics do.
#[derive(Debug, Default)]
pub struct Account {
    dropped: [AtomicU64; DropReason::ALL.len()],
    panics: AtomicU64,
    /// Of the account of requests that are followed.
    part: Option<Part>,
}

/// Requests that are followed, and the account that theirs is a part of.
#[derive(Debug)]
struct Part {
    whole: Arc<Account>,
    follows: Follows,
}

impl Account {
    /// The account of requests that are followed: what is counted in it counts in `whole`, and the requests know.
    pub(crate) fn of_followed(follows: Follows, whole: &Arc<Account>) -> Arc<Account> {
        Arc::new(Account { part: Some(Part { whole: Arc::clone(whole), follows }), ..Account::default() })
    }

    /// Counts `items` as ended for `reason`.
    pub fn drop_items(&self, reason: DropReason, items: u64) {
        if let Some(part) = &self.part {
            part.follows.iter().for_each(|follow| follow.note(reason.end()));
            return part.whole.drop_items(reason, items);
        }
        if let Some(slot) = self.dropped.get(reason as usize) {
            slot.fetch_add(items, Ordering::Relaxed);
        }
    }

    /// Counts a panic that was caught.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Panics caught so far.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Items that ended for `reason` so far.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped.get(reason as usize).map_or(0, |slot| slot.load(Ordering::Relaxed))
    }
}
