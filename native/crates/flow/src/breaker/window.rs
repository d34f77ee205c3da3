//! The calls a breaker judges by: counted by each thread for itself, added up when a bucket ends.

use std::collections::VecDeque;
use std::ops::{Add, AddAssign, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::settings::{Mode, WindowSettings};

/// Calls, and those of them that failed or were slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) slow: u64,
}

/// What one thread has counted since it began. Two cache lines, because the neighbour of a line is fetched with it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Tally {
    calls: AtomicU64,
    failed: AtomicU64,
    slow: AtomicU64,
}

impl Tally {
    /// Counts one call and says how many it has been. Only the one thread that owns the tally calls this, so a load and
    /// a store do for each number.
    #[inline]
    pub(super) fn count(&self, failed: bool, slow: bool) -> u64 {
        if failed {
            bump(&self.failed);
        }
        if slow {
            bump(&self.slow);
        }
        bump(&self.calls)
    }

    fn read(&self) -> Counts {
        Counts {
            calls: self.calls.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
        }
    }
}

/// The last calls, in buckets. Its owner keeps it behind a lock that is taken when a bucket ends.
#[derive(Debug)]
pub(super) struct Window {
    tallies: Vec<Arc<Tally>>,
    /// What all tallies had together when the last bucket ended.
    seen: Counts,
    /// Ended buckets, oldest first.
    buckets: VecDeque<Counts>,
    total: Counts,
    mode: Mode,
}

impl Window {
    pub(super) fn new(settings: &WindowSettings) -> Window {
        let buckets = VecDeque::with_capacity(settings.buckets as usize + 1);
        Window {
            tallies: Vec::new(),
            seen: Counts::default(),
            buckets,
            total: Counts::default(),
            mode: settings.mode(),
        }
    }

    /// The tally of one more thread.
    pub(super) fn tally(&mut self) -> Arc<Tally> {
        let tally = Arc::new(Tally::default());
        self.tallies.push(Arc::clone(&tally));
        tally
    }

    /// Ends a bucket, and with it `empty` more in which nothing was counted. The counts of the bucket that ended.
    pub(super) fn end_bucket(&mut self, empty: u64) -> Counts {
        let sum = self.tallies.iter().fold(Counts::default(), |sum, tally| sum + tally.read());
        let ended = sum - std::mem::replace(&mut self.seen, sum);
        self.push(ended);
        if let Mode::Time { buckets, .. } = self.mode {
            (0..empty.min(buckets)).for_each(|_| self.push(Counts::default()));
        }
        ended
    }

    /// What the buckets in the window have together.
    pub(super) fn total(&self) -> Counts {
        self.total
    }

    /// Forgets all calls so far.
    pub(super) fn clear(&mut self) {
        self.end_bucket(0);
        self.buckets.clear();
        self.total = Counts::default();
    }

    fn push(&mut self, bucket: Counts) {
        self.buckets.push_back(bucket);
        self.total += bucket;
        while let Some(oldest) = self.buckets.front().copied().filter(|oldest| self.is_past(*oldest)) {
            self.buckets.pop_front();
            self.total = self.total - oldest;
        }
    }

    fn is_past(&self, oldest: Counts) -> bool {
        match self.mode {
            Mode::Time { buckets, .. } => self.buckets.len() as u64 > buckets,
            Mode::Count { calls, .. } => oldest.calls == 0 || self.total.calls - oldest.calls >= calls,
        }
    }
}

#[inline]
fn bump(number: &AtomicU64) -> u64 {
    let next = number.load(Ordering::Relaxed).wrapping_add(1);
    number.store(next, Ordering::Relaxed);
    next
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            calls: self.calls.wrapping_add(other.calls),
            failed: self.failed.wrapping_add(other.failed),
            slow: self.slow.wrapping_add(other.slow),
        }
    }
}

impl Sub for Counts {
    type Output = Counts;

    fn sub(self, other: Counts) -> Counts {
        Counts {
            calls: self.calls.wrapping_sub(other.calls),
            failed: self.failed.wrapping_sub(other.failed),
            slow: self.slow.wrapping_sub(other.slow),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        *self = *self + other;
    }
}
