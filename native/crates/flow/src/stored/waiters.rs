//! Senders that wait for what becomes of a stored request that is not read yet.

use std::ops::Range;

use foldhash::HashMap;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::fault::Fault;
use crate::reply::Outcome;

/// Told what becomes of a stored request.
pub(crate) type Tell = oneshot::Sender<Outcome>;

/// Those of one queue, by the sequence of what they wait for.
#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<u64, Waiter>>);

struct Waiter {
    items: u64,
    tell: Tell,
}

impl Waiters {
    /// Adds who waits for a request of `items`.
    pub(super) fn add(&self, sequence: u64, items: u64, tell: Tell) {
        self.0.lock().insert(sequence, Waiter { items, tell });
    }

    /// Who waits for a request.
    pub(super) fn take(&self, sequence: u64) -> Option<Tell> {
        self.0.lock().remove(&sequence).map(|waiter| waiter.tell)
    }

    /// Refuses those who wait for any of these; the items of those who have learned so.
    pub(super) fn refuse(&self, sequences: &Range<u64>, fault: &Fault) -> u64 {
        let mut waiters = self.0.lock();
        let refused: Vec<u64> = waiters.keys().copied().filter(|sequence| sequences.contains(sequence)).collect();
        let refused: Vec<Waiter> = refused.iter().filter_map(|sequence| waiters.remove(sequence)).collect();
        drop(waiters);
        let learned = |waiter: Waiter| waiter.tell.send(Outcome::Refused(fault.clone())).map(|()| waiter.items);
        refused.into_iter().filter_map(|waiter| learned(waiter).ok()).sum()
    }
}
