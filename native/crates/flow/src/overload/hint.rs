//! When to come again: how long what is too full takes to empty at the pace at which it empties.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::stagger::Stagger;

/// How one thing that fills up has emptied lately.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// What had left it in all when it was last looked at.
    left: Option<u64>,
    /// What leaves it between two looks, smoothed.
    pace: f64,
}

impl Drain {
    /// The looks that it takes until there is ample room again, when `used` of `capacity` are taken and `left` have left
    /// in all; infinite if nothing leaves. To be called at a steady pace.
    pub(super) fn observe(&mut self, used: u64, capacity: u64, left: u64) -> f64 {
        if let Some(before) = self.left.replace(left) {
            self.pace += PACE_WEIGHT * (left.saturating_sub(before) as f64 - self.pace);
        }
        let ample = capacity.saturating_mul(AMPLE_PERCENT) / 100;
        match used.saturating_sub(ample) {
            0 => 0.0,
            excess => excess as f64 / self.pace,
        }
    }
}

/// How far something must have emptied for those who were refused to come again.
const AMPLE_PERCENT: u64 = 60;

/// How much the last look counts among those before.
const PACE_WEIGHT: f64 = 0.2;

/// What refused senders are told.
#[derive(Debug)]
pub(super) struct Hint {
    wait_ms: AtomicU64,
    stagger: Stagger,
}

impl Default for Hint {
    fn default() -> Self {
        Hint { wait_ms: AtomicU64::new(WAIT_MS_MIN), stagger: Stagger::default() }
    }
}

impl Hint {
    /// From now on it takes about `wait` until there is room.
    pub(super) fn set(&self, wait_seconds: f64) {
        let wait_ms = (wait_seconds * 1000.0).clamp(WAIT_MS_MIN as f64, WAIT_MS_MAX as f64);
        self.wait_ms.store(wait_ms as u64, Ordering::Relaxed);
    }

    /// The wait for one sender, up to half longer than it takes, so that they do not all come back at once.
    pub(super) fn next(&self) -> Duration {
        self.stagger.lengthen(Duration::from_millis(self.wait_ms.load(Ordering::Relaxed)))
    }
}

/// Bounds of a wait before it is lengthened, in milliseconds: 1 s to 30 s after that.
const WAIT_MS_MIN: u64 = 1_000;
const WAIT_MS_MAX: u64 = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_what_there_is_too_much_over_the_pace_at_which_it_leaves() {
        let mut drain = Drain::default();
        assert_eq!(drain.observe(100, 100, 0), f64::INFINITY, "nothing has left yet");
        let looks = (1..=40).map(|look| drain.observe(100, 100, look * 5)).last();
        assert!((looks.unwrap() - 8.0).abs() < 0.1, "40 above, 5 leave in each: {looks:?}");
        assert_eq!(drain.observe(60, 100, 205), 0.0);
        // What stands still takes longer and longer.
        let looks = (1..=40).map(|_| drain.observe(100, 100, 205)).last();
        assert!(looks.unwrap() > 1000.0, "{looks:?}");
    }

    #[test]
    fn hints_are_one_to_thirty_seconds_and_spread_evenly() {
        let hint = Hint::default();
        for (wait_seconds, least_ms, most_ms) in [(0.0, 1000, 1500), (4.0, 4000, 6000), (f64::INFINITY, 20_000, 30_000)]
        {
            hint.set(wait_seconds);
            let told: Vec<u64> = (0..1000).map(|_| hint.next().as_millis() as u64).collect();
            assert!(told.iter().all(|told| (least_ms..=most_ms).contains(told)), "{told:?}");
            let middle = u64::midpoint(least_ms, most_ms);
            let late = told.iter().filter(|told| **told > middle).count();
            assert!((450..=550).contains(&late), "{late} of 1000 after {middle} ms");
        }
    }
}
