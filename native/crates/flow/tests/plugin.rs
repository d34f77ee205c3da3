//! Work that is done outside: who waits how long, what each kind of failure costs, what is handed back at the end.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_buf::metrics::{Desc, Kind};
use teleferric_flow::plugin::{
    BATCHES_WAITING_MAX, FailureReason, OnError, PluginExporter, PluginExporterShared, PluginPort, PluginProcessor,
    PluginProcessorShared, PluginSeat,
};
use teleferric_flow::{Consumer, Context, Exporter, FaultCode, Handles, Outcome, Parcel, Reply, Retry, Stage};
use teleferric_testkit::{Answer, RecordingConsumer, asked, request, verify_stage};
use teleferric_wire::{Limits, Signal};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const LIMITS: Limits = Limits { max_items: 1_000, max_depth: 16, max_attributes: 0 };
static TRAFFIC: [Desc; 2] = [traffic("in"), traffic("out")];

const fn traffic(name: &'static str) -> Desc {
    Desc { name, help: "", kind: Kind::Counter, lazy: false }
}

struct Rig {
    stage: PluginProcessor,
    port: Arc<PluginPort>,
    next: Rc<RecordingConsumer>,
    handles: Handles,
    ledger: Arc<Ledger>,
    stuck: Arc<AtomicU64>,
}

fn rig(on_error: OnError) -> Rig {
    let (handles, port, stuck) = (Handles::detached(), Arc::<PluginPort>::default(), Arc::new(AtomicU64::new(0)));
    let told = Arc::clone(&stuck);
    let shared = Arc::new(PluginProcessorShared {
        port: Arc::clone(&port),
        processor: "ts/x".into(),
        signal: Signal::Traces,
        timeout: SECOND,
        on_error,
        limits: LIMITS,
        traffic: [&TRAFFIC[0], &TRAFFIC[1]],
        handles: handles.clone(),
        on_stuck: Box::new(move |seat| told.store(seat, Ordering::Relaxed)),
    });
    let next = Rc::new(RecordingConsumer::accepting());
    let stage = PluginProcessor::new(&shared, next.clone());
    Rig { stage, port, next, handles, ledger: Ledger::new(1 << 24), stuck }
}

