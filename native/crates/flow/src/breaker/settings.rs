//! `circuit_breaker` of an exporter.

use std::time::Duration;

/// What a breaker judges by, and what it does then.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSettings {
    /// The calls it looks at.
    pub window: WindowSettings,
    /// Calls in the window before the rates say anything.
    pub min_calls: u64,
    /// Share of failed calls that opens; above 1 is never.
    pub failure_rate: f64,
    /// Share of slow calls that opens; above 1 is never.
    pub slow_rate: f64,
    /// From when on a call is slow; zero is never.
    pub slow_after: Duration,
    /// Failures in a row that open; zero is never.
    pub consecutive: u32,
    /// How long it stays open the first time; each time after doubles it.
    pub open: Duration,
    /// The longest it stays open.
    pub max_open: Duration,
    /// The time open is spread evenly over itself times `1 - jitter` to `1 + jitter`.
    pub jitter: f64,
    /// Probes at the same time while half-open.
    pub permits: u16,
    /// Probes that succeed before it closes.
    pub successes: u16,
    /// How long after the last probe it opens again if none has a result; zero is never.
    pub max_wait: Duration,
    /// What somebody has decided in its place.
    pub mode: Override,
}

/// The calls a breaker looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSettings {
    /// `mode`: the last [`WINDOW_CALLS`] calls rather than those of `time`.
    pub counts: bool,
    /// How far back it looks.
    pub time: Duration,
    /// The parts it moves on by.
    pub buckets: u32,
}

/// Calls in a window that counts.
pub const WINDOW_CALLS: u64 = 100;

/// `override`: what somebody has decided in place of the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// Nothing.
    None,
    /// No attempt passes.
    ForcedOpen,
    /// All attempts pass and none is counted.
    Disabled,
    /// All attempts pass, and the state says what would have been.
    Observe,
}

/// When a bucket ends and how much a window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Time {
        bucket_ns: u64,
        buckets: u64,
    },
    /// Every thread ends a bucket after so many of its own calls.
    Count {
        per_bucket: u64,
        calls: u64,
    },
}

impl WindowSettings {
    pub(super) fn mode(&self) -> Mode {
        let buckets = u64::from(self.buckets.max(1));
        if self.counts {
            Mode::Count { per_bucket: WINDOW_CALLS.div_ceil(buckets), calls: WINDOW_CALLS }
        } else {
            Mode::Time { bucket_ns: (nanoseconds(self.time) / buckets).max(1), buckets }
        }
    }
}

/// Whole nanoseconds, at most those of five centuries.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
