//! Holds requests back while a destination refuses our credentials: one attempt in a while finds out whether it takes
//! them again, so that an expired token empties no queue.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// Time between attempts while credentials are refused.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_secs(30);

/// What the threads that send to one exporter know about its credentials.
#[derive(Debug)]
pub(crate) struct Credentials {
    epoch: Instant,
    /// [`FINE`], [`DOUBTED`], or when the next attempt may be made, nanoseconds since the epoch.
    state: AtomicU64,
    changed: Notify,
}

const FINE: u64 = 0;
/// Refused once. A destination that refuses a single request for what is in it should not hold up the others.
const DOUBTED: u64 = 1;

impl Credentials {
    pub(crate) fn new() -> Self {
        Credentials { epoch: Instant::now(), state: AtomicU64::new(FINE), changed: Notify::new() }
    }

    /// Whether attempts are held back.
    #[inline]
    pub(crate) fn are_refused(&self) -> bool {
        self.state.load(Ordering::Relaxed) > DOUBTED
    }

    /// They were refused at `now`: from the second time in a row on, attempts are held back.
    pub(crate) fn refuse(&self, now: Instant) {
        let doubted = self.state.compare_exchange(FINE, DOUBTED, Ordering::Relaxed, Ordering::Relaxed);
        if doubted.is_err() {
            self.state.store(self.next_probe(now), Ordering::Relaxed);
        }
    }

    /// An answer shows that they are taken.
    #[inline]
    pub(crate) fn accept(&self) {
        if self.state.load(Ordering::Relaxed) != FINE {
            self.state.store(FINE, Ordering::Relaxed);
            self.changed.notify_waiters();
        }
    }

    /// Lets an attempt pass at `now` if credentials are taken, or if it is the one that finds out.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn try_pass(&self, now: Instant) -> Result<(), Instant> {
        let state = self.state.load(Ordering::Relaxed);
        if state <= DOUBTED {
            return Ok(());
        }
        let due = self.epoch + Duration::from_nanos(state);
        if now < due {
            return Err(due);
        }
        // Who loses asks again when the winner's attempt is old, or has shown something.
        let next = self.next_probe(now);
        let won = self.state.compare_exchange(state, next, Ordering::Relaxed, Ordering::Relaxed);
        won.map(drop).map_err(|_| now + PROBE_INTERVAL)
    }

    /// Ends when credentials were taken. Does not miss what happens from its first poll, or `enable`, on.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn next_probe(&self, now: Instant) -> u64 {
        let due = now.saturating_duration_since(self.epoch) + PROBE_INTERVAL;
        u64::try_from(due.as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_attempt_in_a_while_passes_until_one_is_taken() {
        let credentials = Credentials::new();
        let start = Instant::now();
        credentials.refuse(start);
        assert_eq!(credentials.try_pass(start), Ok(()), "one refusal may be about the request");
        credentials.refuse(start);
        assert!(credentials.are_refused());
        let due = start + PROBE_INTERVAL;
        assert_eq!(credentials.try_pass(due - Duration::from_nanos(1)), Err(due));
        assert_eq!(credentials.try_pass(due), Ok(()));
        assert_eq!(credentials.try_pass(due), Err(due + PROBE_INTERVAL));
        credentials.accept();
        assert_eq!(credentials.try_pass(due), Ok(()));
        credentials.refuse(due);
        assert!(!credentials.are_refused());
    }
}
