//! How long a connection is used. A name, or a balancer in front of a peer, has a say only when a connection is opened.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// When a connection is old; one without a limit never is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Age(Option<Instant>);

impl Age {
    /// Old after `age_max` from now, give or take a fifth, so that connections opened together are not all opened anew
    /// together.
    pub(crate) fn new(age_max: Option<Duration>) -> Self {
        let random = RandomState::new().hash_one(age_max) >> 32;
        let spread = 1.0 + SPREAD * (2.0 * random as f64 / f64::from(u32::MAX) - 1.0);
        let lifetime = age_max.and_then(|age_max| Duration::try_from_secs_f64(age_max.as_secs_f64() * spread).ok());
        Age(lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)))
    }

    pub(crate) fn is_old(self, now: Instant) -> bool {
        self.0.is_some_and(|old_at| old_at <= now)
    }
}

const SPREAD: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lifetimes_differ_by_a_fifth_at_most() {
        let ages: Vec<_> = (0..1_000).map(|_| Age::new(Some(Duration::from_secs(600)))).collect();
        let now = Instant::now();
        let old = |seconds| ages.iter().filter(|age| age.is_old(now + Duration::from_secs(seconds))).count();
        assert_eq!((old(479), old(721)), (0, 1_000));
        assert!((400..600).contains(&old(600)), "{}", old(600));
        assert!(!Age::new(None).is_old(now + Duration::from_secs(1 << 30)));
        assert!(!Age::new(Some(Duration::MAX)).is_old(now + Duration::from_secs(1 << 30)));
    }
}
