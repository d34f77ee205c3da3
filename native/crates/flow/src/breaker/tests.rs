//! A breaker against a plain one on virtual time, and the behaviour that the plain one would not show.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn settings() -> BreakerSettings {
    BreakerSettings {
        window: WindowSettings { counts: false, time: Duration::from_secs(10), buckets: 10 },
        min_calls: 4,
        failure_rate: 0.5,
        slow_rate: 0.8,
        slow_after: Duration::from_secs(4),
        consecutive: 5,
        open: Duration::from_secs(5),
        max_open: Duration::from_secs(30),
        jitter: 0.0,
        permits: 2,
        successes: 3,
        max_wait: Duration::from_secs(5),
        mode: Override::None,
    }
}

struct Rig {
    shared: Arc<BreakerShared>,
    breaker: Breaker,
    seen: Arc<Mutex<Vec<State>>>,
}

fn rig(settings: BreakerSettings) -> Rig {
    let shared = BreakerShared::new(settings);
    let seen: Arc<Mutex<Vec<State>>> = Arc::default();
    let log = Arc::clone(&seen);
    let breaker = Breaker::new(&shared, move |transition| log.lock().push(transition.to));
    Rig { shared, breaker, seen }
}

impl Rig {
    /// One attempt that takes no time.
    fn attempt(&self, verdict: Verdict, now: u64) -> Result<(), Rejection> {
        self.breaker.try_pass(now).map(|pass| pass.settle(verdict, now))
    }

    fn fail(&self, times: u32, now: u64) {
        (0..times).for_each(|_| self.attempt(Verdict::Failure, now).unwrap());
    }
}

#[test]
fn failures_in_a_row_open_and_a_success_between_starts_anew() {
    let rig = rig(BreakerSettings { failure_rate: 2.0, ..settings() });
    rig.fail(4, SECOND);
    rig.attempt(Verdict::Success, SECOND).unwrap();
    rig.fail(4, SECOND);
    rig.attempt(Verdict::Untouched, SECOND).unwrap();
    assert_eq!(rig.shared.state(), State::Closed);
    rig.fail(1, SECOND);
    assert_eq!(rig.shared.state(), State::Open);
    let rejection = rig.attempt(Verdict::Success, 2 * SECOND).unwrap_err();
    assert_eq!(rejection, Rejection { until: 6 * SECOND, probing: false });
}

#[test]
fn rates_open_when_a_bucket_ends() {
    for (verdict, took) in [(Verdict::Failure, 0), (Verdict::Success, 4 * SECOND)] {
        let rig = rig(BreakerSettings { consecutive: 0, ..settings() });
        rig.attempt(Verdict::Untouched, 0).unwrap();
        for call in 0..8 {
            let started = call * MS;
            rig.breaker.try_pass(started).unwrap().settle(verdict, started + took);
        }
        assert_eq!(rig.shared.state(), State::Closed);
        rig.attempt(Verdict::Success, 12 * SECOND - 5 * SECOND).unwrap();
        assert_eq!(rig.shared.state(), State::Open, "{verdict:?}");
    }
}

#[test]
fn a_window_of_calls_looks_at_the_last_hundred() {
    let window = WindowSettings { counts: true, time: Duration::ZERO, buckets: 10 };
    let rig = rig(BreakerSettings { window, consecutive: 0, min_calls: 100, ..settings() });
    for call in 0..1_000 {
        let verdict = if call % 2 == 0 || call < 500 { Verdict::Success } else { Verdict::Failure };
        if rig.attempt(verdict, call).is_err() {
            assert_eq!(call, 600, "the first bucket after which a hundred calls are bad by half");
            return;
        }
    }
    panic!("it never opened");
}

#[test]
fn no_more_probes_than_permits_and_a_dropped_one_gives_its_permit_back() {
    let rig = rig(settings());
    rig.fail(5, 0);
    let now = 5 * SECOND;
    let first = rig.breaker.try_pass(now).unwrap();
    let second = rig.breaker.try_pass(now).unwrap();
    assert!(first.is_probe() && second.is_probe());
    assert_eq!(rig.breaker.try_pass(now).err(), Some(Rejection { until: 10 * SECOND, probing: true }));
    drop(first);
    let third = rig.breaker.try_pass(now).unwrap();
    assert_eq!(rig.shared.probes(), 2);
    second.settle(Verdict::Success, now);
    third.settle(Verdict::Success, now);
    rig.attempt(Verdict::Success, now).unwrap();
    assert_eq!(*rig.seen.lock(), [State::Open, State::HalfOpen, State::Closed]);
}

