//! When to try again: the Collector's exponential backoff with jitter, and what a server asks for.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// `retry_on_failure` of an exporter, when enabled.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// The mean of the first wait.
    pub initial_interval: Duration,
    /// The mean of the longest wait.
    pub max_interval: Duration,
    /// How much longer each wait is than the one before.
    pub multiplier: f64,
    /// Waits are spread evenly over the interval times `1 - factor` to `1 + factor`.
    pub randomization_factor: f64,
    /// How long after the first attempt the last one may start; zero is no limit.
    pub max_elapsed_time: Duration,
}

/// The longest wait a server can ask for.
pub const HINT_MAX: Duration = Duration::from_secs(300);

/// The waits of one request.
#[derive(Debug)]
pub(crate) struct Backoff<'a> {
    settings: &'a RetrySettings,
    interval: Duration,
    started: Instant,
}

impl<'a> Backoff<'a> {
    pub(crate) fn new(settings: &'a RetrySettings, started: Instant) -> Self {
        Backoff { settings, interval: settings.initial_interval, started }
    }

    /// Whether it is too late for another attempt at `now`.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let limit = self.settings.max_elapsed_time;
        !limit.is_zero() && now.saturating_duration_since(self.started) > limit
    }

    /// How long to wait before the next attempt, or nothing if that would be too late. `hint` is what the server
    /// asked for; `random` is in 0..1.
    pub(crate) fn next_wait(&mut self, hint: Duration, random: f64, now: Instant) -> Option<Duration> {
        let spread = self.settings.randomization_factor;
        let own = scale(self.interval, 1.0 - spread + 2.0 * spread * random);
        self.interval = scale(self.interval, self.settings.multiplier).min(self.settings.max_interval);
        let wait = own.max(hint.min(HINT_MAX));
        let limit = self.settings.max_elapsed_time;
        let elapsed = now.saturating_duration_since(self.started);
        (limit.is_zero() || elapsed.saturating_add(wait) <= limit).then_some(wait)
    }
}

/// Never panics, whatever factor the configuration has.
fn scale(interval: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(interval.as_secs_f64() * factor.max(0.0)).unwrap_or(Duration::MAX)
}

/// Numbers that spread retries in time; no secret depends on them (xorshift64*).
#[derive(Debug)]
pub(crate) struct Jitter(std::cell::Cell<u64>);

impl Jitter {
    pub(crate) fn new() -> Self {
        Jitter::seeded(RandomState::new().hash_one(0_u64))
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Jitter(std::cell::Cell::new(seed | 1))
    }

    /// The next number, in 0..1.
    pub(crate) fn next(&self) -> f64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        let bits = x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings() -> RetrySettings {
        RetrySettings {
            initial_interval: Duration::from_secs(5),
            max_interval: Duration::from_secs(30),
            multiplier: 1.5,
            randomization_factor: 0.5,
            max_elapsed_time: Duration::from_secs(300),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_middle_of_the_spread_follows_the_collector() {
        let settings = settings();
        let start = Instant::now();
        let mut backoff = Backoff::new(&settings, start);
        let waits: Vec<f64> = (0..8)
            .filter_map(|_| backoff.next_wait(Duration::ZERO, 0.5, start))
            .map(|wait| wait.as_secs_f64())
            .collect();
        assert_eq!(waits, [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0, 30.0, 30.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_may_ask_for_more_but_not_for_ever() {
        let settings = RetrySettings { max_elapsed_time: Duration::ZERO, ..settings() };
        let start = Instant::now();
        let mut backoff = Backoff::new(&settings, start);
        assert_eq!(backoff.next_wait(Duration::from_secs(60), 0.5, start), Some(Duration::from_secs(60)));
        assert_eq!(backoff.next_wait(Duration::from_secs(1), 0.5, start), Some(Duration::from_millis(7500)));
        assert_eq!(backoff.next_wait(Duration::MAX, 0.5, start), Some(HINT_MAX));
    }

    proptest! {
        #[test]
        fn waits_stay_in_the_spread_and_end_with_the_time_allowed(
            seed: u64, factor in 0.0..1.0_f64, multiplier in 1.0..4.0_f64, elapsed in 0_u64..400,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let _guard = runtime.enter();
            let settings = RetrySettings { multiplier, randomization_factor: factor, ..settings() };
            let start = Instant::now();
            let now = start + Duration::from_secs(elapsed);
            let jitter = Jitter::seeded(seed);
            let mut backoff = Backoff::new(&settings, start);
            let mut mean = 5.0_f64;
            for _ in 0..12 {
                let wait = backoff.next_wait(Duration::ZERO, jitter.next(), now);
                match wait.map(|wait| wait.as_secs_f64()) {
                    Some(wait) => {
                        prop_assert!(wait >= mean * (1.0 - factor) - 1e-6 && wait <= mean * (1.0 + factor) + 1e-6);
                        prop_assert!(elapsed as f64 + wait <= 300.0 + 1e-6);
                    }
                    None => prop_assert!(elapsed as f64 + mean * (1.0 + factor) > 300.0),
                }
                mean = (mean * multiplier).min(30.0);
            }
        }
    }
}
