//! The circuit breaker of one endpoint: stops attempts at a destination that fails, and finds out when it is back. It
//! drops nothing and waits for nothing: it only says whether an attempt may be made now.
//!
//! [`BreakerShared`] is one for the endpoint, each data-plane thread has its own [`Breaker`] of it. While it is closed,
//! an attempt costs a load of the shared state and a count in the thread's own tally; the window is looked at when one
//! of its buckets ends. Time comes in, as nanoseconds since any one moment, and must not run backwards.

mod gate;
mod settings;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;
use std::sync::atomic::{self, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

pub use gate::State;
use gate::{Ask, Gate};
pub use settings::{BreakerSettings, Override, WINDOW_CALLS, WindowSettings};
use settings::{Mode, nanoseconds};
use window::{Counts, Tally, Window};

use crate::retry::Jitter;

/// What an attempt says about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It answers.
    Success,
    /// It is away or broken.
    Failure,
    /// Nothing, or nothing that waiting for a probe would help.
    Untouched,
}

/// An attempt that may not be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// When to ask again, unless [`changed`](Breaker::changed) tells earlier; [`NEVER`] if only that does.
    pub until: u64,
    /// Whether probes are out, whose results may come any moment.
    pub probing: bool,
}

/// A time that does not come.
pub const NEVER: u64 = u64::MAX;

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state from now on.
    pub to: State,
    /// How long it stays open, else zero.
    pub open_for: Duration,
}

/// What all threads share of a breaker.
#[derive(Debug)]
pub struct BreakerShared {
    gate: Gate,
    /// Failures in a row, below the generation they belong to; zero is none.
    streak: AtomicU64,
    /// When the current bucket of a window of time ends; stays zero in one that counts calls.
    bucket_end: AtomicU64,
    /// How often the time open is doubled next time.
    doublings: AtomicU32,
    settings: BreakerSettings,
    window: Mutex<Window>,
    changed: Notify,
}

impl BreakerShared {
    /// A closed breaker, or one that is open for good if its settings say so.
    pub fn new(settings: BreakerSettings) -> Arc<Self> {
        let gate = Gate::new();
        if settings.mode == Override::ForcedOpen {
            gate.open(State::Closed, 0, NEVER);
        }
        Arc::new(BreakerShared {
            gate,
            streak: AtomicU64::new(0),
            bucket_end: AtomicU64::new(0),
            doublings: AtomicU32::new(0),
            window: Mutex::new(Window::new(&settings.window)),
            settings,
            changed: Notify::new(),
        })
    }

    /// What it was made with.
    pub fn settings(&self) -> &BreakerSettings {
        &self.settings
    }

    /// The state, which stays open after its time until somebody asks.
    pub fn state(&self) -> State {
        self.gate.read().state()
    }

    /// Probes without a result; at most `permits`.
    pub fn probes(&self) -> u16 {
        self.gate.read().probes()
    }
}

/// One thread's part of a breaker.
pub struct Breaker {
    shared: Arc<BreakerShared>,
    tally: Arc<Tally>,
    mode: Mode,
    slow_after: u64,
    jitter: Jitter,
    /// Told of each transition that this thread makes.
    watch: Box<dyn Fn(Transition) + Send>,
}

impl Breaker {
    /// This thread's part, which tells `watch` of the transitions it makes.
    pub fn new(shared: &Arc<BreakerShared>, watch: impl Fn(Transition) + Send + 'static) -> Self {
        let slow_after = shared.settings.slow_after;
        Breaker {
            shared: Arc::clone(shared),
            tally: shared.window.lock().tally(),
            mode: shared.settings.window.mode(),
            slow_after: if slow_after.is_zero() { NEVER } else { nanoseconds(slow_after) },
            jitter: Jitter::new(),
            watch: Box::new(watch),
        }
    }