#[test]
fn results_from_before_a_change_count_for_nothing() {
    let rig = rig(settings());
    let late = rig.breaker.try_pass(0).unwrap();
    rig.fail(5, 0);
    let late_probe = rig.breaker.try_pass(5 * SECOND).unwrap();
    rig.attempt(Verdict::Failure, 5 * SECOND).unwrap();
    assert_eq!(rig.shared.state(), State::Open);
    late_probe.settle(Verdict::Success, 6 * SECOND);
    late.settle(Verdict::Failure, 6 * SECOND);
    assert_eq!((rig.shared.state(), rig.shared.probes()), (State::Open, 0));
    assert_eq!(rig.attempt(Verdict::Success, 14 * SECOND).unwrap_err().until, 15 * SECOND, "twice as long");
}

#[test]
fn lost_probes_open_it_again_and_a_slow_one_has_failed() {
    let rig = rig(settings());
    rig.fail(5, 0);
    let lost = [rig.breaker.try_pass(5 * SECOND).unwrap(), rig.breaker.try_pass(6 * SECOND).unwrap()];
    assert!(rig.breaker.try_pass(10 * SECOND).is_err());
    assert_eq!(rig.shared.state(), State::HalfOpen, "the second has until 11 s");
    let rejection = rig.breaker.try_pass(11 * SECOND).err().unwrap();
    assert_eq!(rejection, Rejection { until: 21 * SECOND, probing: false });
    drop(lost);
    let slow = rig.breaker.try_pass(21 * SECOND).unwrap();
    slow.settle(Verdict::Success, 25 * SECOND);
    assert_eq!(rig.shared.state(), State::Open);
}

#[test]
fn the_time_open_grows_to_its_limit_and_comes_down_with_successes() {
    let rig = rig(settings());
    let mut now = 0;
    rig.fail(5, now);
    for expected in [5, 10, 20, 30, 30] {
        let until = rig.attempt(Verdict::Failure, now).unwrap_err().until;
        assert_eq!((until - now) / SECOND, expected);
        now = until;
        rig.attempt(Verdict::Failure, now).unwrap();
    }
    now = rig.attempt(Verdict::Failure, now).unwrap_err().until;
    (0..3).for_each(|_| rig.attempt(Verdict::Success, now).unwrap());
    for _ in 0..8 {
        now += SECOND;
        rig.attempt(Verdict::Success, now).unwrap();
    }
    rig.fail(5, now);
    assert_eq!(rig.attempt(Verdict::Success, now).unwrap_err().until, now + 5 * SECOND);
}

#[test]
fn the_time_open_is_spread() {
    let times: Vec<u64> = (0..200)
        .map(|_| {
            let rig = rig(BreakerSettings { jitter: 0.2, ..settings() });
            rig.fail(5, 0);
            rig.attempt(Verdict::Success, 0).unwrap_err().until
        })
        .collect();
    assert!(times.iter().all(|time| (4 * SECOND..=6 * SECOND).contains(time)));
    assert!(times.iter().max().unwrap() - times.iter().min().unwrap() > SECOND);
}

#[test]
fn what_is_decided_by_hand_wins() {
    let forced = rig(BreakerSettings { mode: Override::ForcedOpen, ..settings() });
    assert_eq!(forced.attempt(Verdict::Success, NEVER - 1).unwrap_err(), Rejection { until: NEVER, probing: false });
    let observed = rig(BreakerSettings { mode: Override::Observe, ..settings() });
    observed.fail(20, 0);
    assert_eq!(observed.shared.state(), State::Open);
    (0..3).for_each(|_| observed.attempt(Verdict::Success, 5 * SECOND).unwrap());
    assert_eq!(*observed.seen.lock(), [State::Open, State::HalfOpen, State::Closed]);
}

