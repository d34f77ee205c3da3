//! When to try again: the Collector's exponential backoff with jitter, and what a server asks for.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::BudgetSettings;
use crate::fault::{Fault, FaultCode, GrpcCode};

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
    /// How waits are spread.
    pub jitter: Spread,
    /// The longest wait a server can ask for.
    pub max_hint: Duration,
    /// What bounds the retries of all requests together.
    pub budget: BudgetSettings,
}

/// How waits are spread, so that requests that failed together are not tried again together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Around the interval, as far as `randomization_factor` says.
    Collector,
    /// Evenly from nothing to the interval.
    Full,
}

/// By how much more than a server asks for the longest wait is: all its clients may have been asked at once.
const HINT_SPREAD: f64 = 0.2;

/// What may help against a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Nothing: the same request is refused again.
    None,
    /// The same request, later.
    Later,
    /// Credentials that the destination takes, which somebody has to renew.
    Credentials,
    /// The same request later or, as nothing says that it is not too large, less of it.
    LaterOrLess,
}

impl Remedy {
    /// What may help against `fault` (outcome table of the reliability design). OTLP gives up on the last two, which
    /// would lose what its sender was told to be taken.
    pub(crate) fn of(fault: &Fault) -> Remedy {
        use GrpcCode::{PermissionDenied, ResourceExhausted, Unauthenticated};
        match (fault.code, fault.status) {
            _ if !fault.is_permanent() => Remedy::Later,
            (FaultCode::DownstreamPermanent, Some(Unauthenticated | PermissionDenied)) => Remedy::Credentials,
            (FaultCode::DownstreamPermanent, Some(ResourceExhausted)) => Remedy::LaterOrLess,
            _ => Remedy::None,
        }
    }
}

/// Retries of a request that was refused without a word on whether it is too large.
pub(crate) const RETRIES_OR_LESS_MAX: u32 = 10;

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

    /// Leaves out of account what the last attempt had to wait for others.
    pub(crate) fn put_off(&mut self, waited: Duration) {
        self.started = self.started.checked_add(waited).unwrap_or(self.started);
    }

    /// How long to wait before the next attempt, or nothing if that would be too late. `hint` is what the server
    /// asked for; `random` is in 0..1.
    pub(crate) fn next_wait(&mut self, hint: Duration, random: f64, now: Instant) -> Option<Duration> {
        let spread = self.settings.randomization_factor;
        let own = match self.settings.jitter {
            Spread::Collector => scale(self.interval, 1.0 - spread + 2.0 * spread * random),
            Spread::Full => scale(self.interval, random),
        };
        self.interval = scale(self.interval, self.settings.multiplier).min(self.settings.max_interval);
        let asked = scale(hint.min(self.settings.max_hint), 1.0 + HINT_SPREAD * random);
        let wait = own.max(asked);
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
            jitter: Spread::Collector,
            max_hint: Duration::from_secs(300),
            budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
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
        assert_eq!(backoff.next_wait(Duration::from_secs(60), 0.5, start), Some(Duration::from_secs(66)));
        assert_eq!(backoff.next_wait(Duration::from_secs(1), 0.5, start), Some(Duration::from_millis(7500)));
        assert_eq!(backoff.next_wait(Duration::MAX, 0.0, start), Some(Duration::from_secs(300)));
    }

    #[test]
    fn what_may_help_is_read_off_the_table() {
        use FaultCode::{DownstreamPermanent, DownstreamTemporary, TooLarge};
        use GrpcCode::{InvalidArgument, PermissionDenied, ResourceExhausted, Unauthenticated};
        let rows = [
            (DownstreamTemporary, Some(ResourceExhausted), Remedy::Later),
            (DownstreamTemporary, None, Remedy::Later),
            (DownstreamPermanent, Some(Unauthenticated), Remedy::Credentials),
            (DownstreamPermanent, Some(PermissionDenied), Remedy::Credentials),
            (DownstreamPermanent, Some(ResourceExhausted), Remedy::LaterOrLess),
            (DownstreamPermanent, Some(InvalidArgument), Remedy::None),
            (DownstreamPermanent, None, Remedy::None),
            (TooLarge, Some(ResourceExhausted), Remedy::None),
        ];
        for (code, status, remedy) in rows {
            let fault = status.into_iter().fold(Fault::new(code, "no"), Fault::with_status);
            assert_eq!(Remedy::of(&fault), remedy, "{fault:?}");
        }
    }

    proptest! {
        #[test]
        fn waits_stay_in_the_spread_and_end_with_the_time_allowed(
            seed: u64, factor in 0.0..1.0_f64, multiplier in 1.0..4.0_f64, elapsed in 0_u64..400, full: bool,
            hint in 0_u64..40,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let _guard = runtime.enter();
            let jitter = if full { Spread::Full } else { Spread::Collector };
            let settings = RetrySettings { multiplier, randomization_factor: factor, jitter, ..settings() };
            let (least, most) = if full { (0.0, 1.0) } else { (1.0 - factor, 1.0 + factor) };
            let asked = hint as f64;
            let start = Instant::now();
            let now = start + Duration::from_secs(elapsed);
            let jitter = Jitter::seeded(seed);
            let mut backoff = Backoff::new(&settings, start);
            let mut mean = 5.0_f64;
            for _ in 0..12 {
                let wait = backoff.next_wait(Duration::from_secs(hint), jitter.next(), now);
                let longest = (mean * most).max(asked * (1.0 + HINT_SPREAD));
                match wait.map(|wait| wait.as_secs_f64()) {
                    Some(wait) => {
                        prop_assert!(wait >= (mean * least).max(asked) - 1e-6 && wait <= longest + 1e-6);
                        prop_assert!(elapsed as f64 + wait <= 300.0 + 1e-6);
                    }
                    None => prop_assert!(elapsed as f64 + longest > 300.0),
                }
                mean = (mean * multiplier).min(30.0);
            }
        }
    }
}
