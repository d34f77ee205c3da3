//! The account of items that ended here: every item that leaves without reaching anyone is counted with a reason.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use teleferric_store::End;
use teleferric_wire::Signal;

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

/// Items dropped by reason, and the panics that were caught: of the whole collector, or of what one component does for
/// one signal, which counts in both. Written off the hot path only, so plain atomics do.
#[derive(Debug, Default)]
pub struct Account {
    dropped: [AtomicU64; DropReason::ALL.len()],
    /// Of those, the items that nobody has been told of.
    untold: [AtomicU64; DropReason::ALL.len()],
    panics: AtomicU64,
    /// Of the account of requests that are followed.
    part: Option<Part>,
    /// Of the account of a component.
    origin: Option<Origin>,
    /// Kept for as long as the whole, so that nothing is lost with a component that a reload removes.
    parts: Mutex<Vec<Arc<Account>>>,
}

/// Requests that are followed, and the account that theirs is a part of.
#[derive(Debug)]
struct Part {
    whole: Arc<Account>,
    follows: Follows,
}

#[derive(Debug)]
struct Origin {
    whole: Weak<Account>,
    component: Box<str>,
    signal: Signal,
}

/// Items that were dropped since this was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drops {
    /// Who had told their senders OK, and what they are; none if no component of a pipeline had.
    pub by: Option<(Box<str>, Signal)>,
    /// Why.
    pub reason: DropReason,
    /// How many; not zero.
    pub items: u64,
}

impl Account {
    /// The account of requests that are followed: what is counted in it counts in `whole`, and the requests know.
    pub(crate) fn of_followed(follows: Follows, whole: &Arc<Account>) -> Arc<Account> {
        Arc::new(Account { part: Some(Part { whole: Arc::clone(whole), follows }), ..Account::default() })
    }

    /// The part for a component and a signal.
    pub fn part(self: &Arc<Self>, component: &str, signal: Signal) -> Arc<Account> {
        let mut parts = self.parts.lock();
        let is_it = |part: &&Arc<Account>| {
            part.origin.as_ref().is_some_and(|origin| &*origin.component == component && origin.signal == signal)
        };
        if let Some(known) = parts.iter().find(is_it) {
            return Arc::clone(known);
        }
        let origin = Origin { whole: Arc::downgrade(self), component: component.into(), signal };
        let part = Arc::new(Account { origin: Some(origin), ..Account::default() });
        parts.push(Arc::clone(&part));
        part
    }

    /// Counts `items` as ended for `reason`.
    pub fn drop_items(&self, reason: DropReason, items: u64) {
        if let Some(part) = &self.part {
            part.follows.iter().for_each(|follow| follow.note(reason.end()));
            return part.whole.drop_items(reason, items);
        }
        self.count(reason, items);
        if let Some(slot) = self.untold.get(reason as usize) {
            slot.fetch_add(items, Ordering::Relaxed);
        }
        if let Some(whole) = self.origin.as_ref().and_then(|origin| origin.whole.upgrade()) {
            whole.count(reason, items);
        }
    }

    fn count(&self, reason: DropReason, items: u64) {
        if let Some(slot) = self.dropped.get(reason as usize) {
            slot.fetch_add(items, Ordering::Relaxed);
        }
    }

    /// What was dropped since the last call. The sums over all calls are what [`dropped`](Self::dropped) tells.
    pub fn take_drops(&self) -> Vec<Drops> {
        let parts = self.parts.lock().clone();
        let untold = |account: &Account| {
            let by = account.origin.as_ref().map(|origin| (origin.component.clone(), origin.signal));
            let slots = DropReason::ALL.into_iter().zip(&account.untold);
            let taken =
                slots.map(|(reason, slot)| Drops { by: by.clone(), reason, items: slot.swap(0, Ordering::Relaxed) });
            taken.filter(|drops| drops.items > 0).collect::<Vec<_>>()
        };
        let mut drops = untold(self);
        drops.extend(parts.iter().flat_map(|part| untold(part)));
        drops
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_told_once_by_who_answered_for_them() {
        let whole = Arc::new(Account::default());
        let part = whole.part("otlp/x", Signal::Logs);
        assert!(Arc::ptr_eq(&part, &whole.part("otlp/x", Signal::Logs)));
        part.drop_items(DropReason::Expired, 3);
        part.drop_items(DropReason::Expired, 4);
        whole.part("otlp/x", Signal::Traces).drop_items(DropReason::Permanent, 1);
        whole.drop_items(DropReason::Expired, 2);
        let by = |signal| Some(("otlp/x".into(), signal));
        let drops = |by, reason, items| Drops { by, reason, items };
        let expected = [
            drops(None, DropReason::Expired, 2),
            drops(by(Signal::Logs), DropReason::Expired, 7),
            drops(by(Signal::Traces), DropReason::Permanent, 1),
        ];
        assert_eq!(whole.take_drops(), expected);
        assert_eq!(whole.take_drops(), []);
        assert_eq!((whole.dropped(DropReason::Expired), whole.dropped(DropReason::Permanent)), (9, 1));
        assert_eq!(part.dropped(DropReason::Expired), 7);
    }
}
