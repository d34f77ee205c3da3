//! Asking a closed circuit breaker for an attempt and counting its success, against the same behind one mutex.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use teleferric_flow::breaker::{Breaker, BreakerShared, State, Verdict};
use teleferric_flow::{BreakerSettings, Override, WindowSettings};

use super::contention::{clock, shared};
use super::{Built, Entry, Plan, same};
use crate::measure::Case;

/// The time of an attempt; every handle has its own, which moves on with each.
const STEP_NS: u64 = 1_000;
const BUCKETS: usize = 10;

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let entry = |threads: &usize| {
        let threads = *threads;
        Entry::new(format!("breaker/{threads}-threads"), move || build(threads))
    };
    plan.threads.iter().map(entry).collect()
}

fn build(threads: usize) -> Built {
    agree()?;
    let endpoint = BreakerShared::new(settings());
    let plain = Arc::new(Mutex::new(Plain::new(&settings())));
    let ours: Vec<_> = (0..threads).map(|_| Handle { breaker: Breaker::new(&endpoint, |_| {}), now: 0 }).collect();
    let theirs: Vec<_> = (0..threads).map(|_| Handle { breaker: Arc::clone(&plain), now: 0 }).collect();
    let contenders = vec![
        shared("breaker", ours, |Handle { breaker, now }| {
            *now += STEP_NS;
            if let Ok(pass) = breaker.try_pass(*now) {
                pass.settle(black_box(Verdict::Success), *now);
            }
        }),
        shared("mutex", theirs, |Handle { breaker, now }| {
            *now += STEP_NS;
            if breaker.lock().may_pass(*now) {
                breaker.lock().record(black_box(Verdict::Success), *now);
            }
        }),
    ];
    Ok(Case { clock: clock(threads), unit: "attempt", units_per_operation: 1, contenders })
}

fn settings() -> BreakerSettings {
    BreakerSettings {
        window: WindowSettings { counts: false, time: Duration::from_secs(30), buckets: BUCKETS as u32 },
        min_calls: 20,
        failure_rate: 0.5,
        slow_rate: 0.8,
        slow_after: Duration::from_secs(4),
        consecutive: 5,
        open: Duration::from_secs(5),
        max_open: Duration::from_secs(30),
        jitter: 0.0,
        permits: 1,
        successes: 1,
        max_wait: Duration::from_secs(5),
        mode: Override::None,
    }
}

/// Both let the same attempts pass while the destination goes away and comes back.
fn agree() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = BreakerShared::new(settings());
    let breaker = Breaker::new(&endpoint, |_| {});
    let mut plain = Plain::new(&settings());
    for second in 0..60 {
        let now = second * 1_000_000_000;
        let verdict = if (10..20).contains(&second) { Verdict::Failure } else { Verdict::Success };
        let passed = breaker.try_pass(now).map(|pass| pass.settle(verdict, now)).is_ok();
        same("whether the attempt may be made", passed, plain.may_pass(now))?;
        if passed {
            plain.record(verdict, now);
        }
    }
    same("whether both have closed", endpoint.state() == State::Closed, plain.state == State::Closed)
}

struct Handle<B> {
    breaker: B,
    now: u64,
}

/// The plain way: everything behind one lock.
struct Plain {
    state: State,
    until: u64,
    open_ns: u64,
    max_open_ns: u64,
    bucket_ns: u64,
    bucket_end: u64,
    streak: u32,
    consecutive: u32,
    min_calls: u64,
    failure_rate: f64,
    /// Calls and failures, oldest first.
    buckets: VecDeque<(u64, u64)>,
}

impl Plain {
    fn new(settings: &BreakerSettings) -> Plain {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Plain {
            state: State::Closed,
            until: 0,
            open_ns: nanoseconds(settings.open),
            max_open_ns: nanoseconds(settings.max_open),
            bucket_ns: nanoseconds(settings.window.time) / u64::from(settings.window.buckets),
            bucket_end: 0,
            streak: 0,
            consecutive: settings.consecutive,
            min_calls: settings.min_calls,
            failure_rate: settings.failure_rate,
            buckets: VecDeque::from([(0, 0)]),
        }
    }

    fn may_pass(&mut self, now: u64) -> bool {
        match self.state {
            State::Closed => true,
            State::HalfOpen => false,
            State::Open if now < self.until => false,
            State::Open => {
                self.state = State::HalfOpen;
                true
            }
        }
    }

    fn record(&mut self, verdict: Verdict, now: u64) {
        let failed = verdict == Verdict::Failure;
        if self.state == State::HalfOpen {
            return self.record_probe(failed, now);
        }
        if now >= self.bucket_end && self.end_bucket(now) {
            return self.open(now);
        }
        if let Some((calls, failures)) = self.buckets.back_mut() {
            *calls += 1;
            *failures += u64::from(failed);
        }
        self.streak = if failed { self.streak + 1 } else { 0 };
        if self.streak >= self.consecutive {
            self.open(now);
        }
    }

    fn record_probe(&mut self, failed: bool, now: u64) {
        (self.state, self.streak) = (State::Closed, 0);
        self.buckets = VecDeque::from([(0, 0)]);
        if failed {
            self.open(now);
        }
    }

    /// Begins a bucket; whether the window is bad.
    fn end_bucket(&mut self, now: u64) -> bool {
        self.bucket_end = now + self.bucket_ns;
        let (calls, failures) = self.buckets.iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
        self.buckets.push_back((0, 0));
        if self.buckets.len() > BUCKETS {
            self.buckets.pop_front();
        }
        calls >= self.min_calls && failures as f64 / calls as f64 >= self.failure_rate
    }

    fn open(&mut self, now: u64) {
        self.state = State::Open;
        self.until = now + self.open_ns;
        self.open_ns = (2 * self.open_ns).min(self.max_open_ns);
    }
}