    /// Asks for an attempt.
    ///
    /// # Errors
    /// When to ask again.
    #[inline]
    pub fn try_pass(&self, now: u64) -> Result<Pass<'_>, Rejection> {
        let word = self.shared.gate.read();
        if word.state() == State::Closed {
            return Ok(self.pass(Kind::Counted, word.generation(), now));
        }
        self.ask(now)
    }

    /// Ends when an attempt that was rejected may pass, or may wait less than it was told. Made before asking, nothing
    /// that happens after is missed.
    pub fn changed(&self) -> Notified<'_> {
        self.shared.changed.notified()
    }

    #[cold]
    fn ask(&self, now: u64) -> Result<Pass<'_>, Rejection> {
        let BreakerSettings { permits, max_wait, mode, .. } = &self.shared.settings;
        let overdue = if max_wait.is_zero() { NEVER } else { now.saturating_add(nanoseconds(*max_wait)) };
        loop {
            match self.shared.gate.probe(now, (*permits).max(1), overdue) {
                Ask::Closed(generation) => return Ok(self.pass(Kind::Counted, generation, now)),
                Ask::Probe { generation, first } => {
                    if first {
                        self.tell(State::HalfOpen, Duration::ZERO);
                    }
                    return Ok(self.pass(Kind::Probe, generation, now));
                }
                Ask::Wait(_) if *mode == Override::Observe => return Ok(self.pass(Kind::Free, 0, now)),
                Ask::Wait(until) => {
                    return Err(Rejection { until, probing: self.shared.state() != State::Open });
                }
                Ask::Overdue(generation) => self.trip(State::HalfOpen, generation, now),
            }
        }
    }

    #[inline]
    fn pass(&self, kind: Kind, generation: u32, started: u64) -> Pass<'_> {
        Pass { breaker: self, ticket: u64::from(generation) << 32 | kind as u64, started }
    }

    /// Counts an attempt of `generation` that went well, if that is all there is to do: whether it was. A window that
    /// counts calls has no end of a bucket in time and so never comes this way.
    #[inline]
    fn count_well(&self, generation: u32, now: u64) -> bool {
        let BreakerShared { gate, streak, bucket_end, .. } = &*self.shared;
        let plain = now < bucket_end.load(Ordering::Relaxed)
            && streak.load(Ordering::Relaxed) == 0
            && gate.read().generation() == generation;
        if plain {
            self.tally.count(false, false);
        }
        plain
    }

    /// Counts an attempt made while closed.
    fn count(&self, generation: u32, failed: bool, slow: bool, now: u64) {
        let shared = &*self.shared;
        if matches!(self.mode, Mode::Time { .. }) && now >= shared.bucket_end.load(Ordering::Relaxed) {
            self.end_bucket(now);
        }
        if shared.gate.read().generation() != generation {
            return;
        }
        let calls = self.tally.count(failed, slow);
        if failed {
            self.extend_streak(generation, now);
        } else {
            let streak = shared.streak.load(Ordering::Relaxed);
            if streak != 0 && generation_of(streak) == generation {
                // If this fails another thread was faster, with a result that is as good as this one.
                let _ = shared.streak.compare_exchange(streak, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
        if let Mode::Count { per_bucket, .. } = self.mode
            && calls.is_multiple_of(per_bucket)
        {
            self.end_bucket(now);
        }
    }

    #[cold]
    fn extend_streak(&self, generation: u32, now: u64) {
        let BreakerShared { streak, gate, settings, .. } = &*self.shared;
        let mut seen = streak.load(Ordering::Relaxed);
        let failures = loop {
            let known = seen != 0 && generation_of(seen) == generation;
            if !known && gate.read().generation() != generation {
                return;
            }
            let next = if known { seen + 1 } else { u64::from(generation) << 32 | 1 };
            match streak.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break next as u32,
                Err(now_there) => seen = now_there,
            }
        };
        if settings.consecutive > 0 && failures >= settings.consecutive {
            self.trip(State::Closed, generation, now);
        }
    }

    /// Ends a bucket and judges by the window, unless another thread does that already.
    #[cold]
    fn end_bucket(&self, now: u64) {
        let BreakerShared { window, bucket_end, gate, doublings, .. } = &*self.shared;
        let Some(mut window) = window.try_lock() else { return };
        let mut empty = 0;
        if let Mode::Time { bucket_ns, .. } = self.mode {
            let end = bucket_end.load(Ordering::Relaxed);
            let Some(late) = now.checked_sub(end) else { return };
            empty = late / bucket_ns;
            bucket_end.store(now.saturating_add(bucket_ns - late % bucket_ns), Ordering::Relaxed);
        }
        let word = gate.read();
        let ended = window.end_bucket(empty);
        let is_bad = self.is_bad(window.total());
        drop(window);
        if word.state() != State::Closed {
            return;
        }
        if is_bad {
            self.trip(State::Closed, word.generation(), now);
        } else if ended.calls > ended.failed {
            // If this fails another thread has changed it in the meantime, which is as good.
            let less = |doublings: u32| doublings.checked_sub(1);
            let _ = doublings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    fn is_bad(&self, Counts { calls, failed, slow }: Counts) -> bool {
        let BreakerSettings { min_calls, failure_rate, slow_rate, .. } = self.shared.settings;
        let share = |part: u64| part as f64 / calls as f64;
        calls > 0 && calls >= min_calls && (share(failed) >= failure_rate || share(slow) >= slow_rate)
    }

    /// Opens, unless the state has changed since `generation`.
    #[cold]
    fn trip(&self, from: State, generation: u32, now: u64) {
        let BreakerShared { gate, settings, doublings, .. } = &*self.shared;
        let doubled = doublings.load(Ordering::Relaxed);
        let time = settings.open.saturating_mul(1 << doubled.min(DOUBLINGS_MAX)).min(settings.max_open);
        let spread = 1.0 - settings.jitter + 2.0 * settings.jitter * self.jitter.next();
        let time = Duration::try_from_secs_f64(time.as_secs_f64() * spread.max(0.0)).unwrap_or(settings.max_open);
        if gate.open(from, generation, now.saturating_add(nanoseconds(time))) {
            doublings.store((doubled + 1).min(DOUBLINGS_MAX), Ordering::Relaxed);
            self.tell(State::Open, time);
        }
    }

    fn settle(&self, kind: Kind, generation: u32, verdict: Verdict, slow: bool, now: u64) {
        match (kind, verdict) {
            (Kind::Free, _) | (Kind::Counted, Verdict::Untouched) => {}
            (Kind::Counted, _) => self.count(generation, verdict == Verdict::Failure, slow, now),
            (Kind::Probe, Verdict::Success) if slow => self.settle_probe(generation, Verdict::Failure, now),
            (Kind::Probe, _) => self.settle_probe(generation, verdict, now),
        }
    }

    fn settle_probe(&self, generation: u32, verdict: Verdict, now: u64) {
        let BreakerShared { gate, settings, window, bucket_end, changed, .. } = &*self.shared;
        match verdict {
            Verdict::Failure => self.trip(State::HalfOpen, generation, now),
            Verdict::Success if gate.succeed(generation, settings.successes) => {
                let mut window = window.lock();
                window.clear();
                if let Mode::Time { bucket_ns, .. } = self.mode {
                    bucket_end.store(now.saturating_add(bucket_ns), Ordering::Relaxed);
                }
                drop(window);
                self.tell(State::Closed, Duration::ZERO);
            }
            Verdict::Success => changed.notify_waiters(),
            Verdict::Untouched => {
                gate.give_back(generation);
                changed.notify_waiters();
            }
        }
    }

    fn tell(&self, to: State, open_for: Duration) {
        (self.watch)(Transition { to, open_for });
        self.shared.changed.notify_waiters();
    }
}

/// More than enough to reach any `max_open`.
const DOUBLINGS_MAX: u32 = 30;

fn generation_of(streak: u64) -> u32 {
    (streak >> 32) as u32
}

/// The leave to make one attempt. Dropped without a result, it gives a probe's permit back.
#[must_use = "dropping a pass says that no attempt was made"]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    /// Generation above the kind. One number, because it is written and read as a whole on the way out and back.
    ticket: u64,
    started: u64,
}

/// What the result of an attempt is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counted = 0,
    Probe = 1,
    Free = 2,
}

impl Pass<'_> {
    /// Whether the attempt is a probe.
    pub fn is_probe(&self) -> bool {
        self.kind() == Kind::Probe
    }

    fn kind(&self) -> Kind {
        match self.ticket & 0b11 {
            0 => Kind::Counted,
            1 => Kind::Probe,
            _ => Kind::Free,
        }
    }

    fn generation(&self) -> u32 {
        (self.ticket >> 32) as u32
    }

    /// Says what came of the attempt. A slow probe has failed.
    #[inline]
    pub fn settle(mut self, verdict: Verdict, now: u64) {
        let (kind, generation) = (self.kind(), self.generation());
        self.ticket = Kind::Free as u64;
        let slow = now.saturating_sub(self.started) >= self.breaker.slow_after;
        let well = kind == Kind::Counted && verdict == Verdict::Success && !slow;
        if !(well && self.breaker.count_well(generation, now)) {
            self.breaker.settle(kind, generation, verdict, slow, now);
        }
    }
}

impl Drop for Pass<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.kind() == Kind::Probe {
            self.breaker.settle_probe(self.generation(), Verdict::Untouched, 0);
        }
    }
}
