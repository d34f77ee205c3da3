//! How many requests an exporter sends at the same time: as many as its consumers, and fewer while the destination says
//! that it is too much. Only throttling lowers the number; each halves it, and answers that are good raise it slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::guard::is_throttled;
use crate::reply::Outcome;

/// The parallel sends of an exporter, over all data-plane threads. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Consumers(Arc<State>);

struct State {
    free: Arc<Semaphore>,
    ceiling: usize,
    /// At most the ceiling. Changed under the lock of `pace`.
    limit: AtomicUsize,
    pace: Mutex<Pace>,
}

#[derive(Default)]
struct Pace {
    /// Sends that were running when the limit was lowered and are not replaced when they end.
    surplus: usize,
    /// Good answers since the limit changed.
    successes: usize,
    lowered: Option<Instant>,
}

impl Consumers {
    /// So many, which are also the most there will be.
    pub(crate) fn new(ceiling: usize) -> Self {
        let ceiling = ceiling.clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(ceiling));
        Consumers(Arc::new(State { free, ceiling, limit: AtomicUsize::new(ceiling), pace: Mutex::default() }))
    }

    /// Sends that may run at the same time now.
    pub(crate) fn limit(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// The leave to send, if there is one.
    pub(crate) fn try_acquire(&self) -> Option<Consumer> {
        Arc::clone(&self.0.free).try_acquire_owned().ok().map(|permit| self.consumer(permit))
    }

    /// The leave to send, first come first served over all threads; none when there will be none. Cancel safe.
    pub(crate) async fn acquire(&self) -> Option<Consumer> {
        Arc::clone(&self.0.free).acquire_owned().await.ok().map(|permit| self.consumer(permit))
    }

    fn consumer(&self, permit: OwnedSemaphorePermit) -> Consumer {
        Consumer { consumers: self.clone(), permit: Some(permit) }
    }

    /// Learns from the outcome of an attempt that began at `started`.
    pub(crate) fn note(&self, outcome: &Outcome, started: Instant) {
        match outcome {
            Outcome::Accepted | Outcome::Partial { .. } if self.limit() < self.0.ceiling => self.raise(),
            Outcome::Refused(fault) if is_throttled(fault) => self.lower(started),
            _ => {}
        }
    }

    /// One more send, once as many as run at the same time have gone well.
    fn raise(&self) {
        let pace = &mut *self.0.pace.lock();
        let limit = self.limit();
        pace.successes += 1;
        if limit == self.0.ceiling || pace.successes < limit {
            return;
        }
        pace.successes = 0;
        self.0.limit.store(limit + 1, Ordering::Relaxed);
        match pace.surplus.checked_sub(1) {
            Some(less) => pace.surplus = less,
            None => self.0.free.add_permits(1),
        }
    }

    /// Half of the sends. Attempts that ran when the limit was lowered tell nothing new.
    fn lower(&self, started: Instant) {
        let pace = &mut *self.0.pace.lock();
        if pace.lowered.is_some_and(|lowered| started <= lowered) {
            return;
        }
        pace.successes = 0;
        pace.lowered = Some(Instant::now());
        let limit = self.limit();
        let half = (limit / 2).max(1);
        self.0.limit.store(half, Ordering::Relaxed);
        pace.surplus += limit - half - self.0.free.forget_permits(limit - half);
    }
}

/// The leave to send, given back when it is dropped.
pub(crate) struct Consumer {
    consumers: Consumers,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let state = &*self.consumers.0;
        // Nothing is surplus unless the limit has been lowered, and the usual way takes no lock.
        if state.limit.load(Ordering::Relaxed) == state.ceiling {
            return;
        }
        let pace = &mut *state.pace.lock();
        if let Some(less) = pace.surplus.checked_sub(1) {
            pace.surplus = less;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultCode, GrpcCode, Retry};
    use std::time::Duration;

    fn throttled() -> Outcome {
        let fault = Fault::new(FaultCode::DownstreamTemporary, "slow down");
        Outcome::Refused(fault.with_retry(Retry::After(Duration::from_secs(1))))
    }

    /// Takes every leave there is.
    fn all(consumers: &Consumers) -> Vec<Consumer> {
        std::iter::from_fn(|| consumers.try_acquire()).collect()
    }

    async fn tick() -> Instant {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_down_to_one_and_success_comes_back_one_by_one() {
        let consumers = Consumers::new(10);
        for expected in [5, 2, 1, 1] {
            consumers.note(&throttled(), tick().await);
            assert_eq!((consumers.limit(), all(&consumers).len()), (expected, expected));
        }
        let mut limits = Vec::new();
        for _ in 0..60 {
            consumers.note(&Outcome::Accepted, Instant::now());
            limits.push(consumers.limit());
            assert_eq!(all(&consumers).len(), consumers.limit());
        }
        assert_eq!(limits[..7], [2, 2, 3, 3, 3, 4, 4]);
        assert_eq!((limits.iter().max(), limits.last()), (Some(&10), Some(&10)));
    }

    #[tokio::test(start_paused = true)]
    async fn sends_that_run_end_before_the_lower_limit_holds_and_lower_it_once() {
        let consumers = Consumers::new(8);
        let mut running = all(&consumers);
        let started = tick().await;
        tick().await;
        for _ in 0..8 {
            consumers.note(&throttled(), started);
        }
        assert_eq!((consumers.limit(), running.len()), (4, 8));
        running.truncate(4);
        assert!(consumers.try_acquire().is_none(), "four still run");
        running.truncate(3);
        assert!(consumers.try_acquire().is_some());
        // What is raised meanwhile needs no leave that is still out.
        let running = all(&consumers).into_iter().chain(running).collect::<Vec<_>>();
        consumers.note(&throttled(), tick().await);
        (0..2).for_each(|_| consumers.note(&Outcome::Accepted, Instant::now()));
        assert_eq!(consumers.limit(), 3);
        drop(running);
        assert_eq!(all(&consumers).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_other_kinds_lower_nothing() {
        let consumers = Consumers::new(4);
        let refused = |code, status| Outcome::Refused(Fault::new(code, "no").with_status(status));
        for outcome in [
            refused(FaultCode::DownstreamTemporary, GrpcCode::Unavailable),
            refused(FaultCode::DownstreamPermanent, GrpcCode::Internal),
            Outcome::Accepted,
        ] {
            consumers.note(&outcome, tick().await);
            assert_eq!(consumers.limit(), 4, "{outcome:?}");
        }
        consumers.note(&refused(FaultCode::DownstreamTemporary, GrpcCode::ResourceExhausted), tick().await);
        assert_eq!(consumers.limit(), 2);
    }
}
