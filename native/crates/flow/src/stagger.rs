//! Waits that differ, so that those who are told them do not all come back at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lengthens waits, each by another part of up to half.
#[derive(Debug, Default)]
pub(crate) struct Stagger(AtomicU64);

impl Stagger {
    /// `wait`, up to half longer.
    pub(crate) fn lengthen(&self, wait: Duration) -> Duration {
        // Steps of the golden ratio fill an interval evenly, whoever asks.
        let step = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed) >> 33;
        let more = (wait.as_nanos() * u128::from(step)) >> 32;
        wait + Duration::from_nanos(u64::try_from(more).unwrap_or(0))
    }
}
