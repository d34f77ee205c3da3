//! A token bucket without a lock: all it remembers is a time, up to which what was taken has used the rate up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What flows into a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Tokens; 0 is without limit.
    per_second: u64,
    /// How long what is not used adds up, in nanoseconds; with 0 nothing would ever pass.
    burst: u64,
}

impl Rate {
    pub(super) fn new(per_second: u64, burst: Duration) -> Self {
        Rate { per_second, burst: nanoseconds(burst).max(1) }
    }
}

/// The time in nanoseconds at which all that was taken is paid. In the past, the bucket is full; further ahead than the
/// burst, it is in debt.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

impl Bucket {
    /// How long it takes until something is in the bucket; none if something is.
    pub(super) fn wait(&self, rate: &Rate, now: u64) -> Option<Duration> {
        if rate.per_second == 0 {
            return None;
        }
        let full = now.saturating_add(rate.burst);
        let debt = self.0.load(Ordering::Relaxed).saturating_add(1).checked_sub(full)?;
        (debt > 0).then(|| Duration::from_nanos(debt))
    }

    /// Takes `tokens`, more than there are too.
    pub(super) fn take(&self, tokens: u64, rate: &Rate, now: u64) {
        if rate.per_second == 0 || tokens == 0 {
            return;
        }
        let cost = u128::from(tokens) * u128::from(SECOND) / u128::from(rate.per_second);
        let cost = u64::try_from(cost).unwrap_or(DEBT_MAX).min(DEBT_MAX);
        let paid_at = |paid: u64| Some(paid.max(now).saturating_add(cost).min(now.saturating_add(DEBT_MAX)));
        // The closure always has a value, so this cannot fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid_at);
    }
}

/// A time as the buckets count it.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

const SECOND: u64 = 1_000_000_000;

/// No debt lasts longer than this, whatever was taken: a tenant whose quota was raised shall not wait for ever.
const DEBT_MAX: u64 = 3600 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_beyond_the_burst_has_to_be_paid_first() {
        let (bucket, rate) = (Bucket::default(), Rate::new(100, Duration::from_secs(1)));
        assert_eq!(bucket.wait(&rate, 0), None);
        bucket.take(600, &rate, 0);
        // Six seconds' worth, of which one had added up.
        assert_eq!(bucket.wait(&rate, 0), Some(Duration::from_nanos(5_000_000_001)));
        assert_eq!(bucket.wait(&rate, 5 * SECOND), Some(Duration::from_nanos(1)));
        assert_eq!(bucket.wait(&rate, 5 * SECOND + 1), None);
        // What is not used does not add up beyond the burst.
        let later = 1000 * SECOND;
        bucket.take(101, &rate, later);
        assert_eq!(bucket.wait(&rate, later), Some(Duration::from_nanos(10_000_001)));
    }

    #[test]
    fn nothing_overflows_and_no_limit_is_none() {
        let bucket = Bucket::default();
        bucket.take(u64::MAX, &Rate::new(0, Duration::MAX), 0);
        let slow = Rate::new(1, Duration::ZERO);
        assert_eq!(bucket.wait(&slow, 0), None);
        bucket.take(u64::MAX, &slow, u64::MAX - 1);
        bucket.take(u64::MAX, &slow, 0);
        assert!(bucket.wait(&slow, 0) <= Some(Duration::from_nanos(DEBT_MAX)));
        assert_eq!(bucket.wait(&Rate::new(1, Duration::MAX), 0), None);
    }
}