impl Rig {
    fn parcel(&self, items: u64, reply: Reply) -> Parcel {
        let bytes = request(Signal::Traces, 0, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let mut parcel = Parcel::new(Signal::Traces, bytes, items, permit, reply);
        parcel.context = Arc::new(Context { admission_timeout: Some(5 * SECOND), ..Context::default() });
        parcel
    }

    fn send(&self, items: u64) -> Answer {
        let (reply, answer) = asked();
        self.stage.consume(self.parcel(items, reply));
        answer
    }

    fn count(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let own = [("processor", "ts/x"), ("otel_signal", "traces")];
        let all: Vec<_> = own.into_iter().chain(labels.iter().copied()).collect();
        self.handles.metrics.value(name, &all).unwrap_or_default()
    }

    fn batches(&self, outcome: &str) -> f64 {
        self.count("teleferric_plugin_batches_total", &[("outcome", outcome)])
    }
}

async fn settle() {
    for _ in 0..5 {
        yield_now().await;
    }
}

fn sit(port: &Arc<PluginPort>) -> PluginSeat {
    port.sit(|| {})
}

#[tokio::test(start_paused = true)]
async fn answers_become_what_goes_on() {
    let rig = rig(OnError::Fail);
    LocalSet::new()
        .run_until(async {
            let seat = sit(&rig.port);
            let answers = [10, 10, 10, 10].map(|items| rig.send(items));
            let numbers = [(); 4].map(|()| seat.fetch().unwrap().0);
            assert!(seat.fetch().is_none());
            seat.keep(numbers[0]);
            seat.replace(numbers[1], &request(Signal::Traces, 0, 4));
            seat.drop_batch(numbers[2]);
            seat.replace(numbers[3], &request(Signal::Traces, 0, 12));
            settle().await;
            assert!(answers.iter().all(Answer::is_taken));
            assert_eq!(rig.next.sizes(), [10, 4, 12]);
            assert_eq!(rig.count("teleferric_plugin_filtered_items_total", &[]), 16.0);
            assert_eq!((rig.count("in", &[]), rig.count("out", &[]), rig.batches("ok")), (40.0, 26.0, 4.0));
            assert_eq!(rig.ledger.used(), 0);
        })
        .await;
}

/// A way for the work on a batch to fail.
type Fail = fn(&Rig, PluginSeat, u64);

const FAILURES: [(FailureReason, Fail); 3] = [
    (FailureReason::Thrown, |_, seat, number| {
        seat.fail(number, FailureReason::Thrown, "no".to_owned(), Some("at x".to_owned()), Retry::Backoff);
    }),
    (FailureReason::Malformed, |_, seat, number| seat.replace(number, &[0xff, 0xff])),
    (FailureReason::WorkerExit, |rig, seat, _| rig.port.vacate(seat.number(), "out of memory")),
];

#[tokio::test(start_paused = true)]
async fn each_failure_costs_its_batch_by_the_policy() {
    for (reason, fail) in FAILURES {
        for on_error in [OnError::Fail, OnError::Pass, OnError::Drop] {
            let rig = rig(on_error);
            LocalSet::new()
                .run_until(async {
                    let answer = rig.send(7);
                    let seat = sit(&rig.port);
                    let number = seat.fetch().unwrap().0;
                    fail(&rig, seat, number);
                    settle().await;
                    let dropped = rig.count("teleferric_plugin_dropped_items_total", &[]);
                    let expected = match on_error {
                        OnError::Fail => (false, 0.0, vec![]),
                        OnError::Pass => (true, 0.0, vec![7]),
                        OnError::Drop => (true, 7.0, vec![]),
                    };
                    assert_eq!((answer.is_taken(), dropped, rig.next.sizes()), expected, "{reason:?} {on_error:?}");
                    if on_error == OnError::Fail {
                        let fault = answer.fault();
                        assert_eq!((fault.code, fault.retry), (FaultCode::PluginFailed, Retry::Backoff));
                    }
                    assert_eq!(rig.batches(reason.label()), 1.0, "{reason:?}");
                    assert_eq!(rig.ledger.used(), 0);
                })
                .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_does_not_answer_in_time_is_given_up_and_late_answers_do_nothing() {
    let rig = rig(OnError::Fail);
    LocalSet::new()
        .run_until(async {
            let seat = sit(&rig.port);
            let (first, second) = (rig.send(1), rig.send(2));
            let number = seat.fetch().unwrap().0;
            settle().await;
            sleep(SECOND + Duration::from_millis(1)).await;
            settle().await;
            assert_eq!(rig.batches("timeout"), 1.0);
            assert!(first.fault().message.contains("no answer within 1s"));
            assert_eq!(rig.stuck.load(Ordering::Relaxed), seat.number());
            seat.keep(number);
            assert!(seat.fetch().is_none(), "it has no seat any more");
            let other = sit(&rig.port);
            other.keep(other.fetch().unwrap().0);
            settle().await;
            assert!(second.is_taken());
            assert_eq!(rig.next.sizes(), [2]);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn senders_wait_for_a_worker_as_long_as_the_receiver_lets_them() {
    let rig = rig(OnError::Pass);
    LocalSet::new()
        .run_until(async {
            let started = Instant::now();
            let answer = rig.send(3);
            while answer.get().is_none() {
                sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(answer.fault().code, FaultCode::QueueFull);
            assert!((5 * SECOND..6 * SECOND).contains(&started.elapsed()));
            assert_eq!((rig.port.waiting(), rig.ledger.used()), (0, 0));
            let answers: Vec<_> = (0..=BATCHES_WAITING_MAX).map(|_| rig.send(1)).collect();
            assert_eq!(answers[BATCHES_WAITING_MAX].fault().code, FaultCode::QueueFull);
            assert_eq!(rig.port.waiting(), BATCHES_WAITING_MAX);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_goes_away_takes_its_batch_with_it() {
    let rig = rig(OnError::Fail);
    LocalSet::new()
        .run_until(async {
            let (caller, answer) = oneshot::channel();
            rig.stage.consume(rig.parcel(3, Reply::to_caller(caller)));
            settle().await;
            assert_eq!(rig.port.waiting(), 1);
            drop(answer);
            settle().await;
            assert_eq!((rig.port.waiting(), rig.ledger.used()), (0, 0));
            assert!(sit(&rig.port).fetch().is_none());
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn one_that_found_nothing_is_woken_once_and_another_if_it_leaves() {
    let rig = rig(OnError::Fail);
    LocalSet::new()
        .run_until(async {
            let wakes = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&wakes);
            let first = rig.port.sit(move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
            let count = Arc::clone(&wakes);
            let second = rig.port.sit(move || {
                count.fetch_add(100, Ordering::Relaxed);
            });
            assert!(first.fetch().is_none() && second.fetch().is_none());
            let _answers = [rig.send(1), rig.send(1)];
            assert_eq!(wakes.load(Ordering::Relaxed), 101);
            assert!(second.fetch().is_some());
            drop(first);
            assert!(second.fetch().is_some() && second.fetch().is_none());
            let _answer = rig.send(1);
            assert_eq!(wakes.load(Ordering::Relaxed), 201);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_outside_at_the_end_of_a_drain_goes_to_the_successor_or_is_refused() {
    for has_successor in [false, true] {
        let (rig, heir) = (rig(OnError::Fail), Rc::new(RecordingConsumer::accepting()));
        LocalSet::new()
            .run_until(async {
                let seat = sit(&rig.port);
                let answers = [rig.send(1), rig.send(2), rig.send(3)];
                let numbers = [seat.fetch().unwrap().0, seat.fetch().unwrap().0];
                settle().await;
                if has_successor {
                    rig.stage.leave_to(Rc::clone(&heir) as Rc<dyn Stage>);
                }
                let finish = async {
                    sleep(SECOND / 4).await;
                    seat.keep(numbers[0]);
                };
                tokio::join!(rig.stage.drain(Some(Instant::now() + SECOND / 2)), finish);
                settle().await;
                assert_eq!(rig.next.sizes(), [1]);
                if has_successor {
                    assert_eq!(heir.items(), 5);
                } else {
                    assert_eq!(answers[1].fault().code, FaultCode::Draining);
                    assert_eq!(answers[2].fault().code, FaultCode::Draining);
                }
                assert_eq!(rig.ledger.used(), 0);
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_is_outside_and_not_for_what_comes_later() {
    let rig = rig(OnError::Fail);
    LocalSet::new()
        .run_until(async {
            let seat = sit(&rig.port);
            let (first, flush) = (rig.send(1), rig.stage.flush());
            let later = async {
                settle().await;
                let later = rig.send(2);
                seat.keep(seat.fetch().unwrap().0);
                later
            };
            let ((), later) = tokio::join!(flush, later);
            assert!(first.is_taken() && later.get().is_none());
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn keeps_the_promises_of_a_stage() {
    verify_stage(|bench| {
        let port = Arc::<PluginPort>::default();
        let shared = Arc::new(PluginProcessorShared {
            port: Arc::clone(&port),
            processor: "ts/x".into(),
            signal: bench.signal,
            timeout: SECOND,
            on_error: OnError::Fail,
            limits: LIMITS,
            traffic: [&TRAFFIC[0], &TRAFFIC[1]],
            handles: bench.handles.clone(),
            on_stuck: Box::new(|_| {}),
        });
        let next = Rc::new(RecordingConsumer::answering(bench.destination.clone()));
        let taken = bench.destination.is_taken();
        let stage = PluginProcessor::new(&shared, next.clone());
        spawn_local(async move {
            let seat = sit(&port);
            loop {
                while let Some((number, _)) = seat.fetch() {
                    seat.keep(number);
                }
                sleep(SECOND / 100).await;
            }
        });
        let delivered = Rc::clone(&next);
        (Rc::new(stage) as _, Rc::new(move || if taken { delivered.items() } else { 0 }) as _)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_exporter_answers_as_its_plugin_does() {
    let (port, handles, ledger) = (Arc::<PluginPort>::default(), Handles::detached(), Ledger::new(1 << 20));
    let shared = Arc::new(PluginExporterShared {
        port: Arc::clone(&port),
        exporter: "ts/x".into(),
        signal: Signal::Traces,
        timeout: SECOND,
        limits: LIMITS,
        on_stuck: Box::new(|_| {}),
    });
    let exporter = PluginExporter::new(&shared, &handles.metrics);
    let bytes = request(Signal::Traces, 0, 3);
    let permit = ledger.try_reserve(bytes.len() as u64).unwrap();
    let parcel = Parcel::new(Signal::Traces, bytes, 3, permit, Reply::to(|_| {}));
    let seat = sit(&port);
    let thrown = |number, retry| seat.fail(number, FailureReason::Thrown, "away".to_owned(), None, retry);
    let steps: [&dyn Fn(u64); 4] = [
        &|number| seat.keep(number),
        &|number| thrown(number, Retry::After(SECOND)),
        &|number| thrown(number, Retry::Never),
        &|_| {},
    ];
    let mut outcomes = Vec::new();
    for step in steps {
        let work = async {
            yield_now().await;
            step(seat.fetch().unwrap().0);
        };
        outcomes.push(tokio::join!(exporter.send(&parcel), work).0);
    }
    let faults: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Refused(fault) => Some((fault.code, fault.retry)),
            _ => None,
        })
        .collect();
    assert_eq!(
        faults,
        [
            None,
            Some((FaultCode::DownstreamTemporary, Retry::After(SECOND))),
            Some((FaultCode::DownstreamPermanent, Retry::Never)),
            Some((FaultCode::DownstreamTemporary, Retry::Backoff)),
        ]
    );
}
