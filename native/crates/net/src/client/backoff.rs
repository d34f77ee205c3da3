//! How long a gRPC address is left alone after failed connection attempts.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row and the pause they earned: 1 s, then 1.6 times as long, up to 20 s. gRPC's own limit of 120 s would
/// leave a recovered peer unused for too long; retries towards it are paced by the exporter already.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    pub(crate) fn failed(&mut self) {
        let pause = FIRST.mul_f64(FACTOR.powi(self.failures.min(16).cast_signed())).min(MAX);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(Instant::now() + pause);
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// When the next attempt is due; `None` is now.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until.filter(|until| *until > Instant::now())
    }
}

const FIRST: Duration = Duration::from_secs(1);
const FACTOR: f64 = 1.6;
const MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn grows_to_a_limit_and_starts_over() {
        let mut backoff = Backoff::default();
        let mut pauses = Vec::new();
        for _ in 0..20 {
            backoff.failed();
            pauses.push(backoff.until().unwrap().duration_since(Instant::now()).as_secs_f64());
        }
        assert!((pauses[0] - 1.0).abs() < 1e-6 && (pauses[1] - 1.6).abs() < 1e-6, "{pauses:?}");
        assert!((pauses[19] - 20.0).abs() < 1e-6, "{pauses:?}");
        tokio::time::advance(MAX).await;
        assert_eq!(backoff.until(), None);
        backoff.succeeded();
        backoff.failed();
        assert!(backoff.until().unwrap().duration_since(Instant::now()) <= FIRST);
    }
}