#[test]
fn threads_add_up_what_they_count() {
    let rig = rig(BreakerSettings { consecutive: 0, min_calls: 8, ..settings() });
    rig.attempt(Verdict::Untouched, 0).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let breaker = Breaker::new(&rig.shared, |_| {});
                for _ in 0..2 {
                    breaker.try_pass(0).unwrap().settle(Verdict::Failure, 0);
                }
            });
        }
    });
    rig.attempt(Verdict::Success, 2 * SECOND).unwrap();
    assert_eq!(rig.shared.state(), State::Open);
}

/// The breaker as one would write it for a single thread: every call is remembered with its bucket.
struct Plain {
    settings: BreakerSettings,
    state: State,
    generation: u32,
    until: u64,
    probe_until: u64,
    probes: u16,
    successes: u16,
    streak: u32,
    doublings: u32,
    bucket_end: u64,
    /// Calls in ended buckets, oldest first, as (failed, slow); the last is the current one.
    buckets: VecDeque<Vec<(bool, bool)>>,
    transitions: Vec<State>,
}

impl Plain {
    fn new(settings: BreakerSettings) -> Plain {
        Plain {
            settings,
            state: State::Closed,
            generation: 0,
            until: 0,
            probe_until: 0,
            probes: 0,
            successes: 0,
            streak: 0,
            doublings: 0,
            bucket_end: 0,
            buckets: VecDeque::from([Vec::new()]),
            transitions: Vec::new(),
        }
    }

    fn go(&mut self, state: State) {
        (self.state, self.generation) = (state, self.generation + 1);
        (self.probes, self.successes, self.streak) = (0, 0, 0);
        self.transitions.push(state);
    }

    fn open(&mut self, now: u64) {
        let time = self.settings.open.saturating_mul(1 << self.doublings).min(self.settings.max_open);
        self.until = now + nanoseconds(time);
        self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        self.go(State::Open);
    }

    /// Whether an attempt may be made, as its generation and whether it is a probe.
    fn ask(&mut self, now: u64) -> Option<(u32, bool)> {
        if self.state == State::Closed {
            return Some((self.generation, false));
        }
        if self.state == State::HalfOpen && self.probes >= self.settings.permits {
            if now >= self.probe_until {
                self.open(now);
            }
            return None;
        }
        if self.state == State::Open {
            if now < self.until {
                return None;
            }
            self.go(State::HalfOpen);
        }
        self.probes += 1;
        self.probe_until = now + nanoseconds(self.settings.max_wait);
        Some((self.generation, true))
    }

    fn settle(&mut self, (generation, probe): (u32, bool), verdict: Option<Verdict>, slow: bool, now: u64) {
        match verdict {
            None | Some(Verdict::Untouched) if probe && generation == self.generation => self.probes -= 1,
            None | Some(Verdict::Untouched) => {}
            Some(verdict) if probe => {
                if generation == self.generation {
                    self.settle_probe(verdict == Verdict::Success && !slow, now);
                }
            }
            Some(verdict) => self.count(generation, verdict == Verdict::Failure, slow, now),
        }
    }

    fn settle_probe(&mut self, success: bool, now: u64) {
        if !success {
            return self.open(now);
        }
        (self.probes, self.successes) = (self.probes - 1, self.successes + 1);
        if self.successes == self.settings.successes {
            self.buckets = VecDeque::from([Vec::new()]);
            self.bucket_end = now + self.bucket_ns();
            self.go(State::Closed);
        }
    }

    fn count(&mut self, generation: u32, failed: bool, slow: bool, now: u64) {
        if now >= self.bucket_end {
            self.end_buckets(now);
        }
        if generation != self.generation {
            return;
        }
        self.buckets.back_mut().unwrap().push((failed, slow));
        self.streak = if failed { self.streak + 1 } else { 0 };
        if self.streak > 0 && self.streak == self.settings.consecutive {
            self.open(now);
        }
    }

    fn bucket_ns(&self) -> u64 {
        nanoseconds(self.settings.window.time) / u64::from(self.settings.window.buckets)
    }

