//! Bounds the retries of an exporter by its first attempts, so that a destination that fails is not met by a multiple of
//! what is sent to it. What is over the budget waits.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::retry::Jitter;

/// `retry_on_failure.budget` of an exporter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetSettings {
    /// Retries for each first attempt, over the last ten seconds.
    pub ratio: f64,
    /// Requests that are tried again at the same time whatever the ratio is.
    pub min_concurrent: usize,
}

/// How far back first attempts and retries count, seconds.
const WINDOW: u32 = 10;
/// A power of two above the window.
const SLOTS: usize = 16;
/// About how often who waits looks whether the window has moved on.
const LOOK: Duration = Duration::from_secs(1);

/// The budget of one exporter, for all threads.
#[derive(Debug)]
pub(crate) struct BudgetShared {
    settings: BudgetSettings,
    /// Seconds are counted from here.
    epoch: Instant,
    /// Places of requests that are tried again beyond the ratio.
    places: Arc<Semaphore>,
    /// Of each thread. Locked only to add one, or for a retry.
    tallies: Mutex<Vec<Arc<Tally>>>,
}

/// What one thread has counted. Two cache lines each, because the neighbour of a line is fetched with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Tally {
    first: Seconds,
    again: Seconds,
}

/// A count for each of the last seconds, in one word with its second. Only one thread at a time adds to it.
#[derive(Debug, Default)]
struct Seconds([AtomicU64; SLOTS]);

impl Seconds {
    #[inline]
    fn count(&self, second: u32) {
        let slot = &self.0[second as usize % SLOTS];
        let value = slot.load(Ordering::Relaxed);
        let next = if (value >> 32) as u32 == second { value + 1 } else { u64::from(second) << 32 | 1 };
        slot.store(next, Ordering::Relaxed);
    }

    /// The sum over the window that ends with `second`.
    fn sum(&self, second: u32) -> u64 {
        let values = self.0.iter().map(|slot| slot.load(Ordering::Relaxed));
        let recent = values.filter(|value| second.wrapping_sub((value >> 32) as u32) < WINDOW);
        recent.map(|value| value & u64::from(u32::MAX)).sum()
    }
}

impl BudgetShared {
    pub(crate) fn new(settings: BudgetSettings) -> Arc<Self> {
        Arc::new(BudgetShared {
            settings,
            epoch: Instant::now(),
            places: Arc::new(Semaphore::new(settings.min_concurrent.min(Semaphore::MAX_PERMITS))),
            tallies: Mutex::default(),
        })
    }

    fn second(&self, now: Instant) -> u32 {
        // Seconds start at one window, so that a slot that was never used is never in it.
        (now.saturating_duration_since(self.epoch).as_secs() as u32).wrapping_add(WINDOW)
    }
}

/// One thread's part of a budget.
#[derive(Debug)]
pub(crate) struct Budget {
    shared: Arc<BudgetShared>,
    tally: Arc<Tally>,
}

