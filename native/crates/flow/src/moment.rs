//! A moment that threads tell each other without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A moment, to the nanosecond; none until it is set.
#[derive(Debug)]
pub(crate) struct Moment {
    epoch: Instant,
    /// Since the epoch, and one more; zero is none.
    nanoseconds: AtomicU64,
}

impl Moment {
    /// None yet. Moments before `epoch` count as that.
    pub(crate) fn new(epoch: Instant) -> Self {
        Moment { epoch, nanoseconds: AtomicU64::new(0) }
    }

    pub(crate) fn set(&self, at: Instant) {
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        self.nanoseconds.store(u64::try_from(since).unwrap_or(u64::MAX).saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<Instant> {
        let since = self.nanoseconds.load(Ordering::Relaxed).checked_sub(1)?;
        self.epoch.checked_add(Duration::from_nanos(since))
    }
}