    fn end_buckets(&mut self, now: u64) {
        let healthy = self.buckets.back().unwrap().iter().any(|(failed, _)| !failed);
        let ended = 1 + (now - self.bucket_end) / self.bucket_ns();
        for _ in 0..ended.min(1_000) {
            self.buckets.push_back(Vec::new());
        }
        self.bucket_end += ended * self.bucket_ns();
        while self.buckets.len() > self.settings.window.buckets as usize + 1 {
            self.buckets.pop_front();
        }
        if self.state != State::Closed {
            return;
        }
        let calls: Vec<_> = self.buckets.iter().flatten().collect();
        let share = |count: usize| count as f64 / calls.len() as f64;
        let failed = share(calls.iter().filter(|(failed, _)| *failed).count());
        let slow = share(calls.iter().filter(|(_, slow)| *slow).count());
        let enough = !calls.is_empty() && calls.len() as u64 >= self.settings.min_calls;
        if enough && (failed >= self.settings.failure_rate || slow >= self.settings.slow_rate) {
            self.open(now);
        } else if healthy {
            self.doublings = self.doublings.saturating_sub(1);
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Start,
    /// Ends one of the attempts under way; nothing is a drop.
    End(usize, Option<Verdict>),
}

fn event() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![
        3 => Just(Some(Verdict::Success)),
        4 => Just(Some(Verdict::Failure)),
        1 => Just(Some(Verdict::Untouched)),
        1 => Just(None),
    ];
    prop_oneof![
        2 => prop_oneof![1..200_u64, 500..6_000_u64].prop_map(|ms| Event::Pass(ms * MS)),
        4 => Just(Event::Start),
        4 => (0..8_usize, verdict).prop_map(|(which, verdict)| Event::End(which, verdict)),
    ]
}

fn any_settings() -> impl Strategy<Value = BreakerSettings> {
    (1..4_u16, 1..4_u16, 0..4_u32, 1..6_u64, 0.2..1.2_f64, 1..6_u32).prop_map(
        |(permits, successes, consecutive, min_calls, failure_rate, buckets)| {
            let window = WindowSettings { counts: false, time: Duration::from_secs(6), buckets };
            BreakerSettings { window, permits, successes, consecutive, min_calls, failure_rate, ..settings() }
        },
    )
}

/// Runs one trace through both, over two parts of the breaker in turn.
fn compare(settings: BreakerSettings, trace: Vec<Event>) -> Result<(), TestCaseError> {
    let rig = rig(settings.clone());
    let seen = Arc::clone(&rig.seen);
    let other = Breaker::new(&rig.shared, move |transition| seen.lock().push(transition.to));
    let mut plain = Plain::new(settings.clone());
    let mut running = Vec::new();
    let mut now = 0;
    for (step, event) in trace.into_iter().enumerate() {
        match event {
            Event::Pass(time) => now += time,
            Event::Start => {
                let part = if step % 2 == 0 { &rig.breaker } else { &other };
                let (pass, expected) = (part.try_pass(now), plain.ask(now));
                prop_assert_eq!(pass.as_ref().ok().map(Pass::is_probe), expected.map(|(_, probe)| probe));
                if let (Ok(pass), Some(expected)) = (pass, expected) {
                    running.push((pass, expected, now));
                }
            }
            Event::End(which, verdict) if !running.is_empty() => {
                let (pass, expected, started) = running.swap_remove(which % running.len());
                plain.settle(expected, verdict, now - started >= nanoseconds(settings.slow_after), now);
                match verdict {
                    Some(verdict) => pass.settle(verdict, now),
                    None => drop(pass),
                }
            }
            Event::End(..) => {}
        }
        prop_assert_eq!(rig.shared.state(), plain.state);
        prop_assert_eq!(rig.shared.probes(), plain.probes);
        prop_assert!(plain.probes <= settings.permits);
    }
    prop_assert_eq!(&*rig.seen.lock(), &plain.transitions);
    Ok(())
}

/// Traces that are tried: those that the environment asks for, or as many as take a second.
fn traces() -> u32 {
    std::env::var("BREAKER_TRACES").ok().and_then(|text| text.parse().ok()).unwrap_or(4_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(traces()))]

    #[test]
    fn behaves_as_a_plain_breaker(settings in any_settings(), trace in prop::collection::vec(event(), 1..160)) {
        compare(settings, trace)?;
    }
}