/// The turn of a request to be tried again. One that took a place keeps it, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Turn(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(crate) fn new(shared: &Arc<BudgetShared>) -> Self {
        let tally = Arc::new(Tally::default());
        shared.tallies.lock().push(Arc::clone(&tally));
        Budget { shared: Arc::clone(shared), tally }
    }

    /// Counts the first attempt of a request.
    #[inline]
    pub(crate) fn first(&self, now: Instant) {
        self.tally.first.count(self.shared.second(now));
    }

    /// Waits for a turn, by a place or by the ratio, which is looked at about each second. Cancel safe.
    pub(crate) async fn wait(&self, turn: &mut Turn, jitter: &Jitter) {
        loop {
            let look = pin!(sleep(LOOK.mul_f64(0.5 + jitter.next())));
            if let Either::Left((Ok(place), _)) =
                select(pin!(Arc::clone(&self.shared.places).acquire_owned()), look).await
            {
                turn.0 = Some(place);
            }
            if self.try_again(Instant::now(), turn) {
                return;
            }
        }
    }

    /// Takes a turn for one retry, by the ratio or by a place.
    pub(crate) fn try_again(&self, now: Instant, turn: &mut Turn) -> bool {
        if turn.0.is_some() {
            return true;
        }
        let second = self.shared.second(now);
        let tallies = self.shared.tallies.lock();
        let sum = |of: fn(&Tally) -> &Seconds| tallies.iter().map(|tally| of(tally).sum(second)).sum::<u64>();
        let allowed = sum(|tally| &tally.first) as f64 * self.shared.settings.ratio;
        if (sum(|tally| &tally.again) + 1) as f64 <= allowed {
            // Under the lock, so that two threads do not spend the same.
            self.tally.again.count(second);
            return true;
        }
        drop(tallies);
        turn.0 = Arc::clone(&self.shared.places).try_acquire_owned().ok();
        turn.0.is_some()
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.shared.tallies.lock().retain(|tally| !Arc::ptr_eq(tally, &self.tally));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn budget(ratio: f64, min_concurrent: usize) -> Arc<BudgetShared> {
        BudgetShared::new(BudgetSettings { ratio, min_concurrent })
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_are_tried_again_in_any_case_and_keep_their_places() {
        let shared = budget(0.2, 2);
        let (one, other) = (Budget::new(&shared), Budget::new(&shared));
        let now = Instant::now();
        let mut turns = [Turn::default(), Turn::default(), Turn::default()];
        assert!(one.try_again(now, &mut turns[0]) && other.try_again(now, &mut turns[1]));
        assert!(!one.try_again(now, &mut turns[2]) && one.try_again(now, &mut turns[1]));
        turns[0] = Turn::default();
        assert!(other.try_again(now, &mut turns[2]));
    }

    #[tokio::test(start_paused = true)]
    async fn first_attempts_of_all_threads_pay_for_retries_for_ten_seconds() {
        let shared = budget(0.5, 0);
        let (one, other) = (Budget::new(&shared), Budget::new(&shared));
        let start = Instant::now();
        (0..3).for_each(|_| one.first(start));
        other.first(start + Duration::from_secs(9));
        let again = |after| other.try_again(start + Duration::from_secs(after), &mut Turn::default());
        assert_eq!([9, 9, 9].map(again), [true, true, false]);
        // The first three are gone, the two that they paid for are not.
        assert_eq!([10, 18].map(again), [false, false]);
        other.first(start + Duration::from_secs(19));
        other.first(start + Duration::from_secs(19));
        assert_eq!([19, 19].map(again), [true, false]);
    }

    proptest! {
        #[test]
        fn in_no_ten_seconds_there_are_more_retries_than_the_ratio_pays_for(
            steps in proptest::collection::vec((0_u64..3, 0_u64..20, 0_u64..20, 0_usize..3), 1..60), ratio in 0.0..1.0_f64,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let _guard = runtime.enter();
            let shared = budget(ratio, 0);
            let threads = [0; 3].map(|_| Budget::new(&shared));
            let start = Instant::now();
            let (mut second, mut made) = (0, Vec::new());
            for (pause, first, again, thread) in steps {
                second += pause;
                let now = start + Duration::from_secs(second);
                (0..first).for_each(|_| threads[thread].first(now));
                let retries = (0..again).filter(|_| threads[thread].try_again(now, &mut Turn::default())).count() as u64;
                made.push((second, first, retries));
                let recent = made.iter().filter(|(at, ..)| second - at < u64::from(WINDOW));
                let (first, retries) = recent.fold((0, 0), |sum, (_, first, again)| (sum.0 + first, sum.1 + again));
                // Firsts that came later in the window pay too, so only where there were new retries.
                prop_assert!(made.last().is_some_and(|last| last.2 == 0) || retries as f64 <= first as f64 * ratio);
            }
        }
    }
}
